"""Tables for schemas: names, column types, CREATE TABLE.

Every name in an SQL text of feedmill comes from here (`quote`), and any name a database could read as another
is refused before it gets there: a NUL ends it early, and PostgreSQL cuts what is longer than 63 bytes, so
that two columns become one.

If you add a field type, give it a line in `POSTGRES_TYPES` and `sqlite_type`, and its families in
`postgres_catalog`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from feedmill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feedmill.schema import Field, Schema

Flavour = Literal["postgresql", "sqlite"]

# NAMEDATALEN - 1; a server built otherwise is not worth a round trip.
POSTGRES_NAME_BYTES = 63
# What a double keeps of any decimal: SQLite turns a NUMERIC column's text into one.
SQLITE_EXACT_DIGITS = 15

POSTGRES_TYPES = {
    "string": "text",
    "integer": "bigint",
    "number": "numeric",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "datetime": "timestamptz",
    "year": "bigint",
    "object": "jsonb",
    "array": "jsonb",
    "geojson": "jsonb",
    **dict.fromkeys(("yearmonth", "duration", "list", "geopoint", "any"), "text"),
}


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's name, and the schema it stands in when that is given.

    Thread safety
    -------------
    immutable

    Examples
    --------
    >>> TableName.parse('shop."odd.name"')
    TableName(name='odd.name', namespace='shop')
    >>> TableName.parse("order items").sql
    '"order items"'
    """

    name: str
    namespace: str = ""

    @classmethod
    def parse(cls, text: str) -> TableName:
        """Read ``table``, ``schema.table``, or either part in double quotes, as SQL would.

        Raises
        ------
        UsageError
            It is neither.
        """
        match = re.fullmatch(r'(?:("(?:[^"]|"")+"|[^".]+)\.)?("(?:[^"]|"")+"|[^".]+)', text)
        if match is None:
            raise UsageError(
                f"{text!r} is no table's name: write table or schema.table, and double quotes around a part "
                "with a dot."
            )
        return cls(unquote(match[2]), unquote(match[1] or ""))

    @property
    def sql(self) -> str:
        """The name as it stands in a statement."""
        return ".".join(quote(part) for part in (self.namespace, self.name) if part)

    def __str__(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


def quote(name: str) -> str:
    """Write a checked name as an SQL identifier.

    Examples
    --------
    >>> quote('5" nails')
    '"5"" nails"'
    """
    return '"' + name.replace('"', '""') + '"'


def unquote(part: str) -> str:
    """Undo `quote` where a part is quoted."""
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def check_names(table: TableName, columns: Sequence[str], flavour: Flavour) -> None:
    """Refuse names that the database would read as other names.

    Raises
    ------
    UsageError
        A name is empty, holds a NUL, is too long, or two columns are the same to the database.
    """
    for name in (table.name, table.namespace or "-", *columns):
        if not name or "\0" in name:
            raise UsageError(
                f"{name!r} cannot name a table or column: it is empty or holds a NUL character; rename it."
            )
        size = len(name.encode("utf-8", "surrogatepass"))
        if flavour == "postgresql" and size > POSTGRES_NAME_BYTES:
            raise UsageError(
                f"The name {name!r} has {size} bytes and PostgreSQL keeps {POSTGRES_NAME_BYTES}; shorten it "
                "in the schema."
            )
    # SQLite folds ASCII letters of names, quoted or not.
    folded = [ascii_lower(name) if flavour == "sqlite" else name for name in columns]
    for name, same in zip(columns, folded, strict=True):
        if folded.count(same) > 1:
            raise UsageError(
                f"Two fields are the same column to SQLite: {name!r} in other letter case; rename one."
            )


def ascii_lower(name: str) -> str:
    """Lower the letters A to Z and no others."""
    return re.sub("[A-Z]+", lambda letters: letters[0].lower(), name)


def base_type(field: Field) -> str:
    """Name the PostgreSQL type that the kernel's COPY bytes of a field have."""
    if field.type == "string" and field.format == "uuid":
        return "uuid"
    if field.type == "number" and field.storage == "float64":
        return "double precision"
    return POSTGRES_TYPES[field.type]


def postgres_type(field: Field) -> str:
    """Name the type of a new PostgreSQL column."""
    if field.precision is not None:
        return f"numeric({field.precision},{field.scale or 0})"
    return base_type(field)


def sqlite_type(field: Field) -> str:
    """Name the type of a new SQLite column, of which SQLite takes the affinity.

    A decimal is TEXT unless a double holds every value of its precision: a NUMERIC column would round it.
    """
    if field.type == "number":
        if field.storage == "float64":
            return "REAL"
        if field.precision is not None and field.precision <= SQLITE_EXACT_DIGITS:
            return f"NUMERIC({field.precision},{field.scale or 0})"
    return "INTEGER" if field.type in {"integer", "boolean", "year"} else "TEXT"


def create_table(table: TableName, schema: Schema, key: Sequence[str], flavour: Flavour) -> str:
    """Write CREATE TABLE for a schema.

    Parameters
    ----------
    table : TableName
    schema : Schema
    key : sequence of str
        Fields of the primary key; empty for a table without one.
    flavour : str
        ``postgresql`` or ``sqlite``.
    """
    type_of = postgres_type if flavour == "postgresql" else sqlite_type
    lines = [
        f"{quote(field.name)} {type_of(field)}{' NOT NULL' if field.constraints.required else ''}"
        for field in schema.fields
    ]
    if key:
        lines.append(f"PRIMARY KEY ({quoted(key)})")
    return f"CREATE TABLE IF NOT EXISTS {table.sql} (\n  " + ",\n  ".join(lines) + "\n)"


def quoted(names: Iterable[str]) -> str:
    """List names as SQL identifiers."""
    return ", ".join(quote(name) for name in names)
