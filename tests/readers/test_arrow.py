"""Columns as a source: what Parquet, Arrow files and streams hold goes through the same plan as text does."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from feedmill import Constraints, Field, Reject, RunOptions, Schema, UsageError, load, read, validate
from feedmill.errors import RunError
from feedmill.kernel import Builder
from feedmill.readers import arrow
from feedmill.report import Report

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")
parquet = pytest.importorskip("pyarrow.parquet")

ROWS = 3_000
SCHEMA = Schema(
    (
        Field("id", "integer", constraints=Constraints(required=True)),
        Field("price", "number", precision=9, scale=2, constraints=Constraints(minimum="0")),
        Field("text", transforms=("trim",), constraints=Constraints(max_length=5)),
    ),
)


def table() -> "pa.Table":
    numbers = range(1, ROWS + 1)
    prices = [None if n % 11 == 0 else Decimal(-n if n % 7 == 0 else n) / 100 for n in numbers]
    columns = [
        pa.array(numbers),
        pa.array(prices, pa.decimal128(9, 2)),
        pa.array([f" t{n}" for n in numbers]),
    ]
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)))


def write(path: Path) -> str:
    if path.suffix == ".parquet":
        parquet.write_table(table(), path, row_group_size=700)
    else:
        with pa.ipc.new_file(path, table().schema) as file:
            file.write_table(table(), 700)
    return str(path)


def outcome(source: object, tmp_path: Path, **options: object) -> tuple[Report, bytes, bytes]:
    """Load a source into a file; give the report, the file and the rejects."""
    out, rejects = tmp_path / "out.csv", tmp_path / "rejects.csv"
    run = RunOptions(chunk_size=4_096, rejects=str(rejects), **options)  # type: ignore[arg-type]
    report = load(source, str(out), SCHEMA, table="t", options=run)  # type: ignore[arg-type]
    return report, out.read_bytes(), rejects.read_bytes()


def values_of(column: "pa.Array", field: Field) -> tuple[list[object], list[tuple[int, str]]]:
    """Run one column through a schema of one field: good values, and record and code of each reject."""
    found: list[tuple[int, str]] = []
    with read(
        pa.table({field.name: column}),
        Schema((field,)),
        rejects=lambda each: found.append((each.position.record, each.code)),
    ) as records:
        good = [record[field.name] for record in records]
    return good, found


@pytest.mark.parametrize("name", ["feed.parquet", "feed.arrow", "feed.feather", "named-as-it-likes"])
def test_a_file_gives_what_its_text_gives(tmp_path: Path, name: str) -> None:
    text = tmp_path / "feed.csv"
    rows = table().to_pylist()
    text.write_text("id,price,text\n" + "".join(f"{r['id']},{r['price'] or ''},{r['text']}\n" for r in rows))
    expected = outcome(str(text), tmp_path)
    report, out, rejects = outcome(write(tmp_path / name), tmp_path)
    assert out == expected[1]
    assert report.rejects_by_code == expected[0].rejects_by_code
    assert (report.records, report.failures) == (ROWS, expected[0].failures)
    drop_place = [line.split(b",", 3)[::3] for line in rejects.splitlines()]
    assert drop_place == [line.split(b",", 3)[::3] for line in expected[2].splitlines()]


def test_workers_change_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "feed.parquet")
    one, four = (outcome(path, tmp_path, workers=workers) for workers in (1, 4))
    assert one[1:] == four[1:]
    assert one[0].jobs == four[0].jobs > 10


def test_objects_that_offer_a_stream_are_sources(tmp_path: Path) -> None:
    expected = outcome(write(tmp_path / "feed.parquet"), tmp_path)[1]
    with read(table(), SCHEMA, options=RunOptions(chunk_size=512)) as records:
        through = outcome(records, tmp_path)[1]
    for source in (table(), table().to_reader(100), pa.RecordBatch.from_pylist(table().to_pylist())):
        assert outcome(source, tmp_path)[1] == expected
    assert through == expected


def test_sources_are_told_apart(tmp_path: Path) -> None:
    text = tmp_path / "more.csv"
    text.write_text("id,price,text\n9001,1.00,x\n")
    report = validate([str(text), table(), write(tmp_path / "feed.parquet")], SCHEMA)
    assert report.records == 2 * ROWS + 1


def test_a_column_may_have_another_name_and_be_one_of_many(tmp_path: Path) -> None:
    path = tmp_path / "feed.parquet"
    parquet.write_table(pa.table({"more": [1, 2], "nr": [3, 4]}), path)
    schema = Schema((Field("id", "integer"),), fields_match="subset")
    options = RunOptions(mapping={"id": "nr"})
    assert [record.id for record in read(str(path), schema, options=options)] == [3, 4]
    with pytest.raises(UsageError, match="--map"):
        validate(str(path), schema)


MOMENT = datetime(2026, 1, 31, 12, 30, 15, 250_000, tzinfo=UTC)
KINDS = {
    "int8": (pa.array([1, None], pa.int8()), Field("f", "integer"), [1, None]),
    "uint64": (pa.array([2**63 - 1], pa.uint64()), Field("f", "integer"), [2**63 - 1]),
    "whole as number": (pa.array([7], pa.int32()), Field("f", "number"), [Decimal(7)]),
    "float32": (pa.array([0.1], pa.float32()), Field("f", "number"), [Decimal("0.1")]),
    "float64": (pa.array([0.1, 1e-7]), Field("f", "number"), [Decimal("0.1"), Decimal("0.0000001")]),
    "binary float": (pa.array([0.1]), Field("f", "number", storage="float64"), [0.1]),
    "decimal256": (
        pa.array([Decimal("1.50")], pa.decimal256(40, 2)),
        Field("f", "number"),
        [Decimal("1.50")],
    ),
    "bool": (pa.array([True, False]), Field("f", "boolean", true_values=("yes",)), [True, False]),
    "date": (pa.array([date(2026, 1, 31)]), Field("f", "date", format="%d/%m/%Y"), [date(2026, 1, 31)]),
    "time, ns": (pa.array([1_000], pa.time64("ns")), Field("f", "time"), [time(0, 0, 0, 1)]),
    "timestamp, ns": (pa.array([MOMENT], pa.timestamp("ns", "Asia/Tokyo")), Field("f", "datetime"), [MOMENT]),
    "timestamp, s": (
        pa.array([0], pa.timestamp("s")),
        Field("f", "datetime"),
        [datetime(1970, 1, 1, tzinfo=UTC)],
    ),
    "dictionary": (pa.array(["a", "b", "a"]).dictionary_encode(), Field("f"), ["a", "b", "a"]),
    "large text": (pa.array(["é", ""], pa.large_string()), Field("f"), ["é", None]),
    "text view": (pa.array(["é" * 20], pa.string_view()), Field("f"), ["é" * 20]),
    "dictionary of views": (
        pa.DictionaryArray.from_arrays(pa.array([1, None, 0]), pa.array(["a", "é" * 20], pa.string_view())),
        Field("f"),
        ["é" * 20, None, "a"],
    ),
    "bytes view": (pa.array([b"abc"], pa.binary_view()), Field("f"), ["abc"]),
    "bytes": (pa.array([b"abc"], pa.binary()), Field("f"), ["abc"]),
    "text as number": (pa.array(["1.5"]), Field("f", "number"), [Decimal("1.5")]),
    "list": (pa.array([["a", "b"]]), Field("f", "list"), ["a,b"]),
    "struct": (pa.array([{"a": 1}]), Field("f", "object"), ['{"a": 1}']),
    "duration": (pa.array([timedelta(days=1)], pa.duration("s")), Field("f", "duration"), ["P1DT0S"]),
    "whole decimal": (pa.array([Decimal(7)], pa.decimal128(38, 0)), Field("f", "integer"), [7]),
    "any, whole": (pa.array([7, -1]), Field("f", "any"), ["7", "-1"]),
    "any, bool": (pa.array([True, False]), Field("f", "any"), ["true", "false"]),
    "any, float32": (pa.array([0.1], pa.float32()), Field("f", "any"), ["0.1"]),
    "any, decimal": (pa.array([Decimal("1.50")]), Field("f", "any"), ["1.50"]),
    "any, date": (pa.array([date(2026, 1, 31)]), Field("f", "any"), ["2026-01-31"]),
    "any, list": (pa.array([[Decimal("1.50")]]), Field("f", "any"), ["[1.50]"]),
    "list of days": (pa.array([[date(2026, 1, 31)]]), Field("f", "array"), ['["2026-01-31"]']),
    "nothing": (pa.nulls(2), Field("f"), [None, None]),
    "no rows": (pa.array([], pa.string()), Field("f"), []),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_every_kind(kind: str) -> None:
    column, field, expected = KINDS[kind]
    assert values_of(column, field) == (expected, [])


@pytest.mark.parametrize("kind", KINDS)
def test_both_ways_give_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether columns are written as text or become values of Python is a matter of speed."""
    column, field, _ = KINDS[kind]
    wide = pa.chunked_array([column, pa.nulls(2, column.type)]).combine_chunks()
    texts = ['"', "a,\nb", "", "é", None][: len(wide)]
    limited = replace(field, constraints=Constraints(enum=("1", "7"))) if field.type == "integer" else field
    schema = Schema((limited, Field("text", constraints=Constraints(required=True))))
    found = []
    for is_text in (True, False):
        if not is_text:
            monkeypatch.setattr(arrow, "text_of", lambda *_: None)
        rejects: list[Reject] = []
        rows = [
            record.values() for record in read(pa.table({"f": wide, "text": texts}), schema, rejects=rejects)
        ]
        found.append((rows, [(each.position.record, each.position.line, each.code) for each in rejects]))
    assert found[0] == found[1]


