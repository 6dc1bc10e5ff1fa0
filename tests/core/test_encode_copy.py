"""COPY BINARY: against an encoder in plain Python, and against what a PostgreSQL server wrote."""

import json
import math
import struct
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests.core import batches
from tests.core.batches import batch_of, numbered, values_of
from tests.reference_values import Value

BLOCK = 128 * 1024
TYPES = ("text", "uuid", "int8", "numeric", "numeric", "float8", "bool", "date", "time", "timestamptz")
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


def send(pg_type: str, value: Value | None) -> bytes:
    """Write a field as PostgreSQL's send functions do."""
    match value:
        case None:
            return struct.pack(">i", -1)
        case str():
            data = uuid.UUID(value).bytes if pg_type == "uuid" else value.encode()
        case bool():
            data = bytes([value])
        case int():
            data = (
                send_numeric(Decimal(value)) if pg_type == "numeric" else struct.pack(FORMATS[pg_type], value)
            )
        case float():
            data = struct.pack(FORMATS[pg_type], value)
        case Decimal():
            data = send_numeric(value)
        case datetime():
            data = struct.pack(">q", microseconds(value))
        case date():
            data = struct.pack(">i", (value - date(2000, 1, 1)).days)
        case time():
            seconds = value.hour * 3600 + value.minute * 60 + value.second
            data = struct.pack(">q", seconds * 1_000_000 + value.microsecond)
    return struct.pack(">i", len(data)) + data


FORMATS = {"int2": ">h", "int4": ">i", "int8": ">q", "float4": ">f", "float8": ">d"}


