"""The pool's promises: each job runs once, failures stay where they are, memory is bounded, nothing hangs."""

import asyncio
import contextvars
import gc
import itertools
import logging
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, as_completed, wait

import pytest

from feedmill.counters import WorkerCounts
from feedmill.pool import WorkerPool, count_records


def workers_alive() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("feedmill-")]


@pytest.fixture(autouse=True)
def no_worker_left() -> Iterator[None]:
    yield
    for thread in workers_alive():
        thread.join()


class Gate:
    """A job that says that it runs, and runs until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        self.opened.wait()
        return "passed"


class Notes:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.jobs: list[WorkerCounts] = []
        self.stopped: list[WorkerCounts] = []
        self._stops = threading.Semaphore(0)

    def job_done(self, counts: WorkerCounts) -> None:
        self.jobs.append(counts)
        if self.error:
            raise self.error

    def worker_stopped(self, counts: WorkerCounts) -> None:
        self.stopped.append(counts)
        self._stops.release()
        if self.error:
            raise self.error

    def wait_for_stopped(self, workers: int) -> None:
        for _ in range(workers):
            self._stops.acquire()


# Executor.


def test_results_and_exceptions_reach_their_futures() -> None:
    with WorkerPool(2) as pool:
        good, bad = pool.submit(divmod, 7, 2), pool.submit(int, "seven")
        assert good.result() == (3, 1)
        with pytest.raises(ValueError, match="seven"):
            bad.result()


def test_keyword_arguments_are_passed_on() -> None:
    with WorkerPool(1) as pool:
        assert pool.submit(int, "ff", base=16).result() == 255


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), MemoryError()])
def test_no_exception_ends_a_worker(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with WorkerPool(1) as pool:
        assert pool.submit(fail).exception() is error
        assert pool.submit(len, "abc").result() == 3


def test_jobs_start_in_the_order_they_came() -> None:
    order: list[int] = []
    with WorkerPool(1) as pool:
        for number in range(50):
            pool.submit(order.append, number)
    assert order == list(range(50))


def test_jobs_run_at_the_same_time() -> None:
    barrier = threading.Barrier(4)
    with WorkerPool(4) as pool:
        assert sorted(future.result() for future in [pool.submit(barrier.wait) for _ in range(4)]) == [
            0,
            1,
            2,
            3,
        ]


@pytest.mark.thread_unsafe(reason="looks at all threads of the process")
def test_leaving_the_block_waits_for_all_jobs_and_ends_all_threads() -> None:
    with WorkerPool(3) as pool:
        names = {thread.name for thread in workers_alive()}
        futures = [pool.submit(len, "ab") for _ in range(20)]
    assert names == {"feedmill-worker-1", "feedmill-worker-2", "feedmill-worker-3"}
    assert [future.result() for future in futures] == [2] * 20
    assert workers_alive() == []


@pytest.mark.parametrize("argument", ["max_workers", "job_buffer", "result_buffer"])
def test_numbers_are_at_least_one(argument: str) -> None:
    with pytest.raises(ValueError, match=argument):
        WorkerPool(**{argument: 0})


def test_submit_waits_while_the_buffer_is_full() -> None:
    gate = Gate()
    with WorkerPool(1, job_buffer=2) as pool:
        pool.submit(gate)
        gate.entered.wait()
        submitted: list[Future[int]] = []
        submitter = threading.Thread(
            target=lambda: submitted.extend(pool.submit(len, "a") for _ in range(10))
        )
        submitter.start()
        assert pool.job_stats().depth <= 2
        gate.opened.set()
        submitter.join()
        assert [future.result() for future in submitted] == [1] * 10
        assert pool.job_stats().high_water == 2


def test_a_queued_job_can_be_cancelled() -> None:
    gate = Gate()
    ran: list[str] = []
    with WorkerPool(1) as pool:
        pool.submit(gate)
        gate.entered.wait()
        future = pool.submit(ran.append, "x")
        assert future.cancel()
        gate.opened.set()
    assert ran == []


def test_jobs_see_the_context_they_were_submitted_in() -> None:
    variable = contextvars.ContextVar("variable", default="nothing")
    with WorkerPool(1) as pool:
        variable.set("something")
        assert pool.submit(variable.get).result() == "something"
        assert pool.submit(variable.set, "other").result() is not None
        assert pool.submit(variable.get).result() == "something"


def test_it_serves_asyncio() -> None:
    async def main(pool: WorkerPool) -> list[int]:
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(pool, pow, n, 2) for n in range(20)))

    with WorkerPool(2) as pool:
        assert asyncio.run(main(pool)) == [n * n for n in range(20)]


# Shutting down.


def test_nothing_goes_into_a_pool_that_is_shut_down() -> None:
    pool = WorkerPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(len, "a")
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.set_max_workers(2)
    pool.shutdown()


def test_the_first_shutdown_drains_the_second_cancels() -> None:
    gate = Gate()
    pool = WorkerPool(1)
    running = pool.submit(gate)
    gate.entered.wait()
    queued = [pool.submit(len, "a") for _ in range(5)]
    pool.shutdown(wait=False)
    assert not any(future.done() for future in queued)
    pool.shutdown(wait=False)
    assert all(future.cancelled() for future in queued)
    gate.opened.set()
    pool.shutdown()
    assert running.result() == "passed"


def test_cancelling_wakes_those_who_wait_for_the_futures() -> None:
    gate = Gate()
    pool = WorkerPool(1)
    pool.submit(gate)
    gate.entered.wait()
    queued = [pool.submit(len, "a") for _ in range(3)]
    pool.shutdown(wait=False, cancel_futures=True)
    assert wait(queued).not_done == set()
    with pytest.raises(CancelledError):
        queued[0].result()
    gate.opened.set()


def test_shutting_down_wakes_a_waiting_submit() -> None:
    gate = Gate()
    pool = WorkerPool(1, job_buffer=1)
    pool.submit(gate)
    gate.entered.wait()
    pool.submit(len, "a")
    errors: list[BaseException] = []
    begun = threading.Event()

    def submit() -> None:
        begun.set()
        try:
            pool.submit(len, "b")
        except RuntimeError as error:
            errors.append(error)

    submitter = threading.Thread(target=submit)
    submitter.start()
    begun.wait()
    pool.shutdown(wait=False)
    submitter.join()
    assert len(errors) == 1
    gate.opened.set()


def test_a_job_may_shut_its_pool_down() -> None:
    pool = WorkerPool(2)
    pool.submit(pool.shutdown).result()
    with pytest.raises(RuntimeError):
        pool.submit(len, "a")


FORKS = """
import os, sys, warnings
from feedmill import WorkerPool

