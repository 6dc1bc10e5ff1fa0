"""What one field may declare: types, formats, transforms, constraints, and which of them go together.

Everything unknown is an error that lists what is known: a constraint that was silently not checked would be
worse than none.

If you add a type, format or transform: add it here, in `codes`, in the kernel, and in
`tests/reference_kernel.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields as attributes
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from feedmill import json_schema, patterns, transforms
from feedmill.declared_kinds import listing_complaints, number_complaints
from feedmill.errors import SchemaError
from feedmill.json_values import JSON_TYPES
from feedmill.rules import Named

if TYPE_CHECKING:
    from feedmill.rules import Rule
    from feedmill.schema import Constraints, Field

TYPES: Final = (
    *("string", "integer", "number", "boolean", "date", "time", "datetime", "year", "yearmonth", "duration"),
    *("list", "object", "array", "geopoint", "geojson", "any"),
)
STRING_FORMATS: Final = (
    *("email", "uri", "uuid", "binary"),
    *("gtin", "isbn", "vin", "currency", "country", "language"),
)
# Besides default; date, time and datetime have patterns too.
FORMATS: Final = {
    "string": STRING_FORMATS,
    "number": ("price",),
    "geopoint": ("array", "object"),
    "geojson": ("topojson",),
}
TEMPORAL_TYPES: Final = frozenset({"date", "time", "datetime"})
STORAGES: Final = ("decimal", "float64")
MAX_PRECISION: Final = 1_000
"""Digits a PostgreSQL numeric(precision, scale) may declare."""

# Python name → the name people read and write in a schema file.
CONSTRAINT_NAMES: Final = {
    "required": "required",
    "unique": "unique",
    "min_length": "minLength",
    "max_length": "maxLength",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
    "pattern": "pattern",
    "enum": "enum",
    "json_schema": "jsonSchema",
}
BOUNDS: Final = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
_COUNTED_TYPES: Final = ("string", "list", "array", "object")
_ORDERED_TYPES: Final = frozenset({"integer", "number", "year", "yearmonth", "duration"}) | TEMPORAL_TYPES

_DATE_DIRECTIVES: Final = frozenset("YymdbBj")
_TIME_DIRECTIVES: Final = frozenset("HIpMSf")
_ZONE_DIRECTIVES: Final = frozenset("z")
_DIRECTIVES: Final = {
    "date": _DATE_DIRECTIVES,
    "time": _TIME_DIRECTIVES,
    "datetime": _DATE_DIRECTIVES | _TIME_DIRECTIVES | _ZONE_DIRECTIVES,
}
# Directives that say the same thing: a pattern has at most one of each group.
_RIVALS: Final = ("Yy", "mbBj", "dj", "HI", "p", "M", "S", "f", "z")


def check(field: "Field") -> None:
    """Raise a SchemaError if a field's declaration is unknown or contradicts itself."""
    for complaint in _complaints(field):
        raise SchemaError(f"field {field.name!r}: {complaint}")


