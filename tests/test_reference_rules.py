"""The reference itself: against the standard library where the two agree, and case by case elsewhere."""

import csv
import io
from datetime import UTC, date, datetime, time, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.schema import Field, Schema
from tests.reference_kernel import Outcome, parse
from tests.reference_values import Value, WrongError, value_of

PLAIN = Dialect(header=False)
TWO = Schema((Field("a"), Field("b")), missing_values=())


def read(data: bytes, dialect: Dialect = PLAIN, schema: Schema = TWO) -> Outcome:
    return parse(data, schema, dialect)


def codes(outcome: Outcome) -> list[tuple[int, int, Code, int, bytes]]:
    return [(each.record, each.line, each.code, each.byte, each.value) for each in outcome.findings]


def value(text: str, field: Field) -> Value | Code:
    try:
        return value_of(text, field)
    except WrongError as wrong:
        return wrong.code


# Against the standard library ——————————————————————————————————————————————————————————————————————————————

CELLS = st.text(st.characters(exclude_characters="\0\r", codec="utf-8"), max_size=6)


@given(
    st.lists(st.tuples(CELLS, CELLS), max_size=4), st.sampled_from(["\n", "\r\n"]), st.sampled_from([0, 1])
)
def test_it_reads_what_csv_writes(rows: list[tuple[str, str]], row_end: str, quoting: int) -> None:
    out = io.StringIO()
    csv.writer(out, lineterminator=row_end, quoting=quoting).writerows(rows)
    outcome = read(out.getvalue().encode())
    assert [row.values for row in outcome.rows] == rows
    assert not outcome.findings


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9))
def test_it_reads_what_decimal_writes(number: Decimal) -> None:
    assert value(str(number), Field("n", "number")) == number
    assert value(str(number), Field("n", "number", precision=13, scale=3)) == number


@given(st.floats())
def test_it_reads_what_float_writes(number: float) -> None:
    text = repr(number).upper()
    got = value(text, Field("n", "number", storage="float64"))
    assert repr(got) == repr(number)


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone.min, None])))
def test_it_reads_what_isoformat_writes(moment: datetime) -> None:
    in_zone = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if moment.tzinfo is timezone.min:
        assert value(moment.isoformat(), Field("t", "datetime")) is Code.TYPE  # 23:59 behind is no zone
    else:
        assert value(moment.isoformat(), Field("t", "datetime")) == in_zone
        assert value(moment.isoformat(" "), Field("t", "datetime", "any")) == in_zone


@given(st.dates(), st.sampled_from(["%d/%m/%Y", "%b %d, %Y", "%Y-%j", "%B %d %Y"]))
def test_it_reads_what_strftime_writes(day: date, pattern: str) -> None:
    # strftime does not pad years on every platform.
    text = day.strftime(pattern.replace("%Y", f"{day.year:04}"))
    assert value(text, Field("d", "date", pattern)) == day


# Case by case ——————————————————————————————————————————————————————————————————————————————————————————————


def test_lines_without_a_byte_and_comments_are_no_records_but_lines() -> None:
    outcome = read(b"\n\r\n#,\n1,2\n\n,\n", Dialect(header=False, comment="#"))
    assert [(row.record, row.values) for row in outcome.rows] == [(0, ("1", "2")), (1, ("", ""))]
    assert outcome.lines == 6


def test_places_are_those_of_first_bytes() -> None:
    outcome = read(b'x,"a\nb"\n\n "q",\xff\n1\n1,2,"3"\n"u,', Dialect(header=False, skip_initial_space=True))
    assert codes(outcome) == [
        (1, 3, Code.ENCODING, 14, b"\xff"),
        (2, 4, Code.MISSING_CELL, 17, b""),
        (3, 5, Code.EXTRA_CELL, 22, b"3"),
        (4, 6, Code.UNCLOSED_QUOTE, 26, b'"u,'),
    ]


@pytest.mark.parametrize(
    ("data", "cells"),
    [
        (b'"a""b",c\n', ('a"b', "c")),
        (b'a"b",c\n', ('a"b"', "c")),
        (b"a\rb,c\r\r\n", ("a\rb", "c\r")),
        (b'"a",""\r\n', ("a", "")),
        (b"a,b", ("a", "b")),
        (b"a,b\r", ("a", "b\r")),
    ],
)
def test_quotes_and_row_ends(data: bytes, cells: tuple[str, ...]) -> None:
    assert [row.values for row in read(data).rows] == [cells]


