"""A feed that is open: what its readers have in common, and what a run asks of any of them."""

from collections.abc import Iterator, Mapping
from typing import Final, Protocol, Self

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.readers.blocks import ByteSource, FileSource, Fingerprint
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.cutter import Cutter, LineRules, Splitter
from feedmill.schema import Schema

__all__ = ["OpenFeed", "Reader", "Stacked"]

_BOM: Final = b"\xef\xbb\xbf"


class Reader(Protocol):
    """What a run reads from.

    Attributes
    ----------
    dialect : Dialect
        What the plan for this feed's chunks has to be made with.
    columns : tuple of str or None
        The header; None where columns have no names, or stand in every record.
    """

    dialect: Dialect
    columns: tuple[str, ...] | None

    @property
    def name(self) -> str:
        """The feed's name, as it was given."""
        ...

    @property
    def bytes_total(self) -> int | None:
        """Bytes of the feed as it is stored; None for a stream."""
        ...

    @property
    def bytes_read(self) -> int:
        """Bytes of the feed as it is stored, read so far."""
        ...

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What tells the file from others; None for a stream."""
        ...

    def bind(self, schema: Schema, mapping: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
        """Say which column feeds which field; what it returns is the plan's `columns`."""
        ...

    def chunks(self, first_seq: int = 0) -> Iterator[Chunk]:
        """Yield the records, once."""
        ...

    def __iter__(self) -> Iterator[Chunk]: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Make a batch of a chunk; from any thread."""
        ...

    def close(self) -> None:
        """Close the feed."""
        ...


class Stacked(Protocol):
    """A feed twice: as it is stored, and as UTF-8 text."""

    @property
    def file(self) -> FileSource:
        """The feed as it is stored."""
        ...

    @property
    def text(self) -> ByteSource:
        """The feed in UTF-8."""
        ...


class OpenFeed:
    """Hold a feed's sources and its cutter; a reader adds the head and the records.

    Parameters
    ----------
    stack : Stacked
    dialect : Dialect
    splitter : Splitter
        Knows where the dialect's records end.
    buffers : BufferPool
    chunk_size : int
        Bytes of a chunk, about.

    Thread safety
    -------------
    one thread, which reads; `bytes_read` from any thread
    """

    def __init__(
        self, stack: Stacked, dialect: Dialect, splitter: Splitter, buffers: BufferPool, chunk_size: int
    ) -> None:
        self.dialect = dialect
        self._file, self._text = stack.file, stack.text
        rules = LineRules(
            row_end=dialect.row_end,
            max_record_bytes=dialect.max_record_bytes,
            can_be_open=dialect.quote is not None and dialect.format != "jsonl",
            comment=(dialect.comment or "").encode(),
        )
        self._cutter = Cutter(self._text, splitter, rules, buffers, chunk_size)
        if self._cutter.peek(len(_BOM)) == _BOM:
            self._cutter.pass_over(len(_BOM))
        self._is_empty = not self._cutter.peek(1)
        for _ in range(dialect.skip_rows):
            if not self._cutter.pass_line():
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks()

    @property
    def name(self) -> str:
        """The feed's name, as it was given."""
        return self._file.name

    @property
    def bytes_total(self) -> int | None:
        """Bytes of the feed as it is stored; None for a stream."""
        return self._file.bytes_total

    @property
    def bytes_read(self) -> int:
        """Bytes of the feed as it is stored that have been read so far."""
        return self._file.bytes_read

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What tells the file from others, as it was when it was opened; None for a stream."""
        return self._file.fingerprint()

    def chunks(self, first_seq: int = 0) -> Iterator[Chunk]:
        """Yield the records in chunks, numbered from `first_seq`. Once: what has been read is gone.

        Raises
        ------
        ReadError
            If the feed broke off, after the whole records before the fault have been yielded.
        """
        before = 0
        for chunk in self._cutter.chunks(self.name, first_seq):
            chunk.stored = self.bytes_read - before
            before += chunk.stored
            yield chunk

    def close(self) -> None:
        """Close the feed. A second time is harmless."""
        self._text.close()
        self._file.close()
        self._cutter.release()
