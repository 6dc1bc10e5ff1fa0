"""The staging table as a feed: raw records that something else put into ``product_integration_staging``.

::

    one transaction:  claim rows ─▶ kernel ─▶ the job, as for a file ─▶ mark the rows ─▶ commit

Rows are claimed in the transaction that applies and marks them, and rows that others have locked are passed
over: any number of processes, on any number of machines, share the table, and what a dead one had is free at
once. A row is processed once, whatever happens.

The last record of a key wins, here too: a row is claimed only with all the waiting rows of its key before it,
so nobody can apply a later one first.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from copy import copy
from typing import Final

from feedmill.dialect import Dialect
from feedmill.errors import UsageError
from feedmill.kernel import Batch, Plan
from feedmill.pipeline import Callback, PipelineConfig, PlannedFeed, SerialRun, signals
from feedmill.pipeline.jobs import parse_chunk
from feedmill.pipeline.ranges import Range, RangeBuilder
from feedmill.products.database import SqlDatabase
from feedmill.products.doorbell import Doorbell
from feedmill.products.entities import FEED_COLUMNS, LANE_KEY
from feedmill.products.journal import SqlLane
from feedmill.products.lot import SqlLot
from feedmill.readers import Chunk, bind
from feedmill.readers.buffers import PADDING
from feedmill.report import Report
from feedmill.runs import RunOptions
from feedmill.schema import Field, Schema
from feedmill.stores.ledger import Ledger
from feedmill.stores.protocol import LaneOutcome, RunInfo, Sink
from feedmill.stores.rejects import RejectFile
from feedmill.stores.transaction import Transaction, Value, count

TABLE: Final = "product_integration_staging"
CHANNEL: Final = "feedmill_staging"
"""What PostgreSQL notifies about when rows are committed; the migrations have the trigger."""

PAGE_ROWS: Final = 8_000
"""Rows of a transaction: about 2 MiB of a usual feed."""

SHARED_WAIT_S: Final = 0.1
"""Between two looks at rows that others have locked; what they hold comes free with their commit."""

# An unquoted empty cell is NULL; an empty text stands in quotes.
_DIALECT: Final = Dialect(header=False, null="")
_WAITING: Final = "s.processed_by IS NULL"

type _Row = tuple[Value, ...]


class StagingTable[T: Transaction]:
    """The records that wait in the staging table; for `ProcessProducts.execute`.

    Parameters
    ----------
    database : SqlDatabase
        The job's own.
    page_rows : int
        Rows of a transaction.
    keep_on : bool
        Wait for more when nothing is left, until `stop`; else a run ends when all is processed that waited
        when it began, by whomever.

    Thread safety
    -------------
    one run at a time; `stop` from any thread, signal handlers included
    """

    def __init__(
        self, database: SqlDatabase[T], *, page_rows: int = PAGE_ROWS, keep_on: bool = False
    ) -> None:
        if page_rows < 1:
            raise UsageError(f"{page_rows} rows a transaction would process nothing; at least one is needed")
        self._database = database
        self._page_rows = page_rows
        self._keep_on = keep_on
        self._bell: Doorbell | None = None

    def run(
        self, schema: Schema, sink: Sink, apply: Callable[[SqlLot[T]], LaneOutcome], options: RunOptions
    ) -> Report:
        """Run what waits through a job.

        Raises
        ------
        UsageError
            There is nothing to resume: rows that are not marked wait, and the next run takes them.
        """
        if options.resume:
            raise UsageError("a run over the staging table needs no --resume: the next run takes what waits.")
        if schema.shared_by_none or schema.foreign_keys or options.duplicates != "last":
            raise UsageError(
                "rows of the staging table are shared by processes, so none can tell which keys others have "
                "met; leave unique, uniqueKeys, foreignKeys and --duplicates out."
            )
        columns = bind(schema, FEED_COLUMNS, options.mapping, feed=TABLE)
        transform = options.transform
        callback = Callback(transform, schema, LANE_KEY) if transform else None
        feed = PlannedFeed(_Text(), Plan(schema, _DIALECT, columns, LANE_KEY), callback)
        config = PipelineConfig(
            feeds=(),
            run=RunInfo(run_id=str(uuid.uuid4()), source="", feeds=(TABLE,)),
            sink=sink,
            rejects=RejectFile(options.rejects) if options.rejects else None,
            schema=schema.name,
            failure_limit=options.failure_limit,
            log_every=options.log_every,
            progress=options.progress,
        )
        self._bell = bell = Doorbell(self._database.ring(CHANNEL))
        source = _Claims(self._database, feed, apply, bell, page_rows=self._page_rows, keep_on=self._keep_on)
        try:
            with signals(self) if options.handle_signals else nullcontext():
                return SerialRun(config, source).run()
        finally:
            source.close()
            bell.close()

    def stop(self) -> None:
        """Finish the transaction under way, and end."""
        self._database.hurry()
        if self._bell is not None:
            self._bell.stop()

    def cancel(self) -> None:
        """End now; what is not committed waits for others."""
        raise KeyboardInterrupt


class _Claims[T: Transaction]:
    """The rows that a run gets hold of; see `feedmill.pipeline.serial.Source`.

    Thread safety
    -------------
    one thread
    """

    def __init__(
        self,
        database: SqlDatabase[T],
        feed: PlannedFeed,
        apply: Callable[[SqlLot[T]], LaneOutcome],
        bell: Doorbell,
        *,
        page_rows: int,
        keep_on: bool,
    ) -> None:
        self._database = database
        self._feed = feed
        self._keys = _Keys(feed.plan)
        self._apply = apply
        self._bell = bell
        self._page_rows = page_rows
        self._keep_on = keep_on
        self._lane: SqlLane[T] | None = None
        self._last: int | None = None
        self._position = (0, 0)  # bytes and records of what has been taken

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to end; a run that keeps on has no other end."""
        return self._bell.is_stopped and not self._keep_on

    def take(self, run: RunInfo, before: RangeBuilder) -> tuple[RangeBuilder, Range, LaneOutcome] | None:
        """Claim, apply and mark some rows, in one transaction; wait while others have them."""
        if self._lane is None:
            session = self._database.session(f"{run.run_id}/staging", staged=True)
            self._lane = SqlLane(self._database, session, Ledger(run))
        lane = self._lane
        while not self._bell.is_stopped:
            taken = lane.take(lambda transaction: self._take(lane, transaction, run, before))
            if taken is not None:
                _, settled, _ = taken
                self._position = settled.hi, self._position[1] + settled.records
                return taken
            if not lane.take(self._is_any_waiting):
                if not self._keep_on:
                    return None
                self._bell.wait()
            else:
                self._bell.pause(SHARED_WAIT_S)
        return None

    def close(self) -> None:
        """Let go of the connection."""
        if self._lane is not None:
            self._lane.close()

    def _take(
        self, lane: SqlLane[T], transaction: T, run: RunInfo, before: RangeBuilder
    ) -> tuple[RangeBuilder, Range, LaneOutcome] | None:
        offset, records = self._position
        page = self._committed(transaction, run)
        is_new = page is None
        if page is None:
            page = self._claim(transaction)
        if not page:
            return None
        builder = copy(before)
        data = _csv(page)
        chunk = Chunk(0, TABLE, offset, data + bytes(PADDING), len(data))
        builder.add(parse_chunk(self._feed, 0, chunk, None))
        settled = builder.flush()
        assert settled is not None
        [part] = settled.parts(1, with_failures=True)
        outcome = lane.apply_in(transaction, part, self._apply)
        if is_new:
            self._mark(
                transaction, run, [(count(row[0]), records + place) for place, row in enumerate(page, 1)]
            )
        return builder, settled, outcome

    def _committed(self, transaction: T, run: RunInfo) -> list[_Row] | None:
        """Read the rows of a transaction whose commit went unanswered, if it was committed."""
        offset, records = self._position
        known = transaction.execute(
            "SELECT 1 FROM feedmill_ledger WHERE run_id = ? AND feed = 0 AND lane = 0 AND lo = ?",
            (run.run_id, offset),
        )
        if not known:
            return None
        return transaction.execute(
            f"SELECT {_columns()} FROM {TABLE} AS s WHERE s.processed_by = ? AND s.record > ?"
            " ORDER BY s.record",
            (run.run_id, records),
        )

    def _claim(self, transaction: T) -> list[_Row]:
        """Lock the first rows that are free, and keep those that no locked row of the same key precedes."""
        # A run of its own accord does not chase what is put there while it lasts.
        until = "" if self._keep_on else f" AND s.id <= {self._last_waiting(transaction)}"
        with self._database.probing(transaction):
            page = transaction.execute(
                f"SELECT {_columns()} FROM {TABLE} AS s WHERE {_WAITING}{until}"
                f" ORDER BY s.id LIMIT {self._page_rows} {self._database.skipping_locked('s')}"
            )
            if not page:
                return []
            ids = json.dumps([[row[0]] for row in page])
            others = transaction.execute(
                f"SELECT {self._keys.column}, min(s.id) FROM {TABLE} AS s WHERE {_WAITING}"
                f" AND s.id < {count(page[-1][0])}"
                f" AND s.id NOT IN (SELECT id FROM ({self._database.json_rows([('id', 'bigint')])}) AS a)"
                f" GROUP BY {self._keys.column}",
                (ids,),
            )
        if not others:
            return page
        if self._feed.callback is not None:
            # It may make any key of a record, so nothing is done before what others hold.
            return [row for row in page if count(row[0]) < min(count(row_id) for _, row_id in others)]
        first: dict[object, int] = {}
        for key, (_, row_id) in zip(self._keys.of([row[0] for row in others]), others, strict=True):
            first[key] = min(count(row_id), first.get(key, count(row_id)))
        place = 1 + FEED_COLUMNS.index(self._keys.name)
        keys = self._keys.of([row[place] for row in page])
        return [
            row
            for key, row in zip(keys, page, strict=True)
            if key is None or key not in first or count(row[0]) < first[key]
        ]

    def _mark(self, transaction: T, run: RunInfo, rows: Sequence[tuple[int, int]]) -> None:
        given = self._database.json_rows([("id", "bigint"), ("record", "bigint")])
        with self._database.probing(transaction):
            transaction.execute(
                f"UPDATE {TABLE} SET processed_by = ?, record = given.record FROM ({given}) AS given"
                f" WHERE {TABLE}.id = given.id",
                (run.run_id, json.dumps(rows)),
            )

    def _last_waiting(self, transaction: T) -> int:
        if self._last is None:
            [(last,)] = transaction.execute(
                f"SELECT coalesce(max(s.id), 0) FROM {TABLE} AS s WHERE {_WAITING}"
            )
            self._last = count(last)
        return self._last

    def _is_any_waiting(self, transaction: T) -> bool:
        until = "" if self._keep_on else f" AND s.id <= {self._last_waiting(transaction)}"
        with self._database.probing(transaction):
            return bool(transaction.execute(f"SELECT 1 FROM {TABLE} AS s WHERE {_WAITING}{until} LIMIT 1"))


