"""Faults of the main job on the databases: crashes, lost connections, what only the database refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from feedmill.errors import RunError, UsageError
from feedmill.products import process_feeds
from feedmill.products.journal import SqlIntegrations
from feedmill.products.lot import SqlLot
from feedmill.products.postgres import PostgresProducts
from feedmill.report import Outcomes, Report
from feedmill.runs import RunOptions
from feedmill.stores.protocol import RunInfo
from tests.products.feeds import REFUSED_PRICE, REFUSED_TITLE, Row, random_rows, rows, write_feed
from tests.products.rigs import PostgresRig, SqlRig
from tests.products.test_process import process, without_runs

type Meddling = Callable[[SqlLot[Any]], None]


class CrashError(Exception):
    """What a test raises to end a run where it likes."""


@dataclass
class Meddler:
    """A queue that does something to the transaction before its `at`-th call."""

    queue: Any
    at: int
    do: Meddling
    calls: int = 0

    def publish(self, lot: SqlLot[Any]) -> None:
        self.queue.publish(lot)
        self.calls += 1
        if self.calls == self.at:
            self.do(lot)


def crash(lot: SqlLot[Any]) -> None:
    raise CrashError(f"range at {lot.part.lo}")


def disconnect(lot: SqlLot[Any]) -> None:
    lot.transaction.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def run_meddled(rig: SqlRig, feed: str, options: RunOptions, at: int, do: Meddling, lanes: int) -> Report:
    with rig.job(lanes=lanes, options=options) as job:
        job.queue = Meddler(job.queue, at, do)
        report: Report = job.execute(feed).report
    return report


def undisturbed(rig: SqlRig, feed: str, options: RunOptions, lanes: int) -> tuple[Report, Any, bytes]:
    """Run on empty tables, and empty them again."""
    report = process(rig, feed, options=options, lanes=lanes).report
    tables = without_runs(rig.tables())
    rig.execute(
        *(
            f"DELETE FROM {name}"
            for name in ("outbox", "product_integration", "product_dealers", "products", "feedmill_ledger")
        )
    )
    return report, tables, Path(str(options.rejects)).read_bytes()


@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_resumed_run_equals_an_undisturbed_one(
    sql_rig: SqlRig, tmp_path: Path, short_ranges: int, at: int
) -> None:
    feed = write_feed(tmp_path / "a.csv", random_rows(Random(at), 250))
    options = RunOptions(chunk_size=short_ranges, rejects=str(tmp_path / "rejects.csv"))
    lanes = sql_rig.max_lanes
    report, tables, rejects = undisturbed(sql_rig, feed, options, lanes)
    with pytest.raises(RunError, match="CrashError"):
        run_meddled(sql_rig, feed, options, at, crash, lanes)
    resumed = process(sql_rig, feed, options=replace(options, resume=True), lanes=lanes).report
    assert without_runs(sql_rig.tables()) == tables
    assert (resumed.outcomes, resumed.failures) == (report.outcomes, report.failures)
    assert Path(str(options.rejects)).read_bytes() == rejects


def test_a_finished_run_is_not_resumed(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    with pytest.raises(UsageError, match="no unfinished run"):
        process(sql_rig, feed, options=RunOptions(resume=True))


def test_a_run_is_not_resumed_when_a_later_one_has_finished(
    sql_rig: SqlRig, tmp_path: Path, short_ranges: int
) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(60))
    options = RunOptions(chunk_size=short_ranges)
    with pytest.raises(RunError, match="CrashError"):
        run_meddled(sql_rig, feed, options, 2, crash, 1)
    # The later one may have been a snapshot: the tables are the same.
    later = process_feeds(feed, sql_rig.url, snapshot=True)
    before = sql_rig.tables()
    [(broken_off,)] = sql_rig.query("SELECT run_id FROM feedmill_runs WHERE finished_at IS NULL")
    told = f"run {broken_off} was broken off, but run {later.run_id} of the same feed"
    with pytest.raises(UsageError, match=told):
        process(sql_rig, feed, options=replace(options, resume=True))
    assert sql_rig.tables() == before


def test_a_lost_connection_doubles_nothing(postgres: PostgresRig, tmp_path: Path, short_ranges: int) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(200))
    options = RunOptions(chunk_size=short_ranges)
    report = run_meddled(postgres, feed, options, 5, disconnect, 2)
    assert report.outcomes == Outcomes(inserted=200)
    tables = postgres.tables()
    assert len(tables.events) == len(tables.outcomes) == len(tables.offers) == 200


def test_what_only_the_database_refuses_is_found(sql_rig: SqlRig, tmp_path: Path) -> None:
    sql_rig.refuse()
    feed = rows(500)
    bad = [3, 77, 78, 499]
    for number in bad:
        feed[number] = replace(feed[number], price=REFUSED_PRICE)
    feed[250] = replace(feed[250], title=REFUSED_TITLE)
    rejects = tmp_path / "rejects.csv"
    output = process(
        sql_rig,
        write_feed(tmp_path / "a.csv", feed),
        options=RunOptions(rejects=str(rejects)),
        lanes=sql_rig.max_lanes,
    )
    assert output.report.outcomes == Outcomes(inserted=495)
    assert output.report.rejects_by_code == {"database": 5}
    failed = {key[2]: told for key, told in sql_rig.tables().outcomes.items() if told[2] == "failed"}
    assert sorted(failed) == sorted(number + 1 for number in [*bad, 250])
    assert failed[4] == ("d1", "s0003", "failed", "", "database")
    assert "SQLSTATE" in rejects.read_text()
    assert "s0250" not in sql_rig.tables().products


def test_a_refused_offer_takes_its_product_along(sql_rig: SqlRig, tmp_path: Path) -> None:
    sql_rig.refuse()
    process(sql_rig, write_feed(tmp_path / "a.csv", [Row(price=REFUSED_PRICE)]))
    assert not sql_rig.tables().products


def test_what_a_refused_record_superseded_takes_its_place(sql_rig: SqlRig, tmp_path: Path) -> None:
    sql_rig.refuse()
    feed = [Row(price="1", title="Mug"), Row(price="2", title="Cup"), Row(price=REFUSED_PRICE, title="No")]
    report = process(sql_rig, write_feed(tmp_path / "a.csv", feed)).report
    assert (report.outcomes, report.failures) == (Outcomes(inserted=1, duplicate=1), 1)
    assert sql_rig.tables().offers["d1", "s1"][0] == 2.0
    assert sql_rig.tables().products["s1"][1] == "Cup"


def test_a_dealer_that_cannot_be_created_ends_the_run(postgres: PostgresRig, tmp_path: Path) -> None:
    postgres.execute("CREATE RULE none AS ON INSERT TO dealers DO INSTEAD NOTHING")
    feed = write_feed(tmp_path / "a.csv", [Row(dealer_code="new")])
    with pytest.raises(RunError, match="'new'"):
        process(postgres, feed, create_dealers=True)


def test_an_unchanged_feed_writes_nothing(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(500))
    process(postgres, feed, lanes=2)
    before = writes(postgres)
    assert process(postgres, feed, lanes=2).report.outcomes == Outcomes(unchanged=500)
    assert writes(postgres) == before
    assert before["products"] == (500, 0, 0, 0)


def writes(rig: PostgresRig) -> dict[str, tuple[int, ...]]:
    """Count rows inserted, updated and deleted, and dead ones, by table."""
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(rig.url, autocommit=True) as connection:
        # The server tells what a connection did once that has ended.
        while connection.execute(others).fetchall() != [(0,)]:
            continue
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT pg_stat_clear_snapshot()")
        found = connection.execute(
            "SELECT relname, n_tup_ins, n_tup_upd, n_tup_del, n_dead_tup FROM pg_stat_user_tables"
            " WHERE relname IN ('products', 'product_dealers', 'product_integration', 'outbox', 'dealers')"
        ).fetchall()
    return {name: tuple(counts) for name, *counts in found}


def test_two_processes_on_one_source_double_nothing(
    sql_rig: SqlRig, tmp_path: Path, short_ranges: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(200))
    barrier = threading.Barrier(2)
    met: set[int] = set()
    upsert, begin = PostgresProducts.upsert, SqlIntegrations.begin

    def meet(self: PostgresProducts, *arguments: Any) -> None:  # noqa: ANN401 - whatever upsert takes
        """Have each look the first rows up before the other writes any."""
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            barrier.wait(60)
        upsert(self, *arguments)

    def begin_together(self: SqlIntegrations[Any], run: RunInfo, **how: bool) -> RunInfo:
        effective = begin(self, run, **how)
        barrier.wait(60)
        return effective

    monkeypatch.setattr(PostgresProducts, "upsert", meet)
    monkeypatch.setattr(SqlIntegrations, "begin", begin_together)
    reports: list[Report] = []

    def work() -> None:
        reports.append(process(sql_rig, feed, options=RunOptions(chunk_size=short_ranges)).report)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reports[0].outcomes + reports[1].outcomes == Outcomes(inserted=200, unchanged=200)
    tables = sql_rig.tables()
    assert len(tables.events) == len(tables.outcomes) == len(tables.offers) == 200
