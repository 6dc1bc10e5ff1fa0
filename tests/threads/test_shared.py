"""What says that any thread may use it is used by eight at once, and nothing is lost, doubled or mixed up."""

from __future__ import annotations

import threading
from collections import Counter as Counts
from collections.abc import Callable
from concurrent.futures import as_completed

import pytest

from feedmill.channel import Channel, ChannelClosed, ChannelStats
from feedmill.counters import Counter
from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.pool import WorkerPool, count_records
from feedmill.readers import BufferPool
from feedmill.readers.buffers import PADDING
from feedmill.schema import Constraints, Field, Schema
from tests.threads.together import together

THREADS = 8
SCHEMA = Schema(
    (
        Field("sku", constraints=Constraints(required=True)),
        Field("price", "number", precision=12, scale=2),
        Field("seen", "date"),
        Field("title"),
    ),
    primary_key=("sku",),
)
PLAN = Plan(SCHEMA, Dialect(header=False), lane_key=("sku",))


def feed_of(number: int, records: int = 300) -> bytes:
    """Make a feed that is like no other: every seventh price is none, every fifth title is quoted."""
    lines = (
        f"{number}-{n},{'x' if n % 7 == 3 else n}.50,2024-02-{n % 28 + 1:02},"
        + (f'"a\n""{n}"""' if n % 5 == 0 else f"title {n}")
        + "\n"
        for n in range(records)
    )
    return "".join(lines).encode()


def read(batch: Batch) -> tuple[object, ...]:
    """Read a batch in every way there is."""
    return (
        batch.records,
        batch.rows,
        batch.failures,
        batch.lines,
        batch.rejects(),
        batch.reject_counts(),
        batch.tuples(),
        batch.tuples(1, 3, record_base=7, style="sqlite"),
        batch.dicts(),
        [batch.lane_rows(lane, 3) for lane in range(3)],
        [batch.place(n) for n in range(0, batch.records, 49)],  # none of these is rejected
        b"".join(batch.copy_binary(0, 2, record_base=5)),
        batch.csv(1, 2),
        batch.jsonl(0, 2),
        [type(capsule).__name__ for capsule in batch.__arrow_c_array__()],
    )


# The kernel ————————————————————————————————————————————————————————————————————————————————————————————————


def test_one_plan_serves_all() -> None:
    feeds = [feed_of(number) for number in range(THREADS)]
    alone = [read(PLAN.parse(feed)) for feed in feeds]

    def parse(number: int) -> list[tuple[object, ...]]:
        # Each thread takes all feeds, beginning with its own: so any two are read side by side.
        order = [*range(number, THREADS), *range(number)]
        found = {each: read(PLAN.parse(bytearray(feeds[each]))) for each in order}
        return [found[each] for each in range(THREADS)]

    assert together(THREADS, parse) == [alone] * THREADS


def test_one_batch_serves_all() -> None:
    feed = feed_of(0)
    expected = read(PLAN.parse(feed))
    batch = PLAN.parse(feed)

    def read_again(_: int) -> list[tuple[object, ...]]:
        return [read(batch) for _ in range(5)]

    assert together(THREADS, read_again) == [[expected] * 5] * THREADS


def test_one_buffer_is_cut_by_all() -> None:
    feed = feed_of(0, records=50)
    sizes = range(0, len(feed), 13)
    expected = [PLAN.last_record_end(feed, size) for size in sizes]

    def cut(_: int) -> list[int]:
        return [PLAN.last_record_end(feed, size) for size in sizes]

    assert together(THREADS, cut) == [expected] * THREADS


def test_batches_outlive_the_threads_that_made_them() -> None:
    batches = together(THREADS, lambda number: Plan(SCHEMA, Dialect(header=False)).parse(feed_of(number)))
    assert [batch.tuples()[0][0] for batch in batches] == [f"{number}-0" for number in range(THREADS)]
    assert together(THREADS, lambda number: batches[number - 1].tuples()[1][0]) == [
        f"{number}-1" for number in (THREADS - 1, *range(THREADS - 1))
    ]


