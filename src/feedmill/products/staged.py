"""The temporary tables a lot stands in, and which field of a schema feeds which of their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from feedmill.errors import SchemaError
from feedmill.kernel import Plan
from feedmill.products.entities import FEED_COLUMNS, FIELD_TYPES, KEY
from feedmill.schema import Schema
from feedmill.stores.ddl import SQLITE_EXACT_DIGITS
from feedmill.stores.protocol import RangePart
from feedmill.stores.transaction import Transaction

# What a snapshot lists: see `snapshot`.
LISTED = "feedmill_listed"
LISTED_COLUMNS = "(dealer_code text, sku text)"


def staging_tables(types: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """List the temporary tables with their columns.

    Parameters
    ----------
    types : mapping of column to type
        The dialect's types; text for columns that are not in it.
    """

    def declared(names: tuple[str, ...]) -> str:
        return ", ".join(f"{name} {types.get(name, 'text')}" for name in names)

    # Its key is looked up where joins by hash are off.
    yield "feedmill_feed", f"r bigint PRIMARY KEY, {declared(FEED_COLUMNS)}"
    yield "feedmill_aside", f"r bigint, {declared(FEED_COLUMNS)}"
    yield "feedmill_refused", f"r bigint, {declared(FEED_COLUMNS)}"
    yield "feedmill_products", "r bigint"
    yield "feedmill_offers", "r bigint, is_new integer, dealer_id bigint, product_id bigint"
    yield "feedmill_effects", "r bigint, outcome text"


def empty(transaction: Transaction) -> None:
    """Empty the temporary tables."""
    for name, _ in staging_tables({}):
        transaction.execute(f"DELETE FROM {name}")


def fields_fed(part: RangePart) -> list[tuple[str, int]]:
    """List the columns that a part's schema has fields for, with the fields' numbers, in their order."""
    if not part.slices:
        return []
    fields = part.slices[0].batch.plan.schema.fields
    return [(field.name, number) for number, field in enumerate(fields) if field.name in FEED_COLUMNS]


def columns_fed(part: RangePart) -> frozenset[str]:
    """Name the columns that a part's feed has; a column that it lacks says nothing about what is stored."""
    if not part.slices:
        return frozenset(FEED_COLUMNS)
    return columns_of(part.slices[0].batch.plan)


def columns_of(plan: Plan) -> frozenset[str]:
    """Name the columns that a plan's feed has."""
    return frozenset(plan.names).intersection(plan.columns or plan.names)


def has_plain_keys(schema: Schema) -> bool:
    """Whether each key has one way to be written; the kernel takes a UUID for itself in either case."""
    return all(schema.field(name).format != "uuid" for name in KEY)


def check_schema(schema: Schema) -> None:
    """Hold a schema against what products are made of.

    Raises
    ------
    SchemaError
        A field the job cannot do without is missing or optional, or a field has a type that its column cannot
        keep.
    """
    for name in KEY:
        if name not in schema.names:
            raise SchemaError(f"the schema has no field {name!r}, which names a product's offer; add it")
        if not schema.field(name).constraints.required and name not in schema.primary_key:
            raise SchemaError(f"field {name!r} names a product's offer; give it the constraint required")
    for field in schema.fields:
        if field.name in FEED_COLUMNS:
            kind, storage = FIELD_TYPES.get(field.name, ("string", "decimal"))
            if field.type != kind or field.storage != storage:
                wanted = f'"type": "{kind}"' + (', "storage": "float64"' if storage == "float64" else "")
                raise SchemaError(
                    f"field {field.name!r} feeds a column of the product tables; give it {wanted}"
                )
            if field.name == "price" and not 0 < (field.precision or 0) <= SQLITE_EXACT_DIGITS:
                raise SchemaError(
                    f"field 'price': SQLite keeps {SQLITE_EXACT_DIGITS} digits of a number and would round "
                    f'others in silence; give it "precision": {SQLITE_EXACT_DIGITS} or less, and a "scale"'
                )
