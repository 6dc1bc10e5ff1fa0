"""Rules across the fields of a record: `sale_price < price`, `release_date required if status = 'preorder'`.

    rule        either [if either]                    the first has to hold where the second does
    either      both {or both}
    both        term {and term}
    term        not term | ( rule ) | test
    test        value (= != < <= > >=) value | field required | field missing | field in ( literal, … )
    value       field | number | 'text' | true | false

A field whose name is no plain word, or a word of the language, stands in double quotes. A quote inside quotes
is doubled.

A comparison with a missing value is neither true nor false, and a rule is broken only where it is false: what
a `CHECK` of SQL does. `required` and `missing` always are one or the other.

This module reads rules; `schema` checks what fields they name, and `_core/rules.pxd` judges records.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from feedmill.errors import SchemaError

MAX_DEPTH: Final = 32
"""Values that judging a rule may have to keep at once: what the kernel has room for."""

type Test = Comparison | Presence | Junction | Negation
type Value = Named | Literal

_TOKEN: Final = re.compile(
    r"""\s*(?:
    (?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")+")
    |(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])
    |(?P<end>\Z)
    |(?P<stray>\S)
    )""",
    re.VERBOSE,
)
_SIGNS: Final = {"=": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_TOO_DEEP: Final = "it is nested too deeply; make several rules of it"
_WORDS: Final = frozenset({"and", "or", "not", "if", "in", "required", "missing", "true", "false"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to hold between the fields of a record.

    Parameters
    ----------
    check : str
        The rule, as this module's head has it.
    name : str
        What rejects and reports call it; by default the rule itself.

    Raises
    ------
    SchemaError
        The rule cannot be read.

    Examples
    --------
    >>> Rule("sale_price < price", "sale_below_price").fields
    ('sale_price', 'price')
    >>> Rule("price <")
    Traceback (most recent call last):
    ...
    feedmill.errors.SchemaError: rule 'price <': expected a field or a literal at its end
    """

    check: str
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.check)
        if self.depth > MAX_DEPTH:
            raise SchemaError(f"rule {self.name!r}: {_TOO_DEEP}")

    @property
    def test(self) -> "Test":
        """What it says, read."""
        return _Reading(self.check).rule()

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields it names, each once."""
        return tuple(dict.fromkeys(_named(self.test)))

    @property
    def comparisons(self) -> tuple[tuple["Named", str, "Value"], ...]:
        """The comparisons it makes."""
        return tuple((each.left, each.sign, each.right) for each in _compared(self.test))

    @property
    def depth(self) -> int:
        """How many values judging it has to keep at once."""
        return _depth(self.test)


@dataclass(frozen=True, slots=True)
class Named:
    """The value of a field."""

    field: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that a rule gives; `kind` is text, number or word (true, false)."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values and a sign between, the left one of a field."""

    left: Named
    sign: str
    right: Value


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a field has a value."""

    field: str


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite."""

    test: "Test"


@dataclass(frozen=True, slots=True)
class Junction:
    """Tests, two or more, of which all hold ("and"), or one ("or")."""

    word: str
    tests: tuple["Test", ...]


