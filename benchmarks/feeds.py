"""Write a synthetic product feed, and beside it what is in it.

::

    python benchmarks/feeds.py RECORDS OUT.csv [--seed N] [--bad SHARE] [--repeats SHARE]

``OUT.csv.expect.json`` counts the records, the good ones, and the bad ones by ``column.code``; each bad
record has exactly one finding. The feed fits ``src/feedmill/products/product.schema.json``.

The bytes are a function of the arguments: of `random` only what Python promises to keep is used
(``random()``), so every interpreter writes the same feed. Texts come from pools made beforehand, which makes
a million records in under a minute; keys, prices and stocks are each record's own.

If you add a kind of bad record: add it to `FAULTS`; its name is the finding that it has to draw.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

FIELDS: Final = (
    *("dealer_code", "sku", "gtin", "title", "brand", "category", "price", "currency", "stock", "condition"),
    *("url", "updated_at", "weight_kg", "description"),
)
DEALERS: Final = 500
POOL: Final = 1_000
"""Texts in a pool: enough that no cache of a parser profits from them, few enough to be made in no time."""

type Cells = dict[str, str]
type Pick = Callable[[Sequence[str]], str]
type Spoil = Callable[[Cells, Pick], None]

_NOUNS: Final = (
    *("brake pad", "disque de frein", "Ölfilter", "vela de ignição", "łożysko", "batteri", "ampoule H7"),
    *("correia dentada", "wiper blade", "шина", "suspension strut", "radiateur", "Zündkerze", "retrovisor"),
    *("амортизатор", "кабель", "tapis de sol", "jumper lead"),
)
_ADJECTIVES: Final = (
    *("front", "rear", "left", "right", "universal", "heavy-duty", "ventilated", "12 V", "24 V", "OEM"),
    *("reconditioned", "(pair)"),
)
_BRANDS: Final = (
    "Valeo",
    "Mann-Filter",
    "Fras-le",
    "Škoda",
    "Citroën",
    "Denso",
    "NGK",
    'K&N "Performance"',
    "TRW",
    "",
)
_CATEGORIES: Final = ("Parts > Brakes", "Parts > Engine > Filters", "Parts > Light", "Tyres & wheels", "")
_CONDITIONS: Final = ("new", "used", "refurbished", "New", "USED", "Refurbished")
_CURRENCIES: Final = ("BRL", "USD", "EUR")


def _set(name: str, *values: str) -> Spoil:
    def spoil(cells: Cells, pick: Pick) -> None:
        cells[name] = pick(values)

    return spoil


def _tear(cells: Cells, pick: Pick) -> None:  # noqa: ARG001 - there is nothing to choose
    del cells["description"]


FAULTS: Final[dict[str, Spoil]] = {
    "condition.enum": _set("condition", "broken", "as new", "nuevo"),
    "description.missing_cell": _tear,
    "extra_cell": _set("beyond", "surplus", ""),
    "gtin.check_digit": _set("gtin", "7891234567890", "4006381333932", "96385075"),
    "gtin.format": _set("gtin", "789123456789X", "12345", "4006381333931 "),
    "price.minimum": _set("price", "0.00", "-10.00", "0.0"),
    "price.type": _set("price", "12,50", "free", "1.234", "12345678901.00", "1e400x"),
    "sku.required": _set("sku", "", "   "),
    "stock.maximum": _set("stock", "1000001", "9223372036854775807"),
    "stock.type": _set("stock", "12.5", "many", "9223372036854775808"),
    "title.encoding": _set("title", "caf\udce9", "\udcff\udcfe", "overlong \udcc0\udcaf"),
    "title.max_length": _set("title", "x" * 151, "é" * 200),
    "updated_at.type": _set("updated_at", "2026-13-45T00:00:00Z", "2026-02-29T12:00:00Z", "yesterday"),
    "url.format": _set("url", "notaurl", "//host/path", "https://exa mple.com/"),
    "weight_kg.exclusive_minimum": _set("weight_kg", "0", "-0.5", "0e3"),
}
"""What can be wrong, by the one finding it draws. Lone surrogates stand for bytes that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a feed: its cells as they are written, and what is wrong with it, if anything is."""

    cells: tuple[str, ...]
    fault: str = ""


@dataclass(slots=True)
class Expectation:
    """What a feed holds, as the file beside it says."""

    rows: int = 0
    good: int = 0
    bad: int = 0
    keys: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    seed: int = 0


class Generator:
    """Make the records of one feed.

    Parameters
    ----------
    seed : int
    bad : float
        The share of records with a fault, from 0 to 1.
    repeats : float
        The share of records that have the key of an earlier one.
    """

    def __init__(self, seed: int = 7, bad: float = 0.03, repeats: float = 0.0) -> None:
        self._random = random.Random(seed).random
        self._bad, self._repeats = bad, repeats
        self._kinds = tuple(FAULTS)
        self._gtins = ["", *(self._gtin() for _ in range(POOL))]
        self._titles = [self._title() for _ in range(POOL)]
        self._descriptions = ["", *(self._description() for _ in range(POOL))]

    def records(self, count: int) -> Iterator[Record]:
        """Yield so many records; once."""
        for number in range(count):
            cells = self._cells(number)
            if self._random() >= self._bad:
                yield Record(tuple(cells.values()))
                continue
            fault = self._pick(self._kinds)
            FAULTS[fault](cells, self._pick)
            yield Record(tuple(cells.values()), fault)

    def _cells(self, number: int) -> Cells:
        if number and self._random() < self._repeats:
            number = self._below(number)
        # The dealer follows from the number, so that a repeated number is a repeated key.
        dealer = number * 7919 % DEALERS + 1
        sku = f"SKU-{number:08d}"
        return {
            "dealer_code": f"D{dealer:04d}",
            "sku": sku,
            "gtin": self._pick(self._gtins) if self._random() < 0.9 else "",
            "title": self._pick(self._titles),
            "brand": self._pick(_BRANDS),
            "category": self._pick(_CATEGORIES),
            "price": f"{self._below(500_000) / 100 + 1:.2f}",
            "currency": self._pick(_CURRENCIES),
            "stock": str(self._below(2_000)),
            "condition": self._pick(_CONDITIONS),
            "url": f"https://shop{dealer}.example.com/p/{sku.lower()}?ref=feed&n={number}",
            "updated_at": self._instant(),
            "weight_kg": f"{self._below(30_000) / 1000 + 0.001:.3f}" if self._random() < 0.8 else "",
            "description": self._pick(self._descriptions),
        }

    def _instant(self) -> str:
        month, day, second = 1 + self._below(12), 1 + self._below(28), self._below(86_400)
        clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
        return f"2026-{month:02d}-{day:02d}T{clock}{self._pick(('Z', 'Z', '+02:00', '-03:00'))}"

    def _gtin(self) -> str:
        digits = [self._below(10) for _ in range(self._pick_number((7, 11, 12, 13)))]
        total = sum(digit * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
        return "".join(map(str, digits)) + str(-total % 10)

    def _title(self) -> str:
        words = [self._pick(_NOUNS), self._pick(_ADJECTIVES), self._pick(_NOUNS)][: 2 + self._below(2)]
        title = " ".join(words)
        if self._random() < 0.08:
            title += ' 12" (set, 2 pcs)'
        if self._random() < 0.05:
            title = f"  {title.replace(' ', '  ', 1)} "
        return title

    def _description(self) -> str:
        text = " ".join(
            self._pick(_NOUNS if self._random() < 0.6 else _ADJECTIVES) for _ in range(5 + self._below(20))
        )
        if self._random() < 0.1:
            text += self._pick(
                (',\nline 2: "guaranteed", 12 months', "\r\nsee below;\n\n- fits all", ' "as is"')
            )
        return text

    def _below(self, limit: int) -> int:
        return int(self._random() * limit)

    def _pick(self, values: Sequence[str]) -> str:
        return values[self._below(len(values))]

    def _pick_number(self, values: Sequence[int]) -> int:
        return values[self._below(len(values))]


def csv_line(cells: Sequence[str]) -> bytes:
    """Write one record as CSV, a line feed at its end; surrogates become the bytes they stand for."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow(cells)
    return buffer.getvalue().encode("utf-8", "surrogateescape")


