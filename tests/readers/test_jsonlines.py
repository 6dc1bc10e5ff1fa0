"""JSON Lines: objects become records, anything else rejects its own line."""

import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.kernel import Plan
from feedmill.readers import open_feed
from feedmill.readers.jsonlines import JsonLinesReader
from feedmill.rules import Rule
from feedmill.schema import Constraints, Field, Schema
from tests.readers.feedfiles import Read, read_all, texts

JSONL = Dialect(format="jsonl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.jsonl"


def read(path: Path, data: bytes, schema: Schema | None = None, chunk_size: int = 1 << 20) -> Read:
    path.write_bytes(data)
    return read_all(path, JSONL, chunk_size, schema or texts("a", "b"))


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"a": "x", "b": "y"}', ("x", "y")),
        (b'{"b": "y", "a": "x", "c": 1}', ("x", "y")),
        (b'{"a": "x"}', ("x", None)),
        (b'{"a": "", "b": null}', ("", None)),
        (b'{"a": "null", "b": "a\\nb,\\"c\\""}', ("null", 'a\nb,"c"')),
        (b'{"a": 1.50, "b": 1e400}', ("1.50", "1e400")),
        (b'{"a": 12345678901234567890123, "b": -0}', ("12345678901234567890123", "-0")),
        (b'{"a": true, "b": false}', ("true", "false")),
        (b'{"a": 1, "a": 2, "b": 3}', ("2", "3")),
        ('{"a": "é", "b": "\\u00e9\\ud83d\\ude00"}'.encode(), ("é", "é😀")),
        (b' {"a": "x", "b": "y"} \r', ("x", "y")),
    ],
)
def test_an_object_is_a_record(path: Path, line: bytes, row: tuple[object, ...]) -> None:
    found = read(path, line + b"\n")
    assert (found.rows, found.rejects) == ([(1, *row)], [])


def test_types_are_the_fields(path: Path) -> None:
    schema = Schema(
        (
            Field("n", "integer", constraints=Constraints(minimum="0")),
            Field("ok", "boolean", true_values=("yes",), false_values=("no",)),
        )
    )
    found = read(
        path, b'{"n": 1, "ok": true}\n{"n": "2", "ok": "no"}\n{"n": -3, "ok": 1}\n{"n": 1.0}\n', schema
    )
    assert found.rows == [(1, 1, True), (2, 2, False)]
    assert [(place, code, index, raw) for place, code, index, raw in found.rejects] == [
        ((3, 3, 44), "minimum", 0, b"-3"),
        ((3, 3, 44), "type", 1, b"1"),
        ((4, 4, 63), "type", 0, b"1.0"),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "type"),
        (b"nonsense", "type"),
        (b"[1, 2]", "type"),
        (b'"text"', "type"),
        (b"   ", "type"),
        (b'{"a": NaN}', "type"),
        (b'{"a": "tab\there"}', "type"),
        (b"[" * 100_000, "type"),
        (b'{"a": "\xff"}', "encoding"),
    ],
)
def test_a_bad_line_is_one_reject(path: Path, line: bytes, code: str) -> None:
    found = read(path, b'{"a": "x", "b": "y"}\n' + line + b'\n{"a": "z", "b": "w"}\n')
    assert [row[0] for row in found.rows] == [1, 3]
    assert [reject[:3] for reject in found.rejects] == [((2, 2, 21), code, -1)]
    assert line.startswith(found.rejects[0][3])


def test_a_value_no_cell_can_hold_rejects_its_field(path: Path) -> None:
    found = read(path, b'{"a": {"x": [1, "\xc3\xa9"]}, "b": "y"}\n{"a": "x", "b": [1.50, "1", null]}\n')
    assert found.rows == []
    assert found.rejects == [
        ((1, 1, 0), "type", 0, '{"x": [1, "é"]}'.encode()),
        ((2, 2, 34), "type", 1, b'[1.50, "1", null]'),
    ]


