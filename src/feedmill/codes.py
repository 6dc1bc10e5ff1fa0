"""The catalogue of reject codes: what can be wrong with a record, and how that is said.

A code is a stable word; programs compare words, and the numbers only travel between the kernel and this
module. Messages are made here, from the field's declaration and the value, after the fact: a good record pays
nothing.

If you add a code: append it to `Code` (numbers are never reused), to `src/_core/codes.pxd`, to `_MESSAGES`,
and give `tests/test_codes.py` a record that draws it.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final, Protocol

SHOWN_CHARACTERS: Final = 60
"""Characters of a value quoted in a message; the reject carries the value itself."""


class Code(IntEnum):
    """One kind of finding; 0 stands for "nothing found" in the kernel and is no code.

    Examples
    --------
    >>> Code.CHECK_DIGIT.word, Code["CHECK_DIGIT"].value
    ('check_digit', 14)
    >>> Code.from_word("missing_cell")
    <Code.MISSING_CELL: 15>
    """

    REQUIRED = 1
    UNIQUE = 2
    MIN_LENGTH = 3
    MAX_LENGTH = 4
    MINIMUM = 5
    MAXIMUM = 6
    EXCLUSIVE_MINIMUM = 7
    EXCLUSIVE_MAXIMUM = 8
    PATTERN = 9
    ENUM = 10
    JSON_SCHEMA = 11
    TYPE = 12
    FORMAT = 13
    CHECK_DIGIT = 14
    MISSING_CELL = 15
    EXTRA_CELL = 16
    UNCLOSED_QUOTE = 17
    BAD_QUOTE = 18
    ENCODING = 19
    RECORD_TOO_LONG = 20
    DUPLICATE_KEY = 21
    FOREIGN_KEY = 22
    UNKNOWN_DEALER = 23
    DATABASE = 24
    CALLBACK = 25
    NUL = 26
    RULE = 27

    @property
    def word(self) -> str:
        """The code as rejects and reports write it."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> "Code":
        """Find the code of a word; KeyError if it is none."""
        return cls[word.upper()]


class _Limits(Protocol):
    @property
    def min_length(self) -> int | None: ...
    @property
    def max_length(self) -> int | None: ...
    @property
    def minimum(self) -> str | None: ...
    @property
    def maximum(self) -> str | None: ...
    @property
    def exclusive_minimum(self) -> str | None: ...
    @property
    def exclusive_maximum(self) -> str | None: ...
    @property
    def pattern(self) -> str | None: ...
    @property
    def enum(self) -> tuple[str, ...] | None: ...


