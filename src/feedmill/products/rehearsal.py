"""``--plan``: the whole run in one transaction that is rolled back, and what it would have changed.

::

    RehearsalSession    what stands in for every session: one transaction, and a savepoint for each that would
                        have been one of its own; nothing is tried again, nothing is committed
    PlannedProducts     note what stood in the tables before it was written over, in two temporary tables:
    PlannedOffers       a part that is undone, or tried in halves, takes its notes along
    PlannedQueue        when a lot is done, counts what its notes and its rows differ in
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from feedmill.errors import StoreError
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import OFFER_COLUMNS, PRODUCT_COLUMNS
from feedmill.products.lot import SqlLot
from feedmill.products.repositories import Records
from feedmill.products.sql import SqlProductDealers, SqlProducts, SqlQueue, between, listed
from feedmill.products.staged import columns_fed
from feedmill.stores.transaction import Transaction, Value, count, text

MOST_MOVES: Final = 10
"""Price moves that are told."""

OLD_PRODUCT_COLUMNS: Final = PRODUCT_COLUMNS[1:]


@dataclass(frozen=True, slots=True)
class PriceMove:
    """A price that would be another.

    Attributes
    ----------
    dealer_code, sku : str
    old, new : float
        The prices; both above 0.
    """

    dealer_code: str
    sku: str
    old: float
    new: float

    @property
    def factor(self) -> float:
        """How many times the old price the new one is."""
        return self.new / self.old

    @property
    def size(self) -> float:
        """How large the move is, up or down."""
        return max(self.factor, 1 / self.factor)


@dataclass(slots=True)
class Changes:
    """What a run would change.

    Attributes
    ----------
    columns : Counter of str
        How many records would change each column.
    moves : list of PriceMove
        The largest, largest first; at most `MOST_MOVES`.

    Thread safety
    -------------
    one thread at a time
    """

    columns: Counter[str] = field(default_factory=Counter)
    moves: list[PriceMove] = field(default_factory=list)

    def add_moves(self, moves: Sequence[PriceMove]) -> None:
        """Keep the largest."""
        self.moves = sorted([*self.moves, *moves], key=lambda move: (-move.size, move.dealer_code, move.sku))[
            :MOST_MOVES
        ]


class RehearsalSession[T: Transaction]:
    """A session whose transactions are savepoints of one that is never committed.

    Parameters
    ----------
    transaction : Transaction
        It is open.
    faults : type of exception
        What the driver raises.
    fault : callable
        Makes a StoreError of it.

    Thread safety
    -------------
    one thread at a time
    """

    def __init__[E: Exception](
        self, transaction: T, faults: type[E], fault: Callable[[E], StoreError]
    ) -> None:
        self._transaction = transaction

        def attempt[R](work: Callable[[T], R]) -> R:
            try:
                with transaction.savepoint():
                    return work(transaction)
            except faults as error:
                raise fault(error) from None

        self._attempt = attempt

    def transact[R](self, work: Callable[[T], R]) -> R:
        """Run `work`, once."""
        return self._attempt(work)

    def close(self) -> None:
        """Do nothing: the transaction is the database's."""


def rehearsal_tables(types: dict[str, str]) -> Iterator[tuple[str, str]]:
    """List the temporary tables of a rehearsal with their columns; `types` as for `staging_tables`."""

    def declared(names: Sequence[str]) -> str:
        return ", ".join(f"{name} {types.get(name, 'text')}" for name in names)

    yield "feedmill_old_products", f"r bigint PRIMARY KEY, {declared(OLD_PRODUCT_COLUMNS)}"
    yield "feedmill_old_offers", f"r bigint PRIMARY KEY, {declared(OFFER_COLUMNS)}"


class PlannedProducts[T: Transaction](SqlProducts[T]):
    """Products whose old values are noted."""

    def write(self, lot: SqlLot[T], records: Records, others: Sequence[str]) -> None:
        """Note what is stored, then write."""
        lot.transaction.execute(f"DELETE FROM feedmill_old_products WHERE {between(records)}")
        with self.database.probing(lot.transaction):
            lot.transaction.execute(
                f"INSERT INTO feedmill_old_products SELECT c.r, {listed('t', OLD_PRODUCT_COLUMNS)}"
                " FROM feedmill_products AS c LEFT JOIN feedmill_feed AS f ON f.r = c.r"
                " LEFT JOIN products AS t ON t.sku = f.sku"
                f" WHERE c.{between(records)} AND t.id IS NOT NULL"
            )
        super().write(lot, records, others)


class PlannedOffers[T: Transaction](SqlProductDealers[T]):
    """Offers whose old values are noted."""

    def write(self, lot: SqlLot[T], records: Records, others: Sequence[str]) -> None:
        """Note what is stored, then write."""
        lot.transaction.execute(f"DELETE FROM feedmill_old_offers WHERE {between(records)}")
        with self.database.probing(lot.transaction):
            lot.transaction.execute(
                f"INSERT INTO feedmill_old_offers SELECT c.r, {listed('o', OFFER_COLUMNS)}"
                " FROM feedmill_offers AS c LEFT JOIN product_dealers AS o"
                " ON o.product_id = c.product_id AND o.dealer_id = c.dealer_id"
                f" WHERE c.{between(records)} AND c.is_new = 0"
            )
        super().write(lot, records, others)


class PlannedQueue[T: Transaction](SqlQueue[T]):
    """Events, and a look at what they would tell of."""

    def __init__(self, database: SqlDatabase[T], changes: Changes) -> None:
        super().__init__(database)
        self._changes = changes

    def publish(self, lot: SqlLot[T]) -> None:
        """Queue events, and add up what the lot changed."""
        super().publish(lot)
        fed = columns_fed(lot.part)
        self._count(lot, "feedmill_old_products", [name for name in OLD_PRODUCT_COLUMNS if name in fed])
        self._count(lot, "feedmill_old_offers", [name for name in OFFER_COLUMNS if name in fed])
        ratio = "CASE WHEN f.price > b.price THEN f.price * 1.0 / b.price ELSE b.price * 1.0 / f.price END"
        moved = lot.transaction.execute(
            "SELECT f.dealer_code, f.sku, b.price, f.price"
            " FROM feedmill_old_offers AS b JOIN feedmill_feed AS f ON f.r = b.r"
            f" WHERE b.price > 0 AND f.price > 0 AND b.price <> f.price ORDER BY {ratio} DESC, 1, 2"
            f" LIMIT {MOST_MOVES}"
        )
        self._changes.add_moves(
            [PriceMove(text(dealer), text(sku), _price(old), _price(new)) for dealer, sku, old, new in moved]
        )

    def _count(self, lot: SqlLot[T], table: str, names: Sequence[str]) -> None:
        if not names:
            return
        sums = ", ".join(f"count(CASE WHEN b.{name} IS DISTINCT FROM f.{name} THEN 1 END)" for name in names)
        [row] = lot.transaction.execute(
            f"SELECT {sums} FROM {table} AS b JOIN feedmill_feed AS f ON f.r = b.r"
        )
        self._changes.columns.update({name: count(number) for name, number in zip(names, row, strict=True)})


def _price(value: Value) -> float:
    # PostgreSQL's are decimals.
    return float(str(value))
