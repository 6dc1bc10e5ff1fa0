"""The header of a feed: reading it, and holding it against a schema.

`read_columns` lets the kernel take the header rows apart, so a header is quoted, escaped and delimited by
the very rules that hold for the records below it. `bind` then says which of the file's columns feeds which
field, or why it cannot be done and what to do about it.
"""

import dataclasses
import difflib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema

__all__ = ["MAX_COLUMNS", "bind", "listed", "read_columns", "split_cells", "text_plan"]

MAX_COLUMNS: Final = 1_600
"""Columns a header may have: what one PostgreSQL table can hold, and more than any file means to have."""

_ROW_END_ADVICE: Final = "\nits rows seem to end with carriage returns alone: --sniff finds that out"
_NAMES_SHOWN: Final = 8  # in a message: enough to see what is going on, little enough for two lines


def read_columns(rows: Sequence[bytes], dialect: Dialect, feed: str) -> tuple[str, ...]:
    """Decode the header.

    Parameters
    ----------
    rows : sequence of bytes
        The header's rows, in order, in UTF-8.
    dialect : Dialect
        The feed's.
    feed : str
        Its name, for messages.

    Returns
    -------
    tuple of str
        The columns' names as they stand there; with several rows, the non-empty parts joined. A column that
        has none is called by its place, ``field1`` and so on, as all are where there is no header; where
        another column has that name, ``field1_``, with as many low lines as it takes to differ.

    Raises
    ------
    HeaderError
        If a row cannot be decoded, or names too many columns.
    """
    parts = [split_cells(row, dialect, feed) for row in rows]
    width = max(map(len, parts), default=0)
    padded = [cells + [""] * (width - len(cells)) for cells in parts]
    names = [dialect.header_join.join(filter(None, each)) for each in zip(*padded, strict=True)]
    return tuple(name or _name_of(place, names) for place, name in enumerate(names, 1))


def _name_of(place: int, taken: Sequence[str]) -> str:
    """Name a column by its place, unlike any other."""
    name = f"field{place}"
    while name in taken:
        name += "_"
    return name


def split_cells(record: bytes, dialect: Dialect, feed: str) -> list[str]:
    """Take one record apart with the kernel, all cells being text.

    Raises
    ------
    HeaderError
        If it has too many cells, or one that is not text.
    """
    plain = dataclasses.replace(
        dialect, header=False, header_rows=(1,), skip_rows=0, null=None, comment=None, keep_bad_quotes=True
    )
    limit = min(record.count(dialect.delimiter.encode()) + 1, MAX_COLUMNS)
    batch = text_plan(limit, plain).parse(record)
    missing = 0
    for code, _field, _record, _line, byte, _length, _raw in batch.rejects():
        word = Code(code).word
        if word == "missing_cell":
            missing += 1
        elif word == "extra_cell":
            raise HeaderError(
                f"feed {feed}: the header has more than {MAX_COLUMNS} columns; is the delimiter right?"
                f"{_ROW_END_ADVICE if _has_lone_returns(record.decode('latin-1')) else ''}"
            )
        else:
            raise HeaderError(
                f"feed {feed}: the header is no text in {dialect.encoding} ({word} at its byte {byte}); "
                "name the feed's encoding (--encoding), if it is text at all"
            )
    if missing:
        batch = text_plan(limit - missing, plain).parse(record)
    return [str(cell) for row in batch.tuples() for cell in row]


def text_plan(width: int, dialect: Dialect) -> Plan:
    """Make a plan for records of so many cells, all text and none ever missing."""
    fields = tuple(Field(str(number)) for number in range(width))
    return Plan(Schema(fields, missing_values=()), dialect)


def bind(
    schema: Schema,
    columns: Sequence[str] | None,
    mapping: Mapping[str, str] | None = None,
    *,
    feed: str = "",
) -> tuple[str, ...] | None:
    """Say which column feeds which field.

    Parameters
    ----------
    schema : Schema
        Its `fields_match` says what the header may lack and may have beyond the fields.
    columns : sequence of str or None
        The header. None: there is none, and columns stand in the order of the fields.
    mapping : mapping of field to column
        For fields whose column has another name. Any mapping binds by name, so `exact` then means `equal`.
    feed : str
        The feed's name, for messages.

    Returns
    -------
    tuple of str or None
        The header with the fields' names in place of the mapped columns', as `Plan` takes it. Columns that
        feed no field keep their names, or lose them where a mapping has given the name away.

    Raises
    ------
    HeaderError
        If the header does not fit, whatever the mode: a required field has no column, or one has two.

    Source
    ------
    Data Package v2, "Table Schema", `fieldsMatch`.

    Examples
    --------
    >>> schema = Schema((Field("sku"), Field("title")), fields_match="subset")
    >>> bind(schema, ["sku", "name", "size"], {"title": "name"})
    ('sku', 'title', 'size')
    """
    where = f"feed {feed}: " if feed else ""
    mapping = mapping or {}
    if columns is None:
        if mapping:
            raise HeaderError(f"{where}there is no header, so no column has a name that could be mapped")
        return None
    names = schema.names
    bound = _renamed(names, columns, mapping, where)
    for name in names:
        if bound.count(name) > 1:
            raise HeaderError(
                f"{where}the header has {bound.count(name)} columns named {name!r}; rename all but one, "
                f"or choose one of another name: --map {name}=COLUMN"
            )
    missing = [name for name in names if name not in bound]
    extra = [column for column, name in zip(columns, bound, strict=True) if name not in names]
    fault = _misfit(schema, missing, extra, mapping)
    if fault:
        raise HeaderError(f"{where}{fault}{_advice(schema, missing, extra, columns)}")
    if schema.fields_match == "exact" and not mapping and bound != names:
        raise HeaderError(
            f"{where}the header has the schema's fields in another order: {listed(bound)}\n"
            '"fieldsMatch": "equal" in the schema binds them by their names'
        )
    return bound


