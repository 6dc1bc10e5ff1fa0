"""Arrow's columns as what the kernel reads: as text where that means the same, or as Python's values.

A value of a field's own type is taken as it is: no format, missing value or transform has a say in it. As
text it would be subject to all of these, so only fields without them are written as text. Text itself is
always read as a cell would be.

What pyarrow cannot make a value of Python of (a date in the year 20,000, text that is no UTF-8) is handed on
as text, for the kernel to say what is wrong with it.

If you add a kind to `_text`: the tests hold both ways to the same values and findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, time
from typing import TYPE_CHECKING, Final, cast

from feedmill.schema import Field

if TYPE_CHECKING:
    import pyarrow as pa

    from feedmill.schema import Schema

__all__ = ["field_of", "text_of", "values_of"]

_DAY_US: Final = 86_400_000_000
_UINT64_DIGITS: Final = 20
_PLAIN_SCALE: Final = 6
"""Digits after the point up to which pyarrow never writes a decimal with an exponent."""


def field_of(name: str, kind: pa.DataType) -> Field | None:
    """Declare the field whose type a column's values are of, whatever they are; None if there is none.

    Binary floating point has NaN and infinities, so its field keeps it. Half of the unsigned integers of 64
    bits, and most decimals without places, are none of the schema's integers. Text may be of any type by its
    looks.
    """
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if _is_text(kind) or types.is_null(kind):
        return Field(name)
    if types.is_floating(kind):
        return Field(name, "number", storage="float64")
    if types.is_uint64(kind) or _is_whole_decimal(kind):
        digits = _UINT64_DIGITS if types.is_uint64(kind) else kind.precision
        return Field(name, "number", precision=digits, scale=0)
    checks = {
        "integer": types.is_integer,
        "number": types.is_decimal,
        "boolean": types.is_boolean,
        "date": types.is_date,
        "time": types.is_time,
        "datetime": types.is_timestamp,
        "object": types.is_struct,
    }
    lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    found = [type_ for type_, check in checks.items() if check(kind)]
    if any(check(kind) for check in lists):
        found = ["array"]
    return Field(name, found[0]) if found else None


# As text


def text_of(columns: Sequence[pa.Array | None], rows: int, schema: Schema) -> bytes | None:
    """Write rows as CSV: text in quotes, a missing value as nothing; None if that might not mean the same."""
    import pyarrow as pa
    import pyarrow.csv

    texts = []
    for column, field in zip(columns, schema.fields, strict=True):
        missing = schema.missing_values if field.missing_values is None else field.missing_values
        try:
            text = pa.nulls(rows, pa.string()) if column is None else _text(column, field, missing)
        except pa.ArrowException:
            return None
        if text is None:
            return None
        texts.append(text)
    if len(texts) == 1 and texts[0].null_count:
        return None  # a line with nothing on it is no record
    out = pa.BufferOutputStream()
    table = pa.RecordBatch.from_arrays(texts, [str(number) for number in range(len(texts))])
    how = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pyarrow.csv.write_csv(table, out, how)
    return cast("bytes", out.getvalue().to_pybytes())


def _text(column: pa.Array, field: Field, missing: Sequence[str]) -> pa.Array | None:
    """Write a column as its field is sure to read it; None if there is no such way."""
    import pyarrow as pa

    column = _plain_layout(column)
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if _is_text(kind):
        # A binary column is looked at as text without asking whether it is UTF-8: the kernel asks.
        return column.view(pa.string()) if pa.types.is_binary(kind) else column.cast(pa.string())
    # Of a field's own notation, or of what has to be done to text, a value that is no text knows nothing.
    if field.transforms or set(missing) - {""} or field.format != "default" or field.categories:
        return None
    return _value_text(column, field)


def _value_text(column: pa.Array, field: Field) -> pa.Array | None:
    """Write values that are no text, for a field that reads the usual notation."""
    import pyarrow as pa
    import pyarrow.compute as pc

    types, kind = pa.types, column.type
    if types.is_integer(kind) and field.type in {"integer", "number", "any"}:
        return column.cast(pa.string())
    if _is_whole_decimal(kind) and field.type == "integer":
        return column.cast(pa.string())
    if types.is_boolean(kind) and field.type == "any":
        return column.cast(pa.string())
    if types.is_boolean(kind) and field.type == "boolean" and field.true_values and field.false_values:
        return pc.if_else(column, field.true_values[0], field.false_values[0])
    if types.is_date(kind) and field.type == "date":
        return column.cast(pa.date32()).cast(pa.string())
    if types.is_time(kind) and field.type == "time":
        return column.cast(pa.time64("us")).cast(pa.string())
    if types.is_timestamp(kind) and field.type == "datetime":
        text = column.cast(_plain(kind)).view(pa.timestamp("us")).cast(pa.string())
        moments = pc.binary_join_element_wise(
            pc.replace_substring(text, " ", "T", max_replacements=1), "Z", ""
        )
        # What no calendar has is written in words.
        return pc.if_else(pc.starts_with(text, "<"), text, moments)
    if field.type != "number" or field.decimal_char != ".":
        return None
    if types.is_decimal(kind) and 0 <= kind.scale <= _PLAIN_SCALE and field.storage == "decimal":
        return column.cast(pa.string())
    if types.is_floating(kind) and field.storage == "float64" and pc.all(pc.is_finite(column)).as_py():
        return column.cast(pa.string())
    return None


# As Python's values


def values_of(column: pa.Array) -> list[object]:
    """Make values of Python, of a whole column if all of it can be."""
    import pyarrow as pa

    try:
        column = _plain_layout(column)
        kind = column.type
        if pa.types.is_float32(kind) or pa.types.is_float16(kind):
            # Of 0.1 in 32 bits the digits that tell it, and not those of the double that is nearest to it.
            return [None if text is None else float(text) for text in column.cast(pa.string()).to_pylist()]
        plain = column.cast(_plain(kind))
        if pa.types.is_time(kind):
            return [_time(micros) for micros in plain.cast(pa.time64("us")).view(pa.int64()).to_pylist()]
        if _is_whole_decimal(kind):
            return [None if number is None else int(number) for number in plain.to_pylist()]
        if pa.types.is_timestamp(kind) and kind.tz:
            # The zone is put on here, as pyarrow takes 40 µs a value to do it.
            moments = plain.view(pa.timestamp("us")).to_pylist()
            return [None if moment is None else moment.replace(tzinfo=UTC) for moment in moments]
        values: list[object] = plain.to_pylist()
    except MemoryError:
        raise
    except Exception:  # whatever it is, it is of one cell, and the others know nothing of it
        return [_value(cell) for cell in column]
    return values


def _plain_layout(column: pa.Array) -> pa.Array:
    """Take a column out of its dictionary and out of views: pyarrow can do little with either."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        values = _out_of_views(column.dictionary)
        column = pa.DictionaryArray.from_arrays(column.indices, values).dictionary_decode()
    return _out_of_views(column)