class _Reading:
    """A rule being read, one word after the other."""

    def __init__(self, check: str) -> None:
        self._check = check
        self._tokens = [
            (str(found.lastgroup), found[str(found.lastgroup)], found.start(str(found.lastgroup)))
            for found in _TOKEN.finditer(check)
        ]
        self._at = 0
        self._nested = 0

    def rule(self) -> Test:
        test = self._conditional()
        if self._kind != "end":
            raise self._error("and, or, if, or the end")
        return test

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._at][1]

    def _takes(self, *words: str) -> str:
        """Go on if one of these signs or words stands here; say which."""
        text = self._text.lower()
        if self._kind in {"word", "sign"} and text in words:
            self._at += 1
            return text
        return ""

    def _conditional(self) -> Test:
        test = self._either()
        return Junction("or", (test, Negation(self._either()))) if self._takes("if") else test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._takes("or"):
            tests.append(self._both())
        return _joined("or", tests)

    def _both(self) -> Test:
        tests = [self._term()]
        while self._takes("and"):
            tests.append(self._term())
        return _joined("and", tests)

    def _term(self) -> Test:
        if not (word := self._takes("not", "(")):
            return self._test()
        self._nested += 1
        if self._nested > MAX_DEPTH:
            raise SchemaError(f"rule {self._check[:40]!r}…: {_TOO_DEEP}")
        if word == "not":
            test: Test = Negation(self._term())
        else:
            test = self._conditional()
            if not self._takes(")"):
                raise self._error("and, or, or )")
        self._nested -= 1
        return test

    def _test(self) -> Test:
        left = self._value()
        if isinstance(left, Named) and (word := self._takes("required", "missing")):
            return Presence(left.field) if word == "required" else Negation(Presence(left.field))
        if isinstance(left, Named) and self._takes("in"):
            return self._choice(left)
        if not (sign := self._takes(*_SIGNS)):
            raise self._error("a sign of comparison, in, required or missing")
        right, sign = self._value(), _SIGNS[sign]
        if isinstance(left, Literal):
            if isinstance(right, Literal):
                raise SchemaError(f"rule {self._check!r}: it compares two literals; one should be a field")
            return Comparison(right, sign.translate({ord("<"): ">", ord(">"): "<"}), left)
        return Comparison(left, sign, right)

    def _choice(self, left: Named) -> Test:
        if not self._takes("("):
            raise self._error("(")
        tests: list[Test] = [Comparison(left, "=", self._value())]
        while self._takes(","):
            tests.append(Comparison(left, "=", self._value()))
        if not self._takes(")"):
            raise self._error("a comma or )")
        return _joined("or", tests)

    def _value(self) -> Value:
        kind, text = self._kind, self._text
        is_word = kind == "word" and text.lower() in _WORDS
        if kind in {"end", "stray", "sign"} or (is_word and text.lower() not in {"true", "false"}):
            raise self._error("a field or a literal")
        self._at += 1
        if is_word:
            return Literal(text.lower(), "word")
        if kind == "text":
            return Literal(text[1:-1].replace("''", "'"), "text")
        if kind == "number":
            return Literal(text, "number")
        return Named(text[1:-1].replace('""', '"') if kind == "name" else text)

    def _error(self, expected: str) -> SchemaError:
        place = f"at {self._text!r}" if self._text else "at its end"
        return SchemaError(f"rule {self._check!r}: expected {expected} {place}")


def _joined(word: str, tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else Junction(word, tuple(tests))


def _named(test: Test) -> Iterator[str]:
    match test:
        case Presence(field):
            yield field
        case Negation(inner):
            yield from _named(inner)
        case Junction(_, tests):
            for each in tests:
                yield from _named(each)
        case Comparison(left, _, right):
            yield left.field
            if isinstance(right, Named):
                yield right.field


def _compared(test: Test) -> Iterator[Comparison]:
    match test:
        case Comparison():
            yield test
        case Negation(inner):
            yield from _compared(inner)
        case Junction(_, tests):
            for each in tests:
                yield from _compared(each)


def _depth(test: Test) -> int:
    match test:
        case Negation(inner):
            return _depth(inner)
        case Junction(_, (first, *others)):
            return max(_depth(first), *(1 + _depth(each) for each in others))
    return 1


def read(value: object) -> Rule:
    """Read a rule of a descriptor: a text, or an object with a check and a name."""
    if isinstance(value, str):
        return Rule(value)
    if isinstance(value, dict) and value.keys() <= {"name", "check"}:
        check, name = value.get("check"), value.get("name", "")
        if isinstance(check, str) and isinstance(name, str):
            return Rule(check, name)
    raise SchemaError('rules: each must be a text, or an object like {"name": "sale", "check": "a < b"}')


def written(rule: Rule) -> dict[str, str]:
    """Write a rule as a descriptor has it."""
    return {"check": rule.check} if rule.name == rule.check else {"name": rule.name, "check": rule.check}