def test_objects_and_arrays_are_the_json_of_their_fields(path: Path) -> None:
    schema = Schema((Field("a", "object"), Field("b", "array"), Field("c", "geojson"), Field("d")))
    good = (
        b'{"a": {"x": [1.50, "\\u00e9\\n"]}, "b": [{}, null], "c": {"type": "Point", "coordinates": [1, 2]}}'
    )
    found = read(path, good + b'\n{"a": [1], "b": {"y": 1}, "c": {}, "d": {}}\n', schema)
    assert found.rows == [
        (1, '{"x": [1.50, "\\u00e9\\n"]}', "[{}, null]", '{"type": "Point", "coordinates": [1, 2]}', None)
    ]
    assert [(code, field, text) for _, code, field, text in found.rejects] == [
        ("type", 0, b"[1]"),
        ("type", 1, b'{"y": 1}'),
        ("type", 2, b"{}"),
        ("type", 3, b"{}"),
    ]


def test_what_is_kept_as_text_is_kept_as_it_was_written(path: Path) -> None:
    schema = Schema((Field("a", "object"), Field("b", "any"), Field("c", "array")))
    data = b'{ "a" : {"x":1,"x":2.50 } , "b":[ ], "d": {}, "c": ["\\u00e9", {"y" :[]}]}\n{"c":[1 ] }\n'
    found = read(path, data, schema)
    assert found.rows == [
        (1, '{"x":1,"x":2.50 }', "[ ]", '["\\u00e9", {"y" :[]}]'),
        (2, None, None, "[1 ]"),
    ]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        (b'{"a": 1234.56, "b": 15}', ("1234.56", 15)),
        (b'{"a": "1.234,56", "b": "1.500"}', ("1234.56", 1500)),
        (b'{"a": -0.5, "b": null}', ("-0.50", None)),
        (b'{"a": 1.5, "b": 1.5}', None),
        (b'{"a": "1234.56", "b": 1}', None),
    ],
)
def test_a_number_has_its_own_point_whatever_texts_have(
    path: Path, line: bytes, row: tuple[str, int | None] | None
) -> None:
    schema = Schema(
        (
            Field("a", "number", precision=12, scale=2, decimal_char=",", group_char="."),
            Field("b", "integer", group_char="."),
        )
    )
    found = read(path, line + b"\n", schema)
    assert [(str(a), b) for _, a, b in found.rows] == ([row] if row else [])
    assert len(found.rejects) == (row is None)


def test_a_year_may_be_a_number(path: Path) -> None:
    data = b'{"a": 374, "b": "0374"}\n{"a": 0, "b": 2024}\n{"a": -5, "b": "374"}\n{"a": 12345, "b": 7.0}\n'
    found = read(path, data, Schema((Field("a", "year"), Field("b", "year"))))
    assert found.rows == [(1, 374, 374), (2, 0, 2024)]
    assert [(record, text) for (record, *_), _, _, text in found.rejects] == [
        (3, b"-5"),
        (3, b"374"),
        (4, b"12345"),
        (4, b"7.0"),
    ]


def bound(path: Path, data: bytes, mapping: dict[str, str] | None = None, chunk_size: int = 1 << 20) -> None:
    path.write_bytes(data)
    with open_feed(str(path), JSONL, chunk_size) as reader:
        reader.bind(texts("a", "b"), mapping)
        list(reader)


@pytest.mark.parametrize(
    ("data", "mapping"),
    [
        (b'{"A": 1, "bb": 2}\n', None),
        (b'{"A": 1, "bb": 2}', None),
        (b'no JSON\n\xff\n[]\n{"A": 1, "bb": 2}\n', {"a": "x"}),
        (b'{"a": 1, "bb": 2}\n', {"a": "x"}),
    ],
)
def test_a_feed_that_has_none_of_the_keys_is_refused(
    path: Path, data: bytes, mapping: dict[str, str] | None
) -> None:
    with pytest.raises(HeaderError, match=r"none of the schema's fields, but [Aa], bb; .* --map a=[Aa]"):
        bound(path, data, mapping)


@pytest.mark.parametrize(
    "data", [b"", b"{}\n", b"[1]\n", b'{"x": 1}\n{"b": 1}\n', b'{"x": 1}\n' * 99 + b'{"a": 1}']
)
@pytest.mark.parametrize("chunk_size", [1, 12, 1 << 20])
def test_a_feed_that_has_some_of_them_soon_is_taken(path: Path, data: bytes, chunk_size: int) -> None:
    bound(path, data, chunk_size=chunk_size)


def test_a_stream_is_not_waited_for() -> None:
    """It may be a slow one, and one that begins with something else."""
    reading, writing = os.pipe()
    os.write(writing, b'{"x": 1}\n' * 1_000)
    with open_feed(f"/dev/fd/{reading}", JSONL) as reader:
        reader.bind(texts("a"))
        os.close(writing)
        assert sum(chunk.size for chunk in reader) == 9_000
    os.close(reading)


