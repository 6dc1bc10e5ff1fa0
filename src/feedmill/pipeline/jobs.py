"""One job: a chunk in, a batch out, whatever happens.

What the kernel or a user's callback raises is this job's failure and no other's. The chunk is then taken
apart: halved at a record's end, each half parsed on its own, and so on down to single records. Those that
raise on their own become rejects of the whole record, with the code ``callback``; all others are processed as
if nothing had happened.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedmill.crew import count_records
from feedmill.errors import one_line
from feedmill.pipeline.pace import ChunkPace
from feedmill.pipeline.parsed import Broken, ParsedChunk, Piece
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.records import RAW_BYTES, reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feedmill.kernel import Batch, Plan
    from feedmill.pipeline.config import PlannedFeed
    from feedmill.pipeline.pace import Pace

_log = logging.getLogger("feedmill.pipeline")


@dataclass(frozen=True, slots=True)
class ChunkJob:
    """A job for the pool, which shows it by what it is about: `parse_chunk` with its arguments."""

    feed: PlannedFeed
    number: int
    chunk: Chunk
    buffers: BufferPool | None
    pace: Pace
    prepare: Callable[[Batch], None] | None = None

    def __call__(self) -> ParsedChunk:
        """Do it."""
        pace = self.pace.take(self.number, self.chunk)
        records = 0
        try:
            parsed = parse_chunk(self.feed, self.number, self.chunk, self.buffers, pace)
            records = parsed.records
            if self.prepare is not None:
                for piece in parsed.pieces:
                    if not isinstance(piece.content, Broken):
                        self.prepare(piece.content)
        finally:
            self.pace.done(pace, records)
        return parsed

    def __str__(self) -> str:
        return f"bytes {self.chunk.offset} to {self.chunk.end} of {self.chunk.feed}"


def parse_chunk(
    feed: PlannedFeed, number: int, chunk: Chunk, buffers: BufferPool | None, pace: ChunkPace | None = None
) -> ParsedChunk:
    """Make batches of a chunk and give its buffer back.

    Parameters
    ----------
    feed : PlannedFeed
        Where the chunk is from.
    number : int
        Index of the feed.
    chunk : Chunk
        Whole records, or one damaged one.
    buffers : BufferPool or None
        Where the buffer is from.
    pace : ChunkPace, optional
        Told which record a callback is at.
    """
    pace = pace or ChunkPace(number, chunk)
    has_failed = False
    try:
        try:
            pieces: tuple[Piece, ...] = (Piece(0, feed.parse(chunk, pace)),)
        except Exception as error:
            _log.error(
                "parsing bytes %d to %d of feed %s raised: %s",
                chunk.offset,
                chunk.end,
                chunk.feed,
                one_line(error),
                # A traceback takes 50 ms to write, and every chunk of a feed may fail.
                exc_info=_log.isEnabledFor(logging.DEBUG),
            )
            has_failed = True
            pieces = tuple(_take_apart(feed, chunk, 0, chunk.size, error, pace))
    finally:
        if buffers is not None:
            buffers.release(chunk)
    records = sum(piece.content.records for piece in pieces)
    count_records(records)
    return ParsedChunk(
        feed=number,
        offset=chunk.offset,
        end=chunk.end,
        lines_before=chunk.lines_before,
        stored=chunk.end - chunk.offset if chunk.stored is None else chunk.stored,
        pieces=pieces,
        has_failed=has_failed,
        records=records,
        failures=sum(piece.content.failures for piece in pieces),
        dropped=sum(getattr(piece.content, "dropped", 0) for piece in pieces),
        nbytes=sum(piece.content.nbytes for piece in pieces),
    )


def _take_apart(
    feed: PlannedFeed, chunk: Chunk, lo: int, hi: int, error: Exception, pace: ChunkPace
) -> Iterator[Piece]:
    """Parse the halves of what raised `error`, or give up on it if it is one record.

    Raises
    ------
    MemoryError
        There is not enough for one record.
    """
    data = bytes(memoryview(chunk.data)[lo:hi])
    middle = len(data) if chunk.damage else _middle(feed.plan, data)
    if middle == len(data):
        if isinstance(error, MemoryError):
            # That is not the record's fault: with more memory it would be a good one.
            raise error
        raw = data[:RAW_BYTES].rstrip(b"\r\n")
        yield Piece(lo, Broken(data.count(b"\n"), raw, reason(error)))
        return
    for start, end in ((0, middle), (middle, len(data))):
        part = bytearray(data[start:end])
        half = Chunk(chunk.seq, chunk.feed, chunk.offset + lo + start, part, len(part))
        try:
            yield Piece(lo + start, feed.parse(half, pace))
        except Exception as inner:
            yield from _take_apart(feed, chunk, lo + start, lo + end, inner, pace)


def _middle(plan: Plan, data: bytes) -> int:
    """Find the end of a record, near the middle; all of `data` if it is one record."""
    low = len(data) // 2
    end = _last_record_end(plan, data, low)
    if end:
        return end
    # The first record goes beyond the middle. Its end is the least size that has a whole record.
    high = len(data)
    while high - low > 1:
        size = (low + high) // 2
        if _last_record_end(plan, data, size):
            high = size
        else:
            low = size
    return _last_record_end(plan, data, high) or len(data)


def _last_record_end(plan: Plan, data: bytes, size: int) -> int:
    if plan.dialect.format == "jsonl":
        return data.rfind(b"\n", 0, size) + 1
    return plan.last_record_end(data, size)
