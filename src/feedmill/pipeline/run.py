"""A run from begin to report: start the stages, wait for them, make all final or leave what is committed."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from enum import Enum
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

from feedmill.errors import FeedmillError, RunError, TooManyFailuresError
from feedmill.pipeline.accounts import Ran, Timings, make_report
from feedmill.pipeline.config import LoggedProgress
from feedmill.pipeline.flow import Flow
from feedmill.pipeline.settler import SettlerStage
from feedmill.pipeline.stages import CollectorStage, LaneStage, ReaderStage
from feedmill.pipeline.workers import WorkerReports
from feedmill.pool import WorkerPool
from feedmill.report import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from feedmill.pipeline.config import PipelineConfig
    from feedmill.stores.protocol import RunInfo

SIGNAL_POLL_S: Final = 0.2
"""Seconds after which a waiting main thread looks for signals: the system may hand one that comes close
behind another to any thread, and then nothing wakes the thread that has to handle it."""

READER_GRACE_S: Final = 1.0
"""Seconds for the reader to see that the run is over; one that waits for a terminal or a pipe never would."""

_log = logging.getLogger("feedmill.pipeline")


def run_pipeline(config: PipelineConfig) -> Report:
    """Run a pipeline from its first chunk to its report; see `Pipeline.run`."""
    return Pipeline(config).run()


def report_of(error: BaseException) -> Report | None:
    """Return the report of the run that an error ended, as far as the run had come."""
    report = getattr(error, "report", None)
    return report if isinstance(report, Report) else None


class _Asked(Enum):
    """What the waiting thread is asked to see to."""

    ABORT = "a fault, or a cancellation, is bringing the run to its end"
    STOP = "somebody wants an end in order"
    CANCEL = "somebody wants an end now"


@dataclass(frozen=True, slots=True)
class _Ended:
    """A stage's thread has come to its end."""

    thread: str


type _Messages = queue.SimpleQueue[_Asked | _Ended]


class Pipeline:
    """One run.

    Parameters
    ----------
    config : PipelineConfig
        What to run, and how.

    Thread safety
    -------------
    `run`: one thread, once. `stop` and `cancel`: any thread, any time, signal handlers included.
    """

    def __init__(self, config: PipelineConfig) -> None:
        self._config = config
        # SimpleQueue, as a signal handler may put: that takes no lock which the same thread may hold.
        self._messages: _Messages = queue.SimpleQueue()
        self._is_cancelled = False

    def stop(self) -> None:
        """End the run in order.

        What is read is finished, to the end of a range if the run can be resumed, and committed; then it
        ends.
        """
        self._messages.put(_Asked.STOP)

    def cancel(self) -> None:
        """End the run now: what is not committed is rolled back."""
        self._is_cancelled = True
        self._messages.put(_Asked.CANCEL)

    def run(self) -> Report:
        """Run, wait, and tell what became of every record.

        Returns
        -------
        Report
            Its counts add up. If the run was stopped before the input's end, `stopped` says so, and they are
            of what was finished.

        Raises
        ------
        FeedmillError
            The run failed. It is the first fault, made a `RunError` if it was none of feedmill's own;
            `report_of` gives the report of what was finished. All threads have ended, the sink was aborted.
        TooManyFailuresError
            The failure limit was passed; as above.
        KeyboardInterrupt
            It came in this thread. The run was cancelled, and has ended; if it came again, or after a
            `cancel`, the run is left to end by itself.

        Notes
        -----
        The run itself, calls of the sink included, takes place in a thread of its own; this one only waits.
        So a signal's exception, which may come between any two steps of a thread, finds nothing half done.

        A reader that waits for input for ever cannot be woken. When the run ends without it, its thread is
        left behind, a daemon; it ends when the wait does.
        """
        run = _Run(self._config, self._messages)
        outcome: Future[Report] = Future()
        context = copy_context()

        def work() -> None:
            try:
                outcome.set_result(context.run(run.execute))
            except BaseException as error:
                outcome.set_exception(error)

        thread = threading.Thread(target=work, name="feedmill-run-1", daemon=True)
        try:
            thread.start()
            while thread.is_alive():
                thread.join(SIGNAL_POLL_S)
        except RuntimeError as error:
            # The system gives no more threads.
            if self._config.rejects is not None:
                self._config.rejects.abort()
            raise RunError(f"the run cannot start: {error}") from error
        except BaseException:
            if not self._is_cancelled:
                self.cancel()
                thread.join()
            raise
        return outcome.result()


