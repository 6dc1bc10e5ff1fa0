"""JSON Lines as a source: one object a line, its keys named like fields.

The kernel reads delimited text, so each line is rewritten as one CSV record in the order of the fields, in
the worker that parses it: text and digits as they stand, quoted; null and absent keys as an unquoted `null`;
objects and arrays as the JSON that they are, where the field is of such a type, and arrays as lists and
geopoints. Numbers keep their digits, because they are never made into floats. A number or a boolean is taken
by its text wherever it stands; of a repeated key the last one counts. A number of JSON has a decimal point
and no groups, whatever `decimalChar` and `groupChar` say of texts.

Every record has its own keys. One that names no field is ignored, a field without a key is missing; but a
feed of whose first records none has any key of the schema is refused.

What is no JSON object, or no UTF-8, is a reject of that line. It travels through the kernel as a record
that is sure to fail, and `LineBatch` puts the true finding in the place of the kernel's.

For all findings, `byte` is where the line starts: a value's place inside a line of JSON is nothing the
parser tells.
"""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final, cast

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.json_values import Nested, nested_text
from feedmill.kernel import Batch, Finding, Plan, WrappedBatch
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.header import listed
from feedmill.readers.opened import OpenFeed, Stacked
from feedmill.records import RAW_BYTES
from feedmill.schema import Field, Schema

__all__ = ["JsonLinesReader", "LineBatch"]

HEAD_BYTES: Final = 64 * 1024
"""Of a file that is looked at before it is read, to see whether its records fit."""

YEAR_DIGITS: Final = 4
"""A number of JSON has no zeros before it, a year as text has."""

_log = logging.getLogger("feedmill.readers")

type Json = str | bool | list[Json] | dict[str, Json] | None

_NO_TEXT: Final = b'"\xff"'  # a cell that the kernel is sure to refuse, whatever its field
_NULL: Final = b"null"  # unquoted, as the dialect of JSON Lines has it; text is always quoted


class LineSplitter:
    """Tell where lines end; in JSON a line feed is never inside a record."""

    def last_record_end(self, data: bytearray, size: int) -> int:
        """Return the offset just past the last line feed, 0 if there is none."""
        return data.rfind(b"\n", 0, size) + 1


