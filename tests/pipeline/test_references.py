"""Foreign keys: values that have to be those of a record elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feedmill import Dialect, Field, RunOptions, Schema, UsageError, load, validate
from feedmill.cli import main
from feedmill.keys import ForeignKey

if TYPE_CHECKING:
    from collections.abc import Sequence

OFFERS = Schema(
    (Field("dealer", "integer"), Field("region"), Field("parent"), Field("sku")),
    foreign_keys=(
        ForeignKey(("dealer", "region"), "dealers.csv", ("id", "area")),
        ForeignKey(("parent",), "", ("sku",)),
    ),
)
FEED = "dealer,region,parent,sku\n1,N,,A\n1,S,A,B\n02,S,D,C\n,S,E,D\nx,N,X,E\n3,,B,F\n"
FOUND = ["2,,foreign_key", "5,dealer,type", "5,parent,foreign_key"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("feed.csv").write_text(FEED)
    Path("dealers.csv").write_text("id,name,area\n1,One,N\n2,Two,S\nbad,Three,N\n,Four,\n")
    return tmp_path


def found(schema: Schema = OFFERS, feeds: str | Sequence[str] = "feed.csv", **more: object) -> list[str]:
    options = RunOptions(rejects="r.csv", **more)  # type: ignore[arg-type]
    report = validate(feeds, schema, options=options)
    head, *rejects = (line.split(",") for line in Path("r.csv").read_text().splitlines())
    wanted = [head.index(name) for name in ("record", "column", "code")]
    lines = [",".join(cells[i] for i in wanted) for cells in rejects]
    if isinstance(feeds, str):
        assert report.failures == len({line.split(",")[0] for line in lines})
    assert report.records == report.successes + report.failures
    return lines


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("chunk_size", [1, 20, 1 << 20])
def test_what_is_not_there_is_a_reject(workers: int, chunk_size: int) -> None:
    # Record 5 is no good record, so only what the kernel finds is found.
    assert found(workers=workers, chunk_size=chunk_size) == ["2,,foreign_key", "5,dealer,type"]


def test_it_says_what_was_looked_for() -> None:
    found()
    line = Path("r.csv").read_text().splitlines()[1]
    assert line.endswith(
        '"expected a dealer, region that dealers.csv has, got ""dealer=1, region=S""","dealer=1, region=S"'
    )


def test_a_record_of_any_feed_of_the_run_will_do() -> None:
    Path("more.csv").write_text("dealer,region,parent,sku\n1,N,A,G\n1,N,Z,H\n")
    assert found(feeds=["feed.csv", "more.csv"])[-1] == "2,parent,foreign_key"


def test_the_schema_says_where_or_the_run(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    document = {
        "fields": [
            {"name": "dealer", "type": "integer"},
            {"name": "region"},
            {"name": "parent"},
            {"name": "sku"},
        ],
        "foreignKeys": [{"fields": "dealer", "reference": {"resource": "known", "fields": "id"}}],
    }
    path = tmp_path / "schemas" / "offers.schema.json"
    path.write_text(json.dumps(document))
    schema = Schema.load(path)
    assert Schema.from_descriptor(schema.to_descriptor(), "offers") == schema
    with pytest.raises(UsageError, match=r"known.* is not there; say where it is: --reference known=FILE"):
        found(schema)
    assert found(schema, references={"known": "dealers.csv"}) == ["5,dealer,type", "6,dealer,foreign_key"]
    (tmp_path / "schemas" / "known.csv").write_text("id\n3\n")
    assert found(schema)[:2] == ["1,dealer,foreign_key", "2,dealer,foreign_key"]
    Path("known.jsonl").write_text('{"id": 1}\n{"id": "02"}\n{"id": 3}\n')
    assert found(schema, references={"known": "known.jsonl"}) == ["5,dealer,type"]


def test_a_record_that_refers_to_nothing_is_not_loaded() -> None:
    report = load("feed.csv", "out.csv", OFFERS)
    assert (report.successes, report.failures, report.outcomes.inserted) == (4, 2, 4)
    assert [line[-1] for line in Path("out.csv").read_text().splitlines()[1:]] == list("ACDF")


def test_no_output_takes_the_place_of_a_reference(capsys: pytest.CaptureFixture[str]) -> None:
    Path("offers.json").write_text(json.dumps(OFFERS.to_descriptor()))
    command = (
        "validate feed.csv --schema offers.json --reference dealers.csv=dealers.csv --rejects dealers.csv"
    )
    before = Path("dealers.csv").read_bytes()
    assert main(command.split()) == 2
    assert "dealers.csv" in capsys.readouterr().err
    assert Path("dealers.csv").read_bytes() == before


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no foreign key of the schema refers to 'x'"):
        found(references={"x": "dealers.csv"})
    Path("dealers.csv").write_text("id,name\n1,One\n")
    with pytest.raises(UsageError, match=r"foreignKeys: feed .*dealers\.csv"):
        found()
    Path("dealers.csv").write_text("id,area\n1,N\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FEED.encode())))
    with pytest.raises(UsageError, match="a stream can be read once"):
        found(feeds="-", dialect=Dialect())


@pytest.mark.parametrize("output", ["--rejects", "--valid", "--report", "--failed"])
@pytest.mark.parametrize("resource", ["dealers", "dealers.csv"])
def test_no_output_overwrites_what_a_key_refers_to(
    output: str, resource: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which file that is, may stand in the schema alone."""
    key = {"fields": "dealer", "reference": {"resource": resource, "fields": "id"}}
    fields = [{"name": name} for name in ("dealer", "region", "parent", "sku")]
    Path("offers.json").write_text(json.dumps({"fields": fields, "foreignKeys": [key]}))
    before = Path("dealers.csv").read_bytes()
    assert main(["validate", "feed.csv", "--schema", "offers.json", output, "./dealers.csv"]) == 2
    assert f"{output} ./dealers.csv would overwrite what this run reads" in capsys.readouterr().err
    assert Path("dealers.csv").read_bytes() == before


@pytest.mark.parametrize("output", ["rejects", "failed"])
def test_neither_does_one_of_a_call(output: str) -> None:
    with pytest.raises(UsageError, match=f"--{output} dealers.csv would overwrite"):
        validate("feed.csv", OFFERS, options=RunOptions(**{output: "dealers.csv"}))  # type: ignore[arg-type]
