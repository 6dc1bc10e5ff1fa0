"""A run in one thread: for records that can only be had in the transaction that applies them.

A `Pipeline` reads ahead of its lanes. Where others take from the same source, what was read ahead would be
taken from them, so here one range after the other is taken, applied and settled, by the same rules and with
the same accounts; to go faster, start more processes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Protocol

from feedmill.errors import FeedmillError, RunError, TooManyFailuresError, one_line
from feedmill.pipeline.accounts import Ran, Timings, make_report
from feedmill.pipeline.config import LoggedProgress
from feedmill.pipeline.flow import Flow
from feedmill.pipeline.ranges import RangeBuilder
from feedmill.pipeline.settler import SettlerStage
from feedmill.pipeline.stages import CollectorStage

if TYPE_CHECKING:
    from feedmill.pipeline.config import PipelineConfig
    from feedmill.pipeline.ranges import Range
    from feedmill.report import Report
    from feedmill.stores.protocol import LaneOutcome, RunInfo


class Source(Protocol):
    """Where ranges come from, applied."""

    def take(self, run: RunInfo, before: RangeBuilder) -> tuple[RangeBuilder, Range, LaneOutcome] | None:
        """Take and apply the next range, in one transaction.

        Parameters
        ----------
        run : RunInfo
            The run in effect.
        before : RangeBuilder
            What has been taken; it is left as it is, as a transaction may be tried again.

        Returns
        -------
        tuple, or None
            The builder after the range, the range, and what became of its rows; None at the end.
        """
        ...

    @property
    def is_stopped(self) -> bool:
        """Whether the end was asked for, and is not that of the source."""
        ...


class SerialRun:
    """One run.

    Parameters
    ----------
    config : PipelineConfig
        With a sink of one lane; feeds and threads mean nothing here.
    source : Source

    Thread safety
    -------------
    one thread
    """

    def __init__(self, config: PipelineConfig, source: Source) -> None:
        self._config = config
        self._source = source
        self._progress = config.progress or LoggedProgress()
        self._flow = Flow(config, 1, on_abandon=lambda: None)
        self._settler = SettlerStage(config, self._flow)
        self._started_s = perf_counter()
        self._started_cpu_s = process_time()

    def run(self) -> Report:
        """Run to the source's end, and tell what became of every record; see `Pipeline.run`."""
        config = self._config
        assert config.sink is not None
        info = config.run
        try:
            info = config.sink.begin(config.run)
            self._take_all(info)
            self._finish()
        except BaseException as error:
            self._abort()
            if not isinstance(error, Exception):
                raise
            fault = error if isinstance(error, FeedmillError) else self._wrapped(error)
            fault.report = self._report(info, "fault")
            if fault is error:
                raise
            raise fault from error
        report = self._report(info, self._stopped())
        self._hold(report)
        return report

    def _take_all(self, info: RunInfo) -> None:
        builder, told = RangeBuilder(), 0
        while (taken := self._source.take(info, builder)) is not None:
            builder, settled, outcome = taken
            self._settler.settle(settled, [outcome])
            self._progress.advanced(settled.hi - settled.lo, settled.records)
            due = self._settler.records // self._config.log_every
            if due > told:
                self._progress.worker_progress(1, due * self._config.log_every)
                told = due
            if self._flow.stopped:
                break
        self._progress.worker_finished(1, self._settler.records)

    def _finish(self) -> None:
        """Keep the reject file; a run that was stopped stays marked as unfinished."""
        config = self._config
        assert config.sink is not None
        if config.rejects is not None:
            config.rejects.finish()
        if self._stopped() is None:
            config.sink.finish()
        else:
            config.sink.abort()

    def _abort(self) -> None:
        config = self._config
        assert config.sink is not None
        if config.rejects is not None:
            # What it holds is committed: it is kept, unless it broke off within a range.
            if self._settler.is_writing:
                config.rejects.abort()
            else:
                with suppress(FeedmillError):
                    config.rejects.finish()
        with suppress(Exception):
            config.sink.abort()

    def _stopped(self) -> str | None:
        limit, settler = self._config.failure_limit, self._settler
        if limit is not None and limit.is_passed(settler.failures, settler.records, is_final=True):
            return "max_failures"
        return "interrupted" if self._source.is_stopped else None

    def _hold(self, report: Report) -> None:
        """Hold the report against itself, and against the limit."""
        report.check()
        if report.stopped == "max_failures":
            error = TooManyFailuresError(
                f"{report.failures} of {report.records} records failed, more than --max-failures "
                f"{self._config.failure_limit} allows"
            )
            error.report = report
            raise error

    def _report(self, info: RunInfo, stopped: str | None) -> Report:
        timings = Timings(perf_counter() - self._started_s, process_time() - self._started_cpu_s, {})
        collector = CollectorStage(self._config, self._flow, self._progress)
        ran = Ran(pool=None, collector=collector, lanes=(), settler=self._settler)
        report = make_report(self._config, info, self._flow, ran, timings, stopped)
        return replace(report, workers=1, lanes=1, stages=())

    @staticmethod
    def _wrapped(error: Exception) -> RunError:
        return RunError(f"the run stopped: {one_line(error)}")