class _Text:
    """What `parse_chunk` asks to parse; pages are written as text for the kernel."""

    def __iter__(self) -> Iterator[Chunk]:
        """Yield nothing: pages are taken one by one."""
        return iter(())

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Let the kernel make a batch of a page."""
        return plan.parse(chunk.data, chunk.size)

    def close(self) -> None:
        """Do nothing."""


class _Keys:
    """What the kernel makes of the texts that a key is read from: only its rules say which are equal.

    Parameters
    ----------
    plan : Plan
        Of the job.

    Attributes
    ----------
    name : str
        The column of the table that feeds the key.
    column : str
        It, in a query.
    """

    def __init__(self, plan: Plan) -> None:
        number = plan.names.index(LANE_KEY[0])
        self.name = (plan.columns or plan.names)[number]
        self.column = f"s.{self.name}"
        # Its constraints are left out, as nobody cares which rows fail.
        key = plan.schema.fields[number]
        bare = Schema(
            (Field(key.name, key.type, transforms=key.transforms),), missing_values=plan.schema.missing_values
        )
        self._plan = Plan(bare, _DIALECT)

    def of(self, texts: Sequence[Value]) -> list[object]:
        """Read keys; None for what is missing, or no text."""
        data = _csv([(0, text) for text in texts])
        batch = self._plan.parse(data + bytes(PADDING), len(data))
        keys: list[object] = [None] * len(texts)
        for record, key in batch.tuples(0, 1, record_base=0):
            keys[int(str(record)) - 1] = key
        return keys


def _columns() -> str:
    return ", ".join(f"s.{name}" for name in ("id", *FEED_COLUMNS))


def _csv(page: Sequence[_Row]) -> bytearray:
    """Write rows without their ids."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n").writerows(row[1:] for row in page)
    # What is no UTF-8 becomes a reject of its record.
    return bytearray(text.getvalue().encode("utf-8", "surrogatepass"))
