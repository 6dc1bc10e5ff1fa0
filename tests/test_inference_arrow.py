"""What is inferred from columns: Parquet and Arrow files, and streams."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest

from feedmill import Dialect, RunOptions, UsageError, infer, read, validate
from feedmill.cli import main

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")

COLUMNS = {
    "sku": pa.array(["A-1", None, "A-3"]),
    "code": pa.array(["007", "8", "9"]),
    "count": pa.array(["1", "2", None]),
    "seen": pa.array(["2024-01-31", "2024-02-01", "2023-12-01"]).dictionary_encode(),
    "whole": pa.array([3, -20, 300], pa.int16()),
    "huge": pa.array([1, 2**64 - 1, 3], pa.uint64()),
    "large": pa.array([1, 2, 2**63 - 1], pa.uint64()),
    "hugeint": pa.array([Decimal(1), None, Decimal(-(2**63))], pa.decimal128(38, 0)),
    "beyond": pa.array([Decimal(1), None, Decimal(2**63)], pa.decimal128(38, 0)),
    "exact": pa.array([Decimal("1.50"), None, Decimal("-0.25")], pa.decimal128(9, 2)),
    "real": pa.array([1.0, float("nan"), float("inf")]),
    "small": pa.array([0.1, 2.0, 3.0], pa.float32()),
    "flag": pa.array([True, False, True]),
    "day": pa.array([date(2024, 2, 29), date(1999, 12, 31), None]),
    "clock": pa.array([time(7, 30), time(0), time(23, 59, 59, 500)]),
    "moment": pa.array([datetime(2024, 2, 29, 12, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
    "naive": pa.array([datetime(2024, 2, 29, 12)] * 3, pa.timestamp("ms")),  # noqa: DTZ001 - there are such
    "more": pa.array([{"a": 1}, {"a": None}, None]),
    "items": pa.array([[1, 2], [], None]),
    "nothing": pa.nulls(3),
}
TYPES = {
    "sku": "string",
    "code": "string",
    "count": "integer",
    "seen": "date",
    "whole": "integer",
    "huge": "number",
    "large": "integer",
    "hugeint": "integer",
    "beyond": "number",
    "exact": "number",
    "real": "number",
    "small": "number",
    "flag": "boolean",
    "day": "date",
    "clock": "time",
    "moment": "datetime",
    "naive": "datetime",
    "more": "object",
    "items": "array",
    "nothing": "string",
}


@pytest.fixture
def table() -> "pa.Table":
    return pa.table(COLUMNS)


@pytest.fixture
def paths(tmp_path: Path, table: "pa.Table") -> list[str]:
    """Write it as both kinds of file, a row a group."""
    import pyarrow.parquet

    parquet, arrow = tmp_path / "feed.parquet", tmp_path / "feed.of-some-name"
    pyarrow.parquet.write_table(table, parquet, row_group_size=1)
    with pa.ipc.new_file(str(arrow), table.schema) as file:
        file.write_table(table, max_chunksize=1)
    return [str(parquet), str(arrow)]


@pytest.mark.parametrize("workers", [1, 3])
def test_types_stay_and_text_is_looked_at(table: "pa.Table", paths: list[str], workers: int) -> None:
    found = [infer(feed, options=RunOptions(chunk_size=1, workers=workers)) for feed in (table, *paths)]
    assert found[0] == found[1] == found[2]
    assert {each.name: each.type for each in found[0].schema.fields} == TYPES
    assert [each.name for each in found[0].schema.fields if each.storage == "float64"] == ["real", "small"]
    assert found[0].evidence["whole"].to_dict() == {
        "values": 3,
        "missing": 0,
        "missingRate": 0.0,
        "minimum": "-20",
        "maximum": "300",
        "minLength": 1,
        "maxLength": 3,
        "examples": ["3", "-20", "300"],
    }
    assert (found[0].evidence["real"].minimum, found[0].evidence["real"].maximum) == ("1.0", "1.0")
    assert found[0].evidence["flag"].examples == ("true", "false")
    assert found[0].evidence["day"].minimum == "1999-12-31"
    assert found[0].evidence["moment"].examples == ("2024-02-29T12:00:00+00:00",)
    assert found[0].evidence["nothing"].missing == 3


def test_what_is_inferred_accepts_the_feed(table: "pa.Table", paths: list[str]) -> None:
    schema = infer(paths[0]).schema
    for feed in (table, *paths):
        report = validate(feed, schema)
        assert (report.successes, report.failures) == (3, 0), report.rejects_by_code
    assert [record.whole for record in read(paths[0], schema)] == [3, -20, 300]


def test_one_cell_in_the_last_row_group_decides(tmp_path: Path) -> None:
    import pyarrow.parquet

    path = str(tmp_path / "feed.parquet")
    table = pa.table({"n": ["1"] * 5_000 + ["x"], "m": range(5_001)})
    pyarrow.parquet.write_table(table, path, row_group_size=1_000)
    found = infer(path)
    assert [each.type for each in found.schema.fields] == ["string", "integer"]
    assert (found.records, found.evidence["m"].maximum) == (5_001, "5000")


def test_text_that_is_none_does_not_count() -> None:
    table = pa.table({"name": pa.array([b"caf\xc3\xa9", b"caf\xe9"]), "n": [1, 2]})
    found = infer(table)
    assert (found.records, found.unreadable, found.evidence["name"].examples) == (2, 1, ("café",))


def test_what_no_field_reads_is_said(tmp_path: Path) -> None:
    table = pa.table({"wait": pa.array([1], pa.duration("s"))})
    with pytest.raises(UsageError, match=r"column 'wait' is duration\[s\], which no type"):
        infer(table)
    with pytest.raises(UsageError, match="has no records, so nothing is known"):
        infer(pa.table({}))


def test_on_the_command_line(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infer", paths[0]]) == 0
    assert '"storage": "float64"' in capsys.readouterr().out
    for path in paths:
        assert main(["infer", path, "--sniff"]) == 2
        assert "says itself what it holds" in capsys.readouterr().err
    assert infer(paths[0], options=RunOptions(dialect=Dialect(delimiter=";"))).records == 3
