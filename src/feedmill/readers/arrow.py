"""Columns as a source: Parquet and Arrow files, and whatever offers an Arrow stream.

pyarrow (the extra ``feedmill[arrow]``) takes files and streams apart into record batches; each is cut into
chunks of about the usual size. A chunk carries its rows and no bytes. In the worker its cells go through the
same plan as any feed's, in one of two ways that come to the same values and findings (`arrow_values`): where
all columns have a notation that their field is sure to read as these very values, as text, written and read
without the GIL; otherwise as values of Python, by the rules of `Schema.validate`.

Records have no lines and bytes here: a finding's ``line`` is the record's number, and its ``byte`` counts
what earlier chunks hold in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self, cast, runtime_checkable

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import FeedError, ReadError, UsageError, one_line
from feedmill.kernel import Batch, Builder, Finding, Plan, WrappedBatch
from feedmill.readers.arrow_values import field_of, text_of, values_of
from feedmill.readers.blocks import FileSource, Fingerprint
from feedmill.readers.buffers import Chunk
from feedmill.readers.header import bind
from feedmill.records import RAW_BYTES, reason

if TYPE_CHECKING:
    from types import CapsuleType

    import pyarrow as pa

    from feedmill.schema import Field, Schema

__all__ = ["ArrowReader", "ArrowStreamable", "is_columnar"]

_PARQUET: Final = b"PAR1"
_ARROW: Final = b"ARROW1"
_BATCH_ROWS: Final = 16_384
"""Rows that are asked of a Parquet file at a time: some chunks' worth."""
_ESCAPED: Final = re.compile(rb"\xed([\xb2\xb3])([\x80-\xbf])")
"""A lone surrogate that stands for a byte: U+DC80 to U+DCFF."""


@runtime_checkable
class ArrowStreamable(Protocol):
    """Whatever offers an Arrow stream: a table of pyarrow's, a frame of Polars', a relation of DuckDB's."""

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType:
        """Give an "arrow_array_stream"."""
        ...


@dataclass(slots=True)
class ArrowChunk(Chunk):
    """A chunk of rows; `data` is empty, and `size` the memory that they take."""

    rows: pa.RecordBatch | None = None


def is_columnar(path: str) -> bool:
    """Whether a path is a Parquet or an Arrow file, by its first bytes; a pipe is not looked at."""
    return _magic(path) != b""


