"""Counters: sums are exact whoever adds, whenever."""

import sys
import threading
from collections.abc import Callable, Iterator
from itertools import chain

import pytest

from feedmill.counters import Counter, Tally, WorkerCounter, WorkerCounts


@pytest.fixture(autouse=True)
def eager_switching() -> Iterator[None]:
    """On the build with the GIL, let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(threads: int, work: Callable[[], None]) -> None:
    """Run `work` in several threads that start at the same moment."""
    barrier = threading.Barrier(threads)

    def run() -> None:
        barrier.wait()
        work()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


def test_every_addition_counts() -> None:
    counter = Counter(5)

    def add() -> None:
        for _ in range(2_000):
            counter.add(3)

    together(4, add)
    assert counter.value == 5 + 4 * 2_000 * 3


def test_each_addition_returns_a_sum_of_its_own() -> None:
    counter = Counter()
    sums: list[list[int]] = []

    def add() -> None:
        sums.append([counter.add() for _ in range(1_000)])

    together(4, add)
    assert sorted(chain.from_iterable(sums)) == list(range(1, 4_001))


def test_a_tally_keeps_names_apart_and_sums_exact() -> None:
    tally = Tally[str]()

    def add() -> None:
        for _ in range(1_000):
            tally.add({"a": 1, "b": 2})

    together(4, add)
    assert tally.snapshot() == {"a": 4_000, "b": 8_000}


def test_a_snapshot_is_a_copy() -> None:
    tally = Tally[str]()
    tally.snapshot()["a"] = 1
    assert tally.snapshot() == {}


def test_a_snapshot_never_shows_half_an_addition() -> None:
    tally = Tally[str]()
    seen: list[dict[str, int]] = []

    def add_and_look() -> None:
        for _ in range(1_000):
            tally.add({"a": 1, "b": 1})
            seen.append(tally.snapshot())

    together(3, add_and_look)
    assert all(counts["a"] == counts["b"] for counts in seen)


def test_a_worker_counts_jobs_failures_records_and_time() -> None:
    counter = WorkerCounter(7)
    counter.add_job(failed=False, busy_s=1.5)
    counter.add_job(failed=True, busy_s=0.5)
    counter.add_records(10)
    counter.add_waiting(0.25)
    assert counter.snapshot() == WorkerCounts(
        worker=7, jobs=2, failed=1, records=10, busy_s=2.0, waiting_s=0.25
    )
