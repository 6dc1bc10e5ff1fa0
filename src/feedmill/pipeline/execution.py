"""A run from begin to report: start the stages, wait for them, make all final or leave what is committed."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import dataclass
from enum import Enum
from time import monotonic, perf_counter, process_time
from typing import TYPE_CHECKING, Final

from feedmill.errors import FeedmillError, RunError, StallError, TooManyFailuresError, one_line
from feedmill.pipeline.accounts import Ran, Timings, make_report
from feedmill.pipeline.config import LoggedProgress
from feedmill.pipeline.flow import Flow
from feedmill.pipeline.settler import SettlerStage
from feedmill.pipeline.situation import run_situation
from feedmill.pipeline.stages import CollectorStage, LaneStage, ReaderStage
from feedmill.pipeline.tuner import Tuner
from feedmill.pipeline.workers import WorkerReports
from feedmill.pool import WorkerPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from feedmill.pipeline.config import PipelineConfig
    from feedmill.report import Report
    from feedmill.stores.protocol import RunInfo
    from feedmill.watchdog import Situation, Stall

READER_GRACE_S: Final = 1.0
"""Seconds for the reader to see that the run is over; one that waits for a terminal or a pipe never would."""

STALL_GRACE_S: Final = 5.0
"""Seconds for threads to end once a stall has ended the run and the store was told; others are left."""

_log = logging.getLogger("feedmill.pipeline")


class Asked(Enum):
    """What the waiting thread is asked to see to."""

    ABORT = "a fault, or a cancellation, is bringing the run to its end"
    STOP = "somebody wants an end in order"
    CANCEL = "somebody wants an end now"


@dataclass(frozen=True, slots=True)
class _Ended:
    """A stage's thread has come to its end."""

    thread: str


type Messages = queue.SimpleQueue[Asked | _Ended]


