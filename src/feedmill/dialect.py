"""How the bytes of a feed are to be read: delimiter, quotes, header, encoding.

A dialect is a value. It is checked once, when it is made, so that the kernel and the readers need not: every
character in it is one ASCII byte, no two of them are the same, and the encoding is one that Python can decode
piece by piece.

If you add an option, also change: ``_PROPERTIES`` below, the kernel's plan (which copies the options it
needs), ``tests/test_dialect.py``, and the dialect options of the command line.
"""

import codecs
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

from feedmill.errors import DialectError

__all__ = ["MAX_RECORD_BYTES", "Dialect"]

MAX_RECORD_BYTES: Final = 1 << 20
"""Bytes one record may have by default: more than any product needs, little enough to hold one a thread."""

FORMATS: Final = ("csv", "tsv", "jsonl")

_USUAL_ENCODINGS: Final = "try utf-8, utf-16, latin-1 or cp1252"

# A Table Dialect's property (versions 1 and 2), or one of feedmill's own, and the attribute it fills.
_PROPERTIES: Final = {
    "delimiter": "delimiter",
    "quoteChar": "quote",
    "doubleQuote": "double_quote",
    "escapeChar": "escape",
    "commentChar": "comment",
    "skipInitialSpace": "skip_initial_space",
    "lineTerminator": "line_terminator",
    "header": "header",
    "headerRows": "header_rows",
    "headerJoin": "header_join",
    "nullSequence": "null",
    "encoding": "encoding",
    "format": "format",
    "skipRows": "skip_rows",
    "maxRecordBytes": "max_record_bytes",
    "keepBadQuotes": "keep_bad_quotes",
}
# Of the standard, but about other kinds of files, or about the dialect and not the feed.
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("$schema", "name", "title", "description", "csvddfVersion", "caseSensitiveHeader", "commentRows"),
        *("property", "itemType", "itemKeys", "sheetNumber", "sheetName", "table"),
    }
)
_BOOLEANS: Final = frozenset({"double_quote", "skip_initial_space", "header", "keep_bad_quotes"})
_NULLABLE: Final = frozenset({"quote", "escape", "comment", "line_terminator", "null"})


