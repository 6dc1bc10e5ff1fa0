import csv
import json
from decimal import Decimal
from pathlib import Path

import pytest

from feedmill.errors import StoreError, UsageError
from feedmill.schema import Field, Schema
from feedmill.stores.files import FileSink
from feedmill.stores.opening import open_sink
from feedmill.stores.url import Target, parse_url
from tests.stores.feeding import CrashError, Ranges, load, run_info

SCHEMA = Schema((Field("sku"), Field('odd, "name"'), Field("price", "number", precision=8, scale=2)))
FEED: Ranges = [
    [[("a", 'x, "y"\nz', Decimal("1.50")), None], [("b", "", Decimal(-2))]],
    [[("c", None, None)]],
]
HEADER = ["sku", 'odd, "name"', "price"]


def sink(path: Path, mode: str | None = None) -> FileSink:
    return FileSink(parse_url(str(path)), SCHEMA, mode)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    result = load(sink(path), SCHEMA, FEED)
    assert result.counts() == (3, 0, 0, 0)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows == [HEADER, ["a", 'x, "y"\nz', "1.50"], ["b", "", "-2.00"], ["c", "", ""]]
    # An empty text is told from a missing value by its quotes.
    assert path.read_text("utf-8").splitlines()[-2:] == ['b,"",-2.00', "c,,"]


def test_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "good.jsonl"
    load(sink(path), SCHEMA, FEED)
    rows = [json.loads(line, parse_float=str) for line in path.read_text("utf-8").splitlines()]
    assert rows == [
        dict(zip(HEADER, values, strict=True))
        for values in [("a", 'x, "y"\nz', "1.50"), ("b", "", "-2.00"), ("c", None, None)]
    ]


@pytest.mark.parametrize("name", ["good.csv", "good.jsonl"])
def test_append(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    load(sink(path, "append"), SCHEMA, FEED)
    once = path.read_text("utf-8")
    load(sink(path, "append"), SCHEMA, FEED)
    body = once.split("price\n", 1)[-1] if name == "good.csv" else once
    assert path.read_text("utf-8") == once + body


def test_append_wants_the_same_header(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("other,columns\n")
    with pytest.raises(UsageError, match="header"):
        sink(path, "append").begin(run_info())
    assert [entry.name for entry in tmp_path.iterdir()] == ["good.csv"]
    assert path.read_text() == "other,columns\n"


def test_aborted_run_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("old")

    def crash(part: object) -> None:
        raise CrashError

    with pytest.raises(CrashError):
        load(sink(path), SCHEMA, FEED, before=crash)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["good.csv"]


def test_replace_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    path.write_text("old")
    load(open_sink(str(path), SCHEMA), SCHEMA, [])
    assert path.read_text() == 'sku,"odd, ""name""",price\n'


@pytest.mark.parametrize("mode", ["upsert", "insert", "ignore", "typo"])
def test_other_modes_are_refused(tmp_path: Path, mode: str) -> None:
    with pytest.raises(UsageError, match="replace or append"):
        sink(tmp_path / "good.csv", mode)


def test_file_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without --resume"):
        sink(tmp_path / "good.csv").begin(run_info(resume=True))


def test_full_disk_is_a_fault_of_the_run() -> None:
    with pytest.raises(StoreError, match="No space left"):
        load(FileSink(Target("csv", "/dev/full"), SCHEMA), SCHEMA, FEED)
