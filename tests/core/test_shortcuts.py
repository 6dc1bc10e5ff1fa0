"""Shortcuts take nothing that the rules would not: each field that has one, with texts in and out of it.

On every instruction set, against the reference. The scalar one has no shortcuts at all.
"""

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from feedmill.transforms import Default
from tests import kernel_feed, reference_kernel
from tests.kernel_feed import comparable

SETS = ("scalar", "sse2", "avx2", "avx512")

FIELDS = (
    Field("text", transforms=("trim",), constraints=Constraints(required=True, max_length=40)),
    Field("title", transforms=("collapse",), constraints=Constraints(min_length=3, max_length=70)),
    Field("listed", constraints=Constraints(enum=("BRL", "USD", "refurbished", "0123456789abcdef"))),
    Field("lowered", transforms=("trim", "lower"), constraints=Constraints(enum=("new", "used", "größe"))),
    Field("url", format="uri"),
    Field("gtin", format="gtin"),
    Field("whole", "integer", constraints=Constraints(minimum="-5", maximum="1000000")),
    Field("price", "number", precision=6, scale=2, constraints=Constraints(minimum="0.01")),
    Field(
        "weight",
        "number",
        storage="float64",
        constraints=Constraints(exclusive_minimum="0", exclusive_maximum="12.5"),
    ),
    Field("moment", "datetime", constraints=Constraints(maximum="2030-06-15T12:00:00Z")),
    # These have none; but an empty cell of theirs is a null, or is none.
    Field("flag", "boolean"),
    Field("day", "date", constraints=Constraints(required=True)),
    Field("coded", constraints=Constraints(pattern="[a-z]*")),
    Field("filled", "integer", transforms=(Default("9"),)),
    Field("long", constraints=Constraints(min_length=2_000)),
)

TEXTS = {
    "text": [
        "a", " a", "a ", "Škoda", "ação", "\u00a0b", "b\u3000", "x" * 31, "x" * 32, "x" * 33, "é" * 40,
        "x" * 41, '"" a', '12""', "x" * 39 + '""', '""x""' * 13,
    ],
    "title": [
        "abc", "ab", "é", "a b c", "a  b", " ab", "ab ", "ab\tc", "a\u2003b", "y" * 31 + " z",
        "y" * 31 + "  z", "y" * 32 + " z", "áé íó ú" * 9, "y" * 71, 'say ""so""',
        '"" ""', "y" * 70 + '""', '""' + "z" * 31,
    ],
    "listed": [
        "BRL", "USD", "brl", "BR", "BRLX", "refurbished", "refurbishe", 'U""SD', "0123456789abcdef",
        "0123456789abcdefg",
    ],
    "lowered": [
        "new", "NEW", "Used", " used ", "used\u00a0", "größe", "GRÖSSE", "ne", "u\u017fed", "N\u212aW",
    ],
    "url": [
        "https://a.example/b?c=d", "http://a/", "https://a.example", "https://a:8/b", "https://u@a/",
        "https:///x", "http://", "https://", "httpS://a/b", "https://a/%20", "https://a/%2",
        "https://a/b c", "https://a/b#c", "https://[::1]/", "https://a/[", "ftp://a/b", "https://a?b",
        "https://é/", "mailto:a@b", "https://a/" + "bcd-._~" * 9, "https://a/" + "PQRXYZ`" * 5,
        "https://" + "n" * 60 + "/", "a" * 40,
    ],
    "gtin": [
        "4006381333931", "4006381333932", "96385074", "036000291452", "00012345600012", "1234567",
        "400638133393x", "123456789", "12345678901",
    ],
    "whole": [
        "0", "7", "-5", "-6", "+3", "12345678", "1000000", "1000001", "00000001", "123456789", "1.0",
        "1e3", "x",
    ],
    "price": [
        "0.01", "0.00", "9999.99", "10000.00", "1.5", "1.555", ".5", "5.", "12", "-1.00", "1.2.3",
        "00001.5", "1,5",
    ],
    "weight": [
        "0.1", "0.0", "12.5", "12.49999", "12.50001", "1e1", "INF", "NaN", "0.000001", "3", "1234567.8",
    ],
    "moment": [
        "2026-07-02T18:07:14Z", "2026-02-29T00:00:00Z", "2024-02-29T23:59:59Z", "0000-01-01T00:00:00Z",
        "2030-06-15T12:00:00Z", "2030-06-15T12:00:01Z", "2026-13-01T00:00:00Z", "2026-12-32T00:00:00Z",
        "2026-04-31T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
        "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.5Z",
        "2026-01-01T01:00:00+01:00", "2026/01/01T00:00:00Z", "2026-01-0aT00:00:00Z",
        "1900-02-29T00:00:00Z", "0001-01-01T00:00:00Z", "2026-12-31T23:30:00-03:00",
        "2026-01-01T00:00:00-00:00",
        "2026-01-01T00:00:00+15:59", "2026-01-01T00:00:00-16:00", "2026-01-01T00:00:00+01:60",
        "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+01-00", "2026-01-01T00:00:00 01:00",
        "2026-01-01T00:00:00+01:0a", "2026-01-01T00:00:00+a1:00", "2026-01-01T00:00:00Z01:00",
        "0001-01-01T00:00:00+00:01", "0001-01-01T00:30:00+00:30", "2030-06-15T09:00:01-03:00",
    ],
    "flag": ["true", "f", "x"],
    "day": ["2026-07-02", "2026-02-30", "-"],
    "coded": ["a", "abc", "A"],
    "filled": ["1", "x"],
    "long": ["a", "é" * 2_000],
}  # fmt: skip
NOTHING = ["", '""']


