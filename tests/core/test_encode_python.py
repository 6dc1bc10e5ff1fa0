"""Tuples and dicts: the reference's values, and what the sqlite3 module stores as it is."""

import sqlite3
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests.core import batches
from tests.core.batches import batch_of, numbered, values_of

INSTANT = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
UUID = "01234567-89ab-cdef-0123-456789ABCDEF"
ZERO = "00000000-0000-0000-0000-000000000000"
PYTHON = [
    ('Óleo 12"', UUID, -7, Decimal("12.50"), Decimal("1.0E+3"), 0.1, True,
     date(2024, 2, 29), time(23, 59, 59, 500_000), INSTANT),
    (None,) * 10,
    ("", ZERO, 2**63 - 1, Decimal("-0.01"), Decimal("0.50"), float("-inf"), False,
     date(1, 1, 1), time(), LAST),
]  # fmt: skip
SQLITE = [
    ('Óleo 12"', UUID, -7, "12.50", "1.0e3", 0.1, 1,
     "2024-02-29", "23:59:59.500000", "1999-12-31T23:59:59.999999Z"),
    (None,) * 10,
    ("", ZERO, 2**63 - 1, "-0.01", "+.50", float("-inf"), 0,
     "0001-01-01", "00:00:00", "9999-12-31T23:59:59Z"),
]  # fmt: skip


def exact(rows: list[tuple[object, ...]]) -> list[list[str]]:
    """Put rows in a form in which types and digits count."""
    return [[f"{type(value).__name__} {value!r}" for value in row] for row in rows]


def test_python_style_is_what_one_computes_with() -> None:
    assert exact(batch_of(batches.SAMPLE).tuples()) == exact(PYTHON)


def test_sqlite_style_is_what_sqlite_stores() -> None:
    batch = batch_of(batches.SAMPLE)
    assert exact(batch.tuples(style="sqlite")) == exact(SQLITE)


def test_only_some_values_are_made() -> None:
    batch = batch_of(batches.SAMPLE)
    for style, whole in (("python", PYTHON), ("sqlite", SQLITE)):
        wanted = {0, 4, 9}
        expected = [
            tuple(value if number in wanted or value is None else True for number, value in enumerate(row))
            for row in whole
        ]
        assert exact(batch.tuples(style=style, values_of=sorted(wanted))) == exact(expected)
    assert batch.tuples(values_of=(), record_base=6)[0] == (7, *(True,) * 10)
    assert batch.tuples(values_of=range(10)) == batch.tuples()


@pytest.mark.parametrize("fields", [[10], [-1], ["sku"]])
def test_values_of_a_field_that_is_not_there(fields: list[int]) -> None:
    with pytest.raises(ValueError, match="from 0 to 9"):
        batch_of(batches.SAMPLE).tuples(values_of=fields)


def test_sqlite_gives_back_what_it_was_given() -> None:
    rows = batch_of(batches.SAMPLE).tuples(style="sqlite")
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(f"CREATE TABLE t ({', '.join(batches.NAMES)})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 10)})", rows)
        assert connection.execute("SELECT * FROM t ORDER BY rowid").fetchall() == rows
    finally:
        connection.close()


@given(batches.ROWS)
def test_values_are_those_of_the_reference(rows: list[batches.Row]) -> None:
    scaled = batches.NAMES.index("scaled")
    expected = [values_of(row) for row in rows]
    got = batch_of(rows).tuples()
    assert [str(row[scaled]) for row in got] == [
        str(None if row[scaled] is None else Decimal(str(row[scaled])).quantize(Decimal("0.01")))
        for row in expected
    ]
    # Equal as they are written: NaN is NaN, -0.0 is not 0.0, 1.0 is neither 1 nor True.
    assert exact([row[:scaled] + row[scaled + 1 :] for row in got]) == exact(
        [row[:scaled] + row[scaled + 1 :] for row in expected]
    )


