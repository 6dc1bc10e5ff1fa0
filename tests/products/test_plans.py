"""The look-ups probe indexes, whatever the planner thinks of the staged rows: see `SqlDatabase.probing`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from feedmill.products.journal import SqlIntegrations
from feedmill.products.lot import SqlLot
from feedmill.products.postgres import PostgresProducts
from feedmill.report import Outcomes
from feedmill.stores.postgres_transaction import PostgresTransaction
from feedmill.stores.protocol import LaneReject, RangePart
from tests.products.feeds import rows, write_feed
from tests.products.rigs import PostgresRig
from tests.products.test_process import process

STORED, FED = 4_000, 2_000
READ = (
    "SELECT relname, seq_tup_read, idx_scan FROM pg_stat_xact_user_tables"
    " WHERE relname IN ('products', 'product_dealers')"
)


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what parts read of products and offers: rows without an index, and probes of one."""
    counts: Counter[str] = Counter()
    record = SqlIntegrations.record

    def counted(
        self: SqlIntegrations[PostgresTransaction],
        lot: SqlLot[PostgresTransaction],
        rejects: Sequence[LaneReject],
    ) -> None:
        record(self, lot, rejects)
        for _, rows_read, probes in lot.transaction.execute(READ):
            counts["rows"] += int(str(rows_read))
            counts["probes"] += int(str(probes))

    monkeypatch.setattr(SqlIntegrations, "record", counted)
    return counts


@pytest.fixture
def stocked(postgres: PostgresRig) -> PostgresRig:
    """Fill the tables, and have the server know how much is in them."""
    offers = "price, currency, stock, condition, url, updated_at"
    postgres.execute(
        f"INSERT INTO products (sku, title) SELECT 's' || lpad(n::text, 4, '0'), 'Cup'"
        f" FROM generate_series(0, {STORED - 1}) AS n",
        f"INSERT INTO product_dealers (dealer_id, product_id, {offers})"
        " SELECT d.id, p.id, 9.5, 'EUR', 3, 'new', 'https://shop.example/1', '2026-01-01T00:00:00Z'"
        " FROM products AS p, dealers AS d WHERE d.code = 'd1'",
        "VACUUM ANALYZE products, product_dealers, dealers",
    )
    return postgres


def analyse_what_is_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the planner know how many rows are staged: it would then rather read the whole tables."""
    fill = PostgresProducts.fill

    def analysed(
        self: PostgresProducts,
        transaction: PostgresTransaction,
        part: RangePart,
        chosen: Sequence[bytes] | None = None,
    ) -> None:
        fill(self, transaction, part, chosen)
        transaction.execute("ANALYZE feedmill_feed")

    monkeypatch.setattr(PostgresProducts, "fill", analysed)


@pytest.mark.parametrize("is_analysed", [False, True])
def test_no_table_is_read_as_a_whole(
    stocked: PostgresRig,
    tmp_path: Path,
    scanned: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_analysed: bool,
) -> None:
    if is_analysed:
        analyse_what_is_staged(monkeypatch)
    fed = [*rows(FED - 200), *rows(FED, price="8")[FED - 200 :], *rows(200, dealer_code="d2")]
    report = process(stocked, write_feed(tmp_path / "a.csv", fed), verify=True).report
    assert report.outcomes == Outcomes(inserted=200, updated=200, unchanged=FED - 200)
    assert (scanned["rows"], scanned["probes"] > FED) == (0, True)


def test_without_the_pins_they_would_be(
    stocked: PostgresRig, tmp_path: Path, scanned: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it is the pins that keep the planner from it."""
    analyse_what_is_staged(monkeypatch)
    monkeypatch.setattr("feedmill.products.postgres.PIN_PLANS", "SELECT 1")
    process(stocked, write_feed(tmp_path / "a.csv", rows(FED)), verify=True)
    assert scanned["rows"] >= STORED
