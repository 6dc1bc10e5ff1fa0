"""Table Schema descriptors (https://datapackage.org/standard/table-schema/), v1 and v2: in and out.

Numbers keep the digits the file has: 0.1 is the decimal 0.1. The standard has unknown properties ignored, and
so they are, unless one looks like a known one written wrong, or in the wrong place: a `requird` that nobody
enforces is what schemas are there against.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from feedmill import keys, rules, transforms
from feedmill.declaration import CONSTRAINT_NAMES
from feedmill.errors import SchemaError
from feedmill.json_values import JSON_TYPES

if TYPE_CHECKING:
    from feedmill.schema import Field, Schema

_FIELD_NAMES: Final = {
    "name": "name",
    "type": "type",
    "format": "format",
    "title": "title",
    "description": "description",
    "transforms": "transforms",
    "missing_values": "missingValues",
    "precision": "precision",
    "scale": "scale",
    "storage": "storage",
    "true_values": "trueValues",
    "false_values": "falseValues",
    "decimal_char": "decimalChar",
    "group_char": "groupChar",
    "bare_number": "bareNumber",
    "currency": "currency",
    "item_type": "itemType",
    "delimiter": "delimiter",
    "categories": "categories",
    "categories_ordered": "categoriesOrdered",
}
_TEXTS: Final = frozenset(
    {"name", "type", "format", "title", "description", "storage", "decimal_char", "group_char"}
    | {"currency", "item_type", "delimiter"}
)
_LISTS: Final = frozenset({"transforms", "true_values", "false_values"})
_NUMBERS: Final = frozenset({"precision", "scale"})

# Types whose values a descriptor may have as JSON.
_WRITTEN_IN_JSON: Final = JSON_TYPES | {"geopoint"}

# Known, but without effect on a record.
_FIELD_REMARKS: Final = frozenset({"example", "rdfType", "constraints"})
_SCHEMA_REMARKS: Final = frozenset({"$schema", "title", "description", "fields"})
# Known, and ignoring them would let bad records through.
_FIELD_UNSUPPORTED: Final[frozenset[str]] = frozenset()
_CONSTRAINTS_UNSUPPORTED: Final[frozenset[str]] = frozenset()
_SCHEMA_UNSUPPORTED: Final[frozenset[str]] = frozenset()
_SCHEMA_NAMES: Final = frozenset(
    {"name", "primaryKey", "missingValues", "fieldsMatch", "rules", "uniqueKeys", "foreignKeys"}
)

# Known on another level: where names belong that would do nothing where they stand.
_BELOW: Final = dict.fromkeys(CONSTRAINT_NAMES.values(), 'under "constraints"')
_ABOVE: Final = dict.fromkeys(_SCHEMA_NAMES - {"name", "missingValues"}, 'beside "fields", in the schema')
_BESIDE: Final = dict.fromkeys(
    set(_FIELD_NAMES.values()) - {"name", "title", "description"}, 'in the field, beside "constraints"'
)
# Of the fields' other names, those that nobody has for a purpose of his own.
_INSIDE: Final = dict.fromkeys(CONSTRAINT_NAMES.values(), 'in a field, under "constraints"') | dict.fromkeys(
    ("constraints", "transforms", "trueValues", "falseValues", "decimalChar", "groupChar", "bareNumber"),
    "in a field",
)

_SIMILARITY: Final = 0.8
"""difflib's ratio from which an unknown property counts as a misspelling: one letter in six, or so."""

_FAR_SIMILARITY: Final = 0.85
"""The same of properties that belong elsewhere: `length`, which many schemas have, is not `minLength`."""


def read(path: Path) -> dict[str, object]:
    """Read a descriptor file, JSON unless its name ends in .toml, with every number's digits kept."""
    is_toml = path.suffix.lower() == ".toml"
    try:
        text = path.read_text("utf-8-sig")
        if is_toml:
            document: object = tomllib.loads(text, parse_float=Decimal)
        else:
            document = json.loads(
                text,
                parse_float=Decimal,
                parse_constant=_refuse_constant,
                object_pairs_hook=_without_repeats,
            )
    except OSError as error:
        raise SchemaError(f"cannot read it: {error.strerror}; check the path") from None
    except UnicodeDecodeError:
        raise SchemaError("it is not UTF-8; save it as UTF-8") from None
    except ValueError as error:
        raise SchemaError(f"not valid {'TOML' if is_toml else 'JSON'}: {error}") from None
    except RecursionError:
        raise SchemaError("it is nested too deeply for a schema") from None
    if not isinstance(document, dict):
        raise SchemaError('a schema is an object with the property "fields"')
    return document


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number; write it as a string")


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Make an object; JSON would let the last of equal names win, and constraints vanish unseen."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object; leave one out")
    return made


