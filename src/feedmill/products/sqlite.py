"""The main job's repositories on SQLite: what `sql` leaves open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat

from feedmill.products.database import Written
from feedmill.products.lot import STAGED
from feedmill.products.staged import fields_fed, staging_tables
from feedmill.stores.protocol import RangePart
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.sqlite import SqliteDatabase, SqliteSession, SqliteTransaction
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

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    dialect = "sqlite"
    lanes = 1

    def __init__(self, target: Target, retry: RetryPolicy | None = None) -> None:
        self.database = SqliteDatabase(target.path, retry)

    def open(self) -> None:
        """Do nothing: each session opens the file."""

    def session(self, role: str, *, staged: bool = False) -> SqliteSession:  # noqa: ARG002 - SQLite has no name for a session
        """Make a session for the calling thread, with the temporary tables or without."""
        return self.database.session(_create_staged if staged else None)

    def fill(
        self, transaction: SqliteTransaction, part: RangePart, chosen: Sequence[bytes] | None = None
    ) -> None:
        """Empty the temporary tables, which a rollback can fill again, and bring a part's rows in."""
        for name in STAGED:
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

    def await_memory(self, transaction: SqliteTransaction) -> None:
        """Do nothing: there is one transaction at a time."""

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

    def blobs(self, transaction: SqliteTransaction, query: str) -> list[bytes]:
        """Read a column of bytes."""
        return [row[0] for row in transaction.connection.execute(query)]

    def lock_migrations(self, transaction: SqliteTransaction) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked the file."""

    def run_script(self, transaction: SqliteTransaction, script: str) -> None:
        """Run several statements; sqlite3's own way would commit first."""
        statement = ""
        for line in script.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                transaction.execute(statement)
                statement = ""

    def close(self) -> None:
        """Do nothing: each session closes the file."""

    def abort(self) -> None:
        """Interrupt what runs."""
        self.database.abort()


def _create_staged(transaction: SqliteTransaction) -> None:
    for name, columns in staging_tables(TYPES):
        transaction.execute(f"CREATE TEMPORARY TABLE {name} ({columns})")