class JsonLinesReader(OpenFeed):
    """Read one feed of JSON Lines.

    Parameters
    ----------
    stack : Stacked
        The feed's sources.
    dialect : Dialect
        With ``format="jsonl"``.
    buffers : BufferPool
    chunk_size : int
        Bytes of a chunk, about.

    Thread safety
    -------------
    one thread, which reads; `bytes_read` and `parse` from any thread

    Attributes
    ----------
    columns : None
        Every record has its own keys.
    """

    def __init__(self, stack: Stacked, dialect: Dialect, buffers: BufferPool, chunk_size: int) -> None:
        super().__init__(stack, dialect, LineSplitter(), buffers, chunk_size)
        self.columns: tuple[str, ...] | None = None
        self._key_of: Mapping[str, str] = {}
        self._unmet: list[tuple[str, str]] = []  # of the mapping: fields and their keys

    def bind(self, schema: Schema, mapping: Mapping[str, str] | None = None) -> None:
        """Say which key feeds which field, before the first `parse`.

        Raises
        ------
        HeaderError
            If the mapping names a field that the schema does not have, or the feed's first records have no
            key that the schema knows.
        """
        for name in mapping or {}:
            if name not in schema.names:
                raise HeaderError(f"feed {self.name}: --map {name}=…: the schema has no field {name!r}")
        self._key_of = dict(mapping or {})
        self._check_keys(schema)

    def _check_keys(self, schema: Schema) -> None:
        """Hold the keys of the first records against the schema, as a header would be."""
        if self.bytes_total is None:  # a stream may be slow
            return
        head = self._cutter.peek(HEAD_BYTES)
        lines = head.split(b"\n")
        found: dict[str, None] = {}
        for line in lines if len(head) < HEAD_BYTES else lines[:-1]:
            with suppress(ValueError, RecursionError):
                value = _PLAIN.decode(line.decode())
                found.update(dict.fromkeys(value if isinstance(value, dict) else ()))
        keys = {name: self._key_of.get(name, name) for name in schema.names}
        if found and found.keys().isdisjoint(keys.values()):
            name, key = next(iter(keys)), listed(islice(found, 1))
            raise HeaderError(
                f"feed {self.name}: its first records have none of the schema's fields, but {listed(found)}; "
                f"if one of them is meant: --map {name}={key}"
            )
        self._unmet = [(name, key) for name, key in self._key_of.items() if found and key not in found]

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks; tell first what may be a mistake."""
        for name, key in self._unmet:
            _log.warning("feed %s: its first records have no key %r: --map %s=%s", self.name, key, name, key)
        return super().__iter__()

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Rewrite a chunk's lines and let the kernel make a batch of them."""
        (batch,) = self.parse_each(chunk, [plan])
        return batch

    def parse_each(self, chunk: Chunk, plans: Sequence[Plan]) -> Iterator[Batch]:
        """Make a batch for each of several plans, whose fields differ only in what their text has to be.

        The lines, which take most of the time, are rewritten once.
        """
        if chunk.damage:
            yield from (plan.parse(chunk.data, chunk.size, damage=chunk.damage) for plan in plans)
            return
        lines = self._rewritten(chunk, plans[0])
        records, ends = b"".join(lines.records), chunk.data.count(b"\n", 0, chunk.size)
        for plan in plans:
            # It answers everything a Batch is asked; the kernel's class is closed to subclasses.
            yield cast("Batch", LineBatch(plan.parse(records), lines, ends))

    def _rewritten(self, chunk: Chunk, plan: Plan) -> "_Lines":
        fields = plan.schema.fields
        keys = [self._key_of.get(field.name, field.name) for field in fields]
        decoder = _VERBATIM if any(map(_is_dressed, fields)) else _PLAIN
        lines = _Lines(fields, keys, decoder, [plan.schema.missing_values_of(each) for each in fields])
        byte = 0
        for number, line in enumerate(bytes(memoryview(chunk.data)[: chunk.size]).split(b"\n")):
            if line not in {b"", b"\r"}:
                self._rewrite(line, lines, _Place(number, byte, len(line)))
            byte += len(line) + 1
        return lines

    def _rewrite(self, line: bytes, lines: "_Lines", place: "_Place") -> None:
        """Add one line's record."""
        try:
            value: Json = lines.decoder.decode(line.decode())
            if not isinstance(value, dict):
                raise TypeError
            lines.add(value, place, line)
        except UnicodeDecodeError:
            lines.add_bad(Code.ENCODING, line, place)
        except (TypeError, ValueError, RecursionError):  # recursion: brackets nested without end
            lines.add_bad(Code.TYPE, line, place)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a line stands in its chunk."""

    line: int
    byte: int
    size: int


@dataclass(slots=True)
class _Lines:
    """A chunk's lines on their way to the kernel."""

    fields: Sequence[Field]
    keys: Sequence[str]
    decoder: json.JSONDecoder
    missing: Sequence[tuple[str, ...]]  # of each field, texts that say that there is no value
    records: list[bytes] = field(default_factory=list)
    places: list[_Place] = field(default_factory=list)
    bad_lines: dict[int, tuple[Code, bytes]] = field(default_factory=dict)  # by record
    bad_cells: dict[tuple[int, int], bytes] = field(default_factory=dict)  # by record and field

    def add(self, value: Mapping[str, Json], place: _Place, line: bytes) -> None:
        """Add an object's record; `line` is what it was read from."""
        cells = []
        written: Mapping[str, tuple[Nested, str]] = {}
        for index, key in enumerate(self.keys):
            cell, declared = value.get(key), self.fields[index]
            if cell is None:
                cells.append(_NULL)
                continue
            if isinstance(cell, dict | list):
                written = written or dict(_nested_members(line.decode()))
                nested, shown = written[key]
                text = nested_text(nested, declared, _item, partial(_as_it_is, shown))
            else:
                shown = str(cell)
                text = shown if cell in self.missing[index] else _text(cell, declared)
            if text is None:
                self.bad_cells[len(self.records), index] = shown.encode("utf-8", "surrogatepass")
            cells.append(_NO_TEXT if text is None else _quoted(text.encode("utf-8", "surrogatepass")))
        self._append(cells, place)

    def add_bad(self, code: Code, line: bytes, place: _Place) -> None:
        """Add a record that stands for a line without an object."""
        self.bad_lines[len(self.records)] = (code, line.removesuffix(b"\r")[:RAW_BYTES])
        self._append([_NO_TEXT] + [_NULL] * (len(self.keys) - 1), place)

    def _append(self, cells: Iterable[bytes], place: _Place) -> None:
        """Add a record of cells."""
        self.records.append(b",".join(cells) + b"\n")
        self.places.append(place)


