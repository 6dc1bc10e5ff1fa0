r"""Patterns: Python's regular expressions in syntax and meaning, whichever engine matches them.

PCRE2 matches without the GIL, from several threads, and within limits. Its own dialect differs from Python's
in many small ways (``\w``, ``\s``, ``\v``, ``$``, ``{,3}``, ``\Z``), so a pattern is not handed over as it
stands: Python parses it, and it is written anew in words that mean the same to PCRE2.

Where there is no PCRE2, or a pattern says what it has no words for (the ASCII flag, ``\B``, a repeat of more
than 65,535), Python's `re` matches. Nothing can stop `re` while it matches, so a pattern that could take
for ever is refused, and others have a longest text: a longer one does not match.
"""

import math
import re
import warnings
from collections.abc import Iterable
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

from feedmill.errors import SchemaError

MAX_STEPS: Final = 1e8
"""Ways to match that `re` may have to try for one text: some seconds."""

# Python's parser is not typed.
type _Op = Any
type _Given = Any
type _Items = Iterable[tuple[_Op, _Given]]

_IGNORE_CASE, _MULTI_LINE, _DOT_ALL = re.IGNORECASE.value, re.MULTILINE.value, re.DOTALL.value
_FOREIGN: Final = (re.ASCII | re.LOCALE).value
_WORD: Final = r"\p{L}\p{N}_"
# What str.isspace calls white space.
_SPACE: Final = (
    r"\x{9}-\x{d}\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"
)
_CATEGORIES: Final = {
    sre.CATEGORY_DIGIT: r"\p{Nd}",
    sre.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    sre.CATEGORY_SPACE: _SPACE,
    sre.CATEGORY_WORD: _WORD,
}
# These cannot stand inside brackets with others.
_NEGATIONS: Final = {sre.CATEGORY_NOT_SPACE: f"[^{_SPACE}]", sre.CATEGORY_NOT_WORD: f"[^{_WORD}]"}
# \B is left to `re`: whether it matches the empty text changed with Python 3.14.
_PLACES: Final = {
    sre.AT_BEGINNING: r"\A",
    sre.AT_BEGINNING_LINE: r"(?:\A|(?<=\x{a}))",
    sre.AT_BEGINNING_STRING: r"\A",
    sre.AT_END: r"(?=\x{a}?\z)",
    sre.AT_END_LINE: r"(?=\x{a}|\z)",
    sre.AT_END_STRING: r"\z",
    sre.AT_BOUNDARY: f"(?:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
}
_SINGLES: Final = frozenset({sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN})
# XML Schema's [a-z-[aeiou]]: Python would read it as something else.
_SUBTRACTION: Final = re.compile(r"\[[^\]\\]*-\[")
_REPEATS: Final = {sre.MAX_REPEAT: "", sre.MIN_REPEAT: "?", sre.POSSESSIVE_REPEAT: "+"}


def complaint(pattern: str) -> str | None:
    """Say why a text is no pattern; None if it is one."""
    if _SUBTRACTION.search(pattern):
        return r"takes a set from another, it seems, which is not supported; write \[ for [ itself"
    try:
        with warnings.catch_warnings():
            # What Python warns of is read in another way elsewhere, and may be one day here: [a-z--[aeiou]].
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.PatternError, FutureWarning) as error:
        return f"is no regular expression: {error}"
    except (OverflowError, RecursionError):
        return "is larger than Python's regular expressions can be; write it shorter"
    return None


def for_pcre2(pattern: str) -> str | None:
    r"""Write a pattern for PCRE2; None if PCRE2 has no words for it.

    Examples
    --------
    >>> for_pcre2("[a-z]{,3}$")
    '[\\x{61}-\\x{7a}]{0,3}(?=\\x{a}?\\z)'
    """
    tree = _parser.parse(pattern)
    flags = tree.state.flags
    if flags & _FOREIGN:
        return None
    try:
        return _Writer(flags).text(tree)
    except (KeyError, RecursionError):
        return None


def endless(pattern: str) -> str | None:
    """Say that `re` could take for ever to match a pattern; None if it could not."""
    if _bound(pattern)[0] <= math.log(MAX_STEPS):
        return None
    return (
        f"Python's re could take for ever to match {pattern!r}; "
        "write it without a repeat or a choice inside a repeat"
    )


def guarded(pattern: str, name: str) -> "Guarded":
    """Compile a pattern for `re`; SchemaError if it could take for ever, `name` saying whose it is."""
    if complaint := endless(pattern):
        # PCRE2 would be no help where it has no words for the pattern.
        raise SchemaError(f"{name}: {complaint}{', or install PCRE2' if for_pcre2(pattern) else ''}")
    factor, power = _bound(pattern)
    return Guarded(re.compile(pattern), power, MAX_STEPS / math.exp(factor))


class TextTooLongError(ValueError):
    """A text is longer than what a pattern may be looked for in."""


class Guarded:
    """A pattern for `re`, with a bound on the texts it is tried on.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, pattern: re.Pattern[str], power: int, most: float) -> None:
        self._pattern = pattern
        self._power = power
        self._most = most

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Match a whole text; one that is too long does not match."""
        return (
            None
            if self._power > 1 and len(text) ** self._power > self._most
            else self._pattern.fullmatch(text)
        )

    def sub(self, replacement: str, text: str) -> str:
        """Replace every match; TextTooLongError if the text is too long to look for them."""
        # The search starts anew at each character.
        if self._power and len(text) ** (self._power + 1) > self._most:
            raise TextTooLongError(f"a text of {len(text)} characters is too long for the pattern")
        return self._pattern.sub(replacement, text)