def test_what_says_that_there_is_no_value_says_so_as_a_number(path: Path) -> None:
    schema = Schema(
        (
            Field("a", "year", missing_values=("0", "")),
            Field("b", "number", decimal_char=",", missing_values=("-9.9",)),
        )
    )
    found = read(path, b'{"a": 0, "b": -9.9}\n{"a": "0", "b": -9.8}\n', schema)
    assert [(a, None if b is None else str(b)) for _, a, b in found.rows] == [(None, None), (None, "-9.8")]


def test_many_long_keys_make_a_short_message(path: Path) -> None:
    with pytest.raises(HeaderError) as caught:
        bound(path, json.dumps({f"{n}-" + "k" * 5_000: n for n in range(12)}).encode())
    assert len(str(caught.value)) < 2_000


def test_a_key_that_was_named_and_is_not_there_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bound(path, b'{"x": 1, "b": 1}\n', {"a": "x"})
    assert not caplog.records
    bound(path, b'{"x": 1, "b": 1}\n', {"a": "y"})
    assert [record.getMessage() for record in caplog.records] == [
        f"feed {path}: its first records have no key 'y': --map a=y"
    ]


NESTED = {
    "any": (Field("a", "any"), [[1, None], {"x": [True]}, [], "x", 5, -1.5, 10**20, True, False], []),
    "any of some": (
        Field("a", "any", constraints=Constraints(enum=("5", "true"))),
        [5, True, "5"],
        [5.0, False, [5]],
    ),
    "geopoint": (Field("a", "geopoint"), [[90.5, 45], [0, -1]], [[200, 1], [1], [None, 1], {"lon": 1}]),
    "array": (Field("a", "geopoint", format="array"), [[90.5, 45]], [{"lon": 1, "lat": 2}, [1]]),
    "object": (Field("a", "geopoint", format="object"), [{"lon": 1.5, "lat": 2}], [[1, 2]]),
    "list": (Field("a", "list"), [["x", "y"], ["1"]], [["a,b"], [["x"]], [None], {"x": 1}]),
    "integers": (Field("a", "list", delimiter=";", item_type="integer"), [[1, -2]], [[1, "x"], [1.5]]),
    "string": (Field("a"), [], [[1], {}]),
    "integer": (Field("a", "integer"), [], [[1], {}]),
}


@pytest.mark.parametrize("name", NESTED)
def test_nested_values_are_judged_as_those_of_python(path: Path, name: str) -> None:
    field, good, bad = NESTED[name]
    schema = Schema((field,))
    lines = "".join(json.dumps({"a": value}) + "\n" for value in [*good, *bad])
    found = read(path, lines.encode(), schema)
    checked = [schema.validate({"a": value}) for value in good]
    assert [row[1] for row in found.rows] == [each.record and each.record.a for each in checked]
    assert [place[0] for place, *_ in found.rejects] == list(range(len(good) + 1, len(good) + len(bad) + 1))
    assert all(schema.validate({"a": value}).record is None for value in bad)


@pytest.mark.parametrize("depth", [100, 900, 990, 5_000, 100_000])
def test_nesting_of_any_depth_is_one_reject(path: Path, depth: int) -> None:
    found = read(path, b'{"a": ' + b"[" * depth + b"]" * depth + b'}\n{"a": "x", "b": "y"}\n')
    assert [(place[0], code) for place, code, _, _ in found.rejects] == [(1, "type")]
    assert [row[0] for row in found.rows] == [2]
    of_any = read(path, path.read_bytes(), Schema((Field("a", "any"), Field("b"))))
    assert [row[0] for row in of_any.rows][-1] == 2
    assert len(of_any.rows) + len(of_any.rejects) == 2


def test_a_lone_surrogate_and_a_nul_reject_their_cells(path: Path) -> None:
    found = read(path, b'{"a": "\\ud800", "b": "x\\u0000"}\n')
    assert [(code, index) for _, code, index, _ in found.rejects] == [("encoding", 0), ("nul", 1)]


def test_empty_lines_are_none_but_count(path: Path) -> None:
    found = read(path, b'\n\r\n{"a": "x", "b": "y"}\n\nbad\n')
    assert [row[0] for row in found.rows] == [1]
    assert [reject[0] for reject in found.rejects] == [(2, 5, 25)]