def cell(text: str, *, is_quoted: bool) -> str:
    return f'"{text}"' if is_quoted or '"' in text or "," in text else text


@st.composite
def feeds(draw: st.DrawFn) -> bytes:
    """Rows that are mostly plain, between blank lines: where vectors end is left to chance."""
    rows = [
        ",".join(
            draw(
                st.sampled_from(NOTHING) if draw(st.integers(0, 7)) == 0 else
                st.builds(cell, st.sampled_from(TEXTS[field.name]), is_quoted=st.booleans())
            )
            for field in FIELDS
        )
        for _ in range(draw(st.integers(1, 4)))
    ]  # fmt: skip
    end = draw(st.sampled_from(["\n", "\r\n"]))
    before, after = draw(st.integers(0, 70)), draw(st.integers(0, 70))
    junk = draw(st.sampled_from([b"", b"", b"\xff\n", b"a\0b\n"]))
    return b"\n" * before + end.join(rows).encode() + end.encode() + junk + b"\n" * after


@given(feeds(), st.sampled_from([("",), ("", "BRL", "a"), ("", "7"), ("12.5", "https://a/"), ()]))
def test_shortcuts_equal_the_reference(data: bytes, missing: tuple[str, ...]) -> None:
    schema = Schema(FIELDS, missing_values=missing)
    note(f"{missing}\n{data!r}")
    expected = comparable(reference_kernel.parse(data, schema, Dialect()))
    for simd in SETS:
        assert comparable(kernel_feed.parse(Plan(schema, Dialect(), simd=simd), data)) == expected, simd


@pytest.mark.parametrize("simd", SETS)
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@pytest.mark.parametrize("is_quoted", [False, True])
def test_each_text_alone(field: Field, simd: str, is_quoted: bool) -> None:
    """Every text, far from the ends of the data and close to them, each null in one dialect."""
    schema = Schema((field, Field("more")), missing_values=("",))
    texts = [*TEXTS[field.name], ""]
    data = "".join(f"{cell(text, is_quoted=is_quoted)},\n" for text in [*texts, *texts[::-1]]).encode()
    for null in (None, "", *texts):
        dialect = Dialect(null=null)
        expected = comparable(reference_kernel.parse(data, schema, dialect))
        assert comparable(kernel_feed.parse(Plan(schema, dialect, simd=simd), data)) == expected, null


@pytest.mark.parametrize("simd", SETS)
def test_long_texts_fill_their_column(simd: str) -> None:
    """A text column starts small: a shortcut has to leave making room to others."""
    schema = Schema((Field("text"), Field("url", format="uri"), Field("listed")))
    rows = [(f"{n}" * 200, f"https://a.example/{n}/" + "p" * 600, "") for n in range(300)]
    data = "".join(f"{','.join(row)}\n" for row in rows).encode()
    batch = Plan(schema, Dialect(), simd=simd).parse(data)
    assert batch.tuples() == [(text, url, None) for text, url, _ in rows]
