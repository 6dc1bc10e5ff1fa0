"""The main job over three kinds of storage, and a look into each from outside."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import psycopg

from feedmill.products import Dealer, ProcessProducts, StagingTable, make_job
from feedmill.products.entities import OFFER_COLUMNS, PRODUCT_COLUMNS
from feedmill.products.migrations import migrate_tables
from feedmill.products.postgres import PostgresProducts
from feedmill.products.sqlite import SqliteProducts
from feedmill.runs import RunOptions
from feedmill.stores.postgres import PostgresOptions
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.url import parse_url
from tests.products.feeds import REFUSED_PRICE, REFUSED_TITLE
from tests.products.memory import (
    MemoryDealers,
    MemoryIntegrations,
    MemoryProductDealers,
    MemoryProducts,
    MemoryQueue,
    MemoryStore,
)
from tests.products.model import Cell, Tables

type Job = ProcessProducts[Any]

RETRY = RetryPolicy(first_s=0.01, cap_s=0.1, give_up_s=20.0)
DEALERS = ("d1", "d2", "d3")


class Rig(Protocol):
    """One storage, empty at first but for the dealers d1 to d3."""

    name: str
    max_lanes: int

    def job(
        self,
        *,
        lanes: int = 1,
        create_dealers: bool = False,
        every_outcome: bool = False,
        options: RunOptions | None = None,
    ) -> AbstractContextManager[Job]: ...
    def tables(self) -> Tables: ...
    def refuse(self) -> None:
        """Have it refuse `REFUSED_PRICE` in offers and `REFUSED_TITLE` in products from now on."""


class MemoryRig:
    name = "memory"
    max_lanes = 3

    def __init__(self) -> None:
        self._store = MemoryStore()
        MemoryDealers(self._store, create=False).save([Dealer(code) for code in DEALERS])

    @contextmanager
    def job(
        self,
        *,
        lanes: int = 1,
        create_dealers: bool = False,
        every_outcome: bool = False,
        options: RunOptions | None = None,
    ) -> Iterator[Job]:
        yield ProcessProducts(
            dealers=MemoryDealers(self._store, create=create_dealers),
            products=MemoryProducts(),
            product_dealers=MemoryProductDealers(),
            integrations=MemoryIntegrations(self._store, lanes=lanes, every_outcome=every_outcome),
            queue=MemoryQueue(),
            options=options or RunOptions(),
        )

    def tables(self) -> Tables:
        return self._store.tables

    def refuse(self) -> None:
        self._store.refuses = True


class SqlRig:
    """What SQLite and PostgreSQL have in common."""

    name: str
    max_lanes: int
    refusals: tuple[str, ...]

    def database(self, lanes: int = 1) -> SqliteProducts | PostgresProducts:
        raise NotImplementedError

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def execute(self, *statements: str) -> None:
        raise NotImplementedError

    @contextmanager
    def opened(self, lanes: int = 1) -> Iterator[SqliteProducts | PostgresProducts]:
        database: Any = self.database(lanes)
        try:
            database.open()
            migrate_tables(database)
            yield database
        finally:
            database.close()

    @contextmanager
    def job(
        self,
        *,
        lanes: int = 1,
        create_dealers: bool = False,
        every_outcome: bool = False,
        verify: bool = False,
        options: RunOptions | None = None,
    ) -> Iterator[Job]:
        with self.opened(lanes) as opened:
            database: Any = opened
            yield make_job(
                database,
                create_dealers=create_dealers,
                every_outcome=every_outcome,
                verify=verify,
                options=options or RunOptions(),
            )

    @contextmanager
    def staged(self, page_rows: int = 8_000) -> Iterator[tuple[Job, StagingTable[Any]]]:
        """Make a job, and the staging table as its input."""
        with self.opened() as opened:
            database: Any = opened
            yield make_job(database), StagingTable(database, page_rows=page_rows)

    def add_dealers(self, codes: Iterable[str] = DEALERS) -> None:
        self.execute(*(f"INSERT INTO dealers (code) VALUES ('{code}')" for code in codes))

    def refuse(self) -> None:
        self.execute(*self.refusals)

    def tables(self) -> Tables:
        offers = ", ".join(f"o.{name}" for name in OFFER_COLUMNS)
        return Tables(
            dealers=dict(self._rows("SELECT code, name FROM dealers")),
            products={
                row[0]: tuple(row[1:])
                for row in self._rows(f"SELECT {', '.join(PRODUCT_COLUMNS)} FROM products")
            },
            offers={
                (dealer, sku): tuple(map(_normal, offer))
                for dealer, sku, *offer in self._rows(
                    f"SELECT d.code, p.sku, {offers} FROM product_dealers AS o"
                    " JOIN dealers AS d ON d.id = o.dealer_id JOIN products AS p ON p.id = o.product_id"
                )
            },
            outcomes={
                (run, feed, record): tuple(told)
                for run, feed, record, *told in self._rows(
                    "SELECT run_id, feed, record, dealer_code, sku, outcome,"
                    " coalesce(\"column\", ''), coalesce(code, '') FROM product_integration"
                )
            },
            events={
                event: _event(*told)
                for event, *told in self._rows("SELECT event_id, key, op, payload FROM outbox")
            },
        )

    def _rows(self, statement: str) -> Sequence[tuple[Any, ...]]:
        return self.query(statement)


def _event(
    key: str, op: str, payload: str | dict[str, Any]
) -> tuple[str, str, tuple[Cell, ...], tuple[Cell, ...]]:
    told = payload if isinstance(payload, dict) else json.loads(payload)
    assert told["sku"] == key
    product = tuple(told[name] for name in PRODUCT_COLUMNS[1:])
    return key, op, product, tuple(map(_normal, (told[name] for name in OFFER_COLUMNS)))


def _normal(value: object) -> Cell:
    """Make one of what the databases make of a number or a moment."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, str) and value[:3] == "202":
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    assert value is None or isinstance(value, str | int | float)
    return value


class SqliteRig(SqlRig):
    name = "sqlite"
    max_lanes = 1
    refusals = tuple(
        f"CREATE TRIGGER {table}_{event} BEFORE {event} ON {table}"
        f" WHEN CAST(NEW.{column} AS text) = '{value}' BEGIN SELECT RAISE(ABORT, 'refused'); END"
        for table, column, value in (
            ("products", "title", REFUSED_TITLE),
            ("product_dealers", "price", REFUSED_PRICE),
        )
        for event in ("INSERT", "UPDATE")
    )

    def __init__(self, directory: Path) -> None:
        self.path = directory / "products.db"
        self.url = f"sqlite:///{self.path}"

    def database(self, lanes: int = 1) -> SqliteProducts:
        return SqliteProducts(parse_url(self.url), RETRY)

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(statement).fetchall()

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)


class PostgresRig(SqlRig):
    name = "postgresql"
    max_lanes = 4
    refusals = (
        f"ALTER TABLE products ADD CONSTRAINT no_title CHECK (title <> '{REFUSED_TITLE}')",
        f"ALTER TABLE product_dealers ADD CONSTRAINT no_price CHECK (price <> {REFUSED_PRICE})",
    )

    def __init__(self, url: str) -> None:
        self.url = url

    def database(self, lanes: int = 1) -> PostgresProducts:
        return PostgresProducts(parse_url(self.url), lanes, PostgresOptions(min_size=1, retry=RETRY))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            return connection.execute(statement).fetchall()

    def execute(self, *statements: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
