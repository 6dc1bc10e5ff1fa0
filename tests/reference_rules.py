"""The reference for rules across fields: their truth, as SQL's `CHECK` has it.

Rules are read by feedmill's own reader; what they say of a record is worked out here, on Python values.
"""

import datetime as dt
import math
from collections.abc import Mapping

from feedmill.rules import Comparison, Junction, Literal, Negation, Presence, Rule, Test
from feedmill.schema import Field, Schema
from tests.reference_values import Value, constant

type Truth = bool | None


def is_broken(test: Test, schema: Schema, values: Mapping[str, Value | None]) -> bool:
    return truth(test, schema, values) is False


def truth(test: Test, schema: Schema, values: Mapping[str, Value | None]) -> Truth:
    match test:
        case Presence(field):
            return values[field] is not None
        case Negation(inner):
            found = truth(inner, schema, values)
            return None if found is None else not found
        case Junction(word, tests):
            sides = [truth(each, schema, values) for each in tests]
            decides = word == "or"
            if decides in sides:
                return decides
            return None if None in sides else not decides
        case Comparison():
            return compared(test, schema, values)


def compared(test: Comparison, schema: Schema, values: Mapping[str, Value | None]) -> Truth:
    left = values[test.left.field]
    right: object
    if isinstance(test.right, Literal):
        right = literal(test.right, schema, test.left.field)
    else:
        right = values[test.right.field]
    if left is None or right is None:
        return None
    a, b = left, right
    match test.sign:
        case "=":
            return bool(a == b)
        case "!=":
            return bool(a != b)
        case "<":
            return bool(a < b)  # type: ignore[operator]
        case "<=":
            return bool(a <= b)  # type: ignore[operator]
        case ">":
            return bool(a > b)  # type: ignore[operator]
    return bool(a >= b)  # type: ignore[operator]


def literal(given: Literal, schema: Schema, name: str) -> object:
    field = schema.field(name)
    if field.type == "boolean" and given.kind == "word":
        return given.text == "true"
    return constant(given.text, field)


def told(rule: Rule, schema: Schema, values: Mapping[str, Value | None], texts: Mapping[str, str]) -> bytes:
    """Write the values of a rule's fields, as its finding has them."""
    shown = (f"{name}={text_of(values[name], schema.field(name), texts)}" for name in rule.fields)
    return ", ".join(shown).encode()


def text_of(value: Value | None, declared: Field, texts: Mapping[str, str]) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            return "NaN" if math.isnan(value) else "INF" if value == math.inf else repr(value)
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case dt.date() | dt.time():
            return value.isoformat()
    # A decimal without a declared scale is kept as it was written.
    is_written = declared.type == "number" and declared.precision is None
    return texts[declared.name] if is_written else f"{value:f}" if declared.type == "number" else str(value)