class _Declared(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def precision(self) -> int | None: ...
    @property
    def scale(self) -> int | None: ...
    @property
    def true_values(self) -> tuple[str, ...]: ...
    @property
    def false_values(self) -> tuple[str, ...]: ...
    @property
    def item_type(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def listed(self) -> tuple[str, ...] | None: ...
    @property
    def constraints(self) -> _Limits: ...


class Declaration(_Declared, Protocol):
    """What a message says about a field. `schema.Field` has it all, but stands above this module."""


def describe(code: Code | int, field: Declaration | None, value: str) -> str:
    """Say in words what a record was expected to hold, and what it held.

    Parameters
    ----------
    code : Code or int
        The finding.
    field : Declaration or None
        The field it was found on; None for findings on a whole record.
    value : str
        The raw text of the cell, or of the record; long ones are shortened.

    Returns
    -------
    str
        One line, "expected …, got …".

    Examples
    --------
    >>> from feedmill.schema import Constraints, Field
    >>> describe(Code.MINIMUM, Field("price", "number", constraints=Constraints(minimum="0.01")), "0")
    'expected at least 0.01, got "0"'
    >>> describe(Code.EXTRA_CELL, None, "42")
    'expected no more cells than columns, got "42"'
    """
    return f"expected {expected(code, field)}, got {quoted(value)}"


def expected(code: Code | int, field: Declaration | None) -> str:
    """Say what a record was expected to hold: the part of a message that is the same for every value."""
    words = _MESSAGES[Code(code)]
    if isinstance(words, str):
        return words
    # Of these, only a line of JSON Lines can be of the wrong type as a whole.
    return "a JSON object" if field is None else words(field)


def quoted(value: str) -> str:
    r"""Show a value in a message, on one line.

    Examples
    --------
    >>> print(quoted("a\nb"), quoted(""))
    "a\nb" nothing
    """
    if not value:
        return "nothing"
    shown = value if len(value) <= SHOWN_CHARACTERS else value[:SHOWN_CHARACTERS] + "…"
    if shown.isprintable():
        return f'"{shown}"'
    return '"' + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown) + '"'


def _type(field: Declaration) -> str:
    if field.format not in {"default", "any"} and field.type in {"date", "time", "datetime"}:
        return f"a {field.type} like {field.format}"
    if field.type == "boolean":
        return "one of " + ", ".join(field.true_values + field.false_values)
    if field.type == "number" and field.precision is not None:
        return f"a number of at most {field.precision} digits, {field.scale or 0} of them decimals"
    if field.type == "list":
        return f"a list of {field.item_type} items with {field.delimiter!r} between"
    words = _TYPES[field.type]
    return words.get(field.format, words["default"])


def _format(field: Declaration) -> str:
    if field.format == "price":
        return f"an amount with its currency, {field.currency or 'a code of ISO 4217'}, before or after it"
    return _FORMATS.get(field.format, f"text in the format {field.format}")


def _counted(field: Declaration) -> str:
    return {"list": "items", "array": "items", "object": "members"}.get(field.type, "characters")


# By type and format. Texts as keys, as without the GIL threads wait for each other to look others up.
_TYPES: Final = {
    "string": {"default": "text"},
    "any": {"default": "text"},
    "integer": {"default": "an integer of at most 64 bits"},
    "number": {"default": "a number"},
    "date": {"default": "a date as YYYY-MM-DD"},
    "time": {"default": "a time as HH:MM:SS"},
    "datetime": {"default": "a date and time as YYYY-MM-DDTHH:MM:SS"},
    "year": {"default": "a year of four digits"},
    "yearmonth": {"default": "a month as YYYY-MM"},
    "duration": {"default": "a duration as P1Y2M3DT4H5M6S"},
    "object": {"default": "a JSON object"},
    "array": {"default": "a JSON array"},
    "geojson": {"default": "a GeoJSON object", "topojson": "a TopoJSON object"},
    "geopoint": {
        "default": "a longitude and a latitude with a comma between",
        "array": "a JSON array of a longitude and a latitude",
        "object": "a JSON object with lon and lat",
    },
}

_FORMATS: Final = {
    "email": "an e-mail address",
    "uri": "a URI with its scheme",
    "uuid": "a UUID",
    "binary": "base64 with its padding",
    "gtin": "a GTIN of 8, 12, 13 or 14 digits",
    "isbn": "an ISBN of 10 or 13 characters without hyphens",
    "vin": "a VIN of 17 capital letters and digits without I, O and Q",
    "currency": "a currency code of ISO 4217",
    "country": "a country code of ISO 3166",
    "language": "a language tag like pt-BR",
}

_MESSAGES: Final[dict[Code, str | Callable[[Declaration], str]]] = {
    Code.REQUIRED: "a value",
    Code.UNIQUE: "a value that no other record has",
    Code.MIN_LENGTH: lambda field: f"at least {field.constraints.min_length} {_counted(field)}",
    Code.MAX_LENGTH: lambda field: f"at most {field.constraints.max_length} {_counted(field)}",
    Code.MINIMUM: lambda field: f"at least {field.constraints.minimum}",
    Code.MAXIMUM: lambda field: f"at most {field.constraints.maximum}",
    Code.EXCLUSIVE_MINIMUM: lambda field: f"more than {field.constraints.exclusive_minimum}",
    Code.EXCLUSIVE_MAXIMUM: lambda field: f"less than {field.constraints.exclusive_maximum}",
    Code.PATTERN: lambda field: f"text that matches {field.constraints.pattern}",
    Code.ENUM: lambda field: "one of " + ", ".join(field.listed or ()),
    Code.JSON_SCHEMA: "a value its JSON Schema accepts",
    Code.TYPE: _type,
    Code.FORMAT: _format,
    Code.CHECK_DIGIT: lambda field: (
        f"a {'ninth' if field.format == 'vin' else 'last'} digit that agrees with the others"
    ),
    Code.MISSING_CELL: "a cell for every column",
    Code.EXTRA_CELL: "no more cells than columns",
    Code.UNCLOSED_QUOTE: "a closing quote before the end of the feed",
    Code.BAD_QUOTE: "a delimiter or the end of the record after a closing quote",
    Code.ENCODING: "valid UTF-8",
    Code.RECORD_TOO_LONG: "a record within the size limit",
    Code.DUPLICATE_KEY: "a key that no other record has",
    Code.FOREIGN_KEY: "a reference to a record that exists",
    Code.UNKNOWN_DEALER: "the code of a known dealer",
    Code.DATABASE: "a record the database accepts",
    Code.CALLBACK: "a record the callback accepts",
    Code.NUL: "text without NUL characters",
    Code.RULE: "a record that keeps the rule",
}