@dataclass(frozen=True, slots=True)
class Dialect:
    r"""Describe how a feed is written.

    Parameters
    ----------
    delimiter : str
        What separates cells: one ASCII character. With ``format="tsv"`` the default is the tabulator.
    quote : str or None
        What encloses a cell that holds delimiters or row ends. None: quotes are data.
    double_quote : bool
        Whether two quotes inside a quoted cell stand for one.
    escape : str or None
        Makes the next character data: inside quoted cells, or everywhere when `quote` is None.
    comment : str or None
        A line that starts with it is no record.
    skip_initial_space : bool
        Whether blanks after a delimiter are dropped.
    line_terminator : None, "\\n", "\\r\\n" or "\\r"
        What ends a row. None and both forms with a line feed mean the same: a line feed, and one carriage
        return directly before it belongs to the row end.
    header : bool
        Whether the feed names its columns.
    header_rows : tuple of int
        Which rows do so, from 1, ascending; rows left out before and between them are dropped. Rows are
        counted after `skip_rows`, without comments and empty lines.
    header_join : str
        What joins the names of one column when the header has several rows.
    skip_rows : int
        Physical lines at the start that are dropped unread.
    null : str or None
        An unquoted cell that stands so in the feed, its escapes not taken off, is missing, whatever its field
        says about missing values.
    encoding : str
        The encoding of the feed's text, any that Python decodes incrementally.
    max_record_bytes : int
        A longer record is rejected, bytes (row end not counted).
    keep_bad_quotes : bool
        Whether text after a closing quote is kept as data instead of being rejected.
    format : "csv", "tsv" or "jsonl"
        JSON Lines takes none of the options above but `encoding`, `skip_rows` and `max_record_bytes`.

    Raises
    ------
    DialectError
        If an option is not what is said above, or two characters are the same.

    Thread safety
    -------------
    immutable

    Source
    ------
    RFC 4180; Data Package v2, "Table Dialect".

    Examples
    --------
    >>> Dialect(delimiter=";").delimiter
    ';'
    >>> Dialect(format="tsv").delimiter
    '\t'
    """

    delimiter: str = ","
    quote: str | None = '"'
    double_quote: bool = True
    escape: str | None = None
    comment: str | None = None
    skip_initial_space: bool = False
    line_terminator: str | None = None
    header: bool = True
    header_rows: tuple[int, ...] = (1,)
    header_join: str = " "
    skip_rows: int = 0
    null: str | None = None
    encoding: str = "utf-8"
    max_record_bytes: int = MAX_RECORD_BYTES
    keep_bad_quotes: bool = False
    format: str = "csv"

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise DialectError(f"format is {self.format!r}; it can be {', '.join(FORMATS)}")
        if self.format == "tsv" and self.delimiter == ",":
            object.__setattr__(self, "delimiter", "\t")
        if self.format == "jsonl":
            self._settle_json_lines()
        self._check_characters()
        self._check_header()
        object.__setattr__(self, "encoding", _known_encoding(self.encoding))
        if self.max_record_bytes < 1:
            raise DialectError(f"max_record_bytes is {self.max_record_bytes}; a record needs at least 1 byte")

    @property
    def row_end(self) -> bytes:
        """The byte that ends a row: a line feed, or a carriage return where the dialect says so."""
        return b"\r" if self.line_terminator == "\r" else b"\n"

    @classmethod
    def from_descriptor(cls, descriptor: Mapping[str, object]) -> Self:
        """Make a dialect of a Table Dialect descriptor, version 1 or 2.

        Parameters
        ----------
        descriptor : mapping
            The properties of the standard, and feedmill's own ``encoding``, ``format``, ``skipRows``,
            ``maxRecordBytes`` and ``keepBadQuotes``. ``commentRows`` may name rows at the start.

        Raises
        ------
        DialectError
            If a property has a wrong value, or looks like a misspelt one. Other unknown ones are ignored, as
            the standard wants it.

        Examples
        --------
        >>> Dialect.from_descriptor({"delimiter": "|", "quoteChar": None, "headerRows": [1, 2]}).header_rows
        (1, 2)
        """
        options: dict[str, object] = {}
        for name, value in descriptor.items():
            attribute = _PROPERTIES.get(name)
            if attribute is not None:
                options[attribute] = _option(name, attribute, value)
            elif name not in _WITHOUT_EFFECT:
                _refuse_misspelt(name)
        skipped = _rows("commentRows", descriptor.get("commentRows", []))
        if skipped:
            _drop_leading_rows(options, skipped)
        if options.get("header_rows") == ():
            options["header"] = False
            del options["header_rows"]
        return cls(**options)  # type: ignore[arg-type]  # _option has checked each one

    def _check_characters(self) -> None:
        """Hold every special character to one printable or blank ASCII byte, each with one meaning."""
        seen: dict[str, str] = {}
        for name in ("delimiter", "quote", "escape", "comment"):
            char: str | None = getattr(self, name)
            if char is None and name != "delimiter":
                continue
            if char is None or len(char) != 1 or not char.isascii() or char in "\0\r\n":
                raise DialectError(f"{name} is {char!r}; it has to be one ASCII character, not a row end")
            if char in seen:
                raise DialectError(f"{name} and {seen[char]} are both {char!r}; they have to differ")
            seen[char] = name
        if self.skip_initial_space and " " in seen:
            raise DialectError(
                f"{seen[' ']} is a blank, which skip_initial_space would drop; choose one of the two"
            )
        if self.line_terminator not in {None, "\n", "\r\n", "\r"}:
            raise DialectError(
                f"line_terminator is {self.line_terminator!r}; it can be '\\n', '\\r\\n' or '\\r'"
            )

    def _check_header(self) -> None:
        """Hold the row numbers to what the reader can follow in one pass."""
        rows = self.header_rows
        if not rows or rows[0] < 1 or list(rows) != sorted(set(rows)):
            raise DialectError(f"header_rows is {list(rows)}; it has to be ascending row numbers from 1")
        if self.skip_rows < 0:
            raise DialectError(f"skip_rows is {self.skip_rows}; it cannot be negative")

    def _settle_json_lines(self) -> None:
        """Refuse what JSON Lines has no use for; take the form the kernel is handed its lines in.

        The reader rewrites each line as one CSV record: texts quoted, null and absent keys as an unquoted
        ``null``. So that is what `null` is here, and there is no header.
        """
        settled = {"header": False, "null": "null"}
        free = {"format", "encoding", "skip_rows", "max_record_bytes"}
        for field in fields(self):
            value = getattr(self, field.name)
            allowed = (field.default, settled.get(field.name, field.default))
            if field.name not in free and value not in allowed:
                raise DialectError(
                    f"{field.name} has no meaning for JSON Lines; leave it out, or name another format"
                )
        for name, value in settled.items():
            object.__setattr__(self, name, value)


