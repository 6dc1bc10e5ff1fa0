"""Four jobs a feed is made of, each a few milliseconds long, each with nothing shared between its threads.

==========  =======================================================================================
kernel      parse and validate 1 MiB of a product feed; the GIL is released
callback    Python on each of 1,000 records: numbers, a check digit, a text put in order
SQLite      insert 3,000 rows in one transaction, into a database in memory of the thread's own
PostgreSQL  COPY 3,000 rows into a temporary table, over the thread's own connection
==========  =======================================================================================

They are functions of a module, and make what they need when first called: other processes can run them, too.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from feedmill import Dialect, Plan, Schema

if TYPE_CHECKING:
    import psycopg

if __package__:
    from benchmarks.feeds import write_feed
else:
    from feeds import write_feed

POSTGRES: Final = "FEEDMILL_BENCHMARK_POSTGRES"
"""The environment variable with the URL of a database; processes inherit it."""

FEED_BYTES: Final = 1 << 20
ROWS: Final = [(n, f"sku-{n}", n * 0.01, f"title of product {n}") for n in range(3_000)]
COPY_DATA: Final = "".join("\t".join(map(str, row)) + "\n" for row in ROWS).encode()
CREATE: Final = "CREATE TEMPORARY TABLE items (id bigint, sku text, price double precision, title text)"

_own = threading.local()


@cache
def feed() -> bytes:
    """Make whole records, without a header, of `FEED_BYTES` or a little less."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "feed.csv"
        write_feed(path, 4_000)
        data = path.read_bytes().partition(b"\n")[2]
    end = plan().last_record_end(bytearray(data[:FEED_BYTES]), FEED_BYTES)
    return data[:end]


@cache
def plan() -> Plan:
    schema = Schema.load(Path(str(files("feedmill.products") / "product.schema.json")))
    return Plan(schema, Dialect(header=False))


def kernel(_number: int) -> int:
    return plan().parse(feed()).records


@cache
def lines() -> str:
    return "".join(f"{4_006_381_333_931 + n};{n}.95;  Brake   pad {n} ;{n % 40}\n" for n in range(1_000))


def callback(_number: int) -> int:
    """Do what users' rules do: take a record apart, check it, put it in order."""
    total = 0
    for line in lines().splitlines():
        gtin, price, title, stock = line.split(";")
        digits = [int(digit) for digit in gtin]
        checked = sum(digits[-2::-2]) * 3 + sum(digits[-1::-2])
        name = " ".join(title.split()).lower()
        if float(price) > 0 and len(name) < 80 and int(stock) < 1_000:
            total += checked % 10
    return total


def sqlite(_number: int) -> int:
    connection: sqlite3.Connection | None = getattr(_own, "sqlite", None)
    if connection is None:
        connection = _own.sqlite = sqlite3.connect(":memory:")
        connection.execute(CREATE)
    with connection:
        connection.execute("DELETE FROM items")
        connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", ROWS)
    return len(ROWS)


def postgres(_number: int) -> int:
    connection: psycopg.Connection | None = getattr(_own, "postgres", None)
    if connection is None:
        import psycopg

        connection = _own.postgres = psycopg.connect(os.environ[POSTGRES], autocommit=True)
        connection.execute(CREATE)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE items")
        with cursor.copy("COPY items FROM STDIN") as copy:
            copy.write(COPY_DATA)
    return len(ROWS)


JOBS: Final = {"kernel": kernel, "callback": callback, "SQLite": sqlite, "PostgreSQL": postgres}