def test_dicts_pair_names_and_values() -> None:
    assert batch_of(batches.SAMPLE).dicts() == [dict(zip(batches.NAMES, row, strict=True)) for row in PYTHON]


@pytest.mark.parametrize("style", ["python", "sqlite"])
def test_the_record_number_comes_first(style: str) -> None:
    schema = Schema((Field("n", "integer"), Field("text")))
    batch = Plan(schema, batches.DIALECT).parse(b"1,a\nx,b\n3,c\n")
    assert batch.tuples(record_base=0, style=style) == [(1, 1, "a"), (3, 3, "c")]
    assert batch.tuples(record_base=10**12, style=style) == [(10**12 + 1, 1, "a"), (10**12 + 3, 3, "c")]


def test_a_style_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="style 'numpy': expected 'python' or 'sqlite'"):
        batch_of(batches.SAMPLE).tuples(style="numpy")


def test_lanes_share_the_rows_between_them() -> None:
    batch = batch_of(numbered(300), batches.NUMBERED, ["key"])
    parts = [batch.tuples(lane, 4, record_base=0) for lane in range(4)]
    assert sorted(row for part in parts for row in part) == batch.tuples(record_base=0)
    assert all(part == sorted(part) for part in parts)


def test_without_a_lane_key_all_rows_are_in_lane_0() -> None:
    batch = batch_of(numbered(10), batches.NUMBERED)
    assert [len(batch.tuples(lane, 2)) for lane in range(2)] == [10, 0]


def test_threads_make_objects_of_one_batch_at_once() -> None:
    batch = batch_of([*batches.SAMPLE] * 500)
    assert batches.in_threads(batch.tuples) == [PYTHON * 500] * 4
    assert batches.in_threads(batch.dicts)[0][2]["moment"] == LAST


def references(values: Iterable[object]) -> list[int]:
    return [sys.getrefcount(value) for value in values]


def test_rows_own_their_values_and_nothing_else_does() -> None:
    """A reference too many would be a leak, one too few a crash later on."""
    cells = ("long enough, and nobody else's", "123456.78", "2024-02-29")
    fields = (Field("text"), Field("price", "number", precision=12, scale=2), Field("day", "date"))
    batch = batch_of([cells], fields)
    (row,) = batch.tuples(record_base=10**6)
    (pairs,) = batch.dicts()
    del batch
    # The same made in Python: values that only their container holds.
    made = (int("1000001"), "".join(cells), Decimal(cells[1]), date.fromisoformat(cells[2]))
    assert references(row) == references(made)
    assert references(pairs.values()) == references(made)[1:]


TEXTS = st.text("abÀÿĀ€😀 ", max_size=60) | st.sampled_from(
    ["", "a", "ÿ", "ÿÿ", "a" * 48, "é" * 24, "a" * 49]
)


@given(st.lists(TEXTS, min_size=1, max_size=200))
def test_texts_that_repeat_or_share_a_place_stay_what_they_are(texts: list[str]) -> None:
    fields = (Field("text"), Field("again"))
    batch = batch_of([(text, text[::-1]) for text in texts + texts], fields)
    rows = [(text, text[::-1]) for text in texts + texts]
    assert batch.tuples() == rows
    assert batch.tuples(style="sqlite") == rows
    assert batch.dicts() == [dict(zip(("text", "again"), row, strict=True)) for row in rows]
    # Hashes and widths are those of strings made by Python, or they would be no keys.
    assert [hash(row[0]) for row in batch.tuples()] == [hash(row[0]) for row in rows]


def test_a_text_that_repeats_is_kept_by_its_rows_alone() -> None:
    text = "a brand that comes again"
    rows = batch_of([(text,)] * 3, (Field("text"),)).tuples()
    made = "".join([text[:5], text[5:]])
    assert len({id(row[0]) for row in rows}) == 1
    # Three rows hold it, where one variable and the list below hold `made`.
    assert references([rows[0][0]])[0] - references([made])[0] == 3 - 1
