"""Numbers from text: integers, decimals with and without precision, doubles."""

import math
import re
import struct
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.schema import Constraints, Field
from tests import shared_data
from tests.core.cells import assert_as_reference, readings

INTEGER = Field("n", "integer")
NUMERIC = Field("n", "number")
FLOAT = Field("n", "number", storage="float64")
TYPE = [Code.TYPE]

DIGITS = st.text("0123456789", max_size=24)
NUMBERS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "-", "+"]),
    st.sampled_from(["", "", "0", "000"]),
    DIGITS,
    st.just("") | st.just(".") | DIGITS.map(".{}".format) | DIGITS.map(".000{}".format),
    st.sampled_from(
        ["", "", "", "e0", "E5", "e+30", "e-7", "e-40", "e007", "e", "e+", "e1.0", "e400", "e-400"]
    ),
)
NEARLY = st.text("0123456789+-.eE nafi_,٣０", max_size=14)
TEXTS = st.lists(NUMBERS | NEARLY, max_size=30)


# Integers ———————————————————————————————————————————————————————————————————————————————————————————


@given(st.lists(st.integers(-(2**65), 2**65).map(str) | NUMBERS | NEARLY, max_size=30))
def test_integers_are_those_of_the_reference(texts: list[str]) -> None:
    assert_as_reference(INTEGER, texts)


@pytest.mark.parametrize("sign", ["", "-", "+"])
@pytest.mark.parametrize("zeros", ["", "0", "0" * 7, "0" * 40])
def test_integers_at_every_length(sign: str, zeros: str) -> None:
    """Words of eight digits meet at 8 and 16; 19 digits are where an int64 ends."""
    sizes = [10**n + d for n in range(22) for d in (-1, 0, 1)] + [2**63 + d for d in range(-3, 4)] + [2**64]
    assert_as_reference(INTEGER, [f"{sign}{zeros}{size}" for size in sizes])


def test_one_byte_in_place_of_each_digit() -> None:
    """The bytes around the digits in ASCII, and those whose carry could reach a neighbour."""
    for n in (1, 3, 7, 8, 9, 15, 16, 17, 19):
        texts = [
            b"1" * place + bytes([byte]) + b"1" * (n - place - 1)
            for place in range(1, n)
            for byte in (0x20, 0x2F, 0x3A, 0x2D, 0x2B, 0x7F)
        ]
        assert all(found == TYPE for found in readings(INTEGER, texts))


# Decimals ———————————————————————————————————————————————————————————————————————————————————————————


@given(st.integers(1, 18).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))), TEXTS)
@example(
    (12, 2), ["1.005", "1.00", "9999999999.99", "10000000000.00", "1.2e1", "120e-3", "1.200", "-.50", "5."]
)
@example((18, 18), [".999999999999999999", "1", "0." + "0" * 17 + "1", "1e-18", "1e-19"])
@example((3, 0), ["999", "1000", "99e1", "1000e-1", "1e-1", "0e99", "0.0000"])
def test_decimals_fit_or_are_refused(shape: tuple[int, int], texts: list[str]) -> None:
    precision, scale = shape
    assert_as_reference(Field("n", "number", precision=precision, scale=scale), texts)


@given(st.integers(1, 18), st.integers(0, 18), st.integers(-(10**18), 10**18))
def test_decimals_as_they_are_declared(precision: int, scale: int, value: int) -> None:
    """With exactly the declared decimals, which is the short way."""
    scale = min(scale, precision)
    size = f"{abs(value):0{scale + 1}d}"
    text = "-" * (value < 0) + (f"{size[:-scale]}.{size[-scale:]}" if scale else size)
    [found] = readings(Field("n", "number", precision=precision, scale=scale), [text.encode()])
    assert found == (Decimal(text) if abs(value) < 10**precision else TYPE)


@given(TEXTS)
def test_decimals_without_precision(texts: list[str]) -> None:
    assert_as_reference(NUMERIC, texts)


@given(st.integers(19, 60), st.integers(0, 30), TEXTS)
def test_decimals_beyond_an_int64(precision: int, scale: int, texts: list[str]) -> None:
    assert_as_reference(Field("n", "number", precision=precision, scale=min(scale, precision)), texts)


@pytest.mark.parametrize(
    ("text", "is_good"),
    [
        ("1e131071", True),
        ("1e131072", False),
        ("0e200000", True),
        ("1e-16383", True),
        ("1e-16384", False),
        ("0e-16384", False),
        ("9" * 131072, True),
        ("1" + "0" * 131072, False),
        ("0" * 200000 + "1", True),
        ("." + "0" * 16383, True),
        ("." + "0" * 16384, False),
        ("0e1073741822", True),
        ("0e1073741823", False),
        ("0e" + "9" * 30, False),
        ("1e" + "0" * 30 + "1", True),
    ],
)
def test_limits_of_postgresql(text: str, is_good: bool) -> None:
    [found] = readings(NUMERIC, [text.encode()])
    assert (found != TYPE) == is_good


