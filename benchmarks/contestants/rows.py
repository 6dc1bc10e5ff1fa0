"""Record by record, after `csv`: rules in plain Python, a model of pydantic's, a struct of msgspec's."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from benchmarks.feeds import FIELDS

type Record = dict[str, str | None]

LONGEST: Final = {"dealer_code": 16, "sku": 64, "title": 150, "brand": 70, "description": 5_000}
REQUIRED: Final = (
    *("dealer_code", "sku", "title", "price", "currency", "stock", "condition", "url", "updated_at"),
)
CURRENCIES: Final = frozenset({"BRL", "USD", "EUR"})
CONDITIONS: Final = frozenset({"new", "used", "refurbished"})
_PRICE: Final = re.compile(r"[+-]?\d{1,10}(\.\d{1,2})?")
_BLANK: Final = re.compile(r"\s")


def records_of(path: Path) -> Iterator[Record | None]:
    """Yield the records, transformed; None for one that has another number of cells, or is no UTF-8."""
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        for cells in reader:
            if len(cells) != len(FIELDS) or not is_utf8(cells):
                yield None
                continue
            record: Record = dict(zip(FIELDS, (cell or None for cell in cells), strict=True))
            for name in ("dealer_code", "sku", "brand"):
                record[name] = (record[name] or "").strip() or None
            record["title"] = " ".join((record["title"] or "").split()) or None
            record["condition"] = (record["condition"] or "").lower() or None
            yield record


def is_utf8(cells: list[str]) -> bool:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def is_gtin(text: str) -> bool:
    """Whether a GTIN's length is one there is, and its last digit the right one."""
    if len(text) not in {8, 12, 13, 14} or not (text.isascii() and text.isdigit()):
        return False
    total = sum(int(digit) * (1 if place % 2 == 0 else 3) for place, digit in enumerate(reversed(text)))
    return total % 10 == 0


def is_url(text: str) -> bool:
    return not _BLANK.search(text) and bool(urlsplit(text).scheme)


def counted(path: Path, check: Callable[[Record], object], *errors: type[Exception]) -> int:
    """Count the records that a check does not raise on."""
    good = 0
    for record in records_of(path):
        try:
            if record is None:
                raise ValueError
            check(record)
            good += 1
        except errors:
            continue
    return good


def plain(path: Path) -> int:
    """Go through rules that are written out, and make values of Python."""
    return counted(path, checked, ValueError, InvalidOperation)


def checked(record: Record) -> dict[str, object]:
    """Give the record's values, or raise."""
    values: dict[str, object] = dict(record)
    if any(record[name] is None for name in REQUIRED):
        raise ValueError
    if any(len(record[name] or "") > longest for name, longest in LONGEST.items()):
        raise ValueError
    gtin, weight = record["gtin"], record["weight_kg"]
    if gtin is not None and not is_gtin(gtin):
        raise ValueError
    if not _PRICE.fullmatch(record["price"] or ""):
        raise ValueError
    values["price"] = price = Decimal(record["price"] or "")
    values["stock"] = stock = int(record["stock"] or "")
    values["updated_at"] = datetime.fromisoformat(record["updated_at"] or "")
    if price < Decimal("0.01") or not 0 <= stock <= 1_000_000:
        raise ValueError
    if record["currency"] not in CURRENCIES or record["condition"] not in CONDITIONS:
        raise ValueError
    if not is_url(record["url"] or ""):
        raise ValueError
    if weight is not None:
        values["weight_kg"] = kilos = float(weight)
        if kilos <= 0:
            raise ValueError
    return values


def pydantic_models(path: Path) -> int:
    """Make a model of each record."""
    from pydantic import AfterValidator, AnyUrl, BaseModel, StringConstraints, ValidationError
    from pydantic import Field as Limits

    def real(text: str) -> str:
        if not is_gtin(text):
            raise ValueError("no GTIN")
        return text

    def long(longest: int) -> object:
        return Annotated[str, StringConstraints(max_length=longest)]

    class Product(BaseModel):
        dealer_code: long(16)  # type: ignore[valid-type]
        sku: long(64)  # type: ignore[valid-type]
        gtin: Annotated[str, AfterValidator(real)] | None
        title: long(150)  # type: ignore[valid-type]
        brand: long(70) | None  # type: ignore[valid-type, operator]
        category: str | None
        price: Annotated[Decimal, Limits(max_digits=12, decimal_places=2, ge=Decimal("0.01"))]
        currency: Literal["BRL", "USD", "EUR"]
        stock: Annotated[int, Limits(ge=0, le=1_000_000)]
        condition: Literal["new", "used", "refurbished"]
        url: AnyUrl
        updated_at: datetime
        weight_kg: Annotated[float, Limits(gt=0)] | None
        description: long(5_000) | None  # type: ignore[valid-type, operator]

    Product.model_rebuild(_types_namespace=locals() | globals())
    return counted(path, Product.model_validate, ValidationError, ValueError)


def msgspec_structs(path: Path) -> int:
    """Make a struct of each record; what msgspec has no rule for is looked at by hand."""
    import msgspec
    from msgspec import Meta

    product = msgspec.defstruct(
        "Product",
        [
            ("dealer_code", Annotated[str, Meta(max_length=16)]),
            ("sku", Annotated[str, Meta(max_length=64)]),
            ("gtin", str | None),
            ("title", Annotated[str, Meta(max_length=150)]),
            ("brand", Annotated[str, Meta(max_length=70)] | None),
            ("category", str | None),
            ("price", Decimal),
            ("currency", Literal["BRL", "USD", "EUR"]),
            ("stock", Annotated[int, Meta(ge=0, le=1_000_000)]),
            ("condition", Literal["new", "used", "refurbished"]),
            ("url", str),
            ("updated_at", datetime),
            ("weight_kg", Annotated[float, Meta(gt=0)] | None),
            ("description", Annotated[str, Meta(max_length=5_000)] | None),
        ],
    )

    def check(record: Record) -> object:
        made = msgspec.convert(record, product, strict=False)
        if (record["gtin"] is not None and not is_gtin(record["gtin"])) or not is_url(record["url"] or ""):
            raise ValueError
        if not _PRICE.fullmatch(record["price"] or "") or made.price < Decimal("0.01"):  # type: ignore[attr-defined]
            raise ValueError
        return made

    return counted(path, check, msgspec.ValidationError, ValueError)
