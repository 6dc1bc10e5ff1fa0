"""The unit of work on its way in, and the memory it travels in.

A first-touched page costs about 2 µs, so a reader that takes fresh memory for each chunk spends more on pages
than on reading. Buffers are therefore recycled: whoever has finished with a chunk gives it back. Nothing
breaks if nobody does; it is only slower.
"""

from dataclasses import dataclass
from threading import Lock
from typing import Final

__all__ = ["PADDING", "BufferPool", "Chunk"]

PADDING: Final = 64
"""Spare bytes behind a buffer's last: the kernel may load whole vectors, the reader puts a row end there."""


@dataclass(slots=True)
class Chunk:
    """A run of whole records of one feed: one job.

    Parameters
    ----------
    seq : int
        Number of the chunk, from 0, over all feeds of a run.
    feed : str
        Name of the feed it is from.
    offset : int
        Where it starts in the (decompressed, transcoded) feed, bytes from 0.
    data : bytearray
        Holds the records at its start. It goes back to the pool when the kernel is done with it.
    size : int
        Bytes of `data` in use.
    damage : "", "unclosed_quote" or "record_too_long"
        If not empty, the whole chunk is one record with this reject.
    is_first : bool
        Whether it is the first chunk of its feed: record and line numbers start anew.
    skipped : int
        Bytes of the feed after `size` that belong to the damaged record but are not in `data`.
    lines_before : int
        Physical lines that end between the previous chunk's last byte and this one's first: header and
        skipped rows before the first chunk, the end of a line that was too long.
    stored : int or None
        Bytes of the feed as it is stored, compressed or in another encoding, read since the previous chunk;
        None where that is not known.
    """

    seq: int
    feed: str
    offset: int
    data: bytearray
    size: int
    damage: str = ""
    is_first: bool = False
    skipped: int = 0
    lines_before: int = 0
    stored: int | None = None

    @property
    def end(self) -> int:
        """Where the next record starts in the feed, bytes."""
        return self.offset + self.size + self.skipped


class BufferPool:
    """Keep buffers that are done with, for the next chunk.

    Parameters
    ----------
    max_idle_bytes : int
        The most it keeps while nobody uses them. More than the channels hold would never be asked for.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, max_idle_bytes: int = 64 << 20) -> None:
        self._max_idle_bytes = max_idle_bytes
        self._idle: list[bytearray] = []  # guarded by _lock
        self._idle_bytes = 0  # guarded by _lock
        self._lock = Lock()

    def take(self, size: int) -> bytearray:
        """Hand out a buffer of at least `size` bytes and the padding; what it holds is undefined."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if len(self._idle[index]) >= size + PADDING:
                    buffer = self._idle.pop(index)
                    self._idle_bytes -= len(buffer)
                    return buffer
        return bytearray(size + PADDING)

    def give(self, buffer: bytearray) -> None:
        """Take a buffer back; the caller must not touch it again."""
        with self._lock:
            if self._idle_bytes + len(buffer) <= self._max_idle_bytes:
                self._idle.append(buffer)
                self._idle_bytes += len(buffer)

    def release(self, chunk: Chunk) -> None:
        """Take back the buffer of a chunk that has been parsed. A second time is harmless."""
        buffer, chunk.data = chunk.data, bytearray()
        if buffer:
            self.give(buffer)
