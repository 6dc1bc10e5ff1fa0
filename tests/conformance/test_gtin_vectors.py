"""GS1's own test cases for check digits."""

from typing import Any

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import kernel_feed, shared_data
from tests.conformance import oracle

CSUM = {
    each["input"] or "empty": each
    for each in shared_data.vectors("gs1_lint.jsonl")
    if each["linter"] == "csum"
}
GTIN_LENGTHS = (8, 12, 13, 14)
CODES = {
    "GS1_LINTER_INCORRECT_CHECK_DIGIT": Code.CHECK_DIGIT,
    "GS1_LINTER_NON_DIGIT_CHARACTER": Code.FORMAT,
    "GS1_LINTER_TOO_SHORT_FOR_CHECK_DIGIT": Code.FORMAT,
}


@pytest.mark.parametrize("vector", shared_data.params(CSUM))
def test_check_digit(vector: dict[str, Any]) -> None:
    """GS1 sums up digits of any length; a GTIN has one of four."""
    text = vector["input"]
    schema = Schema((Field("gtin", format="gtin"),), missing_values=())
    outcome = kernel_feed.parse(Plan(schema, Dialect(header=False)), oracle.csv_of([text]))
    if len(text) not in GTIN_LENGTHS:
        expected = [Code.FORMAT]
    else:
        expected = [] if vector["valid"] else [CODES[vector["error"]]]
    assert [each.code for each in outcome.findings] == expected
    assert [row.values for row in outcome.rows] == ([] if expected else [(text,)])