warnings.simplefilter("ignore")  # that a process with threads is forked: that is what this is about
pool = WorkerPool(2)
pool.submit(len, "").result()
child = os.fork()
if child == 0:
    try:
        pool.submit(len, "")
    except RuntimeError:
        with WorkerPool(2) as own:
            sys.exit(own.submit(len, "abc").result())
    sys.exit(9)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), pool.submit(len, "ab").result())
"""


def test_a_forked_child_does_not_wait_for_its_parents_workers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "3 2\n"), done.stderr


def test_a_forgotten_pool_ends_its_threads() -> None:
    pool = WorkerPool(2)
    threads = workers_alive()
    gone = weakref.ref(pool)
    del pool
    gc.collect()
    assert gone() is None
    for thread in threads:
        thread.join()


def test_a_worker_keeps_nothing_of_a_finished_job() -> None:
    class Argument:
        pass

    with WorkerPool(1) as pool:
        argument = Argument()
        gone = weakref.ref(argument)
        pool.submit(id, argument).result()
        # The worker lets go of the first job before it takes the second.
        pool.submit(len, "").result()
        del argument
        gc.collect()
        assert gone() is None


# Nested jobs.


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_jobs_may_wait_for_jobs_of_their_own(workers: int) -> None:
    def fib(pool: WorkerPool, n: int) -> int:
        if n < 2:
            return n
        parts = [pool.submit(fib, pool, n - 1), pool.submit(fib, pool, n - 2)]
        return sum(part.result() for part in parts)

    with WorkerPool(workers, job_buffer=1) as pool:
        assert pool.submit(fib, pool, 12).result() == 144


@pytest.mark.parametrize("workers", [1, 3])
def test_jobs_may_wait_in_any_way(workers: int) -> None:
    def outer(pool: WorkerPool) -> int:
        first = [pool.submit(len, "a" * n) for n in range(4)]
        total = sum(future.result() for future in wait(first).done)
        total += sum(future.result() for future in as_completed([pool.submit(len, "ab") for _ in range(4)]))
        return total + sum(pool.map(len, ["abc"] * 4)) + sum(pool.map(len, ["x"] * 9, ordered=False))

    with WorkerPool(workers, job_buffer=1) as pool:
        futures = [pool.submit(outer, pool) for _ in range(6)]
        assert [future.result() for future in futures] == [6 + 8 + 12 + 9] * 6


def test_nesting_may_be_deeper_than_the_stack() -> None:
    def descend(pool: WorkerPool, depth: int) -> int:
        return 0 if depth == 0 else 1 + pool.submit(descend, pool, depth - 1).result()

    with WorkerPool(1) as pool:
        assert pool.submit(descend, pool, 300).result() == 300


def test_a_chain_of_jobs_may_be_endless() -> None:
    done = threading.Event()
    seen: list[int] = []

    def link(pool: WorkerPool, number: int) -> None:
        seen.append(number)
        if number < 2_000:
            pool.submit(link, pool, number + 1)
        else:
            done.set()

    with WorkerPool(2) as pool:
        pool.submit(link, pool, 1)
        done.wait()
    assert sorted(seen) == list(range(1, 2_001))


def test_a_nested_job_keeps_its_exception_to_itself() -> None:
    def outer(pool: WorkerPool) -> str:
        return type(pool.submit(int, "x").exception()).__name__

    with WorkerPool(1) as pool:
        assert pool.submit(outer, pool).result() == "ValueError"


# Size.


def test_workers_are_hired_while_jobs_run() -> None:
    barrier = threading.Barrier(3)
    with WorkerPool(1) as pool:
        futures = [pool.submit(barrier.wait) for _ in range(3)]
        pool.set_max_workers(3)
        assert len({future.result() for future in futures}) == 3
        assert pool.max_workers == 3


def test_idle_workers_retire() -> None:
    notes = Notes()
    with WorkerPool(5, hooks=notes) as pool:
        pool.set_max_workers(2)
        notes.wait_for_stopped(3)
        assert pool.submit(len, "abc").result() == 3
        assert len(notes.stopped) == 3


def test_busy_workers_retire_after_their_job() -> None:
    gates = [Gate() for _ in range(4)]
    notes = Notes()
    with WorkerPool(4, hooks=notes) as pool:
        futures = [pool.submit(gate) for gate in gates]
        for gate in gates:
            gate.entered.wait()
        pool.set_max_workers(1)
        for gate in gates:
            gate.opened.set()
        assert [future.result() for future in futures] == ["passed"] * 4
        notes.wait_for_stopped(3)
        assert pool.submit(len, "abc").result() == 3


def test_resizing_under_load_loses_no_job() -> None:
    with WorkerPool(2, job_buffer=4) as pool:
        resizer = threading.Thread(
            target=lambda: [pool.set_max_workers(n) for n in itertools.islice(itertools.cycle([1, 6, 3]), 60)]
        )
        resizer.start()
        assert list(pool.map(abs, range(2_000))) == list(range(2_000))
        resizer.join()


# Hooks and counts.


def test_each_job_is_counted_once() -> None:
    def job(records: int) -> None:
        count_records(records)
        if records == 13:
            raise ValueError

    notes = Notes()
    with WorkerPool(3, hooks=notes) as pool:
        for records in range(50):
            pool.submit(job, records)
    counts = pool.worker_counts()
    assert [count.worker for count in counts] == [1, 2, 3]
    assert sum(count.jobs for count in counts) == len(notes.jobs) == 50
    assert sum(count.failed for count in counts) == 1
    assert sum(count.records for count in counts) == sum(range(50))
    assert sorted(notes.stopped, key=lambda count: count.worker) == list(counts)
    assert all(count.busy_s >= 0 and count.waiting_s > 0 for count in counts)


def test_counting_records_outside_a_job_does_nothing() -> None:
    count_records(5)


@pytest.mark.parametrize("error", [ValueError("hook"), SystemExit()])
def test_a_raising_hook_changes_nothing(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL), WorkerPool(2, hooks=Notes(error)) as pool:
        assert list(pool.map(abs, range(20))) == list(range(20))


def test_a_raising_callback_of_a_future_ends_no_worker() -> None:
    def fail(_: Future[int]) -> None:
        raise SystemExit

    gate = Gate()
    with WorkerPool(1) as pool:
        pool.submit(gate)
        future = pool.submit(len, "a")
        future.add_done_callback(fail)
        gate.opened.set()
        assert future.result() == 1
        assert pool.submit(len, "ab").result() == 2


# Without this, the build with the GIL hardly ever switches threads within these short jobs.


@pytest.mark.skipif(not sys._is_gil_enabled(), reason="on this interpreter threads need no switching")
def test_nothing_changes_when_threads_take_turns_all_the_time() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        test_resizing_under_load_loses_no_job()
        test_jobs_may_wait_for_jobs_of_their_own(2)
        test_each_job_is_counted_once()
    finally:
        sys.setswitchinterval(interval)
