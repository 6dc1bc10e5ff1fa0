"""Positions and rejects: from the kernel's numbers to what people read."""

from dataclasses import dataclass

import pytest

from feedmill.codes import Code, quoted
from feedmill.dialect import Dialect
from feedmill.records import MAX_VALUE_CHARACTERS, Base, Position, Reject, first_findings, rejects_of, shown
from feedmill.schema import Constraints, Field, Schema

SCHEMA = Schema((Field("sku"), Field("price", "number", constraints=Constraints(minimum="0.01"))))

UTF8 = Dialect()


@dataclass
class PlanOf:
    schema: Schema
    dialect: Dialect = UTF8


@dataclass
class Findings:
    """A batch as far as rejects are concerned."""

    found: list[tuple[int, int, int, int, int, int, bytes]]
    plan: PlanOf

    def rejects(self) -> list[tuple[int, int, int, int, int, int, bytes]]:
        return self.found


def test_places_are_counted_on_from_what_precedes_the_chunk() -> None:
    batch = Findings([(Code.MINIMUM, 1, 2, 3, 40, 1, b"0")], PlanOf(SCHEMA))
    assert list(rejects_of(batch, SCHEMA.names, Base(record=100, line=110, byte=5000))) == [
        Reject(Position(103, 114, 5040), "price", "minimum", 'expected at least 0.01, got "0"', "0")
    ]


def test_the_first_record_of_a_feed_is_number_one() -> None:
    assert Base().position(0, 0, 0) == Position(record=1, line=1, byte=0)


def test_a_finding_on_the_record_as_a_whole_names_no_column() -> None:
    batch = Findings([(Code.UNCLOSED_QUOTE, -1, 0, 0, 0, 4, b'"a\nb')], PlanOf(SCHEMA))
    (reject,) = rejects_of(batch, SCHEMA.names, Base())
    assert (reject.column, reject.code, reject.value) == ("", "unclosed_quote", '"a\nb')
    assert "\n" not in reject.message


CP1252 = Dialect(encoding="cp1252")


@pytest.mark.parametrize(
    ("dialect", "raw", "got", "value"),
    [
        (CP1252, b"a\xed\xb2\x81b", "text in cp1252", r"a\x81b"),
        (CP1252, "é\udc81\udc00\udcff\ud81d".encode("utf-8", "surrogatepass"), "text in cp1252",
         r"é\x81\x00\xff\xed\xa0\x9d"),
        (CP1252, b"\xed\xb2\x81" * 1_333, "text in cp1252", r"\x81" * 250),
        # These bytes stood in the feed.
        (UTF8, b"a\xed\xb2\x81b", "valid UTF-8", r"a\xed\xb2\x81b"),
        # They may have.
        (Dialect(encoding="utf-7"), b"a\xed\xb2\x81b", "text in utf-7", r"a\xed\xb2\x81b"),
        # An escape of JSON: "\\udc81".
        (Dialect(encoding="cp1252", format="jsonl"), b"a\xed\xb2\x81b", "valid UTF-8", r"a\xed\xb2\x81b"),
    ],
)  # fmt: skip
def test_a_byte_that_the_encoding_does_not_have_is_shown(
    dialect: Dialect, raw: bytes, got: str, value: str
) -> None:
    batch = Findings([(Code.ENCODING, 0, 0, 0, 0, len(raw), raw)], PlanOf(SCHEMA, dialect))
    (reject,) = rejects_of(batch, SCHEMA.names, Base())
    assert (reject.message, reject.value) == (f"expected {got}, got {quoted(value)}", value)
    assert list(first_findings(batch, SCHEMA.names)) == [(0, "encoding", "sku", reject.message)]


def test_positions_sort_as_the_feed_has_them() -> None:
    assert Position(1, 2, 3) < Position(1, 2, 10) < Position(2, 9, 0)


def test_values_are_cut_by_characters_of_any_width() -> None:
    for letter in ("a", "é", "日", "😀"):
        assert shown((letter * (MAX_VALUE_CHARACTERS + 5)).encode()) == letter * MAX_VALUE_CHARACTERS
    # A cut in the middle of a character's bytes must not show.
    assert shown(("😀" * 999 + "a" + "é" * 9).encode()) == "😀" * 999 + "a"


def test_bytes_that_are_no_utf8_are_shown() -> None:
    assert shown(b"a\xff\xc3b") == r"a\xff\xc3b"
    assert shown(b"\xff" * 300) == r"\xff" * 250
