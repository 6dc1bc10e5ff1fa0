"""From cells to rows and findings: three states of a cell, all findings, no trace of a record given up."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Constraints, Field, Schema

PLAIN = Dialect()


def read(data: bytes, *fields: Field, dialect: Dialect = PLAIN, missing: tuple[str, ...] = ("",)) -> Batch:
    return Plan(Schema(fields, missing_values=missing), dialect).parse(data)


def codes(batch: Batch) -> list[tuple[int, Code, str]]:
    """List the findings as (record, code, value)."""
    return [(record, Code(code), value.decode()) for code, _, record, _, _, _, value in batch.rejects()]


def values(batch: Batch) -> list[object]:
    return [row[0] for row in batch.tuples()]


# Missing or not —————————————————————————————————————————————————————————————————————————————————————


def test_three_states_of_a_cell() -> None:
    """Unquoted nothing, quoted nothing, and no cell at all."""
    data = b'x,\nx,""\nx\n'
    fields = (Field("a"), Field("b"))
    batch = read(data, *fields, dialect=Dialect(null=""), missing=())
    assert batch.tuples() == [("x", None), ("x", "")]
    assert codes(batch) == [(2, Code.MISSING_CELL, "")]
    assert read(data, *fields, missing=()).tuples() == [("x", ""), ("x", "")]
    assert read(data, *fields).tuples() == [("x", None), ("x", None)]


def test_null_is_unquoted_only_and_missing_values_are_not() -> None:
    batch = read(
        b'N,x\n"N",x\n-,x\n"-",x\n', Field("a"), Field("b"), dialect=Dialect(null="N"), missing=("-",)
    )
    assert values(batch) == [None, "N", None, None]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_null_is_the_cell_before_its_escapes_are_taken_off(end: bytes) -> None:
    """As in the text format of PostgreSQL's COPY; missing values are what comes after."""
    cells = {
        rb"\N": None,
        rb"\\N": r"\N",
        b"N": "N",
        rb"x\N": "xN",
        rb"\-": None,
        b"-": None,
        rb"\\-": r"\-",
    }
    dialect = Dialect(delimiter="\t", quote=None, escape="\\", null=r"\N")
    for cell, value in cells.items():
        for data in (b"x\t" + cell + end, cell + b"\tx" + end):
            batch = read(data, Field("a"), Field("b"), dialect=dialect, missing=("-",))
            assert batch.rejects() == []
            assert batch.tuples() == [("x", value) if data.startswith(b"x\t") else (value, "x")]
    plain = replace(dialect, null="N")
    assert read(b"-\tN\n", Field("a"), Field("b"), dialect=plain).tuples() == [("-", None)]


def test_null_is_no_quoted_cell_whatever_its_escapes() -> None:
    dialect = Dialect(escape="\\", null=r"\N")
    batch = read(b'\\N,"\\N"\n\\\\N,"\\\\N"\n', Field("a"), Field("b"), dialect=dialect, missing=())
    assert batch.tuples() == [(None, "N"), (r"\\N", r"\N")]


def test_missing_before_transforms_and_after() -> None:
    field = Field("a", transforms=("trim", "lower"), missing_values=("n/a", " "))
    assert values(read(b"n/a\n  N/A\n \nna\n  \n", field)) == [None, None, None, "na", ""]


def test_required() -> None:
    required = Constraints(required=True)
    batch = read(
        b"x,\n-,1\n",
        Field("a", missing_values=("-",), constraints=required),
        Field("b", constraints=required),
    )
    assert [(each[1], each[0], each[6]) for each in batch.rejects()] == [
        (1, Code.REQUIRED, b""),
        (0, Code.REQUIRED, b"-"),
    ]


