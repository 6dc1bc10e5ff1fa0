"""Records as columns: batches of a run, and the stream that pyarrow, Polars and DuckDB ask for."""

import gc
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedmill import Constraints, Dialect, Field, Reject, RunOptions, Schema, UsageError, read
from feedmill.errors import RunError
from feedmill.readers import delimited

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")

SCHEMA = Schema(
    (
        Field("id", "integer", constraints=Constraints(required=True)),
        Field("price", "number", precision=9, scale=2, constraints=Constraints(minimum="0")),
        Field("day", "date"),
    ),
)
ROWS = 2_000
GOOD = [n for n in range(1, ROWS + 1) if n % 7]
TYPES = pa.schema([("id", pa.int64()), ("price", pa.decimal128(9, 2)), ("day", pa.date32())])

needs_gil_build = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="on this interpreter Polars and DuckDB have no wheel",
)


def small(**more: object) -> RunOptions:
    return RunOptions(chunk_size=512, **more)  # type: ignore[arg-type]


@pytest.fixture
def feed(tmp_path: Path) -> str:
    """Write a feed in which every seventh price is bad."""
    path = tmp_path / "feed.csv"
    lines = [f"{n},{'-1' if n % 7 == 0 else '1.5'},2026-11-{n % 28 + 1:02}\n" for n in range(1, ROWS + 1)]
    path.write_text("id,price,day\n" + "".join(lines))
    return str(path)


def test_pyarrow_takes_the_stream(feed: str) -> None:
    rejects: list[Reject] = []
    records = read(feed, SCHEMA, rejects=rejects, options=small())
    assert pa.schema(records) == TYPES
    table = pa.table(records)
    table.validate(full=True)
    assert table.schema == TYPES
    assert table.column("id").to_pylist() == GOOD
    assert table.column("price").num_chunks > 10
    assert len(rejects) == ROWS - len(GOOD)
    assert records.report is not None
    assert records.report.successes == len(GOOD)


def test_json_lines_and_callbacks_are_streams_too(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id": 1, "price": 2}\n{"id": 2}\n{"id": "x"}\n{"id": 3, "day": "2026-01-31"}\n')
    options = RunOptions(
        dialect=Dialect(format="jsonl"),
        transform=lambda record: None if record.id == 2 else record | {"price": 5},
    )
    table = pa.table(read(str(path), SCHEMA, options=options))
    table.validate(full=True)
    assert [(row["id"], str(row["price"])) for row in table.to_pylist()] == [(1, "5.00"), (3, "5.00")]


def test_the_stream_keeps_the_run_and_its_release_ends_it(feed: str) -> None:
    reader = pa.RecordBatchReader.from_stream(read(feed, SCHEMA, options=small()))
    gc.collect()
    assert reader.read_next_batch().column("id")[0].as_py() == 1
    reader.close()
    del reader
    gc.collect()


def test_a_fault_of_the_run_is_the_streams(feed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = delimited.DelimitedReader.chunks

    def breaks_off(self: delimited.DelimitedReader, first_seq: int = 0) -> Iterator[object]:
        for number, chunk in enumerate(chunks(self, first_seq)):
            if number == 3:
                raise RunError("it broke off")
            yield chunk

    monkeypatch.setattr(delimited.DelimitedReader, "chunks", breaks_off)
    reader = pa.RecordBatchReader.from_stream(read(feed, SCHEMA, options=small()))
    with pytest.raises(OSError, match="RunError: it broke off"):
        reader.read_all()


def test_batches_are_the_runs_own(feed: str) -> None:
    numbers = [n for batch in read(feed, SCHEMA, options=small()).batches() for (n, *_) in batch.tuples()]
    assert numbers == GOOD


def test_records_are_taken_one_way(feed: str) -> None:
    with read(feed, SCHEMA, options=small()) as records:
        assert next(records).id == 1
        with pytest.raises(UsageError, match="taken as records already"):
            records.batches()
        with pytest.raises(UsageError, match="taken as records already"):
            pa.table(records)
        assert next(records).id == 2
    with read(feed, SCHEMA, options=small()) as records:
        pa.RecordBatchReader.from_stream(records)
        for take in (records.batches, records.__next__, records.__arrow_c_stream__):
            with pytest.raises(UsageError, match="taken as a stream already"):
                take()


@needs_gil_build
def test_polars_takes_stream_and_batch(feed: str) -> None:
    import polars

    frame = polars.DataFrame(read(feed, SCHEMA, options=small()))
    assert frame["id"].to_list() == GOOD
    assert frame.schema == {"id": polars.Int64, "price": polars.Decimal(9, 2), "day": polars.Date}
    batch = next(read(feed, SCHEMA, options=RunOptions()).batches())
    assert polars.DataFrame(batch)["day"].to_list() == [row["day"] for row in batch.dicts()]


@needs_gil_build
def test_duckdb_takes_stream_and_batch(feed: str) -> None:
    import duckdb

    with duckdb.connect() as connection:
        records = read(feed, SCHEMA, options=small())
        ((count, total, price),) = (
            connection.from_arrow(records).aggregate("count(*), sum(id), sum(price)").fetchall()
        )
        assert (count, total, str(price)) == (len(GOOD), sum(GOOD), f"{len(GOOD) * 1.5:.2f}")
        batch = next(read(feed, SCHEMA, options=RunOptions()).batches())
        assert connection.from_arrow(batch).fetchall() == batch.tuples()
