"""CSV and JSON Lines: read back by the standard library, and by the kernel, to the same values."""

import csv
import io
import json
import math
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Field, Schema
from tests.core import batches
from tests.core.batches import batch_of, numbered
from tests.readers.feedfiles import read_all

# CSV


def text_of(*cells: batches.Cell, **options: str) -> str:
    """Write one row of strings."""
    fields = [Field(f"f{number}") for number in range(len(cells))]
    return batch_of([cells], fields).csv(**options).decode()  # type: ignore[arg-type]


def comparable(batch: Batch) -> list[list[object]]:
    """Give the rows in a form in which NaN is NaN, and 1.0 is neither 1.00 nor 1."""
    return [[repr(value) for value in row] for row in batch.tuples()]


@given(batches.ROWS, st.sampled_from(",;\t|\x1f "), st.sampled_from("\"'~"), st.sampled_from(["\n", "\r\n"]))
def test_the_kernel_reads_back_the_same_values(
    rows: list[batches.Row], delimiter: str, quote: str, line_end: str
) -> None:
    batch = batch_of(rows)
    text = batch.csv(delimiter=delimiter, quote=quote, line_end=line_end)
    dialect = Dialect(header=False, null="", delimiter=delimiter, quote=quote)
    again = Plan(batch.plan.schema, dialect).parse(text)
    assert again.rejects() == []
    assert comparable(again) == comparable(batch)


@given(batches.ROWS)
def test_the_csv_module_reads_the_same_texts(rows: list[batches.Row]) -> None:
    read = csv.reader(io.StringIO(batch_of(rows).csv().decode(), newline=""), strict=True)
    assert [row[0] for row in read] == [row[0] or "" for row in rows]


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("plain", "plain"),
        (" blank ", " blank "),
        ("", '""'),
        (None, ""),
        ("a,b", '"a,b"'),
        ('say "hi"', '"say ""hi"""'),
        ('"', '""""'),
        ("a\nb", '"a\nb"'),
        ("a\rb", '"a\rb"'),
        ("semi;colon\ttab'", "semi;colon\ttab'"),
        ("é" * 40, "é" * 40),
        ("=1+1", "=1+1"),
    ],
)
def test_cells_are_quoted_only_where_they_must_be(cell: str | None, written: str) -> None:
    assert text_of("a", cell, "b") == f"a,{written},b\n"


def test_a_row_of_one_missing_cell_is_no_empty_line() -> None:
    schema = Schema((Field("a"),))
    batch = Plan(schema, Dialect(header=False)).parse(b'""\nx\n')
    assert batch.tuples() == [(None,), ("x",)]
    assert batch.csv() == b'""\nx\n'


def test_each_kind_of_value_has_its_text() -> None:
    lines = batch_of(batches.SAMPLE).csv(line_end="\r\n").decode().split("\r\n")
    assert lines[0].split(",") == [
        '"Óleo 12"""', "01234567-89ab-cdef-0123-456789ABCDEF", "-7", "12.50", "1.0e3", "0.1", "true",
        "2024-02-29", "23:59:59.500000", "1999-12-31T23:59:59.999999Z",
    ]  # fmt: skip
    assert lines[2].split(",") == [
        '""', "00000000-0000-0000-0000-000000000000", "9223372036854775807", "-0.01", "+.50", "-INF", "false",
        "0001-01-01", "00:00:00", "9999-12-31T23:59:59Z",
    ]  # fmt: skip
    assert lines[1:] == [",,,,,,,,,", lines[2], ""]


@pytest.mark.parametrize("option", ["delimiter", "quote"])
@pytest.mark.parametrize("value", ["", "ab", "é", "€", "\0", "\n", "\r", "0", "a", "Z", "+", "-", ".", ":"])
def test_a_character_that_cannot_separate_is_refused(option: str, value: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option} .*: expected one ASCII character"):
        text_of("a", **{option: value})


def test_delimiter_and_quote_differ() -> None:
    with pytest.raises(ValueError, match="delimiter and quote are both '\"'"):
        text_of("a", delimiter='"')


@pytest.mark.parametrize("line_end", ["", "\r", "\n\n", "é"])
def test_a_line_end_that_the_kernel_would_not_read_is_refused(line_end: str) -> None:
    with pytest.raises(ValueError, match=r"^line_end .*: expected"):
        text_of("a", line_end=line_end)


# JSON Lines


def objects(text: bytes) -> list[dict[str, object]]:
    """Read JSON Lines, numbers with all their digits."""
    assert text.endswith(b"\n") or not text
    lines = text.decode().split("\n")[:-1]
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal, parse_constant=refuse) for line in lines]


def refuse(name: str) -> object:
    raise AssertionError(f"{name} is no JSON")


