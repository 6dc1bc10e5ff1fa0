"""A plan says what a run would do, and does nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from feedmill.errors import UsageError
from feedmill.products import plan_feeds, process_feeds
from feedmill.products.opening import open_products
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from tests.products.feeds import REFUSED_PRICE, Row, random_rows, rows, write_feed
from tests.products.rigs import PostgresRig, SqliteRig, SqlRig
from tests.products.test_process import process

TABLES = ("feedmill_runs", "feedmill_ledger", "feedmill_hashes", "feedmill_outside", "feedmill_memory")


def url_of(rig: SqlRig) -> str:
    assert isinstance(rig, SqliteRig | PostgresRig)
    return rig.url


def everything(rig: SqlRig) -> tuple[object, ...]:
    return (rig.tables(), *(rig.query(f"SELECT * FROM {name}") for name in TABLES))


def test_a_plan_names_columns_and_price_moves(sql_rig: SqlRig, tmp_path: Path) -> None:
    first = rows(20)
    process(sql_rig, write_feed(tmp_path / "a.csv", first))
    second = [*first, Row(sku="new")]
    second[3] = replace(second[3], price="950.00", stock="4")
    second[4] = replace(second[4], price="4.75", title="Mug")
    second[5] = replace(second[5], brand="Acme", stock="5")
    second[6] = replace(second[6], stock="-1")
    before = everything(sql_rig)
    report, changes = plan_feeds(write_feed(tmp_path / "b.csv", second), url_of(sql_rig))
    assert everything(sql_rig) == before
    assert report.outcomes == Outcomes(inserted=1, updated=3, unchanged=16)
    assert report.failures == 1
    assert dict(+changes.columns) == {
        "price": 2,
        "stock": 2,
        "title": 1,
        "brand": 1,
    }
    moves = [(move.dealer_code, move.sku, move.old, move.new) for move in changes.moves]
    assert moves == [("d1", "s0003", 9.5, 950.0), ("d1", "s0004", 9.5, 4.75)]
    assert changes.moves[0].factor == 100


@pytest.mark.parametrize("seed", range(2))
def test_a_plan_equals_the_run(sql_rig: SqlRig, tmp_path: Path, short_ranges: int, seed: int) -> None:
    random = Random(seed)
    sql_rig.refuse()
    process(sql_rig, write_feed(tmp_path / "a.csv", random_rows(random, 60)))
    feed = write_feed(tmp_path / "b.csv", random_rows(random, 60, with_refused=True))
    before = everything(sql_rig)
    options = RunOptions(chunk_size=short_ranges, rejects=str(tmp_path / "plan.csv"))
    planned, changes = plan_feeds(feed, url_of(sql_rig), create_dealers=True, options=options)
    assert everything(sql_rig) == before
    options = replace(options, rejects=str(tmp_path / "run.csv"))
    report = process_feeds(feed, url_of(sql_rig), create_dealers=True, options=options)
    assert (planned.outcomes, planned.rejects_by_code) == (report.outcomes, report.rejects_by_code)
    assert (tmp_path / "plan.csv").read_bytes() == (tmp_path / "run.csv").read_bytes()
    assert max(changes.columns.values()) <= report.outcomes.updated


def test_a_plan_for_an_empty_database_makes_no_table(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    feed = write_feed(tmp_path / "a.csv", [Row(), Row(price=REFUSED_PRICE, sku="s2")])
    path = tmp_path / "absent.db"
    report, _ = plan_feeds(feed, f"sqlite:///{path}", create_dealers=True)
    assert (report.outcomes, path.exists()) == (Outcomes(inserted=2), False)
    url = request.getfixturevalue("postgres_url")
    report, _ = plan_feeds(feed, url, create_dealers=True)
    assert report.outcomes == Outcomes(inserted=2)
    assert PostgresRig(url).query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_plan_has_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing to resume"):
        plan_feeds("a.csv", f"sqlite:///{tmp_path}/a.db", options=RunOptions(resume=True))


def test_a_plan_lets_other_runs_begin(postgres: PostgresRig, tmp_path: Path) -> None:
    process(postgres, write_feed(tmp_path / "a.csv", [Row()]))
    other = write_feed(tmp_path / "b.csv", [Row(sku="s2")])
    with open_products(postgres.url, rehearses=True):
        assert process(postgres, other).report.outcomes == Outcomes(inserted=1)
