"""What a feed does not list any more is discontinued, only if that is certain, and once."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from feedmill.errors import RunError, TooManyDiscontinuedError, UsageError
from feedmill.pipeline import FailureLimit
from feedmill.products import Gate, plan_feeds, process_feeds
from feedmill.products.journal import SqlIntegrations
from feedmill.products.migrations import migration_names
from feedmill.report import Outcomes, Report
from feedmill.runs import RunOptions
from tests.products.feeds import BAD_STOCK, Row, rows, write_feed
from tests.products.rigs import PostgresRig, SqliteRig, SqlRig
from tests.products.test_rehearsal import everything, url_of

ALL = [*rows(6), *rows(2, dealer_code="d2")]


def snapshot(rig: SqlRig, feed: str, limit: str = "", **options: object) -> Report:
    return process_feeds(
        feed,
        url_of(rig),
        snapshot=True,
        max_discontinue=FailureLimit.parse(limit) if limit else None,
        options=RunOptions(**options),  # type: ignore[arg-type]
    )


def gone(rig: SqlRig) -> list[tuple[str, str]]:
    return rig.query(
        "SELECT d.code, p.sku FROM product_dealers AS o JOIN dealers AS d ON d.id = o.dealer_id"
        " JOIN products AS p ON p.id = o.product_id WHERE o.discontinued_by IS NOT NULL ORDER BY 1, 2"
    )


@pytest.fixture
def stocked(sql_rig: SqlRig, tmp_path: Path) -> SqlRig:
    """Make a database that has all offers."""
    process_feeds(write_feed(tmp_path / "all.csv", ALL), url_of(sql_rig))
    return sql_rig


def test_what_is_not_listed_is_discontinued(stocked: SqlRig, tmp_path: Path) -> None:
    offers = len(stocked.tables().offers)
    report = snapshot(stocked, write_feed(tmp_path / "b.csv", rows(4)))
    assert (report.outcomes, report.discontinued) == (Outcomes(unchanged=4), 2)
    # The other dealer has listed nothing, so nothing is known of its offers.
    assert gone(stocked) == [("d1", "s0004"), ("d1", "s0005")]
    assert (
        stocked.query("SELECT DISTINCT discontinued_by FROM product_dealers ORDER BY 1")[0:2].count(
            (report.run_id,)
        )
        == 1
    )
    tables = stocked.tables()
    assert len(tables.offers) == offers
    run = report.run_id
    assert {key: told for key, told in tables.outcomes.items() if key[0] == run} == {
        (run, -1, 1): ("d1", "s0004", "discontinued", "", ""),
        (run, -1, 2): ("d1", "s0005", "discontinued", "", ""),
    }
    events = {key: told[:2] for key, told in tables.events.items() if key.startswith(run)}
    assert events == {f"{run}:-1:1": ("s0004", "discontinued"), f"{run}:-1:2": ("s0005", "discontinued")}


def test_nothing_is_discontinued_twice(stocked: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "b.csv", rows(4))
    snapshot(stocked, feed)
    before = stocked.tables()
    assert snapshot(stocked, feed).discontinued == 0
    assert stocked.tables() == before


@pytest.mark.parametrize("is_snapshot", [True, False])
def test_what_is_listed_again_comes_back(stocked: SqlRig, tmp_path: Path, *, is_snapshot: bool) -> None:
    snapshot(stocked, write_feed(tmp_path / "b.csv", rows(4)))
    report = process_feeds(str(tmp_path / "all.csv"), url_of(stocked), snapshot=is_snapshot)
    assert report.outcomes == Outcomes(updated=2, unchanged=6)
    assert gone(stocked) == []
    report = process_feeds(str(tmp_path / "all.csv"), url_of(stocked))
    assert report.outcomes == Outcomes(unchanged=8)


def test_a_record_that_fails_is_listed(stocked: SqlRig, tmp_path: Path) -> None:
    listed = [*rows(3), Row(sku="s0003", stock=BAD_STOCK), Row(sku=" s0004 ", price="-1")]
    report = snapshot(stocked, write_feed(tmp_path / "b.csv", listed))
    assert (report.failures, report.discontinued) == (2, 1)
    assert gone(stocked) == [("d1", "s0005")]


@pytest.mark.parametrize(
    "line", ["d1,s0001", 'd1,"s0001', ",s0001" + "," * 12, "d1,s0001" + "," * 20], ids=repr
)
def test_a_record_that_may_be_any_keeps_all(
    stocked: SqlRig, tmp_path: Path, line: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Path(write_feed(tmp_path / "b.csv", rows(2)))
    feed.write_text(feed.read_text() + line + "\n")
    report = snapshot(stocked, str(feed))
    assert (report.failures, report.discontinued) == (1, 0)
    assert gone(stocked) == []
    assert "nothing is discontinued" in caplog.text


def test_a_record_without_a_product_keeps_its_dealers_offers(stocked: SqlRig, tmp_path: Path) -> None:
    listed = [Row(sku=""), *rows(1), *rows(1, dealer_code="d2")]
    assert snapshot(stocked, write_feed(tmp_path / "b.csv", listed)).discontinued == 1
    assert gone(stocked) == [("d2", "s0001")]


def test_a_feed_that_breaks_off_discontinues_nothing(stocked: SqlRig, tmp_path: Path) -> None:
    feed = Path(write_feed(tmp_path / "b.csv", rows(2)))
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(feed.read_bytes())[:-8])
    with pytest.raises(RunError):
        snapshot(stocked, str(packed))
    assert gone(stocked) == []


@pytest.mark.parametrize(("limit", "is_passed"), [("1", True), ("33.3%", True), ("2", False), ("34%", False)])
def test_the_limit(stocked: SqlRig, tmp_path: Path, limit: str, *, is_passed: bool) -> None:
    feed = write_feed(tmp_path / "b.csv", rows(4, price="7"))
    if not is_passed:
        assert snapshot(stocked, feed, limit).discontinued == 2
        return
    with pytest.raises(TooManyDiscontinuedError, match="does not list 2 of its dealers' 6 offers") as caught:
        snapshot(stocked, feed, limit)
    assert (caught.value.exit_code, gone(stocked)) == (4, [])
    # What the feed lists is loaded, and the run can be continued.
    report = snapshot(stocked, feed, resume=True)
    assert (report.outcomes.updated, report.discontinued) == (4, 2)


def test_a_run_is_resumed_as_what_it_was(stocked: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "b.csv", rows(4))
    with pytest.raises(TooManyDiscontinuedError):
        snapshot(stocked, feed, "0")
    with pytest.raises(UsageError, match=r"no unfinished run .*there is one into \(products, snapshot\)"):
        process_feeds(feed, url_of(stocked), options=RunOptions(resume=True))


def test_all_of_it_happens_at_the_end_or_nothing(
    stocked: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = write_feed(tmp_path / "b.csv", rows(4))

    class Crash(Exception):  # noqa: N818 - it stands for a kill
        pass

    with monkeypatch.context() as patch:
        close_books = SqlIntegrations.close_books

        def crash(self: SqlIntegrations[object], transaction: object) -> None:  # type: ignore[type-var]
            close_books(self, transaction)
            raise Crash

        patch.setattr(SqlIntegrations, "close_books", crash)
        with pytest.raises(RunError, match="Crash"):
            snapshot(stocked, feed)
    assert gone(stocked) == []
    assert len(stocked.tables().events) == 8
    assert snapshot(stocked, feed, resume=True).discontinued == 2
    assert len(stocked.tables().events) == 10


def test_a_plan_tells_what_would_be_discontinued(stocked: SqlRig, tmp_path: Path) -> None:
    before = everything(stocked)
    feed = write_feed(tmp_path / "b.csv", rows(4))
    report, _ = plan_feeds(feed, url_of(stocked), snapshot=True)
    assert report.discontinued == 2
    assert (everything(stocked), gone(stocked)) == (before, [])
    with pytest.raises(TooManyDiscontinuedError):
        plan_feeds(feed, url_of(stocked), snapshot=True, max_discontinue=FailureLimit(count=1))


def test_standard_input_is_no_snapshot(stocked: SqlRig) -> None:
    with pytest.raises(UsageError, match="name a file"):
        snapshot(stocked, "-")


def test_several_feeds_are_one_snapshot(stocked: SqlRig, tmp_path: Path) -> None:
    first, second = write_feed(tmp_path / "1.csv", rows(2)), write_feed(tmp_path / "2.csv", rows(6)[3:])
    report = process_feeds([first, second], url_of(stocked), snapshot=True)
    assert (report.discontinued, gone(stocked)) == (1, [("d1", "s0002")])


def test_the_gate_lets_a_snapshot_in(stocked: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "b.csv", rows(4))
    assert process_feeds(feed, url_of(stocked), snapshot=True, gate=Gate()).discontinued == 2


def test_another_dealers_hashes_live_on(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "all.csv", ALL)
    process_feeds(feed, postgres.url)
    snapshot(postgres, write_feed(tmp_path / "b.csv", rows(4)))
    assert postgres.query("SELECT 1 FROM feedmill_outside") == []


def test_of_many_that_are_gone_nothing_is_known(
    stocked: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their keys are not read either; the next run compares all records with the tables."""
    monkeypatch.setattr("feedmill.products.forgetting.MAX_OFFERS", 1)
    assert snapshot(stocked, write_feed(tmp_path / "b.csv", rows(4))).discontinued == 2
    assert len(stocked.query("SELECT 1 FROM feedmill_outside")) == 1
    report = process_feeds(str(tmp_path / "all.csv"), url_of(stocked))
    assert report.outcomes == Outcomes(updated=2, unchanged=len(ALL) - 2)


