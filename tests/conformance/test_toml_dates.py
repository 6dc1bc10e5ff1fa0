"""Dates and times of the TOML test suite: the same moments, and what is invalid there is refused."""

import json
import re
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import shared_data
from tests.conformance import oracle

ROOT = shared_data.ROOT / "toml-dates" if shared_data.ROOT else Path("absent")
KINDS = {"datetime": "datetime", "datetime-local": "datetime", "date-local": "date", "time-local": "time"}
VALUE = re.compile(r"^(?P<name>[^=#\n]*?)\s*=\s*(?P<text>[^#\n]*?)\s*(?:#.*)?$", re.MULTILINE)


def read(text: str, kind: str) -> date | time | None:
    """Read one text; None if it is refused."""
    schema = Schema((Field("v", kind, format="any"),), missing_values=())
    rows = Plan(schema, Dialect(header=False)).parse(oracle.csv_of([text])).tuples()
    return rows[0][0] if rows else None  # type: ignore[return-value]


def expected(value: str, kind: str) -> date | time:
    if kind == "time":
        return time.fromisoformat(value)
    if kind == "date":
        return date.fromisoformat(value)
    made = datetime.fromisoformat(value)
    return made.astimezone(UTC) if made.tzinfo else made.replace(tzinfo=UTC)


def is_deviation(text: str) -> bool:
    """Tell whether a text is of TOML 1.1's forms that feedmill refuses (docs/deviations.md)."""
    has_no_seconds = re.search(r"(^|[T ])\d\d:\d\d(Z|[+-]\d\d:\d\d)?$", text)
    return bool(has_no_seconds) or "t" in text or "z" in text


VALID = sorted(ROOT.rglob("valid/**/*.json"))


@pytest.mark.parametrize("path", shared_data.params({str(each.relative_to(ROOT)): each for each in VALID}))
def test_valid(path: Path) -> None:
    texts = {
        found["name"]: found["text"] for found in VALUE.finditer(path.with_suffix(".toml").read_text("utf-8"))
    }
    for name, case in json.loads(path.read_text("utf-8")).items():
        if case["type"] not in KINDS:
            continue
        kind = KINDS[case["type"]]
        if is_deviation(texts[name]):
            assert read(texts[name], kind) is None
        else:
            assert read(texts[name], kind) == expected(case["value"], kind)


INVALID = sorted(ROOT.rglob("invalid/**/*.toml"))


@pytest.mark.parametrize("path", shared_data.params({str(each.relative_to(ROOT)): each for each in INVALID}))
def test_invalid(path: Path) -> None:
    texts = [found["text"] for found in VALUE.finditer(path.read_text("utf-8"))]
    assert texts
    for text in texts:
        assert [read(text, kind) for kind in ("date", "time", "datetime")] == [None] * 3, text
