"""Transforms: what a text goes through before it is read, and what a default does for a missing one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from feedmill.transforms import Default, Map, Replace
from tests import samples
from tests.core.cells import assert_as_reference

PLAIN = Dialect(header=False)
DASHED = Map.of({"": "-"})
LETTERS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("e\u0301\u0308ÀÖ가")
)


def tuples(schema: Schema, data: bytes, columns: tuple[str, ...] | None = None) -> list[tuple[object, ...]]:
    return list(Plan(schema, PLAIN, columns).parse(data).tuples())


@given(st.lists(LETTERS, max_size=6))
def test_nfc(texts: list[str]) -> None:
    assert_as_reference(Field("t", transforms=("nfc",)), [*texts, "e\u0301", "\u1100\u1161", "\u212b"])


def test_map_and_replace() -> None:
    condition = Map.of({"novo": "new", "usado": "used", "": "x", "é" * 40: "long"})
    assert_as_reference(Field("t", transforms=("lower", condition)), [*samples.WORDS, "NOVO", "é" * 40])
    for replace in (
        Replace("-", ""),
        Replace(r"(\d+),(\d+)", r"\1.\2"),
        Replace("", "ab"),
        Replace("^|$", "ß" * 99),
    ):
        assert_as_reference(Field("t", transforms=(replace, "upper")), [*samples.WORDS, "1,5", "a-b-c"])


@pytest.mark.parametrize(
    ("field", "data", "values"),
    [
        (Field("n", "integer", transforms=(Default("7"),)), b"1\n\"\"\n", [1, 7]),
        (Field("n", transforms=(Default("x"), "upper")), b"a\n\"\"\n", ["A", "X"]),
        (Field("n", transforms=("trim", Default("x"))), b"a\n\" \"\n", ["a", "x"]),
        # What comes before the default does not see a missing value.
        (Field("n", transforms=("upper", Default("x"))), b"\"\"\n", ["x"]),
        (Field("n", missing_values=("-",), transforms=(DASHED, Default("x"))), b'-\n""\n', ["x", "x"]),
        (Field("n", transforms=(Default("x"),), constraints=Constraints(required=True)), b"\"\"\n", ["x"]),
    ],
)  # fmt: skip
def test_a_default_makes_a_missing_value_present(field: Field, data: bytes, values: list[object]) -> None:
    assert tuples(Schema((field,)), data) == [(value,) for value in values]


def test_a_default_is_there_for_a_column_that_is_not() -> None:
    required = Constraints(required=True)
    fields = (Field("a"), Field("b", "integer", transforms=(Default("3"),), constraints=required), Field("c"))
    for missing in ((), ("",), ("-", ""), ("-",)):
        schema = Schema(fields, missing_values=missing)
        assert tuples(schema, b"x\ny\n", ("a",)) == [("x", 3, None), ("y", 3, None)]


def test_an_empty_text_is_a_value_where_nothing_is_missing() -> None:
    emptied = Field("b", transforms=(Default("x"), Map.of({"x": ""})))
    schema = Schema((Field("a"), emptied), missing_values=())
    assert tuples(schema, b"x\n", ("a",)) == [("x", "")]


@pytest.mark.parametrize("columns", [("a", "z", "c"), ("c", "z", "a")])
def test_a_row_of_shortcuts_goes_on_behind_a_default(columns: tuple[str, ...]) -> None:
    """What has a shortcut, what has none, and what has no column at all, in each instruction set."""
    fields = (
        Field("a", "integer"),
        Field("b", transforms=(Default("y" * 31),)),
        Field("c", "integer", transforms=(Default("5"),)),
        Field("d", "integer", transforms=(Default("3"),)),
    )
    for simd in ("scalar", "sse2", "avx2", "avx512"):
        plan = Plan(Schema(fields), PLAIN, columns, simd=simd)
        rows = plan.parse(b"1,z,\n" * 50 + b",z,2\n" * 50).tuples()
        here, there = (1, 5), (None, 2)
        if columns[0] == "c":
            here, there = (None, 1), (2, 5)
        expected = [(*pair[:1], "y" * 31, pair[1], 3) for pair in (here, there)]
        assert list(rows) == [expected[0]] * 50 + [expected[1]] * 50


@pytest.mark.parametrize(
    "field", [Field("n", "integer", transforms=(Default("x"),)), Field("n", transforms=(Default(""),))]
)
def test_a_default_has_to_be_a_value(field: Field) -> None:
    with pytest.raises(SchemaError, match="is no value of the field"):
        Plan(Schema((field,)), PLAIN)


DESCRIBED = [{"map": {"a": "b"}}, {"replace": ["-", ""]}, {"default": "0"}, "nfc"]


def test_in_a_descriptor_and_out_again() -> None:
    schema = Schema.from_descriptor({"fields": [{"name": "a", "transforms": DESCRIBED}]})
    assert schema.field("a").transforms == (Map.of({"a": "b"}), Replace("-", ""), Default("0"), "nfc")
    assert Schema.from_descriptor(schema.to_descriptor()) == schema
    assert schema.to_descriptor()["fields"] == [{"name": "a", "type": "string", "transforms": DESCRIBED}]


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        ({"map": {}}, "map is empty"),
        ({"map": {"a": 1}}, "map must be an object of texts"),
        ({"replace": ["a"]}, "replace must be a list"),
        ({"replace": ["(", ""]}, "no regular expression"),
        ({"replace": ["(a+)+$", ""]}, "^field 'a': transform replace: .* inside a repeat$"),
        ({"replace": ["a", r"\1"]}, "does not go with its pattern"),
        ({"default": 1}, "default must be a text"),
        ({"defualt": "a"}, "defualt is unknown"),
        ({}, "must be a word"),
        ("Trim", "unknown transform 'Trim'"),
    ],
)
def test_what_is_wrong_with_one_is_said(transform: object, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Schema.from_descriptor({"fields": [{"name": "a", "transforms": [transform]}]})
