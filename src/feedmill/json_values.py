"""JSON values that a field lists, compared by value: `{"a": 1}` is `{ "a" : 1.0 }`.

Python compares them because a listed JSON value is rare, and equality of JSON has many rules. Booleans are
kept apart from numbers, which Python takes for equal.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

JSON_TYPES: Final = frozenset({"object", "array", "geojson"})


class JsonValues:
    """The values of an `enum`, with the one method the kernel asks a pattern for.

    Examples
    --------
    >>> listed = JsonValues(['{"a": [1, 2]}'])
    >>> listed.fullmatch('{"a":[1.0,2e0]}'), listed.fullmatch('{"a":[1]}')
    (True, None)

    Thread safety
    -------------
    immutable
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._values = [_value(text) for text in texts]

    def fullmatch(self, text: str) -> bool | None:
        """Tell whether a valid JSON text is one of the values; None if it is not."""
        return True if _value(text) in self._values else None


def _value(text: str) -> object:
    return _told_apart(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _told_apart(value: object) -> object:
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [_told_apart(each) for each in value]
    if isinstance(value, dict):
        return {name: _told_apart(each) for name, each in value.items()}
    return value
