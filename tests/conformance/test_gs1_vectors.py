"""GS1's own test cases for codes, dates and times, as far as feedmill has a format for them."""

from collections import Counter
from typing import Any, Final

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import kernel_feed, shared_data
from tests.conformance import oracle

DEVIATIONS = oracle.deviations("GS1's linters")
FIELDS: Final = {
    "iso3166alpha2": Field("value", format="country"),
    "yyyymmdd": Field("value", "date", format="%Y%m%d"),
    "hhmi": Field("value", "time", format="%H%M"),
    "yesno": Field("value", "boolean", true_values=("1",), false_values=("0",)),
}
NUMERIC: Final = {
    "iso4217": Field("value", format="currency"),
    "iso3166": Field("value", format="country"),
}
# csum is test_gtin_vectors.py's; for the others, feedmill has no format.
UNUSED: Final = {
    "csetnumeric": 5,
    "csum": 7,
    "csumalpha": 15,
    "hh": 13,
    "iban": 12,
    "latitude": 2,
    "longitude": 4,
    "mi": 36,
    "ss": 42,
    "yymmd0": 30,
    "yymmdd": 31,
    "yyyymmd0": 44,
}
VECTORS = shared_data.vectors("gs1_lint.jsonl")


def is_taken(text: str, field: Field) -> bool:
    schema = Schema((field,), missing_values=())
    outcome = kernel_feed.parse(Plan(schema, Dialect(header=False)), oracle.csv_of([text]))
    assert len(outcome.rows) + len(outcome.findings) == outcome.records == 1
    return bool(outcome.rows)


@pytest.mark.parametrize(
    "vector",
    shared_data.params(
        {f"{each['linter']}-{each['input']}": each for each in VECTORS if each["linter"] in FIELDS}
    ),
)
def test_a_value(vector: dict[str, Any]) -> None:
    name = f"{vector['linter']}/{vector['input']}"
    expected = {"accept": True, "reject": False}.get(DEVIATIONS.get(name, ""), vector["valid"])
    assert is_taken(vector["input"], FIELDS[vector["linter"]]) == expected


@pytest.mark.parametrize("linter", NUMERIC)
def test_numbers_are_no_codes(linter: str) -> None:
    """GS1 writes currencies and countries as numbers; a feed has letters."""
    shared_data.path("vectors")
    assert DEVIATIONS[linter] == "reject all"
    texts = [each["input"] for each in VECTORS if each["linter"] == linter and each["input"]]
    assert [text for text in texts if is_taken(text, NUMERIC[linter])] == []


def test_no_linter_is_forgotten() -> None:
    shared_data.path("vectors")
    rest = [each["linter"] for each in VECTORS if each["linter"] not in FIELDS | NUMERIC]
    assert Counter(rest) == UNUSED
