"""Cut a stream of bytes into chunks of whole records.

The bytes not yet handed on are the *region*. It always begins where a record begins::

    offset
      ├── whole records ──┬── the start of one ──┤ free │
      └───── chunk ───────┘ moves to the front of the next buffer

A record that does not fit makes the region grow, up to the longest record allowed and its row end. A region
that is then still one unfinished record is damaged, and so is an open quote at the end of the feed:

- its first physical line becomes a chunk of its own, `unclosed_quote`, and reading goes on behind it as if
  nothing were open: a lost quote costs one line, not the rest of the feed;
- a line that is longer than a record may be becomes a chunk with its beginning, `record_too_long`, and the
  rest of it is passed over without being kept.

A region is never larger than the longest record, so whether a record is damaged depends on the feed alone,
never on the size of chunks or on how the bytes arrived.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from feedmill.errors import ReadError
from feedmill.readers.blocks import ByteSource
from feedmill.readers.buffers import BufferPool, Chunk

__all__ = ["Cutter", "LineRules", "Splitter"]

_ROW_END_BYTES: Final = 2  # CR LF
_PATIENCE_S: Final = 1.0  # how long a stream may be silent before what it brought so far is handed on


class Splitter(Protocol):
    """Knows where records end; `feedmill.kernel.Plan` is one."""

    def last_record_end(self, data: bytearray, size: int) -> int:
        """Return the offset just past the last whole record, 0 if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class LineRules:
    """What the cutter has to know about lines.

    Parameters
    ----------
    row_end : bytes
        The byte that ends a line.
    max_record_bytes : int
        Bytes a record may have, its row end not counted.
    can_be_open : bool
        Whether an unfinished record can be one with an open quote.
    comment : bytes
        What a line that is no record starts with; empty if there are no such lines.
    """

    row_end: bytes
    max_record_bytes: int
    can_be_open: bool
    comment: bytes = b""


