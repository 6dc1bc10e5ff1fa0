"""The settler: take ranges in order, once all lanes have applied them; write rejects, count records."""

from __future__ import annotations

from heapq import merge
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING

from feedmill.channel import ChannelClosed
from feedmill.codes import Code
from feedmill.counters import Tally
from feedmill.errors import StoreError
from feedmill.pipeline.parsed import Broken
from feedmill.records import Reject, rejects_of
from feedmill.report import Outcomes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feedmill.pipeline.config import PipelineConfig
    from feedmill.pipeline.flow import Flow
    from feedmill.pipeline.ranges import Placed, Range
    from feedmill.stores.protocol import LaneOutcome, LaneReject


class SettlerStage:
    """Settle ranges, in a thread of its own.

    Attributes
    ----------
    lock : Lock
        Held while a range is counted.
    ranges, jobs, failed_jobs, records, failures, dropped, nbytes : int
        Of the ranges settled so far; `nbytes` are of the feeds.
    outcomes : Outcomes
        What the lanes did with the good records.
    is_writing : bool
        Whether the rejects of a range are being written, and it is not counted yet.
    """

    def __init__(self, config: PipelineConfig, flow: Flow) -> None:
        self._config = config
        self._flow = flow
        self._found = Tally[str]()
        self.lock = Lock()  # guards all below: counts are of whole ranges, even if this thread hangs
        self.ranges = 0
        self.jobs = 0
        self.failed_jobs = 0
        self.records = 0
        self.failures = 0
        self.dropped = 0
        self.nbytes = 0
        self.outcomes = Outcomes()
        self.is_writing = False

    @property
    def rejects_by_code(self) -> dict[str, int]:
        """Findings by "column.code", or "code" for whole records, in the order of their names."""
        return dict(sorted(self._found.snapshot().items()))

    def run(self) -> None:
        """Settle until there are no more ranges, or one that a lane does not have."""
        flow = self._flow
        try:
            for settled in flow.ranges:
                self.settle(settled, [flow.outboxes[lane].get() for lane in settled.lanes])
                # Its batches must not wait for the next one.
                del settled
        except ChannelClosed:
            return
        except BaseException as error:
            flow.fail(error, "writing rejects and counting")
        finally:
            flow.ranges.cancel()

    def settle(self, settled: Range, outcomes: Sequence[LaneOutcome]) -> None:
        """Write a range's rejects and count its records; `run` does it for all."""
        refused = sorted(
            (reject for outcome in outcomes for reject in outcome.rejects), key=attrgetter("record")
        )
        lane_failures = len({reject.record for reject in refused})
        total = self._add_outcomes(settled, outcomes, lane_failures)
        self.is_writing = True
        self._flow.begin(
            f"writes the rejects of bytes {settled.lo} to {settled.hi} of feed {settled.feed + 1}"
        )
        self._write_rejects(settled, refused)
        with self.lock:
            self.outcomes = total
            self.ranges += 1
            self.jobs += settled.chunks
            self.failed_jobs += settled.failed_jobs
            self.records += settled.records
            self.failures += settled.failures + lane_failures
            self.dropped += settled.dropped
            self.nbytes += settled.hi - settled.lo
            self._count_rejects(settled, refused)
            self.is_writing = False
        limit = self._config.failure_limit
        if limit is not None and limit.is_passed(self.failures, self.records):
            self._flow.stop("max_failures")

    def _add_outcomes(self, settled: Range, outcomes: Sequence[LaneOutcome], lane_failures: int) -> Outcomes:
        """Add the lanes' outcomes up, and hold them against the rows they were given."""
        if self._config.sink is None:
            return self.outcomes + Outcomes(duplicate=settled.duplicates)
        added = Outcomes(
            inserted=sum(outcome.inserted for outcome in outcomes),
            updated=sum(outcome.updated for outcome in outcomes),
            unchanged=sum(outcome.unchanged for outcome in outcomes),
            duplicate=sum(outcome.duplicate for outcome in outcomes) + settled.duplicates,
        )
        rows = settled.records - settled.failures - settled.dropped
        if added.total + lane_failures != rows:
            raise StoreError(
                f"feed {settled.feed + 1}, bytes {settled.lo} to {settled.hi}: of {rows} good records "
                f"the store took {added.total} and refused {lane_failures}; its counts cannot be relied on"
            )
        return self.outcomes + added

    def _write_rejects(self, settled: Range, refused: list[LaneReject]) -> None:
        writer = self._config.rejects
        if writer is None:
            return
        late = iter(refused)
        following = next(late, None)
        for placed in settled.placed:
            last = placed.base.record + placed.content.records
            own = []
            while following is not None and following.record <= last:
                own.append(following)
                following = next(late, None)
            if own:
                writer.write(merge(_found_in(placed), _refused_in(placed, own), key=_record), settled.feed)
            elif placed.content.failures:
                writer.write(_found_in(placed), settled.feed)
        if following is not None:
            raise StoreError(f"the store refused record {following.record}, which it was not given")

    def _count_rejects(self, settled: Range, refused: Sequence[LaneReject]) -> None:
        for placed in settled.placed:
            content = placed.content
            if not content.failures:
                continue
            if isinstance(content, Broken):
                self._found.add({Code.CALLBACK.word: 1})
                continue
            names = content.plan.schema.labels
            self._found.add(
                {
                    _name(names[column] if column >= 0 else "", Code(code).word): count
                    for (code, column), count in content.reject_counts().items()
                }
            )
        for reject in refused:
            self._found.add({_name(reject.column, reject.code): 1})


def _name(column: str, word: str) -> str:
    return f"{column}.{word}" if column else word


def _record(reject: Reject) -> int:
    return reject.position.record


def _found_in(placed: Placed) -> Iterator[Reject]:
    """Yield what the kernel found."""
    if isinstance(placed.content, Broken):
        yield placed.content.reject(placed.base)
    elif placed.content.failures:
        yield from rejects_of(placed.content, placed.content.plan.schema.names, placed.base)


def _refused_in(placed: Placed, refused: Sequence[LaneReject]) -> Iterator[Reject]:
    """Yield what the store refused, with its place."""
    if isinstance(placed.content, Broken):
        return
    for reject in refused:
        number = reject.record - placed.base.record - 1
        line, byte = placed.content.place(number)
        yield Reject(
            position=placed.base.position(number, line, byte),
            column=reject.column,
            code=reject.code,
            message=reject.message,
            value=reject.value,
        )
