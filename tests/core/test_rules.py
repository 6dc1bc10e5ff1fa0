"""Rules across fields: what they say of a record, and what is said of them."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.kernel import Plan
from feedmill.records import Base, rejects_of
from feedmill.rules import Rule
from feedmill.schema import Constraints, Field, Schema
from feedmill.transforms import Default
from tests import kernel_feed, reference_kernel
from tests.kernel_feed import comparable

PLAIN = Dialect(header=False)
SALE = Rule("sale_price < price", "sale_below_price")
OFFERS = (
    Field("price", "number", precision=12, scale=2),
    Field("sale_price", "number", precision=10, scale=4),
    Field("status"),
    Field("release", "date"),
)


def broken(rules: tuple[Rule, ...], data: bytes, fields: tuple[Field, ...] = OFFERS) -> list[tuple[int, str]]:
    """List the records that break rules, and which."""
    schema = Schema(fields, rules=rules)
    batch = Plan(schema, PLAIN).parse(data)
    assert batch.rows + len({each[2] for each in batch.rejects()}) == batch.records
    return [(each.position.record, each.column) for each in rejects_of(batch, schema.names, Base())]


def test_a_price_and_a_sale() -> None:
    data = b"10.00,9.9999,a,\n10.00,10.0000,a,\n10.00,10.0001,a,\n,5,a,\n5,,a,\n"
    assert broken((SALE,), data) == [(2, SALE.name), (3, SALE.name)]


def test_required_if() -> None:
    rule = Rule("release required if status = 'preorder'")
    data = b"1,,preorder,2024-01-01\n1,,preorder,\n1,,stock,\n1,,,\n"
    assert broken((rule,), data) == [(2, rule.check)]


def test_a_reject_names_the_rule_and_shows_its_values() -> None:
    schema = Schema(OFFERS, rules=(SALE,))
    batch = Plan(schema, PLAIN).parse(b"1,1,a,\n1,2,a,\n")
    rejects = list(rejects_of(batch, schema.names, Base()))
    assert [each.code for each in rejects] == ["rule", "rule"]
    assert rejects[1].message == 'expected sale_price < price, got "sale_price=2.0000, price=1.00"'
    assert (rejects[1].column, rejects[1].position.byte) == (SALE.name, 7)
    assert rejects[1].value == "sale_price=2.0000, price=1.00"
    assert batch.reject_counts() == {(Code.RULE, 4): 2}
    assert schema.labels[4] == SALE.name


def test_a_rule_is_not_judged_on_a_value_that_is_none() -> None:
    other = Rule("status != 'b'")
    assert broken((SALE, other), b"x,5,b,\n9,5,b,\n1\n") == [
        (1, "price"),
        (1, other.check),
        (2, other.check),
        (3, "sale_price"),
        (3, "status"),
        (3, "release"),
    ]


# A field, what its cells have, and what it is compared with.
KINDS = {
    "i": (Field("i", "integer"), "0|-3|7|9223372036854775807|", "0|7.0|-3|1e30|-1e30"),
    "d": (Field("d", "number", precision=6, scale=2), "1.5|7|-3.00|0.01|", "1.505|7|-3|0.01"),
    "e": (Field("e", "number", precision=18, scale=18), "0.5|0.000000000000000001|", "0.5|1|-1e-30"),
    "n": (Field("n", "number"), "1.50|7e0|1e400|-3|9223372036854775807|", "1.5|1e400|7"),
    "f": (Field("f", "number", storage="float64"), "0.5|7|NaN|INF|", "0.5|7|-1e300"),
    "s": (Field("s"), "a|ab|b|é|it's|", "'a'|'ab'|'é'|'it''s'|''"),
    "b": (Field("b", "boolean"), "true|false|", "true|false|'1'"),
    "t": (Field("t", "date"), "2024-02-29|2024-03-01|0001-01-01|", "'2024-02-29'|'9999-12-31'"),
    "m": (
        Field("m", "datetime"),
        "2024-02-29T12:00:00Z|2024-02-29T12:00:00+01:00|",
        "'2024-02-29T12:00:00Z'",
    ),
    "y": (Field("y", "yearmonth"), "2024-02|1999-12|", "'2024-02'|'2000-01'"),
}
NUMBERS = "iden"
SIGNS = ["=", "!=", "<", "<=", ">", ">="]


def literals(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(KINDS[name][2].split("|"))


@st.composite
def checks(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from(sorted(KINDS)))
    how = draw(st.integers(0, 5))
    if how == 0:
        return f"{name} {draw(st.sampled_from(['required', 'missing']))}"
    right = draw(literals(name))
    if how == 1:
        return f"{name} in ({right}, {draw(literals(name))})"
    sign = draw(st.sampled_from(SIGNS[:2] if name == "b" else SIGNS))
    if how == 2:
        return f"{right} {sign} {name}"
    if how == 3:
        right = draw(st.sampled_from(NUMBERS)) if name in NUMBERS else name
    return f"{name} {sign} {right}"


RULES = st.recursive(
    checks(),
    lambda inner: (
        st.builds("({} and {})".format, inner, inner)
        | st.builds("({} or {})".format, inner, inner)
        | st.builds("not {}".format, inner)
        | st.builds("({} if {})".format, inner, inner)
    ),
    max_leaves=5,
)


@given(st.lists(RULES, min_size=1, max_size=3, unique=True), st.data())
def test_kernel_equals_reference(texts: list[str], data: st.DataObject) -> None:
    schema = Schema(tuple(field for field, *_ in KINDS.values()), rules=tuple(map(Rule, texts)))
    cells = [st.sampled_from([*2 * given.split("|"), "bad,"]) for _, given, _ in KINDS.values()]
    rows = data.draw(st.lists(st.tuples(*cells), min_size=1, max_size=5))
    feed = "".join(",".join(f'"{cell}"' if cell else "" for cell in row) + "\n" for row in rows).encode()
    note(f"{texts}\n{feed!r}")
    expected = comparable(reference_kernel.parse(feed, schema, PLAIN))
    plan = Plan(schema, PLAIN, simd=data.draw(st.sampled_from(["scalar", "avx512"])))
    assert comparable(kernel_feed.parse(plan, feed)) == expected
    sizes = data.draw(st.lists(st.integers(1, 70), min_size=1, max_size=4))
    assert comparable(kernel_feed.parse_in_blocks(plan, feed, sizes)) == expected
    assert list(judged(rows, schema)) == [
        (each.record, schema.labels[each.field], each.code.word, each.value.decode())
        for each in reference_kernel.parse(feed, schema, PLAIN).findings
    ]


def judged(rows: Sequence[Sequence[str]], schema: Schema) -> Iterator[tuple[int, str, str, str]]:
    """Say what `Schema.validate` finds in rows of texts."""
    for number, row in enumerate(rows):
        for each in schema.validate(dict(zip(schema.names, row, strict=True))).rejects:
            yield number, each.column, each.code, each.value


def test_cut_at_any_byte() -> None:
    schema = Schema(OFFERS, rules=(SALE, Rule("release required if status = 'pre,\n\"order'")))
    feed = b'1,2,"pre,\n""order",\n5,5.0,,2024-01-01\n"9",8.9999,"pre,\n""order",2024-02-29\r\n1,2,x\n,,,\n'
    plan = Plan(schema, PLAIN)
    expected = comparable(kernel_feed.parse(plan, feed))
    assert [each.field for each in kernel_feed.parse(plan, feed).findings] == [4, 5, 4, 3, 4]
    for size in range(1, len(feed)):
        assert comparable(kernel_feed.parse_in_blocks(plan, feed, [size])) == expected
        assert comparable(kernel_feed.parse_in_blocks(plan, feed, [size, len(feed)])) == expected


def test_values_of_the_fields_own_types_are_judged() -> None:
    schema = Schema(OFFERS, rules=(SALE, Rule("release >= '2024-02-29'")))
    good = {"price": Decimal("10.5"), "sale_price": 10, "release": date(2024, 2, 29)}
    assert schema.validate(good).rejects == ()
    bad = schema.validate({**good, "sale_price": Decimal("10.5"), "release": date(2024, 2, 28)})
    assert [(each.code, each.value) for each in bad.rejects] == [
        ("rule", "sale_price=10.5000, price=10.50"),
        ("rule", "release=2024-02-28"),
    ]


def test_a_default_counts_and_a_column_that_is_not_there_is_missing() -> None:
    fields = (Field("a", "integer", transforms=(Default("5"),)), Field("b", "integer"), Field("c"))
    schema = Schema(fields, rules=(Rule("a < b"), Rule("c required")))
    batch = Plan(schema, PLAIN, ["b"]).parse(b"5\n6\n")
    assert [(each.position.record, each.value) for each in rejects_of(batch, schema.names, Base())] == [
        (1, "a=5, b=5"),
        (1, "c="),
        (2, "c="),
    ]


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ("", "expected a field or a literal at its end"),
        ("price", "expected a sign of comparison"),
        ("price < ", "expected a field or a literal at its end"),
        ("price < 5 6", "expected and, or, if, or the end at '6'"),
        ("(price < 5", r"expected and, or, or \) at its end"),
        ("1 < 2", "compares two literals"),
        ("prise < 5", "no field is named 'prise'"),
        ("price < 'abc'", "write a number"),
        ("status = 5", "write a text in quotes"),
        ("price < status", "cannot be compared"),
        ("release < 'soon'", "does not read as a date"),
        ("price ~ 5", "expected a sign of comparison"),
        ("not " * 5_000 + "price missing", "nested too deeply"),
        ("price = 1 or (" * 40 + "price = 2" + ")" * 40, "nested too deeply"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(check: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Plan(Schema(OFFERS, rules=(Rule(check),)), PLAIN)


def test_a_literal_is_a_value_of_its_field() -> None:
    with pytest.raises(SchemaError, match=r"'6\.5' is no integer"):
        Schema((Field("i", "integer"),), rules=(Rule("i < 6.5"),))


def test_names_that_are_no_words() -> None:
    fields = (Field('the "price"', "integer"), Field("if", "integer"))
    rule = Rule('"the ""price""" < "if" AND NOT "if" = 7')
    assert broken((rule,), b"1,2\n2,2\n3,7\n", fields) == [(2, rule.check), (3, rule.check)]