class Cutter:
    """Read a source and cut it.

    Parameters
    ----------
    source : ByteSource
    splitter : Splitter
    rules : LineRules
    buffers : BufferPool
        Gives the buffers that chunks leave in.
    chunk_size : int
        Bytes of a chunk, about.

    Thread safety
    -------------
    one thread

    Attributes
    ----------
    offset : int
        Where the region starts in the feed, bytes.
    lines : int
        Physical lines passed over since the last chunk.
    """

    def __init__(
        self, source: ByteSource, splitter: Splitter, rules: LineRules, buffers: BufferPool, chunk_size: int
    ) -> None:
        self.offset = 0
        self.lines = 0
        self._source = source
        self._splitter = splitter
        self._rules = rules
        self._buffers = buffers
        self._limit = rules.max_record_bytes + _ROW_END_BYTES
        self._chunk_size = min(chunk_size, self._limit)
        self._capacity = self._chunk_size
        self._buffer = buffers.take(self._capacity)
        self._used = 0
        self._at_end = False
        self._fault: ReadError | None = None

    # ── the head of a feed, before there are chunks ──

    def peek(self, count: int) -> bytes:
        """Return the region's first `count` bytes, fewer at the end of the feed."""
        while self._used < count and self._fill():
            pass
        return bytes(self._buffer[: min(count, self._used)])

    def pass_over(self, count: int) -> None:
        """Drop bytes of the region that `peek` has shown."""
        self._keep_from(count)

    def pass_line(self) -> bool:
        """Drop one physical line, however long; False if there is none."""
        if not self._used and not self._fill():
            return False
        self._skip_line()
        return True

    def take_record(self) -> bytes | None:
        """Take the first record with its row end; None at the end of the feed.

        Raises
        ------
        ValueError
            If the region starts with a damaged record.
        ReadError
            If the feed broke off before the record's end.
        """
        looked_at = 0
        while True:
            end = self._row_end_from(looked_at)
            while end:
                if self._splitter.last_record_end(self._buffer, end) == end:
                    return self._take(end, lines=self._buffer.count(self._rules.row_end, 0, end))
                looked_at = end
                end = self._row_end_from(looked_at)
            if not self._fill():
                break
        if self._fault:
            raise self._fault
        if not self._used:
            return None
        if not self._at_end or self._is_open():
            raise ValueError("the record does not end")
        return self._take(self._used, lines=0)

    # ── chunks ──

    def chunks(self, feed: str, first_seq: int) -> Iterator[Chunk]:
        """Yield the rest of the feed.

        Raises
        ------
        ReadError
            If the feed broke off, after the whole records before the fault have been yielded.
        """
        is_first = True
        for chunk in self._cut():
            chunk.feed, chunk.seq, chunk.is_first = feed, first_seq, is_first
            yield chunk
            first_seq += 1
            is_first = False
        if self._fault:
            raise self._fault

    def release(self) -> None:
        """Give the region's buffer back; the cutter is of no use afterwards."""
        buffer, self._buffer, self._used, self._at_end = self._buffer, bytearray(), 0, True
        if buffer:
            self._buffers.give(buffer)

    def _cut(self) -> Iterator[Chunk]:
        """Yield chunks that know their bytes, not yet their feed."""
        while True:
            grew = self._fill()
            end = self._splitter.last_record_end(self._buffer, self._used) if self._used else 0
            if end:
                yield self._chunk(end)
            elif grew:
                continue
            elif not self._used or self._fault:
                return
            elif self._at_end and not self._is_open():
                yield self._chunk(self._used)
            elif self._rules.comment and self._buffer.startswith(self._rules.comment):
                self._skip_line()
            else:
                yield self._damaged()

    def _chunk(self, size: int, damage: str = "") -> Chunk:
        """Hand the first bytes of the region on, in its buffer."""
        chunk = Chunk(-1, "", self.offset, self._buffer, size, damage, lines_before=self.lines)
        rest = self._used - size
        self._capacity = max(self._chunk_size, rest)
        self._buffer = self._buffers.take(self._capacity)
        memoryview(self._buffer)[:rest] = memoryview(chunk.data)[size : self._used]
        self._used = rest
        self.offset += size
        self.lines = 0
        return chunk

    def _damaged(self) -> Chunk:
        """Make a chunk of the first line of a region that is one unfinished record."""
        line = self._row_end_from(0)
        if self._content(line or self._used) <= self._rules.max_record_bytes:
            damage = "unclosed_quote" if self._rules.can_be_open and self._is_open() else "record_too_long"
            return self._chunk(line or self._used, damage)
        chunk = self._chunk(min(self._used, self._rules.max_record_bytes), "record_too_long")
        self._skip_line()
        chunk.skipped = self.offset - chunk.end
        return chunk

    # ── the region ──

    def _fill(self) -> bool:
        """Read until the region's buffer is full, in a larger one if need be; False if nothing came."""
        before = self._used
        if self._used == self._capacity and self._capacity < self._limit:
            self._grow()
        while self._used < self._capacity and not self._at_end:
            if self._used > before and self._source.is_silent(_PATIENCE_S):
                break
            with memoryview(self._buffer) as view:
                try:
                    count = self._source.readinto(view[self._used : self._capacity])
                except ReadError as fault:
                    self._fault = fault
                    count = 0
            self._at_end = not count
            self._used += count
        return self._used > before

    def _grow(self) -> None:
        """Move the region into a buffer of twice the size."""
        self._capacity = min(2 * self._capacity, self._limit)
        larger = self._buffers.take(self._capacity)
        memoryview(larger)[: self._used] = memoryview(self._buffer)[: self._used]
        self._buffers.give(self._buffer)
        self._buffer = larger

    def _is_open(self) -> bool:
        """Tell whether a row end after the region would not end its record, because a quote is open."""
        if not self._rules.can_be_open:
            return False
        self._buffer[self._used] = self._rules.row_end[0]  # in the padding at the latest
        return not self._splitter.last_record_end(self._buffer, self._used + 1)

    def _row_end_from(self, start: int) -> int:
        """Return the offset just past the first row end from `start` on, 0 if there is none."""
        return self._buffer.find(self._rules.row_end, start, self._used) + 1

    def _content(self, line: int) -> int:
        """Count the bytes of the region's first line, `line` bytes with its row end if it has one."""
        if not self._buffer.startswith(self._rules.row_end, line - 1):
            return line
        has_cr = self._rules.row_end == b"\n" and self._buffer.startswith(b"\r\n", line - 2)
        return line - 2 if line > 1 and has_cr else line - 1

    def _take(self, size: int, lines: int) -> bytes:
        """Copy the first bytes of the region out of it."""
        record = bytes(self._buffer[:size])
        self._keep_from(size)
        self.lines += lines
        return record

    def _skip_line(self) -> None:
        """Drop the region's first line, reading as far as it goes and keeping nothing of it."""
        while True:
            end = self._row_end_from(0)
            self._keep_from(end or self._used)
            if end:
                self.lines += 1
                return
            if not self._fill():
                return

    def _keep_from(self, start: int) -> None:
        """Drop the first bytes of the region."""
        rest = self._used - start
        with memoryview(self._buffer) as view:
            view[:rest] = view[start : self._used]  # may overlap: memoryview moves, it does not copy twice
        self._used = rest
        self.offset += start
