"""Records read one by one, and callbacks on them: every record has one outcome, and no thread stays."""

import gc
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from feedmill import (
    Constraints,
    Dialect,
    Field,
    Record,
    Reject,
    RunError,
    RunOptions,
    Schema,
    UsageError,
    load,
    read,
)
from feedmill.readers import delimited
from feedmill.report import Report
from feedmill.transforms import Replace

SCHEMA = Schema(
    (
        Field("id", "integer", constraints=Constraints(required=True)),
        Field("price", "number", precision=9, scale=2, constraints=Constraints(minimum="0")),
        Field("text"),
    ),
)
ROWS = 2_000


def small(**more: object) -> RunOptions:
    return RunOptions(chunk_size=512, **more)  # type: ignore[arg-type]


@pytest.fixture
def feed(tmp_path: Path) -> str:
    """Write a feed in which every seventh price is bad, and texts have line breaks."""
    path = tmp_path / "feed.csv"
    lines = [f'{n},{"-1" if n % 7 == 0 else "1.5"},"a\nb{n}"\n' for n in range(1, ROWS + 1)]
    path.write_text("id,price,text\n" + "".join(lines))
    return str(path)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive()


def test_good_records_in_input_order_and_rejects_before_what_follows(feed: str) -> None:
    events: list[int] = []
    with read(
        feed, SCHEMA, rejects=lambda each: events.append(-each.position.record), options=small()
    ) as records:
        # One by one, as rejects are told in between.
        for record in records:
            events += [record.id]
    good = [n for n in range(1, ROWS + 1) if n % 7]
    assert [n for n in events if n > 0] == good
    assert [-n for n in events if n < 0] == [n for n in range(1, ROWS + 1) if n % 7 == 0]
    report = records.report
    assert report is not None
    assert (report.records, report.successes, report.failures) == (ROWS, len(good), ROWS - len(good))


def test_findings_of_several_feeds_name_their_own(tmp_path: Path) -> None:
    for name, prices in (("a", "1,-1"), ("b", "1,1"), ("c", "-1,1,-1")):
        lines = "".join(f"{n},{price},x\n" for n, price in enumerate(prices.split(","), 1))
        (tmp_path / f"{name}.csv").write_text("id,price,text\n" + lines)
    found: list[Reject] = []
    assert len(list(read(str(tmp_path / "*.csv"), SCHEMA, rejects=found, options=small()))) == 4
    assert [(Path(each.feed).name, each.position.record) for each in found] == [
        ("a.csv", 2),
        ("c.csv", 1),
        ("c.csv", 3),
    ]
    alone: list[Reject] = []
    assert len(list(read(str(tmp_path / "a.csv"), SCHEMA, rejects=alone))) == 1
    assert [each.feed for each in alone] == [""]


