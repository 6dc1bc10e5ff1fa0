"""Ranges: consecutive chunks of one feed that each lane applies in one transaction.

Where a range ends depends on the chunks and on nothing else, so that a resumed run finds the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from feedmill.pipeline.parsed import Broken
from feedmill.records import Base
from feedmill.stores.protocol import RangePart, Slice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedmill.kernel import Batch
    from feedmill.pipeline.parsed import ParsedChunk
    from feedmill.records import Reject

MAX_RECORDS: Final = 40_000
"""Records of a range: transactions of 20,000 on two lanes. Small ones cost a third of the speed."""

MAX_BYTES: Final = 16 << 20
"""Bytes of the feed in a range, for wide records: about 8 MB a lane."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A batch, or a broken record, and what precedes it in its feed."""

    base: Base
    content: Batch | Broken


@dataclass(slots=True)
class Range:
    """A run of whole chunks of one feed.

    Attributes
    ----------
    feed : int
        Index of the feed.
    lo, hi : int
        Its first byte in the feed, and the byte after its last.
    placed : list of Placed
        In input order.
    chunks, failed_jobs, records, failures, dropped, duplicates, nbytes : int
        Sums over its chunks; `nbytes` is of memory.
    lanes : tuple of int
        The lanes that have rows of it, as `parts` found.
    """

    feed: int
    lo: int
    hi: int
    placed: list[Placed] = field(default_factory=list)
    chunks: int = 0
    failed_jobs: int = 0
    records: int = 0
    failures: int = 0
    dropped: int = 0
    duplicates: int = 0
    nbytes: int = 0
    lanes: tuple[int, ...] = ()

    def add(self, chunk: ParsedChunk, placed: list[Placed]) -> None:
        """Append a chunk."""
        self.hi = chunk.end
        self.placed += placed
        self.chunks += 1
        self.failed_jobs += chunk.has_failed
        self.records += chunk.records
        self.failures += chunk.failures
        self.dropped += chunk.dropped
        self.duplicates += chunk.duplicates
        self.nbytes += chunk.nbytes

    def has_room(self, chunk: ParsedChunk) -> bool:
        """Whether a chunk of the same feed still belongs to it."""
        return self.records + chunk.records <= MAX_RECORDS and chunk.end - self.lo <= MAX_BYTES

    def batches(self) -> Iterator[tuple[Base, Batch]]:
        """Yield what the kernel made, without the broken records."""
        for placed in self.placed:
            if not isinstance(placed.content, Broken):
                yield placed.base, placed.content

    def broken(self) -> Iterator[Reject]:
        """Yield the findings against records that no batch has."""
        for placed in self.placed:
            if isinstance(placed.content, Broken):
                yield placed.content.reject(placed.base)

    def parts(self, lanes: int, *, with_failures: bool = False) -> list[RangePart]:
        """Say what each lane has to do, and note which have anything to do.

        Parameters
        ----------
        lanes : int
            How many there are.
        with_failures : bool
            Whether lane 0 has to do with failures, too.
        """
        parts = []
        for lane in range(lanes):
            takes_failures = with_failures and lane == 0
            slices = tuple(
                Slice(batch, base.record, base.line, base.byte)
                for base, batch in self.batches()
                if batch.lane_rows(lane, lanes) or (takes_failures and batch.failures)
            )
            broken = tuple(self.broken()) if takes_failures else ()
            if slices or broken:
                parts.append(RangePart(lane, lanes, self.lo, self.hi, slices, self.feed, broken))
        self.lanes = tuple(part.lane for part in parts)
        return parts


class RangeBuilder:
    """Put chunks in their place, and form ranges.

    Thread safety
    -------------
    one thread
    """

    def __init__(self) -> None:
        self._feed = -1
        self._records = 0
        self._lines = 0
        self._open: Range | None = None

    @property
    def is_open(self) -> bool:
        """Whether chunks wait for their range to be full."""
        return self._open is not None

    @property
    def records(self) -> int:
        """How many records of its feed it has."""
        return self._records

    @property
    def place(self) -> str:
        """How far it has come."""
        return f"record {self._records + 1} of feed {max(self._feed, 0) + 1}"

    def add(self, chunk: ParsedChunk) -> Range | None:
        """Take the next chunk of the input; return the range that it ended by not fitting in."""
        if chunk.feed != self._feed:
            self._feed, self._records, self._lines = chunk.feed, 0, 0
        finished = None
        if self._open and not (self._open.feed == chunk.feed and self._open.has_room(chunk)):
            finished = self.flush()
        if self._open is None:
            self._open = Range(chunk.feed, chunk.offset, chunk.end)
        self._open.add(chunk, self._place(chunk))
        return finished

    def flush(self) -> Range | None:
        """End the range being formed."""
        finished, self._open = self._open, None
        return finished

    def _place(self, chunk: ParsedChunk) -> list[Placed]:
        self._lines += chunk.lines_before
        placed = []
        for piece in chunk.pieces:
            base = Base(self._records, self._lines, chunk.offset + piece.start)
            placed.append(Placed(base, piece.content))
            self._records += piece.content.records
            self._lines += piece.content.lines
        return placed
