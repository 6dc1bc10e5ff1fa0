"""Run a pipeline: the caller's side of a run, which waits, stops, cancels, and is told of a stall."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import nullcontext, suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

from feedmill.errors import RunError
from feedmill.pipeline.execution import Asked, Execution
from feedmill.report import Report
from feedmill.stores.protocol import hurry
from feedmill.watchdog import Stall, Watchdog, log_stall

if TYPE_CHECKING:
    from feedmill.pipeline.config import PipelineConfig
    from feedmill.pipeline.execution import Messages

SIGNAL_POLL_S: Final = 0.2
"""Seconds after which a waiting main thread looks for signals: the system may hand one that comes close
behind another to any thread, and then nothing wakes the thread that has to handle it."""

STALL_LIMIT_S: Final = 20.0
"""Seconds for a run that has stalled to end by itself. If its store hangs in closing, too, it is given up."""


def run_pipeline(config: PipelineConfig) -> Report:
    """Run a pipeline from its first chunk to its report; see `Pipeline.run`."""
    return Pipeline(config).run()


def report_of(error: BaseException) -> Report | None:
    """Return the report of the run that an error ended, as far as the run had come."""
    report = getattr(error, "report", None)
    return report if isinstance(report, Report) else None


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
        self._messages: Messages = queue.SimpleQueue()
        self._is_cancelled = False

    def stop(self) -> None:
        """End the run in order.

        What is read is finished, to the end of a range if the run can be resumed, and committed; then it
        ends.
        """
        hurry(self._config.sink)
        self._messages.put(Asked.STOP)

    def cancel(self) -> None:
        """End the run now: what is not committed is rolled back."""
        self._is_cancelled = True
        hurry(self._config.sink)
        self._messages.put(Asked.CANCEL)

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
        run = Execution(self._config, self._messages)
        outcome: Future[Report] = Future()
        context = copy_context()

        def work() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                report = context.run(run.execute)
            except BaseException as error:
                _tell(outcome, error)
            else:
                _tell(outcome, report)

        thread = threading.Thread(target=work, name="feedmill-run-1", daemon=True)
        try:
            with self._watched(run, thread, outcome):
                self._wait(thread, outcome)
        except RuntimeError as error:
            # The system gives no more threads.
            if self._config.rejects is not None:
                self._config.rejects.abort()
            raise RunError(
                f"the run cannot start: {error}; free some memory, or allow more threads"
            ) from error
        finally:
            # It has told how it ended, and has a step or two to its own end. Without an ident it never began.
            if outcome.done() and thread.ident is not None and not run.is_left_behind:
                thread.join()
        return outcome.result()

    def _wait(self, thread: threading.Thread, outcome: Future[Report]) -> None:
        """Start the run and wait for its end; an interrupt cancels it, and waits, too."""
        try:
            thread.start()
            _wait_for(outcome)
        except RuntimeError:
            raise
        except BaseException:
            if not self._is_cancelled:
                self.cancel()
                # If it has not begun, it will not.
                if not outcome.cancel():
                    _wait_for(outcome)
            raise

    def _watched(
        self, run: Execution, thread: threading.Thread, outcome: Future[Report]
    ) -> Watchdog | nullcontext[None]:
        """Make the watchdog of a run, if it is to have one."""
        stall_s = self._config.stall_timeout_s
        if stall_s is None:
            return nullcontext()

        def on_stall(stall: Stall) -> None:
            log_stall(stall)
            error = run.stall(stall)
            thread.join(STALL_LIMIT_S)
            if thread.is_alive():
                run.is_left_behind = True
                error.report = run.report()
                _tell(outcome, error)

        return Watchdog(run, stall_s, on_stall, with_native_stacks=True)


def _wait_for(outcome: Future[Report]) -> None:
    while wait([outcome], SIGNAL_POLL_S).not_done:
        pass


def _tell(outcome: Future[Report], told: Report | BaseException) -> None:
    """Say how the run ended, unless it was said before: of a stall."""
    with suppress(InvalidStateError):
        if isinstance(told, Report):
            outcome.set_result(told)
        else:
            outcome.set_exception(told)