class _Writer:
    """Writes a parsed pattern for PCRE2; KeyError where there are no words for a part."""

    def __init__(self, flags: int) -> None:
        self._flags = flags

    def text(self, items: _Items) -> str:
        """Write parts that follow one another."""
        return "".join(self._part(op, given) for op, given in items)

    def _part(self, op: _Op, given: _Given) -> str:
        match op:
            case sre.LITERAL:
                return self._in_case(_character(given))
            case sre.NOT_LITERAL:
                return self._in_case(f"[^{_character(given)}]")
            case sre.ANY:
                return "(?s:.)" if self._flags & _DOT_ALL else r"[^\x{a}]"
            case sre.IN:
                return self._set(given)
            case sre.AT:
                return self._place(given)
            case sre.GROUPREF:
                return self._in_case(rf"\g{{{given}}}")
            case sre.FAILURE:
                return "(?!)"
        return self._around(op, given)

    def _around(self, op: _Op, given: _Given) -> str:
        """Write what has parts of its own."""
        if op is sre.BRANCH:
            return "(?:" + "|".join(map(self.text, given[1])) + ")"
        if op is sre.SUBPATTERN:
            group, added, removed, items = given
            inner = _Writer((self._flags | added) & ~removed)
            return f"({'' if group else '?:'}{inner.text(items)})"
        if op is sre.ATOMIC_GROUP:
            return f"(?>{self.text(given)})"
        if op is sre.GROUPREF_EXISTS:
            group, yes, no = given
            return f"(?({group}){self.text(yes)}|{self.text(no or ())})"
        if op in {sre.ASSERT, sre.ASSERT_NOT}:
            direction, items = given
            side, sign = "" if direction > 0 else "<", "=" if op is sre.ASSERT else "!"
            return f"(?{side}{sign}{self.text(items)})"
        fewest, most, items = given
        limit = "" if most is sre.MAXREPEAT else most
        text = self.text(items)
        if len(items) > 1 or items[0][0] not in _SINGLES or text.startswith("("):
            text = f"(?:{text})"
        return f"{text}{{{fewest},{limit}}}{_REPEATS[op]}"

    def _set(self, members: _Items) -> str:
        plain, is_negated = "", False
        others: list[str] = []
        for kind, given in members:
            if kind is sre.NEGATE:
                is_negated = True
            elif kind is sre.LITERAL:
                plain += _character(given)
            elif kind is sre.RANGE:
                plain += f"{_character(given[0])}-{_character(given[1])}"
            elif given in _NEGATIONS:
                others.append(_NEGATIONS[given])
            else:
                plain += _CATEGORIES[given]
        if not others:
            return self._in_case(f"[{'^' if is_negated else ''}{plain}]")
        choice = "|".join([f"[{plain}]", *others] if plain else others)
        return self._in_case(f"(?:(?!{choice})(?s:.))" if is_negated else f"(?:{choice})")

    def _place(self, place: _Given) -> str:
        if self._flags & _MULTI_LINE:
            place = {sre.AT_BEGINNING: sre.AT_BEGINNING_LINE, sre.AT_END: sre.AT_END_LINE}.get(place, place)
        return _PLACES[place]

    def _in_case(self, text: str) -> str:
        return f"(?i:{text})" if self._flags & _IGNORE_CASE else text


def _character(code: int) -> str:
    return rf"\x{{{code:x}}}"


class _EndlessError(Exception):
    """There is no bound on the ways to match."""


def _bound(pattern: str) -> tuple[float, int]:
    """Bound the ways to match as `_ways` does; without end if there is no bound."""
    try:
        return _ways(_parser.parse(pattern))
    except _EndlessError:
        return math.inf, 0


def _ways(items: _Items) -> tuple[float, int]:
    """Bound the ways to match a text of n characters: e ** factor * n ** power."""
    factor, power = 0.0, 0
    for op, given in items:
        times = 1
        if op in _REPEATS:
            fewest, most, _ = given
            times = most
            if most is sre.MAXREPEAT:
                power += 1
            else:
                factor += math.log(most - fewest + 1)
        elif op is sre.BRANCH:
            factor += math.log(len(given[1]))
        for part in _inside(op, given):
            part_factor, part_power = _ways(part)
            if times is sre.MAXREPEAT and (part_factor or part_power):
                raise _EndlessError
            factor, power = factor + times * part_factor, power + times * part_power
    return factor, power


def _inside(op: _Op, given: _Given) -> Iterable[_Items]:
    """List the parts that a part is made of."""
    if op in _REPEATS:
        return (given[2],)
    if op is sre.BRANCH:
        return tuple(given[1])
    if op is sre.SUBPATTERN:
        return (given[3],)
    if op is sre.ATOMIC_GROUP:
        return (given,)
    if op in {sre.ASSERT, sre.ASSERT_NOT}:
        return (given[1],)
    if op is sre.GROUPREF_EXISTS:
        return (given[1], given[2] or ())
    return ()
