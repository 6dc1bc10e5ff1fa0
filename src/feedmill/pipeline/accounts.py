"""Accounts: from what the stages counted to the report."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedmill.report import Report, Stage, peak_rss_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from feedmill.channel import Channel, ChannelStats
    from feedmill.pipeline.config import PipelineConfig
    from feedmill.pipeline.flow import Flow
    from feedmill.pipeline.settler import SettlerStage
    from feedmill.pipeline.stages import CollectorStage, LaneStage
    from feedmill.pool import WorkerPool
    from feedmill.stores.protocol import RunInfo


@dataclass(frozen=True, slots=True)
class Ran:
    """The stages of a run that has ended."""

    pool: WorkerPool | None
    collector: CollectorStage
    lanes: Sequence[LaneStage]
    settler: SettlerStage


@dataclass(frozen=True, slots=True)
class Timings:
    """What a run took: by the clock, of the CPUs, and by the clock for each of its threads, in seconds."""

    elapsed_s: float
    cpu_s: float
    wall_s: Mapping[str, float]


def make_report(
    config: PipelineConfig, info: RunInfo, flow: Flow, ran: Ran, timings: Timings, stopped: str | None
) -> Report:
    """Add everything up.

    Parameters
    ----------
    config : PipelineConfig
        What was to be run.
    info : RunInfo
        The run in effect, as the sink named it.
    flow : Flow
        Its channels' statistics say who waited.
    ran : Ran
        Its stages, which have ended.
    timings : Timings
        What it took.
    stopped : str or None
        Why it was not the whole input.
    """
    settler = ran.settler
    return Report(
        run_id=info.run_id,
        feed=" ".join(info.feeds),
        schema=config.schema,
        python=platform.python_version(),
        gil_enabled=sys._is_gil_enabled(),
        workers=ran.pool.max_workers if ran.pool is not None else 0,
        lanes=len(ran.lanes),
        jobs=settler.jobs,
        failed_jobs=settler.failed_jobs,
        records=settler.records,
        successes=settler.records - settler.failures,
        failures=settler.failures,
        dropped=settler.dropped,
        rejects_by_code=settler.rejects_by_code,
        outcomes=settler.outcomes,
        stored=config.sink is not None,
        bytes=settler.nbytes,
        elapsed_s=timings.elapsed_s,
        cpu_s=timings.cpu_s,
        records_per_s=settler.records / timings.elapsed_s if timings.elapsed_s else 0.0,
        peak_rss_bytes=peak_rss_bytes(),
        per_worker=ran.pool.worker_counts() if ran.pool is not None else (),
        stages=_stages(flow, ran, timings),
        stopped=stopped,
    )


def _stages(flow: Flow, ran: Ran, timings: Timings) -> tuple[Stage, ...]:
    """Say how each stage spent its threads' time."""
    parsed, ranges = flow.parsed.stats(), flow.ranges.stats()
    inboxes, outboxes = _stats(flow.inboxes), _stats(flow.outboxes)
    workers = ran.pool.worker_counts() if ran.pool is not None else ()
    submit_s = ran.pool.job_stats().put_waiting_s if ran.pool is not None else 0.0
    put_s = ranges.put_waiting_s + sum(stats.put_waiting_s for stats in inboxes)

    def stage(name: str, thread: str, items: int, waiting_s: float) -> Stage:
        wall_s = sum(spent for other, spent in timings.wall_s.items() if other.startswith(thread))
        return Stage(name, items, max(0.0, wall_s - waiting_s), waiting_s)

    return (
        stage("reader", "reader-", parsed.items, parsed.put_waiting_s + submit_s),
        Stage(
            "workers",
            sum(worker.jobs for worker in workers),
            sum(worker.busy_s for worker in workers),
            sum(worker.waiting_s for worker in workers),
        ),
        stage(
            "collector",
            "collector-",
            ran.collector.chunks.value,
            parsed.get_waiting_s + ran.collector.waiting_s + put_s,
        ),
        stage(
            "lanes",
            "lane-",
            sum(lane.parts.value for lane in ran.lanes),
            sum(stats.get_waiting_s for stats in inboxes),
        ),
        stage(
            "settler",
            "settler-",
            ran.settler.ranges,
            ranges.get_waiting_s + sum(stats.get_waiting_s for stats in outboxes),
        ),
    )


def _stats[T](channels: Iterable[Channel[T]]) -> list[ChannelStats]:
    return [channel.stats() for channel in channels]