# Transforms —————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("transforms", "given", "expected"),
    [
        (("trim",), "\u2003 a  b\t", "a  b"),
        (("collapse",), "\x1c a \u00a0\n b ", "a b"),
        (("lower",), "ÀÉÎ ABC ΑΣ İ", "àéî abc ας i̇"),
        (("upper",), "straße ŉ \u0390", "STRASSE ʼN \u0399\u0308\u0301"),
        (("upper", "lower"), "ß", "ss"),
        (("collapse", "upper", "collapse", "lower"), "  É  A ", "é a"),
        (("lower", "trim", "upper", "collapse"), "  \u0390  b ", "\u0399\u0308\u0301 B"),
    ],
)
def test_transforms_in_order(transforms: tuple[str, ...], given: str, expected: str) -> None:
    batch = read(f'"{given}"\n'.encode(), Field("a", transforms=transforms))
    assert values(batch) == [expected]


def test_a_finding_shows_the_cell_before_transforms() -> None:
    field = Field("a", transforms=("collapse", "lower"), constraints=Constraints(max_length=3))
    assert codes(read(b'" A ""B""  C "\n', field)) == [(0, Code.MAX_LENGTH, ' A "B"  C ')]


# Constraints ————————————————————————————————————————————————————————————————————————————————————————


WHOLE = Field("a", "integer")
SCALED = Field("a", "number", precision=5, scale=2)
NUMERIC = Field("a", "number")
FLOAT = Field("a", "number", storage="float64")
DAY = Field("a", "date")
WRITTEN_DAY = Field("a", "date", format="%d/%m/%Y")
CLOCK = Field("a", "time")
MOMENT = Field("a", "datetime")
MOST = 2**63 - 1
LEAST = -(2**63)


@pytest.mark.parametrize(
    ("field", "limits", "good", "bad"),
    [
        (WHOLE, Constraints(minimum="1.0", maximum="2e0"), "1 2", "0 3"),
        (WHOLE, Constraints(exclusive_minimum="1", exclusive_maximum="3"), "2", "1 3"),
        (WHOLE, Constraints(minimum="1e30"), "", f"0 {MOST}"),
        (WHOLE, Constraints(maximum="1e999999999"), f"0 {MOST} {LEAST}", ""),
        (WHOLE, Constraints(exclusive_maximum=f"{LEAST}"), "", f"0 {LEAST}"),
        (SCALED, Constraints(exclusive_maximum="-1e-999999999"), "-0.01", "0"),
        (SCALED, Constraints(minimum="1e-999999999"), "0.01", "0"),
        (SCALED, Constraints(minimum="0.005"), "0.01", "0 -1"),
        (SCALED, Constraints(exclusive_minimum="0.01"), "0.02", "0.01"),
        (NUMERIC, Constraints(minimum="1.50"), "1.5 1.500 2e0", "1.4999999999999999999"),
        (FLOAT, Constraints(minimum="0"), "0 -0 INF", "NaN -1e-300"),
        (DAY, Constraints(minimum="2024-02-29"), "2024-02-29", "2024-02-28"),
        (WRITTEN_DAY, Constraints(minimum="29/02/2024"), "1/3/2024", "28/2/2024"),
        (WRITTEN_DAY, Constraints(minimum="2024-02-29"), "1/3/2024", "28/2/2024"),
        (CLOCK, Constraints(exclusive_maximum="12:00:00"), "11:59:59.999999", "12:00:00"),
        (
            MOMENT,
            Constraints(maximum="2024-01-01T00:00:00Z"),
            "2024-01-01T01:00:00+01:00",
            "2024-01-01T00:00:00-00:01",
        ),
    ],
)
def test_limits_are_exact(field: Field, limits: Constraints, good: str, bad: str) -> None:
    field = replace(field, constraints=limits)
    batch = read("".join(f"{each}\n" for each in [*good.split(), *bad.split()]).encode(), field)
    assert [value for _, _, value in codes(batch)] == bad.split()
    assert batch.rows == len(good.split())