@pytest.fixture
def aged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SqliteRig:
    """Make a file as it was before there were snapshots."""
    rig = SqliteRig(tmp_path)
    names = [name for name in migration_names("sqlite") if name < "006"]
    with monkeypatch.context() as patch:
        patch.setattr("feedmill.products.migrations.migration_names", lambda _dialect: names)
        with rig.opened():
            rig.add_dealers()
    return rig


def test_a_file_of_an_older_version_is_brought_up_to_date(aged: SqliteRig, tmp_path: Path) -> None:
    rig = aged
    rig.execute(
        "INSERT INTO outbox (event_id, key, op, payload, attempts) VALUES ('e', 'k', 'inserted', '{}', 3)",
        "INSERT INTO product_integration (run_id, feed, record, status, outcome, mended_record)"
        " VALUES ('r', 0, 1, 'failure', 'failed', 7)",
    )
    feed = write_feed(tmp_path / "all.csv", ALL)
    process_feeds(feed, rig.url)
    assert snapshot(rig, write_feed(tmp_path / "b.csv", rows(4))).discontinued == 2
    assert rig.query("SELECT event_id, attempts FROM outbox WHERE key = 'k'") == [("e", 3)]
    assert rig.query("SELECT mended_record FROM product_integration WHERE run_id = 'r'") == [(7,)]
    assert rig.query("PRAGMA integrity_check") == [("ok",)]


