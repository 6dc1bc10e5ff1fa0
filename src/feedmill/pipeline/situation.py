"""Who does what in a run, and who waits for whom: for the report of a stall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feedmill.watchdog import Situation, waits_at

if TYPE_CHECKING:
    from feedmill.pipeline.flow import Flow
    from feedmill.pool import WorkerPool


def run_situation(flow: Flow, pool: WorkerPool | None) -> Situation:
    """Put together what stages say of themselves, where they wait, and what workers are at.

    Parameters
    ----------
    flow : Flow
        Its channels, and what its threads say they do.
    pool : WorkerPool or None
        None before the run has one.
    """
    channels = [flow.parsed.stats(), flow.ranges.stats()]
    channels += [channel.stats() for channel in flow.inboxes]
    channels += [channel.stats() for channel in flow.outboxes]
    waiting = waits_at(*channels)
    workers = pool.situation() if pool is not None else None
    if workers is not None:
        channels = [*workers.channels, *channels]
        waiting += [state for state in workers.threads if state.is_waiting]
    # Where a thread waits says more than what it does meanwhile.
    at_channels = {state.thread for state in waiting}
    doing = [state for state in flow.doing() if state.thread not in at_channels]
    busy = [state for state in doing if not state.is_waiting]
    if workers is not None:
        busy += workers.suspects
    return Situation(
        threads=(
            *sorted(busy, key=lambda state: -state.seconds),
            *(state for state in doing if state.is_waiting),
            *waiting,
        ),
        channels=tuple(channels),
        oldest_job=workers.oldest_job if workers else None,
        slowest_job=workers.slowest_job if workers else None,
        oldest_record=flow.pace.oldest(),
        slowest_record=flow.pace.slowest(),
    )
