"""What the main job has to come to, one record after the other: dicts and nothing clever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.products.feeds import REFUSED_PRICE, REFUSED_TITLE, Row

type Cell = str | int | float | datetime | None
type Product = tuple[Cell, ...]
type Offer = tuple[Cell, ...]


@dataclass
class Tables:
    """The tables of the main job; surrogate ids and moments left out."""

    dealers: dict[str, str | None] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    offers: dict[tuple[str, str], Offer] = field(default_factory=dict)
    # By run, feed and record: dealer, sku, outcome, column and code of the finding.
    outcomes: dict[tuple[str, int, int], tuple[Cell, ...]] = field(default_factory=dict)
    # By event id: key, op, and what it tells.
    events: dict[str, tuple[str, str, Product, Offer]] = field(default_factory=dict)


def product_of(row: Row) -> Product:
    cells = (row.gtin, row.title, row.brand, row.category, row.description)
    return tuple(cell or None for cell in cells)


def offer_of(row: Row) -> Offer:
    return (
        float(row.price),
        row.currency,
        int(row.stock),
        row.condition,
        row.url,
        float(row.weight_kg) if row.weight_kg else None,
        datetime.fromisoformat(row.updated_at).astimezone(UTC),
    )


@dataclass
class Model:
    """The job, sequentially.

    `refuses`: the database refuses `REFUSED_PRICE` in an offer and `REFUSED_TITLE` in a product.
    """

    create_dealers: bool = False
    every_outcome: bool = False
    refuses: bool = False
    tables: Tables = field(default_factory=Tables)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, run_id: str, feeds: Iterable[Sequence[Row]]) -> None:
        """Process feeds, each of which is one range."""
        self.counts.clear()
        for number, rows in enumerate(feeds):
            self._range(run_id, number, dict(enumerate(rows, 1)))

    def _range(self, run_id: str, feed: int, rows: dict[int, Row]) -> None:
        outcomes: dict[int, tuple[Cell, ...]] = {}
        staged: dict[int, Row] = {}
        for record, row in rows.items():
            if row.is_bad:
                outcomes[record] = (None, None, "failed", "stock", "minimum")
            elif row.dealer_code not in self.tables.dealers and not self.create_dealers:
                outcomes[record] = (row.dealer_code, row.sku, "failed", "dealer_code", "unknown_dealer")
            else:
                self.tables.dealers.setdefault(row.dealer_code, None)
                staged[record] = row
        winners, refused = self._winners(staged)
        for record in refused:
            row = rows[record]
            outcomes[record] = (row.dealer_code, row.sku, "failed", "", "database")
        effects = self._write(winners)
        for record, row in staged.items():
            if record not in refused:
                silent = "unchanged" if record in winners else "duplicate"
                outcome = effects.get(record, silent)
                outcomes[record] = (row.dealer_code, row.sku, outcome, "", "")
        for record, told in sorted(outcomes.items()):
            outcome = str(told[2])
            self.counts[outcome] += 1
            if self.every_outcome or outcome in {"inserted", "updated", "failed"}:
                self.tables.outcomes[run_id, feed, record] = told
            if outcome in {"inserted", "updated"}:
                row = rows[record]
                self.tables.events[f"{run_id}:{feed}:{record}"] = (
                    row.sku,
                    outcome,
                    self.tables.products[row.sku],
                    offer_of(row),
                )

    def _winners(self, staged: dict[int, Row]) -> tuple[dict[int, Row], set[int]]:
        """Leave out what the database refuses until it refuses nothing of what remains."""
        refused: set[int] = set()
        while True:
            rest = {record: row for record, row in staged.items() if record not in refused}
            winners = {max(records): rest[max(records)] for records in _grouped(rest)}
            of_products = {max(records) for records in _grouped(winners, by_sku=True)}
            bad = {record for record in of_products if self._refuses_product(winners[record])}
            if not bad:
                bad = {record for record, row in winners.items() if self._refuses_offer(row)}
            if not bad:
                return winners, refused
            refused |= bad

    def _write(self, winners: dict[int, Row]) -> dict[int, str]:
        effects: dict[int, str] = {}
        for records in _grouped(winners, by_sku=True):
            last = winners[max(records)]
            if self.tables.products.get(last.sku) != product_of(last):
                effects[max(records)] = "updated"
                self.tables.products[last.sku] = product_of(last)
        for record, row in winners.items():
            key = (row.dealer_code, row.sku)
            if self.tables.offers.get(key) != offer_of(row):
                effects[record] = "updated" if key in self.tables.offers else "inserted"
                self.tables.offers[key] = offer_of(row)
        return effects

    def _refuses_product(self, row: Row) -> bool:
        is_written = self.tables.products.get(row.sku) != product_of(row)
        return self.refuses and is_written and row.title == REFUSED_TITLE

    def _refuses_offer(self, row: Row) -> bool:
        return self.refuses and row.price == REFUSED_PRICE


def _grouped(rows: dict[int, Row], *, by_sku: bool = False) -> Iterator[list[int]]:
    """Group records of one offer, or of one product."""
    groups: dict[tuple[str, str], list[int]] = {}
    for record, row in rows.items():
        groups.setdefault(("" if by_sku else row.dealer_code, row.sku), []).append(record)
    return iter(groups.values())
