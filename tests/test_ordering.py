"""Mapping over a pool: any length of input, the order as promised, bounded memory, no result lost."""

import contextvars
import itertools
import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from feedmill import ordering
from feedmill.ordering import StreamOptions, _Gathering, stream
from feedmill.pool import WorkerPool


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(3, job_buffer=4, result_buffer=4) as pool:
        yield pool


def shuffle_ends(number: int) -> int:
    """Take a little longer for some numbers, so that jobs finish out of order."""
    sum(range(random.Random(number).choice([0, 20_000])))
    return number


@pytest.mark.parametrize("chunksize", [1, 3, 1000])
def test_results_come_in_the_order_of_the_items(pool: WorkerPool, chunksize: int) -> None:
    assert list(pool.map(shuffle_ends, range(200), chunksize=chunksize)) == list(range(200))


@pytest.mark.parametrize("chunksize", [1, 3, 1000])
def test_unordered_results_come_once_each(pool: WorkerPool, chunksize: int) -> None:
    results = pool.map(shuffle_ends, range(200), chunksize=chunksize, ordered=False)
    assert sorted(results) == list(range(200))


def test_an_unordered_result_does_not_wait_for_a_slow_one() -> None:
    release = threading.Event()

    def job(number: int) -> int:
        if number == 0:
            release.wait()
        return number

    with WorkerPool(3) as pool:
        results = pool.map(job, range(3), ordered=False)
        assert sorted([next(results), next(results)]) == [1, 2]
        release.set()
        assert list(results) == [0]


def test_several_iterables_end_with_the_shortest(pool: WorkerPool) -> None:
    assert list(pool.map(pow, itertools.count(), [2, 2, 2])) == [0, 1, 4]


@pytest.mark.parametrize("ordered", [True, False])
def test_input_may_be_endless_and_is_read_a_bounded_way_ahead(pool: WorkerPool, ordered: bool) -> None:
    read = itertools.count()
    results = pool.map(abs, read, ordered=ordered)
    taken = sorted(itertools.islice(results, 1_000))
    results.close()
    assert len(set(taken)) == 1_000
    assert next(read) <= 1_000 + 8
    if ordered:
        assert taken == list(range(1_000))


def test_nothing_is_read_before_a_result_is_asked_for(pool: WorkerPool) -> None:
    read = itertools.count()
    pool.map(abs, read)
    assert next(read) == 0


def test_input_is_read_in_the_callers_thread(pool: WorkerPool) -> None:
    def numbers() -> Iterator[threading.Thread]:
        for _ in range(10):
            yield threading.current_thread()

    assert set(pool.map(lambda thread: thread, numbers())) == {threading.current_thread()}


@pytest.mark.parametrize("ordered", [True, False])
def test_what_is_ready_goes_out_before_more_is_read(ordered: bool) -> None:
    def run_now(fn: Callable[..., object], *args: object) -> Future[object]:
        future: Future[object] = Future()
        future.set_result(fn(*args))
        return future

    read = itertools.count()
    rows = ((number,) for number in read)
    results = stream(run_now, abs, rows, StreamOptions(window=100, ordered=ordered))
    assert list(itertools.islice(results, 10)) == list(range(10))
    assert next(read) == 10


@pytest.mark.parametrize("chunksize", [1, 4])
def test_an_exception_comes_in_its_results_place(pool: WorkerPool, chunksize: int) -> None:
    results = pool.map(lambda n: 10 // (n - 5), range(10), chunksize=chunksize)
    got = [next(results) for _ in range(5)]
    assert got == [10 // (n - 5) for n in range(5)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("chunksize", [1, 4])
def test_exceptions_may_be_results(pool: WorkerPool, ordered: bool, chunksize: int) -> None:
    results = list(
        pool.map(
            lambda n: 10 // (n % 5), range(20), chunksize=chunksize, ordered=ordered, return_exceptions=True
        )
    )
    assert len(results) == 20
    assert sum(isinstance(result, ZeroDivisionError) for result in results) == 4


@pytest.mark.parametrize("error", [ValueError("source"), KeyboardInterrupt(), SystemExit()])
def test_what_the_input_raises_reaches_the_caller(pool: WorkerPool, error: BaseException) -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise error

    with pytest.raises(type(error)):
        list(pool.map(abs, numbers()))
    assert list(pool.map(abs, [1])) == [1]


def test_closing_cancels_what_has_not_started() -> None:
    release = threading.Event()
    ran: list[int] = []

    def job(number: int) -> None:
        if number == 1:
            release.wait()
        ran.append(number)

    with WorkerPool(1, job_buffer=50, result_buffer=1) as pool:
        results = pool.map(job, range(40))
        next(results)
        results.close()
        release.set()
    assert set(ran) <= {0, 1}


@pytest.mark.parametrize("ordered", [True, False])
def test_a_result_that_is_late_is_a_timeout(pool: WorkerPool, ordered: bool) -> None:
    release = threading.Event()
    try:
        with pytest.raises(TimeoutError):
            next(pool.map(lambda _: release.wait(), [1], timeout=0.01, ordered=ordered))
    finally:
        release.set()


def test_a_pool_that_is_shut_down_ends_the_iteration() -> None:
    pool = WorkerPool(1, job_buffer=1, result_buffer=1)
    results = pool.map(abs, itertools.count())
    next(results)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        list(results)


def test_chunks_have_at_least_one_item(pool: WorkerPool) -> None:
    with pytest.raises(ValueError, match="chunksize"):
        pool.map(abs, [1], chunksize=0)


# Calls that are gathered.


@pytest.mark.parametrize("ordered", [True, False])
def test_tiny_calls_are_gathered(ordered: bool) -> None:
    with WorkerPool(2) as pool:
        assert sorted(pool.map(abs, range(20_000), ordered=ordered)) == list(range(20_000))
    assert sum(counts.jobs for counts in pool.worker_counts()) < 10_000


def test_calls_that_take_their_time_are_jobs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    # A source is never slow here, however slow the machine.
    monkeypatch.setattr(ordering, "perf_counter", lambda: 0.0)
    gathering = _Gathering(
        ((n,) for n in range(10_000)), StreamOptions(window=800, chunksize=None, workers=2)
    )
    sizes = []
    for taken_s in (1e-6, 1e-6, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 1e-5, 0.004, 0.004, 1e-9, 0.0, 0.0):
        group = gathering.take()
        sizes.append(len(group))
        gathering.learn(len(group), taken_s * len(group))
    # At most twice as many each time, a millisecond's worth, 800 / (2 · 2); one as soon as calls take longer.
    assert sizes == [1, 2, 4, 8, 16, 32, 64, 100, 100, 100, 1, 1, 2, 4]


def test_a_slow_source_cuts_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    gathering = _Gathering(((n,) for n in range(9)), StreamOptions(window=800, chunksize=None))
    gathering.learn(len(gathering.take()), 0.0)
    gathering.learn(len(gathering.take()), 0.0)
    clock = itertools.count()
    monkeypatch.setattr(ordering, "perf_counter", lambda: next(clock))
    assert [gathering.take() for _ in range(3)] == [[(3,)], [(4,)], [(5,)]]


@pytest.mark.parametrize("chunksize", [None, 50])
def test_gathered_calls_do_not_see_one_anothers_context(chunksize: int | None) -> None:
    variable = contextvars.ContextVar("variable", default=-1)

    def call(number: int) -> int:
        before = variable.get()
        variable.set(number)
        return before

    with WorkerPool(2) as pool:
        assert set(pool.map(call, range(3_000), chunksize=chunksize)) == {-1}
