"""Keys of a schema: what no two records may share, and what has to be in another file.

Which record of a key stays is the policy of a run, `DUPLICATES`; see `feedmill.pipeline.duplicates`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from feedmill.errors import SchemaError
from feedmill.json_values import JSON_TYPES

if TYPE_CHECKING:
    from feedmill.schema import Field

type Duplicates = Literal["last", "first", "reject"]
DUPLICATES: Final[tuple[Duplicates, ...]] = ("last", "first", "reject")


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Fields whose values have to be those of a record elsewhere.

    Parameters
    ----------
    fields : tuple of str
        Of the schema.
    resource : str
        Where: a file, its path from the schema's folder, or a name that a run gives a file or a table. Empty:
        the feeds themselves.
    columns : tuple of str
        The fields there, in the order of `fields`.
    """

    fields: tuple[str, ...]
    resource: str
    columns: tuple[str, ...]


def read_unique(value: object) -> tuple[tuple[str, ...], ...]:
    """Read the property uniqueKeys."""
    if not isinstance(value, list):
        raise SchemaError("schema: property uniqueKeys must be a list of lists of field names")
    return tuple(_names("uniqueKeys", each) for each in value)


def read_foreign(value: object) -> tuple[ForeignKey, ...]:
    """Read the property foreignKeys."""
    if not isinstance(value, list):
        raise SchemaError("schema: property foreignKeys must be a list of objects")
    keys = []
    for each in value:
        reference = each.get("reference") if isinstance(each, Mapping) else None
        if not isinstance(reference, Mapping) or not isinstance(reference.get("resource", ""), str):
            raise SchemaError(
                'foreignKeys: each must be an object like {"fields": ["dealer"], "reference": '
                '{"resource": "dealers.csv", "fields": ["code"]}}'
            )
        fields = _names("foreignKeys", each.get("fields"))
        keys.append(
            ForeignKey(fields, reference.get("resource", ""), _names("foreignKeys", reference.get("fields")))
        )
    return tuple(keys)


def foreign_written(key: ForeignKey) -> dict[str, object]:
    """Write a foreign key as a descriptor has it."""
    resource = {"resource": key.resource} if key.resource else {}
    return {"fields": list(key.fields), "reference": {**resource, "fields": list(key.columns)}}


def complaints(
    fields: Mapping[str, "Field"],
    keys: Mapping[str, tuple[tuple[str, ...], ...]],
    foreign: tuple[ForeignKey, ...],
) -> Iterator[str]:
    """Say what is wrong with keys, given a schema's fields by name; `keys` are by their property."""
    for written, listed in {**keys, "foreignKeys": tuple(key.fields for key in foreign)}.items():
        for names in listed:
            yield from _key_complaints(written, names, fields)
    for key in foreign:
        if len(key.fields) != len(key.columns):
            yield f"foreignKeys: {len(key.fields)} fields refer to {len(key.columns)}; give as many of each"
        if not key.resource and (stray := [name for name in key.columns if name not in fields]):
            yield f"foreignKeys: it refers to the feed itself, where no field is named {stray[0]!r}"


def _key_complaints(written: str, names: tuple[str, ...], fields: Mapping[str, "Field"]) -> Iterator[str]:
    if stray := [name for name in names if name not in fields]:
        yield f"{written}: no field is named {stray[0]!r}; the fields are {', '.join(fields)}"
        return
    if len(set(names)) < len(names):
        yield f"{written}: it names a field twice; name each once"
    for name in names:
        if fields[name].type in JSON_TYPES:
            yield (
                f"{written}: {name!r} is of type {fields[name].type}, and equal JSON can be written in "
                "many ways; take a field of another type"
            )


def _names(written: str, value: object) -> tuple[str, ...]:
    """Read one field's name, or a list of some."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(each, str) for each in names):
        raise SchemaError(f"schema: property {written}: fields must be a list of names, with one at least")
    return tuple(names)
