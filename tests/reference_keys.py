"""The reference for keys: which records of a feed stay by a policy, and which record has a key that is taken.

It goes through the good records in their order, with a dictionary of Python values for each key.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from feedmill.codes import Code
from feedmill.keys import Duplicates
from feedmill.schema import Field, Schema
from tests.reference_kernel import Row
from tests.reference_values import Value

type Found = tuple[int, Code, tuple[str, ...], int]
"""A record, what was found, the key, and the record that has it; counted from 0."""


@dataclass
class Judgement:
    """What became of good records."""

    stays: list[int] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    findings: list[Found] = field(default_factory=list)


def judge(rows: Iterable[Row], schema: Schema, policy: Duplicates) -> Judgement:
    single = [(each.name,) for each in schema.fields if each.constraints.unique]
    keys = [(key, Code.UNIQUE) for key in dict.fromkeys([*single, *schema.unique_keys])]
    # By the policy "last" a table keeps the last record of a primary key; nobody else looks.
    if schema.primary_key and policy != "last":
        keys.insert(0, (schema.primary_key, Code.DUPLICATE_KEY))
    holders: list[dict[tuple[object, ...], int]] = [{} for _ in keys]
    judged = Judgement()
    for row in rows:
        found: list[Found] = []
        own = [_values(row, schema, names) for names, _ in keys]
        for (names, code), held, values in zip(keys, holders, own, strict=True):
            if values in held:
                found.append((row.record, code, names, held[values]))
        if not found:
            # A record that is out takes no key away from others.
            judged.stays.append(row.record)
            for held, values in zip(holders, own, strict=True):
                if None not in values:
                    held[values] = row.record
        elif policy == "first":
            judged.duplicates.append(row.record)
        else:
            judged.findings += found
    return judged


def _values(row: Row, schema: Schema, names: Iterable[str]) -> tuple[object, ...]:
    return tuple(_comparable(row.values[schema.names.index(name)], schema.field(name)) for name in names)


def _comparable(value: Value | None, declared: Field) -> object:
    """Make equal what a key takes for equal."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    return str(value).lower() if value is not None and declared.format == "uuid" else value
