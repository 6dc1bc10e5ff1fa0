"""The main job on every kind of storage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from feedmill.errors import SchemaError, UsageError
from feedmill.kernel import Batch, Plan
from feedmill.products import Output, product_schema
from feedmill.readers import Chunk
from feedmill.readers.delimited import DelimitedReader
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from feedmill.schema import Constraints, Field, Schema
from tests.products.feeds import Row, random_rows, rows, write_feed
from tests.products.model import Model, Tables
from tests.products.rigs import DEALERS, MemoryRig, Rig


def process(rig: Rig, *feeds: str, options: RunOptions | None = None, lanes: int = 1, **how: bool) -> Output:
    with rig.job(lanes=lanes, options=options, **how) as job:
        output: Output = job.execute(feeds)
    return output


def without_runs(tables: Tables) -> Tables:
    """Leave the runs' ids out."""
    return replace(
        tables,
        outcomes={("", feed, record): told for (_, feed, record), told in tables.outcomes.items()},
        events={event.partition(":")[2]: told for event, told in tables.events.items()},
    )


def test_a_first_load_inserts_everything(rig: Rig, tmp_path: Path) -> None:
    report = process(rig, write_feed(tmp_path / "a.csv", rows(5))).report
    assert report.outcomes == Outcomes(inserted=5)
    tables = rig.tables()
    assert len(tables.products) == len(tables.offers) == len(tables.outcomes) == len(tables.events) == 5
    assert set(tables.events) == {f"{report.run_id}:0:{record}" for record in range(1, 6)}


def test_a_second_load_changes_nothing(rig: Rig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(50))
    process(rig, feed)
    before = rig.tables()
    assert process(rig, feed).report.outcomes == Outcomes(unchanged=50)
    assert rig.tables() == before


def test_what_changed_is_updated_and_told(rig: Rig, tmp_path: Path) -> None:
    first = rows(100)
    process(rig, write_feed(tmp_path / "a.csv", first))
    second = [*first]
    second[7] = replace(second[7], price="1.00")
    second[8] = replace(second[8], title="Another cup")
    report = process(rig, write_feed(tmp_path / "b.csv", second)).report
    assert report.outcomes == Outcomes(updated=2, unchanged=98)
    tables = rig.tables()
    new = {event: told for event, told in tables.events.items() if event.startswith(report.run_id)}
    assert {event.split(":")[2]: told[:2] for event, told in new.items()} == {
        "8": ("s0007", "updated"),
        "9": ("s0008", "updated"),
    }
    assert tables.offers["d1", "s0007"][0] == 1.0
    assert tables.products["s0008"][1] == "Another cup"


def test_the_same_price_written_otherwise_is_no_change(rig: Rig, tmp_path: Path) -> None:
    process(rig, write_feed(tmp_path / "a.csv", [Row(price="9.50", updated_at="2026-01-01T00:00:00Z")]))
    other = [Row(price="9.5", updated_at="2026-01-01T02:00:00+02:00", condition="NEW", title=" Cup ")]
    assert process(rig, write_feed(tmp_path / "b.csv", other)).report.outcomes == Outcomes(unchanged=1)


def test_the_last_record_of_an_offer_wins(rig: Rig, tmp_path: Path) -> None:
    feed = [Row(price="1"), Row(price="2"), Row(price="3")]
    report = process(rig, write_feed(tmp_path / "a.csv", feed), every_outcome=True).report
    assert report.outcomes == Outcomes(inserted=1, duplicate=2)
    tables = rig.tables()
    assert tables.offers["d1", "s1"][0] == 3.0
    assert [told[2] for _, told in sorted(tables.outcomes.items())] == ["duplicate", "duplicate", "inserted"]


