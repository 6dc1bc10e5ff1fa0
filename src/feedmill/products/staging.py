"""The staging table as a feed: raw records that something else put into ``product_integration_staging``.

::

    StagingTable.run     pages of the table, in id order ─▶ CSV chunks ─▶ the same pipeline as for a file
    StagingTable.mark    in each part's transaction: its rows get the run's id and their record numbers

A row is marked in the transaction that applies it, so it is processed once, whatever happens. Two runs over
one table do no harm: the one that comes second to a row stops, and leaves it as the first one did it.
"""

from __future__ import annotations

import csv
import io
import json
import threading
import uuid
from collections.abc import Iterator
from typing import Final

from feedmill.dialect import Dialect
from feedmill.errors import StoreError, UsageError
from feedmill.kernel import Batch, Plan
from feedmill.pipeline import Callback, PlannedFeed
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import FEED_COLUMNS, LANE_KEY
from feedmill.products.lot import SqlLot
from feedmill.readers import Chunk, bind
from feedmill.readers.buffers import PADDING
from feedmill.report import Report
from feedmill.runs import RunOptions, run_planned
from feedmill.schema import Schema
from feedmill.stores.protocol import RunInfo, Sink
from feedmill.stores.transaction import Transaction, Value, count

TABLE: Final = "product_integration_staging"
PAGE_ROWS: Final = 4_000
"""Rows of a chunk: about 1 MiB of a usual feed."""

# An unquoted empty cell is NULL; an empty text stands in quotes.
_DIALECT: Final = Dialect(header=False, null="")
_PAGE: Final = (
    f"SELECT id, {', '.join(FEED_COLUMNS)} FROM {TABLE}"
    f" WHERE processed_by IS NULL AND id > ? AND id <= ? ORDER BY id LIMIT {PAGE_ROWS}"
)


class StagingTable[T: Transaction]:
    """The records that wait in the staging table when a run begins; for `ProcessProducts.execute`.

    Parameters
    ----------
    database : SqlDatabase
        The job's own: rows are marked in its transactions.

    Thread safety
    -------------
    one run at a time; `mark` in that run's lane
    """

    def __init__(self, database: SqlDatabase[T]) -> None:
        self._database = database
        self._reader = _StagingReader(database)

    def run(self, schema: Schema, sink: Sink, options: RunOptions) -> Report:
        """Run what waits through the pipeline.

        Raises
        ------
        UsageError
            There is nothing to resume: rows that are not marked wait, and the next run takes them.
        """
        if options.resume:
            raise UsageError("a run over the staging table needs no --resume: the next run takes what waits.")
        columns = bind(schema, FEED_COLUMNS, options.mapping, feed=TABLE)
        self._reader = _StagingReader(self._database)
        transform = options.transform
        callback = Callback(transform, schema, LANE_KEY) if transform else None
        feed = PlannedFeed(self._reader, Plan(schema, _DIALECT, columns, LANE_KEY), callback)
        info = RunInfo(run_id=str(uuid.uuid4()), source="", feeds=(TABLE,))
        return run_planned([feed], info, schema.name, sink, options=options)

    def mark(self, lot: SqlLot[T]) -> None:
        """Mark the rows of a lot's range, in its transaction.

        Raises
        ------
        StoreError
            Another run has processed some of them meanwhile; nothing of the lot is applied.
        """
        rows = self._reader.rows_of(lot.part.lo, lot.part.hi)
        given = self._database.json_rows([("id", "bigint"), ("record", "bigint")])
        with self._database.probing(lot.transaction):
            marked = lot.transaction.execute(
                f"UPDATE {TABLE} SET processed_by = ?, record = given.record FROM ({given}) AS given"
                f" WHERE {TABLE}.id = given.id AND {TABLE}.processed_by IS NULL RETURNING {TABLE}.id",
                (lot.run.run_id, json.dumps(rows)),
            )
        if len(marked) != len(rows):
            raise StoreError(
                f"{TABLE}: {len(rows) - len(marked)} rows were processed by another run meanwhile; run again."
            )


class _StagingReader[T: Transaction]:
    """The table as the pipeline reads it.

    Thread safety
    -------------
    iterating: one thread; `rows_of`: another one
    """

    def __init__(self, database: SqlDatabase[T]) -> None:
        self._session = database.session("staging")
        self._lock = threading.Lock()
        # Guarded by _lock. By a chunk's offset: its rows' ids and record numbers; kept until they are marked.
        self._rows: dict[int, list[tuple[int, int]]] = {}

    def __iter__(self) -> Iterator[Chunk]:
        """Yield a chunk a page."""
        [(last,)] = self._read(f"SELECT coalesce(max(id), 0) FROM {TABLE} WHERE processed_by IS NULL", ())
        seq = offset = records = seen = 0
        while page := self._read(_PAGE, (seen, last)):
            ids = [count(row[0]) for row in page]
            with self._lock:
                self._rows[offset] = [(row_id, records + place) for place, row_id in enumerate(ids, 1)]
            data = _csv(page)
            size = len(data)
            yield Chunk(seq, TABLE, offset, data + bytes(PADDING), size, is_first=not seq)
            seq, offset, records, seen = seq + 1, offset + size, records + len(page), ids[-1]

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Let the kernel make a batch of a chunk."""
        return plan.parse(chunk.data, chunk.size)

    def rows_of(self, lo: int, hi: int) -> list[tuple[int, int]]:
        """List ids and record numbers of a range's rows, and forget those of the ranges before it."""
        with self._lock:
            for offset in [offset for offset in self._rows if offset < lo]:
                del self._rows[offset]
            return [row for offset, rows in self._rows.items() if offset < hi for row in rows]

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def _read(self, statement: str, parameters: tuple[Value, ...]) -> list[tuple[Value, ...]]:
        return self._session.transact(lambda transaction: transaction.execute(statement, parameters))


def _csv(page: list[tuple[Value, ...]]) -> bytearray:
    """Write rows without their ids."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n").writerows(row[1:] for row in page)
    # What is no UTF-8 becomes a reject of its record.
    return bytearray(text.getvalue().encode("utf-8", "surrogatepass"))