@pytest.mark.parametrize(
    ("field", "members", "good", "bad"),
    [
        (Field("a"), ("a", "é"), "a é", "b A"),
        (Field("a"), tuple(f"word{number}" for number in range(50)), "word0 word49", "word50 word"),
        (WHOLE, ("7", "-1", "0.0"), "007 -1 +0", "1 6"),
        (SCALED, ("1.5", "2.255"), "1.50", "2.25"),
        (NUMERIC, ("1.5", "2.25"), "1.50 225e-2", "2.2"),
        (FLOAT, ("0.1", "0"), "1e-1 -0", "NaN 0.2"),
        (Field("a", "boolean"), ("true",), "1 TRUE", "0 false"),
        (DAY, ("2024-02-29", "2023-01-01"), "2023-01-01", "2024-01-01"),
        (MOMENT, ("2024-02-29T00:00:00",), "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.1"),
    ],
)
def test_enum_compares_values(field: Field, members: tuple[str, ...], good: str, bad: str) -> None:
    test_limits_are_exact(field, Constraints(enum=members), good, bad)


def test_every_constraint_a_value_breaks_is_a_finding() -> None:
    limits = Constraints(min_length=4, max_length=5, pattern="[0-9]+", enum=("12345",))
    batch = read(
        "é,\n".encode(), Field("a", constraints=limits), Field("b", constraints=Constraints(required=True))
    )
    assert [Code(each[0]) for each in batch.rejects()] == [
        Code.MIN_LENGTH,
        Code.PATTERN,
        Code.ENUM,
        Code.REQUIRED,
    ]
    lower = Constraints(minimum="5", exclusive_minimum="5", enum=("9",))
    upper = Constraints(maximum="1", exclusive_maximum="1", enum=("0",))
    fields = (Field("a", "integer", constraints=lower), Field("b", "integer", constraints=upper))
    assert [code for _, code, _ in codes(read(b"3,3\n", *fields))] == [
        *(Code.MINIMUM, Code.EXCLUSIVE_MINIMUM, Code.ENUM),
        *(Code.MAXIMUM, Code.EXCLUSIVE_MAXIMUM, Code.ENUM),
    ]


def test_no_constraint_is_looked_at_once_the_type_has_failed() -> None:
    assert codes(read(b"x\n", Field("a", "integer", constraints=Constraints(minimum="5", enum=("9",))))) == [
        (0, Code.TYPE, "x")
    ]
    field = Field("a", format="gtin", constraints=Constraints(max_length=1))
    assert codes(read(b"12345670\n12345678\n1\n", field)) == [
        (0, Code.MAX_LENGTH, "12345670"), (1, Code.CHECK_DIGIT, "12345678"), (2, Code.FORMAT, "1"),
    ]  # fmt: skip


def test_lengths_count_characters() -> None:
    field = Field("a", constraints=Constraints(min_length=2, max_length=3))
    batch = read("é\nab\néé\n😀😀😀\n😀😀😀😀\nabcd\n".encode(), field)
    assert values(batch) == ["ab", "éé", "😀😀😀"]
    assert codes(batch) == [
        (0, Code.MIN_LENGTH, "é"),
        (4, Code.MAX_LENGTH, "😀😀😀😀"),
        (5, Code.MAX_LENGTH, "abcd"),
    ]


def test_a_pattern_matches_the_whole_transformed_text() -> None:
    field = Field("a", transforms=("trim", "upper"), constraints=Constraints(pattern="[A-ZÉ]+|$"))
    batch = read(" abc \né\na1\n".encode(), field)
    assert values(batch) == ["ABC", "É"]
    assert codes(batch) == [(2, Code.PATTERN, "a1")]


# Records ————————————————————————————————————————————————————————————————————————————————————————————

EVERY_STORAGE = (
    Field("text"), Field("whole", "integer"), Field("scaled", "number", precision=9, scale=2),
    Field("numeric", "number"), Field("float", "number", storage="float64"), Field("flag", "boolean"),
    Field("day", "date"), Field("clock", "time"), Field("moment", "datetime"),
)  # fmt: skip
FULL = b"text,-7,1.50,1e3,0.5,true,2024-02-29,12:34:56,2024-02-29T12:34:56Z"