def test_json_lines_are_records_too(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text("\n".join(json.dumps({"id": n, "price": 0.5}) for n in range(3)) + "\nno json\n")
    rejects: list[Reject] = []
    options = RunOptions(dialect=Dialect(format="jsonl"), transform=lambda record: record | {"text": "new"})
    records = list(read(str(path), SCHEMA, rejects=rejects, options=options))
    assert [record.values() for record in records] == [(n, Decimal("0.50"), "new") for n in range(3)]
    assert [(each.code, each.position.line, each.value) for each in rejects] == [("type", 4, "no json")]


def test_closing_early_and_letting_go(feed: str) -> None:
    records = read(feed, SCHEMA, options=small())
    assert next(records).id == 1
    records.close()
    records.close()
    with pytest.raises(StopIteration):
        next(records)
    records = read(feed, SCHEMA, options=small())
    next(records)
    del records
    gc.collect()


def test_what_is_refused_is_refused_at_once(feed: str) -> None:
    for wrong in (RunOptions(resume=True), RunOptions(mapping={"no": "id"})):
        with pytest.raises(UsageError):
            read(feed, SCHEMA, options=wrong)
    with pytest.raises(UsageError, match="does not exist"):
        read(feed + "x", SCHEMA)


def test_a_fault_comes_after_the_records_before_it(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = delimited.DelimitedReader.chunks

    def breaks_off(self: delimited.DelimitedReader, first_seq: int = 0) -> Iterator[object]:
        for number, chunk in enumerate(chunks(self, first_seq)):
            if number == 3:
                raise RunError("it broke off")
            yield chunk

    monkeypatch.setattr(delimited.DelimitedReader, "chunks", breaks_off)
    records = read(feed, SCHEMA, options=small())
    seen = []
    with pytest.raises(RunError, match="broke off"):
        seen.extend(record.id for record in iter(records))
    assert records.report is None


def changed(record: Record) -> Mapping[str, object] | None:
    """Do everything a callback may do, by the last digit."""
    match record.id % 10:
        case 1:
            return None
        case 2:
            raise ValueError("no\ntwos")
        case 3:
            return record | {"price": -3}
        case 4:
            return {"id": record.id, "price": "7"}
        case 5:
            return 5  # type: ignore[return-value]
        case _:
            return record


def run(feed: str, tmp_path: Path, workers: int) -> tuple[Report, bytes, list[tuple[object, ...]]]:
    rejects, to = tmp_path / f"rejects{workers}.csv", tmp_path / f"{workers}.db"
    options = small(transform=changed, workers=workers, rejects=str(rejects))
    report = load(feed, f"sqlite:///{to}", SCHEMA, table="t", options=options)
    with sqlite3.connect(to) as connection:
        rows = connection.execute("SELECT * FROM t ORDER BY id").fetchall()
    connection.close()
    return report, rejects.read_bytes(), rows


def test_every_record_of_a_callback_has_one_outcome_whoever_ran_it(feed: str, tmp_path: Path) -> None:
    report, rejects, rows = run(feed, tmp_path, 1)
    assert (report.records, report.dropped) == (
        ROWS,
        len([n for n in range(1, ROWS + 1) if n % 7 and n % 10 == 1]),
    )
    assert report.successes == report.dropped + report.outcomes.inserted == report.dropped + len(rows)
    assert report.failures + report.successes == ROWS
    good = [n for n in range(1, ROWS + 1) if n % 7]
    assert report.rejects_by_code == {
        "callback": len([n for n in good if n % 10 in {2, 5}]),
        "price.minimum": ROWS // 7 + len([n for n in good if n % 10 == 3]),
    }
    assert [row[0] for row in rows] == [n for n in good if n % 10 not in {1, 2, 3, 5}]
    assert {row[0]: row[1:] for row in rows}[4] == (7, None)
    assert rejects.splitlines()[1:3] == [
        b'2,4,27,,callback,"expected a record the callback accepts, got ValueError: no twos","2,1.5,""a',
        b'b2"""',
    ]
    for workers in (2, 5):
        other, other_rejects, other_rows = run(feed, tmp_path, workers)
        assert (other.outcomes, other_rejects, other_rows) == (report.outcomes, rejects, rows)


def test_an_exception_that_raises_when_it_is_asked_is_one_record_s(tmp_path: Path) -> None:
    """The callback is not called again for its neighbours, as for a chunk that is taken apart."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    called = []

    def refuse(record: Record) -> Record:
        called.append(record["n"])
        if record["n"] == "2":
            raise SilentError
        return record

    (tmp_path / "feed.csv").write_text("n\n1\n2\n3\n")
    rejects: list[Reject] = []
    options = RunOptions(transform=refuse)
    good = [
        record["n"]
        for record in read(
            str(tmp_path / "feed.csv"), Schema((Field("n"),)), rejects=rejects, options=options
        )
    ]
    assert (good, called) == (["1", "3"], ["1", "2", "3"])
    assert "SilentError: <RuntimeError in its words>" in rejects[0].message


def test_what_a_callback_leaves_as_it_was_is_not_transformed_again(tmp_path: Path) -> None:
    schema = Schema((Field("id", "integer"), Field("text", transforms=(Replace("^", "0"),))))
    path = tmp_path / "feed.csv"
    path.write_text("id,text\n1,a\n2,b\n3,c\n")

    def some(record: Record) -> Record | dict[str, object]:
        return record if record.id == 1 else record | ({"id": 20} if record.id == 2 else {"text": "new"})

    records = read(str(path), schema, options=RunOptions(transform=some))
    assert [record.values() for record in records] == [(1, "0a"), (20, "0b"), (3, "0new")]


def test_names_that_no_field_has_are_a_reject_of_their_record(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("sku,price\nA,1\nB,2\nC,3\n")
    rejects: list[Reject] = []

    def change(record: Record) -> dict[str, object]:
        return record | ({"pirce": 9} if record.sku == "B" else {"price": "9"})

    schema = Schema((Field("sku"), Field("price", "integer")))
    good = [
        record.values()
        for record in read(str(path), schema, rejects=rejects, options=RunOptions(transform=change))
    ]
    assert good == [("A", 9), ("C", 9)]
    assert [(each.position.record, each.code, each.value) for each in rejects] == [(2, "callback", "B,2")]
    assert "'pirce' is none of them" in rejects[0].message


def test_callbacks_run_side_by_side(feed: str) -> None:
    meeting = threading.Barrier(2)

    def meet(record: Record) -> Record:
        if record.id in {1, ROWS}:
            meeting.wait(30)
        return record

    assert (
        len(list(read(feed, SCHEMA, options=RunOptions(chunk_size=1 << 14, workers=2, transform=meet)))) > 0
    )


def test_a_mapping_that_raises_is_a_reject(feed: str) -> None:
    class Thorny(dict[str, object]):
        def keys(self) -> None:  # type: ignore[override]
            raise AssertionError

    class Worse(Mapping[str, object]):
        def __getitem__(self, name: str) -> object:
            raise RuntimeError(name)

        def __iter__(self) -> Iterator[str]:
            return iter(())

        def __len__(self) -> int:
            return 0

    rejects: list[Reject] = []
    options = small(transform=lambda record: Worse() if record.id == 5 else Thorny(record.items()))
    assert sum(1 for _ in read(feed, SCHEMA, rejects=rejects, options=options)) == ROWS - ROWS // 7 - 1
    assert [(each.position.record, each.message) for each in rejects if each.code == "callback"] == [
        (5, "expected a record the callback accepts, got RuntimeError: id")
    ]
