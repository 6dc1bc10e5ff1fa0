"""Columns of a table as text, row after row: what foreign keys that refer to a table are read from.

Rows come as CSV in UTF-8: a value in quotes, a missing one as nothing. Values are in their plain notation,
the one that the kernel reads by default: ``2024-02-29T12:34:56+00:00``, ``1.5``, ``true``. PostgreSQL writes
and sends them itself (COPY), SQLite's are taken from a cursor; neither side holds more than some rows.

Nothing is written, no table is created or locked, and an SQLite file has to be there.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from feedmill.errors import UsageError
from feedmill.stores.ddl import TableName, ascii_lower, check_names, quote
from feedmill.stores.opening import loading_client
from feedmill.stores.transaction import text
from feedmill.stores.url import Target, parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from feedmill.schema import Field
    from feedmill.stores.postgres_transaction import PostgresTransaction
    from feedmill.stores.url import Kind

DATABASES: Final[tuple[Kind, ...]] = ("postgresql", "sqlite")
ROWS: Final = 4_096
"""Rows that are asked of SQLite at a time: enough that Python's part is small, some hundred kilobytes."""

# The limit of postgres_connection is for statements that write; a table may take longer to send. Each block
# still has to come within it, and a limit that the URL, the role or the database sets stays.
NO_STATEMENT_LIMIT: Final = """SET TRANSACTION READ ONLY; SELECT set_config('statement_timeout', '0', true)
FROM pg_settings WHERE name = 'statement_timeout' AND source = 'session'"""


@dataclass(frozen=True, slots=True)
class TableAddress:
    """A table of a database.

    Parameters
    ----------
    target : Target
        The database.
    table : TableName

    Thread safety
    -------------
    immutable
    """

    target: Target
    table: TableName

    @classmethod
    def parse(cls, address: str) -> Self:
        """Read ``URL#table``, where the table is written as `TableName.parse` has it.

        Raises
        ------
        UsageError
            It is none. The message holds no part of it that could be secret.

        Examples
        --------
        >>> str(TableAddress.parse("postgresql://ann:s3cret@db/shop#sales.dealers"))
        'table sales.dealers of postgresql://ann:***@db/shop'
        """
        url, separator, table = address.rpartition("#")
        if not (separator and table) or "://" not in url or set(table) & set("@/"):
            raise UsageError(
                "a table is written URL#table, as in sqlite:///shop.db#dealers; a # in a password is %23."
            )
        target = parse_url(url)
        if target.kind not in DATABASES:
            raise UsageError(f"{target.text}: only databases have tables; name a file without #.")
        return cls(target, TableName.parse(table))

    def __str__(self) -> str:
        return f"table {self.table} of {self.target.text}"

    def read[R](
        self, names: Sequence[str], fields: Sequence[Field], take: Callable[[Iterator[bytes]], R]
    ) -> R:
        """Read columns of all rows.

        Parameters
        ----------
        names, fields : sequence
            The columns, and the field that each is read for.
        take : callable
            Given the rows, in blocks that may end anywhere; called again with all of them if the connection
            was lost.

        Returns
        -------
        R
            What `take` returned.

        Raises
        ------
        UsageError, StoreError
            There is no such table or column, or the database cannot be read.
        """
        if self.target.kind == "sqlite":
            return take(_of_sqlite(self, names))
        with loading_client(self.target):
            from feedmill.stores.postgres import PostgresDatabase, PostgresOptions

        database = PostgresDatabase(self.target, PostgresOptions(min_size=1, max_size=1))
        try:
            database.open()
            session = database.session("references")
            try:
                return session.transact(lambda open_: take(_of_postgres(open_, self, names, fields)))
            finally:
                session.close()
        finally:
            database.close()

    def check(self, names: Sequence[str], found: Sequence[str]) -> None:
        """Refuse columns that are not there, given those that are."""
        if not found:
            raise UsageError(f"{self.target.text} has no table {self.table}; name one that it has.")
        if lacking := [name for name in names if name not in found]:
            raise UsageError(f"{self} has no column {lacking[0]!r}; it has {', '.join(found)}.")


def _of_postgres(
    transaction: PostgresTransaction, address: TableAddress, names: Sequence[str], fields: Sequence[Field]
) -> Iterator[bytes]:
    """Have PostgreSQL write the columns."""
    from feedmill.stores.postgres_catalog import COLUMNS, FIND
    from feedmill.stores.postgres_transaction import sql

    check_names(address.table, names, "postgresql")
    transaction.execute(NO_STATEMENT_LIMIT)
    found = transaction.execute(FIND, (address.table.sql,))
    rows = transaction.execute(COLUMNS, (found[0][0],)) if found else []
    types = {text(row[0]): text(row[1]) for row in rows}
    address.check(names, list(types))
    columns = ", ".join(
        _written(quote(name), types[name], field) for name, field in zip(names, fields, strict=True)
    )
    statement = f"COPY (SELECT {columns} FROM {address.table.sql}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
    with transaction.connection.cursor() as cursor, cursor.copy(sql(statement)) as copy:
        yield from map(bytes, copy)


def _written(column: str, type_: str, field: Field) -> str:
    """Say how a column of a type is written as the kernel reads it."""
    match type_:
        case "numeric" if field.type in {"integer", "number", "year"}:
            return f"trim_scale({column})::text"
        case "float4" | "float8" if field.type == "integer":
            # As 1e+15 the kernel would take it for none. NaN is greater than all numbers.
            is_whole = f"abs({column}) < 9223372036854775808 AND {column} = trunc({column})"
            return f"CASE WHEN {is_whole} THEN {column}::bigint END::text"
        case "float4" | "float8":
            return f"replace({column}::text, 'Infinity', 'INF')"
        case "timestamp" if field.type == "datetime":
            return f"to_json({column} AT TIME ZONE 'UTC') #>> '{{}}'"
        case "timestamptz":
            return f"to_json({column}) #>> '{{}}'"
    return f"{column}::text"


def _of_sqlite(address: TableAddress, names: Sequence[str]) -> Iterator[bytes]:
    """Write the columns of an SQLite file."""
    path, table = Path(address.target.path), address.table
    check_names(table, names, "sqlite")
    if table.namespace not in {"", "main"}:
        raise UsageError(f"{address}: an SQLite file has no schemas; put a name with a dot in double quotes.")
    if not path.is_file():
        raise UsageError(f"{address.target.text}: there is no such file.")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table.name,)).fetchall()
            # SQLite folds ASCII letters of names, quoted or not.
            known = {ascii_lower(name): name for (name,) in found}
            address.check([known.get(ascii_lower(name), name) for name in names], list(known.values()))
            # As it stands: text that is no UTF-8 is the kernel's to refuse. A blob is equal to no text.
            connection.text_factory = bytes
            columns = ", ".join(
                f"CASE typeof({name}) WHEN 'blob' THEN NULL ELSE {name} END" for name in map(quote, names)
            )
            cursor = connection.execute(f"SELECT {columns} FROM {table.sql}")
            while rows := cursor.fetchmany(ROWS):
                yield b"".join(b",".join(map(_cell, row)) + b"\n" for row in rows)
    except sqlite3.Error as error:
        raise UsageError(f"{address} cannot be read: {error}.") from None


def _cell(value: object) -> bytes:
    """Write a value of SQLite's."""
    if value is None:
        return b""
    if isinstance(value, float):
        # 2.0 is the integer 2, too, and infinity is INF to the kernel.
        value = int(value) if value.is_integer() else repr(value).upper()
    written = value if isinstance(value, bytes) else str(value).encode()
    return b'"' + written.replace(b'"', b'""') + b'"'