DECIMALS = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.sampled_from(["0", "0.0", "1", "1.0", "01.", ".1", "10", "12.5", "12.50", "0.00125"])
    | st.decimals(-1000, 1000, places=3).map(lambda value: f"{abs(value):f}"),
    st.sampled_from(["", "", "e0", "e1", "E-1", "e20", "e-20"]),
)


@given(DECIMALS, st.lists(DECIMALS, min_size=1, max_size=20))
def test_decimals_compare_by_value(limit: str, texts: list[str]) -> None:
    lower = Field("n", "number", constraints=Constraints(minimum=limit, enum=(limit,)))
    upper = Field("n", "number", constraints=Constraints(exclusive_maximum=limit))
    cells, bound = [text.encode() for text in texts], Decimal(limit)
    for text, above, below in zip(texts, readings(lower, cells), readings(upper, cells), strict=True):
        value = Decimal(text)
        codes = [Code.MINIMUM] * (value < bound) + [Code.ENUM] * (value != bound)
        assert (above if codes else []) == codes
        assert (below == [Code.EXCLUSIVE_MAXIMUM]) == (value >= bound)


# Doubles ————————————————————————————————————————————————————————————————————————————————————————————


@given(TEXTS | st.lists(st.floats().map(repr) | st.floats(width=32).map(repr), max_size=30))
@example(["NaN", "nan", "-NaN", "INF", "inf", "+INF", "-InF", "Infinity", "-inf ", "i", "-", ""])
@example(["1e308", "1.7976931348623157e308", "1.7976931348623159e308", "4.9e-324", "2.4e-324", "2.5e-324"])
@example(["-0", "0e-999999999999", "-0.000e99999999999999", "1e99999999999999", "1e-99999999999999"])
def test_doubles_are_those_of_python(texts: list[str]) -> None:
    assert_as_reference(FLOAT, texts)


FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=0)


@given(FINITE, st.integers(1, 700), st.sampled_from([-1, 0, 1]))
@example(2.0**-1074, 30, 1)
@example(0.0, 30, 1)
def test_halfway_between_two_doubles_and_a_hair_beside(value: float, places: int, hair: int) -> None:
    """Where rounding is decided by the last digit of hundreds."""
    above = math.nextafter(value, math.inf)
    if math.isinf(above):
        return
    middle = (Fraction(value) + Fraction(above)) / 2
    twos = middle.denominator.bit_length() - 1
    digits = middle.numerator * 5**twos * 10**places + hair
    text = f"{digits}e-{twos + places}"
    assert_as_reference(FLOAT, [text])


@pytest.mark.parametrize("exponent", range(-345, 311, 5))
def test_doubles_of_nineteen_digits_at_every_size(exponent: int) -> None:
    heads = [2**64 - 1, 10**18, 10**19 - 1, 9007199254740993, 1234567890123456789, 5**27, 2**63 + 1]
    texts = [f"{head}e{exponent + step}" for head in heads for step in range(5)]
    assert_as_reference(FLOAT, texts)


def test_vectors_of_parse_number() -> None:
    """3,623 texts with their doubles; those that are no finite number other than a true zero are refused."""
    folder = shared_data.path("parse-number")
    lines = [line.split() for file in sorted(folder.glob("*.txt")) for line in file.read_text().splitlines()]
    assert len(lines) == 3623
    grammar = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
    found = readings(FLOAT, [text.encode() for *_, text in lines])
    for (*_, bits, text), value in zip(lines, found, strict=True):
        [want] = struct.unpack(">d", bytes.fromhex(bits))
        is_zero = not re.search("[1-9]", re.split("[eE]", text)[0])
        if not grammar.fullmatch(text):
            is_named = text.upper() in {"NAN", "INF", "-INF"}
            assert is_named or value == TYPE, text
        elif math.isinf(want) or (want == 0 and not is_zero):
            assert value == TYPE, text
        else:
            assert isinstance(value, float)
            assert value.hex() == want.hex(), text


def test_table_of_powers() -> None:
    """Compute each entry again: a wrong low bit would show in one text out of very many."""
    header = Path(__file__).parents[2] / "src" / "_core" / "float_powers.h"
    rows = re.findall(
        r"\{\{UINT64_C\((\w+)\), UINT64_C\((\w+)\)\}, (-?\d+)\},  /\* 10\^(-?\d+)", header.read_text()
    )
    assert [int(power) for *_, power in rows] == list(range(-352, 305, 16))
    for high, low, exponent, power in rows:
        bits = int(high, 16) << 64 | int(low, 16)
        assert bits >> 127 == 1
        assert bits == Fraction(10) ** int(power) / Fraction(2) ** int(exponent) // 1
