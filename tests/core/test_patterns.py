"""Patterns: PCRE2 and Python's re say the same, and neither can be made to run for ever."""

import re

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from feedmill import patterns
from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.kernel import Plan, pattern_engine
from feedmill.schema import Constraints, Field, Schema
from tests import samples, strategies

PLAIN = Dialect(header=False)
HAS_PCRE2 = pattern_engine() != "re"
needs_pcre2 = pytest.mark.skipif(not HAS_PCRE2, reason="the system has no PCRE2, or re is asked for")


def matching(pattern: str, texts: list[str], engine: str) -> list[bool]:
    """Tell which texts match, by one engine."""
    schema = Schema((Field("t", constraints=Constraints(pattern=pattern)),), missing_values=())
    data = b"".join(b'"%s"\n' % text.encode().replace(b'"', b'""') for text in texts)
    batch = Plan(schema, PLAIN, patterns=engine).parse(data)
    bad = {record for code, _, record, *_ in batch.rejects() if code == Code.PATTERN}
    return [place not in bad for place in range(len(texts))]


ATOMS = st.sampled_from(
    [
        *(
            r"\d",
            r"\w",
            r"\s",
            r"\D",
            r"\W",
            r"\S",
            ".",
            "a",
            "é",
            "^",
            "$",
            r"\b",
            r"\B",
            r"\A",
            r"\Z",
            r"\v",
            "-",
        ),
        *(
            "[a-c]",
            "[^a-c]",
            r"[\w-]",
            r"[^\Wé]",
            r"[\S\d]",
            r"[\]\\^]",
            r"\x41",
            r"\u00e9",
            "(?i:É|ab)",
            "(?s:.)",
        ),
    ]
)
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds("{}{}".format, inner, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("({})".format, inner)
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["?", "{2}", "{,2}", "{1,3}?", "{0,2}+"]))
        | st.builds("(?={}){}".format, inner, inner)
        | st.builds("(?!{}){}".format, inner, inner)
        | st.builds("(?>{})".format, inner)
    ),
    max_leaves=6,
)
TEXTS = st.text(st.sampled_from("abcABé_1٣ .-\n\t\x0b\x1c\u2003\u00b2日ÉK]\\^"), max_size=5)


@needs_pcre2
@given(
    PATTERNS, st.lists(TEXTS, min_size=1, max_size=8), st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?x)"])
)
def test_both_engines_say_the_same(pattern: str, texts: list[str], flags: str) -> None:
    pattern = flags + pattern
    note(f"{pattern} as {patterns.for_pcre2(pattern)}")
    expected = [re.fullmatch(pattern, text) is not None for text in texts]
    assert matching(pattern, texts, "pcre2") == expected
    assert matching(pattern, texts, "re") == expected


@needs_pcre2
@pytest.mark.parametrize(
    "pattern", [*strategies.PATTERNS, r"(a)(b)?\1(?(2)b|c)", r"(?<=a)b|(?<!x)[^\n]+", "[a-z]+.*?"]
)
def test_samples(pattern: str) -> None:
    texts = [text for text in samples.EVERYTHING if "\0" not in text]
    assert matching(pattern, texts, "pcre2") == [re.fullmatch(pattern, text) is not None for text in texts]


HOSTILE = ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", r"(\w+\s?)*$", "((a{1,30}){1,30}){1,30}b"]


@needs_pcre2
@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_hostile_pattern_ends(pattern: str) -> None:
    assert matching(pattern, ["a" * 5_000 + "!", "a" * 40 + "!"], "pcre2") == [False, False]


@pytest.mark.parametrize("pattern", HOSTILE)
def test_re_is_not_given_a_hostile_pattern(pattern: str) -> None:
    with pytest.raises(SchemaError, match="could take for ever"):
        matching(pattern, ["a"], "re")


def test_re_is_not_given_texts_that_take_too_long() -> None:
    assert matching("a*a*a*b", ["a" * 400 + "b", "a" * 400 + "c", "a" * 500 + "b"], "re") == [
        True,
        False,
        False,
    ]
    if HAS_PCRE2:
        assert matching("a*a*a*b", ["a" * 500 + "b"], "pcre2") == [True]


@needs_pcre2
def test_long_texts_match() -> None:
    """More than PCRE2's stack for compiled code holds."""
    text = "ab" * 200_000
    assert matching("(?:a|b)*", [text, text + "c"], "pcre2") == [True, False]
    assert matching(r"[^<>]+", [text, text + ">"], "pcre2") == [True, False]


@needs_pcre2
def test_what_pcre2_has_no_words_for_goes_to_re() -> None:
    assert patterns.for_pcre2(r"(?a)\w") is None
    assert matching(r"(?a)\w", ["a", "é"], "pcre2") == [True, False]
    assert matching("a{70000}", ["a" * 70_000, "a"], "pcre2") == [True, False]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "no regular expression"),
        ("[a-z-[aeiou]]", "takes a set"),
        ("[a--b]", "no regular"),
        (r"\p{L}", "bad escape"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        Field("t", constraints=Constraints(pattern=pattern))


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'pcre2' or 're'"):
        Plan(Schema((Field("t"),)), PLAIN, patterns="perl")
