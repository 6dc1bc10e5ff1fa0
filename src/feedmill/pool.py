"""A worker pool with bounded channels: an `Executor` in full, for endless work in bounded memory.

::

    submit, map ──▶ job channel (bounded: waits when full) ──▶ feedmill-worker-1 … n ──▶ futures

The workers hold a `Crew` and never the `WorkerPool` itself, so a pool that nobody refers to any more ends its
workers.
"""

from __future__ import annotations

import _thread
import os
import weakref
from concurrent.futures import Executor, Future
from contextvars import copy_context
from time import monotonic
from typing import TYPE_CHECKING

from feedmill.crew import Crew, Job, PoolHooks, count_records
from feedmill.ordering import StreamOptions, stream
from feedmill.watchdog import pool_situation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from feedmill.channel import ChannelStats
    from feedmill.counters import RunningJob, WorkerCounts
    from feedmill.watchdog import Situation

__all__ = ["PoolHooks", "WorkerPool", "count_records"]


class WorkerPool(Executor):
    """Run jobs in threads, in bounded memory.

    Parameters
    ----------
    max_workers : int, optional
        Threads, at least 1; `os.process_cpu_count` by default. They are started at once.
    job_buffer : int
        The most jobs that wait for a worker. `submit` waits while there are that many.
    result_buffer : int
        The most results of one `map` that wait for its caller.
    hooks : PoolHooks, optional
        Told of every job.

    Raises
    ------
    ValueError
        A number is less than 1.

    Thread safety
    -------------
    any thread

    Notes
    -----
    *Order.* Jobs are started in the order they were submitted, and finish in any.

    *Failure.* What a job raises, `BaseException` included, is in its future and touches nothing else.

    *Nested jobs.* A job may submit to its own pool and wait for the result, to any depth. When no worker is
    free, `submit` runs the new job before it returns.

    *Shutting down.* The first `shutdown` lets nothing more in; what was submitted is finished. A second one,
    or ``cancel_futures=True``, cancels what has not been started. A job that runs is never interrupted. A
    `submit` that waits for room wakes with `RuntimeError`. A pool left alone at the interpreter's exit is
    drained.

    *Forking.* A forked child has none of its parent's threads: there, the pool is shut down.

    *Event loops.* `loop.run_in_executor` waits for room like `submit`, and the loop with it. So give the pool
    a `job_buffer` for all that may be asked for at once, above all if jobs wait for the loop themselves.

    *Context.* A job runs in a copy of its submitter's context variables.

    Examples
    --------
    >>> with WorkerPool(max_workers=2) as pool:
    ...     pool.submit(pow, 2, 10).result(), list(pool.map(abs, [-1, -2, -3]))
    (1024, [1, 2, 3])
    """

    def __init__(
        self,
        max_workers: int | None = None,
        job_buffer: int = 100,
        result_buffer: int = 100,
        *,
        hooks: PoolHooks | None = None,
    ) -> None:
        workers = _checked("max_workers", default_workers() if max_workers is None else max_workers)
        _checked("job_buffer", job_buffer)
        self._window = job_buffer + _checked("result_buffer", result_buffer)
        self._crew = Crew(job_buffer, hooks)
        # Nobody can submit to a pool that is gone: its workers may finish and go.
        # In a thread of their own, as a garbage collection may come while this one holds the channel's lock.
        finalizer = weakref.finalize(self, _thread.start_new_thread, self._crew.jobs.close, ())
        finalizer.atexit = False
        try:
            self._crew.resize(workers)
        except BaseException:
            self._crew.stop(cancel=True)
            self._crew.join()
            raise

    def submit[**P, T](self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a job, waiting while `job_buffer` jobs are queued.

        Returns
        -------
        Future
            Of ``fn(*args, **kwargs)``.

        Raises
        ------
        RuntimeError
            The pool is shut down, or was during the wait. The job has not been, and will not be, run.
        """
        future: Future[T] = Future()
        self._crew.take_on(Job(future, copy_context(), fn, args, kwargs))
        return future

    def map[T](
        self,
        fn: Callable[..., T],
        *iterables: Iterable[object],
        timeout: float | None = None,
        chunksize: int | None = None,
        ordered: bool = True,
        return_exceptions: bool = False,
    ) -> Iterator[T]:
        """Call `fn` for each item, or each row of items, of the iterables, which may be endless.

        Parameters
        ----------
        fn : callable
            Called in the workers.
        *iterables : iterable
            Advanced in the caller's thread, when a result is asked for, and at most `job_buffer` +
            `result_buffer` jobs ahead of it. Nothing runs before the first result is asked for.
        timeout : float, optional
            Seconds from this call on in which each result has to be there.
        chunksize : int, optional
            Items a job. By default tiny calls are gathered by the time they are seen to take, up to a
            millisecond a job, as a job costs some 20 µs by itself; a call that takes longer is a job of its
            own, and the bound above is one of items. Say 1 where calls wait for one another.
        ordered : bool
            Results in the order of the items; if False, in the order they are ready.
        return_exceptions : bool
            Hand out what a call raised in place of its result, and go on.

        Yields
        ------
        object
            Results. When the iterator is closed or raises, jobs not yet started are cancelled.

        Raises
        ------
        TimeoutError
            A result was not there in time.
        BaseException
            What a call or an iterable raised. A call's exception comes in its result's place, and ends the
            iteration.
        ValueError
            `chunksize` is less than 1.
        """
        return stream(
            self.submit,
            fn,
            zip(*iterables, strict=False),
            StreamOptions(
                self._window,
                chunksize if chunksize is None else _checked("chunksize", chunksize),
                timeout,
                ordered,
                return_exceptions,
                self.max_workers,
            ),
        )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let nothing more in, finish what was submitted; the second time, cancel what has not been started.

        Parameters
        ----------
        wait : bool
            Return when all workers have ended. A worker that calls this does not wait for itself.
        cancel_futures : bool
            Cancel at once what has not been started.
        """
        again = self._crew.stop(cancel=cancel_futures)
        if again and not cancel_futures:
            self._crew.stop(cancel=True)
        if wait:
            self._crew.join()

    def abandon(self, grace_s: float | None = 0.0) -> bool:
        """Let go of jobs that may never end: cancel what has not been started, and do not wait for the rest.

        Workers are left to their jobs, daemons as they are. Unlike after `shutdown`, not even the
        interpreter's exit waits for them.

        Parameters
        ----------
        grace_s : float, optional
            Seconds to wait for them all the same; None for as long as it takes.

        Returns
        -------
        bool
            Whether all workers have ended.
        """
        self._crew.abandon()
        return self._crew.join(None if grace_s is None else monotonic() + grace_s)

    def __exit__(self, *_exc: object) -> None:
        """Drain the pool, or wait for the shutdown that was begun inside the block."""
        self._crew.stop(cancel=False)
        self._crew.join()

    def set_max_workers(self, workers: int) -> None:
        """Hire or retire workers while jobs run.

        A worker that retires finishes its job first. Numbers of retired workers are not given again.

        Raises
        ------
        ValueError
            `workers` is less than 1.
        RuntimeError
            The pool is shut down.
        """
        self._crew.resize(_checked("workers", workers))

    @property
    def max_workers(self) -> int:
        """How many workers it is meant to have."""
        return self._crew.target

    def worker_counts(self) -> tuple[WorkerCounts, ...]:
        """Tell what each worker has done, retired ones included, in the order of their numbers."""
        return self._crew.counts()

    def running_jobs(self) -> tuple[RunningJob, ...]:
        """Tell which jobs run now, the one that was taken first in front."""
        running = (counter.running() for counter in self._crew.counters())
        return tuple(sorted((job for job in running if job), key=lambda job: -job.running_s))

    def slowest_job(self) -> RunningJob | None:
        """Tell which job took longest so far, of those that are done."""
        slowest = [counter.slowest for counter in self._crew.counters()]
        return max((job for job in slowest if job.worker), key=lambda job: job.running_s, default=None)

    def movement(self) -> object:
        """Return what changes whenever the job that was taken first is done; None while none runs.

        This and `situation` are what a `feedmill.watchdog.Watchdog` asks a pool.
        """
        started = (counter.since_s for counter in self._crew.counters())
        return min((since_s for since_s in started if since_s is not None), default=None)

    def situation(self) -> Situation:
        """Tell who waits for whom."""
        return pool_situation(self.running_jobs(), self.slowest_job(), self.job_stats())

    def job_stats(self) -> ChannelStats:
        """Tell how the job channel is doing."""
        return self._crew.jobs.stats()


def default_workers() -> int:
    """Count the CPUs this process may use."""
    return os.process_cpu_count() or 1


def _checked(name: str, number: int) -> int:
    if number < 1:
        raise ValueError(f"{name} has to be at least 1, not {number}")
    return number
