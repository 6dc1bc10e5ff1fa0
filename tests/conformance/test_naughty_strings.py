"""The big list of naughty strings: into a database and back, and into the reject files, unchanged."""

import base64
import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from feedmill import Dialect, Field, RunOptions, Schema, load, validate
from tests import shared_data

DIALECT: Final = Dialect(header=False)
NOT_UTF8: Final = 66
SHOWN_CHARACTERS: Final = 1_000


def naughty() -> list[bytes]:
    """Read both forms of the list: decoded base64, some of which is no UTF-8, and the lines of the text."""
    encoded = json.loads(shared_data.path("blns/blns.base64.json").read_text("utf-8"))
    lines = shared_data.path("blns/blns.txt").read_bytes().split(b"\n")
    return [*map(base64.b64decode, encoded), *(line for line in lines if line and line[0] != ord("#"))]


def is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def write(path: Path, texts: list[bytes]) -> str:
    path.write_bytes(b"".join(b'"%s"\n' % text.replace(b'"', b'""') for text in texts))
    return str(path)


def test_every_string_survives_in_sqlite(tmp_path: Path) -> None:
    strings = naughty()
    feed = write(tmp_path / "feed.csv", strings)
    report = load(
        feed,
        f"sqlite:///{tmp_path / 'naughty.db'}",
        Schema((Field("text"),), missing_values=()),
        table="naughty",
        options=RunOptions(dialect=DIALECT, chunk_size=1_000, rejects=str(tmp_path / "rejects.jsonl")),
    )
    with sqlite3.connect(tmp_path / "naughty.db") as database:
        kept = [text for (text,) in database.execute("SELECT text FROM naughty ORDER BY rowid")]
    database.close()
    good = [raw.decode() for raw in strings if is_text(raw)]
    assert kept == good
    assert (report.records, report.successes, report.failures) == (len(strings), len(good), NOT_UTF8)
    rejects = [
        json.loads(line) for line in (tmp_path / "rejects.jsonl").read_text("utf-8").split("\n") if line
    ]
    assert {each["code"] for each in rejects} == {"encoding"}
    assert [each["record"] for each in rejects] == [
        number for number, raw in enumerate(strings, 1) if not is_text(raw)
    ]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_every_string_survives_in_a_reject_file(tmp_path: Path, ending: str) -> None:
    strings = [raw for raw in naughty() if is_text(raw)]
    feed = write(tmp_path / "feed.csv", strings)
    path = tmp_path / f"rejects.{ending}"
    schema = Schema((Field("day", "date"),), missing_values=())
    report = validate(feed, schema, options=RunOptions(dialect=DIALECT, chunk_size=1_000, rejects=str(path)))
    assert (report.records, report.failures) == (len(strings), len(strings))
    expected = [raw.decode()[:SHOWN_CHARACTERS] for raw in strings]
    text = path.read_text("utf-8", newline="")
    if ending == "jsonl":
        assert [json.loads(line)["value"] for line in text.split("\n") if line] == expected
        return
    values = [row["value"] for row in csv.DictReader(io.StringIO(text, newline=""), strict=True)]
    assert [value.replace("'", "") for value in values] == [each.replace("'", "") for each in expected]
    assert not [value for value in values if value.lstrip().startswith(("=", "+", "-", "@"))]
