"""Measure what a record costs as Python values, `Schema.validate` and `read`, against pydantic.

::

    python benchmarks/records.py            needs pydantic: pip install pydantic (2.12.3 on CPython 3.13t)

=========  ==========================================================  =====================================
row        feedmill                                                    pydantic
=========  ==========================================================  =====================================
texts      ``schema.validate`` of a dict of texts                      ``Product.model_validate`` of the same
values     the same of a dict of values of the fields' types           the same
feed       ``read``: every record of a feed, and one value of it       ``csv.DictReader`` and the model
=========  ==========================================================  =====================================

CPU seconds of the thread for the first two and of the process for the third, the least of several runs.
"""

from __future__ import annotations

import csv
import datetime as dt
import sys
import tempfile
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from time import process_time, thread_time
from typing import Annotated, Literal

from pydantic import AnyUrl, BaseModel, BeforeValidator, StringConstraints, ValidationError
from pydantic import Field as Limits

from feedmill import Schema, read

if __package__:
    from benchmarks.feeds import write_feed
else:
    from feeds import write_feed

SCHEMA = Schema.load(Path(str(files("feedmill.products") / "product.schema.json")))
CALLS = 20_000
RECORDS = 50_000
RUNS = 5

TEXTS: dict[str, object] = {
    "dealer_code": "D0001",
    "sku": "SKU-1234567",
    "gtin": "4006381333931",
    "title": "A title of a product that is as long as many are",
    "brand": "ACME",
    "category": "Home > Kitchen",
    "price": "12.50",
    "currency": "EUR",
    "stock": "17",
    "condition": "new",
    "url": "https://example.com/p/1234567?x=1",
    "updated_at": "2024-05-06T07:08:09Z",
    "weight_kg": "1.25",
    "description": "Some text " * 10,
}
VALUES: dict[str, object] = {
    **TEXTS,
    "price": Decimal("12.50"),
    "stock": 17,
    "updated_at": dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC),
    "weight_kg": 1.25,
}


def text(longest: int) -> object:
    """Return the type of a trimmed text."""
    return Annotated[str, StringConstraints(strip_whitespace=True, max_length=longest)]


class Product(BaseModel):
    """The product schema, but for the check digit of a GTIN, which pydantic leaves unchecked."""

    dealer_code: text(16)  # type: ignore[valid-type]
    sku: text(64)  # type: ignore[valid-type]
    gtin: Annotated[str, StringConstraints(pattern=r"^(\d{8}|\d{12,14})$")] | None = None
    title: text(150)  # type: ignore[valid-type]
    brand: text(70) | None = None  # type: ignore[valid-type]
    category: str | None = None
    price: Annotated[Decimal, Limits(max_digits=12, decimal_places=2, ge=Decimal("0.01"))]
    currency: Literal["BRL", "USD", "EUR"]
    stock: Annotated[int, Limits(ge=0, le=1_000_000)]
    condition: Annotated[Literal["new", "used", "refurbished"], BeforeValidator(str.lower)]
    url: AnyUrl
    updated_at: dt.datetime
    weight_kg: Annotated[float, Limits(gt=0)] | None = None
    description: Annotated[str, StringConstraints(max_length=5_000)] | None = None


def least(clock: Callable[[], float], work: Callable[[], int]) -> float:
    """Return the least microseconds a record of several runs."""
    costs = []
    for _ in range(RUNS):
        started = clock()
        records = work()
        costs.append((clock() - started) / records * 1e6)
    return min(costs)


def called(check: Callable[[dict[str, object]], object], record: dict[str, object]) -> Callable[[], int]:
    def work() -> int:
        for _ in range(CALLS):
            check(record)
        return CALLS

    return work


def read_feed(path: Path) -> int:
    with read(str(path), SCHEMA) as records:
        for record in records:
            record["price"]
    assert records.report is not None
    return records.report.records


def model_feed(path: Path) -> int:
    count = 0
    with path.open(newline="", encoding="utf-8", errors="backslashreplace") as file:
        for row in csv.DictReader(file):
            count += 1
            try:
                # As the schema has it, an empty cell is no value.
                _ = Product.model_validate({name: cell for name, cell in row.items() if cell}).price
            except ValidationError:
                continue
    return count


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        feed = Path(folder) / "feed.csv"
        write_feed(feed, RECORDS)
        rows = {
            "texts": (thread_time, called(SCHEMA.validate, TEXTS), called(Product.model_validate, TEXTS)),
            "values": (thread_time, called(SCHEMA.validate, VALUES), called(Product.model_validate, VALUES)),
            "feed": (process_time, lambda: read_feed(feed), lambda: model_feed(feed)),
        }
        gil = "on" if sys._is_gil_enabled() else "off"
        print(f"CPython {sys.version.split()[0]}, GIL {gil}; CPU µs a record")
        print(f"{'':<8}{'feedmill':>10}{'pydantic':>10}{'ratio':>8}")
        for name, (clock, ours, theirs) in rows.items():
            own, other = least(clock, ours), least(clock, theirs)
            print(f"{name:<8}{own:>10.2f}{other:>10.2f}{other / own:>8.1f}")


if __name__ == "__main__":
    main()