def schema_parts(document: Mapping[str, object]) -> dict[str, Any]:
    """Read what a descriptor says about the record as a whole, as keyword arguments of Schema."""
    known = _SCHEMA_NAMES | _SCHEMA_REMARKS | _SCHEMA_UNSUPPORTED
    _check_names("schema", document, known, _SCHEMA_UNSUPPORTED, _INSIDE)
    parts: dict[str, Any] = {}
    if "name" in document:
        parts["name"] = _text("schema", "name", document["name"])
    if "primaryKey" in document:
        key = document["primaryKey"]
        parts["primary_key"] = (key,) if isinstance(key, str) else _texts("schema", "primaryKey", key)
    if "missingValues" in document:
        parts["missing_values"] = _missing("schema", document["missingValues"])
    if "fieldsMatch" in document:
        # The standard's text has a word, its JSON profile a list with one.
        match = document["fieldsMatch"]
        words = (match,) if isinstance(match, str) else _texts("schema", "fieldsMatch", match)
        if len(words) != 1:
            raise SchemaError("schema: property fieldsMatch must be one word")
        parts["fields_match"] = words[0]
    if "rules" in document:
        if not isinstance(document["rules"], list):
            raise SchemaError("schema: property rules must be a list")
        parts["rules"] = tuple(map(rules.read, document["rules"]))
    if "uniqueKeys" in document:
        parts["unique_keys"] = keys.read_unique(document["uniqueKeys"])
    if "foreignKeys" in document:
        parts["foreign_keys"] = keys.read_foreign(document["foreignKeys"])
    return parts


