"""Every number of nigeltao/parse-number-fxx-test-data, read as float64, bit for bit."""

import re
import struct
from pathlib import Path

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import shared_data
from tests.conformance import oracle

PLAN = Plan(Schema((Field("v", "number", storage="float64"),), missing_values=()), Dialect(header=False))
FILES = sorted(shared_data.ROOT.glob("parse-number/*.txt")) if shared_data.ROOT else []
INFINITE = {"7ff0000000000000", "fff0000000000000"}
NUMBER = re.compile(r"[+-]?(?=[0-9]|\.[0-9])[0-9]*\.?[0-9]*(e[+-]?[0-9]+)?", re.IGNORECASE)


@pytest.mark.parametrize("path", shared_data.params({each.stem: each for each in FILES}))
def test_the_same_bits(path: Path) -> None:
    lines = [line.split() for line in path.read_text("ascii").splitlines() if line]
    batch = PLAN.parse(oracle.csv_of([text for *_, text in lines]))
    read: dict[int, float] = {record - 1: value for record, value in batch.tuples(record_base=0)}  # type: ignore[misc]
    assert batch.records == len(lines) > 0
    for place, (_, _, bits, text) in enumerate(lines):
        digits = text.lower().partition("e")[0]
        vanishes = not int(bits, 16) & (1 << 63) - 1 and digits.strip("+-0.")
        if NUMBER.fullmatch(text) and (bits.lower() in INFINITE or vanishes):
            # Refused, never made infinite or zero (docs/deviations.md).
            assert place not in read, text
        elif NUMBER.fullmatch(text):
            assert struct.pack(">d", read[place]).hex() == bits.lower(), text
        elif place in read:
            assert text.lower().lstrip("-") in {"nan", "inf"}, text
