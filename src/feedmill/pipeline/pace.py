"""Which records take long, for the report of a stall: the one a callback has, and the slowest that are done.

Nothing is told, measured or counted record by record: that would make a simple callback dearer by half. The
numbers of a callback's records come from an iterator, which anybody may ask how far it is. So whoever looks
now and then, as the watchdog does, sees which record is still the same as before, and for how long at least.
Faster ones are known by their chunk, which is timed as a whole.

Where a record starts in its feed is known at once. Its number is known when all before it have been counted,
which the collector does.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from operator import length_hint
from time import perf_counter
from typing import TYPE_CHECKING

from feedmill.watchdog import TimedRecords

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedmill.kernel import Batch
    from feedmill.pipeline.parsed import ParsedChunk
    from feedmill.readers import Chunk

__all__ = ["ChunkPace", "Pace"]


@dataclass(frozen=True, slots=True)
class _Place:
    """Records of a chunk: so many from one on, counted from 0; where they are, and where their chunk is."""

    number: int
    records: int
    byte: int
    feed: int
    feed_name: str
    offset: int
    is_first: bool

    def told(self, before: int | None, seconds: float) -> TimedRecords:
        """Say which they are, if so many precede their chunk in its feed."""
        record = None if before is None else before + self.number + 1
        return TimedRecords(self.feed_name, self.byte, record, self.records, seconds)


class ChunkPace:
    """What one job is at.

    Parameters
    ----------
    feed : int
        Index of the chunk's feed.
    chunk : Chunk
        The job's.

    Thread safety
    -------------
    the job's thread enters and leaves; any may ask
    """

    __slots__ = ("_at", "_chunk", "_feed", "seen", "since_s", "started_s")

    def __init__(self, feed: int, chunk: Chunk) -> None:
        self._feed = feed
        self._chunk = chunk
        # Put in place as a whole, so that it needs no lock.
        self._at: tuple[Chunk, Batch, list[int], Iterator[int]] | None = None
        self.started_s = perf_counter()
        self.seen: _Place | None = None  # by `Pace.look`, whose lock guards it,
        self.since_s = 0.0  # first at this time

    def enter(self, chunk: Chunk, batch: Batch) -> Iterator[int]:
        """Hand out the numbers of a batch's records for a callback to go through, and be asked how far it is.

        The batch is that of the job's chunk, or of a part of it.
        """
        numbers = batch.numbers()
        turns = iter(numbers)
        self._at = chunk, batch, numbers, turns
        return turns

    def leave(self) -> None:
        """Take note that the callback is through."""
        self._at = None

    def record(self) -> _Place | None:
        """Tell which record a callback has; None if it has none."""
        at = self._at
        if at is None:
            return None
        chunk, batch, numbers, turns = at
        taken = len(numbers) - length_hint(turns)
        if not taken:
            return None
        number = numbers[taken - 1]
        _, byte = batch.place(number)
        return self._place(chunk, number, byte, 1)

    def whole(self, records: int) -> _Place:
        """Tell where the chunk is, which had so many records."""
        return self._place(self._chunk, 0, 0, records)

    def _place(self, chunk: Chunk, number: int, byte: int, records: int) -> _Place:
        start = chunk.offset
        return _Place(number, records, start + byte, self._feed, chunk.feed, start, chunk.is_first)


@dataclass(slots=True)
class _Slowest:
    """The slowest so far, and how many records precede its chunk, once that is known."""

    place: _Place
    seconds: float
    before: int | None


class Pace:
    """What the jobs of a run are at, and what took them longest.

    Thread safety
    -------------
    any thread
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._under_way: list[ChunkPace] = []
        self._looked_s = 0.0
        self._record: _Slowest | None = None  # that was seen more than once, and is done
        self._chunk: _Slowest | None = None
        # How far the collector has come: a feed, a chunk's offset in it, and the records before.
        self._reached = (0, 0, 0)

    def take(self, feed: int, chunk: Chunk) -> ChunkPace:
        """Take note that a job has begun with its chunk."""
        pace = ChunkPace(feed, chunk)
        with self._lock:
            self._under_way.append(pace)
        return pace

    def done(self, pace: ChunkPace, records: int) -> None:
        """Take note that a job is done with its chunk, which had so many records."""
        seconds = perf_counter() - pace.started_s
        with self._lock:
            self._under_way.remove(pace)
            self._is_past(pace)
            if records:
                self._chunk = self._slower(self._chunk, pace.whole(records), seconds)

    def collected(self, chunk: ParsedChunk, records: int) -> None:
        """Take note that all before a chunk's end are counted: so many of its feed."""
        with self._lock:
            self._reached = (chunk.feed, chunk.offset, records - chunk.records)
            for slowest in (self._record, self._chunk):
                if slowest is not None and slowest.before is None:
                    slowest.before = self._records_before(slowest.place)
            self._reached = (chunk.feed, chunk.end, records)

    def look(self) -> None:
        """See which records callbacks have; what is seen again is slow."""
        now = perf_counter()
        with self._lock:
            for pace in self._under_way:
                place = pace.record()
                if place != pace.seen:
                    self._is_past(pace)
                    pace.seen, pace.since_s = place, now
            self._looked_s = now

    def oldest(self) -> TimedRecords | None:
        """Tell which record a callback has had for longest, as was seen; None if it has none."""
        now = perf_counter()
        with self._lock:
            held = [(pace.since_s, pace.seen) for pace in self._under_way if pace.seen == pace.record()]
            since_s, place = min(held, key=lambda each: each[0], default=(0.0, None))
            return None if place is None else place.told(self._records_before(place), now - since_s)

    def slowest(self) -> TimedRecords | None:
        """Tell which record took longest, or the records of which chunk if none was seen more than once."""
        with self._lock:
            slowest = self._record or self._chunk
            return None if slowest is None else slowest.place.told(slowest.before, slowest.seconds)

    # All below are called with the lock held.

    def _is_past(self, pace: ChunkPace) -> None:
        """Take note that a callback no longer has the record that was seen."""
        if pace.seen is not None and self._looked_s > pace.since_s:
            self._record = self._slower(self._record, pace.seen, self._looked_s - pace.since_s)

    def _slower(self, slowest: _Slowest | None, place: _Place, seconds: float) -> _Slowest:
        if slowest is not None and slowest.seconds >= seconds:
            return slowest
        return _Slowest(place, seconds, self._records_before(place))

    def _records_before(self, place: _Place) -> int | None:
        """Count the records before a chunk in its feed, if that can be known by now."""
        if place.is_first:
            return 0
        feed, offset, records = self._reached
        return records if (feed, offset) == (place.feed, place.offset) else None