class Execution:
    """One `Pipeline.run`, in its thread.

    Parameters
    ----------
    config : PipelineConfig
        What to run, and how.
    messages : SimpleQueue
        What others ask of it.

    Thread safety
    -------------
    `execute`: one thread, once. All else: any thread.
    """

    def __init__(self, config: PipelineConfig, messages: Messages) -> None:
        self._config = config
        self._messages = messages
        self._sink_is_open = False
        self._info = config.run
        self._is_final = False
        self.is_left_behind = False  # whether its thread hangs, and nobody waits for it any more
        self._is_stalled = False
        self._started_s = perf_counter()
        self._started_cpu_s = process_time()
        self._threads: dict[str, threading.Thread] = {}
        self._running: set[str] = set()
        self._wall_s: dict[str, float] = {}  # by thread, written at its end

        lanes = config.sink.lanes if config.sink is not None else 0
        self._flow = flow = Flow(config, lanes, on_abandon=lambda: messages.put(Asked.ABORT))
        progress = config.progress or LoggedProgress()
        self._hooks = WorkerReports(progress, config.log_every, flow)
        self._pool: WorkerPool | None = None
        self._tuner: Tuner | None = None
        self._collector = CollectorStage(config, flow, progress)
        self._settler = SettlerStage(config, flow)
        self._lanes = [LaneStage(config.sink, n, flow) for n in range(lanes)] if config.sink else []

    def execute(self) -> Report:
        """Begin, let the stages work, finish or abort, report."""
        self._flow.begin("begins the run in the store")
        self._info = self._begin()
        try:
            self._start()
        except Exception as error:
            # The system gives no more threads, say. Those that were started wait for those that were not.
            self._flow.fail(error, "starting")
            self._flow.ranges.close()
        self._flow.begin("waits for the stages", is_waiting=True)
        self._watch()
        self._end_threads()
        self._finish()
        report = self.report()
        self._raise_if_failed(report)
        return report

    # What a watchdog asks and tells.

    def movement(self) -> object:
        """Return what changes with every step of any stage."""
        self._flow.pace.look()
        return self._flow.steps

    def situation(self) -> Situation:
        """Tell who does what."""
        return run_situation(self._flow, self._pool)

    def stall(self, stall: Stall) -> StallError:
        """Bring the run to its end, as nothing moves; what does not end within the grace is left behind."""
        can_resume = self._config.sink is not None and self._config.run.source
        advice = "what is committed stays, continue with --resume" if can_resume else "what is written stays"
        error = StallError(f"{stall.headline}; {advice}")
        error.stall = stall
        self._is_stalled = True
        self._flow.fail(error, "a stall")
        return error

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
        if config.is_tuned:
            self._tuner = Tuner(self._flow, self._pool, self._settler)
            self._tuner.start()
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
                self._flow.end()
                self._messages.put(_Ended(name))

        # Daemons, or a reader that waits for input would keep the process alive.
        thread = threading.Thread(target=work, name=f"feedmill-{name}", daemon=True)
        thread.start()
        self._threads[name] = thread
        self._running.add(name)

    def _watch(self) -> None:
        """Wait for the stages, and see to what is asked meanwhile."""
        # The reader may never end, and without the others it has nobody to read for.
        until_s: float | None = None
        while self._running - {"reader-1"}:
            if self._is_stalled and until_s is None:
                until_s = monotonic() + STALL_GRACE_S
            try:
                self._see_to(self._messages.get(timeout=_left(until_s)))
            except queue.Empty:
                return

    def _see_to(self, message: Asked | _Ended) -> None:
        flow = self._flow
        if isinstance(message, _Ended):
            self._running.discard(message.thread)
        elif message is Asked.ABORT:
            self._abort_sink()
        elif message is Asked.STOP:
            flow.stop("interrupted")
            if self._config.may_cut_anywhere:
                # The collector goes on to the end of what is in there.
                flow.parsed.close()
        else:
            flow.cancel()

    def _end_threads(self) -> None:
        until_s: float | None = None
        if self._is_stalled:
            until_s = monotonic() + READER_GRACE_S
        if self._tuner is not None:
            self._tuner.stop()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            if not self._pool.abandon(_left(until_s)):
                _log.warning("workers that are still at their jobs are left behind")
        for name, thread in self._threads.items():
            thread.join(READER_GRACE_S if name == "reader-1" else _left(until_s))
            if thread.is_alive():
                what = "the reader still waits for input; its" if name == "reader-1" else f"{name} hangs; its"
                _log.warning("%s thread is left behind", what)
        # Somebody may have cancelled while the last threads ended: until it is final, that can be done.
        while not self._messages.empty():
            self._see_to(self._messages.get())

    def _finish(self) -> None:
        """Make all final if all went well; otherwise leave what is committed."""
        flow, rejects = self._flow, self._config.rejects
        is_settled = "settler-1" not in self._threads or not self._threads["settler-1"].is_alive()
        # A settler that hangs has the file.
        if rejects is not None and is_settled:
            flow.begin("finishes the reject file")
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
                    flow.begin("finishes the store")
                    self._config.sink.finish()
                self._sink_is_open = False
                self._is_final = True
            except BaseException as error:
                flow.fail(error, "finishing the store")
        self._abort_sink()

    def _abort_sink(self) -> None:
        if self._config.sink is None or not self._sink_is_open:
            return
        self._sink_is_open = False
        self._flow.begin("closes the store")
        try:
            self._config.sink.abort()
        except BaseException as error:
            self._flow.fail(error, "closing the store")
        self._flow.begin("waits for the stages", is_waiting=True)

    # What is told.

    def _are_too_many(self) -> bool:
        limit, settler = self._config.failure_limit, self._settler
        return limit is not None and limit.is_passed(settler.failures, settler.records, is_final=True)

    def _error(self) -> BaseException | None:
        """Return the first fault. A stall that was over when all became final is none."""
        error = self._flow.error
        return None if self._is_final and isinstance(error, StallError) else error

    def _stopped(self) -> str | None:
        if self._error() is not None:
            return "fault"
        if self._are_too_many():
            return "max_failures"
        return None if self._flow.is_complete or self._is_final else self._flow.stopped

    def report(self) -> Report:
        """Add up what was finished."""
        timings = Timings(
            elapsed_s=perf_counter() - self._started_s,
            cpu_s=process_time() - self._started_cpu_s,
            # Copied, as a reader that was left behind may end just now.
            wall_s=dict(self._wall_s),
        )
        ran = Ran(self._pool, self._collector, self._lanes, self._settler)
        with self._settler.lock:
            return make_report(self._config, self._info, self._flow, ran, timings, self._stopped())

    def _raise_if_failed(self, report: Report) -> None:
        error = self._error()
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
            what = f"the run stopped in {self._flow.fault_place}: {one_line(error)}"
            cause, error = error, RunError(what)
            error.__cause__ = cause
        error.report = report
        raise error


def _left(until_s: float | None) -> float | None:
    """Say how many seconds are left until then; None for as long as it takes."""
    return None if until_s is None else max(0.0, until_s - monotonic())
