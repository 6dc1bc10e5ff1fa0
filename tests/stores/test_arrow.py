"""Parquet and Arrow files as stores: whole or not at all, and the same for any number of workers."""

import errno
from pathlib import Path

import pytest

from feedmill import Field, RunOptions, Schema, UsageError, load, validate
from feedmill.errors import StoreError
from feedmill.stores import arrow, outfile
from feedmill.stores.opening import open_sink

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")
parquet = pytest.importorskip("pyarrow.parquet")

SCHEMA = Schema(
    (Field("id", "integer"), Field("price", "number", precision=9, scale=2), Field("when", "datetime"))
)
TYPES = pa.schema([("id", pa.int64()), ("price", pa.decimal128(9, 2)), ("when", pa.timestamp("us", "UTC"))])
ROWS = 5_000
NAMES = ["out.parquet", "out.arrow", "out.feather"]


@pytest.fixture
def feed(tmp_path: Path) -> str:
    path = tmp_path / "feed.csv"
    lines = [f"{n},{n if n % 9 else 'x'}.5,2026-01-31T12:{n % 60:02}:00Z\n" for n in range(ROWS)]
    path.write_text("id,price,when\n" + "".join(lines))
    return str(path)


def table_of(path: Path) -> "pa.Table":
    if path.suffix == ".parquet":
        return parquet.read_table(path)
    return pa.ipc.open_file(path).read_all()


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back(tmp_path: Path, feed: str, name: str) -> None:
    path = tmp_path / name
    report = load(feed, str(path), SCHEMA)
    table = table_of(path)
    table.validate(full=True)
    assert table.schema == TYPES
    assert table.column("id").to_pylist() == [n for n in range(ROWS) if n % 9]
    assert report.outcomes.inserted == table.num_rows == report.successes
    direct, back = tmp_path / "direct.csv", tmp_path / "back.csv"
    load(feed, str(direct), SCHEMA)
    assert load(str(path), str(back), SCHEMA).failures == 0
    assert back.read_bytes() == direct.read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_workers_and_ranges_change_nothing(tmp_path: Path, feed: str, name: str) -> None:
    written = set()
    for workers in (1, 4):
        load(feed, str(tmp_path / name), SCHEMA, options=RunOptions(workers=workers, chunk_size=2_000))
        written.add((tmp_path / name).read_bytes())
    assert len(written) == 1


def test_groups_are_made_of_many_batches(tmp_path: Path, feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow, "GROUP_ROWS", 1_000)
    path = tmp_path / "out.parquet"
    load(feed, str(path), SCHEMA, options=RunOptions(chunk_size=2_000))
    groups = parquet.ParquetFile(path).metadata
    assert 3 <= groups.num_row_groups <= 5
    assert groups.num_rows == table_of(path).num_rows


@pytest.mark.parametrize("name", NAMES)
def test_a_run_without_records_makes_an_empty_table(tmp_path: Path, name: str) -> None:
    (tmp_path / "feed.csv").write_text("id,price,when\n")
    load(str(tmp_path / "feed.csv"), str(tmp_path / name), SCHEMA)
    assert (table_of(tmp_path / name).num_rows, table_of(tmp_path / name).schema) == (0, TYPES)


@pytest.mark.parametrize("name", NAMES)
def test_valid_records_may_be_columns(tmp_path: Path, feed: str, name: str) -> None:
    report = validate(feed, SCHEMA, valid=str(tmp_path / name))
    assert table_of(tmp_path / name).num_rows == report.successes


@pytest.mark.parametrize("name", NAMES)
def test_a_run_that_stops_leaves_the_old_file(
    tmp_path: Path, feed: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.write_text("old")
    write = outfile.OutFile.write

    def full(self: outfile.OutFile, data: bytes) -> None:
        if self.size > 20_000:
            raise self._lost(OSError(errno.ENOSPC, "No space left on device"))
        write(self, data)

    monkeypatch.setattr(arrow, "GROUP_ROWS", 500)
    monkeypatch.setattr(outfile.OutFile, "write", full)
    with pytest.raises(StoreError, match="No space left on device"):
        load(feed, str(path), SCHEMA, options=RunOptions(chunk_size=2_000))
    assert path.read_text() == "old"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["feed.csv", name]


def test_what_cannot_be_done_is_said(tmp_path: Path, feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "out.parquet")
    for mode in ("append", "upsert"):
        with pytest.raises(UsageError, match="written whole"):
            open_sink(path, SCHEMA, mode=mode)
    with pytest.raises(UsageError, match="cannot be resumed"):
        load(feed, path, SCHEMA, options=RunOptions(resume=True))
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"install feedmill\[arrow\]"):
        load(feed, path, SCHEMA)
    assert [each.name for each in tmp_path.iterdir()] == ["feed.csv"]