def _known_encoding(name: str) -> str:
    """Return the codec's own name; the forms of UTF-8 that differ by a mark at the start are one."""
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        raise DialectError(f"encoding {name!r} is not known; {_USUAL_ENCODINGS}") from None
    try:
        "".encode(name)  # refuses what is not about text, such as hex, and `undefined`
    except (LookupError, UnicodeError):
        raise DialectError(f"encoding {name!r} is none that text is written in; {_USUAL_ENCODINGS}") from None
    if codec.incrementaldecoder is None or not _has_error_handlers(codec.incrementaldecoder):
        raise DialectError(f"encoding {name!r} cannot be read in pieces; convert the feed to utf-8 first")
    return "utf-8" if codec.name == "utf-8-sig" else codec.name


def _has_error_handlers(decoder: Callable[[str], codecs.IncrementalDecoder]) -> bool:
    """Whether a bad byte can be one cell's matter: idna and punycode, of domain names, know no handlers."""
    try:
        decoder("backslashreplace").decode(b"", True)
    except UnicodeError:
        return False
    return True


def _option(name: str, attribute: str, value: object) -> object:
    """Return the value as the dialect keeps it, after a check of its JSON type."""
    if attribute == "header_rows":
        return _rows(name, value)
    if attribute in _BOOLEANS:
        wanted: type = bool
    elif attribute in {"skip_rows", "max_record_bytes"}:
        wanted = int
    else:
        wanted = str
    if value is None and attribute in _NULLABLE:
        return None
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        word = {bool: "true or false", int: "an integer", str: "a string"}[wanted]
        raise DialectError(f"dialect property {name} is {value!r}; it has to be {word}")
    if value == "" and attribute in _NULLABLE - {"null"}:
        return None
    return value


def _rows(name: str, value: object) -> tuple[int, ...]:
    """Turn a list of row numbers into a tuple."""
    if not isinstance(value, list | tuple) or not all(type(row) is int and row > 0 for row in value):
        raise DialectError(f"dialect property {name} is {value!r}; it has to be a list of row numbers from 1")
    return tuple(value)


def _drop_leading_rows(options: dict[str, object], skipped: tuple[int, ...]) -> None:
    """Turn comment rows 1..n into skipped lines; the header's rows then count from there."""
    count = len(skipped)
    if sorted(skipped) != list(range(1, count + 1)) or "skip_rows" in options:
        raise DialectError(
            f"dialect property commentRows is {list(skipped)}; feedmill drops rows at the start only: "
            "[1], [1, 2] and so on (or use commentChar)"
        )
    options["skip_rows"] = count
    rows = options.get("header_rows")
    if isinstance(rows, tuple):
        options["header_rows"] = tuple(row - count for row in rows)


def _refuse_misspelt(name: str) -> None:
    """Raise for a property one slip away from a known one; ``quotechar`` must not pass for nothing."""
    known = [*_PROPERTIES, *_WITHOUT_EFFECT]
    folded = {other.replace("_", "").lower(): other for other in known}
    near = difflib.get_close_matches(name.replace("_", "").lower(), list(folded), n=1, cutoff=0.85)
    if near:
        raise DialectError(f"dialect property {name!r} is not known; did you mean {folded[near[0]]!r}?")