def test_a_list_of_literals_may_be_long() -> None:
    words = ", ".join(f"'{n}'" for n in range(5_000))
    rule = Rule(f"status in ({words})", "known")
    assert broken((rule,), b",,4999,\n,,5000,\n") == [(2, "known")]
    rule = Rule(" or ".join(f"price = {n}" for n in range(5_000)), "price")
    assert broken((rule,), b"4999,,,\n5000,,,\n") == [(2, "price")]


def test_two_rules_have_two_names() -> None:
    with pytest.raises(SchemaError, match="declared twice"):
        Schema(OFFERS, rules=(SALE, SALE))


def test_in_a_descriptor_and_out_again() -> None:
    described = {
        "fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "integer"}],
        "rules": [{"name": "order", "check": "a < b"}, {"check": "a required if b = 1"}],
    }
    schema = Schema.from_descriptor(described)
    assert schema.rules == (Rule("a < b", "order"), Rule("a required if b = 1"))
    assert schema.to_descriptor()["rules"] == described["rules"]
    assert Schema.from_descriptor({**described, "rules": ["a < b"]}).rules == (Rule("a < b"),)
    for wrong in ({}, [1], [{"name": "a"}], [{"check": "a < b", "nmae": "x"}]):
        with pytest.raises(SchemaError, match="rules"):
            Schema.from_descriptor({**described, "rules": wrong})


def test_a_required_field_is_not_a_rule() -> None:
    fields = (Field("a", "integer", constraints=Constraints(required=True)), Field("b", "integer"))
    assert broken((Rule("a < b"),), b",1\n", fields) == [(1, "a")]
