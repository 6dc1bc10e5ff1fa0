"""What is told about the workers while they work: a line each so many records, and one at the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feedmill.counters import WorkerCounts
    from feedmill.pipeline.config import Progress
    from feedmill.pipeline.flow import Flow


class WorkerReports:
    """Hooks of the pool that tell a `Progress`. What that raises is a fault of the run, not of a job.

    Parameters
    ----------
    progress : Progress
        Whom to tell.
    log_every : int
        Records of a worker from one note to the next.
    flow : Flow
        Told of faults.
    """

    def __init__(self, progress: Progress, log_every: int, flow: Flow) -> None:
        self._progress = progress
        self._log_every = max(1, log_every)
        self._flow = flow
        self._lock = threading.Lock()
        self._told: dict[int, int] = {}  # by worker, in units of log_every; guarded by _lock

    def job_done(self, counts: WorkerCounts) -> None:
        """Tell if the worker has passed another multiple of `log_every`."""
        self._flow.step()
        passed = counts.records // self._log_every
        with self._lock:
            if passed <= self._told.get(counts.worker, 0):
                return
            self._told[counts.worker] = passed
        try:
            self._progress.worker_progress(counts.worker, passed * self._log_every)
        except BaseException as error:
            self._flow.fail(error, "telling the progress")

    def worker_stopped(self, counts: WorkerCounts) -> None:
        """Tell that the worker has ended."""
        try:
            self._progress.worker_finished(counts.worker, counts.records)
        except BaseException as error:
            self._flow.fail(error, "telling the progress")
