"""The reference for rules across fields: their truth, as SQL's `CHECK` has it.

Rules are read by feedmill's own reader; what they say of a record is worked out here, on Python values.
"""

from collections.abc import Mapping

from feedmill.rules import Comparison, Junction, Literal, Negation, Presence, Test
from feedmill.schema import Schema
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
        case Junction(word, left, right):
            sides = [truth(left, schema, values), truth(right, schema, values)]
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
