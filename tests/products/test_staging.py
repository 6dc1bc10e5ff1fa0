"""The staging table as the input of the main job."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from feedmill.errors import RunError, UsageError
from feedmill.products import staging
from feedmill.products.lot import SqlLot
from feedmill.products.sql import SqlDealers
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from feedmill.stores.protocol import LaneReject
from tests.products.feeds import Row, rows
from tests.products.rigs import PostgresRig, SqlRig
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


@pytest.mark.usefixtures("short_ranges")
def test_what_waits_is_processed_once(sql_rig: SqlRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_PAGE", staging._PAGE.replace("4000", "7"))
    text = Row(sku="odd", title='A "cup",\nwith a line end; \\. and ñ', description="'")
    stage(sql_rig, [*rows(50), text, Row(stock="-1"), Row(dealer_code="nobody"), Row(sku="s0000")])
    with sql_rig.staged() as (job, table):
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


def test_what_a_run_did_not_commit_waits_for_the_next(
    sql_rig: SqlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedmill.pipeline.ranges.MAX_RECORDS", 10)
    monkeypatch.setattr(staging, "_PAGE", staging._PAGE.replace("4000", "10"))
    stage(sql_rig, rows(40))
    with sql_rig.staged() as (job, table):
        job.queue = Meddler(job.queue, 3, crash)
        with pytest.raises(RunError, match=CrashError.__name__):
            job.execute(table)
    assert sum(run is not None for run, _ in marks(sql_rig)) == 20
    with sql_rig.staged() as (job, table):
        assert job.execute(table).report.outcomes == Outcomes(inserted=20)
    assert len(sql_rig.tables().events) == 40


def test_two_runs_at_a_time_double_nothing(postgres: PostgresRig) -> None:
    stage(postgres, rows(10))
    with postgres.staged() as (job, table):

        def run_another() -> None:
            with postgres.staged() as (other, other_table):
                other.execute(other_table)

        # The other run comes when this one has read the rows, and before it has locked any.
        set_aside_unknown = job.dealers.set_aside_unknown

        class Dealers(SqlDealers[Any]):
            def set_aside_unknown(self, lot: SqlLot[Any]) -> list[LaneReject]:
                run_another()
                return set_aside_unknown(lot)

        job.dealers = Dealers(postgres.database())
        with pytest.raises(RunError, match="another run"):
            job.execute(table)
    assert len(postgres.tables().events) == 10


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