REFUSED = {
    "a date of no calendar": (
        pa.array([2**30, 0], pa.int32()).view(pa.date32()),
        Field("f", "date"),
        "type",
    ),
    "no UTF-8": (pa.array([b"\xff", b"a"]).view(pa.string()), Field("f"), "encoding"),
    "bytes that are no text": (pa.array([b"\xff", b"a"]), Field("f"), "encoding"),
    "too many digits of a second": (pa.array([1, 1_000], pa.timestamp("ns")), Field("f", "datetime"), "type"),
    "a number as text": (pa.array([1, None]), Field("f"), "type"),
    "a fraction as a whole": (pa.array([1.5, None]), Field("f", "integer"), "type"),
    "a moment as a day": (pa.array([MOMENT, None]), Field("f", "date"), "type"),
    "24:00": (pa.array([86_400, 0], pa.int32()).view(pa.time32("s")), Field("f", "time"), "type"),
    "a dictionary's bytes": (pa.array([b"\xff", b"a"]).dictionary_encode(), Field("f"), "encoding"),
    "bytes in a view": (pa.array([b"\xff", b"a"], pa.binary_view()), Field("f"), "encoding"),
    "bytes of a fixed size": (pa.array([b"a", None], pa.binary(1)), Field("f"), "type"),
    "a decimal of 2**63": (
        pa.array([Decimal(2**63), Decimal(1)], pa.decimal128(38, 0)),
        *(Field("f", "integer"), "type"),
    ),
    "a year before the first": (pa.array([-5, 2024]), Field("f", "year"), "type"),
    "2**63": (pa.array([2**63, 0], pa.uint64()), Field("f", "integer"), "type"),
    "missing": (
        pa.array([None, 0]),
        Field("f", "integer", constraints=Constraints(required=True)),
        "required",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_fit_is_one_records_reject(kind: str) -> None:
    column, field, code = REFUSED[kind]
    good, found = values_of(column, field)
    assert (len(good), found) == (1, [(1, code)])


@pytest.mark.parametrize("is_text", [True, False])
def test_what_is_refused_is_shown_as_it_is(is_text: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = b"caf\xe9 \xed\xb3\xbf \xff"
    columns = {
        "bytes": pa.array([broken]),
        "moment": pa.array([2**60]).view(pa.timestamp("us")),
        "time": pa.array([86_400], pa.int32()).view(pa.time32("s")),
    }
    if not is_text:
        monkeypatch.setattr(arrow, "text_of", lambda *_: None)
    rejects: list[Reject] = []
    fields = (Field("bytes"), Field("moment", "datetime"), Field("time", "time"))
    assert list(read(pa.table(columns), Schema(fields), rejects=rejects)) == []
    shown = {reject.column: reject.value for reject in rejects}
    assert shown["bytes"] == broken.decode("utf-8", "backslashreplace")
    assert shown["moment"] == f"<value out of range: {2**60}>"
    assert shown["time"].startswith("<value out of range: 86400")


def test_a_chunk_that_cannot_be_written_as_text_loses_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_text(*_: object) -> bytes:
        raise RuntimeError("no more stack")

    monkeypatch.setattr(arrow, "text_of", no_text)
    report = validate(table(), SCHEMA)
    assert (report.records, report.failed_jobs) == (ROWS, 0)


def test_what_the_kernel_raises_is_one_records_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    class Raising:
        def __init__(self, *given: object) -> None:
            self.builder = Builder(*given)  # type: ignore[arg-type]
            self.finish = self.builder.finish

        def add(self, record: dict[str, object], *place: int) -> bool:
            if record["f"] == 3:
                raise RuntimeError("no more stack")
            return self.builder.add(record, *place)

    monkeypatch.setattr(arrow, "Builder", Raising)
    good, found = values_of(pa.array([1, None, 3, 4, 2**63], pa.uint64()), Field("f", "integer"))
    assert good == [1, None, 4]
    assert found == [(3, "callback"), (5, "type")]


def test_callbacks_see_these_records_too() -> None:
    def change(record: object) -> object:
        if record["id"] == 2:  # type: ignore[index]
            raise ValueError("no")
        return record | {"text": "x"}  # type: ignore[operator]

    rejects: list[object] = []
    records = read(table().slice(0, 3), SCHEMA, rejects=rejects, options=RunOptions(transform=change))  # type: ignore[arg-type]
    assert [(record.id, record.text) for record in records] == [(1, "x"), (3, "x")]
    assert len(rejects) == 1


@pytest.mark.parametrize("name", ["feed.parquet", "feed.arrow"])
@pytest.mark.parametrize("keep", [7, 4_000, -9])
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, keep: int) -> None:
    path = Path(write(tmp_path / name))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UsageError, match="cannot be read as a table"):
        validate(str(path), SCHEMA)


@pytest.mark.parametrize("name", ["feed.parquet", "feed.arrow"])
def test_a_damaged_file_ends_the_run_in_order(tmp_path: Path, name: str) -> None:
    path = Path(write(tmp_path / name))
    whole = path.read_bytes()
    for at in range(600, len(whole) - 2_500, 997):
        path.write_bytes(whole[:at] + b"\xff" * 40 + whole[at + 40 :])
        try:
            report = validate(str(path), SCHEMA)
        except (RunError, UsageError):
            continue
        assert report.records == report.successes + report.failures


@pytest.mark.thread_unsafe(reason="looks at all threads of the process")
def test_a_stream_that_breaks_off_ends_the_run() -> None:
    def batches() -> Iterator["pa.RecordBatch"]:
        yield from table().to_batches(100)[:3]
        raise OSError("the line is dead")

    reader = pa.RecordBatchReader.from_batches(table().schema, batches())
    with pytest.raises(RunError, match=r"cannot be read on after record 300: .*the line is dead"):
        validate(reader, SCHEMA)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feedmill-worker")]


def test_what_cannot_be_done_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "feed.parquet")
    with pytest.raises(UsageError, match="int is no feed"):
        validate(5, SCHEMA)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="name the table"):
        load(table(), f"sqlite:///{tmp_path}/x.db", SCHEMA)
    with pytest.raises(UsageError, match="cannot be resumed"):
        load(table(), f"sqlite:///{tmp_path}/x.db", SCHEMA, table="t", options=RunOptions(resume=True))
    with pytest.raises(UsageError, match="--failed"):
        validate(path, SCHEMA, options=RunOptions(failed=str(tmp_path / "failed.csv")))
    with pytest.raises(UsageError, match="would overwrite"):
        load(path, path, SCHEMA)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"install feedmill\[arrow\]"):
        validate(path, SCHEMA)
