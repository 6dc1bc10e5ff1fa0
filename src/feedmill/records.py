"""Where a finding stands in its feed, and the finding itself.

The kernel numbers records, lines and bytes from the start of the chunk it was given, because it does not know
what came before; `Base` is what came before, and `rejects_of` adds the two.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from feedmill.codes import Code, Declaration, expected, quoted
from feedmill.errors import one_line

MAX_VALUE_CHARACTERS: Final = 1_000
"""Characters of the raw value a reject keeps: enough to find it again, and a bound on a bad feed's cost."""

RAW_BYTES: Final = 4 * MAX_VALUE_CHARACTERS
"""Bytes kept of a record that is shown as a whole: UTF-8 takes at most four a character."""

MAX_REASON_CHARACTERS: Final = 300
"""Characters of what a database or a callback said against a record: its own words can quote whole rows."""

_MARK: Final = re.compile(rb"\xed([\xb0-\xb3])([\x80-\xbf])")
"""What `feedmill.readers.transcoded` puts for a byte that means nothing: U+DC00 to U+DCFF in UTF-8."""

_UNCLEAR: Final = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape"})
"""Encodings that have such characters of their own: what stands for a byte cannot be told from them."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a feed.

    Attributes
    ----------
    record : int
        Number of the record, from 1; the header is none.
    line : int
        Physical line of the record's first byte, from 1.
    byte : int
        Offset in the decoded feed, from 0: of the cell's first byte (its opening quote included), or of the
        record's for findings on a whole record.
    """

    record: int
    line: int
    byte: int


@dataclass(frozen=True, slots=True)
class Reject:
    """One finding against one record.

    Attributes
    ----------
    position : Position
        Where.
    column : str
        Which field, or which rule; empty for findings on a whole record.
    code : str
        The word of a `feedmill.codes.Code`.
    message : str
        What was expected and what was there, on one line.
    value : str
        The cell after unquoting and before transforms, or the whole record as it stands; bytes that are no
        text in the feed's encoding are shown with backslashes; at most 1,000 characters.
    feed : str
        The name of the feed, where `feedmill.read` has several; else empty.
    """

    position: Position
    column: str
    code: str
    message: str
    value: str
    feed: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """What precedes a chunk in its feed: records, and lines and bytes, the header's included.

    Examples
    --------
    >>> Base(record=10, line=12, byte=500).position(record=0, line=0, byte=7)
    Position(record=11, line=13, byte=507)
    """

    record: int = 0
    line: int = 0
    byte: int = 0

    def position(self, record: int, line: int, byte: int) -> Position:
        """Turn a place counted from 0 within the chunk into one within the feed."""
        return Position(self.record + record + 1, self.line + line + 1, self.byte + byte)