def field_list(document: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Take the descriptors of the fields out of a schema's."""
    fields = document.get("fields")
    if not isinstance(fields, list) or not all(isinstance(each, Mapping) for each in fields):
        raise SchemaError('schema: it needs a property "fields", a list of objects')
    return fields


def field_parts(document: Mapping[str, object]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read one field's descriptor, as keyword arguments of Field and of Constraints."""
    where = f"field {document.get('name', '')!r}"
    known = frozenset(_FIELD_NAMES.values()) | _FIELD_REMARKS | _FIELD_UNSUPPORTED
    _check_names(where, document, known, _FIELD_UNSUPPORTED, _BELOW | _ABOVE)
    parts: dict[str, Any] = {"name": ""}
    for name, written in _FIELD_NAMES.items():
        if written in document and document[written] is not None:
            parts[name] = _property(where, name, written, document[written])
    return parts, _constraint_parts(where, document.get("constraints"), parts)


def _property(where: str, name: str, written: str, value: object) -> object:
    if name in _TEXTS:
        return _text(where, written, value)
    if name == "transforms" and isinstance(value, list):
        try:
            return tuple(map(transforms.read, value))
        except ValueError as error:
            raise SchemaError(f"{where}: transform {error}") from None
    if name in _LISTS:
        return _texts(where, written, value)
    if name in _NUMBERS:
        return _count(where, written, value)
    if name == "missing_values":
        return _missing(where, value)
    if name == "categories":
        return _categories(where, value)
    if not isinstance(value, bool):
        raise SchemaError(f"{where}: property {written} must be true or false")
    return value


def _categories(where: str, value: object) -> tuple[str, ...]:
    """Read categories: values, or objects with a value and a label, which is for people."""
    if not isinstance(value, list):
        raise SchemaError(
            f"{where}: property categories must be a list of values, or of objects with a value"
        )
    values = [each.get("value") if isinstance(each, Mapping) else each for each in value]
    for each in values:
        if not isinstance(each, str | int) or isinstance(each, bool):
            raise SchemaError(f"{where}: categories must be texts or whole numbers, and {each!r} is neither")
    return tuple(map(str, values))


def _constraint_parts(where: str, document: object, parts: Mapping[str, Any]) -> dict[str, Any]:
    if document is None:
        return {}
    if not isinstance(document, Mapping):
        raise SchemaError(f"{where}: property constraints must be an object")
    here = f"{where}: constraints"
    known = frozenset(CONSTRAINT_NAMES.values()) | _CONSTRAINTS_UNSUPPORTED
    _check_names(here, document, known, _CONSTRAINTS_UNSUPPORTED, _BESIDE)
    limits: dict[str, Any] = {}
    for name, written in CONSTRAINT_NAMES.items():
        value = document.get(written)
        if value is None:
            continue
        if name in {"required", "unique"}:
            if not isinstance(value, bool):
                raise SchemaError(f"{here}: {written} must be true or false")
            limits[name] = value
        elif name in {"min_length", "max_length"}:
            limits[name] = _count(here, written, value)
        elif name == "json_schema":
            limits[name] = json.dumps(value, default=float, ensure_ascii=False)
        elif name == "pattern":
            limits[name] = _text(here, written, value)
        elif name == "enum":
            if not isinstance(value, list):
                raise SchemaError(f"{here}: enum must be a list of values")
            limits[name] = tuple(_value(here, written, each, parts) for each in value)
        else:
            limits[name] = _value(here, written, value, parts)
    return limits


def _value(where: str, written: str, value: object, parts: Mapping[str, Any]) -> str:
    """Turn a constraint's value into the text a feed would have, digit for digit."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if parts.get("type") == "boolean":
            texts: tuple[str, ...] = parts.get("true_values" if value else "false_values", ())
            return next(iter(texts), str(value).lower())
        return str(value).lower()
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, list) and parts.get("type") == "list":
        return str(parts.get("delimiter", ",")).join(_value(where, written, each, {}) for each in value)
    if isinstance(value, list | Mapping) and parts.get("type") in _WRITTEN_IN_JSON:
        return json.dumps(value, default=float, ensure_ascii=False)
    raise SchemaError(f"{where}: {written} must be a number or a text, and {value!r} is neither")


def _check_names(
    where: str,
    document: Mapping[str, object],
    known: frozenset[str],
    refused: frozenset[str],
    elsewhere: Mapping[str, str],
) -> None:
    """Refuse names that look like known ones; `elsewhere` says where those of other levels belong."""
    near = {each.lower(): each for each in known}
    far = {each.lower(): each for each in elsewhere}
    for name, value in document.items():
        if name in refused and value:
            raise SchemaError(f"{where}: {name} is not supported, and ignoring it would let bad records in")
        if name in known or value is None or value is False:
            continue
        if name in elsewhere:
            raise SchemaError(f"{where}: {name!r} would do nothing here; put it {elsewhere[name]}")
        folded = name.replace("_", "").lower()
        if close := get_close_matches(folded, near, 1, _SIMILARITY):
            raise SchemaError(f"{where}: unknown property {name!r}; did you mean {near[close[0]]!r}?")
        if close := get_close_matches(folded, far, 1, _FAR_SIMILARITY):
            meant = far[close[0]]
            raise SchemaError(
                f"{where}: unknown property {name!r}; did you mean {meant!r}, {elsewhere[meant]}?"
            )


def _text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise SchemaError(f"{where}: property {name} must be a text")
    return value


def _texts(where: str, name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise SchemaError(f"{where}: property {name} must be a list of texts")
    return tuple(value)


def _missing(where: str, value: object) -> tuple[str, ...]:
    """Read missingValues: texts, or (v2) objects with a value and a label."""
    if isinstance(value, list):
        value = [each.get("value") if isinstance(each, Mapping) else each for each in value]
    return _texts(where, "missingValues", value)


def _count(where: str, name: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SchemaError(f"{where}: {name} must be a whole number")
    return value


def of_schema(schema: "Schema") -> dict[str, object]:
    """Write a schema as a v2 descriptor, leaving out what has its default."""
    document: dict[str, object] = {"$schema": "https://datapackage.org/profiles/2.0/tableschema.json"}
    if schema.name:
        document["name"] = schema.name
    document["fields"] = [_of_field(field) for field in schema.fields]
    if schema.primary_key:
        document["primaryKey"] = list(schema.primary_key)
    document["missingValues"] = list(schema.missing_values)
    if schema.fields_match != "exact":
        document["fieldsMatch"] = schema.fields_match
    if schema.rules:
        document["rules"] = list(map(rules.written, schema.rules))
    if schema.unique_keys:
        document["uniqueKeys"] = list(map(list, schema.unique_keys))
    if schema.foreign_keys:
        document["foreignKeys"] = list(map(keys.foreign_written, schema.foreign_keys))
    return document


def _of_field(field: "Field") -> dict[str, object]:
    plain = type(field)(field.name)
    document: dict[str, object] = {"name": field.name, "type": field.type}
    for name, written in _FIELD_NAMES.items():
        value = getattr(field, name)
        if value != getattr(plain, name):
            document[written] = list(value) if isinstance(value, tuple) else value
    if field.transforms:
        document["transforms"] = list(map(transforms.written, field.transforms))
    limits = {
        written: list(value) if isinstance(value, tuple) else value
        for name, written in CONSTRAINT_NAMES.items()
        if (value := getattr(field.constraints, name)) is not None and value is not False
    }
    if field.constraints.json_schema is not None:
        limits[CONSTRAINT_NAMES["json_schema"]] = json.loads(field.constraints.json_schema)
    if limits:
        document["constraints"] = limits
    return document
