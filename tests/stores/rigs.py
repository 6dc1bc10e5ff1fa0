"""The two databases as the suite sees them: sinks into them, and a way around those to look and meddle."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import psycopg

from feedmill.stores.ddl import TableName
from feedmill.stores.postgres import PostgresOptions
from feedmill.stores.postgres_table import PostgresTables
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.sqlite_table import SqliteTables
from feedmill.stores.table import TableSink
from feedmill.stores.url import parse_url

if TYPE_CHECKING:
    from pathlib import Path

    from feedmill.schema import Field, Schema
    from feedmill.stores.merge import Mode
    from feedmill.stores.postgres_transaction import PostgresTransaction
    from feedmill.stores.sqlite import SqliteTransaction
    from tests.stores.feeding import Row, Value

# Long enough for anything to come right, short enough for a test that waits for the end of it.
RETRY = RetryPolicy(first_s=0.01, cap_s=0.1, give_up_s=20.0)
NO_RETRY = RetryPolicy(give_up_s=0.0)


class Rig(Protocol):
    """One database, empty at first."""

    name: str
    max_lanes: int

    def sink(
        self,
        schema: Schema,
        table: str = "items",
        mode: Mode | None = None,
        lanes: int = 1,
        retry: RetryPolicy = RETRY,
    ) -> TableSink[SqliteTransaction] | TableSink[PostgresTransaction]: ...
    def execute(self, *statements: str) -> None: ...
    def query(self, statement: str) -> list[Row]: ...
    def stored(self, field: Field, value: Value) -> Value:
        """Say how a value of a field comes back."""


class SqliteRig:
    name = "sqlite"
    max_lanes = 1

    def __init__(self, directory: Path) -> None:
        self.path = directory / "store.db"

    def sink(
        self,
        schema: Schema,
        table: str = "items",
        mode: Mode | None = None,
        lanes: int = 1,
        retry: RetryPolicy = RETRY,
    ) -> TableSink[SqliteTransaction]:
        target = parse_url(f"sqlite:///{self.path}")
        return TableSink(SqliteTables(target, schema, TableName.parse(table), retry), mode)

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def query(self, statement: str) -> list[Row]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()

    def stored(self, field: Field, value: Value) -> Value:
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, Decimal):
            # Up to 15 digits the column is NUMERIC, which keeps a number; beyond, it keeps the text.
            is_exact = field.precision is not None and field.precision <= 15
            return float(value) if is_exact else str(value)
        if isinstance(value, datetime):
            return value.isoformat().replace("+00:00", "Z")
        if isinstance(value, date | time):
            return value.isoformat()
        return value


class PostgresRig:
    name = "postgresql"
    max_lanes = 4

    def __init__(self, url: str) -> None:
        self.url = url

    def sink(
        self,
        schema: Schema,
        table: str = "items",
        mode: Mode | None = None,
        lanes: int = 1,
        retry: RetryPolicy = RETRY,
    ) -> TableSink[PostgresTransaction]:
        options = PostgresOptions(min_size=1, retry=retry)
        tables = PostgresTables(parse_url(self.url), schema, TableName.parse(table), lanes, options)
        return TableSink(tables, mode)

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def query(self, statement: str) -> list[Row]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement).fetchall()

    def stored(self, field: Field, value: Value) -> Value:
        return value