def test_offers_of_one_product_from_two_dealers(rig: Rig, tmp_path: Path) -> None:
    feed = [Row(dealer_code="d1", title="Cup"), Row(dealer_code="d2", title="Mug")]
    assert process(rig, write_feed(tmp_path / "a.csv", feed)).report.outcomes == Outcomes(inserted=2)
    tables = rig.tables()
    assert set(tables.offers) == {("d1", "s1"), ("d2", "s1")}
    assert tables.products["s1"][1] == "Mug"
    # Events tell what is stored, not what a later record has overruled.
    assert {told[2][1] for told in tables.events.values()} == {"Mug"}


def test_unknown_dealers_fail(rig: Rig, tmp_path: Path) -> None:
    feed = [Row(), Row(dealer_code="nobody")]
    report = process(rig, write_feed(tmp_path / "a.csv", feed)).report
    assert (report.successes, report.failures) == (1, 1)
    assert report.rejects_by_code == {"dealer_code.unknown_dealer": 1}
    assert [told for told in rig.tables().outcomes.values() if told[2] == "failed"] == [
        ("nobody", "s1", "failed", "dealer_code", "unknown_dealer")
    ]
    assert set(rig.tables().dealers) == set(DEALERS)


def test_unknown_dealers_are_created(rig: Rig, tmp_path: Path) -> None:
    feed = [Row(dealer_code=f"new{number % 7}", sku=f"s{number}") for number in range(50)]
    report = process(
        rig, write_feed(tmp_path / "a.csv", feed), create_dealers=True, lanes=rig.max_lanes
    ).report
    assert report.outcomes == Outcomes(inserted=50)
    assert set(rig.tables().dealers) == {*DEALERS, *(f"new{number}" for number in range(7))}


def test_a_feed_of_failures_only_has_a_row_for_each(rig: Rig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(30, stock="-1", title=""))
    output = process(rig, feed, lanes=rig.max_lanes)
    assert output.report.failures == len(rig.tables().outcomes) == 30
    # The first finding of each; the reject file has both.
    assert {told[2:] for told in rig.tables().outcomes.values()} == {("failed", "title", "required")}


@pytest.mark.parametrize("every_outcome", [False, True])
def test_a_lot_without_a_row_takes_none_of_the_lot_before(
    rig: Rig, tmp_path: Path, every_outcome: bool
) -> None:
    refused = [Row(), Row(dealer_code="nobody", sku="s2")]
    process(rig, write_feed(tmp_path / "a.csv", [Row()]))
    feeds = [
        write_feed(tmp_path / "b.csv", refused),
        write_feed(tmp_path / "c.csv", [Row(stock="-1"), Row(stock="-1")]),
    ]
    report = process(rig, *feeds, every_outcome=every_outcome).report
    told = {
        place[1:]: what
        for place, what in rig.tables().outcomes.items()
        if place[0] == report.run_id and what[2] != "unchanged"
    }
    assert told == {
        (0, 2): ("nobody", "s2", "failed", "dealer_code", "unknown_dealer"),
        (1, 1): (None, None, "failed", "stock", "minimum"),
        (1, 2): (None, None, "failed", "stock", "minimum"),
    }
    assert report.outcomes.unchanged == 1