class LineBatch(WrappedBatch):
    """A batch whose findings point to the lines that its records were made of.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, batch: Batch, lines: _Lines, line_count: int) -> None:
        super().__init__(batch)
        self._lines = lines
        self.lines = line_count

    def rejects(self) -> list[Finding]:
        """List the findings, with the line and its first byte."""
        lines = self._lines
        findings: list[Finding] = []
        told = -1
        for code, index, record, _line, _byte, length, raw in self.inner.rejects():
            place = lines.places[record]
            if record in lines.bad_lines:
                if told != record:
                    what, text = lines.bad_lines[record]
                    findings.append((int(what), -1, record, place.line, place.byte, place.size, text))
                    told = record
            elif (record, index) in lines.bad_cells:
                text = lines.bad_cells[record, index]
                findings.append((int(Code.TYPE), index, record, place.line, place.byte, len(text), text))
            else:
                findings.append((code, index, record, place.line, place.byte, length, raw))
        return findings

    def place(self, record: int) -> tuple[int, int]:
        """Say on which line a record stands, and with which byte the line starts."""
        place = self._lines.places[record]
        return place.line, place.byte

    def reject_counts(self) -> dict[tuple[int, int], int]:
        """Count the findings by code and field."""
        if not (self._lines.bad_lines or self._lines.bad_cells):
            return self.inner.reject_counts()
        return dict(Counter((finding[0], finding[1]) for finding in self.rejects()))


def _quoted(text: bytes) -> bytes:
    return b'"%b"' % text.replace(b'"', b'""')


class _Digits(str):
    """A number as it stands in the feed."""

    __slots__ = ()


def _refuse_constant(name: str) -> str:
    """Refuse NaN and the infinities, which Python's parser would take."""
    raise ValueError(f"{name} is no JSON")


# Strict about control characters. The second tells "1" from 1, and is slower.
_PLAIN: Final = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse_constant)
_VERBATIM: Final = json.JSONDecoder(parse_float=_Digits, parse_int=_Digits, parse_constant=_refuse_constant)
_BLANKS: Final = re.compile(r"[ \t\n\r]*")


def _nested_members(line: str) -> Iterator[tuple[str, tuple[Nested, str]]]:
    """Yield the members that are objects or arrays, with their texts; the line is known to be an object."""

    def behind(place: int) -> int:
        return cast("re.Match[str]", _BLANKS.match(line, place)).end()

    place = behind(behind(0) + 1)
    while line[place] != "}":
        key, place = _VERBATIM.raw_decode(line, place)
        start = behind(behind(place) + 1)  # of the value, behind the colon
        value, end = _VERBATIM.raw_decode(line, start)
        if isinstance(value, dict | list):
            yield key, (value, line[start:end])
        place = behind(end)
        place = behind(place + 1) if line[place] == "," else place


def _as_it_is(text: str, _value: Nested) -> str:
    return text


def _item(value: object) -> str | None:
    """Write an item of a list; of null, and of what is nested, there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def _text(value: str | bool, declared: Field) -> str | None:
    """Write a scalar as its field reads it; None if it is not of the field's type."""
    if isinstance(value, bool):
        if declared.type == "boolean":
            return (declared.true_values if value else declared.false_values)[0]
        return "true" if value else "false"
    if not isinstance(value, _Digits) or not _is_dressed(declared):
        return value
    if declared.type == "year":
        return value.zfill(YEAR_DIGITS) if value.isdigit() else value
    if declared.type == "number":
        return value.replace(".", declared.decimal_char)
    return None if "." in value and declared.group_char == "." else value


def _is_dressed(declared: Field) -> bool:
    """Whether the field's texts may have numbers in another dress than JSON has."""
    return declared.type == "year" or declared.decimal_char != "." or declared.group_char is not None
