"""What earlier runs have noted spares records the way to the database and changes no outcome."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import psycopg
import pytest

from feedmill.errors import RunError
from feedmill.products import process_feeds, process_staged
from feedmill.products.memory import Choice, LaneMemory
from feedmill.products.process import product_schema
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from feedmill.stores.protocol import RangePart
from feedmill.stores.transaction import Transaction
from tests.products.feeds import COLUMNS, REFUSED_PRICE, Row, random_rows, rows, write_feed
from tests.products.rigs import PostgresRig, SqliteRig, SqlRig
from tests.products.test_faults import crash, run_meddled, undisturbed
from tests.products.test_process import process, without_runs
from tests.products.test_staging import stage


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the rows that are sent."""
    sent: list[int] = []
    choose = LaneMemory.choose

    def count[T: Transaction](self: LaneMemory[T], transaction: T, part: RangePart) -> Choice:
        choice = choose(self, transaction, part)
        sent.append(part.rows if choice.sent is None else choice.sent)
        return choice

    with monkeypatch.context() as patch:
        patch.setattr(LaneMemory, "choose", count)
        yield sent


def test_only_what_changed_is_sent(sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows(200)
    process(sql_rig, write_feed(tmp_path / "a.csv", first))
    second = [*first]
    second[7] = replace(second[7], price="1.00")
    second[8] = replace(second[8], title="Another cup")
    with counted(monkeypatch) as sent:
        report = process(sql_rig, write_feed(tmp_path / "b.csv", second), lanes=sql_rig.max_lanes).report
    assert report.outcomes == Outcomes(updated=2, unchanged=198)
    assert sum(sent) == 2
    with counted(monkeypatch) as sent:
        report = process(sql_rig, str(tmp_path / "b.csv")).report
    assert (report.outcomes, sum(sent)) == (Outcomes(unchanged=200), 0)


def test_what_is_written_otherwise_is_the_same(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(sql_rig, write_feed(tmp_path / "a.csv", [Row(price="9.50", weight_kg="1.0")]))
    other = [Row(price="9.5", updated_at="2026-01-01T02:00:00+02:00", title=" Cup ", weight_kg="1")]
    with counted(monkeypatch) as sent:
        report = process(sql_rig, write_feed(tmp_path / "b.csv", other)).report
    assert (report.outcomes, sum(sent)) == (Outcomes(unchanged=1), 0)


@pytest.mark.parametrize(
    ("statement", "outcomes"),
    [
        ("UPDATE product_dealers SET price = 1", Outcomes(updated=3)),
        ("UPDATE products SET title = 'Mug' WHERE sku = 's0001'", Outcomes(updated=1, unchanged=2)),
        ("DELETE FROM product_dealers", Outcomes(inserted=3)),
    ],
)
def test_what_others_change_is_noticed(
    sql_rig: SqlRig, tmp_path: Path, statement: str, outcomes: Outcomes
) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    sql_rig.execute(statement)
    assert process(sql_rig, feed).report.outcomes == outcomes
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=3)


@pytest.mark.parametrize(
    ("staged", "outcomes", "wanted"),
    [
        (Row(sku="s0001", price="1.00"), Outcomes(inserted=1, updated=1, unchanged=2), 2),
        (Row(sku="s0001", title="Mug"), Outcomes(inserted=1, updated=1, unchanged=2), 2),
        (Row(dealer_code="d2", sku="s0001", title="Mug"), Outcomes(inserted=1, updated=1, unchanged=2), 2),
        (Row(sku="s0003"), Outcomes(unchanged=4), 1),
        (Row(sku="s0002"), Outcomes(inserted=1, unchanged=3), 1),
    ],
    ids=["offer", "product", "product of another dealer", "new", "nothing"],
)
def test_what_the_staging_table_brings_is_noticed(
    sql_rig: SqlRig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    staged: Row,
    outcomes: Outcomes,
    wanted: int,
) -> None:
    """Of what it changes nothing is known any more, and of all else the same as before."""
    process(sql_rig, write_feed(tmp_path / "a.csv", rows(3)))
    stage(sql_rig, [staged])
    with sql_rig.staged() as (job, table):
        assert job.execute(table).report.successes == 1
    feed = write_feed(tmp_path / "b.csv", rows(4))
    with counted(monkeypatch) as sent:
        assert process(sql_rig, feed).report.outcomes == outcomes
    assert sum(sent) == wanted
    with counted(monkeypatch) as sent:
        assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=4)
    assert sum(sent) == 0