def as_json(value: object) -> object:
    """Tell what a Python value is once it has been through JSON."""
    match value:
        case bool() | None | str():
            return value
        case float() if math.isnan(value):
            return "NaN"
        case float() if math.isinf(value):
            return "INF" if value > 0 else "-INF"
        case float():
            return value
        case int() | Decimal():
            return Decimal(value)
    return None


DATES = ("day", "clock", "moment")


@given(batches.ROWS)
def test_objects_hold_the_same_values(rows: list[batches.Row]) -> None:
    batch = batch_of(rows)
    for read, values in zip(objects(batch.jsonl()), batch.dicts(), strict=True):
        assert list(read) == list(batches.NAMES)
        if isinstance(values["float"], float) and math.isfinite(values["float"]):
            assert float(str(read["float"])) == values["float"]
            values["float"] = read["float"]
        for name in set(batches.NAMES) - set(DATES):
            assert read[name] == as_json(values[name]), name


@given(batches.ROWS)
def test_dates_are_the_texts_of_csv(rows: list[batches.Row]) -> None:
    batch = batch_of(rows)
    for read, row in zip(objects(batch.jsonl()), batch.tuples(style="sqlite"), strict=True):
        assert [read[name] for name in DATES] == list(row[-3:])


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("0", "0"), ("-0", "-0"), ("+5", "5"), ("5.", "5"), ("+5.e3", "5e3"), (".5", "0.5"),
        ("-.5E-3", "-0.5E-3"),
        ("007", "7"), ("-000", "-0"), ("00.50", "0.50"), ("000.", "0"), ("1e+05", "1e+05"), ("0e0", "0e0"),
        ("12345678901234567890123456789012345.10", "12345678901234567890123456789012345.10"),
    ],
)  # fmt: skip
def test_decimals_are_valid_numbers_with_their_digits(cell: str, written: str) -> None:
    text = batch_of([(cell, None)], [Field("n", "number"), Field("x")]).jsonl().decode()
    assert text == f'{{"n":{written},"x":null}}\n'
    assert objects(text.encode())[0]["n"] == Decimal(cell)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("", ""),
        ('"\\/', '\\"\\\\/'),
        ("\b\f\n\r\t", "\\b\\f\\n\\r\\t"),
        ("\x01\x1f\x7f", "\\u0001\\u001f\x7f"),
        ("é€😀\u2028", "é€😀\u2028"),
    ],
)
def test_strings_are_escaped_where_they_must_be(cell: str, written: str) -> None:
    assert batch_of([(cell,)], [Field("s")]).jsonl().decode() == f'{{"s":"{written}"}}\n'


def test_keys_are_escaped_too() -> None:
    names = ['quo"te', "back\\slash", "new\nline", "größe", "x" * 100]
    text = batch_of([("1",) * 5], [Field(name) for name in names]).jsonl()
    assert objects(text) == [dict.fromkeys(names, "1")]


# Both


def test_a_year_is_read_back(tmp_path: Path) -> None:
    years = range(10_000)
    batch = batch_of([(f"{year:04}",) for year in years], [Field("y", "year")])
    assert batch.csv().decode().split() == [f"{year:04}" for year in years]
    assert objects(batch.jsonl())[998:1001] == [{"y": "0998"}, {"y": "0999"}, {"y": 1000}]
    for ending, text in (("csv", batch.csv()), ("jsonl", batch.jsonl())):
        path = tmp_path / f"years.{ending}"
        path.write_bytes(text)
        read = read_all(path, Dialect(format=ending, header=False), schema=batch.plan.schema)
        assert read.rejects == []
        assert [row[1] for row in read.rows] == list(years)


@pytest.mark.parametrize("encode", [Batch.csv, Batch.jsonl])
def test_lanes_share_the_rows_between_them(encode: type[Batch.csv]) -> None:
    batch = batch_of(numbered(300), batches.NUMBERED, ["key"])
    lines = encode(batch).splitlines()
    for lane in range(3):
        keys = [key for key, _ in batch.tuples(lane, 3)]
        assert encode(batch, lane, 3).splitlines() == [line for line in lines if line_key(line) in keys]
    with pytest.raises(ValueError, match="lane 3 of 3"):
        encode(batch, 3, 3)


def line_key(line: bytes) -> str:
    start = line.index(b"K")
    return line[start : start + 6].decode()


@pytest.mark.parametrize("encode", [Batch.csv, Batch.jsonl])
def test_no_rows_make_no_text(encode: type[Batch.csv]) -> None:
    assert encode(batch_of([])) == b""


@pytest.mark.parametrize("encode", [Batch.csv, Batch.jsonl])
def test_threads_encode_one_batch_at_once(encode: type[Batch.csv]) -> None:
    batch = batch_of(numbered(5_000), batches.NUMBERED)
    assert batches.in_threads(lambda: encode(batch)) == [encode(batch)] * 4
