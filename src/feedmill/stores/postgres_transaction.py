"""An open transaction of PostgreSQL: statements, COPY, savepoints."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, LiteralString

import psycopg

from feedmill.stores.retry import Verdict, verdict
from feedmill.stores.transaction import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from feedmill.stores.postgres_connection import LimitedConnection
    from feedmill.stores.transaction import Given, Value

# Signature, flags and header extension length of COPY BINARY; and its end. PostgreSQL "COPY, binary format".
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

# Index probes only. Fed with a few thousand rows that nobody has analysed, the planner may else read the
# whole target: measured at 3 million rows, 31,000 instead of 212,000 rows a second.
PIN_PLANS = (
    "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off"
)
FREE_PLANS = "SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on; SET LOCAL enable_seqscan = on"


class PostgresTransaction:
    """An open transaction.

    Attributes
    ----------
    connection : LimitedConnection
        For what the methods do not offer.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, connection: LimitedConnection) -> None:
        self.connection = connection

    def execute(self, statement: str, parameters: Sequence[Given] = ()) -> list[tuple[Value, ...]]:
        """Run a statement, or several without parameters, and fetch the rows of the last that has any."""
        if parameters:
            cursor = self.connection.execute(sql(statement.replace("?", "%s")), parameters)
        else:
            cursor = self.connection.execute(sql(statement))
        rows: list[tuple[Value, ...]] = []
        while True:
            if cursor.description:
                rows = cursor.fetchall()
            if not cursor.nextset():
                return rows

    def copy(self, table: str, blocks: Iterable[bytes]) -> None:
        """Send COPY BINARY tuples, best as `bytes` of 64 to 128 KiB: others psycopg copies again."""
        with (
            self.connection.cursor() as cursor,
            cursor.copy(sql(f"COPY {table} FROM STDIN (FORMAT BINARY)")) as copy,
        ):
            copy.write(COPY_HEADER)
            for block in blocks:
                copy.write(block)
            copy.write(COPY_TRAILER)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block when it raises; turn an error about rows into RefusedError."""
        try:
            with self.connection.transaction():
                yield
        except psycopg.Error as error:
            if error.sqlstate is not None and verdict(error.sqlstate) is Verdict.DATA:
                raise refused(error) from None
            raise


def refused(error: psycopg.Error) -> RefusedError:
    """Take out of psycopg's error what a reject says."""
    diagnostics = error.diag
    return RefusedError(
        error.sqlstate or "",
        diagnostics.message_primary or type(error).__name__,
        diagnostics.constraint_name or "",
        diagnostics.column_name or "",
    )


def sql(statement: str) -> LiteralString:
    """Vouch for a statement: psycopg takes literal strings, and names in ours come from `ddl.quote`."""
    return statement