def microseconds(moment: datetime) -> int:
    since = moment - datetime(2000, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def send_numeric(value: Decimal) -> bytes:
    """Write base-10000 groups around the point, without the zero groups at either end."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    whole, _, fraction = f"{value.copy_abs():f}".partition(".")
    whole = whole.zfill(-(-len(whole) // 4) * 4)
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[at : at + 4]) for at in range(0, len(whole + fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    sign = 0x4000 if value < 0 else 0
    head = struct.pack(">HhHH", len(groups), weight if groups else 0, sign, max(-exponent, 0))
    return head + b"".join(struct.pack(">H", group) for group in groups)


def tuples(rows: Sequence[Sequence[Value | None]], types: Sequence[str] = TYPES) -> bytes:
    return b"".join(struct.pack(">h", len(row)) + b"".join(map(send, types, row)) for row in rows)


@given(batches.ROWS)
def test_bytes_are_those_of_the_plain_encoder(rows: list[batches.Row]) -> None:
    assert b"".join(batch_of(rows).copy_binary()) == tuples([values_of(row) for row in rows])


def test_scaled_decimals_show_all_their_declared_digits() -> None:
    batch = batch_of([("7",), ("-1.5",)], [Field("price", "number", precision=12, scale=2)])
    assert b"".join(batch.copy_binary()) == tuples([[Decimal("7.00")], [Decimal("-1.50")]], ["numeric"])


def test_no_rows_make_no_blocks() -> None:
    assert batch_of([]).copy_binary() == []


def test_the_record_number_comes_first() -> None:
    schema = Schema((Field("n", "integer"), Field("text")))
    batch = Plan(schema, batches.DIALECT).parse(b"1,a\nx,b\n3,c\n")
    expected = tuples([[1001, 1, "a"], [1003, 3, "c"]], ["int8", "int8", "text"])
    assert b"".join(batch.copy_binary(record_base=1000)) == expected


def test_fields_are_chosen_and_ordered() -> None:
    batch = batch_of(batches.SAMPLE)
    chosen = [[row[7], row[0], row[7]] for row in map(values_of, batches.SAMPLE)]
    expected = tuples(chosen, ["date", "text", "date"])
    assert b"".join(batch.copy_binary(fields=[7, 0, 7])) == expected
    assert b"".join(batch.copy_binary(fields=[])) == bytes(2) * 3


@pytest.mark.parametrize("field", [-1, 10, 2**40])
def test_a_field_that_is_not_there_is_refused(field: int) -> None:
    with pytest.raises(IndexError, match=rf"expected 0 to 9, got {field}"):
        batch_of(batches.SAMPLE).copy_binary(fields=[field])


@pytest.mark.parametrize("lanes", [1, 2, 3, 7])
def test_lanes_share_the_rows_between_them(lanes: int) -> None:
    batch = batch_of(numbered(500), batches.NUMBERED, ["key"])
    parts = [batch.tuples(lane, lanes) for lane in range(lanes)]
    assert sorted(row for part in parts for row in part) == batch.tuples()
    assert all(parts)
    for lane, part in enumerate(parts):
        assert batch.lane_rows(lane, lanes) == len(part)
        assert b"".join(batch.copy_binary(lane, lanes)) == tuples(part, ["text", "text"])


@pytest.mark.parametrize(("lane", "lanes"), [(1, 1), (-1, 2), (0, 0), (5, 3)])
def test_a_lane_that_is_not_there_is_refused(lane: int, lanes: int) -> None:
    with pytest.raises(ValueError, match=f"lane {lane} of {lanes}"):
        batch_of(batches.SAMPLE).copy_binary(lane, lanes)


def test_blocks_hold_whole_tuples_and_are_neither_long_nor_short() -> None:
    rows = numbered(20_000)
    blocks = batch_of(rows, batches.NUMBERED).copy_binary()
    assert b"".join(blocks) == tuples(rows, ["text", "text"])
    assert all(BLOCK // 2 <= len(block) <= BLOCK for block in blocks[:-1])
    assert all(block.startswith(struct.pack(">hi", 2, 6)) for block in blocks)


def test_a_tuple_longer_than_a_block_has_one_of_its_own() -> None:
    rows = [("a", "x"), ("b", "y" * 300_000), ("c", "z")]
    blocks = batch_of(rows, batches.NUMBERED).copy_binary()
    assert blocks == [tuples([row], ["text", "text"]) for row in rows]


TARGETS = [
    ("whole", "int2", ["-32768", "32767"]),
    ("whole", "int4", ["-2147483648", "2147483647"]),
    ("whole", "int8", ["-9223372036854775808", "9223372036854775807"]),
    ("whole", "numeric", ["-9223372036854775808", "0", "10000", "20000000"]),
    ("float", "float4", ["0.1", "-0.0", "3.4028235e38", "1e-45", "INF", "-INF"]),
    ("float", "float8", ["0.1", "-0.0", "5e-324"]),
    ("text", "varchar", ["é", ""]),
    ("text", "bpchar", ["é"]),
    ("text", "bytea", ["é", ""]),
    ("uuid", "text", ["01234567-89AB-cdef-0123-456789abcdef"]),
    ("moment", "timestamp", ["1999-12-31T23:59:59.999999Z"]),
]


@pytest.mark.parametrize(("name", "pg_type", "cells"), TARGETS)
def test_a_field_is_sent_as_the_type_asked_for(name: str, pg_type: str, cells: list[str]) -> None:
    fields = [batches.FIELDS[batches.NAMES.index(name)], Field("other")]
    rows: list[batches.Row] = [(cell, None) for cell in cells]
    expected = tuples([values_of(row, fields) for row in rows], [pg_type, "text"])
    assert b"".join(batch_of(rows, fields).copy_binary(pg_types=[pg_type, None])) == expected


@pytest.mark.parametrize(
    ("name", "pg_type", "cell"),
    [
        ("whole", "int2", "32768"),
        ("whole", "int2", "-32769"),
        ("whole", "int4", "2147483648"),
        ("whole", "int4", "-2147483649"),
        ("whole", "int4", "4294967296"),
        ("float", "float4", "3.5e38"),
        ("float", "float4", "-1e-60"),
    ],
)
def test_a_value_that_does_not_fit_names_record_and_field(name: str, pg_type: str, cell: str) -> None:
    fields = [batches.FIELDS[batches.NAMES.index(name)], Field("other")]
    batch = batch_of([("1", "a"), (cell, "b")], fields)
    (shown,) = [batch.tuples()[1][0]]
    for base, record in ((None, 2), (40, 42)):
        with pytest.raises(OverflowError) as caught:
            batch.copy_binary(pg_types=[pg_type, None], record_base=base)
        assert str(caught.value) == f"record {record}, field {name}: {shown} does not fit {pg_type}"


@pytest.mark.parametrize(
    ("name", "pg_type", "message"),
    [
        ("text", "int4", "field text: string cannot be sent as int4; expected text or varchar or"),
        ("text", "uuid", "field text: string cannot be sent as uuid"),
        ("whole", "text", "field whole: integer cannot be sent as text; expected int8 or int4 or"),
        ("scaled", "float8", "field scaled: decimal cannot be sent as float8; expected numeric"),
        ("numeric", "int8", "field numeric: decimal cannot be sent as int8; expected numeric"),
        ("moment", "date", "field moment: datetime cannot be sent as date; expected timestamptz or"),
        ("day", "geometry", "field day: date cannot be sent as geometry; expected date"),
    ],
)
def test_a_type_that_does_not_suit_is_refused(name: str, pg_type: str, message: str) -> None:
    batch = batch_of(batches.SAMPLE)
    with pytest.raises(ValueError, match=f"^{message}"):
        batch.copy_binary(fields=[batches.NAMES.index(name)], pg_types=[pg_type])


def test_there_is_a_type_for_each_field() -> None:
    with pytest.raises(ValueError, match="expected one for each of 10 fields, got 1"):
        batch_of(batches.SAMPLE).copy_binary(pg_types=["text"])


def test_threads_encode_one_batch_at_once() -> None:
    batch = batch_of(numbered(5_000), batches.NUMBERED, ["key"])
    alone = [batch.copy_binary(lane, 3) for lane in range(3)]
    together = batches.in_threads(lambda: [batch.copy_binary(lane, 3) for lane in range(3)])
    assert together == [alone] * 4


def test_a_nan_is_postgresqls_nan() -> None:
    batch = batch_of([("NaN",)], [Field("float", "number", storage="float64")])
    (block,) = batch.copy_binary()
    assert block[6:] == bytes.fromhex("7ff8000000000000")
    assert math.isnan(struct.unpack(">d", block[6:])[0])


GOLDEN = {
    "uci_2010-12-01": (
        (
            Field("invoice_no"), Field("stock_code"), Field("description"), Field("quantity", "integer"),
            Field("invoice_date", "datetime", format="%Y-%m-%d %H:%M:%S"), Field("unit_price", "number"),
            Field("customer_id", "number"), Field("country"),
        ),
        Dialect(),
        ["text", "text", "text", "int4", "timestamp", "numeric", "numeric", "text"],
    ),
    "aw_purchase_order_detail": (
        (
            Field("id", "integer"), Field("product_id", "integer"),
            Field("due", "datetime", format="any"), Field("qty", "integer"), Field("pid", "integer"),
            Field("unit_price", "number", precision=19, scale=4),
            Field("line_total", "number", precision=19, scale=4),
            Field("received", "number", precision=8, scale=2),
            Field("rejected", "number", precision=8, scale=2),
            Field("stocked", "number", precision=9, scale=2), Field("modified", "datetime", format="any"),
        ),
        Dialect(delimiter="\t", header=False),
        ["int4", "int4", "timestamp", "int2", "int4", *["numeric"] * 5, "timestamptz"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_bytes_are_those_of_the_server(name: str, data: Path) -> None:
    fields, dialect, types = GOLDEN[name]
    folder = data / "copy_binary_golden" / name
    facts = json.loads((folder / "golden.json").read_text("utf-8"))
    feed = (folder / facts["source_file"]).read_bytes()
    if dialect.header:
        feed = feed.partition(b"\n")[2]
    batch = Plan(Schema(fields), dialect).parse(feed)
    assert (batch.rows, batch.failures) == (facts["rows"], 0)
    blocks = batch.copy_binary(pg_types=types)
    assert HEADER + b"".join(blocks) + TRAILER == (folder / "rows.copybin").read_bytes()


def test_the_shared_data_has_no_other_golden_files(data: Path) -> None:
    assert {each.name for each in (data / "copy_binary_golden").iterdir()} == set(GOLDEN)
