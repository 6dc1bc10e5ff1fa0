"""Text: valid or not, how long, what its white space and its letters become, and sets of words."""

import itertools
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.schema import Constraints, Field
from tests import shared_data
from tests.core.cells import assert_as_reference, readings

TEXT = Field("t")
ENCODING = [Code.ENCODING]
BLOCKS = {"scalar": 1, "avx2": 32, "avx512": 64}
"""Of the instruction sets that look UTF-8 over in ways of their own, the bytes of a block."""

SPACES = [chr(point) for point in range(1, sys.maxunicode + 1) if chr(point).isspace()]
# Neighbours of white space, by code point or by bytes.
NO_SPACES = list(
    "\x08\x0e\x1b!\x84\x86\x9f\xa1\u167f\u1681\u180e\u1fff\u200b\u2027\u202a\u202e\u2030\u205e\u2060\u2fff\u3001\ufeff"
)
WORDS = st.lists(
    st.sampled_from(
        [*SPACES, *NO_SPACES, " ", " ", "a", "Z", "@", "[", "`", "{", "é", "ÀÖ", "漢", "😀", "abcdefgh"]
    ),
    max_size=40,
).map("".join)

# One for each way bytes are classed: where ranges begin and end.
EDGE_BYTES = bytes.fromhex("417f808f909fa0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5ff")


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def hold_to_python(texts: list[bytes]) -> None:
    for simd in BLOCKS:
        for text, found in zip(texts, readings(TEXT, texts, simd), strict=True):
            assert found == (text.decode() if is_utf8(text) else ENCODING), (simd, text)