@pytest.mark.parametrize("chunk_size", [1, 10, 1 << 20])
def test_a_line_too_long(path: Path, chunk_size: int) -> None:
    path.write_bytes(b'{"a": "' + b"x" * 1000 + b'"}\nbad\n{"a": "1", "b": "2"}')
    found = read_all(path, Dialect(format="jsonl", max_record_bytes=50), chunk_size, texts("a", "b"))
    assert [(place, code) for place, code, _, _ in found.rejects] == [
        ((1, 1, 0), "record_too_long"),
        ((2, 2, 1010), "type"),
    ]
    assert [row[0] for row in found.rows] == [3]


def test_for_several_plans_lines_are_as_for_each(path: Path) -> None:
    path.write_bytes(
        b'{"a": 1, "b": [1, {"c": 2.50}]}\n{"a": true}\n[]\n{"a": "x", "b": 3}\n\n{"a": "2024-01-01"}\n'
    )
    nested = Field("b", "array")
    with open_feed(str(path), Dialect(format="jsonl")) as reader:
        kinds = ("string", "integer", "boolean", "date")
        plans = [Plan(Schema((Field("a", kind), nested)), reader.dialect) for kind in kinds]
        (chunk,) = reader
        assert isinstance(reader, JsonLinesReader)
        together = list(reader.parse_each(chunk, plans))
        alone = [reader.parse(chunk, plan) for plan in plans]
    for one, other in zip(together, alone, strict=True):
        assert (one.tuples(), one.rejects()) == (other.tuples(), other.rejects())
        assert (one.lines, one.reject_counts()) == (other.lines, other.reject_counts())
    assert [batch.failures for batch in together] == [2, 4, 3, 4]


def test_keys_can_be_mapped(path: Path) -> None:
    path.write_bytes(b'{"A key": 1, "b": 2}\n')
    schema = texts("a", "b")
    with open_feed(str(path), JSONL) as reader:
        assert (reader.columns, reader.bind(schema, {"a": "A key"})) == (None, None)
        (chunk,) = reader
        assert reader.parse(chunk, Plan(schema, reader.dialect)).tuples() == [("1", "2")]
        with pytest.raises(HeaderError, match="the schema has no field 'z'"):
            reader.bind(schema, {"z": "b"})


def test_findings_are_counted_as_they_are_listed(path: Path) -> None:
    path.write_bytes(b'bad\n{"a": [], "b": 1}\n{"a": 1, "b": "\\u0000"}\n')
    with open_feed(str(path), JSONL) as reader:
        (chunk,) = reader
        batch = reader.parse(chunk, Plan(texts("a", "b"), reader.dialect))
    assert (batch.records, batch.rows, batch.failures, batch.lines) == (3, 0, 3, 3)
    assert sum(batch.reject_counts().values()) == len(batch.rejects()) == 3
    assert set(batch.reject_counts()) == {(finding[0], finding[1]) for finding in batch.rejects()}


_VALUES = (
    st.none() | st.text(max_size=8) | st.integers() | st.booleans() | st.lists(st.integers(), max_size=1)
)


@given(
    lines=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES) | st.sampled_from(["bad", "", "{}"]),
        max_size=8,
    ),
    chunk_size=st.integers(1, 80),
)
def test_any_chunk_size_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[object], chunk_size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"property-{threading.get_ident()}.jsonl"
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    whole = read(path, text.encode())
    cut = read(path, text.encode(), chunk_size=chunk_size)
    assert (cut.rows, cut.rejects) == (whole.rows, whole.rejects)


def test_rules_name_the_line(path: Path) -> None:
    fields = (Field("a", "integer"), Field("b", "integer"), Field("c"))
    schema = Schema(fields, rules=(Rule("a < b"), Rule("c required")))
    data = b'{"a": 1, "b": 2, "c": "x"}\n{"c": "\\u00e9", "b": 2, "a": 2}\n[]\n{"a": [1], "b": 1}\n'
    found = read(path, data, schema)
    assert [(record, byte, code, field, text) for (record, _, byte), code, field, text in found.rejects] == [
        (2, 27, "rule", 3, b"a=2, b=2"),
        (3, 59, "type", -1, b"[]"),
        (4, 62, "type", 0, b"[1]"),
        (4, 62, "rule", 4, b"c="),
    ]
    assert len(found.rows) == 1