class ArrowReader:
    """Read one source of columns.

    Parameters
    ----------
    feed : str or ArrowStreamable
        A file, or an object, which is read once.
    chunk_size : int
        Bytes of a chunk in memory, about.

    Raises
    ------
    UsageError
        pyarrow is not installed.
    FeedError
        It cannot be opened, or is no table.

    Thread safety
    -------------
    one thread, which reads; `bytes_read` and `parse` from any thread

    Attributes
    ----------
    columns : None
        There is no header line that a failed record could be put under.
    """

    def __init__(self, feed: str | ArrowStreamable, chunk_size: int) -> None:
        self.dialect = Dialect(header=False, null="")
        self.columns: tuple[str, ...] | None = None
        self._chunk_size = chunk_size
        self._file: FileSource | None = None
        self._places: list[int | None] = []
        self.bytes_read = 0
        if isinstance(feed, str):
            self._file = FileSource(feed)
            self.name = feed
        else:
            self.name = f"Arrow stream ({type(feed).__name__})"
        try:
            self._table = _opened(feed)
        except ImportError:
            self.close()
            raise UsageError(
                f"feed {self.name}: reading columns takes pyarrow; install feedmill[arrow]."
            ) from None
        except Exception as error:
            self.close()
            raise FeedError(f"feed {self.name} cannot be read as a table: {one_line(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Chunk]:
        return self.chunks()

    @property
    def bytes_total(self) -> int | None:
        """Bytes of the file; None for a stream."""
        return self._file.bytes_total if self._file else None

    @property
    def fingerprint(self) -> Fingerprint | None:
        """What tells the file from others; None for a stream."""
        return self._file.fingerprint() if self._file else None

    def fields(self) -> tuple[Field, ...]:
        """Declare the columns as what they are.

        Raises
        ------
        UsageError
            A column is of a type that no field reads.
        """
        fields = []
        for name, kind in zip(self._table.schema.names, self._table.schema.types, strict=True):
            field = field_of(name, kind)
            if field is None:
                raise UsageError(
                    f"feed {self.name}: column {name!r} is {kind}, which no type of Table Schema reads; "
                    "leave it out, or make it text."
                )
            fields.append(field)
        return tuple(fields)

    def bind(self, schema: Schema, mapping: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
        """Say which column feeds which field; the plan is one for records of the schema's fields.

        Raises
        ------
        HeaderError
            As `feedmill.readers.header.bind`.
        """
        bound = bind(schema, self._table.schema.names, mapping, feed=self.name) or ()
        self._places = [bound.index(name) if name in bound else None for name in schema.names]
        return None

    def chunks(self, first_seq: int = 0) -> Iterator[Chunk]:
        """Yield the rows in chunks, numbered from `first_seq`. Once: what has been read is gone.

        Raises
        ------
        ReadError
            If the source broke off.
        """
        offset = seq = rows = 0
        batches = self._table.batches
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:
                raise ReadError(
                    f"feed {self.name} cannot be read on after record {rows}: {one_line(error)}"
                ) from error
            if batch is None:
                return
            for piece in _sliced(batch, self._chunk_size):
                rows += piece.num_rows
                before, self.bytes_read = self.bytes_read, self._stored(rows)
                chunk = ArrowChunk(
                    seq=first_seq + seq,
                    feed=self.name,
                    offset=offset,
                    data=bytearray(),
                    size=max(piece.nbytes, piece.num_rows),
                    is_first=seq == 0,
                    stored=self.bytes_read - before,
                    rows=piece,
                )
                yield chunk
                offset, seq = chunk.end, seq + 1

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Make a batch of a chunk's rows."""
        rows = cast("ArrowChunk", chunk).rows
        assert rows is not None
        columns = [None if place is None else rows.column(place) for place in self._places]
        # It answers everything a Batch is asked.
        return cast("Batch", _parsed(columns, rows.num_rows, plan) or _built(columns, rows.num_rows, plan))

    def close(self) -> None:
        """Close the source. A second time is harmless."""
        if self._file is not None:
            self._file.close()

    def _stored(self, rows: int) -> int:
        """Say how much of the file so many rows are, if all are alike."""
        if self.bytes_total is None or not self._table.rows:
            return 0
        return self.bytes_total * rows // self._table.rows


class RowBatch(WrappedBatch):
    """A batch of rows, which stand on lines of their own number.

    Attributes
    ----------
    errors : mapping of int to str
        By record, what the kernel raised.
    """

    def __init__(
        self, batch: Batch, errors: Mapping[int, str] | None = None, raws: Sequence[bytes] = ()
    ) -> None:
        super().__init__(batch)
        # Only what was made of values of Python has bytes that are no text as surrogates.
        self._is_escaped = errors is not None
        errors = errors or {}
        self.lines = batch.records
        self.errors = errors
        self._raised: list[Finding] = [
            (int(Code.CALLBACK), -1, record, record, 0, len(raw), raw[:RAW_BYTES])
            for record, raw in zip(errors, raws, strict=True)
        ]

    def rejects(self) -> list[Finding]:
        """List the findings, with what was raised."""
        found = [
            (code, index, record, record, 0, length, _unescaped(raw) if self._is_escaped else raw)
            for code, index, record, _line, _byte, length, raw in self.inner.rejects()
        ]
        return sorted([*found, *self._raised], key=itemgetter(2)) if self._raised else found

    def place(self, record: int) -> tuple[int, int]:
        """Say where a record stands: on the line of its number."""
        return record, 0

    def reject_counts(self) -> dict[tuple[int, int], int]:
        """Count the findings by code and field."""
        counts = self.inner.reject_counts()
        return counts if not self._raised else counts | {(int(Code.CALLBACK), -1): len(self._raised)}


def _parsed(columns: Sequence[pa.Array | None], rows: int, plan: Plan) -> RowBatch | None:
    """Make a batch of the columns as text; None if they have to be taken value by value."""
    try:
        text = text_of(columns, rows, plan.schema)
        return None if text is None else RowBatch(plan.parse(text))
    except Exception:  # whatever it is, it is of one record, and its neighbours know nothing of it
        return None


def _built(columns: Sequence[pa.Array | None], rows: int, plan: Plan) -> RowBatch:
    """Make a batch of values of Python, record by record."""
    nothing = [None] * rows
    cells = [nothing if column is None else values_of(column) for column in columns]
    builder = Builder(plan, rows)
    errors: dict[int, str] = {}
    raws: list[bytes] = []
    for number, values in enumerate(zip(*cells, strict=True)):
        record = dict(zip(plan.names, values, strict=True))
        try:
            builder.add(record, number, number, 0)
        except MemoryError:
            raise
        except Exception as error:  # what matches patterns may raise; its neighbours know nothing of it
            errors[number] = reason(error)
            raws.append(repr(record).encode("utf-8", "backslashreplace"))
    return RowBatch(builder.finish(rows, rows), errors, raws)


def _unescaped(raw: bytes) -> bytes:
    """Give back the bytes that `values_of` has made surrogates of."""
    return _ESCAPED.sub(lambda found: bytes([(found[1][0] - 0xB0) * 64 + found[2][0] - 0x80]), raw)


@dataclass(frozen=True, slots=True)
class _Table:
    """An open source: its columns' names and types, its rows if they are known, and its batches to come."""

    schema: pa.Schema
    rows: int
    batches: Iterator[pa.RecordBatch]


def _magic(path: str) -> bytes:
    """Read which kind of file of columns it is."""
    if not Path(path).is_file():
        return b""
    try:
        with Path(path).open("rb") as file:
            head = file.read(len(_ARROW))
    except OSError:
        return b""
    return next((magic for magic in (_PARQUET, _ARROW) if head.startswith(magic)), b"")


def _opened(feed: str | ArrowStreamable) -> _Table:
    import pyarrow as pa

    if not isinstance(feed, str):
        reader = pa.RecordBatchReader.from_stream(feed)
        return _Table(reader.schema, 0, iter(reader))
    # Not mapped into memory: a mapped file that somebody truncates ends the process.
    if _magic(feed) == _ARROW:
        file = pa.ipc.open_file(pa.OSFile(feed))
        return _Table(file.schema, 0, _stored_batches(file))
    import pyarrow.parquet

    parquet = pyarrow.parquet.ParquetFile(pa.OSFile(feed), pre_buffer=False)
    return _Table(parquet.schema_arrow, parquet.metadata.num_rows, parquet.iter_batches(_BATCH_ROWS))


def _stored_batches(file: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    """Read an Arrow file's batches; nobody has looked yet whether they point outside themselves."""
    for number in range(file.num_record_batches):
        batch = file.get_batch(number)
        batch.validate(full=True)
        yield batch


def _sliced(batch: pa.RecordBatch, chunk_size: int) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces of about so many bytes."""
    if not batch.num_rows:
        return
    step = max(1, min(batch.num_rows, chunk_size * batch.num_rows // max(batch.nbytes, 1)))
    for start in range(0, batch.num_rows, step):
        yield batch.slice(start, step)
