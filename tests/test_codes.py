"""The catalogue of codes is closed: each has a word, a message, and a record that draws it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from feedmill.codes import Code, describe
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.records import Base, rejects_of
from feedmill.schema import Constraints, Field, Schema

KERNEL_CODES = Path(__file__).parents[1] / "src" / "_core" / "codes.pxd"

# Found above the kernel: by the stores, by products, or by what a caller gave; or of a version to come.
NOT_OF_THE_KERNEL = {
    Code.UNIQUE,
    Code.JSON_SCHEMA,
    Code.DUPLICATE_KEY,
    Code.FOREIGN_KEY,
    Code.UNKNOWN_DEALER,
    Code.DATABASE,
    Code.CALLBACK,
    # Of the schema, not of a field: tests/core/test_rules.py.
    Code.RULE,
}


PLAIN = Dialect(header=False)


@dataclass(frozen=True)
class Example:
    """A feed of one record that draws one code, and what is said of it."""

    feed: bytes
    field: Field
    message: str
    dialect: Dialect = PLAIN


def limited(kind: str, **limits: object) -> Field:
    return Field("v", kind, constraints=Constraints(**limits))  # type: ignore[arg-type]


EXAMPLES = {
    Code.REQUIRED: Example(b'""\n', limited("string", required=True), "expected a value, got nothing"),
    Code.MIN_LENGTH: Example(
        b"a\n", limited("string", min_length=2), 'expected at least 2 characters, got "a"'
    ),
    Code.MAX_LENGTH: Example(
        b"abc\n", limited("string", max_length=2), 'expected at most 2 characters, got "abc"'
    ),
    Code.MINIMUM: Example(b"1\n", limited("integer", minimum="2"), 'expected at least 2, got "1"'),
    Code.MAXIMUM: Example(b"3\n", limited("number", maximum="2.5"), 'expected at most 2.5, got "3"'),
    Code.EXCLUSIVE_MINIMUM: Example(
        b"2\n", limited("integer", exclusive_minimum="2"), 'expected more than 2, got "2"'
    ),
    Code.EXCLUSIVE_MAXIMUM: Example(
        b"2024-01-01\n",
        limited("date", exclusive_maximum="2024-01-01"),
        'expected less than 2024-01-01, got "2024-01-01"',
    ),
    Code.PATTERN: Example(
        b"abc\n", limited("string", pattern="[a-b]+"), 'expected text that matches [a-b]+, got "abc"'
    ),
    Code.ENUM: Example(b"c\n", limited("string", enum=("a", "b")), 'expected one of a, b, got "c"'),
    Code.TYPE: Example(b"x\n", Field("v", "date"), 'expected a date as YYYY-MM-DD, got "x"'),
    Code.FORMAT: Example(
        b"123\n", Field("v", format="gtin"), 'expected a GTIN of 8, 12, 13 or 14 digits, got "123"'
    ),
    Code.CHECK_DIGIT: Example(
        b"4006381333932\n",
        Field("v", format="gtin"),
        'expected a last digit that agrees with the others, got "4006381333932"',
    ),
    Code.EXTRA_CELL: Example(b"a,b\n", Field("v"), 'expected no more cells than columns, got "b"'),
    Code.UNCLOSED_QUOTE: Example(
        b'"a\n', Field("v"), 'expected a closing quote before the end of the feed, got ""a\\n"'
    ),
    Code.BAD_QUOTE: Example(
        b'"a"b\n',
        Field("v"),
        'expected a delimiter or the end of the record after a closing quote, got "ab"',
    ),
    Code.ENCODING: Example(b"caf\xe9\n", Field("v"), r'expected valid UTF-8, got "caf\xe9"'),
    Code.RECORD_TOO_LONG: Example(
        b"abc\n",
        Field("v"),
        'expected a record within the size limit, got "abc"',
        Dialect(header=False, max_record_bytes=2),
    ),
    Code.NUL: Example(b"a\0b\n", Field("v"), r'expected text without NUL characters, got "a\x00b"'),
}


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_kernel_finds_it_and_it_is_said_in_words(code: Code) -> None:
    example = EXAMPLES[code]
    batch = Plan(Schema((example.field,)), example.dialect).parse(example.feed)
    assert batch.rows == 0
    (reject,) = rejects_of(batch, ("v",), Base())
    assert (reject.code, reject.message) == (code.word, example.message)


def test_a_missing_cell_is_found_in_the_column_that_lacks_it() -> None:
    batch = Plan(Schema((Field("a"), Field("b"))), Dialect(header=False)).parse(b"1\n")
    (reject,) = rejects_of(batch, ("a", "b"), Base())
    assert (reject.column, reject.code, reject.position.byte) == ("b", "missing_cell", 1)
    assert reject.message == "expected a cell for every column, got nothing"


def test_every_code_has_an_example_or_is_found_elsewhere() -> None:
    assert EXAMPLES.keys() | NOT_OF_THE_KERNEL | {Code.MISSING_CELL} == set(Code)
    assert not EXAMPLES.keys() & NOT_OF_THE_KERNEL


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("field", [None, Field("v"), Field("v", "number", precision=5, scale=2)])
def test_every_code_can_be_said_of_any_field(code: Code, field: Field | None) -> None:
    message = describe(code, field, "x\ny" * 100)
    assert message.startswith("expected ")
    assert "\n" not in message
    assert len(message) < 200


@pytest.mark.parametrize("code", Code)
def test_words_are_stable_names(code: Code) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code.word)
    assert Code.from_word(code.word) is code


def kernel_numbers() -> Iterator[tuple[str, int]]:
    """Read the kernel's enum as it is written."""
    for name, number in re.findall(r"^ +CODE_(\w+) = (\d+)$", KERNEL_CODES.read_text("utf-8"), re.MULTILINE):
        if name != "COUNT":
            yield name, int(number)


def test_the_kernel_has_the_same_numbers() -> None:
    assert dict(kernel_numbers()) == {code.name: code.value for code in Code}
    assert sorted(Code) == list(range(1, len(Code) + 1))


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (Field("v", "integer"), "an integer of at most 64 bits"),
        (Field("v", "number"), "a number"),
        (Field("v", "number", precision=12, scale=2), "a number of at most 12 digits, 2 of them decimals"),
        (Field("v", "boolean", true_values=("sim",), false_values=("não",)), "one of sim, não"),
        (Field("v", "time"), "a time as HH:MM:SS"),
        (Field("v", "datetime", "any"), "a date and time as YYYY-MM-DDTHH:MM:SS"),
        (Field("v", "date", "%d/%m/%Y"), "a date like %d/%m/%Y"),
    ],
)
def test_a_wrong_type_is_told_what_was_declared(field: Field, words: str) -> None:
    assert describe(Code.TYPE, field, "x") == f'expected {words}, got "x"'
