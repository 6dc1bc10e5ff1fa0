"""The staging table as the input of the main job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import fields
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from feedmill.errors import RunError, UsageError
from feedmill.products import staging
from feedmill.products.doorbell import Doorbell
from feedmill.products.journal import SqlLane
from feedmill.products.lot import SqlLot
from feedmill.products.sql import SqlDealers
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from feedmill.stores.protocol import LaneReject
from tests.command import Command, has_ended
from tests.products.feeds import Row, random_rows, rows
from tests.products.model import Model
from tests.products.rigs import DEALERS, PostgresRig, SqlRig
from tests.products.test_faults import CrashError, Meddler, crash


def stage(rig: SqlRig, records: list[Row]) -> None:
    """Put raw records there, with NULL for what is missing."""
    names = [field.name for field in fields(Row)]

    def literal(value: str) -> str:
        return "'" + value.replace("'", "''") + "'" if value else "NULL"

    values = [", ".join(literal(getattr(record, name)) for name in names) for record in records]
    rig.execute(
        *(f"INSERT INTO {staging.TABLE} ({', '.join(names)}) VALUES ({row})" for row in values),
    )


def marks(rig: SqlRig) -> list[tuple[object, ...]]:
    return rig.query(f"SELECT processed_by, record FROM {staging.TABLE} ORDER BY id")


def test_what_waits_is_processed_once(sql_rig: SqlRig) -> None:
    text = Row(sku="odd", title='A "cup",\nwith a line end; \\. and ñ', description="'")
    stage(sql_rig, [*rows(50), text, Row(stock="-1"), Row(dealer_code="nobody"), Row(sku="s0000")])
    with sql_rig.staged(page_rows=7) as (job, table):
        report = job.execute(table).report
        assert report.outcomes == Outcomes(inserted=51, updated=0, unchanged=1)
        assert report.failures == 2
        assert marks(sql_rig) == [(report.run_id, record) for record in range(1, 55)]
        assert report.feed == staging.TABLE
        # Nothing waits now.
        assert job.execute(table).report.records == 0
    assert sql_rig.tables().products["odd"][1] == 'A "cup", with a line end; \\. and ñ'


def test_null_and_an_empty_text_are_told_apart(sql_rig: SqlRig) -> None:
    assert bytes(staging._csv([(1, None, "", "x")])) == b',"","x"\n'
    stage(sql_rig, [Row(brand="")])
    with sql_rig.staged() as (job, table):
        job.execute(table)
    assert sql_rig.tables().products["s1"][2] is None


def test_what_a_run_did_not_commit_waits_for_the_next(sql_rig: SqlRig) -> None:
    stage(sql_rig, rows(40))
    with sql_rig.staged(page_rows=10) as (job, table):
        job.queue = Meddler(job.queue, 3, crash)
        with pytest.raises(RunError, match=CrashError.__name__):
            job.execute(table)
    assert sum(run is not None for run, _ in marks(sql_rig)) == 20
    with sql_rig.staged() as (job, table):
        assert job.execute(table).report.outcomes == Outcomes(inserted=20)
    assert len(sql_rig.tables().events) == 40


def test_what_another_run_has_is_passed_over_and_waited_for(postgres: PostgresRig) -> None:
    stage(postgres, [Row(sku="a", price="1"), Row(sku="b", price="1"), Row(sku="a", price="2")])
    with postgres.staged(page_rows=2) as (job, table), ExitStack() as stack:
        looked = threading.Event()

        class Dealers(SqlDealers[Any]):
            def set_aside_unknown(self, lot: SqlLot[Any]) -> list[LaneReject]:
                # The other run looks while this one has the first two rows, and may not take the third.
                if not looked.is_set():
                    thread.start()
                    assert looked.wait(60)
                return super().set_aside_unknown(lot)

        def run_another() -> None:
            with postgres.staged() as (other, other_table):
                pause = Doorbell.pause

                def pause_seen(bell: Doorbell, seconds: float) -> None:
                    looked.set()
                    pause(bell, seconds)

                stack.enter_context(pytest.MonkeyPatch.context()).setattr(Doorbell, "pause", pause_seen)
                totals.append(other.execute(other_table).report.records)

        totals: list[int] = []
        thread = threading.Thread(target=run_another)
        job.dealers = Dealers(postgres.database())
        totals.append(job.execute(table).report.records)
        thread.join(60)
    assert sum(totals) == 3
    assert postgres.tables().offers["d1", "a"][0] == 2.0
    assert len(postgres.tables().events) == 3


@pytest.mark.parametrize("seed", range(2))
def test_any_number_of_runs_side_by_side_is_like_one(postgres: PostgresRig, seed: int) -> None:
    feed = random_rows(Random(seed), 400)
    stage(postgres, feed)
    reports = []

    def work() -> None:
        with postgres.staged(page_rows=13) as (job, table):
            reports.append(job.execute(table).report)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert_processed_once(postgres, feed)
    assert sum(report.records for report in reports) == 400


def assert_processed_once(rig: SqlRig, feed: list[Row]) -> None:
    """Hold everything that is left behind against one run over all rows, in their order."""
    model = Model(create_dealers=False, every_outcome=False, refuses=False)
    model.tables.dealers = dict.fromkeys(DEALERS)
    model.run("one", [feed])
    tables = rig.tables()
    assert tables.products == model.tables.products
    assert tables.offers == model.tables.offers
    places = marks(rig)
    assert len(places) == len(set(places)) == len(feed)
    assert None not in {run for run, _ in places}
    failed = {place[::2] for place, told in tables.outcomes.items() if told[2] == "failed"}
    bad = {place for place, row in zip(places, feed, strict=True) if row.is_bad or row.dealer_code == "new"}
    assert failed == bad
    done = {place[::2] for place, told in tables.outcomes.items() if told[2] != "failed"}
    assert done <= set(places) - bad
    assert {tuple(event.split(":")[::2]) for event in tables.events} == {(r, str(n)) for r, n in done}
    [(total,)] = rig.query("SELECT sum(inserted + updated + unchanged + duplicate) FROM feedmill_ledger")
    assert total == len(feed) - len(bad)
    # Each run's records are numbered without a gap.
    for run in {run for run, _ in places}:
        assert sorted(n for other, n in places if other == run) == list(
            range(1, 1 + sum(other == run for other, _ in places))
        )


def test_processes_killed_at_random_leave_nothing_undone(postgres: PostgresRig, feedmill: Command) -> None:
    random = Random(7)
    feed = random_rows(random, 900)
    stage(postgres, feed)
    command = ("process", "--from-staging", postgres.url, "--batch", 20, "--no-progress")
    with ExitStack() as stack, closing(psycopg.connect(postgres.url, autocommit=True)) as connection:
        running = [stack.enter_context(feedmill.start(*command)) for _ in range(4)]
        kills = 0
        for least in (50, 250, 500):
            waiting = f"SELECT count(*) FROM {staging.TABLE} WHERE processed_by IS NOT NULL"
            while connection.execute(waiting).fetchone()[0] < least:
                if all(has_ended(process) for process in running):
                    pytest.fail(str([process.communicate() for process in running]))
            victim = running.pop(random.randrange(len(running)))
            victim.kill()
            victim.communicate()
            kills += victim.returncode == -9
            running.append(stack.enter_context(feedmill.start(*command)))
        for process in running:
            _, err = process.communicate(timeout=170)
            assert process.returncode in {0, 1}, err
    assert kills
    assert_processed_once(postgres, feed)


def test_a_worker_takes_what_comes_and_drains(sql_rig: SqlRig, feedmill: Command) -> None:
    with feedmill.start("worker", sql_rig.url, "--rejects", "rejects.csv") as process:
        for number, bad in enumerate(("3", "-1", "3")):
            stage(sql_rig, [Row(sku=f"s{number}", stock=bad)])
            while marks(sql_rig)[-1][0] is None:
                assert not has_ended(process), process.communicate()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.decode().splitlines()[-1] == "Successes: 2, Failures: 1"
    assert (feedmill.directory / "rejects.csv").read_text().splitlines()[1].startswith("2,2,")
    assert len(sql_rig.tables().events) == 2


def test_a_commit_whose_reply_is_lost_is_done_once(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = [*rows(20), Row(stock="-1"), *rows(10)]
    stage(postgres, feed)
    rejects = tmp_path / "rejects.csv"
    with postgres.staged(page_rows=15) as (job, table):
        job.options = RunOptions(rejects=str(rejects))
        lost = []

        def lose_reply(lane: SqlLane[Any], work: Callable[[Any], object]) -> object:
            result = take(lane, work)
            if result and not isinstance(result, bool) and len(lost) < 2:
                lost.append(result)
                # As `transact` does when the connection broke in COMMIT: the same work again.
                again = take(lane, work)
                assert again[2].replayed
                return again
            return result

        take = SqlLane.take
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SqlLane, "take", lose_reply)
            report = job.execute(table).report
    assert len(lost) == 2
    assert (report.records, report.failures) == (31, 1)
    assert rejects.read_text().count("stock") == 1
    assert_processed_once(postgres, feed)


def test_there_is_nothing_to_resume(sql_rig: SqlRig) -> None:
    with sql_rig.staged() as (job, table):
        job.options = RunOptions(resume=True)
        with pytest.raises(UsageError, match="needs no --resume"):
            job.execute(table)


def test_columns_can_be_mapped(sql_rig: SqlRig) -> None:
    stage(sql_rig, [Row(title="Cup", description="Longer")])
    with sql_rig.staged() as (job, table):
        job.options = RunOptions(mapping={"title": "description"})
        job.execute(table)
    assert sql_rig.tables().products["s1"][1] == "Longer"