def _renamed(
    names: Sequence[str], columns: Sequence[str], mapping: Mapping[str, str], where: str
) -> tuple[str, ...]:
    """Put the fields' names in place of the mapped columns'."""
    field_of: dict[str, str] = {}
    for field, column in mapping.items():
        if field not in names:
            raise HeaderError(
                f"{where}--map {field}={column}: the schema has no field {field!r}{_near(field, names)}"
            )
        if column not in columns:
            raise HeaderError(
                f"{where}--map {field}={column}: the header has no column {column!r}{_near(column, columns)}"
            )
        if columns.count(column) > 1:
            raise HeaderError(
                f"{where}--map {field}={column}: the header has {columns.count(column)} columns of this name"
            )
        if column in field_of:
            raise HeaderError(
                f"{where}column {column!r} is mapped to both {field_of[column]!r} and {field!r}; "
                "it can feed one field only"
            )
        field_of[column] = field
    # A column whose own name was given to another one feeds nothing.
    return tuple(field_of.get(column, "" if column in mapping else column) for column in columns)


def _misfit(schema: Schema, missing: Sequence[str], extra: Sequence[str], mapping: Mapping[str, str]) -> str:
    """Say what is wrong about the names, empty if nothing is."""
    mode = schema.fields_match
    needed = [name for name in missing if schema.field(name).constraints.required]
    lacking = missing if mode in {"exact", "equal", "subset"} else needed
    beyond = extra if mode in {"exact", "equal", "superset"} else []
    if mode == "partial" and len(missing) == len(schema.fields):
        lacking = missing
    parts = []
    if lacking:
        parts.append(f"the header has no column for {listed(lacking)}")
    if beyond:
        subject = "it" if lacking else "the header"
        parts.append(f"{subject} has columns that no field knows: {listed(beyond)}")
        if away := [name for name in beyond if name in mapping]:
            parts.append(f"--map takes another column for {listed(away)}")
    return "; ".join(parts)


def _advice(schema: Schema, missing: Sequence[str], extra: Sequence[str], columns: Sequence[str]) -> str:
    """Say how to put a misfit right."""
    if any(map(_has_lone_returns, columns)):
        return _ROW_END_ADVICE
    if len(columns) == 1 and len(schema.fields) > 1 and not columns[0].isalnum():
        return f"\nthe whole line was read as one column, {_shortened(columns[0])!r}: is the delimiter right?"
    folded = {_folded(column): column for column in extra if column}
    guesses = []
    for name in missing:
        near = difflib.get_close_matches(_folded(name), list(folded), n=1, cutoff=0.7)
        if near:
            guesses.append("--map " + shlex.quote(f"{name}={folded.pop(near[0])}"))
    if guesses:
        return f"\nif these are meant: {' '.join(guesses[:_NAMES_SHOWN])}"
    if missing:
        return "\nname the column that feeds a field with --map FIELD=COLUMN"
    return '\n"fieldsMatch": "subset" in the schema ignores columns it does not know'


def _has_lone_returns(text: str) -> bool:
    """Whether carriage returns stand in a header, which are no part of a line's end."""
    return "\r" in text.replace("\r\n", "")


def _near(name: str, names: Iterable[str]) -> str:
    """Suggest the nearest name."""
    folded = {_folded(other): other for other in names}
    near = difflib.get_close_matches(_folded(name), list(folded), n=1)
    return f"; did you mean {folded[near[0]]!r}?" if near else f"; there are {listed(folded.values())}"


def _folded(name: str) -> str:
    """Drop what people write differently in one and the same name."""
    return "".join(filter(str.isalnum, name.casefold()))


def listed(names: Iterable[str]) -> str:
    """List names for a message, not too many of them."""
    shown = [_shortened(name) if name else "(no name)" for name in names]
    more = len(shown) - _NAMES_SHOWN
    return ", ".join(shown[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _shortened(name: str) -> str:
    """Keep a name from filling the screen, and from steering the terminal."""
    printable = "".join(char if char.isprintable() else "?" for char in name)
    return printable if len(printable) <= 40 else f"{printable[:39]}…"
