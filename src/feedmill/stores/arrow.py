"""Parquet and Arrow files as stores, through pyarrow (the extra ``feedmill[arrow]``).

The kernel's columns are what is written; no record is looked at in Python. Batches are gathered into groups
whose ends depend on the batches alone, so a file is the same for any number of workers. As with other files,
it appears when the run finishes.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final, Protocol, cast

from feedmill.errors import StoreError, UsageError
from feedmill.kernel import empty_batch
from feedmill.stores.outfile import OutFile
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo

if TYPE_CHECKING:
    from collections.abc import Buffer

    import pyarrow as pa

    from feedmill.schema import Schema
    from feedmill.stores.url import Target

GROUP_ROWS: Final = 100_000
"""Rows of a group from which on it is written: readers skip by groups, and each costs some hundred bytes."""

GROUP_BYTES: Final = 32 << 20
"""The same in bytes of memory, for wide records."""


class ArrowSink:
    """A Parquet or Arrow file that records are written to.

    Parameters
    ----------
    target : Target
        Of kind ``parquet`` or ``arrow``.
    schema : Schema
        Its fields are the columns; see `Batch.__arrow_c_array__` for their types.
    mode : str, default "replace"
        No other: such a file cannot be added to.

    Raises
    ------
    UsageError
        Another mode, or pyarrow is not installed.

    Thread safety
    -------------
    as `protocol.Sink` says
    """

    lanes = 1

    def __init__(self, target: Target, schema: Schema, mode: str | None = None) -> None:
        if mode not in {None, "replace"}:
            raise UsageError(
                f"{target.path}: such a file is written whole; load it with --mode replace, not {mode}."
            )
        self._target = target
        self._schema = schema
        self._file: OutFile | None = None
        self._groups: _Groups | None = None

    def begin(self, run: RunInfo) -> RunInfo:
        """Open the file beside its target."""
        if run.resume:
            raise UsageError(
                f"{self._target.path}: a file is written whole and cannot be resumed; run without --resume."
            )
        try:
            import pyarrow as pa
        except ImportError:
            raise UsageError(
                f"{self._target.path}: writing columns takes pyarrow; install feedmill[arrow]."
            ) from None
        columns = pa.schema(empty_batch(self._schema))
        self._file = OutFile(self._target.path, StoreError)
        self._into = _Into(self._file)
        self._groups = _Groups(_writer(self._target.kind, self._into, columns), columns)
        return run

    def lane(self, number: int) -> ArrowLane:  # noqa: ARG002 - there is one
        """Return the only lane."""
        if self._groups is None:
            raise UsageError("A lane was opened before the run was begun; call begin first.")
        return ArrowLane(self._groups)

    def finish(self) -> None:
        """Write what is left, and let the file appear."""
        if self._file is not None and self._groups is not None:
            self._groups.close()
            self._file.commit()

    def abort(self) -> None:
        """Leave the target as it was."""
        if self._file is not None:
            self._into.detach()
            self._file.discard()


class ArrowLane:
    """The lane of such a file.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, groups: _Groups) -> None:
        self._groups = groups

    def apply(self, part: RangePart) -> LaneOutcome:
        """Add a part's rows; each counts as inserted."""
        rows = 0
        for piece in part.slices:
            self._groups.add(piece.batch)
            rows += piece.batch.rows
        return LaneOutcome(inserted=rows)

    def close(self) -> None:
        """Do nothing: the sink decides whether the file appears."""


class _Groups:
    """Batches on their way into a file, gathered.

    Thread safety
    -------------
    one thread at a time
    """

    def __init__(self, writer: _Writer, columns: pa.Schema) -> None:
        self._writer = writer
        self._columns = columns
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def add(self, batch: object) -> None:
        import pyarrow as pa

        taken = pa.record_batch(batch)
        self._batches.append(taken)
        self._rows += taken.num_rows
        self._bytes += taken.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the file's end."""
        if self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa

        table = pa.Table.from_batches(self._batches, self._columns).combine_chunks()
        self._writer.write_table(table, self._rows)
        self._batches, self._rows, self._bytes = [], 0, 0


class _Into(io.RawIOBase):
    """The file as pyarrow sees it, which writes its last bytes whenever it lets go of it."""

    def __init__(self, file: OutFile) -> None:
        self._file: OutFile | None = file

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        if self._file is not None:
            self._file.write(bytes(data))
        return len(memoryview(data))

    def detach(self) -> None:
        """Write nothing any more: the file is given up."""
        self._file = None


class _Writer(Protocol):
    """What both of pyarrow's writers have."""

    def write_table(self, table: pa.Table, rows: int) -> None: ...
    def close(self) -> None: ...


def _writer(kind: str, into: _Into, columns: pa.Schema) -> _Writer:
    import pyarrow as pa

    if kind == "arrow":
        return cast("_Writer", pa.ipc.new_file(into, columns))
    import pyarrow.parquet

    return cast("_Writer", pyarrow.parquet.ParquetWriter(into, columns))
