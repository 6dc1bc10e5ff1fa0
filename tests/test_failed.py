"""Failed records, written as their feed has them."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from random import Random

import pytest

from feedmill.dialect import Dialect
from feedmill.errors import ReadError, UsageError
from feedmill.failed import COLUMNS
from feedmill.runs import RunOptions, validate
from feedmill.schema import Constraints, Field, Schema

SCHEMA = Schema(
    (
        Field("sku", constraints=Constraints(required=True)),
        Field("text"),
        Field("stock", "integer", constraints=Constraints(minimum="0")),
    ),
    fields_match="partial",
)
DIALECTS = [
    Dialect(),
    Dialect(delimiter=";", quote="'"),
    Dialect(delimiter="\t", quote=None),
    Dialect(delimiter="|", comment="#"),
]


def export(feed: bytes, directory: Path, dialect: Dialect | None = None, **options: object) -> bytes:
    path = directory / "feed.csv"
    path.write_bytes(feed)
    out = directory / "failed.csv"
    chosen = RunOptions(**{"failed": str(out), "dialect": dialect, "chunk_size": 200} | options)
    validate(str(path), SCHEMA, options=chosen)
    return out.read_bytes()


def test_a_failed_record_is_copied_byte_for_byte(tmp_path: Path) -> None:
    feed = b'sku,text,stock\r\nA1,"a ""b"",\r\nc",-1\r\nA2,good,3\r\n,=1+1,x\r\n'
    head, *_ = lines = export(feed, tmp_path).split(b"\n", 1)
    assert head == b"_record,_code,_message,sku,text,stock"
    run = lines[1].split(b":")[0]
    assert lines[1] == (
        run
        + b':0:1,stock.minimum,"stock: expected at least 0, got \'-1\'",A1,"a ""b"",\r\nc",-1\r\n'
        + run
        + b":0:3,sku.required stock.type,"
        b"\"sku: expected a value, got nothing; stock: expected an integer of at most 64 bits, got 'x'\","
        b",=1+1,x\r\n"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("seed", range(4))
def test_exactly_the_failed_records_are_there(tmp_path: Path, dialect: Dialect, seed: int) -> None:
    random = Random(seed)
    raw, failed = [], []
    for number in range(300):
        is_bad = random.random() < 0.2
        quote = dialect.quote or ""
        text = f"{quote}a{dialect.delimiter if quote else ' '}\n{number}{quote}" if quote else f"t{number}"
        if random.random() < 0.7:
            text = f"ñ{number}"
        cells = [f"s{number}", text, random.choice(["-1", "x", "9.5"]) if is_bad else "3"]
        if is_bad and random.random() < 0.3:
            cells = cells[: random.choice([1, 2])] if random.random() < 0.5 else [*cells, "more", "cells"]
        line = dialect.delimiter.join(cells).encode() + random.choice([b"\n", b"\r\n"])
        if dialect.comment and random.random() < 0.2:
            raw.append(b"# a comment, -1\n")
        raw.append(line)
        if is_bad:
            failed.append((number + 1, line))
    head = dialect.delimiter.join(["sku", "text", "stock"]).encode() + b"\n"
    found = export(head + b"".join(raw), tmp_path, dialect)
    found = found[found.index(b"\n") + 1 :]
    for number, line in failed:
        end = found.index(line) + len(line)
        prefix = found[: end - len(line)]
        assert b"\n" not in prefix
        assert prefix.split(dialect.delimiter.encode())[0].endswith(f":0:{number}".encode())
        found = found[end:]
    assert found == b""


def test_it_can_be_read_with_the_same_dialect_and_fails_the_same_way(tmp_path: Path) -> None:
    feed = b"sku,text,stock\nA,1,2,3\nB\nC,x,-1\nD,ok,1\nE,bad \xff bytes,1\n"
    first = export(feed, tmp_path)
    again = export(first, tmp_path)
    # The records keep their places, whatever the number of tries.
    places = [line.split(b",")[0] for line in first.splitlines()[1:]]
    assert [line.split(b",")[0] for line in again.splitlines()[1:]] == places
    assert again.splitlines()[0] == first.splitlines()[0]
    assert [line.rsplit(b'"', 1)[-1] for line in again.splitlines()] == [
        line.rsplit(b'"', 1)[-1] for line in first.splitlines()
    ]


def test_what_would_spoil_its_neighbours_is_left_out(tmp_path: Path) -> None:
    feed = b'sku,text,stock\nA,b,-1\nB,"never closed,1\nC,c,2\n'
    found = export(feed, tmp_path)
    rows = list(csv.reader(io.StringIO(found.decode())))
    assert [row[0].split(":")[-1] for row in rows[1:]] == ["1", "2"]
    assert rows[2][3:] == [""]
    assert "unclosed_quote" in rows[2][1]


@pytest.mark.parametrize(
    ("options", "words"),
    [({"dialect": Dialect(header=False)}, "names"), ({"dialect": Dialect(format="jsonl")}, "names")],
)
def test_what_cannot_be_written_that_way_is_refused(
    tmp_path: Path, options: dict[str, Dialect], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        export(b"a,b,1\n", tmp_path, **options)
    assert not (tmp_path / "failed.csv").exists()


def test_several_feeds_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("sku\n1\n")
    with pytest.raises(UsageError, match="one feed"):
        validate(str(tmp_path / "*.csv"), SCHEMA, options=RunOptions(failed=str(tmp_path / "out.csv")))


def test_nothing_failed_leaves_a_header(tmp_path: Path) -> None:
    assert export(b"sku,text,stock\nA,b,1\n", tmp_path) == ",".join([*COLUMNS, "sku,text,stock\n"]).encode()


def test_a_feed_that_changed_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from feedmill import runs

    run_planned = runs.run_planned

    def change_afterwards(*arguments: object, **options: object) -> object:
        report = run_planned(*arguments, **options)
        (tmp_path / "feed.csv").write_bytes(b"sku,text,stock\nother,b,1\n")
        return report

    monkeypatch.setattr(runs, "run_planned", change_afterwards)
    with pytest.raises(ReadError, match="changed"):
        export(b"sku,text,stock\nA,b,-1\n", tmp_path)
    assert not (tmp_path / "failed.csv").exists()