def test_what_a_trigger_of_the_staging_table_does_is_noticed(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(postgres, feed)
    postgres.execute(
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " UPDATE products SET title = 'Bowl' WHERE sku = 's0002'; RETURN NULL; END $$",
        "CREATE TRIGGER meddle AFTER UPDATE ON product_integration_staging EXECUTE FUNCTION meddle()",
    )
    stage(postgres, [Row(sku="s0001", price="1.00")])
    with postgres.staged() as (job, table):
        assert job.execute(table).report.outcomes == Outcomes(updated=1)
    assert process(postgres, feed).report.outcomes == Outcomes(updated=2, unchanged=1)


def test_a_run_notices_the_staging_table_while_it_lasts(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    stage(sql_rig, [Row(sku="s0001", price="1.00")])
    with sql_rig.job() as job:
        begin = job.integrations.begin

        def overtaken(run: object, **how: bool) -> object:
            effective = begin(run, **how)
            with sql_rig.staged() as (other, table):
                assert other.execute(table).report.outcomes == Outcomes(updated=1)
            return effective

        job.integrations.begin = overtaken
        assert job.execute(feed).report.outcomes == Outcomes(updated=1, unchanged=2)
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=3)


def test_of_much_that_the_staging_table_brings_all_is_forgotten(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read so many entries would take longer than to compare the records."""
    monkeypatch.setattr("feedmill.products.forgetting.MAX_OFFERS", 10)
    monkeypatch.setattr("feedmill.products.forgetting.LOOK_ROWS", 1)
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    for price in range(1, 7):
        stage(sql_rig, rows(3, price=f"{price}.00"))
        with sql_rig.staged() as (job, table):
            assert job.execute(table).report.outcomes == Outcomes(updated=3)
    assert sql_rig.query("SELECT sum(length(entries)) FROM feedmill_hashes") == [((3 + 5 * 3) * 40,)]
    assert process(sql_rig, feed).report.outcomes == Outcomes(updated=3)


def test_a_change_is_noticed_that_began_before_the_run(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(postgres, feed)
    postgres.execute("UPDATE products SET title = title")
    with psycopg.connect(postgres.url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # There is a note, and this transaction will see it as long as it lasts.
        connection.execute("SELECT 1 FROM feedmill_outside")
        process(postgres, feed)
        connection.execute("UPDATE product_dealers SET price = 5")
    assert process(postgres, feed).report.outcomes == Outcomes(updated=3)


def test_a_writer_that_takes_long_is_no_hindrance(
    postgres: PostgresRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedmill.products.postgres.PATIENCE", "10ms")
    feed = write_feed(tmp_path / "a.csv", rows(3))
    with psycopg.connect(postgres.url) as connection:
        connection.execute("UPDATE product_dealers SET price = 5")
        assert process(postgres, feed).report.outcomes == Outcomes(inserted=3)
    # That run has noted nothing, and its own changes count as somebody else's.
    assert postgres.query("SELECT count(*) FROM feedmill_hashes") == [(0,)]
    assert process(postgres, feed).report.outcomes == Outcomes(unchanged=3)


def test_verify_looks_at_the_tables(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    sql_rig.execute("UPDATE product_dealers SET price = 1", "DELETE FROM feedmill_outside")
    # As if the triggers had been off, which is all that can go unnoticed.
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=3)
    assert process(sql_rig, feed, verify=True).report.outcomes == Outcomes(updated=3)
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=3)


def test_what_another_dealer_says_of_the_product_counts(sql_rig: SqlRig, tmp_path: Path) -> None:
    ours = write_feed(tmp_path / "a.csv", [Row(dealer_code="d1", title="Cup")])
    theirs = write_feed(tmp_path / "b.csv", [Row(dealer_code="d2", title="Mug")])
    process(sql_rig, ours)
    process(sql_rig, theirs)
    assert process(sql_rig, ours).report.outcomes == Outcomes(updated=1)
    assert sql_rig.tables().products["s1"][1] == "Cup"
    assert process(sql_rig, ours).report.outcomes == Outcomes(unchanged=1)


def test_repeated_records_are_counted_as_ever(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = [Row(), Row(price="2"), Row(), Row(sku="s2"), Row(sku="s2")]
    process(sql_rig, write_feed(tmp_path / "a.csv", feed))
    for _ in range(2):
        report = process(sql_rig, str(tmp_path / "a.csv")).report
        assert report.outcomes == Outcomes(unchanged=2, duplicate=3)


def test_a_refused_record_leaves_the_floor_to_one_that_was_left_out(sql_rig: SqlRig, tmp_path: Path) -> None:
    process(sql_rig, write_feed(tmp_path / "a.csv", [Row(), Row(sku="s2")]))
    sql_rig.refuse()
    feed = write_feed(tmp_path / "b.csv", [Row(), Row(price=REFUSED_PRICE), Row(sku="s2")])
    for _ in range(2):
        report = process(sql_rig, feed).report
        assert (report.outcomes, report.failures) == (Outcomes(unchanged=2), 1)


def test_the_same_digits_at_another_scale_are_another_price(sql_rig: SqlRig, tmp_path: Path) -> None:
    assert isinstance(sql_rig, SqliteRig | PostgresRig)
    process(sql_rig, write_feed(tmp_path / "a.csv", [Row(price="100.00")]))
    finer = [replace(field, scale=4) if field.name == "price" else field for field in product_schema().fields]
    schema = replace(product_schema(), fields=tuple(finer))
    feed = write_feed(tmp_path / "b.csv", [Row(price="1.0000")])
    assert process_feeds(feed, sql_rig.url, schema=schema).outcomes == Outcomes(updated=1)
    assert process_feeds(feed, sql_rig.url, schema=schema).outcomes == Outcomes(unchanged=1)


def test_keys_that_may_be_written_otherwise_are_compared(sql_rig: SqlRig, tmp_path: Path) -> None:
    """A UUID is one whatever the case of its letters; as a mere text it is not."""
    assert isinstance(sql_rig, SqliteRig | PostgresRig)
    sku = "ABCDEF00-0000-4000-8000-0000000000AB"
    by_format = [
        replace(field, format="uuid") if field.name == "sku" else field for field in product_schema().fields
    ]
    uuids = replace(product_schema(), fields=tuple(by_format))
    feeds = [write_feed(tmp_path / f"{price}.csv", [Row(sku=sku, price=price)]) for price in ("1", "2")]
    process(sql_rig, feeds[0])
    process_feeds(feeds[1], sql_rig.url, schema=uuids)
    process(sql_rig, feeds[0])
    assert sql_rig.tables().offers["d1", sku][0] == 1.0
    stage(sql_rig, [Row(sku=sku, price="3")])
    assert process_staged(sql_rig.url, schema=uuids).successes == 1
    process(sql_rig, feeds[0])
    assert sql_rig.tables().offers["d1", sku][0] == 1.0


def test_a_feed_with_fewer_columns_is_another_thing(sql_rig: SqlRig, tmp_path: Path) -> None:
    full = write_feed(tmp_path / "a.csv", [Row(brand="Acme")])
    place = COLUMNS.index("brand")
    part = tmp_path / "b.csv"
    part.write_text(
        "\n".join(
            ",".join(cell for number, cell in enumerate(line.split(",")) if number != place)
            for line in Path(full).read_text().splitlines()
        )
    )
    process(sql_rig, full)
    for feed in (str(part), full, str(part)):
        assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=1)
    assert sql_rig.tables().products["s1"][2] == "Acme"


@pytest.mark.parametrize("seed", range(2))
def test_outcomes_are_those_of_comparing_everything(
    sql_rig: SqlRig, tmp_path: Path, short_ranges: int, seed: int
) -> None:
    random = Random(seed)
    judge = SqliteRig(tmp_path / "..")
    judge.path.unlink(missing_ok=True)
    with judge.opened():
        judge.add_dealers()
    if seed % 2:
        sql_rig.refuse()
        judge.refuse()
    known = [random_rows(random, 40, with_refused=bool(seed % 2)) for _ in range(2)]
    for turn in range(4):
        feed = [replace(row, price="3") if random.random() < 0.05 else row for row in random.choice(known)]
        name = write_feed(tmp_path / f"{turn}.csv", feed)
        options = RunOptions(chunk_size=short_ranges)
        lanes = random.randint(1, sql_rig.max_lanes)
        report = process(
            sql_rig, name, options=options, lanes=lanes, every_outcome=random.random() < 0.2
        ).report
        expected = process(judge, name, options=options, verify=True).report
        assert (report.outcomes, report.failures) == (expected.outcomes, expected.failures)
        assert sql_rig.tables().offers == judge.tables().offers
        assert sql_rig.tables().products == judge.tables().products
    assert len(sql_rig.tables().events) == len(judge.tables().events)


@pytest.mark.parametrize("at", [2, 6])
def test_a_run_over_known_records_is_resumed(
    sql_rig: SqlRig, tmp_path: Path, short_ranges: int, at: int
) -> None:
    before = random_rows(Random(at), 120)
    feed = [replace(row, price="7") if number % 3 else row for number, row in enumerate(before)]
    first, second = write_feed(tmp_path / "a.csv", before), write_feed(tmp_path / "b.csv", feed)
    options = RunOptions(chunk_size=short_ranges, rejects=str(tmp_path / "rejects.csv"))
    lanes = sql_rig.max_lanes
    process(sql_rig, first)
    report, tables, rejects = undisturbed(sql_rig, second, options, lanes)
    process(sql_rig, first, options=RunOptions(chunk_size=short_ranges))
    sql_rig.execute("DELETE FROM outbox", "DELETE FROM product_integration")
    with pytest.raises(RunError, match="CrashError"):
        run_meddled(sql_rig, second, options, at, crash, lanes)
    resumed = process(sql_rig, second, options=replace(options, resume=True), lanes=lanes).report
    assert resumed.failures == report.failures
    assert without_runs(sql_rig.tables()).offers == tables.offers
    assert without_runs(sql_rig.tables()).products == tables.products
    assert (tmp_path / "rejects.csv").read_bytes() == rejects
    assert (
        process(sql_rig, second, options=options).report.outcomes
        == process(sql_rig, second, options=options, verify=True).report.outcomes
    )


def test_hashes_are_read_once(sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a first load, when nobody has counted yet how many of them are superseded."""
    monkeypatch.setattr("feedmill.products.memory.SLACK_ENTRIES", 10)
    reads = []
    database = type(sql_rig.database())
    blobs = database.blobs

    def noted(self: object, transaction: object, query: str) -> Iterator[bytes]:
        reads.append(query)
        return blobs(self, transaction, query)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "blobs", noted)
    feed = write_feed(tmp_path / "a.csv", rows(50))
    for times in (1, 2, 3):
        process(sql_rig, feed)
        assert len(reads) == times - 1


def test_superseded_hashes_are_removed(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedmill.products.memory.SLACK_ENTRIES", 10)
    for price in ("1", "2", "3"):
        process(sql_rig, write_feed(tmp_path / "a.csv", rows(50, price=price)))
    with counted(monkeypatch) as sent:
        report = process(sql_rig, str(tmp_path / "a.csv")).report
    assert (report.outcomes, sum(sent)) == (Outcomes(unchanged=50), 0)
    assert sql_rig.query("SELECT sum(length(entries)) FROM feedmill_hashes") == [(50 * 40,)]


def test_of_two_runs_at_a_time_the_last_keeps_the_hashes(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed, other = (
        write_feed(tmp_path / "a.csv", rows(20)),
        write_feed(tmp_path / "b.csv", rows(20, price="5")),
    )
    process(sql_rig, feed)
    with sql_rig.job() as job:
        begin = job.integrations.begin

        def overtaken(run: object, **how: bool) -> object:
            effective = begin(run, **how)
            process(sql_rig, feed)
            return effective

        job.integrations.begin = overtaken
        report = job.execute(other).report
    assert report.outcomes == Outcomes(updated=20)
    # What it changed without being the owner is noticed.
    assert process(sql_rig, feed).report.outcomes == Outcomes(updated=20)
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=20)


def test_a_part_that_is_tried_again_sees_what_others_did_meanwhile(
    postgres: PostgresRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run becomes the owner once the rows are chosen, changes what was left out, and collides."""
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(postgres, feed)
    opened = LaneMemory.open
    tries = []

    def overtaken[T: Transaction](self: LaneMemory[T], transaction: T) -> bool:
        tries.append(opened(self, transaction) if tries else None)
        if len(tries) > 1:
            return bool(tries[-1])
        process(postgres, write_feed(tmp_path / "c.csv", rows(3, price="7")))
        opened(self, transaction)
        raise psycopg.errors.DeadlockDetected

    monkeypatch.setattr(LaneMemory, "open", overtaken)
    outcomes = process(postgres, write_feed(tmp_path / "b.csv", rows(4))).report.outcomes
    assert outcomes == Outcomes(inserted=1, updated=3)


def test_a_change_is_noticed_while_the_run_lasts(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(sql_rig, feed)
    with sql_rig.job() as job:
        begin = job.integrations.begin

        def meddled(run: object, **how: bool) -> object:
            effective = begin(run, **how)
            sql_rig.execute("UPDATE product_dealers SET price = 1")
            return effective

        job.integrations.begin = meddled
        assert job.execute(feed).report.outcomes == Outcomes(updated=3)
    assert process(sql_rig, feed).report.outcomes == Outcomes(unchanged=3)


def test_a_trigger_that_stores_something_else_is_no_hindrance(postgres: PostgresRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", rows(3))
    process(postgres, feed)
    postgres.execute(
        "CREATE FUNCTION raise_price() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN NEW.price := NEW.price + 1; RETURN NEW; END'",
        "CREATE TRIGGER raise_price BEFORE INSERT OR UPDATE ON product_dealers"
        " FOR EACH ROW EXECUTE FUNCTION raise_price()",
    )
    changed = write_feed(tmp_path / "b.csv", rows(3, price="4"))
    # As what is stored is never what is said, it is written again each time.
    for _ in range(2):
        assert process(postgres, changed).report.outcomes == Outcomes(updated=3)
