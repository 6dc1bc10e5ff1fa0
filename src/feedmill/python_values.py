"""The notation of Python's values, where they are neither text nor of a type that the kernel knows.

The kernel reads texts, integers, floats, booleans, dates and times of Python itself; for everything else it
asks `plain_text`, which says how a feed would write the value, or that no feed would.
"""

import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from typing import cast
from uuid import UUID

from feedmill.json_values import FieldNotation, Nested, json_text, nested_text

__all__ = ["plain_text", "shown_text"]

_NUMBERS = frozenset({"number", "year"})
_NUMERIC = (int, float, Decimal)
_NESTED = (Mapping, list, tuple)


def plain_text(value: object, field: FieldNotation) -> str | None:
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
    if isinstance(value, _NESTED):
        return nested_text(cast("Nested", value), field, _item, _json)
    if field.type == "any":
        return _item(value)
    if isinstance(value, _NUMERIC):
        return _number(value, field.type)
    is_own = isinstance(value, UUID) and field.type == "string"
    is_own |= isinstance(value, timedelta) and field.type == "duration"
    return _item(value) if is_own else None


def shown_text(value: object) -> str:
    """Write a value as a finding shows it, whatever it is."""
    try:
        return str(value)
    except Exception as error:
        return f"<{type(value).__name__}: {type(error).__name__}>"


def _number(value: float | Decimal, kind: str) -> str | None:
    if kind not in _NUMBERS or isinstance(value, bool):
        return None
    if isinstance(value, int):
        value = int.__int__(value)  # of an enum's member, which would write its name
    try:
        if kind == "year":
            if not isinstance(value, int):
                return None
            return str(value) if value < 0 else f"{value:04d}"
        text = repr(float(value)) if isinstance(value, float) else str(value)
        # The feed's notation of decimals has no exponent; a million zeros are no number anyone meant.
        if "E" in text.upper() and abs(Decimal(text).adjusted()) <= 1_000:
            text = f"{Decimal(text):f}"
    except (ValueError, ArithmeticError):
        # An int of more digits than Python writes; a Decimal whose text is no number.
        return None
    return text


def _json(value: Nested) -> str | None:
    # By our own steps: without the GIL, `json.dumps` crashes where another thread changes the value.
    try:
        return json_text(value, _scalar)
    except (TypeError, ValueError, RuntimeError):  # also of a dict that changes; nested without end
        return None


def _scalar(value: object) -> str:
    """Write what stands in JSON: a number by its digits, and what JSON has no notation for as a text."""
    if value is None or isinstance(value, str | bool | int | float):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    text = _item(value)
    if text is None:
        raise TypeError
    return text if isinstance(value, Decimal) else json.dumps(text)


def _item(value: object) -> str | None:
    """Write what stands by itself, or in a list; None if no feed would have it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):  # a datetime is a date
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, float | Decimal) and not Decimal(value).is_finite():
        return None
    return _number(value, "number") if isinstance(value, _NUMERIC) else None


def _duration(value: timedelta) -> str:
    sign = "-" if value < timedelta(0) else ""
    value = abs(value)
    seconds = f"{value.seconds}.{value.microseconds:06d}" if value.microseconds else str(value.seconds)
    return f"{sign}P{value.days}DT{seconds}S"