class _Rule(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def check(self) -> str: ...


class _Schema(Protocol):
    @property
    def fields(self) -> Sequence[Declaration]: ...
    @property
    def rules(self) -> Sequence[_Rule]: ...


class _Dialect(Protocol):
    @property
    def encoding(self) -> str: ...
    @property
    def format(self) -> str: ...


class _Plan(Protocol):
    @property
    def schema(self) -> _Schema: ...
    @property
    def dialect(self) -> _Dialect: ...


class RejectSource(Protocol):
    """What rejects are read from; `feedmill.kernel.Batch` is one."""

    @property
    def plan(self) -> _Plan:
        """What the records were held to, and how the feed was read."""
        ...

    def rejects(self) -> Sequence[tuple[int, int, int, int, int, int, bytes]]:
        """List (code, field or -1, record, line, byte, length, raw value), counted from 0 in the chunk."""
        ...


def rejects_of(batch: RejectSource, names: Sequence[str], base: Base) -> Iterator[Reject]:
    """Make a batch's findings readable, in input order.

    Parameters
    ----------
    batch : RejectSource
        What the kernel made of a chunk.
    names : sequence of str
        The names of the schema's fields.
    base : Base
        What precedes the chunk.

    Yields
    ------
    Reject
        One a finding.

    Notes
    -----
    Text is made here and only for the rejects asked for, so a caller that has seen enough can stop early.
    """
    words = _Words(batch, names)
    for code, field, record, line, byte, _length, raw in batch.rejects():
        column, word, said, value = words.of(code, field, record, raw)
        yield Reject(base.position(record, line, byte), column, word, said, value)


def first_findings(batch: RejectSource, names: Sequence[str]) -> Iterator[tuple[int, str, str, str]]:
    """Put the first finding of each bad record in words: record, from 0, code, column and message.

    Notes
    -----
    A third of the time that `rejects_of` takes for those: over an unchanged feed, what is said of the few bad
    records is most of what Python does.
    """
    words = _Words(batch, names)
    last = -1
    for code, field, record, _line, _byte, _length, raw in batch.rejects():
        if record != last:
            last = record
            column, word, said, _value = words.of(code, field, record, raw)
            yield record, word, column, said


class _Words:
    """What is said of a batch's findings; each kind is put in words once."""

    def __init__(self, batch: RejectSource, names: Sequence[str]) -> None:
        self._schema = batch.plan.schema
        self._names = names
        self._dialect = batch.plan.dialect
        self._has_marks = self._dialect.encoding not in {"utf-8", *_UNCLEAR}
        # What callbacks raised is kept by those batches only that have been through one.
        self._errors: Mapping[int, str] = getattr(batch, "errors", {})
        # Findings that name another record have a message of their own.
        self._notes: Mapping[tuple[int, int, int], str] = getattr(batch, "notes", {})
        # Column, code and the first half of the message.
        self._kinds: dict[tuple[int, int], tuple[str, str, str]] = {}

    def of(self, code: int, field: int, record: int, raw: bytes) -> tuple[str, str, str, str]:
        """Say column, code, message and value of a finding."""
        column, word, message = self._kinds.get((code, field)) or self._kind(code, field)
        value = shown(_MARK.sub(_marked, raw) if self._has_marks and self._is_of_feed(field) else raw)
        if (note := self._notes.get((code, field, record))) is not None:
            return column, word, note, value
        said = message + (self._errors[record] if code == Code.CALLBACK else quoted(value))
        return column, word, said, value

    def _is_of_feed(self, field: int) -> bool:
        """Whether a value is the feed's text; what JSON escapes have become is not."""
        return field < 0 or self._dialect.format != "jsonl"

    def _kind(self, code: int, field: int) -> tuple[str, str, str]:
        fields = self._schema.fields
        if field >= len(fields):
            # Rules are numbered after the fields.
            rule = self._schema.rules[field - len(fields)]
            column, message = rule.name, f"expected {rule.check}, got "
        else:
            column, declared = (self._names[field], fields[field]) if field >= 0 else ("", None)
            what = expected(code, declared)
            if code == Code.ENCODING and self._dialect.encoding != "utf-8" and self._is_of_feed(field):
                what = f"text in {self._dialect.encoding}"
            message = f"expected {what}, got "
        kind = self._kinds[code, field] = (column, Code(code).word, message)
        return kind


def _marked(mark: re.Match[bytes]) -> bytes:
    """Show the byte that a mark stands for."""
    return b"\\x%02x" % ((mark[1][0] - 0xB0) * 64 + mark[2][0] - 0x80)


def unprocessed(position: Position, error: str, raw: bytes = b"") -> Reject:
    """Reject a record as a whole, for what it made the kernel, or a callback, raise."""
    return Reject(
        position=position,
        column="",
        code=Code.CALLBACK.word,
        message=f"expected a record that can be processed, got {error}",
        value=shown(raw),
    )


def reason(error: BaseException) -> str:
    """Say what was raised against a record, as much of it as a reject keeps."""
    return one_line(error)[:MAX_REASON_CHARACTERS]


def shown(raw: bytes) -> str:
    r"""Turn a value's bytes into the text a reject carries.

    Examples
    --------
    >>> shown(b"caf\xe9")
    'caf\\xe9'
    """
    # A character takes at most four bytes, so the rest need not be decoded.
    return raw[:RAW_BYTES].decode("utf-8", "backslashreplace")[:MAX_VALUE_CHARACTERS]