def test_an_escape_works_in_quotes_or_where_there_are_none() -> None:
    escaping = Dialect(header=False, escape="\\", double_quote=False)
    assert read(b'"a\\"b",c\\d\n', escaping).rows[0].values == ('a"b', "c\\d")
    unquoted = Dialect(header=False, escape="\\", quote=None)
    assert read(b'"a\\,b\\\n",\\\\\n', unquoted).rows[0].values == ('"a,b\n"', "\\")


def test_text_after_a_closing_quote_is_refused_or_kept() -> None:
    assert codes(read(b'"a"b,c\n')) == [(0, 0, Code.BAD_QUOTE, 0, b"ab")]
    assert read(b'"a"b,c\n', Dialect(header=False, keep_bad_quotes=True)).rows[0].values == ("ab", "c")


def test_null_is_an_unquoted_cell_and_missing_any() -> None:
    schema = Schema((Field("a"), Field("b", missing_values=("-",), transforms=("trim",))))
    dialect = Dialect(header=False, null="N")
    rows = [row.values for row in read(b'N,"N"\n"", - \n"N",x\n', dialect, schema).rows]
    assert rows == [(None, "N"), (None, None), ("N", "x")]


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        (Field("v", "integer"), "-9223372036854775808", -(2**63)),
        (Field("v", "integer"), "9223372036854775808", Code.TYPE),
        (Field("v", "integer"), "٣", Code.TYPE),
        (Field("v", "number"), "5.", Decimal(5)),
        (Field("v", "number"), ".", Code.TYPE),
        (Field("v", "number"), "1e-16383", Decimal("1e-16383")),
        (Field("v", "number"), "1e-16384", Code.TYPE),
        (Field("v", "number"), "1e131072", Code.TYPE),
        (Field("v", "number", precision=4, scale=2), "12.340", Decimal("12.34")),
        (Field("v", "number", precision=4, scale=2), "12.345", Code.TYPE),
        (Field("v", "number", precision=4, scale=2), "123", Code.TYPE),
        (Field("v", "number", storage="float64"), "1e-400", Code.TYPE),
        (Field("v", "number", storage="float64"), "0e-400", 0.0),
        (Field("v", "number", storage="float64"), "1e309", Code.TYPE),
        (Field("v", "date"), "2023-02-29", Code.TYPE),
        (Field("v", "date", "%d/%m/%Y"), "1/2/2024", date(2024, 2, 1)),
        (Field("v", "date", "%d. %B %y"), "1. may 69", date(1969, 5, 1)),
        (Field("v", "time"), "12:34:56.7000000", time(12, 34, 56, 700000)),
        (Field("v", "time"), "12:34:56.7000001", Code.TYPE),
        (Field("v", "time"), "24:00:00", Code.TYPE),
        (Field("v", "time", "%I:%M %p"), "12:05 am", time(0, 5)),
        (Field("v", "datetime"), "2024-01-01T01:00:00+02:00", datetime(2023, 12, 31, 23, tzinfo=UTC)),
        (Field("v", "datetime"), "0001-01-01T00:00:00+00:01", Code.TYPE),
        (Field("v", "datetime"), "2024-01-01 00:00:00", Code.TYPE),
        (Field("v", format="gtin"), "4006381333931", "4006381333931"),
        (Field("v", format="gtin"), "4006381333932", Code.CHECK_DIGIT),
        (Field("v", format="gtin"), "1234567", Code.FORMAT),
        (Field("v", format="email"), "a@[127.0.0.1]", "a@[127.0.0.1]"),
        (Field("v", format="email"), "a..b@c", Code.FORMAT),
        (Field("v", format="uri"), "http://[::1]/", "http://[::1]/"),
        (Field("v", format="uri"), "http://[::g]/", Code.FORMAT),
        (Field("v", format="uri"), "//host/path", Code.FORMAT),
    ],
)
def test_values(field: Field, text: str, expected: Value | Code) -> None:
    assert value(text, field) == expected
