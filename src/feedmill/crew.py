"""The workers of a pool, and what they share.

A job may submit jobs to its own pool and wait for them. If these had to queue behind jobs that wait for them,
the pool would stand still; so such a job is queued only if a worker waits for one. Otherwise it runs at once,
in the submitting job's own thread, and beyond a depth of `MAX_INLINE_DEPTH` a worker is hired for it.

Handing jobs over is what a pool costs, so that path is short: one lock each to put a job in the channel, to
take it out, and to count it.

If you add something that a worker calls, see that no exception of it can end the worker.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any, Final, Protocol

from feedmill.channel import Channel, ChannelClosed
from feedmill.counters import WorkerCounter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future
    from contextvars import Context

    from feedmill.counters import WorkerCounts

__all__ = ["Crew", "Job", "PoolHooks", "count_records"]

MAX_INLINE_DEPTH: Final = 16
"""Jobs run inside one another in one thread: some 100 frames of the 1,000 Python allows."""

_STOPPED: Final = "cannot schedule new futures after shutdown"

_log = logging.getLogger("feedmill.pool")


class PoolHooks(Protocol):
    """What a pool tells while it works.

    Notes
    -----
    Called in the workers' threads, with no lock held. What a hook raises is logged, and changes nothing.
    """

    def job_done(self, counts: WorkerCounts) -> None:
        """Take note that a worker has finished a job; its future is resolved right after."""

    def worker_stopped(self, counts: WorkerCounts) -> None:
        """Take note that a worker has ended, the pool being shut down or made smaller."""


def count_records(records: int) -> None:
    """Add to the records of the worker whose job calls this; nothing happens in other threads."""
    counter: WorkerCounter | None = getattr(_here, "counter", None)
    if counter is not None:
        counter.add_records(records)


class Job:
    """A call, the context it runs in, and the future of its result."""

    __slots__ = ("args", "context", "fn", "future", "kwargs")

    def __init__(
        self,
        future: Future[Any],
        context: Context,
        fn: Callable[..., object],
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
    ) -> None:
        self.future = future
        self.context = context
        self.fn = fn
        self.args = args
        self.kwargs = kwargs

    def cancel(self) -> None:
        """Cancel it and tell those who wait."""
        self.future.cancel()
        self.future.set_running_or_notify_cancel()


class _Here(threading.local):
    """What a worker's thread knows of itself."""

    crew: Crew | None = None
    counter: WorkerCounter | None = None
    depth: int = 0


_here = _Here()