def test_what_users_have_put_on_a_table_survives_a_new_version(aged: SqliteRig, tmp_path: Path) -> None:
    objects = "SELECT type, name, sql FROM sqlite_master WHERE name LIKE 'shop%' ORDER BY name"
    aged.execute(
        "ALTER TABLE outbox ADD COLUMN shop text DEFAULT 'berlin'",
        "CREATE TABLE shop_log (event integer REFERENCES outbox (id) ON DELETE CASCADE, op text)",
        "CREATE TABLE shop_runs (run_id text, sku text)",
        "CREATE TRIGGER shop_event AFTER INSERT ON outbox"
        " BEGIN INSERT INTO shop_log VALUES (new.id, new.op); END",
        "CREATE TRIGGER shop_run AFTER INSERT ON product_integration"
        " BEGIN INSERT INTO shop_runs VALUES (new.run_id, new.sku); END",
        "CREATE INDEX shop_ops ON outbox (op, shop)",
        "CREATE INDEX shop_skus ON product_integration (sku)",
        "CREATE VIEW shop_waiting AS SELECT o.id, l.op FROM outbox AS o JOIN shop_log AS l ON l.event = o.id",
        "INSERT INTO outbox (event_id, key, op, payload, shop) VALUES ('e', 'k', 'inserted', '{}', 'rome')",
    )
    before = aged.query(objects)
    assert len(before) == 7
    process_feeds(write_feed(tmp_path / "all.csv", ALL), aged.url)
    assert snapshot(aged, write_feed(tmp_path / "b.csv", rows(4))).discontinued == 2
    assert aged.query(objects) == before
    told = aged.query("SELECT op, count(*) FROM shop_waiting GROUP BY op ORDER BY op")
    assert told == [("discontinued", 2), ("inserted", 1 + len(ALL))]
    assert aged.query("SELECT shop, count(*) FROM outbox GROUP BY shop ORDER BY shop")[1] == ("rome", 1)
    assert aged.query("SELECT count(*) FROM shop_runs") == [(len(ALL) + 2,)]
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        aged.execute("INSERT INTO outbox (event_id, key, op, payload) VALUES ('f', 'k', 'sold', '{}')")
