"""What a field may declare about numbers in local dress, lists, categories and values written in JSON.

`declaration` asks here; the rules stand apart because they concern few fields.
"""

import json
from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Final

from feedmill.iso_4217 import CURRENCIES
from feedmill.json_values import JSON_TYPES

if TYPE_CHECKING:
    from feedmill.schema import Field

ITEM_TYPES: Final = ("string", "integer", "number", "boolean", "date", "time", "datetime")
_CATEGORICAL: Final = frozenset({"string", "integer"})


def number_complaints(field: "Field") -> Iterator[str]:
    """Say what is wrong with decimalChar, groupChar, bareNumber and currency."""
    marks = {"decimalChar": field.decimal_char, "groupChar": field.group_char}
    if field.type != "number" and field.decimal_char != ".":
        yield f"decimalChar is for numbers, and its type is {field.type}"
    if field.type not in {"number", "integer"} and (field.group_char is not None or not field.bare_number):
        yield f"groupChar and bareNumber are for numbers and integers, and its type is {field.type}"
    for name, mark in marks.items():
        if mark is not None and (len(mark) != 1 or mark.isalnum() or mark in "+-\0"):
            yield f"{name} is {mark!r}; it must be one character that is no digit, letter or sign"
    if field.type == "number" and field.decimal_char == field.group_char:
        yield f"decimalChar and groupChar are both {field.decimal_char!r}; one of them must be another"
    if field.currency and field.format != "price":
        yield "currency is for numbers of the format price"
    elif field.currency and field.currency not in CURRENCIES:
        yield f"currency {field.currency!r} is no code of ISO 4217; write three capital letters, like EUR"


def listing_complaints(field: "Field") -> Iterator[str]:
    """Say what is wrong with itemType, delimiter, categories and listed JSON values."""
    if field.type != "list" and (field.item_type, field.delimiter) != ("string", ","):
        yield f"itemType and delimiter are for lists, and its type is {field.type}"
    if field.item_type not in ITEM_TYPES:
        yield f"unknown itemType {field.item_type!r}; use one of {', '.join(ITEM_TYPES)}"
    if not field.delimiter:
        yield "delimiter is empty; write what stands between two items"
    if field.categories is not None:
        yield from _category_complaints(field, field.categories)
    elif field.categories_ordered:
        yield "categoriesOrdered says nothing without categories; list them"
    if field.type in JSON_TYPES:
        for text in field.constraints.enum or ():
            try:
                json.loads(text)
            except (ValueError, RecursionError):
                yield f"constraint enum: {text!r} is no JSON text"


def _category_complaints(field: "Field", categories: tuple[str, ...]) -> Iterator[str]:
    if field.type not in _CATEGORICAL:
        yield f"categories are for strings and integers, and its type is {field.type}"
    if not categories:
        yield "categories is empty, so nothing fits; list at least one value"
    if twice := [one for one, other in combinations(sorted(categories), 2) if one == other]:
        yield f"categories has {twice[0]!r} twice; leave one out"
    if stray := [each for each in field.constraints.enum or () if each not in categories]:
        yield f"constraint enum has {stray[0]!r}, which is none of the categories"
    if field.type == "integer":
        for each in categories:
            if not each.removeprefix("-").isdecimal() or not each.isascii():
                yield f"category {each!r} is no integer"
