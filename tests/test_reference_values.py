"""The kernel against the reference, value by value: every sample text for every kind of field."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from feedmill import declared_kinds, transforms
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import kernel_feed, reference_kernel, samples, strategies
from tests.kernel_feed import comparable

DIALECT = Dialect(header=False)


def kinds() -> Iterator[Field]:
    """List fields of every type, format, size and transform."""
    for name in ("default", *samples.STRING_FORMATS):
        yield Field("v", format=name)
    for transform in (*transforms.WORDS, *strategies.CHANGES):
        yield Field("v", transforms=(transform,))
    yield Field("v", transforms=("upper", "collapse", "lower", "trim"))
    yield Field("v", "integer")
    yield Field("v", "number", storage="float64")
    for precision, scale in samples.PRECISIONS:
        yield Field("v", "number", precision=precision, scale=scale)
    yield Field("v", "boolean")
    yield Field("v", "boolean", true_values=("sim", "a"), false_values=("não", ""), transforms=("trim",))
    for kind, patterns in (
        ("date", samples.DATE_PATTERNS),
        ("time", samples.TIME_PATTERNS),
        ("datetime", samples.DATETIME_PATTERNS),
    ):
        for name in ("default", "any", *patterns):
            yield Field("v", kind, name)
    for kind in ("any", "year", "yearmonth", "duration", "object", "array", "geojson", "geopoint", "list"):
        yield Field("v", kind)
    yield Field("v", "geojson", "topojson")
    yield Field("v", "geopoint", "array")
    yield Field("v", "geopoint", "object")
    for item in declared_kinds.ITEM_TYPES:
        yield Field("v", "list", item_type=item, delimiter=", " if item == "string" else ",")
    yield from dressed()


def dressed() -> Iterator[Field]:
    """List fields of numbers in local dress."""
    for decimal_char, group_char in ((".", ","), (",", "."), (",", None), (".", "'"), (",", " ")):
        for bare in (True, False):
            marks = {"decimal_char": decimal_char, "group_char": group_char, "bare_number": bare}
            yield Field("v", "number", **marks)  # type: ignore[arg-type]
            yield Field("v", "number", precision=12, scale=2, **marks)  # type: ignore[arg-type]
    yield Field("v", "number", storage="float64", group_char=",", bare_number=False)
    yield Field("v", "number", bare_number=False)
    yield Field("v", "integer", bare_number=False)
    yield Field("v", "integer", group_char=".")
    yield Field("v", "integer", group_char=",", bare_number=False)
    yield Field("v", "number", "price")
    yield Field("v", "number", "price", group_char=",", currency="EUR")
    yield Field("v", "number", "price", precision=12, scale=2)


def limits() -> Iterator[Field]:
    """List fields with constraints, of every type."""
    for name in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"):
        for kind in ("integer", "number", "date", "time", "datetime"):
            for limit in strategies.LIMITS[kind]:
                yield Field("v", kind, constraints=Constraints(**{name: limit}))  # type: ignore[arg-type]
        for limit in strategies.LIMITS["number"]:
            bounded = Constraints(**{name: limit})  # type: ignore[arg-type]
            yield Field("v", "number", storage="float64", constraints=bounded)
            yield Field("v", "number", precision=18, scale=4, constraints=bounded)
            yield Field("v", "number", precision=30, scale=4, constraints=bounded)
    for name in ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum"):
        for kind in ("year", "yearmonth", "duration"):
            for limit in strategies.LIMITS[kind]:
                yield Field("v", kind, constraints=Constraints(**{name: limit}))  # type: ignore[arg-type]
    for kind in ("list", "array", "object"):
        yield Field("v", kind, constraints=Constraints(min_length=1, max_length=2))
    yield Field("v", categories=("a", "abc"))
    yield Field("v", "integer", categories=("1", "-5"))
    for kind, listed in strategies.LIMITS.items():
        yield Field("v", kind, constraints=Constraints(enum=tuple(listed)))
    yield Field("v", "number", precision=5, scale=2, constraints=Constraints(enum=("1.5", "999.99", "0.001")))
    yield Field("v", "boolean", constraints=Constraints(enum=("1",)))
    yield Field("v", constraints=Constraints(min_length=2, max_length=3))
    yield Field("v", constraints=Constraints(required=True))
    for pattern in strategies.PATTERNS:
        yield Field("v", constraints=Constraints(pattern=pattern))


def quoted(texts: tuple[str, ...] | list[str]) -> bytes:
    """Write one column of quoted cells."""
    return b"".join(b'"%s"\n' % text.encode().replace(b'"', b'""') for text in texts)


def check(field: Field, texts: tuple[str, ...] | list[str]) -> None:
    schema = Schema((field,), missing_values=())
    feed = quoted(texts)
    got = comparable(kernel_feed.parse(Plan(schema, DIALECT), feed))
    assert got == comparable(reference_kernel.parse(feed, schema, DIALECT))


@pytest.mark.parametrize("field", list(kinds()), ids=repr)
def test_every_sample_of_every_kind(field: Field) -> None:
    check(field, samples.EVERYTHING)


@pytest.mark.parametrize("field", list(limits()), ids=repr)
def test_every_sample_within_limits(field: Field) -> None:
    check(field, samples.EVERYTHING)


@given(st.sampled_from(list(kinds())), st.data())
def test_random_values_of_every_kind(field: Field, data: st.DataObject) -> None:
    texts = data.draw(st.lists(strategies.texts(field), min_size=5, max_size=20))
    note(repr(field))
    check(field, texts)


@given(st.sampled_from([*kinds(), *limits()]), st.lists(st.text(max_size=12), min_size=1, max_size=10))
def test_any_text_in_any_field(field: Field, texts: list[str]) -> None:
    check(replace(field, transforms=field.transforms or ("trim",)), texts)
