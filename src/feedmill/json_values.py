"""JSON values: how fields take arrays and objects, and how those that a field lists are compared.

Listed values are compared by value: `{"a": 1}` is `{ "a" : 1.0 }`. Python does it because a listed JSON value
is rare, and equality of JSON has many rules. Booleans are kept apart from numbers, which Python takes for
equal.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Protocol

JSON_TYPES: Final = frozenset({"object", "array", "geojson"})

type Nested = Mapping[str, object] | Sequence[object]


class FieldNotation(Protocol):
    """What the notation of a field's values depends on."""

    @property
    def type(self) -> str:
        """Such as ``list``."""
        ...

    @property
    def format(self) -> str:
        """``default``, or one of its type's."""
        ...

    @property
    def delimiter(self) -> str:
        """What stands between the items of a list."""
        ...


def nested_text(
    value: Nested,
    field: FieldNotation,
    item: Callable[[object], str | None],
    whole: Callable[[Nested], str | None],
) -> str | None:
    """Write an array or an object as its field reads it; None if it is not of the field's type.

    Parameters
    ----------
    value : mapping or sequence
    field : Field
    item : callable
        Writes what a list, or a geopoint, has in it; None of what is no item.
    whole : callable
        Writes the value as JSON; None if it is none.
    """
    if field.type in JSON_TYPES or field.type == "any":
        return whole(value)
    if field.type == "geopoint" and field.format != "default":
        return whole(value)
    if field.type not in {"geopoint", "list"} or isinstance(value, Mapping):
        return None
    delimiter = "," if field.type == "geopoint" else field.delimiter
    items = [item(each) for each in value]
    texts = [each for each in items if each is not None]
    # An item that holds the delimiter would become two.
    is_plain = len(texts) == len(items) and not any(delimiter in each for each in texts)
    return delimiter.join(texts) if is_plain else None


def json_text(value: object, scalar: Callable[[object], str]) -> str:
    """Write JSON whose texts, numbers and other scalars are written by `scalar`.

    Raises
    ------
    TypeError
        A name is none that `json.dumps` takes.
    ValueError
        It is a number that is not finite.
    """
    if isinstance(value, Mapping):
        members = (f"{scalar(_name(name))}: {json_text(each, scalar)}" for name, each in list(value.items()))
        return f"{{{', '.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(json_text(each, scalar) for each in value)}]"
    return scalar(value)


def _name(name: object) -> str:
    """Write a member's name, without its quotes."""
    if isinstance(name, str):
        return name
    if name is None or isinstance(name, bool | int | float):
        return json.dumps(name, allow_nan=False)
    raise TypeError(f"{type(name).__name__} names no member")


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