class Crew:
    """The workers, and all that they share."""

    def __init__(self, job_buffer: int, hooks: PoolHooks | None) -> None:
        # None is no job: it makes a worker look whether it should retire.
        self.jobs: Channel[Job | None] = Channel(job_buffer, name="jobs")
        self.target = 0
        self._hooks = hooks
        self._lock = threading.Lock()  # guards all below, and target
        self._is_stopped = False
        self._hired = 0
        self._live = 0
        self._threads: list[threading.Thread] = []
        self._counters: list[WorkerCounter] = []
        with _crews_lock:
            _crews.add(self)

    # Jobs.

    def take_on(self, job: Job) -> None:
        """Queue a job, or run it here and now if queueing could deadlock."""
        if _here.crew is self:
            self._take_on_nested(job)
            return
        try:
            self.jobs.put(job)
        except ChannelClosed:
            raise RuntimeError(_STOPPED) from None

    def _take_on_nested(self, job: Job) -> None:
        with self._lock:
            self._refuse_if_stopped()
        try:
            if self.jobs.put_if_awaited(job):
                return
        except ChannelClosed:
            raise RuntimeError(_STOPPED) from None
        if _here.depth < MAX_INLINE_DEPTH or not self._could_hire_for(job):
            self._perform_within(job)

    def _refuse_if_stopped(self) -> None:
        if self._is_stopped:
            raise RuntimeError(_STOPPED)

    # Workers.

    def work(self, counter: WorkerCounter, job: Job | None = None) -> None:
        """Do jobs, this one first, until there are no more, or the worker is one too many."""
        _here.crew, _here.counter = self, counter
        rested_s = perf_counter()
        try:
            while True:
                if job is not None:
                    began_s = counter.begin(job.fn, rested_s)
                    self._perform(job, counter, began_s)
                    rested_s = counter.rest()
                    # While waiting, a worker must not keep the last job's arguments alive.
                    job = None
                # Without the lock at first: whoever makes workers one too many wakes them to look again.
                if self._live > self.target and self._may_retire():
                    return
                try:
                    job = self.jobs.get()
                except ChannelClosed:
                    break
            with self._lock:
                self._live -= 1
        finally:
            counter.add_waiting(perf_counter() - rested_s)
            self._tell("worker_stopped", counter)

    def _perform_within(self, job: Job) -> None:
        """Run a job inside the one that submitted it, in that one's thread, time and counter."""
        counter = _here.counter
        assert counter is not None, "a worker has a counter"
        _here.depth += 1
        try:
            self._perform(job, counter)
        finally:
            _here.depth -= 1

    def _perform(self, job: Job, counter: WorkerCounter, began_s: float | None = None) -> None:
        """Run a job and resolve its future."""
        future = job.future
        if not future.set_running_or_notify_cancel():
            return
        failure: BaseException | None = None
        result: object = None
        try:
            result = job.context.run(job.fn, *job.args, **job.kwargs)
        except BaseException as error:  # a job's exception is its future's, whatever it is
            failure = error
        # An inner job's time is its outer job's too.
        busy_s = 0.0 if began_s is None else perf_counter() - began_s
        counter.add_job(failed=failure is not None, busy_s=busy_s)
        if self._hooks is not None:
            self._tell("job_done", counter)
        try:
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)
        except BaseException:  # of a callback of the future's: its result is set all the same
            _log.exception("a callback of a job's future raised")
        finally:
            # The exception refers to this frame: without this, the three would keep each other alive.
            del future, failure, job

    def _tell(self, event: str, counter: WorkerCounter) -> None:
        if self._hooks is None:
            return
        hook = self._hooks.job_done if event == "job_done" else self._hooks.worker_stopped
        try:
            hook(counter.snapshot())
        except BaseException:  # a hook must not end a worker
            _log.exception("the hook %s raised", event)

    def _may_retire(self) -> bool:
        """Whether this worker is one too many; if so, it is none any more."""
        with self._lock:
            if self._live <= self.target:
                return False
            self._live -= 1
            return True

    def _hire(self, job: Job | None = None) -> bool:
        """Start one more worker; not one too many, unless it is hired for a job."""
        with self._lock:
            if self._live >= self.target and job is None:
                return False
            self._hired += 1
            self._live += 1
            counter = WorkerCounter(self._hired)
        name = f"feedmill-worker-{counter.worker}"
        # Daemons, as non-daemons are waited for at exit before anything could tell them that it is over.
        thread = threading.Thread(target=self.work, args=(counter, job), name=name, daemon=True)
        try:
            thread.start()
        except BaseException:
            with self._lock:
                self._live -= 1
            raise
        with self._lock:
            self._threads = [*(old for old in self._threads if old.is_alive()), thread]
            self._counters.append(counter)
        return True

    def _could_hire_for(self, job: Job) -> bool:
        try:
            return self._hire(job)
        except RuntimeError:  # the system gives no more threads
            return False

    def resize(self, workers: int) -> None:
        """Hire until there are that many, or let those beyond retire."""
        with self._lock:
            self._refuse_if_stopped()
            self.target = workers
            surplus = self._live - workers
        while self._hire():
            pass
        # Workers that wait have to be woken to see that they are too many.
        for _ in range(surplus):
            try:
                self.jobs.put(None, force=True)
            except ChannelClosed:
                return

    def stop(self, *, cancel: bool) -> bool:
        """Let nothing more in; return whether that was so before."""
        with self._lock:
            was_stopped, self._is_stopped = self._is_stopped, True
        if cancel:
            for job in self.jobs.cancel():
                if job is not None:
                    job.cancel()
        self.jobs.close()
        return was_stopped

    def join(self, until_s: float | None = None) -> bool:
        """Wait for all workers but the calling one; return whether they have ended.

        Parameters
        ----------
        until_s : float, optional
            The end of the wait, by `time.monotonic`; None for as long as it takes.
        """
        with self._lock:
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in threads:
            thread.join(None if until_s is None else max(0.0, until_s - monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def abandon(self) -> None:
        """Wait for no worker any more, at the interpreter's exit neither."""
        self.stop(cancel=True)
        with _crews_lock:
            _crews.discard(self)

    def orphan(self) -> None:
        """Refuse everything in a forked child: no worker lives there, and locks may be held for ever."""
        self._lock = threading.Lock()
        self._is_stopped = True
        self._threads = []
        self.jobs = Channel(1, name=self.jobs.name)
        self.jobs.close()

    def counters(self) -> list[WorkerCounter]:
        """List every worker's counter, retired workers' included, in the order of their numbers."""
        with self._lock:
            return sorted(self._counters, key=lambda counter: counter.worker)

    def counts(self) -> tuple[WorkerCounts, ...]:
        """Take a snapshot of every worker's counts."""
        return tuple(counter.snapshot() for counter in self.counters())


_crews: weakref.WeakSet[Crew] = weakref.WeakSet()  # guarded by _crews_lock
_crews_lock = threading.Lock()


def _orphan_all() -> None:
    """See to it that a forked child does not wait for jobs that nobody does."""
    global _crews_lock  # noqa: PLW0603 - the parent's may be held for ever
    _crews_lock = threading.Lock()
    for crew in list(_crews):
        crew.orphan()


os.register_at_fork(after_in_child=_orphan_all)


@atexit.register
def _drain_all() -> None:
    """Finish at exit what was submitted: daemons would be cut off in the middle."""
    with _crews_lock:
        crews = list(_crews)
    for crew in crews:
        crew.stop(cancel=False)
    for crew in crews:
        crew.join()
