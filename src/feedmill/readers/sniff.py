"""Guess how a feed is written, and say why: on request only, never in silence.

The kernel itself judges: each candidate is tried on the first records, and the one under which most of them
have the same number of cells wins. Guesses come with evidence, one line each, so that a wrong one can be
seen and overruled.
"""

import codecs
import dataclasses
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import FeedError
from feedmill.readers.arrow import is_columnar
from feedmill.readers.blocks import STDIN
from feedmill.readers.feeds import is_stream, open_text
from feedmill.readers.header import MAX_COLUMNS, text_plan

__all__ = ["Sniffed", "sniff", "sniff_feed"]

_SAMPLE_BYTES: Final = 64 * 1024
_SAMPLE_RECORDS: Final = 200
_DELIMITERS: Final = (",", "\t", ";", "|", "~", "^")
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEAST_HANGUL: Final = 2
_HANGUL_SHARE: Final = (
    0.8  # of what is beyond ASCII: signs and Hanja are rare, and in Chinese half is no Hangul
)
_SEPARATOR: Final = re.compile(r"sep=((?=[\x01-\x7f])[^\w\s\"']|\t)[\r\n]*")
_VALUE: Final = re.compile(r"[+-]?[\d.,]+%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*")  # what no column is called


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A guess.

    Attributes
    ----------
    dialect : Dialect
        What the feed seems to be written in.
    evidence : tuple of str
        Why, a line for each guess.
    is_empty : bool
        Whether there was nothing to go by, not a byte.
    """

    dialect: Dialect
    evidence: tuple[str, ...]
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class _Trial:
    """How the sample looks to one candidate."""

    dialect: Dialect
    width: int  # cells that most records have
    agreeing: int  # records that have them
    records: int
    damaged: int  # records with quotes that do not fit

    @property
    def rank(self) -> tuple[float, int]:
        """Prefer what more records agree on, then what finds more cells."""
        if self.width < 2 or not self.records:
            return (0.0, 0)
        return ((self.agreeing - self.damaged) / self.records, self.width)


def sniff_feed(path: str, dialect: Dialect | None = None) -> Sniffed:
    """Guess how a file is written from its first 64 KiB.

    Parameters
    ----------
    path : str
        A file; standard input, or a pipe, could not be read again afterwards.
    dialect : Dialect, optional
        What is known; only row end, delimiter, quote, header and encoding are guessed.

    Raises
    ------
    FeedError
        If it cannot be opened, or is a stream, or a file of columns.
    """
    if is_stream(path):
        name = "standard input" if path == STDIN else f"feed {path}"
        raise FeedError(f"{name} can be read once only, so nothing can be guessed; name the delimiter")
    if is_columnar(path):
        raise FeedError(
            f"feed {path} is a Parquet or Arrow file, which says itself what it holds: there is nothing to "
            "guess; leave --sniff out"
        )
    text = open_text(path)
    sample = bytearray(_SAMPLE_BYTES)
    size = 0
    try:
        with memoryview(sample) as view:
            while size < len(sample) and (count := text.readinto(view[size:])):
                size += count
    finally:
        text.close()
    return sniff(bytes(sample[:size]), dialect, is_whole=size < len(sample))


def sniff(sample: bytes, dialect: Dialect | None = None, *, is_whole: bool = True) -> Sniffed:
    r"""Guess how a feed is written from its first bytes.

    Parameters
    ----------
    sample : bytes
    dialect : Dialect, optional
        What is known; only row end, delimiter, quote, header and encoding are guessed.
    is_whole : bool
        Whether the feed ends where the sample does.

    Examples
    --------
    >>> guess = sniff(b"sku;price\nA1;1,50\nA2;2,00\n")
    >>> guess.dialect.delimiter, guess.dialect.header
    (';', True)
    >>> guess.evidence[1]
    "delimiter ';': 3 of 3 records have 2 cells"
    """
    if not sample:
        return Sniffed(dialect or Dialect(), ("the feed is empty; taken as it was",), is_empty=True)
    encoding, why = _encoding_of(sample, is_whole)
    base = dataclasses.replace(dialect or Dialect(), encoding=encoding)
    if base.format == "jsonl":
        return Sniffed(base, (why,))
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample, is_whole)
    said = [why]
    if "\r" in text and "\n" not in text and base.line_terminator is None:
        base = dataclasses.replace(base, line_terminator="\r")
        said.append("row end: a carriage return; the sample has no line feed")
    end = base.row_end.decode()
    lines = re.findall(f"[^{end}]*{end}|[^{end}]+", text.removeprefix("\ufeff"))[base.skip_rows :]
    if not is_whole and len(lines) > 1:
        del lines[-1]  # it may have been cut
    possible: tuple[str, ...] = _DELIMITERS
    if lines and (told := _SEPARATOR.fullmatch(lines[0])):
        base = dataclasses.replace(base, skip_rows=base.skip_rows + 1)
        del lines[0]
        possible = (told[1],)
        said.append(f"skip rows: the first says sep={told[1]}, as spreadsheets write it")
    candidates = [delimiter for delimiter in possible if delimiter not in {base.comment, base.escape}]
    data = "".join(lines[:_SAMPLE_RECORDS]).encode()
    trials = [_try(data, base, delimiter) for delimiter in candidates]
    best = max(trials, key=lambda trial: trial.rank, default=None)
    if best is None or not best.rank[0]:
        return Sniffed(base, (*said, "delimiter: no candidate splits the records; taken as it was"))
    counted = f"{best.agreeing} of {best.records} records have {best.width} cells"
    said.append(f"delimiter {best.dialect.delimiter!r}: {counted}")
    quotes, reason = _quote_of(data, best)
    header, because = _header_of(data, quotes)
    return Sniffed(dataclasses.replace(quotes, header=header), (*said, reason, because))


def _encoding_of(sample: bytes, is_whole: bool) -> tuple[str, str]:
    """Guess the encoding: by its mark, by zero bytes, by what UTF-8 allows, by what comes out as Korean."""
    for bom, name in _BOMS:
        if sample.startswith(bom):
            return name, f"encoding {name}: the feed starts with its mark"
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = sample[first::2].count(0)
        if zeros > 0.4 * len(sample[first::2]) and zeros > 2 * sample[1 - first :: 2].count(0):
            return name, f"encoding {name}: every other byte is zero"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, is_whole)
    except UnicodeDecodeError as error:
        hangul, others = _hangul_in(sample, is_whole)
        if hangul >= _LEAST_HANGUL and hangul >= _HANGUL_SHARE * others:
            return (
                "cp949",
                f"encoding cp949: as such, {hangul} of {others} characters beyond ASCII are Hangul",
            )
        byte = sample[error.start]
        return "cp1252", f"encoding cp1252: byte {error.start} (0x{byte:02x}) is not UTF-8"
    return "utf-8", "encoding utf-8: the sample is valid"


def _hangul_in(sample: bytes, is_whole: bool) -> tuple[int, int]:
    """Count the usual Hangul in a sample of cp949, and all characters beyond ASCII; (0, 0) if it is none.

    Those of KS X 1001 count, two bytes beyond ASCII each: what cp949 has besides looks like ``Är``.
    """
    try:
        text = codecs.getincrementaldecoder("cp949")().decode(sample, is_whole)
    except UnicodeDecodeError:
        return 0, 0
    others = [character for character in text if not character.isascii()]
    return sum("가" <= each <= "힣" and len(each.encode("euc_kr")) == 2 for each in others), len(others)


def _try(data: bytes, base: Dialect, delimiter: str) -> _Trial:
    """Count the cells of each record with the kernel."""
    quote = None if base.quote == delimiter else base.quote
    dialect = dataclasses.replace(base, delimiter=delimiter, quote=quote, format="csv", encoding="utf-8")
    widths, damaged = _widths_of(data, dialect)
    (usual, agreeing), *_ = Counter(widths).most_common(1) or [(0, 0)]
    found = dataclasses.replace(dialect, encoding=base.encoding)
    return _Trial(found, usual, agreeing, len(widths), len(damaged))


def _widths_of(data: bytes, dialect: Dialect) -> tuple[list[int], set[int]]:
    """Count the cells of each record, and say which records, from 0, are damaged."""
    longest = max((line.count(dialect.delimiter.encode()) for line in data.splitlines()), default=0)
    width = min(longest + 1, MAX_COLUMNS)
    batch = text_plan(width, dialect).parse(data)
    missing: Counter[int] = Counter()
    damaged = set()
    for code, _field, record, *_ in batch.rejects():
        if code == Code.MISSING_CELL:
            missing[record] += 1
        elif code in {Code.BAD_QUOTE, Code.UNCLOSED_QUOTE}:
            damaged.add(record)
    return [width - missing[record] for record in range(batch.records)], damaged


def _quote_of(data: bytes, best: _Trial) -> tuple[Dialect, str]:
    """Guess whether quotes quote."""
    dialect = best.dialect
    if best.damaged:
        plain = dataclasses.replace(dialect, quote=None)
        trial = _try(data, plain, dialect.delimiter)
        if trial.rank >= best.rank:
            return plain, f"quote none: as quotes, they would damage {best.damaged} of {best.records} records"
    edge = rb"(?:^|[\r\n]|%b)" % re.escape(dialect.delimiter.encode())
    singles = len(
        re.findall(edge + rb"'[^'\r\n]*'(?=[\r\n]|$|%b)" % re.escape(dialect.delimiter.encode()), data)
    )
    doubles = len(re.findall(edge + rb'"', data))
    if singles > 1 and not doubles:
        return dataclasses.replace(dialect, quote="'"), f'quote "\'": {singles} cells are enclosed in it'
    return (
        dialect,
        f"quote {dialect.quote!r}: {doubles} cells start with it"
        if dialect.quote
        else "quote none: as given",
    )


def _header_of(data: bytes, dialect: Dialect) -> tuple[bool, str]:
    """Guess whether the first record names columns; it may have other cells than the records below it."""
    plain = dataclasses.replace(dialect, encoding="utf-8", keep_bad_quotes=True)
    (width, *_), _ = _widths_of(data, plain)
    batch = text_plan(width, plain).parse(data)
    if any(record == 0 for _code, _field, record, *_ in batch.rejects()):
        return dialect.header, "header as it was: the first record cannot be read"
    first, *others = [[str(cell).strip() for cell in row] for row in batch.tuples()]
    # Row names have no name themselves, and nothing is behind a delimiter at the end of a record.
    unnamed = [place for place, cell in enumerate(first) if not cell]
    if any(place and any(row[place] for row in others) for place in unnamed):
        return False, "header no: the first record has an empty cell, which names no column"
    names = [cell for cell in first if cell]
    if not names:
        return False, "header no: the first record holds no word"
    values = [name for name in names if _VALUE.fullmatch(name)]
    if values:
        shown = ", ".join(repr(cell) for cell in values[:3])
        return False, f"header no: the first record holds {shown}, which name no column"
    if len(set(names)) < len(names):
        return False, "header no: the first record repeats a value"
    return True, f"header yes: the first record holds {len(names)} different words"
