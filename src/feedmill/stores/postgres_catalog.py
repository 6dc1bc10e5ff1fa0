"""What PostgreSQL's catalog says about a table, and whether a schema's fields fit into it.

A field fits a column when every value the kernel lets through comes back as it was. So numeric(10,2) does not
take a number without a scale: PostgreSQL would round it, and nobody would be told.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from feedmill.errors import StoreError
from feedmill.stores.ddl import base_type, postgres_type, quote, quoted
from feedmill.stores.transaction import count, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedmill.schema import Field, Schema
    from feedmill.stores.ddl import TableName
    from feedmill.stores.transaction import Transaction

FIND = "SELECT c.oid::bigint, c.relkind::text FROM pg_class c WHERE c.oid = to_regclass(?)"
# format_type with -1 names a type so that a cast to it neither cuts nor rounds: with NULL, bpchar would be
# character(1). "generated" covers GENERATED ALWAYS AS (…) and AS IDENTITY.
COLUMNS = """SELECT a.attname, coalesce(b.typname, t.typname), coalesce(b.typcategory, t.typcategory)::text,
  format_type(coalesce(b.oid, t.oid), -1), CASE WHEN b.oid IS NULL THEN a.atttypmod ELSE t.typtypmod END,
  (a.attgenerated <> '' OR a.attidentity = 'a')::int, (a.attnotnull AND NOT a.atthasdef AND a.attidentity =
  '')::int
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE a.attrelid = ?::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped"""
CONSTRAINTS = """SELECT k.conname, to_json(ARRAY(SELECT a.attname FROM pg_attribute a
  WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)))::text, 0
FROM pg_constraint k WHERE k.conrelid = ?::bigint::oid
UNION ALL
SELECT c.relname, to_json(ARRAY(SELECT a.attname FROM pg_attribute a
  WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])))::text,
  (i.indpred IS NULL AND i.indimmediate AND i.indisvalid AND i.indexprs IS NULL)::int
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisunique AND i.indrelid = ?::bigint::oid"""

TABLE_KINDS = {"r", "p"}
# Type categories that text can be cast to: strings, enums, uuid and jsonb and other types of their own,
# addresses.
FROM_TEXT = {"S", "E", "U", "I"}
# Base type of a field → column types that hold every value of it.
FITS = {
    "uuid": {"uuid", "text", "varchar"},
    "bigint": {"int2", "int4", "int8", "numeric", "text", "varchar"},
    "jsonb": {"jsonb"},
    "numeric": {"numeric", "text", "varchar"},
    "double precision": {"float8", "text", "varchar"},
    "boolean": {"bool"},
    "date": {"date", "text", "varchar"},
    "time": {"time"},
    "timestamptz": {"timestamptz", "timestamp"},
}
# Types that text is looked up in without a cast, so that an index on them serves.
TEXT_KEYS = {"text", "varchar", "bpchar", "citext"}
# Of those, the ones that take different texts for one key: blanks at the end, letter case.
LOOSE_KEYS = {"bpchar", "citext"}
MICROSECONDS = 6


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as the catalog has it; `cast` is its type without length or scale, `modifier` those."""

    name: str
    type: str
    category: str
    cast: str
    modifier: int
    generated: bool
    needed: bool


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table as the catalog has it; `keys` are the column sets an ON CONFLICT can name."""

    partitioned: bool
    columns: dict[str, CatalogColumn]
    constraints: dict[str, tuple[str, ...]]
    keys: tuple[frozenset[str], ...]


def read_table(transaction: Transaction, table: TableName) -> CatalogTable | None:
    """Look a table up; None when there is none.

    Raises
    ------
    StoreError
        The name stands for a view or another kind of relation.
    """
    found = transaction.execute(FIND, (table.sql,))
    if not found:
        return None
    [(oid, kind)] = found
    if kind not in TABLE_KINDS:
        raise StoreError(f"{table} is a view or another relation that cannot be loaded; name a table.")
    columns = {
        text(name): CatalogColumn(
            text(name), text(type_), text(category), text(cast), count(modifier), bool(made), bool(need)
        )
        for name, type_, category, cast, modifier, made, need in transaction.execute(COLUMNS, (oid,))
    }
    constraints: dict[str, tuple[str, ...]] = {}
    keys = []
    for name, members, usable in transaction.execute(CONSTRAINTS, (oid, oid)):
        constraints[text(name)] = tuple(json.loads(text(members)))
        if usable:
            keys.append(frozenset(constraints[text(name)]))
    return CatalogTable(kind == "p", columns, constraints, tuple(keys))


def check_fit(table: TableName, found: CatalogTable, schema: Schema, key: Sequence[str]) -> None:
    """Hold a table to a schema.

    Raises
    ------
    StoreError
        A column is missing, cannot hold the field's values exactly, or is not ours to fill; or the key has no
        unique index.
    """
    for field in schema.fields:
        column = found.columns.get(field.name)
        if column is None:
            raise StoreError(
                f"{table} has no column {field.name!r}: add it (ALTER TABLE {table.sql} ADD COLUMN "
                f"{quote(field.name)} "
                f"{postgres_type(field)}), or take the field out of the schema."
            )
        if column.generated:
            raise StoreError(
                f"{table}: PostgreSQL generates {field.name!r} itself; take the field out of the schema."
            )
        if reason := misfit(field, column, in_key=field.name in key):
            raise StoreError(f"{table}: column {field.name!r} is {column.type}, {reason}.")
    unfilled = [
        column.name for column in found.columns.values() if column.needed and column.name not in schema.names
    ]
    if unfilled:
        raise StoreError(
            f"{table}: column {unfilled[0]!r} must have a value and the schema has no such field; give the "
            "column a default."
        )
    if key and frozenset(key) not in found.keys:
        raise StoreError(
            f"{table} has no unique index on its key: CREATE UNIQUE INDEX ON {table.sql} ({quoted(key)}), "
            "or load with "
            "--mode append."
        )


def misfit(field: Field, column: CatalogColumn, *, in_key: bool) -> str:
    """Say why a column cannot hold a field's values; "" when it can."""
    base = base_type(field)
    if base == "text":
        if column.category not in FROM_TEXT or column.type == "json":
            return "and the field is a string: change the field's type, or the column's (jsonb for json)"
        if in_key and column.type not in TEXT_KEYS:
            return (
                "and the field is a string in the key: give the field that type, or the column the type text"
            )
        return ""
    if column.type not in FITS[base] or (in_key and column.category == "S"):
        return f"and the field is {base}: change the field's type, or the column's to {postgres_type(field)}"
    if base == "numeric" and column.type == "numeric" and column.modifier >= 0:
        kept = (column.modifier - 4) & 0x7FF
        if field.scale is None or kept < field.scale:
            return f"which rounds to {kept} decimals: give the field precision and scale, at most {kept}"
    if base in {"time", "timestamptz"} and column.modifier not in {-1, MICROSECONDS}:
        return "which rounds fractions of seconds: change the column's type"
    return ""