def test_a_record_given_up_leaves_no_trace() -> None:
    """Bad records with nulls, long texts and set bits between good ones, on memory used before."""
    plan = Plan(Schema((*EVERY_STORAGE, Field("last", "integer"))), PLAIN)
    full, empty = FULL + b",1\n", b"," * 9 + b"\n"
    bad = b"," * 9 + b"x\n" + b"y" * 300 + b",1,1,1,1,true,,,,x\n"
    expected = plan.parse((full + empty) * 30).tuples()
    for _ in range(3):
        batch = plan.parse((bad + full + bad + empty) * 30)
        assert (batch.rows, batch.failures, batch.tuples()) == (60, 120, expected)
        del batch
        assert plan.parse(bad * 20).rows == 0


def test_findings_come_in_the_order_of_the_columns() -> None:
    schema = Schema((Field("a", "integer"), Field("b", "integer"), Field("c", "integer")))
    batch = Plan(schema, PLAIN, ("c", "unbound", "a", "b")).parse(b"x,\xff\0,y\n1,2,3,4,\n1,,2,3\n")
    assert [(each[0], each[1], each[4]) for each in batch.rejects()] == [
        (Code.TYPE, 2, 0), (Code.TYPE, 0, 5), (Code.MISSING_CELL, 1, 6), (Code.EXTRA_CELL, -1, 15),
    ]  # fmt: skip
    assert batch.tuples() == [(2, 3, 1)]


def test_a_field_without_a_column_is_missing() -> None:
    plan = Plan(Schema(EVERY_STORAGE), PLAIN, ("whole",))
    assert plan.parse(b"1\n2\n").tuples() == [(None, 1) + (None,) * 7, (None, 2) + (None,) * 7]


def test_positions_are_relative_to_the_chunk() -> None:
    batch = read(b'\n"a\nb"\nc\n\nd,e\n', Field("a", constraints=Constraints(pattern="[ab\n]*")))
    assert [each[2:5] for each in batch.rejects()] == [(1, 3, 7), (2, 5, 10), (2, 5, 12)]
    assert (batch.records, batch.rows, batch.failures, batch.lines) == (3, 1, 2, 6)


def test_long_values_are_cut_and_shared() -> None:
    field = Field("a", constraints=Constraints(max_length=2, pattern="b*", enum=("b",)))
    batch = read(b"a" * 9_000 + b"\n", field)
    assert [(each[5], each[6]) for each in batch.rejects()] == [(9_000, b"a" * 4_000)] * 3
    assert batch.nbytes < 20_000 + 9_000


def test_many_findings() -> None:
    batch = read(b"x\n" * 50_000, Field("a", "integer"))
    assert (batch.failures, batch.reject_counts()) == (50_000, {(Code.TYPE, 0): 50_000})
    assert len(batch.rejects()) == 50_000


@pytest.mark.parametrize(
    ("data", "lines", "value"),
    [(b'a,"b\nc\r\n', 2, b'a,"b\nc'), (b"", 0, b""), (b"\n", 1, b""), (b"abc", 0, b"abc")],
)
@pytest.mark.parametrize("damage", [Code.RECORD_TOO_LONG, Code.UNCLOSED_QUOTE])
def test_a_damaged_chunk_is_one_record(data: bytes, lines: int, value: bytes, damage: Code) -> None:
    batch = Plan(Schema((Field("a"),)), PLAIN).parse(data, damage=damage.word)
    assert (batch.rows, batch.records, batch.lines) == (0, 1, lines)
    assert batch.rejects() == [(damage, -1, 0, 0, 0, len(value), value)]


# Lanes ——————————————————————————————————————————————————————————————————————————————————————————————

MASK = 2**64 - 1


def mix(h: int, word: int) -> int:
    k = (h ^ (word & MASK)) * 0x9E3779B97F4A7C15 & MASK
    return k ^ k >> 29


def mix_text(h: int, text: bytes) -> int:
    h = mix(h, len(text))
    for at in range(0, len(text), 8):
        h = mix(h, int.from_bytes(text[at : at + 8], "little"))
    return h


