import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.errors import RejectFileError, UsageError
from feedmill.records import Position, Reject
from feedmill.stores.rejects import COLUMNS, RejectFile, csv_text

REJECTS = [
    Reject(Position(1, 2, 30), "price", "type", 'expected a number, got "=1+1"', "=1+1"),
    Reject(Position(1, 2, 25), "", "extra_cell", "expected no more, got nothing", ""),
    Reject(Position(7, 9, 99), 'a,"b"\nc', "enum", "expected one of a, b", "naïve \U0001f600\r\nx"),
]
FORMULAS = "=+-@＝＋－＠"


def write(path: Path, rejects: list[Reject] = REJECTS) -> RejectFile:
    file = RejectFile(str(path))
    file.write(rejects[:1])
    file.write(rejects[1:])
    file.finish()
    return file


def test_csv_reads_back(tmp_path: Path) -> None:
    write(tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, strict=True)
    assert tuple(header) == COLUMNS == ("record", "line", "byte", "column", "code", "message", "value")
    assert rows[0] == ["1", "2", "30", "price", "type", 'expected a number, got "=1+1"', "'=1+1"]
    assert rows[1] == ["1", "2", "25", "", "extra_cell", "expected no more, got nothing", ""]
    assert rows[2][3:] == ['a,"b"\nc', "enum", "expected one of a, b", "naïve \U0001f600\r\nx"]


def test_jsonl_keeps_values_as_they_are(tmp_path: Path) -> None:
    file = write(tmp_path / "rejects.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    assert [row["value"] for row in rows] == [reject.value for reject in REJECTS]
    assert [row["byte"] for row in rows] == [30, 25, 99]
    assert file.count == 3


FEEDS = ("a.csv", '=b,"\n.csv', "bad\udcff.csv")


def test_of_several_feeds_each_line_names_its_own(tmp_path: Path) -> None:
    for name in ("r.csv", "r.jsonl"):
        file = RejectFile(str(tmp_path / name), FEEDS)
        for feed, reject in enumerate(REJECTS):
            file.write([reject], feed)
        file.finish()
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, strict=True))
    assert list(rows[0]) == [*COLUMNS, "feed"]
    assert [row["feed"] for row in rows] == ["a.csv", "'" + FEEDS[1], "bad\\udcff.csv"]
    assert [row["record"] for row in rows] == ["1", "1", "7"]
    found = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert [list(row) for row in found] == [[*COLUMNS, "feed"]] * 3
    assert [row["feed"] for row in found] == list(FEEDS)


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_values_are_cut(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, [Reject(Position(1, 1, 0), "", "type", "m", "é" * 5_000)])
    assert (tmp_path / name).read_text("utf-8").count("é") == 1_000


@given(
    st.text(st.sampled_from(FORMULAS + "a1 \t\r\n\x1e\u00a0\u2028'\",;"), max_size=8) | st.text(max_size=8)
)
def test_no_cell_is_a_formula(value: str) -> None:
    cell = read_cell(value)
    assert not any(line.lstrip().startswith(tuple(FORMULAS)) for line in cell.splitlines())
    assert not cell.startswith(("\t", "\r", "\n"))


@pytest.mark.parametrize("trigger", FORMULAS)
@pytest.mark.parametrize("lead", ["", " ", "\u00a0", "\t", "ok\n", "ok\r\n ", "ok\r", "ok\u2028", "ok\n\t"])
def test_every_trigger_is_found(lead: str, trigger: str) -> None:
    start = len(lead.rstrip(" \t\u00a0"))
    assert read_cell(f"{lead}{trigger}cmd") == f"{lead[:start]}'{lead[start:]}{trigger}cmd"


def read_cell(value: str) -> str:
    """Read a cell back as a CSV reader has it."""
    [[first, _]] = csv.reader(io.StringIO(csv_text(value) + ",", newline=""), strict=True)
    return first


@pytest.mark.parametrize("value", ["it's", "'quoted'", "12.5", "a-b", "a=b", "", "x\ny"])
def test_harmless_values_stay(value: str) -> None:
    assert csv_text(value).strip('"') == value


def test_apostrophe_before_a_formula_can_be_told_from_ours() -> None:
    assert csv_text("'=1") == "''=1"


def test_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    path.write_text("old")
    file = RejectFile(str(path))
    file.write(REJECTS)
    assert path.read_text() == "old"
    file.abort()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["rejects.csv"]


def test_no_rejects_make_a_header(tmp_path: Path) -> None:
    write(tmp_path / "rejects.csv", [])
    assert (tmp_path / "rejects.csv").read_text() == "record,line,byte,column,code,message,value\n"


def test_full_disk(tmp_path: Path) -> None:
    file = RejectFile("/dev/full")
    with pytest.raises(RejectFileError, match="No space left"):
        file.write(REJECTS * 1_000)
    file.abort()
    small = RejectFile("/dev/full")
    small.write(REJECTS)
    with pytest.raises(RejectFileError, match="No space left"):
        small.finish()
    small.abort()


@pytest.mark.parametrize("name", ["rejects.txt", "rejects", "no/such/directory/rejects.csv"])
def test_names_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name a file"):
        RejectFile(str(tmp_path / name))