def brief(value: object, plain: object) -> str:
    """Write a dataclass's repr with only what differs from its defaults."""
    shown = [
        f"{each.name}={getattr(value, each.name)!r}"
        for each in attributes(value)  # type: ignore[arg-type]
        if getattr(value, each.name) != getattr(plain, each.name)
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def _complaints(field: "Field") -> Iterator[str]:
    """Say what is wrong, the most basic thing first; what follows it may not make sense."""
    if not field.name:
        yield "a field needs a name; give it one"
    if field.type not in TYPES:
        yield f"unknown type {field.type!r}; use one of {', '.join(TYPES)}"
    yield from _format_complaints(field)
    yield from transforms.complaints(field.transforms, field.type)
    yield from _number_complaints(field)
    yield from _boolean_complaints(field)
    yield from listing_complaints(field)
    yield from _constraint_complaints(field)


def _format_complaints(field: "Field") -> Iterator[str]:
    if field.format == "default":
        return
    if field.type in TEMPORAL_TYPES:
        if "%" in field.format:
            yield from _pattern_complaints(field)
        elif field.format != "any":
            yield f"unknown format {field.format!r}; use default, any, or a pattern of % directives"
    elif formats := FORMATS.get(field.type):
        if field.format not in formats:
            known = "default or " if len(formats) == 1 else "one of default, "
            yield f"unknown format {field.format!r}; use {known}{', '.join(formats)}"
    else:
        yield f"unknown format {field.format!r}; a {field.type} has only the format default"


def _pattern_complaints(field: "Field") -> Iterator[str]:
    """Hold a strptime pattern to the directives there are, and to saying each part once, and completely."""
    used = re.findall(r"%(.?)", field.format, re.DOTALL)
    allowed = _DIRECTIVES[field.type]
    for letter in used:
        if letter not in allowed | {"%"}:
            listed = " ".join(sorted("%" + each for each in allowed))
            yield f"format: %{letter} cannot stand in a {field.type}; use {listed}"
    for group in _RIVALS:
        if sum(used.count(letter) for letter in group) > 1:
            rivals = " ".join(f"%{letter}" for letter in group)
            yield f"format: only one of {rivals} may stand in {field.format!r}"
    parts = set(used)
    tells_day = "j" in parts or ("d" in parts and parts & {"m", "b", "B"})
    if field.type != "time" and not (tells_day and parts & {"Y", "y"}):
        yield f"format: {field.format!r} does not tell a day; it needs a year, a month and a day"
    if field.type == "time" and not parts & {"H", "I"}:
        yield f"format: {field.format!r} does not tell an hour; it needs %H, or %I and %p"
    if ("I" in parts) != ("p" in parts):
        yield "format: %I and %p only make sense together; use %H for an hour from 00 to 23"
    if "f" in parts and "S" not in parts:
        yield "format: %f is a fraction of %S, which is not there"


def _number_complaints(field: "Field") -> Iterator[str]:
    yield from number_complaints(field)
    if field.storage not in STORAGES:
        yield f"unknown storage {field.storage!r}; use one of {', '.join(STORAGES)}"
    sized = field.precision is not None or field.scale is not None
    if field.type != "number" and (sized or field.storage != "decimal"):
        yield f"precision, scale and storage are for numbers, and its type is {field.type}"
    if field.storage == "float64" and sized:
        yield "precision and scale are for exact numbers; leave them out, or leave out storage: float64"
    if field.scale is not None and field.precision is None:
        yield "scale says nothing without precision; give both"
    if field.precision is not None:
        if not 1 <= field.precision <= MAX_PRECISION:
            yield f"precision is {field.precision}; it must be from 1 to {MAX_PRECISION}"
        if not 0 <= (field.scale or 0) <= field.precision:
            yield f"scale is {field.scale}; it must be from 0 to the precision, {field.precision}"


def _boolean_complaints(field: "Field") -> Iterator[str]:
    if field.type != "boolean":
        return
    if not field.true_values or not field.false_values:
        yield "trueValues and falseValues need at least one text each"
    if both := set(field.true_values) & set(field.false_values):
        yield f"{min(both)!r} is among trueValues and among falseValues; leave one out"


def _constraint_complaints(field: "Field") -> Iterator[str]:
    limits = field.constraints
    if limits.unique and field.type in JSON_TYPES:
        yield f"constraint unique is not for {field.type}: equal JSON can be written in many ways"
    for name, written in CONSTRAINT_NAMES.items():
        if getattr(limits, name) is None:
            continue
        if name == "pattern" and field.type != "string":
            yield f"constraint {written} is for strings, and its type is {field.type}"
        if name == "json_schema" and field.type not in JSON_TYPES:
            yield f"constraint {written} is for {', '.join(sorted(JSON_TYPES))}, and its type is {field.type}"
        if name in {"min_length", "max_length"} and field.type not in _COUNTED_TYPES:
            yield f"constraint {written} is for {', '.join(_COUNTED_TYPES)}, and its type is {field.type}"
        if name in BOUNDS and field.type not in _ORDERED_TYPES:
            yield f"constraint {written} is for numbers, dates and times, and its type is {field.type}"
    yield from _limit_complaints(limits)
    for name, text in _listed(limits):
        if complaint := value_complaint(field, text):
            yield f"constraint {CONSTRAINT_NAMES[name]}: {complaint}"


def _limit_complaints(limits: "Constraints") -> Iterator[str]:
    shortest, longest = limits.min_length, limits.max_length
    for name, length in (("minLength", shortest), ("maxLength", longest)):
        if length is not None and length < 0:
            yield f"constraint {name} is {length}; a length is 0 or more"
    if shortest is not None and longest is not None and shortest > longest:
        yield f"constraint minLength is {shortest} and maxLength {longest}, so nothing fits; exchange them?"
    if limits.enum is not None and not limits.enum:
        yield "constraint enum is empty, so nothing fits; list at least one value"
    if limits.json_schema is not None:
        yield from json_schema.complaints(json.loads(limits.json_schema))
    if limits.pattern is not None and (complaint := patterns.complaint(limits.pattern)):
        yield f"constraint pattern {complaint}"


def _listed(limits: "Constraints") -> Iterator[tuple[str, str]]:
    """List the texts among the constraints that are read as values of the field."""
    for name in BOUNDS:
        if (text := getattr(limits, name)) is not None:
            yield name, text
    for text in limits.enum or ():
        yield "enum", text


def value_complaint(field: "Field", text: str) -> str | None:
    """Say why a text is no value of a number or boolean; dates and times are read by the kernel's plan."""
    if field.type == "boolean" and text not in field.true_values + field.false_values:
        return f"{text!r} is none of {', '.join(field.true_values + field.false_values)}"
    if field.type not in {"integer", "number"}:
        return None
    try:
        value = Decimal(text) if text.isascii() and "_" not in text and text == text.strip() else None
    except InvalidOperation:
        value = None
    if value is None or (not value.is_finite() and field.storage != "float64"):
        return f"{text!r} is no number; write it like 1234.5"
    if field.type == "integer" and value != value.to_integral_value():
        return f"{text!r} is no integer"
    return None


# Types whose values a rule can compare with one another, each kept by the kernel in a way of its own.
_COMPARED: Final = {
    "string": "text",
    "any": "text",
    "integer": "number",
    "number": "number",
    **{name: name for name in ("boolean", "date", "time", "datetime", "year", "yearmonth")},
}


def rule_complaints(rule: "Rule", fields: Mapping[str, "Field"]) -> Iterator[str]:
    """Say what is wrong with a rule, given a schema's fields by name."""
    if stray := [name for name in rule.fields if name not in fields]:
        yield f"no field is named {stray[0]!r}; the fields are {', '.join(fields)}"
        return
    for left, sign, right in rule.comparisons:
        field = fields[left.field]
        kind = _compared(field)
        if kind is None:
            yield f"a {field.type} can only be required or missing, and {field.name!r} is compared"
        elif kind == "boolean" and sign not in {"=", "!="}:
            yield f"{field.name!r} is a boolean, and no boolean is less than another; use = or !="
        elif isinstance(right, Named):
            if _compared(fields[right.field]) != kind:
                yield f"{field.name!r} and {right.field!r} are of types that cannot be compared"
        elif (kind == "text") != (right.kind == "text") and kind in {"text", "number"}:
            expected = "a text in quotes" if kind == "text" else "a number"
            yield f"{field.name!r} is compared with {right.text!r}; write {expected}"
        elif right.kind != "word" or kind != "boolean":
            complaint = value_complaint(field, right.text)
            yield from [complaint] if complaint else []


def _compared(field: "Field") -> str | None:
    return "float64" if field.storage == "float64" else _COMPARED.get(field.type)
