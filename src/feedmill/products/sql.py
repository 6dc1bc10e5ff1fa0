"""The repositories in SQL, for any database behind `Transaction`; `lot` lists the temporary tables.

Rows that change nothing are dropped by looking the stored ones up first: an upsert with a WHERE that is
false still takes locks and writes WAL. The look-ups must probe indexes (`SqlDatabase.probing`), or the
planner, which knows nothing of the temporary tables, may read all products for a few rows of a feed. They are
LEFT JOINs even where nothing can be missing: no planner may then begin with the large table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from feedmill.products.database import SqlDatabase, Written
from feedmill.products.entities import OFFER_COLUMNS, PRODUCT_COLUMNS, Dealer
from feedmill.products.lot import SqlLot
from feedmill.products.repositories import Records
from feedmill.products.staged import columns_fed
from feedmill.records import MAX_VALUE_CHARACTERS
from feedmill.stores.protocol import LaneReject
from feedmill.stores.transaction import Transaction, count, text

KNOWN_DEALER: Final = (
    "expected a known dealer; add it to the table dealers (--dealers CSV), "
    "or let it be created (--create-dealers)"
)


class UnknownDealersError(Exception):
    """Dealers have to be created before the part is applied.

    Never leaves `products`: it carries the codes out of a transaction that is undone.
    """

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(f"{len(codes)} unknown dealers")
        self.codes = codes


class SqlDealers[T: Transaction]:
    """Dealers in the table ``dealers``.

    Parameters
    ----------
    database : SqlDatabase
    create : bool
        Whether a dealer nobody has heard of is created, or its records fail.
    """

    def __init__(self, database: SqlDatabase[T], *, create: bool = False) -> None:
        self._database = database
        self._create = create

    def save(self, dealers: Sequence[Dealer]) -> None:
        """Add dealers, or rename known ones."""
        session = self._database.session("dealers")
        try:
            session.transact(lambda transaction: save_dealers(self._database, transaction, dealers))
        finally:
            session.close()

    def set_aside_unknown(self, lot: SqlLot[T]) -> list[LaneReject]:
        """Take the rows of unknown dealers out of the lot; see `repositories.DealerRepository`.

        Raises
        ------
        UnknownDealersError
            They are to be created, which needs a transaction of its own: other lanes may create them, too.
        """
        unknown = "NOT EXISTS (SELECT 1 FROM dealers AS d WHERE d.code = feedmill_feed.dealer_code)"
        # Few, whatever the number of rows.
        codes = lot.transaction.execute(
            "SELECT dealer_code FROM (SELECT DISTINCT dealer_code FROM feedmill_feed) AS feedmill_feed"
            f" WHERE {unknown} ORDER BY dealer_code"
        )
        if self._create and (names := [text(code) for (code,) in codes if code]):
            raise UnknownDealersError(names)
        if not codes:
            return []
        lot.refuse(unknown)
        rows = lot.transaction.execute("SELECT r, dealer_code FROM feedmill_refused ORDER BY r")
        return [
            LaneReject(
                count(record),
                "dealer_code",
                "unknown_dealer",
                KNOWN_DEALER,
                text(code)[:MAX_VALUE_CHARACTERS],
            )
            for record, code in rows
        ]


def save_dealers[T: Transaction](database: SqlDatabase[T], transaction: T, dealers: Sequence[Dealer]) -> None:
    """Add dealers, or rename known ones; sorted, so that two who do it cannot deadlock."""
    # The last name given to a code counts.
    names = {dealer.code: dealer.name for dealer in dealers}
    source = database.json_rows([("code", "text"), ("name", "text")])
    transaction.execute(
        f"INSERT INTO dealers (code, name) SELECT code, name FROM ({source}) AS given WHERE true"
        " ON CONFLICT (code) DO UPDATE SET name = excluded.name"
        " WHERE excluded.name IS DISTINCT FROM dealers.name AND excluded.name IS NOT NULL",
        (json.dumps(sorted(names.items(), key=lambda item: item[0])),),
    )


class SqlProducts[T: Transaction]:
    """Products in the table ``products``."""

    def __init__(self, database: SqlDatabase[T]) -> None:
        self.database = database

    def upsert(self, lot: SqlLot[T], records: Records) -> None:
        """Write the products that are new or changed; see `repositories.ProductRepository`."""
        transaction = lot.transaction
        others = [name for name in PRODUCT_COLUMNS[1:] if name in columns_fed(lot.part)]
        transaction.execute(f"DELETE FROM feedmill_products WHERE {between(records)}")
        with self.database.probing(transaction):
            # Of a product's rows the last one counts, among all of the lot and not of these records only.
            transaction.execute(
                "INSERT INTO feedmill_products SELECT s.r"
                " FROM (SELECT *, row_number() OVER (PARTITION BY sku ORDER BY r DESC) AS place"
                " FROM feedmill_feed) AS s LEFT JOIN products AS t ON t.sku = s.sku"
                f" WHERE s.place = 1 AND s.{between(records)}"
                f" AND (t.id IS NULL{_or_differs('t', others)})"
            )
        if _has_any(transaction, "feedmill_products", records):
            self.write(lot, records, others)

    def write(self, lot: SqlLot[T], records: Records, others: Sequence[str]) -> None:
        """Write the products that were found to be new or changed, and keep those that were, when written."""
        staged = (
            "FROM feedmill_products AS c LEFT JOIN feedmill_feed AS f ON f.r = c.r"
            f" WHERE c.{between(records)}"
        )
        self.database.upsert(
            lot.transaction,
            f"INSERT INTO products ({listed('', PRODUCT_COLUMNS)}) SELECT {listed('f', PRODUCT_COLUMNS)}"
            f" {staged} ORDER BY f.sku ON CONFLICT (sku) DO {_update('products', others)}",
            Written("sku", f"SELECT f.sku {staged}"),
            f"DELETE FROM feedmill_products WHERE {between(records)} AND r NOT IN"
            " (SELECT f.r FROM written AS w JOIN feedmill_feed AS f ON f.sku = w.sku)",
        )


class SqlProductDealers[T: Transaction]:
    """Offers in the table ``product_dealers``."""

    def __init__(self, database: SqlDatabase[T]) -> None:
        self.database = database

    def set_aside_duplicates(self, lot: SqlLot[T]) -> None:
        """Take superseded rows out of the lot; see `repositories.ProductDealerRepository`."""
        transaction = lot.transaction
        transaction.execute(
            "INSERT INTO feedmill_aside SELECT * FROM feedmill_feed WHERE r IN (SELECT r FROM"
            " (SELECT r, row_number() OVER (PARTITION BY dealer_code, sku ORDER BY r DESC) AS place"
            " FROM feedmill_feed) AS ranked WHERE place > 1)"
        )
        transaction.execute("DELETE FROM feedmill_feed WHERE r IN (SELECT r FROM feedmill_aside)")

    def upsert(self, lot: SqlLot[T], records: Records) -> None:
        """Write the offers that are new or changed; see `repositories.ProductDealerRepository`."""
        transaction = lot.transaction
        others = [name for name in OFFER_COLUMNS if name in columns_fed(lot.part)]
        transaction.execute(f"DELETE FROM feedmill_offers WHERE {between(records)}")
        with self.database.probing(transaction):
            # What was discontinued and is listed again comes back.
            transaction.execute(
                "INSERT INTO feedmill_offers (r, is_new, dealer_id, product_id)"
                " SELECT s.r, CASE WHEN o.product_id IS NULL THEN 1 ELSE 0 END, d.id, p.id"
                " FROM feedmill_feed AS s LEFT JOIN dealers AS d ON d.code = s.dealer_code"
                " LEFT JOIN products AS p ON p.sku = s.sku"
                " LEFT JOIN product_dealers AS o ON o.product_id = p.id AND o.dealer_id = d.id"
                f" WHERE s.{between(records)} AND (o.product_id IS NULL{_or_differs('o', others)}"
                " OR o.discontinued_by IS NOT NULL)"
            )
        if _has_any(transaction, "feedmill_offers", records):
            self.write(lot, records, others)
        # A record that changed a product may have found its offer unchanged, and the other way round.
        transaction.execute(
            "INSERT INTO feedmill_effects SELECT r, 'updated' FROM feedmill_products"
            f" WHERE {between(records)} AND r NOT IN (SELECT r FROM feedmill_effects)"
        )

    def write(self, lot: SqlLot[T], records: Records, others: Sequence[str]) -> None:
        """Write what was found to be new or changed, and note which of it was, by the time it was written."""
        update = _update("product_dealers", [*others, "discontinued_by"])
        staged = f"FROM feedmill_offers AS c WHERE c.{between(records)}"
        self.database.upsert(
            lot.transaction,
            f"INSERT INTO product_dealers (dealer_id, product_id, {listed('', OFFER_COLUMNS)})"
            f" SELECT c.dealer_id, c.product_id, {listed('f', OFFER_COLUMNS)} FROM feedmill_offers AS c"
            f" LEFT JOIN feedmill_feed AS f ON f.r = c.r WHERE c.{between(records)}"
            " ORDER BY c.product_id, c.dealer_id"
            f" ON CONFLICT (product_id, dealer_id) DO {update}",
            Written("product_id, dealer_id", f"SELECT c.product_id, c.dealer_id, c.is_new {staged}"),
            "INSERT INTO feedmill_effects"
            " SELECT c.r, CASE w.is_new WHEN 1 THEN 'inserted' ELSE 'updated' END FROM written AS w"
            " JOIN feedmill_offers AS c ON c.product_id = w.product_id AND c.dealer_id = w.dealer_id"
            f" WHERE c.{between(records)}",
        )


class SqlQueue[T: Transaction]:
    """Events in the table ``outbox``, committed with the changes they tell of."""

    def __init__(self, database: SqlDatabase[T]) -> None:
        self._database = database

    def publish(self, lot: SqlLot[T]) -> None:
        """Queue an event for each row that changed something; see `repositories.QueueService`.

        What it tells of the product is what is stored now: a later record may have had the last word.
        """
        columns = [("dealer_code", "f.dealer_code"), *((name, f"p.{name}") for name in PRODUCT_COLUMNS)]
        payload = self._database.json_object([*columns, *((name, f"f.{name}") for name in OFFER_COLUMNS)])
        with self._database.probing(lot.transaction):
            lot.transaction.execute(
                "INSERT INTO outbox (event_id, key, op, payload)"
                f" SELECT ? || e.r, f.sku, e.outcome, {payload} FROM feedmill_effects AS e"
                " LEFT JOIN feedmill_feed AS f ON f.r = e.r LEFT JOIN products AS p ON p.sku = f.sku"
                " ORDER BY e.r",
                (f"{lot.run.run_id}:{lot.part.feed}:",),
            )


def between(records: Records) -> str:
    """Write the condition that a staged row is one of some records."""
    return f"r BETWEEN {records.first} AND {records.last}"


def listed(table: str, names: Sequence[str]) -> str:
    """List columns of a table, "" for none."""
    return ", ".join(f"{table}.{name}" if table else name for name in names)


def _or_differs(stored: str, names: Sequence[str]) -> str:
    """Write the condition that a staged row says something else than the stored one."""
    return f" OR ({listed(stored, names)}) IS DISTINCT FROM ({listed('s', names)})" if names else ""


def _update(table: str, names: Sequence[str]) -> str:
    """Write what is done about a stored row; columns that the feed lacks stay as they are.

    Another process may have written the same meanwhile, and then nothing is left to do.
    """
    if not names:
        return "NOTHING"
    return (
        "UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in names)
        + f" WHERE ({listed(table, names)}) IS DISTINCT FROM ({listed('excluded', names)})"
    )


def _has_any(transaction: Transaction, table: str, records: Records) -> bool:
    """Tell whether there is anything to write: a statement that writes nothing would fire triggers, too."""
    return bool(transaction.execute(f"SELECT 1 FROM {table} WHERE {between(records)} LIMIT 1"))
