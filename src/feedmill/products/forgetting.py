"""What is no more known of records, where somebody changes them who has not read what is; see `memory`.

::

    forgetting_offers     a run that discontinues offers, by their keys
    forgetting_changes    a transaction over the staging table, which is part of no run that keeps hashes

Both append entries that say of a record, and of its product, that nothing is known. The hashes of all others
still count, and the next run over a feed sends these few. Two that change the same at a time say the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from feedmill.kernel import Builder, Contents, Known, record_plan
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import KEY
from feedmill.products.memory import (
    ENTRY_BYTES,
    IS_SOUND,
    NOBODY,
    batches_of,
    contents_of,
    places_of,
    store,
)
from feedmill.products.staged import has_plain_keys
from feedmill.schema import Field, Schema
from feedmill.stores.protocol import RangePart
from feedmill.stores.transaction import Transaction, Value, count

MAX_OFFERS: Final = 100_000
"""Offers that a run forgets one by one: 20 MB for their keys. Of more all that is known is forgotten."""

LOOK_ROWS: Final = 64
"""Rows of ``feedmill_hashes`` between two looks at how much they are."""


@contextmanager
def forgetting_offers[T: Transaction](
    database: SqlDatabase[T], transaction: T, owner: str, fields: tuple[Field, Field], offers: str
) -> Iterator[None]:
    """Let the block change offers, of which nothing is known any more.

    Parameters
    ----------
    database, transaction
    owner : str
        The run's `Memory.owner`.
    fields : tuple of Field
        What dealer_code and sku are in the schema.
    offers : str
        The query for these two of each offer.
    """
    entries = b""
    if owner != NOBODY:
        keys = transaction.execute(f"{offers} LIMIT {MAX_OFFERS + 1}")
        entries = _entries_of(fields, keys) if len(keys) <= MAX_OFFERS else b""
    is_noted = bool(entries) and database.open_memory(transaction, owner)
    yield
    if is_noted:
        store(transaction, entries)
        database.close_memory(transaction)


@contextmanager
def forgetting_changes[T: Transaction](
    database: SqlDatabase[T], transaction: T, part: RangePart
) -> Iterator[None]:
    """Let the block apply a part, and know nothing any more of what it changes.

    Not while a run is under way, whose memory has what was known; nor where there is nothing that counts, or
    keys are written in more ways than one, so that it is not known by which hash they are.
    """
    is_noted = (
        bool(part.slices)
        and has_plain_keys(part.slices[0].batch.plan.schema)
        and bool(transaction.execute(IS_SOUND, (NOBODY,)))
        and not database.has_rules(transaction)
        and database.open_memory(transaction, NOBODY)
    )
    yield
    if is_noted:
        changed = [count(row) for (row,) in transaction.execute("SELECT r FROM feedmill_effects")]
        if changed:
            _forget(transaction, part, changed)
        database.close_memory(transaction)


def _forget(transaction: Transaction, part: RangePart, records: Sequence[int]) -> None:
    contents = contents_of(part.slices[0].batch.plan)
    entries = Known().forget(
        batches_of(part), part.lane, part.lanes, contents, records=places_of(part, records)
    )
    if store(transaction, entries) % LOOK_ROWS == 0:
        [(stored, known)] = transaction.execute(
            "SELECT (SELECT sum(length(entries)) FROM feedmill_hashes), compacted FROM feedmill_memory"
        )
        if count(stored) // ENTRY_BYTES > 2 * count(known) + MAX_OFFERS:
            # To compare everything costs less than to read what is forgotten.
            transaction.execute("INSERT INTO feedmill_outside DEFAULT VALUES")


def _entries_of(fields: tuple[Field, Field], keys: Sequence[tuple[Value, ...]]) -> bytes:
    """Write entries that say nothing is known of some offers; none if a key does not fit the schema."""
    builder = Builder(record_plan(Schema(fields, missing_values=())), len(keys))
    for number, key in enumerate(keys):
        if not builder.add(dict(zip(KEY, key, strict=True)), number, 0, 0):
            return b""
    batch = builder.finish(len(keys), 0)
    return Known().forget([batch], 0, 1, Contents([0, 1], [1], [1], [0]))
