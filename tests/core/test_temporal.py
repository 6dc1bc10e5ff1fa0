"""Dates, times and instants from text, in ISO's shapes and after patterns."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.schema import Field
from tests.core.cells import assert_as_reference, readings

TYPE = [Code.TYPE]


def digits(width: int, least: int = 0, most: int | None = None) -> st.SearchStrategy[str]:
    return st.integers(least, 10**width - 1 if most is None else most).map(f"{{:0{width}}}".format)


YEARS = st.sampled_from(["0000", "0001", "0004", "1900", "1969", "2000", "2024", "9999"]) | digits(4)
FRACTIONS = st.sampled_from(["", "", ".", ".5", ".123456", ".1234560", ".1234561", ".0000000", ".9999995"])
OFFSETS = st.sampled_from(
    [
        "",
        "",
        "Z",
        "z",
        "+00:00",
        "-00:00",
        "+15:59",
        "-15:59",
        "+16:00",
        "-0300",
        "+3:00",
        "+05:60",
        "+05",
        " ",
    ]
) | st.builds("{}{}:{}".format, st.sampled_from("+-"), digits(2, 0, 16), digits(2, 0, 60))
DATES = st.builds("{}-{}-{}".format, YEARS, digits(2, 0, 13), digits(2, 0, 32)) | st.dates().map(str)
TIMES = st.builds(
    "{}:{}:{}{}".format, digits(2, 0, 24), digits(2, 0, 60), digits(2, 0, 60), FRACTIONS
) | st.times().map(str)
INSTANTS = st.builds("{}{}{}{}".format, DATES, st.sampled_from("TTT t_"), TIMES, OFFSETS)


@st.composite
def damaged(draw: Callable[..., object], texts: st.SearchStrategy[str]) -> str:
    """Change one character now and then."""
    text = str(draw(texts))
    if draw(st.booleans()) or not text:
        return text
    at = int(str(draw(st.integers(0, len(text) - 1))))
    return (
        text[:at]
        + str(draw(st.sampled_from(["", "0", "9", " ", "-", ":", "T", ".", "/", "é", "١"])))
        + text[at + 1 :]
    )


@pytest.mark.parametrize("form", ["default", "any"])
@pytest.mark.parametrize(("kind", "texts"), [("date", DATES), ("time", TIMES), ("datetime", INSTANTS)])
def test_iso_shapes(kind: str, texts: st.SearchStrategy[str], form: str) -> None:
    @given(st.lists(damaged(texts), max_size=10))
    def hold(texts: list[str]) -> None:
        assert_as_reference(Field("t", kind, form), texts)

    hold()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2023-02-29T00:00:00Z", TYPE),
        ("1900-02-29T00:00:00Z", TYPE),
        ("2000-02-29T00:00:00Z", datetime(2000, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("0000-12-31T23:59:59Z", TYPE),
        ("0001-01-01T00:00:00+00:01", TYPE),
        ("0001-01-01T00:00:00-00:01", datetime(1, 1, 1, 0, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("9999-12-31T23:59:59-00:01", TYPE),
        ("10000-01-01T00:00:00Z", TYPE),
        ("2024-01-01T00:30:00+01:00", datetime(2023, 12, 31, 23, 30, tzinfo=UTC)),
        ("2023-12-31T23:30:00-01:00", datetime(2024, 1, 1, 0, 30, tzinfo=UTC)),
        ("2024-01-01T24:00:00Z", TYPE),
        ("2016-12-31T23:59:60Z", TYPE),
        ("2024-01-01T00:00:00", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T00:00", TYPE),
        ("2024-01-01", TYPE),
        ("2024-01-01 00:00:00", TYPE),
        ("", TYPE),
    ],
)
def test_edges_of_instants(text: str, expected: object) -> None:
    assert readings(Field("t", "datetime"), [text.encode()]) == [expected]


def test_days_of_the_whole_calendar() -> None:
    days = [date.fromordinal(ordinal) for ordinal in range(1, date.max.toordinal() + 1, 7)]
    assert readings(Field("t", "date"), [str(day).encode() for day in days]) == days


def test_every_last_day_of_a_month_and_the_one_after() -> None:
    texts = [
        f"{year:04}-{month:02}-{day}"
        for year in (1, 4, 100, 400, 1900, 1999, 2000, 2024, 9999)
        for month in range(1, 13)
        for day in range(28, 33)
    ]
    assert_as_reference(Field("t", "date"), texts)


# Patterns ———————————————————————————————————————————————————————————————————————————————————————————

PARTS = {
    "%Y": YEARS | st.just("24"),
    "%y": st.sampled_from(["68", "69", "00", "99", "7"]) | digits(2),
    "%m": digits(2, 0, 13) | digits(1),
    "%d": digits(2, 0, 32) | digits(1),
    "%H": digits(2, 0, 24) | digits(1),
    "%I": digits(2, 0, 13) | digits(1),
    "%M": digits(2, 0, 60) | digits(1),
    "%S": digits(2, 0, 60) | digits(1),
    "%f": st.sampled_from(["", "123456000", "1234567"]) | digits(1) | digits(3) | digits(6),
    "%j": st.sampled_from(["000", "001", "365", "366", "367", "1"]) | digits(3, 0, 370),
    "%b": st.sampled_from(
        ["Jan", "feb", "MAR", "apR", "may", "Jun", "Jul", "AUG", "Sep", "oct", "Nov", "dec", "", "ja"]
    ),
    "%B": st.sampled_from(["January", "MARCH", "may", "September", "feb", "Decembe"]),
    "%p": st.sampled_from(["AM", "pm", "Pm", "A", "xm", ""]),
    "%z": OFFSETS | st.sampled_from(["+0300", "-1559", "+1600", "+0360"]),
    "%%": st.just("%"),
}
PATTERNS = {
    "date": [
        "%d/%m/%Y", "%m/%d/%y", "%Y%m%d", "%b %d, %Y", "%d %B %Y", "%j-%Y", "%d%m%Y", "%Y%%%m-%d",
        "é%Y-%m-%d.",
    ],
    "time": ["%H:%M", "%H%M%S", "%I:%M %p", "%p%I.%M.%S", "%H:%M:%S.%f", "%Hh%M"],
    "datetime": [
        "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%b %d %Y %I:%M%p", "%z%Y%j%H",
    ],
}  # fmt: skip


def filled(pattern: str) -> st.SearchStrategy[str]:
    """Put something in place of each directive, mostly what it asks for."""
    pieces = [PARTS.get(piece, st.just(piece)) for piece in re.findall(r"%.|[^%]+", pattern)]
    return damaged(st.tuples(*pieces).map("".join))


@pytest.mark.parametrize(
    ("kind", "pattern"), [(kind, pattern) for kind, patterns in PATTERNS.items() for pattern in patterns]
)
def test_patterns(kind: str, pattern: str) -> None:
    @given(st.lists(filled(pattern), max_size=6))
    def hold(texts: list[str]) -> None:
        assert_as_reference(Field("t", kind, pattern), texts)

    hold()


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.integers(-959, 959))  # noqa: DTZ001
@example(datetime(2024, 1, 1), 959)  # noqa: DTZ001
def test_offsets_are_taken_off(moment: datetime, minutes: int) -> None:
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    [found] = readings(Field("t", "datetime"), [f"{moment.isoformat()}{offset}".encode()])
    assert found == moment.replace(tzinfo=UTC) - timedelta(minutes=minutes)