def test_a_record_that_cannot_be_parsed_has_a_row(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse = DelimitedReader.parse

    def explode(self: DelimitedReader, chunk: Chunk, plan: Plan) -> Batch:
        if b"explode" in chunk.data[: chunk.size]:
            raise ValueError("boom")
        return parse(self, chunk, plan)

    monkeypatch.setattr(DelimitedReader, "parse", explode)
    feed = rows(9)
    feed[4] = replace(feed[4], title="explode")
    output = process(rig, write_feed(tmp_path / "a.csv", feed), lanes=rig.max_lanes)
    assert output.report.outcomes == Outcomes(inserted=8)
    failed = {key[2]: told for key, told in rig.tables().outcomes.items() if told[2] == "failed"}
    assert failed == {5: (None, None, "failed", "", "callback")}


def test_an_optional_column_may_be_absent(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "sku,dealer_code,title,price,currency,stock,condition,url,updated_at,colour\n"
        "s1,d1,Cup,9.50,EUR,3,new,https://shop.example/1,2026-01-01T00:00:00Z,red\n"
    )
    assert process(rig, str(path)).report.outcomes == Outcomes(inserted=1)
    assert rig.tables().products == {"s1": (None, "Cup", None, None, None)}


def test_columns_are_mapped(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_feed(path, rows(3))
    path.write_text(path.read_text().replace("title", "Product name", 1))
    options = RunOptions(mapping={"title": "Product name"})
    assert process(rig, str(path), options=options).report.outcomes == Outcomes(inserted=3)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("create", [False, True])
def test_tables_and_outcomes_equal_the_model(rig: Rig, tmp_path: Path, seed: int, create: bool) -> None:
    random = Random(seed)
    with_refused = bool(seed % 2)
    model = Model(create_dealers=create, every_outcome=seed < 2, refuses=with_refused)
    model.tables.dealers = dict.fromkeys(DEALERS)
    if with_refused:
        rig.refuse()
    for number in range(3):
        feeds = [random_rows(random, 30, with_refused=with_refused) for _ in range(3)]
        names = [write_feed(tmp_path / f"{number}-{place}.csv", feed) for place, feed in enumerate(feeds)]
        report = process(
            rig,
            *names,
            lanes=random.randint(1, rig.max_lanes),
            options=RunOptions(workers=random.randint(1, 3)),
            create_dealers=create,
            every_outcome=seed < 2,
        ).report
        model.run(report.run_id, feeds)
        found, counts = rig.tables(), model.counts
        assert found.outcomes == model.tables.outcomes
        assert found == model.tables
        assert report.failures == counts["failed"]
        assert report.outcomes == Outcomes(
            counts["inserted"], counts["updated"], counts["unchanged"], counts["duplicate"]
        )


def test_no_number_of_workers_and_lanes_matters(rig: Rig, tmp_path: Path, short_ranges: int) -> None:
    feed = write_feed(tmp_path / "a.csv", random_rows(Random(5), 300))
    process(rig, feed)
    results = []
    # Offers recur in later ranges, so each run changes them, and changes them back.
    for number in range(1, max(rig.max_lanes, 2) + 1):
        rejects = tmp_path / f"rejects-{number}.csv"
        options = RunOptions(workers=number, chunk_size=short_ranges, rejects=str(rejects))
        report = process(rig, feed, lanes=min(number, rig.max_lanes), options=options).report
        tables = rig.tables()
        told = {place: told for (run, _, place), told in tables.outcomes.items() if run == report.run_id}
        assert report.outcomes.updated > 0
        results.append((report.outcomes, told, tables.offers, tables.products, rejects.read_bytes()))
    assert results == results[:1] * len(results)


def test_workers_are_set(rig: Rig, tmp_path: Path) -> None:
    with rig.job() as job:
        job.set_max_workers(3)
        assert job.execute(write_feed(tmp_path / "a.csv", rows(3))).report.workers == 3
        with pytest.raises(UsageError, match="at least one"):
            job.set_max_workers(0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "no field 'sku'"),
        (Field("sku"), "constraint required"),
        (Field("sku", "integer", constraints=Constraints(required=True)), '"type": "string"'),
        (Field("weight_kg", "number"), '"storage": "float64"'),
        (Field("price", "number"), '"precision": 15'),
        (Field("price", "number", precision=16, scale=2), '"precision": 15'),
    ],
)
def test_a_schema_that_does_not_fit_is_refused(change: Field | None, words: str) -> None:
    name = change.name if change else "sku"
    others = tuple(field for field in product_schema().fields if field.name != name)
    schema = Schema((*others, change) if change else others)
    with MemoryRig().job() as job, pytest.raises(SchemaError, match=words):
        replace(job, schema=schema)
