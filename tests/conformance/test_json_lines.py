"""JSONTestSuite as lines of a feed: what is no JSON costs its own line, and nothing else."""

import base64
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from feedmill.dialect import Dialect
from tests import shared_data
from tests.conformance import oracle
from tests.readers.feedfiles import Read, read_all, texts

DEVIATIONS = oracle.deviations("JSON")
CASES = {each["id"]: each for each in shared_data.vectors("json_lines.jsonl")}
LINES = shared_data.vectors("json_lines_mixed.expect.jsonl")
SENTINEL = b'{"a": "sentinel"}\n'


def read(path: Path, data: bytes, chunk_size: int = 1 << 20, column: str = "a") -> Read:
    path.write_bytes(data)
    return read_all(path, Dialect(format="jsonl"), chunk_size, texts(column))


def verdict(path: Path, text: bytes) -> str:
    """Say what becomes of a JSON text as a member of an object, between two good lines."""
    found = read(path, SENTINEL + b'{"a": "object", "case": ' + text + b"}\n" + SENTINEL)
    rows = [row[1] for row in found.rows]
    assert rows in (["sentinel", "object", "sentinel"], ["sentinel", "sentinel"])
    assert [reject[0][0] for reject in found.rejects] == ([] if len(rows) == 3 else [2])
    return "accept" if len(rows) == 3 else "reject"


@pytest.mark.parametrize(
    "vector", shared_data.params({name: each for name, each in CASES.items() if each["one_line"]})
)
def test_a_text_as_a_member(tmp_path: Path, vector: dict[str, Any]) -> None:
    text = base64.b64decode(vector["bytes_b64"]).removesuffix(b"\n")
    found = verdict(tmp_path / "feed.jsonl", text)
    expected = {"y": "accept", "n": "reject", "i": "accept"}[vector["id"][0]]
    assert found == DEVIATIONS.get(vector["id"], expected)


def test_a_text_of_several_lines_is_no_line(tmp_path: Path) -> None:
    """JSON Lines has one text a line; each line of another is judged, and counted, by itself."""
    several = [each for each in CASES.values() if not each["one_line"]]
    assert len(several) == (4 if CASES else 0)
    for vector in several:
        text = base64.b64decode(vector["bytes_b64"])
        found = read(tmp_path / "feed.jsonl", SENTINEL + text + b"\n" + SENTINEL)
        lines = sum(line not in {b"", b"\r"} for line in text.split(b"\n"))
        assert len(found.rejects) == lines
        assert [row[0] for row in found.rows] == [1, lines + 2]


@pytest.mark.parametrize("chunk_size", [1, 64, 1 << 20])
def test_good_lines_between_bad_ones(tmp_path: Path, chunk_size: int) -> None:
    """All lines of the mixed file; a text that is JSON but no object is no record either."""
    data = shared_data.path("vectors/json_lines_mixed.jsonl.bin").read_bytes()
    found = read(tmp_path / "feed.jsonl", data, chunk_size, column="seq")
    good = [each["line"] for each in LINES if each["expect"] == "accept" and each["object"]]
    assert [row[0] for row in found.rows] == good
    bad = [each["line"] for each in LINES if not (each["expect"] == "accept" and each["object"])]
    assert [reject[0][:2] for reject in found.rejects] == [(line, line) for line in bad]
    assert {reject[1] for reject in found.rejects} == {"type", "encoding"}


def test_every_deviation_is_about_a_text() -> None:
    shared_data.path("vectors")
    assert DEVIATIONS.keys() <= CASES.keys()
    assert Counter(name[0] for name in CASES) == {"n": 88, "y": 47, "i": 20}