def lane_of(lanes: int, *steps: Callable[[int], int]) -> int:
    """Work out a lane as `_core/keys.pxd` defines it."""
    h = 0x243F6A8885A308D3
    for step in steps:
        h = step(h)
    return (h ^ h >> 32) % lanes


def lanes_of(key: Sequence[Field], data: bytes, lanes: int) -> int:
    """Tell the lane of a feed's one row."""
    batch = Plan(
        Schema(tuple(key), missing_values=()), Dialect(null=""), lane_key=[each.name for each in key]
    ).parse(data)
    (lane,) = [lane for lane in range(lanes) if batch.lane_rows(lane, lanes)]
    return lane


@pytest.mark.parametrize("lanes", [2, 7, 1000])
def test_the_lane_is_what_the_definition_says(lanes: int) -> None:
    text, whole = Field("t"), Field("w", "integer")
    found = lanes_of((text, whole), b"SKU-00000001,-5\n", lanes)
    assert found == lane_of(lanes, lambda h: mix_text(h, b"SKU-00000001"), lambda h: mix(mix(h, 8), -5))
    found = lanes_of((whole, text), b',""\n', lanes)
    assert found == lane_of(lanes, lambda h: mix(h, MASK), lambda h: mix_text(h, b""))


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        (Field("a", "number"), ["1", "1.0", "1.00", "10e-1", "+1", "0.1e1", "001.000"]),
        (
            Field("a", "number"),
            ["-12345678901234567890.5", "-12345678901234567890.50", "-1234567890123456789050e-2"],
        ),
        (Field("a", "number"), ["0", "-0", "0.00", "0e5"]),
        (Field("a", "number", precision=5, scale=2), ["1", "1.0", "1.00"]),
        (Field("a", "number", storage="float64"), ["0", "-0"]),
        (
            Field("a", format="uuid"),
            ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"],
        ),
        (Field("a", "boolean"), ["true", "1"]),
        (Field("a", "datetime"), ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"]),
        (Field("a", "date", format="%d.%m.%Y"), ["1.1.2024", "01.01.2024"]),
    ],
)
def test_equal_keys_meet_the_same_lane(field: Field, texts: list[str]) -> None:
    assert len({lanes_of((field,), f"{text}\n".encode(), 9_973) for text in texts}) == 1


def test_a_missing_key_differs_from_an_empty_one() -> None:
    field = Field("a")
    other = Field("b")
    assert lanes_of((field, other), b",x\n", 9_973) != lanes_of((field, other), b'"",x\n', 9_973)
    assert lanes_of((field, other), b"ab,c\n", 9_973) != lanes_of((field, other), b"a,bc\n", 9_973)


def test_lanes_part_the_rows_evenly() -> None:
    plan = Plan(Schema((Field("a"),)), PLAIN, lane_key=("a",))
    batch = plan.parse(b"".join(b"SKU-%08d\n" % number for number in range(10_000)))
    counts = [batch.lane_rows(lane, 4) for lane in range(4)]
    assert sum(counts) == 10_000
    assert min(counts) > 2_300
    assert batch.lane_rows(0, 1) == 10_000


def test_without_a_lane_key_all_rows_are_of_the_first() -> None:
    batch = read(b"a\nb\n", Field("a"))
    assert [batch.lane_rows(lane, 3) for lane in range(3)] == [2, 0, 0]


@pytest.mark.parametrize(("lane", "lanes"), [(-1, 2), (2, 2), (0, 0)])
def test_a_lane_has_to_exist(lane: int, lanes: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"lane {lane} of {lanes}")):
        read(b"a\n", Field("a")).lane_rows(lane, lanes)


def test_decimals_keep_their_value() -> None:
    batch = read(
        b"1.5,1.50\n",
        Field("a", "number", precision=18, scale=4),
        Field("b", "number", precision=30, scale=4),
    )
    assert batch.tuples() == [(Decimal("1.5"), Decimal("1.5"))]