# UTF-8 ——————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("simd", BLOCKS)
@pytest.mark.parametrize("before", ["", "a", "é"], ids=["alone", "ascii", "wide"])
@pytest.mark.parametrize("after", [b"", b"z", b"z" * 70], ids=["end", "one", "many"])
def test_vectors_of_utf8(before: str, after: bytes, simd: str) -> None:
    vectors = shared_data.vectors("utf8_tests.jsonl")
    if not vectors:
        pytest.skip(shared_data.WHY_ABSENT)
    start = before.encode() * (BLOCKS[simd] // len(before.encode() or b"a"))
    texts = [start + bytes.fromhex(vector["hex"]) + after for vector in vectors]
    for vector, found in zip(vectors, readings(TEXT, texts, simd), strict=True):
        assert (found != ENCODING) == vector["valid"], vector


def test_two_and_three_bytes_of_every_class() -> None:
    for size in (1, 2, 3):
        hold_to_python([bytes(each) for each in itertools.product(EDGE_BYTES, repeat=size)])


def test_four_bytes_of_every_class_that_a_lead_can_begin() -> None:
    leads = bytes.fromhex("eff0f1f3f4f5")
    rest = bytes.fromhex("417f808f90bfc2f0")
    hold_to_python([bytes(each) for each in itertools.product(leads, rest, rest, rest)])


@given(WORDS, st.integers(0, 200), st.integers(1, 255))
def test_one_byte_changed_anywhere(text: str, place: int, byte: int) -> None:
    data = bytearray(text.encode() or b"x")
    data[place % len(data)] = byte
    hold_to_python([bytes(data)])


@pytest.mark.parametrize("before", ["a", "é"], ids=["ascii", "wide"])
@pytest.mark.parametrize("place", [*range(27, 35), *range(59, 67)])
def test_faults_across_the_end_of_a_block(before: str, place: int) -> None:
    """What is wrong may begin in one block and show in the next."""
    start = before.encode() + b"a" * (place - len(before.encode()))
    pairs = [bytes(each) for each in itertools.product(EDGE_BYTES, repeat=2)]
    longer = [
        bytes(each)
        for each in itertools.product(
            bytes.fromhex("e0edeff0f4f5"), bytes.fromhex("41809fa0bf"), b"\x80", b"\xbfa"
        )
    ]
    hold_to_python([start + each + end for each in pairs + longer for end in (b"", b"z" * 70)])


@given(
    st.lists(st.text("a é漢😀", max_size=60), min_size=100, max_size=400),
    st.dictionaries(
        st.integers(0, 399), st.sampled_from([b"\0", b"\xc3", b"\xed\xa0\x80", b"\xff"]), max_size=6
    ),
    st.sampled_from([*BLOCKS]),
)
def test_unreadable_records_among_many(texts: list[str], faults: dict[int, bytes], simd: str) -> None:
    """Thousands of bytes are looked over together: each fault is found where it is, and nowhere else."""
    data = [text.encode() + faults.get(i, b"") for i, text in enumerate(texts)]
    for given_text, found in zip(data, readings(TEXT, data, simd), strict=True):
        if not is_utf8(given_text):
            assert found == ENCODING
        elif b"\0" in given_text:
            assert found == [Code.NUL]
        else:
            assert found == given_text.decode()


# Lengths ————————————————————————————————————————————————————————————————————————————————————————————


@given(st.lists(WORDS, max_size=5), st.integers(0, 30), st.integers(0, 30))
def test_lengths_count_code_points(texts: list[str], least: int, more: int) -> None:
    assert_as_reference(Field("t", constraints=Constraints(min_length=least, max_length=least + more)), texts)


# Transforms —————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("transform", ["trim", "collapse"])
@pytest.mark.parametrize("space", SPACES, ids=[f"{ord(space):04X}" for space in SPACES])
def test_white_space_is_what_python_says(transform: str, space: str) -> None:
    texts = [
        space,
        f"{space}a",
        f"a{space}",
        f"{space}a{space}{space} b{space}",
        f"abcdefgh{space}{space}ijklmnop",
    ]
    assert_as_reference(Field("t", transforms=(transform,)), texts)


@given(st.lists(WORDS, max_size=5), st.sampled_from(["trim", "collapse", "lower", "upper"]))
@example(["a b c d e f g h i  j k l", "abcdefg  hijklmn", "       x       ", "one two\tthree "], "collapse")
@example(["İI", "ıŞß", "ΑΣ", "Ǆ", "abcdefghIjklmnop", "@[`{AZaz", "ﬁ"], "lower")
@example(["İI", "ıŞß", "ας", "ǆ", "abcdefghIjklmnop", "@[`{AZaz", "ﬁ"], "upper")
def test_transforms_are_those_of_python(texts: list[str], transform: str) -> None:
    assert_as_reference(Field("t", transforms=(transform,)), texts)


def test_every_ascii_character_in_every_place_of_a_word() -> None:
    for transform in ("collapse", "lower", "upper"):
        texts = [
            "m" * place + chr(point) + "m" * (16 - place) for point in range(1, 128) for place in range(17)
        ]
        assert_as_reference(Field("t", transforms=(transform,)), texts)


# Sets of words ——————————————————————————————————————————————————————————————————————————————————————

WORD = st.text("ab", max_size=20) | st.sampled_from(["", "a" * 7, "a" * 8, "a" * 9, "a" * 8 + "b", "é" * 4])


@given(st.lists(WORD, min_size=1, max_size=40, unique=True), st.lists(WORD, max_size=40))
def test_enums_of_few_and_of_many(members: list[str], others: list[str]) -> None:
    """Up to eight words are compared one by one, more are hashed."""
    field = Field("t", constraints=Constraints(enum=tuple(members)))
    assert_as_reference(field, members + others)


@given(st.lists(WORD, min_size=2, max_size=24, unique=True), st.integers(1, 23), st.lists(WORD, max_size=20))
def test_words_for_true_and_false(words: list[str], cut: int, others: list[str]) -> None:
    cut = min(cut, len(words) - 1)
    field = Field("t", "boolean", true_values=tuple(words[:cut]), false_values=tuple(words[cut:]))
    assert_as_reference(field, words + others)
