"""What becomes of a chunk: a batch; or several, and between them the records that cannot be processed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedmill.records import unprocessed

if TYPE_CHECKING:
    from feedmill.kernel import Batch
    from feedmill.records import Base, Reject


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that cannot be processed; it looks like a batch of one failure.

    Attributes
    ----------
    lines : int
        Row-end bytes in it.
    raw : bytes
        Its first bytes.
    error : str
        What it made the kernel, or a callback, raise.
    """

    lines: int
    raw: bytes
    error: str
    records: int = 1
    failures: int = 1
    dropped: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, about."""
        return len(self.raw)

    def reject(self, base: Base) -> Reject:
        """Make its one finding."""
        return unprocessed(base.position(0, 0, 0), self.error, self.raw)


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch, or a broken record, and where it starts in its chunk (bytes)."""

    start: int
    content: Batch | Broken


@dataclass(frozen=True, slots=True)
class ParsedChunk:
    """What became of a chunk.

    Attributes
    ----------
    feed : int
        Index of its feed.
    offset, end : int
        Its first byte in the feed, and where the next chunk starts.
    lines_before : int
        Physical lines between the previous chunk and this one.
    stored : int
        Bytes of the feed as it is stored that were read for it.
    pieces : tuple of Piece
        One, unless the job failed.
    has_failed : bool
        Whether parsing it raised.
    records, failures, nbytes, dropped, duplicates : int
        Over all pieces; `dropped` by a callback, `duplicates` as another record has their key.
    """

    feed: int
    offset: int
    end: int
    lines_before: int
    stored: int
    pieces: tuple[Piece, ...]
    has_failed: bool
    records: int
    failures: int
    nbytes: int
    dropped: int = 0
    duplicates: int = 0
