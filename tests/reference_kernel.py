"""The reference: what any feed's bytes have to become, in plain Python, one rule after the other.

This is the judge of the kernel. It is written from the rules and never from the kernel's code; where the two
differ, one of them is wrong, and the rules say which.

Three steps, as the rules have them: `records_of` reads bytes by a state machine, `judged` turns one record's
cells into a row or findings, `parse` does both for a whole feed. Positions count from 0 and from the start of
the data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.schema import Field, Schema
from tests.reference_rules import is_broken, told
from tests.reference_values import Value, WrongError, transformed, value_of, violations


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell after unquoting, as it stands in the feed, and where its first byte stands."""

    text: bytes
    raw: bytes
    byte: int
    is_quoted: bool = False
    has_bad_quote: bool = False


@dataclass(frozen=True, slots=True)
class Feed:
    """What is read, and what it is held to."""

    data: bytes
    schema: Schema
    dialect: Dialect
    names: Sequence[str]


@dataclass(slots=True)
class Record:
    """A record's cells, or the code of what makes it unreadable as a whole."""

    number: int
    line: int
    start: int
    end: int = 0
    cells: list[Cell] = field(default_factory=list)
    damage: Code | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the kernel reports as a reject."""

    code: Code
    field: int
    record: int
    line: int
    byte: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """A good record."""

    record: int
    values: tuple[Value | None, ...]


@dataclass(slots=True)
class Outcome:
    """All that comes of a feed."""

    records: int = 0
    lines: int = 0
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def parse(data: bytes, schema: Schema, dialect: Dialect, columns: Sequence[str] | None = None) -> Outcome:
    """Read a whole feed without its header."""
    feed = Feed(data, schema, dialect, schema.names if columns is None else tuple(columns))
    outcome = Outcome(lines=data.count(dialect.row_end))
    for record in records_of(data, dialect):
        outcome.records += 1
        findings: list[Finding] = []
        values = judged(feed, record, findings)
        outcome.findings += findings
        if not findings:
            outcome.rows.append(Row(record.number, values))
    return outcome


# From bytes to cells —————————————————————————————————————————————————————————————————————————————————


def records_of(data: bytes, dialect: Dialect) -> Iterator[Record]:
    """Cut data into records; lines without a byte and comment lines are none."""
    row_end = dialect.row_end
    at = line = number = 0
    while at < len(data):
        line_stop = data.find(row_end, at)
        line_stop = len(data) if line_stop < 0 else line_stop
        whole = data[at : line_stop + 1]
        is_empty = whole in ({b"\n", b"\r\n"} if row_end == b"\n" else {b"\r"})
        if is_empty or (dialect.comment and whole.startswith(dialect.comment.encode())):
            at, line = line_stop + 1, line + 1
            continue
        record = Record(number, line, at)
        at = read_record(data, record, dialect)
        if record.damage is None and record.end - record.start > dialect.max_record_bytes:
            record.damage = Code.RECORD_TOO_LONG
        line, number = line + data.count(row_end, record.start, at), number + 1
        yield record


def read_record(data: bytes, record: Record, dialect: Dialect) -> int:
    """Read the cells of one record, and return the offset behind its row end."""
    at = record.start
    while True:
        at, is_last = read_cell(data, at, record, dialect)
        if record.damage:
            record.end = len(data)
            return len(data)
        if is_last:
            record.end = at
            return at + row_end_length(data, at, dialect)
        at += 1  # the delimiter


def read_cell(data: bytes, at: int, record: Record, dialect: Dialect) -> tuple[int, bool]:
    """Read one cell; return where it ends, and whether the record ends there too."""
    delimiter = dialect.delimiter.encode()
    quote = dialect.quote.encode() if dialect.quote else None
    escape = dialect.escape.encode() if dialect.escape else None
    while dialect.skip_initial_space and data[at : at + 1] == b" ":
        at += 1
    first = at
    text = bytearray()
    is_quoted = quote is not None and data[at : at + 1] == quote
    if is_quoted:
        at += 1
        while True:
            byte = data[at : at + 1]
            if not byte:
                record.damage = Code.UNCLOSED_QUOTE
                return at, True
            if escape and byte == escape and at + 1 < len(data):
                text += data[at + 1 : at + 2]
                at += 2
            elif byte == quote and dialect.double_quote and data[at + 1 : at + 2] == quote:
                text += byte
                at += 2
            elif byte == quote:
                at += 1
                break
            else:
                text += byte
                at += 1
    closed_at = at
    while not row_end_length(data, at, dialect):
        byte = data[at : at + 1]
        if not byte or byte == delimiter:
            break
        if escape and quote is None and byte == escape and at + 1 < len(data):
            at += 1
            byte = data[at : at + 1]
        text += byte
        at += 1
    record.cells.append(Cell(bytes(text), data[first:at], first, is_quoted, is_quoted and at > closed_at))
    return at, data[at : at + 1] != delimiter


def row_end_length(data: bytes, at: int, dialect: Dialect) -> int:
    """Tell how many bytes of row end stand here: LF, CR LF, or CR where the dialect says so."""
    if dialect.row_end == b"\r":
        return int(data[at : at + 1] == b"\r")
    if data[at : at + 2] == b"\r\n":
        return 2
    return int(data[at : at + 1] == b"\n")


def last_record_end(data: bytes, dialect: Dialect) -> int:
    """Tell how much of data is whole lines and records: what may be parsed before more is read."""
    end = 0
    records = {record.start: record.end for record in records_of(data, dialect)}
    while True:
        stop = records.get(end)
        if stop is None:  # an empty line, a comment, or the end
            found = data.find(dialect.row_end, end)
            length = 1 if found >= 0 else 0
            stop = found
        else:
            length = row_end_length(data, stop, dialect)
        if not length:
            return end
        end = stop + length


# From cells to a row or findings —————————————————————————————————————————————————————————————————————


def judged(feed: Feed, record: Record, findings: list[Finding]) -> tuple[Value | None, ...]:
    """Turn a record into a row's values, in the schema's order, or add findings, in the columns' order."""

    def find(code: Code, field: int, byte: int, value: bytes) -> None:
        findings.append(Finding(code, field, record.number, record.line, byte, value))

    if record.damage:
        find(record.damage, -1, record.start, feed.data[record.start : record.end])
        return ()
    schema, names = feed.schema, feed.names
    values: dict[str, Value | None] = {}
    for column, name in enumerate(names):
        if name not in schema.names:
            continue
        number = schema.names.index(name)
        if column >= len(record.cells):
            find(Code.MISSING_CELL, number, record.end, b"")
            continue
        cell = record.cells[column]
        try:
            codes, values[name] = checked(readable(cell, feed.dialect), cell, feed, schema.fields[number])
        except WrongError as wrong:
            codes = [wrong.code]
        for code in codes:
            find(code, number, cell.byte, cell.text)
    if len(record.cells) > len(names):
        extra = record.cells[len(names)]
        find(Code.EXTRA_CELL, -1, extra.byte, extra.text)
    for name in set(schema.names) - set(names):
        values[name] = absent(feed, schema.field(name))
    spoiled = {schema.names[each.field] for each in findings if each.field >= 0}
    for number, rule in enumerate(schema.rules, len(schema.fields)):
        if spoiled.isdisjoint(rule.fields) and is_broken(rule.test, schema, values):
            texts = {name: cell.text.decode() for name, cell in zip(names, record.cells, strict=False)}
            find(Code.RULE, number, record.start, told(rule, schema, values, texts))
    return tuple(values.get(name) for name in schema.names)


def readable(cell: Cell, dialect: Dialect) -> str:
    """Return the cell's text; WrongError if its quotes, bytes or characters make it unreadable."""
    if cell.has_bad_quote and not dialect.keep_bad_quotes:
        raise WrongError(Code.BAD_QUOTE)
    try:
        text = cell.text.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongError(Code.ENCODING) from None
    if "\0" in text:
        raise WrongError(Code.NUL)
    return text


def checked(text: str, cell: Cell, feed: Feed, declared: Field) -> tuple[list[Code], Value | None]:
    """Hold a readable text to its field."""
    missing = feed.schema.missing_values_of(declared)
    null = feed.dialect.null
    is_null = null is not None and not cell.is_quoted and cell.raw == null.encode()
    found = transformed(None if is_null or text in missing else text, declared, missing)
    if found is None:
        return [Code.REQUIRED] if declared.constraints.required else [], None
    value = value_of(found, declared)
    return violations(value, found, declared), value


def absent(feed: Feed, declared: Field) -> Value | None:
    """Give the value of a field that the feed has no column for."""
    text = transformed(None, declared, feed.schema.missing_values_of(declared))
    return None if text is None else value_of(text, declared)
