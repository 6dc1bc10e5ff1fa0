"""Load a PostgreSQL table: COPY BINARY into temporary tables, then one statement.

The kernel's COPY bytes go into ``pg_temp.feedmill_stage`` as they are; names there are positional, so no name
of a schema meets SQL before `merge`. Two traps shape the merge. ON CONFLICT DO UPDATE takes a lock and writes
WAL even where its WHERE is false, so rows that change nothing are dropped by a join first: a feed loaded
twice writes nothing the second time. And that join must probe the key's index (`postgres.PIN_PLANS`), which
LATERAL … LIMIT 1 asks for as plainly as SQL can.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from feedmill.errors import StoreError, UsageError
from feedmill.stores.ddl import TableName, base_type, check_names, create_table, quote
from feedmill.stores.merge import Column, Layout, Merge, Mode, Tally
from feedmill.stores.postgres import PostgresDatabase, PostgresOptions
from feedmill.stores.postgres_catalog import LOOSE_KEYS, check_fit, read_table
from feedmill.stores.postgres_transaction import FREE_PLANS, PIN_PLANS, PostgresTransaction
from feedmill.stores.transaction import count

if TYPE_CHECKING:
    from feedmill.schema import Schema
    from feedmill.stores.postgres import PostgresSession
    from feedmill.stores.protocol import RangePart
    from feedmill.stores.url import Target

STAGE = "pg_temp.feedmill_stage"
PARKED = "pg_temp.feedmill_parked"
# Parts of the merge. A table of such a name would be hidden behind it, so they are names that no table has.
PICKED, CHANGED, WRITTEN = "feedmill_picked", "feedmill_changed", "feedmill_written"
# Beyond four, lanes wait for the server and not for each other.
MAX_DEFAULT_LANES = 4
# Serialises CREATE TABLE IF NOT EXISTS between processes, which else fails for the second; any fixed number
# would do.
CREATION_LOCK = 0x6665_6564_6D69_6C6C
FOREIGN_KEY_REFERS = "SELECT 1 FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(?) LIMIT 1"


class PostgresTables:
    """A PostgreSQL table as `table.TableSink` sees it.

    Parameters
    ----------
    target : Target
    schema : Schema
    table : TableName
    lanes : int, optional
        Default: one a core, at most 4.
    options : PostgresOptions, optional

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    def __init__(
        self,
        target: Target,
        schema: Schema,
        table: TableName,
        lanes: int | None = None,
        options: PostgresOptions | None = None,
    ) -> None:
        check_names(table, schema.names, "postgresql")
        self.lanes = lanes or min(os.process_cpu_count() or 1, MAX_DEFAULT_LANES)
        self.database = PostgresDatabase(target, options)
        if self.lanes > self.database.options.max_size:
            raise UsageError(
                f"{self.lanes} lanes need as many connections and the pool may have "
                f"{self.database.options.max_size}; "
                "lower --lanes."
            )
        self.schema = schema
        self.table = table
        self._partitioned = False
        # Of key columns that take different texts for one; set by `layout`, before any session has a stage.
        self._loose: dict[str, str] = {}

    def open(self) -> None:
        """Connect."""
        self.database.open()

    def session(self, role: str, *, staged: bool) -> PostgresSession:
        """Make a session for the calling thread, with staging tables or without."""
        return self.database.session(role, self._create_stage if staged else None)

    def lock_creation(self, transaction: PostgresTransaction) -> None:
        """Let one process at a time create tables."""
        transaction.execute(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")

    def layout(self, transaction: PostgresTransaction, key: tuple[str, ...], mode: Mode) -> Layout:
        """Create the table or check the one there is, and lay the staging tables out before it."""
        found = read_table(transaction, self.table)
        if found is None:
            transaction.execute(create_table(self.table, self.schema, self.schema.primary_key, "postgresql"))
            found = read_table(transaction, self.table)
        if found is None:
            raise StoreError(f"{self.table} was created and cannot be found; check the role's search_path.")
        check_fit(self.table, found, self.schema, key)
        self._partitioned = found.partitioned
        self._loose = {
            name: column.cast for name in key if (column := found.columns[name]).type in LOOSE_KEYS
        }
        if self._loose and self.lanes > 1:
            name, cast = next(iter(self._loose.items()))
            raise UsageError(
                f"{self.table}: key column {name!r} is {cast}, which takes different texts for one, and "
                "only one lane keeps their order: add --lanes 1."
            )
        columns = tuple(
            Column(field.name, quote(field.name), f"c{index}", found.columns[field.name].cast)
            for index, field in enumerate(self.schema.fields)
        )
        return Layout(
            self.table.sql,
            STAGE,
            PARKED,
            columns,
            tuple(column for name in key for column in columns if column.name == name),
            mode,
            found.constraints,
        )

    def empty(self, transaction: PostgresTransaction) -> None:
        """Remove all rows; TRUNCATE may not where foreign keys refer to the table."""
        referred = transaction.execute(FOREIGN_KEY_REFERS, (self.table.sql,))
        transaction.execute(f"DELETE FROM {self.table.sql}" if referred else f"TRUNCATE {self.table.sql}")

    def fill(self, transaction: PostgresTransaction, part: RangePart) -> None:
        """Bring a part's rows into the stage."""
        transaction.copy(
            STAGE,
            (
                block
                for piece in part.slices
                for block in piece.batch.copy_binary(part.lane, part.lanes, record_base=piece.record_base)
            ),
        )

    def merge(self, layout: Layout) -> Merge[PostgresTransaction]:
        """Return the statements for a layout."""
        return PostgresMerge(layout, partitioned=self._partitioned)

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    def hurry(self) -> None:
        """Wait less for what does not answer."""
        self.database.hurry()

    def abort(self) -> None:
        """Cancel what runs."""
        self.database.abort()

    def _create_stage(self, transaction: PostgresTransaction) -> None:
        columns = ", ".join(
            f"c{index} {self._loose.get(field.name) or base_type(field)}"
            for index, field in enumerate(self.schema.fields)
        )
        for table in ("feedmill_stage", "feedmill_parked"):
            transaction.execute(f"CREATE TEMPORARY TABLE {table} (r bigint, {columns}) ON COMMIT DELETE ROWS")


class PostgresMerge:
    """The statements of one layout.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, layout: Layout, *, partitioned: bool) -> None:
        self.layout = layout
        # A row's xmax tells exactly whether it was there before, but partitioned tables do not show it. There
        # the look before the write has to do: what an outsider inserts between the two is counted as inserted
        # here.
        self._partitioned = partitioned

    def run(self, transaction: PostgresTransaction, between: tuple[int, int] | None) -> Tally:
        """Merge staged rows under pinned plans; see `merge.Merge`."""
        where = f" WHERE r BETWEEN {between[0]} AND {between[1]}" if between else ""
        # In one go: among many small pieces, what the round trips cost shows.
        [answer] = transaction.execute(
            f"{PIN_PLANS}; SET CONSTRAINTS ALL IMMEDIATE; {self.statement(where)}; {FREE_PLANS}"
        )
        staged, winners, fresh, written, new = map(count, answer)
        inserted = min(fresh, written) if self._partitioned else new
        return Tally(inserted, written - inserted, winners - written, staged - winners)

    def prepare_pieces(self, transaction: PostgresTransaction) -> None:
        """Index the stage by record; it stays, as a feed with one refused row tends to have more."""
        transaction.execute(f"CREATE INDEX IF NOT EXISTS feedmill_stage_record ON {self.layout.stage} (r)")

    def statement(self, where: str) -> str:
        """Write the one statement: pick winners, drop what changes nothing, write the rest, count."""
        layout = self.layout
        names = ", ".join(column.sql for column in layout.columns)
        stage = ", ".join(column.stage for column in layout.columns)
        order = layout.stage_key or "r"
        # Nothing but mode upsert can meet a row that is there.
        is_new = "t.xmax = 0" if layout.mode == "upsert" and not self._partitioned else "true"
        return (
            f"WITH {PICKED} AS MATERIALIZED (SELECT r, {self.cast()} FROM {self.winners(where)}),"
            f" {CHANGED} AS MATERIALIZED ({self.effective()}),"
            f" {WRITTEN} AS (INSERT INTO {layout.table} AS t ({names}) SELECT {stage} FROM {CHANGED}"
            f" ORDER BY {order} {self.on_conflict()} RETURNING {is_new} AS is_new)"
            f" SELECT (SELECT count(*) FROM {layout.stage}{where}), (SELECT count(*) FROM {PICKED}),"
            f" (SELECT count(*) FROM {CHANGED} WHERE is_new), count(*), count(*) FILTER (WHERE is_new)"
            f" FROM {WRITTEN}"
        )

    def cast(self) -> str:
        """Give staged values the columns' types; lengths are left to the INSERT, which does not cut."""
        return ", ".join(f"{column.stage}::{column.type} AS {column.stage}" for column in self.layout.columns)

    def winners(self, where: str) -> str:
        """Write the source of rows with one row a key."""
        layout = self.layout
        if not layout.key:
            return f"{layout.stage}{where}"
        key = layout.stage_key
        best = f"ORDER BY {key}, r {layout.winner_order}"
        return f"(SELECT DISTINCT ON ({key}) * FROM {layout.stage}{where} {best}) AS w"

    def effective(self) -> str:
        """Write the query for the rows that are new or, in mode upsert, differ from what is stored."""
        layout = self.layout
        if not layout.key:
            return f"SELECT *, true AS is_new FROM {PICKED}"
        condition = "t.found IS NULL"
        stored = "".join(f", x.{column.sql} AS {column.stage}" for column in layout.others)
        if layout.mode == "upsert" and layout.others:
            condition += f" OR {self.row('t')} IS DISTINCT FROM {self.row('s')}"
        return (
            f"SELECT s.*, t.found IS NULL AS is_new FROM {PICKED} AS s LEFT JOIN LATERAL"
            f" (SELECT true AS found{stored} FROM {layout.table} AS x WHERE {layout.same_key('x', 's')} "
            "LIMIT 1)"
            f" AS t ON true WHERE {condition}"
        )

    def row(self, table: str) -> str:
        """List the columns outside the key by their staging names."""
        # ROW so that one column compares like several.
        return "ROW(" + ", ".join(f"{table}.{column.stage}" for column in self.layout.others) + ")"

    def on_conflict(self) -> str:
        """Write what happens to a key that an outsider wrote since it was looked up."""
        layout = self.layout
        key = ", ".join(column.sql for column in layout.key)
        if layout.mode in {"append", "insert"}:
            return ""
        if layout.mode == "ignore" or not layout.others:
            return f"ON CONFLICT ({key}) DO NOTHING"
        assignments = ", ".join(f"{column.sql} = EXCLUDED.{column.sql}" for column in layout.others)
        stored = ", ".join(f"t.{column.sql}" for column in layout.others)
        offered = ", ".join(f"EXCLUDED.{column.sql}" for column in layout.others)
        changed = f"ROW({stored}) IS DISTINCT FROM ROW({offered})"
        return f"ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE {changed}"
