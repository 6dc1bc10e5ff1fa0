"""What a generated feed has to become, worked out without feedmill.

The generator says what it wrote and what is wrong with it. Here is, in plain Python, what the product schema
makes of a good record, and where a bad one's finding stands in the feed.
"""

from __future__ import annotations

import csv
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg

from benchmarks.feeds import FIELDS, Generator, csv_line

type Row = tuple[str | int | None, ...]

COLUMNS = ", ".join(FIELDS)
KEY = slice(0, 2)
"""The key, dealer_code and sku, stands first."""

FORMULAS = ("=", "+", "-", "@")
"""How a cell begins that the reject file puts an apostrophe before."""

PARTS = """
SELECT l.feed, l.lane, l.lo, l.hi, l.inserted, l.updated, l.unchanged, l.duplicate, l.rejects
FROM feedmill_ledger AS l JOIN feedmill_runs AS r ON r.run_id = l.run_id WHERE l.feed >= 0
AND r.started_at = (SELECT max(started_at) FROM feedmill_runs) ORDER BY l.feed, l.lo, l.lane
"""
"""The ledger of the last run, without its id."""

WRITTEN_BY_PROCESS = {
    "products": "SELECT sku, gtin, title, brand, category, description FROM products",
    "offers": "SELECT code, sku, price, currency, stock, condition, url, weight_kg, updated_at"
    " FROM product_dealers JOIN dealers AS d ON d.id = dealer_id JOIN products AS p ON p.id = product_id",
    "outcomes": 'SELECT feed, record, dealer_code, sku, status, outcome, code, "column", message'
    " FROM product_integration",
    "events": "SELECT key, op, CAST(payload AS text), attempts FROM outbox",
    "parts": PARTS.partition(" ORDER BY ")[0],
}
"""What `feedmill process` leaves in a database; ids that differ from run to run are left out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the reject file, without its message."""

    record: int
    line: int
    byte: int
    column: str
    code: str
    value: str


# What the generator's records have to become ————————————————————————————————————————————————————————————————


def table_of(generator: Generator, count: int) -> list[Row]:
    """Say what the table holds in the end: of each key the last good record, in the keys' order."""
    last = {}
    for record in generator.records(count):
        if not record.fault:
            row = good_row(record.cells)
            last[row[KEY]] = row
    return [last[key] for key in sorted(last)]  # type: ignore[type-var]  # keys are texts


def good_row(cells: Sequence[str]) -> Row:
    """Say what is stored of a good record."""
    cell = dict(zip(FIELDS, cells, strict=True))
    return (
        cell["dealer_code"],
        cell["sku"],
        cell["gtin"] or None,
        " ".join(cell["title"].split()),
        cell["brand"] or None,
        cell["category"] or None,
        cell["price"],
        cell["currency"],
        int(cell["stock"]),
        cell["condition"].lower(),
        cell["url"],
        instant(datetime.fromisoformat(cell["updated_at"])),
        repr(float(cell["weight_kg"])) if cell["weight_kg"] else None,
        cell["description"] or None,
    )


def findings_of(generator: Generator, count: int) -> Iterator[Finding]:
    """Say what the reject file holds: one finding a bad record, in the feed's order."""
    line, byte = 2, len(csv_line(FIELDS))
    for number, record in enumerate(generator.records(count), 1):
        written = csv_line(record.cells)
        if record.fault:
            column, _, code = record.fault.rpartition(".")
            # A cell that is missing is missed at the record's end, one too many stands behind the others.
            place = FIELDS.index(column) if column else len(FIELDS)
            before = len(csv_line(record.cells[:place])) if place else 0
            if code == "missing_cell":
                before = len(written) - 1
            value = record.cells[place] if code != "missing_cell" else ""
            yield Finding(number, line, byte + before, column, code, shown(value))
        line += written.count(b"\n")
        byte += len(written)


def shown(cell: str) -> str:
    """Write a cell as the reject file does."""
    text = cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")[:1_000]
    return "'" + text if text.startswith(FORMULAS) else text


# What became of them ————————————————————————————————————————————————————————————————————————————————————————


def findings_in(path: Path) -> list[Finding]:
    """Read a reject file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Finding(
                int(row["record"]),
                int(row["line"]),
                int(row["byte"]),
                row["column"],
                row["code"],
                row["value"],
            )
            for row in csv.DictReader(file)
        ]


def sqlite_rows(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def postgres_rows(url: str, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        return connection.execute(statement).fetchall()


def canonical(rows: Sequence[Sequence[object]]) -> list[Row]:
    """Bring a database's rows into the form of `good_row`, in the keys' order."""
    price, weight = FIELDS.index("price"), FIELDS.index("weight_kg")
    plain = []
    for row in rows:
        cells = [instant(cell) if isinstance(cell, datetime) else cell for cell in row]
        # SQLite keeps a decimal of two places as the nearest double.
        cells[price] = (
            f"{Decimal(repr(cells[price])) if isinstance(cells[price], float) else cells[price]:.2f}"
        )
        cells[weight] = None if cells[weight] is None else repr(cells[weight])
        plain.append(tuple(cells))
    return sorted(plain, key=lambda row: row[KEY])  # type: ignore[arg-type, return-value]


def instant(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(content: bytes | Sequence[Row]) -> str:
    """Sum up a file or a table, the same on every build of the interpreter."""
    if not isinstance(content, bytes):
        content = json.dumps(content, ensure_ascii=False).encode()
    return hashlib.sha256(content).hexdigest()
