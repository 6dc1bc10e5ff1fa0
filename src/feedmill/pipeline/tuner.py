"""`--workers auto`: hire and retire workers, and let more or fewer lanes write, by who waited for whom.

Workers are the pool's, which changes its size while it runs. Lanes cannot change within a run, as a key's
lane is hash mod lanes; so there are more of them than should be needed, and the tuner says how many may write
at once. No result depends on either. It looks once a second:

=======================  ==========================================  ==================================
workers                  jobs wait and workers do not                one more, unless the CPUs are used
                         workers wait half of their time             one less
writers                  parts wait, and the CPUs are not used       one more; if no more records a
                                                                     second came of it, it was the last
=======================  ==========================================  ==================================
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from feedmill.pipeline.flow import Flow
    from feedmill.pipeline.settler import SettlerStage
    from feedmill.pool import WorkerPool

PERIOD_S: Final = 1.0
"""Seconds between two looks: some hundred chunks, so that one that is slow decides nothing."""

WORKERS_A_CPU: Final = 4
"""The most workers for each CPU: what waits three quarters of its time is worth as many."""

USED_UP: Final = 0.8
"""The share of the CPUs' time from which on more threads only take it from one another."""

GAIN: Final = 1.05
"""How many times the records a second one more writer has to bring, to be kept."""

_log = logging.getLogger("feedmill.tuner")


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen since the last look.

    Attributes
    ----------
    idle : float
        The share of their time that workers waited for jobs, 0 to 1.
    cpu : float
        The share of all CPUs' time that this process used, 0 to 1.
    records_per_s : float
        Records settled.
    jobs_wait, parts_wait : bool
        Whether there are jobs that wait for a worker, and parts that wait for their lane.
    """

    idle: float
    cpu: float
    records_per_s: float
    jobs_wait: bool
    parts_wait: bool


@dataclass(slots=True)
class Decider:
    """Decide by samples; apart from threads and clocks.

    Parameters
    ----------
    cpus, lanes : int
        How many there are.
    workers, writers : int
        How many are at work now.
    """

    cpus: int
    lanes: int
    workers: int
    writers: int
    why: str = ""
    _rate_before: float | None = None
    _has_enough_writers: bool = False

    def look(self, sample: Sample) -> bool:
        """Take a sample; return whether a number has changed, `why` says for which reason."""
        before = self.workers, self.writers
        self._tune_writers(sample)
        if before == (self.workers, self.writers):
            self._tune_workers(sample)
        return before != (self.workers, self.writers)

    def _tune_workers(self, sample: Sample) -> None:
        if sample.idle >= 0.5 and self.workers > 1:
            self.workers -= 1
            self.why = f"workers waited for jobs {sample.idle:.0%} of their time"
            return
        are_missed = sample.jobs_wait and sample.idle <= 0.1
        if are_missed and sample.cpu < USED_UP and self.workers < WORKERS_A_CPU * self.cpus:
            self.workers += 1
            self.why = f"jobs waited for workers, and the CPUs were used to {sample.cpu:.0%}"

    def _tune_writers(self, sample: Sample) -> None:
        if self._rate_before is not None:
            if sample.records_per_s < GAIN * self._rate_before:
                self.writers -= 1
                self._has_enough_writers = True
                self.why = "one more writer brought no more records a second"
            self._rate_before = None
            return
        may_help = self.writers < self.lanes and not self._has_enough_writers
        if may_help and sample.parts_wait and sample.cpu < USED_UP:
            self._rate_before = sample.records_per_s
            self.writers += 1
            self.why = f"parts waited for writers, and the CPUs were used to {sample.cpu:.0%}"


class Tuner:
    """Look, decide and act, in a thread of its own.

    Parameters
    ----------
    flow, pool, settler
        Those of the run.
    """

    def __init__(self, flow: Flow, pool: WorkerPool, settler: SettlerStage) -> None:
        self._flow, self._pool, self._settler = flow, pool, settler
        cpus, lanes = os.process_cpu_count() or 1, len(flow.inboxes)
        self.decider = Decider(cpus, lanes, workers=pool.max_workers, writers=min(lanes, cpus))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feedmill-tuner-1", daemon=True)
        self._seen = self._look()

    def start(self) -> None:
        """Begin."""
        self._say("to begin with, one each CPU")
        if self.decider.lanes:
            self._flow.writers.limit(self.decider.writers)
        self._thread.start()

    def stop(self) -> None:
        """Let all write, and change nothing any more."""
        self._is_over.set()
        self._flow.writers.limit(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(PERIOD_S):
            try:
                if self.decider.look(self._sample()):
                    self._act()
            except RuntimeError:  # the pool is shut down, or the system gives no more threads
                return

    def _act(self) -> None:
        if self._pool.max_workers != self.decider.workers:
            self._pool.set_max_workers(self.decider.workers)
        if self.decider.lanes and not (self._is_over.is_set() or self._flow.is_cut_short):
            self._flow.writers.limit(self.decider.writers)
        self._say(self.decider.why)

    def _say(self, why: str) -> None:
        decider = self.decider
        lanes = f", {decider.writers} of {decider.lanes} lanes writing" if decider.lanes else ""
        _log.info("auto: %d workers%s: %s", decider.workers, lanes, why)

    def _look(self) -> tuple[float, float, float, int]:
        """Read the clocks and counts that samples are differences of."""
        waited_s = self._pool.job_stats().get_waiting_s
        return perf_counter(), process_time(), waited_s, self._settler.records

    def _sample(self) -> Sample:
        before, self._seen = self._seen, self._look()
        elapsed_s, cpu_s, waited_s, records = (
            now - then for now, then in zip(self._seen, before, strict=True)
        )
        jobs = self._pool.job_stats()
        waited_s += sum(min(wait.waiting_s, elapsed_s) for wait in jobs.waits)
        return Sample(
            idle=min(1.0, waited_s / (elapsed_s * self.decider.workers)),
            cpu=min(1.0, cpu_s / (elapsed_s * self.decider.cpus)),
            records_per_s=records / elapsed_s,
            jobs_wait=jobs.depth > 0,
            parts_wait=any(len(inbox) for inbox in self._flow.inboxes),
        )
