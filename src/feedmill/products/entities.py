"""What products are about: dealers, what became of a record, and the columns they are kept in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PRODUCT_COLUMNS: Final = ("sku", "gtin", "title", "brand", "category", "description")
"""What is said of a product, whoever sells it; `sku` names it."""

OFFER_COLUMNS: Final = ("price", "currency", "stock", "condition", "url", "weight_kg", "updated_at")
"""What one dealer says of one product."""

KEY: Final = ("dealer_code", "sku")
"""What names a dealer's offer."""

LANE_KEY: Final = ("sku",)
"""What decides a record's lane: the key that products and offers share."""

FEED_COLUMNS: Final = ("dealer_code", *PRODUCT_COLUMNS, *OFFER_COLUMNS)
"""What a record of a product feed can hold."""

FIELD_TYPES: Final = {
    "price": ("number", "decimal"),
    "stock": ("integer", "decimal"),
    "weight_kg": ("number", "float64"),
    "updated_at": ("datetime", "decimal"),
}
"""Type and storage a schema has to give these columns; the others are strings."""


@dataclass(frozen=True, slots=True)
class Dealer:
    """Somebody who sells products; known by a code."""

    code: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Success:
    """A record that is in the tables.

    Attributes
    ----------
    feed : int
        Index of its feed.
    record : int
        Number in its feed, from 1.
    outcome : str
        inserted, updated, unchanged or duplicate; "" for one of the last two in a run that did not keep them.
    """

    feed: int
    record: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that is not in the tables, and its first finding.

    Attributes
    ----------
    feed : int
        Index of its feed.
    record : int
        Number in its feed, from 1.
    column, code, message : str
        As in the reject file, which has all findings.
    """

    feed: int
    record: int
    column: str
    code: str
    message: str
