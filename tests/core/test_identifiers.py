"""Formats of strings that are codes of a registry or have a check digit of their own."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.schema import Field
from tests import samples, shared_data
from tests.core.cells import assert_as_reference, readings
from tests.core.test_temporal import damaged

ISBN, VIN, LANGUAGE, BINARY = (Field("t", format=name) for name in ("isbn", "vin", "language", "binary"))
CHECK_DIGIT = [Code.CHECK_DIGIT]


@given(st.integers(0, 10**9 - 1), st.sampled_from(["978", "979"]))
def test_one_last_digit_is_right(number: int, prefix: str) -> None:
    ten = [f"{number:09}{last}" for last in "0123456789X"]
    thirteen = [f"{prefix}{number:09}{last}" for last in "0123456789"]
    for texts in (ten, thirteen):
        found = readings(ISBN, [text.encode() for text in texts])
        assert found.count(CHECK_DIGIT) == len(texts) - 1
        assert_as_reference(ISBN, texts)


@given(st.text("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=17, max_size=17))
def test_one_ninth_digit_is_right(text: str) -> None:
    texts = [text[:8] + ninth + text[9:] for ninth in "0123456789X"]
    assert readings(VIN, [each.encode() for each in texts]).count(CHECK_DIGIT) == 10
    assert_as_reference(VIN, texts)


SUBTAGS = st.sampled_from(["de", "xyz", "Latn", "AT", "419", "1996", "rozaj", "a", "x", "é", "", "123456789"])


@given(st.lists(st.lists(SUBTAGS | st.text("aZ0", max_size=9), max_size=7).map("-".join), max_size=8))
def test_language_tags(texts: list[str]) -> None:
    assert_as_reference(LANGUAGE, texts)


@given(
    st.lists(damaged(st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())), max_size=8)
)
def test_base64(texts: list[str]) -> None:
    assert_as_reference(BINARY, texts)


@pytest.mark.parametrize("name", samples.STRING_FORMATS)
def test_samples(name: str) -> None:
    assert_as_reference(Field("t", format=name), samples.EVERYTHING)


# GS1's currencies and countries: numbers, by their linters; of their countries the letters.


@pytest.mark.parametrize(("linter", "name"), [("iso3166alpha2", "country")])
def test_vectors_of_gs1(linter: str, name: str) -> None:
    cases = [
        each for each in shared_data.vectors("gs1_lint.jsonl") if each["linter"] == linter and each["input"]
    ]
    if not cases:
        pytest.skip(shared_data.WHY_ABSENT)
    # They go through all pairs of letters, and what is longer is none of theirs.
    cases = [each for each in cases if len(each["input"]) == 2]
    found = readings(Field("t", format=name), [each["input"].encode() for each in cases])
    assert found == [each["input"] if each["valid"] else [Code.FORMAT] for each in cases]
