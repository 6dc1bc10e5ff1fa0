"""Where the shared test data lies: real data sets and public vectors, too large for the repository.

It is looked for in $FEEDMILL_TEST_DATA, then beside the checkout. Tests that need it run wherever it is;
where it is not, they are skipped and say so.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

_PLACES = (os.environ.get("FEEDMILL_TEST_DATA"), Path(__file__).parents[2] / "shared" / "data")

ROOT: Path | None = next(
    (Path(place) for place in _PLACES if place and (Path(place) / "MANIFEST.md").exists()), None
)

WHY_ABSENT = "the shared test data is not there; set FEEDMILL_TEST_DATA to its folder"


def path(name: str) -> Path:
    """Name a file of the shared data; the test is skipped if there is no such data at all."""
    if ROOT is None:
        pytest.skip(WHY_ABSENT)
    return ROOT / name


def document(name: str) -> dict[str, Any]:
    """Read a JSON file; empty where the data is absent, so that it can be used while tests are collected."""
    return json.loads((ROOT / name).read_text("utf-8")) if ROOT else {}


def vectors(name: str) -> list[dict[str, Any]]:
    """Read a file of vectors, one JSON object a line; empty where the data is absent."""
    if ROOT is None:
        return []
    # Not splitlines, which also splits at characters that JSON texts may hold.
    return [json.loads(line) for line in (ROOT / "vectors" / name).read_text("utf-8").split("\n") if line]


def params(cases: dict[str, Any]) -> list[Any]:
    """Turn named cases into parameters; where the data is absent, into one that says why it is skipped."""
    if not cases:
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=WHY_ABSENT))]
    return [pytest.param(case, id=name) for name, case in cases.items()]


def bytes_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["input_b64"])