class _Run:
    """One `Pipeline.run`, in its thread."""

    def __init__(self, config: PipelineConfig, messages: _Messages) -> None:
        self._config = config
        self._messages = messages
        self._sink_is_open = False
        self._started_s = perf_counter()
        self._started_cpu_s = process_time()
        self._threads: dict[str, threading.Thread] = {}
        self._running: set[str] = set()
        self._wall_s: dict[str, float] = {}  # by thread, written at its end

        lanes = config.sink.lanes if config.sink is not None else 0
        self._flow = flow = Flow(config, lanes, on_abandon=lambda: messages.put(_Asked.ABORT))
        progress = config.progress or LoggedProgress()
        self._hooks = WorkerReports(progress, config.log_every, flow)
        self._pool: WorkerPool | None = None
        self._collector = CollectorStage(config, flow, progress)
        self._settler = SettlerStage(config, flow)
        self._lanes = [LaneStage(config.sink, n, flow) for n in range(lanes)] if config.sink else []

    def execute(self) -> Report:
        """Begin, let the stages work, finish or abort, report."""
        info = self._begin()
        try:
            self._start()
        except Exception as error:
            # The system gives no more threads, say. Those that were started wait for those that were not.
            self._flow.fail(error, "starting")
            self._flow.ranges.close()
        self._watch()
        self._end_threads()
        self._finish()
        report = self._report(info)
        self._raise_if_failed(report)
        return report

    # Its phases.

    def _begin(self) -> RunInfo:
        if self._config.sink is None:
            return self._config.run
        try:
            info = self._config.sink.begin(self._config.run)
        except BaseException:
            if self._config.rejects is not None:
                self._config.rejects.abort()
            raise
        self._sink_is_open = True
        return info

    def _start(self) -> None:
        config = self._config
        self._pool = WorkerPool(config.workers, config.job_buffer, config.result_buffer, hooks=self._hooks)
        self._spawn("settler-1", self._settler.run)
        for number, lane in enumerate(self._lanes):
            self._spawn(f"lane-{number}", lane.run)
        self._spawn("collector-1", self._collector.run)
        self._spawn("reader-1", ReaderStage(config, self._flow, self._pool).run)

    def _spawn(self, name: str, body: Callable[[], None]) -> None:
        def work() -> None:
            started = perf_counter()
            try:
                body()
            finally:
                self._wall_s[name] = perf_counter() - started
                self._messages.put(_Ended(name))

        # Daemons, or a reader that waits for input would keep the process alive.
        thread = threading.Thread(target=work, name=f"feedmill-{name}", daemon=True)
        thread.start()
        self._threads[name] = thread
        self._running.add(name)

    def _watch(self) -> None:
        """Wait for the stages, and see to what is asked meanwhile."""
        # The reader may never end, and without the others it has nobody to read for.
        while self._running - {"reader-1"}:
            self._see_to(self._messages.get())

    def _see_to(self, message: _Asked | _Ended) -> None:
        flow = self._flow
        if isinstance(message, _Ended):
            self._running.discard(message.thread)
        elif message is _Asked.ABORT:
            self._abort_sink()
        elif message is _Asked.STOP:
            flow.stop("interrupted")
            if self._config.may_cut_anywhere:
                # The collector goes on to the end of what is in there.
                flow.parsed.close()
        else:
            flow.cancel()

    def _end_threads(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        for name, thread in self._threads.items():
            thread.join(READER_GRACE_S if name == "reader-1" else None)
            if thread.is_alive():
                _log.warning("the reader still waits for input; its thread is left behind")
        # Somebody may have cancelled while the last threads ended: until it is final, that can be done.
        while not self._messages.empty():
            self._see_to(self._messages.get())

    def _finish(self) -> None:
        """Make all final if all went well; otherwise leave what is committed."""
        flow, rejects = self._flow, self._config.rejects
        if rejects is not None:
            try:
                if self._settler.is_writing:
                    # It broke off within a range, so the file is not what the report counts.
                    rejects.abort()
                else:
                    rejects.finish()
            except BaseException as error:
                flow.fail(error, "finishing the reject file")
        if flow.is_complete and self._settler.ranges != flow.ranges.stats().items:
            flow.fail(RunError("ranges were lost between the lanes and the report"), "settling")
        if flow.is_complete and not self._are_too_many():
            try:
                if self._config.sink is not None:
                    self._config.sink.finish()
                self._sink_is_open = False
            except BaseException as error:
                flow.fail(error, "finishing the store")
        self._abort_sink()

    def _abort_sink(self) -> None:
        if self._config.sink is None or not self._sink_is_open:
            return
        self._sink_is_open = False
        try:
            self._config.sink.abort()
        except BaseException as error:
            self._flow.fail(error, "closing the store")

    # What is told.

    def _are_too_many(self) -> bool:
        limit, settler = self._config.failure_limit, self._settler
        return limit is not None and limit.is_passed(settler.failures, settler.records, is_final=True)

    def _stopped(self) -> str | None:
        if self._flow.error is not None:
            return "fault"
        if self._are_too_many():
            return "max_failures"
        return None if self._flow.is_complete else self._flow.stopped

    def _report(self, info: RunInfo) -> Report:
        timings = Timings(
            elapsed_s=perf_counter() - self._started_s,
            cpu_s=process_time() - self._started_cpu_s,
            # Copied, as a reader that was left behind may end just now.
            wall_s=dict(self._wall_s),
        )
        ran = Ran(self._pool, self._collector, self._lanes, self._settler)
        return make_report(self._config, info, self._flow, ran, timings, self._stopped())

    def _raise_if_failed(self, report: Report) -> None:
        error = self._flow.error
        if error is None:
            try:
                report.check()
            except RunError as wrong:
                error = wrong
        if error is None and report.stopped == "max_failures":
            why = "--rejects OUT" if self._config.rejects is None else "the reject file"
            error = TooManyFailuresError(
                f"{report.failures} of {report.records} records failed, more than --max-failures "
                f"{self._config.failure_limit} allows; {why} says why"
            )
        if error is None:
            return
        if not isinstance(error, FeedmillError):
            what = " ".join(f"{type(error).__name__}: {error}".split())
            cause, error = error, RunError(f"the run stopped in {self._flow.fault_place}: {what}")
            error.__cause__ = cause
        error.report = report
        raise error
