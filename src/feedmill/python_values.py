"""The notation of Python's values, where they are neither text nor of a type that the kernel knows.

The kernel reads texts, integers, floats, booleans, dates and times of Python itself; for everything else it
asks `plain_text`, which says how a feed would write the value, or that no feed would.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

__all__ = ["plain_text", "shown_text"]

_NUMBERS = frozenset({"number", "year"})
_NUMERIC = (int, float, Decimal)
_NESTED = (Mapping, list, tuple)


class _Field(Protocol):
    @property
    def type(self) -> str: ...
    @property
    def format(self) -> str: ...
    @property
    def delimiter(self) -> str: ...


def plain_text(value: object, field: _Field) -> str | None:
    """Write a value as its field reads it; None if it is not of the field's type.

    Parameters
    ----------
    value : object
        Of a float the shortest digits count that are this float's and no other's, those which Python shows.
    field : Field

    Examples
    --------
    >>> from feedmill.schema import Field
    >>> plain_text(Decimal("1E+2"), Field("price", "number")), plain_text(7, Field("name"))
    ('100', None)
    >>> plain_text([1, 2], Field("sizes", "list")), plain_text([1, 2], Field("sizes", "array"))
    ('1,2', '[1, 2]')
    """
    if isinstance(value, _NUMERIC):
        return _number(value, field.type)
    if isinstance(value, _NESTED):
        return _nested(value, field)
    if isinstance(value, UUID) and field.type == "string":
        return str(value)
    if isinstance(value, timedelta) and field.type == "duration":
        return _duration(value)
    return None


def shown_text(value: object) -> str:
    """Write a value as a finding shows it, whatever it is."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _number(value: float | Decimal, kind: str) -> str | None:
    if kind not in _NUMBERS or isinstance(value, bool):
        return None
    if kind == "year":
        return f"{value:04d}" if isinstance(value, int) else None
    try:
        text = repr(float(value)) if isinstance(value, float) else str(value)
        # The feed's notation of decimals has no exponent; a million zeros are no number anyone meant.
        if "E" in text.upper() and abs(Decimal(text).adjusted()) <= 1_000:
            text = f"{Decimal(text):f}"
    except ValueError:  # an int of more digits than Python writes
        return None
    return text


def _nested(value: Mapping[object, object] | Sequence[object], field: _Field) -> str | None:
    if field.type == "list":
        return None if isinstance(value, Mapping) else _joined(value, field.delimiter)
    if field.type == "geopoint" and field.format == "default":
        return None if isinstance(value, Mapping) else _joined(value, ",")
    if field.type not in {"object", "array", "geojson", "geopoint", "any"}:
        return None
    try:
        return json.dumps(dict(value) if isinstance(value, Mapping) else value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return None


def _joined(items: Iterable[object], delimiter: str) -> str | None:
    """Write a list; None if an item is none, or holds the delimiter, as it would become two."""
    texts = []
    for each in items:
        text = _item(each)
        if text is None or delimiter in text:
            return None
        texts.append(text)
    return delimiter.join(texts)


def _item(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    return _number(value, "number") if isinstance(value, _NUMERIC) else None


def _duration(value: timedelta) -> str:
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    seconds = f"{value.seconds}.{value.microseconds:06d}" if value.microseconds else str(value.seconds)
    return f"{sign}P{value.days}DT{seconds}S"
