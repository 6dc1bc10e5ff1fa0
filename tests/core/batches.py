"""Batches for the encoders' tests: fields and the texts of their cells in, a batch of the kernel out.

The feed is written so that nothing is lost on the way: every value is quoted, and only a missing one is not.
What the values are is told by `tests.reference_values`, which knows nothing of the kernel.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Field, Schema
from tests.reference_values import Value, value_of

type Cell = str | None
type Row = Sequence[Cell]

DIALECT = Dialect(header=False, null="")
"""An unquoted nothing is missing, a quoted one is an empty string."""

FIELDS = (
    Field("text"),
    Field("uuid", format="uuid"),
    Field("whole", "integer"),
    Field("scaled", "number", precision=12, scale=2),
    Field("numeric", "number"),
    Field("float", "number", storage="float64"),
    Field("flag", "boolean"),
    Field("day", "date"),
    Field("clock", "time"),
    Field("moment", "datetime"),
)
"""One field for each way a column is stored, and strings of format uuid."""

NAMES = tuple(field.name for field in FIELDS)

DIGITS = st.text("0123456789", min_size=1, max_size=25)
# NUL is no character of a feed, and lone surrogates are none of UTF-8.
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")

CELLS: dict[str, st.SearchStrategy[str]] = {
    "text": st.text(CHARACTERS, max_size=60)
    | st.sampled_from(['"', "", ",", "\n", "\r\n", "a\rb", "\\", " a ", "x" * 31, "x" * 32, "x" * 33]),
    "uuid": st.uuids().map(str) | st.uuids().map(lambda each: str(each).upper()),
    "whole": st.integers(-(2**63), 2**63 - 1).map(str),
    "scaled": st.decimals(-9_999_999_999, 9_999_999_999, places=2).map(lambda each: f"{each:f}"),
    "numeric": st.builds(
        "{}{}{}".format,
        st.sampled_from(["", "-", "+"]),
        st.builds("{}.{}".format, DIGITS, DIGITS)
        | DIGITS
        | DIGITS.map(".{}".format)
        | DIGITS.map("{}.".format),
        st.sampled_from(["", "e0", "E5", "e+30", "e-7", "e-40", "e007"]),
    ),
    "float": st.floats().map(repr).map(lambda each: each.upper() if "n" in each else each),
    "flag": st.sampled_from(["true", "false"]),
    "day": st.dates().map(str),
    "clock": st.times().map(str),
    "moment": st.datetimes().map(lambda each: each.isoformat()),
}

ROWS = st.lists(st.tuples(*(st.none() | CELLS[name] for name in NAMES)), max_size=6)

SAMPLE: tuple[Row, ...] = (
    ("Óleo 12\"", "01234567-89ab-cdef-0123-456789ABCDEF", "-7", "12.50", "1.0e3", "0.1", "true",
     "2024-02-29", "23:59:59.5", "1999-12-31T23:59:59.999999Z"),
    (None,) * 10,
    ("", "00000000-0000-0000-0000-000000000000", "9223372036854775807", "-0.01", "+.50", "-INF", "false",
     "0001-01-01", "00:00:00", "9999-12-31T23:59:59Z"),
)  # fmt: skip


def batch_of(rows: Sequence[Row], fields: Sequence[Field] = FIELDS, key: Sequence[str] = ()) -> Batch:
    """Make a batch of rows that are all good."""
    schema = Schema(tuple(fields), missing_values=())
    lines = [
        ",".join('"' + cell.replace('"', '""') + '"' if cell is not None else "" for cell in row)
        for row in rows
    ]
    data = "".join(line + "\n" for line in lines).encode()
    batch = Plan(schema, DIALECT, lane_key=key).parse(data)
    assert batch.rejects() == []
    assert batch.rows == len(rows)
    return batch


def values_of(row: Row, fields: Sequence[Field] = FIELDS) -> tuple[Value | None, ...]:
    """Tell what a row's cells mean."""
    return tuple(
        None if cell is None else value_of(cell, field) for cell, field in zip(row, fields, strict=True)
    )


def numbered(count: int) -> list[Row]:
    """Make rows with a key, for what needs many: the key, and a text whose length differs."""
    return [(f"K{number:05d}", "é" * (number % 50)) for number in range(count)]


NUMBERED = (Field("key"), Field("text"))


def in_threads[T](call: Callable[[], T], threads: int = 4) -> list[T]:
    """Call it in several threads at the same moment."""
    barrier = Barrier(threads)

    def wait_and_call() -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(threads, "feedmill-test") as executor:
        return [each.result() for each in [executor.submit(wait_and_call) for _ in range(threads)]]
