"""The main job's repositories on SQLite: what `sql` leaves open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, repeat
from pathlib import Path

from feedmill.products.database import WRITTEN_TABLES, Written
from feedmill.products.rehearsal import RehearsalSession, rehearsal_tables
from feedmill.products.staged import LISTED, LISTED_COLUMNS, empty, fields_fed, staging_tables
from feedmill.stores.protocol import RangePart
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.sqlite import SqliteDatabase, SqliteTransaction
from feedmill.stores.transaction import Session
from feedmill.stores.url import Target

# The same as of the tables' columns, or a staged value would never equal the stored one.
TYPES = {"price": "numeric", "stock": "integer", "weight_kg": "real"}


class SqliteProducts:
    """An SQLite file with the tables of the main job; see `database.SqlDatabase`.

    Parameters
    ----------
    target : Target
        Of an ``sqlite:///`` URL.
    retry : RetryPolicy, optional
        For a file that another process has locked.
    rehearses : bool
        Whether everything takes place in one transaction that is rolled back in the end.

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    dialect = "sqlite"
    lanes = 1

    def __init__(self, target: Target, retry: RetryPolicy | None = None, *, rehearses: bool = False) -> None:
        # A file that is not there is not made to be looked at.
        is_absent = rehearses and not Path(target.path).exists()
        self.database = SqliteDatabase(":memory:" if is_absent else target.path, retry)
        self.rehearses = rehearses
        self._rehearsal: SqliteTransaction | None = None

    def open(self) -> None:
        """Do nothing, as each session opens the file; or begin what will be rolled back."""
        if self.rehearses:
            try:
                connection = self.database.connect()
                self._rehearsal = SqliteTransaction(connection)
                connection.execute("BEGIN IMMEDIATE")
                for name, columns in chain(staging_tables(TYPES), rehearsal_tables(TYPES)):
                    connection.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
            except sqlite3.Error as error:
                raise self.database.fault(error) from None

    def session(self, role: str, *, staged: bool = False) -> Session[SqliteTransaction]:  # noqa: ARG002 - SQLite has no name for a session
        """Make a session for the calling thread, with the temporary tables or without."""
        if self._rehearsal is not None:
            return RehearsalSession(self._rehearsal, sqlite3.Error, self.database.fault)
        return self.database.session(_create_staged if staged else None)

    def fill(
        self, transaction: SqliteTransaction, part: RangePart, chosen: Sequence[bytes] | None = None
    ) -> None:
        """Empty the temporary tables, which a rollback can fill again, and bring a part's rows in."""
        empty(transaction)
        if self.rehearses:
            for name, _ in rehearsal_tables(TYPES):
                transaction.execute(f"DELETE FROM {name}")
        fed = fields_fed(part)
        if not fed:
            return
        columns = ", ".join(("r", *(name for name, _ in fed)))
        numbers = [0, *(number + 1 for _, number in fed)]
        rows: Iterator[tuple[object, ...]] = chain.from_iterable(
            piece.batch.tuples(
                part.lane, part.lanes, record_base=piece.record_base, style="sqlite", chosen=mask
            )
            for piece, mask in zip(part.slices, chosen or repeat(None), strict=False)
        )
        if numbers != list(range(1 + len(part.slices[0].batch.plan.names))):
            rows = iter([tuple(row[number] for number in numbers) for row in rows])
        marks = ", ".join("?" * len(numbers))
        transaction.insert(f"INSERT INTO feedmill_feed ({columns}) VALUES ({marks})", rows)

    def list_keys(self, transaction: SqliteTransaction, blocks: Iterable[bytes]) -> None:
        """Make a temporary table of keys, with an index."""
        transaction.execute(f"DROP TABLE IF EXISTS {LISTED}")
        transaction.execute(f"CREATE TEMPORARY TABLE {LISTED} {LISTED_COLUMNS}")
        transaction.insert(f"INSERT INTO {LISTED} VALUES (?, ?)", chain.from_iterable(map(_pairs, blocks)))
        transaction.execute(f"CREATE INDEX temp.{LISTED}_key ON {LISTED} (dealer_code, sku)")

    @contextmanager
    def probing(self, transaction: SqliteTransaction) -> Iterator[None]:  # noqa: ARG002 - the other dialect needs it
        """Do nothing: SQLite always looks rows up by index."""
        yield

    def upsert(self, transaction: SqliteTransaction, insert: str, written: Written, follow_up: str) -> None:
        """Run an upsert and a statement about what it wrote: all that was meant, as nobody else writes."""
        transaction.execute(insert)
        transaction.execute(f"WITH written AS ({written.meant}) {follow_up}")

    def json_rows(self, columns: Sequence[tuple[str, str]]) -> str:
        """Write the query for rows of a JSON parameter."""
        listed = ", ".join(
            f"json_extract(value, '$[{index}]') AS {name}" for index, (name, _) in enumerate(columns)
        )
        return f"SELECT {listed} FROM json_each(?)"

    def json_object(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Write the expression for a JSON object."""
        return f"json_object({', '.join(f"'{key}', {value}" for key, value in pairs)})"

    def moment(self, later_s: float = 0.0) -> str:
        """Write the expression for the clock."""
        return f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '{later_s:+.3f} seconds')"

    def skipping_locked(self, table: str) -> str:  # noqa: ARG002 - the other dialect needs it
        """Write nothing: BEGIN IMMEDIATE has locked the file."""
        return ""

    def ring(self, channel: str) -> None:
        """Do nothing: SQLite tells nobody."""

    def has_rules(self, transaction: SqliteTransaction) -> bool:
        """Look for triggers."""
        tables = ", ".join(f"'{table}'" for table in WRITTEN_TABLES)
        return bool(
            transaction.execute(
                f"SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) IN ({tables})"
                " AND name NOT LIKE 'feedmill%' LIMIT 1"
            )
        )

    def await_memory(self, transaction: SqliteTransaction) -> bool:  # noqa: ARG002 - the other dialect needs it
        """Do nothing: there is one transaction at a time."""
        return True

    def exclude_writers(self, transaction: SqliteTransaction) -> bool:  # noqa: ARG002 - as above
        """Do nothing: there is one transaction at a time."""
        return True

    def open_memory(self, transaction: SqliteTransaction, owner: str) -> bool:
        """Let the transaction change products without a note."""
        return bool(
            transaction.execute(
                "UPDATE feedmill_memory SET is_writing = 1 WHERE owner = ? RETURNING id", (owner,)
            )
        )

    def close_memory(self, transaction: SqliteTransaction) -> None:
        """Take notes again; nobody has seen that there were none meanwhile."""
        transaction.execute("UPDATE feedmill_memory SET is_writing = 0")

    def blobs(self, transaction: SqliteTransaction, query: str) -> Iterator[bytes]:
        """Read a column of bytes."""
        for (blob,) in transaction.connection.execute(query):
            yield blob

    def lock_migrations(self, transaction: SqliteTransaction) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked the file."""

    def run_script(self, transaction: SqliteTransaction, script: str) -> None:
        """Run several statements; sqlite3's own way would commit first."""
        # Some builds of SQLite start with what forbids a migration to change a CHECK.
        transaction.connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, False)
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                transaction.execute(statement)
                statement = ""

    def close(self) -> None:
        """Do nothing, as each session closes the file; or roll back."""
        if self._rehearsal is not None:
            connection, self._rehearsal = self._rehearsal.connection, None
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            self.database.disconnect(connection)

    def hurry(self) -> None:
        """Wait less for what does not answer."""
        self.database.hurry()

    def abort(self) -> None:
        """Interrupt what runs."""
        self.database.abort()


def _create_staged(transaction: SqliteTransaction) -> None:
    for name, columns in staging_tables(TYPES):
        transaction.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")


def _pairs(block: bytes) -> Iterator[tuple[str | None, ...]]:
    """Read tuples of two texts: how many, and each after its length. PostgreSQL "COPY, binary format"."""
    at = 0
    while at < len(block):
        at += 2
        pair: list[str | None] = []
        for _ in range(2):
            size = int.from_bytes(block[at : at + 4], signed=True)
            at += 4
            pair.append(None if size < 0 else block[at : at + size].decode())
            at += max(size, 0)
        yield tuple(pair)
