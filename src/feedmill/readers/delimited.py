"""Delimited text as a source: CSV, TSV and their relatives.

Opening a feed reads its head, so that the columns are known and a feed that does not fit is refused before
anything is written. Iterating yields the records. Where a record ends is decided by the kernel's own rules:
the reader asks a plan made of the same dialect.
"""

from collections.abc import Mapping

from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.kernel import Batch, Plan
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.header import bind, read_columns, text_plan
from feedmill.readers.opened import OpenFeed, Stacked
from feedmill.schema import Schema

__all__ = ["DelimitedReader"]


class DelimitedReader(OpenFeed):
    """Read one delimited feed.

    Parameters
    ----------
    stack : Stacked
        The feed's sources.
    dialect : Dialect
    buffers : BufferPool
    chunk_size : int
        Bytes of a chunk, about.

    Raises
    ------
    HeaderError
        If there should be a header and there is none, or it cannot be decoded.
    ReadError
        If the feed breaks off in its head.

    Thread safety
    -------------
    one thread, which reads; `bytes_read` and `parse` from any thread

    Attributes
    ----------
    dialect : Dialect
        What a plan for this feed's chunks has to be made with.
    columns : tuple of str or None
        The header; None if the feed has none.
    """

    def __init__(self, stack: Stacked, dialect: Dialect, buffers: BufferPool, chunk_size: int) -> None:
        super().__init__(stack, dialect, text_plan(1, dialect), buffers, chunk_size)
        self.columns = self._read_header() if dialect.header else None

    def bind(self, schema: Schema, mapping: Mapping[str, str] | None = None) -> tuple[str, ...] | None:
        """Hold the header against a schema; see `feedmill.readers.header.bind`."""
        return bind(schema, self.columns, mapping, feed=self.name)

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Let the kernel make a batch of a chunk."""
        return plan.parse(chunk.data, chunk.size, damage=chunk.damage)

    def _read_header(self) -> tuple[str, ...]:
        """Pass over everything that stands before the first record, keeping the header's rows."""
        wanted = self.dialect.header_rows
        rows = []
        for number in range(1, wanted[-1] + 1):
            row = self._take_row()
            if row is None:
                why = "the feed is empty" if self._is_empty else f"the feed ends before row {number}"
                raise HeaderError(f"feed {self.name} has no header: {why}")
            if number in wanted:
                rows.append(row)
        return read_columns(rows, self.dialect, self.name)

    def _take_row(self) -> bytes | None:
        """Take the next row that is neither empty nor a comment."""
        cutter, dialect = self._cutter, self.dialect
        comment = (dialect.comment or "").encode()
        while True:
            if comment and cutter.peek(1) == comment:
                cutter.pass_line()
                continue
            try:
                row = cutter.take_record()
            except ValueError:
                raise HeaderError(
                    f"feed {self.name}: the header at byte {cutter.offset} never ends: a quote stays open "
                    "(--quote), its rows end with carriage returns alone (--sniff), or it is longer than "
                    f"{dialect.max_record_bytes} bytes (--max-record-bytes)"
                ) from None
            if row is None or row.rstrip(b"\r\n"):
                return row
