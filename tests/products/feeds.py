"""Product feeds made of rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from random import Random

BAD_STOCK = "-1"  # refused by the schema
REFUSED_PRICE = "666"  # refused by the database, where a test has told it to
REFUSED_TITLE = "refused"


@dataclass(frozen=True, slots=True)
class Row:
    """One record, as texts; an empty one is missing. The fields are the columns."""

    dealer_code: str = "d1"
    sku: str = "s1"
    gtin: str = ""
    title: str = "Cup"
    brand: str = ""
    category: str = ""
    price: str = "9.50"
    currency: str = "EUR"
    stock: str = "3"
    condition: str = "new"
    url: str = "https://shop.example/1"
    updated_at: str = "2026-01-01T00:00:00Z"
    weight_kg: str = ""
    description: str = ""

    @property
    def is_bad(self) -> bool:
        """Whether the schema refuses it."""
        return self.stock == BAD_STOCK


COLUMNS = tuple(field.name for field in fields(Row))


def write_feed(path: Path, rows: Sequence[Row]) -> str:
    """Write a feed; return its name."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(astuple(row) for row in rows)
    return str(path)


def rows(count: int, **changes: str) -> list[Row]:
    """Make rows of different products, all of one dealer."""
    return [Row(**{"sku": f"s{number:04}", **changes}) for number in range(count)]


def random_rows(random: Random, count: int, *, with_refused: bool = False) -> list[Row]:
    """Make rows of few dealers, products and values, so that they meet each other all the time."""
    titles = ["Cup", "Mug", *([REFUSED_TITLE] if with_refused else [])]
    prices = ["9.50", "9.5", "10", *([REFUSED_PRICE] if with_refused else [])]
    return [
        Row(
            dealer_code=random.choice(["d1", "d2", "d3", "new"]),
            sku=f"s{random.randrange(8)}",
            title=random.choice(titles),
            brand=random.choice(["", "Acme"]),
            price=random.choice(prices),
            stock=random.choices(["3", "4", BAD_STOCK], [6, 3, 1])[0],
            updated_at=random.choice(["2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"]),
            weight_kg=random.choice(["", "0.5"]),
        )
        for _ in range(count)
    ]
