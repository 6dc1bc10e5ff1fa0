"""Values on their way out: PostgreSQL's binary form, held to what a server sent, and texts."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.schema import Field
from tests import shared_data
from tests.core.cells import expected, readings, sent, written

FIELDS = {
    "int8": Field("v", "integer"),
    "numeric": Field("v", "number"),
    "float8": Field("v", "number", storage="float64"),
    "bool": Field("v", "boolean"),
    "date": Field("v", "date"),
    "time": Field("v", "time"),
    "timestamptz": Field("v", "datetime", "any"),
    "uuid": Field("v", format="uuid"),
}
"""By PostgreSQL type; those with a precision are made as they are met."""

FEWEST = {
    "int8": 30,
    "numeric": 750,
    "float8": 200,
    "bool": 1,
    "date": 140,
    "time": 1,
    "timestamptz": 200,
    "uuid": 2,
}
"""Vectors that must remain of each type once those that feedmill does not read are left out."""


def field_of(pg_type: str) -> Field | None:
    if not pg_type.startswith("numeric("):
        return FIELDS.get(pg_type)
    precision, scale = map(int, pg_type[8:-1].split(","))
    return Field("v", "number", precision=precision, scale=scale) if 0 <= scale <= precision else None


def server_vectors(pg_type: str, key: str) -> Iterator[tuple[str, str, bytes]]:
    """Give text, canonical text and bytes of the vectors that are values for feedmill too."""
    field = field_of(pg_type)
    assert field is not None
    for vector in shared_data.vectors("pg15_values.jsonl"):
        is_value = vector["ok"] and vector["type"] == pg_type
        if is_value and not isinstance(expected(field, vector[key]), list):
            yield vector[key], vector["text"], bytes.fromhex(vector["binary_hex"])


@pytest.mark.parametrize("pg_type", FIELDS)
def test_values_as_a_server_sends_them(pg_type: str) -> None:
    vectors = list(server_vectors(pg_type, "input"))
    if shared_data.ROOT is None:
        pytest.skip(shared_data.WHY_ABSENT)
    assert len(vectors) >= FEWEST[pg_type]
    field = field_of(pg_type)
    assert field is not None
    for (text, _, data), found in zip(vectors, sent(field, [text for text, *_ in vectors]), strict=True):
        assert found == data, text


@pytest.mark.parametrize(
    "pg_type", ["numeric(12,2)", "numeric(10,2)", "numeric(18,4)", "numeric(5,0)", "numeric(3,3)"]
)
def test_declared_decimals_as_a_server_sends_them(pg_type: str) -> None:
    """From what was typed in, where it needs no rounding, and from what the server made of it."""
    if shared_data.ROOT is None:
        pytest.skip(shared_data.WHY_ABSENT)
    field = field_of(pg_type)
    assert field is not None
    for key in ("input", "text"):
        vectors = list(server_vectors(pg_type, key))
        assert vectors
        for (text, _, data), found in zip(vectors, sent(field, [text for text, *_ in vectors]), strict=True):
            assert found == data, text
        assert written(field, [text for text, *_ in vectors]) == [canonical for _, canonical, _ in vectors]


def numeric_of(data: bytes) -> str:
    """Spell a numeric out from its bytes, as PostgreSQL would."""
    count, weight, sign, decimals = (int.from_bytes(data[at : at + 2], signed=at == 2) for at in (0, 2, 4, 6))
    groups = [int.from_bytes(data[8 + 2 * i : 10 + 2 * i]) for i in range(count)]
    assert len(data) == 8 + 2 * count
    assert all(group < 10000 for group in groups)
    assert not groups or (groups[0] and groups[-1])
    # Places are counted from the highest power of 10000 that matters, down to the last decimal.
    top = max(weight, 0)
    digits = "".join(f"{group:04}" for group in [0] * (top - weight) + groups)
    digits = digits.ljust(4 * (top + 1) + decimals, "0")
    point = 4 * (top + 1)
    assert not digits[point + decimals :].strip("0")
    whole = digits[:point].lstrip("0") or "0"
    return ("-" if sign else "") + whole + ("." + digits[point : point + decimals] if decimals else "")


INT64 = (
    st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(0, 18).map(lambda n: 10**n) | st.integers(-999, 999)
)


@given(INT64, st.integers(0, 18))
@example(0, 0)
@example(0, 18)
@example(10**16, 2)
@example(-1, 18)
def test_scaled_decimals_keep_their_decimals(value: int, scale: int) -> None:
    value %= 10**18
    size = f"{value:0{scale + 1}d}"
    text = f"{size[:-scale]}.{size[-scale:]}" if scale else size
    field = Field("v", "number", precision=18, scale=scale)
    for spelled in (text, f"-{text}" if value else text):
        assert written(field, [spelled]) == [spelled]
        assert [numeric_of(data) for data in sent(field, [spelled])] == [spelled]


@given(st.text("0123456789", max_size=30), st.text("0123456789", max_size=30), st.integers(-45, 45))
@example("", "0", 0)
@example("1", "", 131071 - 131000)
@example("0", "", 40)
def test_numerics_from_text(whole: str, decimals: str, exponent: int) -> None:
    if not whole + decimals:
        return
    text = f"{whole}.{decimals}e{exponent}"
    digits, point = whole + decimals, len(whole) + exponent
    digits = digits.rjust(len(digits) - min(point, 0), "0").ljust(max(point, 0), "0")
    point = max(point, 0)
    shown = (digits[:point].lstrip("0") or "0") + ("." + digits[point:] if digits[point:] else "")
    assert [numeric_of(data) for data in sent(FIELDS["numeric"], [text])] == [shown]


def test_numerics_at_the_limits() -> None:
    [large, small, zero] = sent(FIELDS["numeric"], ["1e131071", "-1e-16383", "0." + "0" * 16383])
    assert large.hex() == "0001" + "7fff" + "0000" + "0000" + "03e8"
    assert small.hex() == "0001" + "f000" + "4000" + "3fff" + "000a"
    assert zero.hex() == "0000" + "0000" + "0000" + "3fff"


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE | st.floats(-1000, 1000).map(lambda value: round(value, 3)), max_size=30))
@example(
    [
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        9007199254740993.0,
        1e22,
        1e23,
        0.1 + 0.2,
        2.0**-44,
    ]
)
@example(
    [0.0, -0.0, 1e-5, 9.999e-5, 0.0001, 1e15, 1e16, 123456789012345.6, 9999999999999998.0, 1.5e300, 5e-5]
)
@example([2.0**n for n in range(-1074, 1024, 7)])
def test_floats_are_as_short_as_those_of_python(values: list[float]) -> None:
    texts = [repr(value) for value in values]
    assert written(FIELDS["float8"], texts) == texts


def test_floats_that_are_no_numbers() -> None:
    assert written(FIELDS["float8"], ["nan", "Inf", "-inf"]) == ["NaN", "INF", "-INF"]


@given(st.lists(st.datetimes(), max_size=20))
@example([datetime.min, datetime.max, datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999)])  # noqa: DTZ001, DTZ901
def test_moments_as_text(moments: list[datetime]) -> None:
    assert written(FIELDS["timestamptz"], [f"{each.isoformat()}Z" for each in moments]) == [
        f"{each.isoformat()}Z" for each in moments
    ]
    assert written(FIELDS["date"], [f"{each:%Y-%m-%d}".zfill(10) for each in moments]) == [
        str(each.date()) for each in moments
    ]
    assert written(FIELDS["time"], [str(each.time()) for each in moments]) == [
        str(each.time()) for each in moments
    ]


@given(st.lists(FINITE, max_size=20))
def test_what_is_written_reads_back(values: list[float]) -> None:
    texts = written(FIELDS["float8"], [repr(value) for value in values])
    assert [str(value) for value in readings(FIELDS["float8"], [text.encode() for text in texts])] == texts