def _out_of_views(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_string_view(column.type):
        return column.cast(pa.large_string())
    return column.cast(pa.binary()) if pa.types.is_binary_view(column.type) else column


def _time(micros: int | None) -> time | None:
    """Make a time of day of microseconds; pyarrow would begin a new day.

    Raises
    ------
    ValueError
        No day has it: 24:00, which DuckDB knows.
    """
    if micros is None:
        return None
    if not 0 <= micros < _DAY_US:
        raise ValueError
    seconds, micros = divmod(micros, 1_000_000)
    return time(seconds // 3_600, seconds // 60 % 60, seconds % 60, micros)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Name the type that becomes a value of Python without another library: microseconds, UTC, text."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", "UTC" if kind.tz else None)
    if pa.types.is_time64(kind):
        return pa.time64("us")
    if pa.types.is_duration(kind):
        return pa.duration("us")
    if pa.types.is_binary(kind):
        return pa.string()
    return pa.large_string() if pa.types.is_large_binary(kind) else kind


def _value(cell: pa.Scalar) -> object:
    """Make a value of Python of one cell, or what the kernel is sure to refuse: its text, or the cell."""
    import pyarrow as pa

    if pa.types.is_dictionary(cell.type) and cell.is_valid:
        cell = cell.value
    if not cell.is_valid:
        return None
    kind = cell.type
    if _is_text(kind):
        # What is no UTF-8 becomes lone surrogates, which the kernel refuses as such.
        return bytes(cell.as_buffer()).decode("utf-8", "surrogateescape")
    try:
        plain = cell.cast(_plain(kind))
        if pa.types.is_time(kind):
            return _time(plain.cast(pa.time64("us")).value)
        return cast("object", plain.as_py())
    except MemoryError:
        raise
    except Exception:
        if not pa.types.is_temporal(kind):
            return cell
    text = str(cell.cast(pa.string()).as_py())
    # What no calendar has is written in words.
    return text if text.startswith("<") or not pa.types.is_timestamp(kind) else text.replace(" ", "T", 1)


def _is_whole_decimal(kind: pa.DataType) -> bool:
    """Whether all values are integers, as those of DuckDB's HUGEINT are: a decimal without places."""
    import pyarrow as pa

    return bool(pa.types.is_decimal(kind) and kind.scale == 0)


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    checks = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(check(kind) for check in (*checks, pa.types.is_string_view, pa.types.is_binary_view))