def write_feed(
    path: Path, count: int, *, seed: int = 7, bad: float = 0.03, repeats: float = 0.0
) -> Expectation:
    """Write a feed and its expectation.

    Parameters
    ----------
    path : Path
        The expectation's name is this and ``.expect.json``.
    count : int
        Records; the header is none.
    seed, bad, repeats
        As for `Generator`.
    """
    expectation = Expectation(seed=seed)
    reasons: Counter[str] = Counter()
    keys: set[tuple[str, str]] = set()
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for record in Generator(seed, bad, repeats).records(count):
            writer.writerow(record.cells)
            if record.fault:
                reasons[record.fault] += 1
            else:
                keys.add(record.cells[:2])  # type: ignore[arg-type]  # dealer and sku
    expectation.rows, expectation.bad, expectation.keys = count, reasons.total(), len(keys)
    expectation.good = count - expectation.bad
    expectation.reasons = dict(sorted(reasons.items()))
    path.with_name(path.name + ".expect.json").write_text(json.dumps(asdict(expectation), indent=1) + "\n")
    return expectation


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write a synthetic product feed and what is in it.")
    parser.add_argument("records", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--bad", type=float, default=0.03, metavar="SHARE", help="records with a fault, 0 to 1"
    )
    parser.add_argument(
        "--repeats", type=float, default=0.0, metavar="SHARE", help="records with a key seen before"
    )
    given = parser.parse_args()
    write_feed(given.out, given.records, seed=given.seed, bad=given.bad, repeats=given.repeats)


if __name__ == "__main__":
    main()