# Channels ——————————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(("capacity", "max_bytes"), [(1, None), (3, None), (100, 25)])
def test_every_item_arrives_once_and_bounds_hold(capacity: int, max_bytes: int | None) -> None:
    channel = Channel[tuple[int, int]](capacity, max_bytes)
    putters, items, weight = THREADS // 2, 400, 10
    still_putting = Counter(putters)
    seen: list[ChannelStats] = []

    def put_or_take(number: int) -> list[tuple[int, int]]:
        if number >= putters:
            return list(channel)
        for item in range(items):
            channel.put((number, item), weight)
            seen.append(channel.stats())
        if still_putting.add(-1) == 0:
            channel.close()
        return []

    taken = [item for items_of_one in together(THREADS, put_or_take) for item in items_of_one]
    assert Counts(taken) == Counts((putter, item) for putter in range(putters) for item in range(items))
    stats = channel.stats()
    assert (stats.items, stats.depth, stats.nbytes) == (putters * items, 0, 0)
    most = capacity if max_bytes is None else min(capacity, max_bytes // weight + 1)
    assert 1 <= stats.high_water <= most
    assert all(each.depth <= most and each.nbytes == each.depth * weight for each in seen)


def test_a_cancelled_channel_lets_everybody_go() -> None:
    channel = Channel[int](2)
    taken = Counter()

    def work(number: int) -> tuple[int, list[int]]:
        """Return how many items went in, and which came out."""
        if number == 0:
            mine = [channel.get() for _ in range(50)]
            return 0, mine + channel.cancel()
        if number % 2:
            mine = []
            for item in channel:
                taken.add()
                mine.append(item)
            return 0, mine
        put = 0
        try:
            while True:
                channel.put(number)
                put += 1
        except ChannelClosed:
            return put, []

    results = together(THREADS, work)
    assert sum(put for put, _ in results) == sum(len(mine) for _, mine in results) == channel.stats().items


# Pools —————————————————————————————————————————————————————————————————————————————————————————————————————


def test_one_pool_serves_all() -> None:
    """Every job runs once, whoever submits it, and is counted once."""
    ran = Counter()

    def job(value: int) -> int:
        count_records(3)
        ran.add(value)
        return value * value

    with WorkerPool(4, job_buffer=2, result_buffer=2) as pool:

        def use(number: int) -> int:
            values = range(number * 100, number * 100 + 100)
            if number % 3 == 0:
                return sum(pool.map(job, values))
            if number % 3 == 1:
                return sum(pool.map(job, values, ordered=False, chunksize=7))
            return sum(future.result() for future in as_completed([pool.submit(job, n) for n in values]))

        sums = together(THREADS, use)
    assert sums == [sum(n * n for n in range(k * 100, k * 100 + 100)) for k in range(THREADS)]
    assert ran.value == sum(range(THREADS * 100))
    counts = pool.worker_counts()
    assert sum(count.records for count in counts) == 3 * 100 * THREADS
    whole_jobs = sum(100 if number % 3 != 1 else -(-100 // 7) for number in range(THREADS))
    assert sum(count.jobs for count in counts) == whole_jobs
    assert sum(count.failed for count in counts) == 0
    assert pool.job_stats().items == whole_jobs


def test_a_pool_shut_down_by_one_ends_for_all() -> None:
    """Each submission either ran or was refused; none is in between."""
    ran = Counter()
    pool = WorkerPool(2, job_buffer=3)

    def submit(number: int) -> int:
        submitted = 0
        try:
            while number or submitted < 100:
                pool.submit(ran.add)
                submitted += 1
        except RuntimeError:
            return submitted
        pool.shutdown()
        return submitted

    assert sum(together(THREADS, submit)) == ran.value


# Buffers ———————————————————————————————————————————————————————————————————————————————————————————————————


def test_no_buffer_has_two_owners() -> None:
    pool = BufferPool(max_idle_bytes=4 * 1_100)
    owners: dict[int, int] = {}  # by the buffer's identity

    def use(number: int) -> bool:
        for turn in range(300):
            size = 1_000 - turn % 5
            buffer = pool.take(size)
            if owners.setdefault(id(buffer), number) != number:
                return False
            assert len(buffer) >= size + PADDING
            buffer[:] = bytes([number]) * len(buffer)
            is_own = set(buffer) == {number}
            del owners[id(buffer)]
            pool.give(buffer)
            if not is_own:
                return False
        return True

    assert together(THREADS, use) == [True] * THREADS


# The rig itself ————————————————————————————————————————————————————————————————————————————————————————————


def test_a_thread_that_fails_is_heard() -> None:
    def work(number: int) -> None:
        if number == 1:
            raise LookupError("of thread 1")

    with pytest.raises(LookupError, match="of thread 1"):
        together(3, work)


def test_threads_meet() -> None:
    """All of them are alive at the same time."""
    meeting = threading.Barrier(THREADS)
    work: Callable[[int], int] = lambda _: meeting.wait()  # noqa: E731
    assert sorted(together(THREADS, work)) == list(range(THREADS))
