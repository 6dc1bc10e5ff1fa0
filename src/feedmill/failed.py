"""Failed records in the source's own words, to be mended and tried again.

::

    _record                 _code           _message                       sku  price …
    3f0c…:0:17              price.minimum   price: expected at least 0.01  A1   0.00

The file has the feed's delimiter, quotes and header. Each failed record stands in it byte for byte as in the
feed, after three columns: whose record it is (``run:feed:record``), what was found, in which words. They come
first, as a record with too few or too many cells would move whatever came after it.

While a run lasts, only places and findings are noted, in a temporary file. The records themselves are read
again when it has ended, so memory does not grow with the number of failures. A record that ends in the middle
of a quoted cell, or is longer than records may be, would spoil those after it: its first three columns are
there, and its cells are empty.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple, Self

from feedmill.dialect import Dialect
from feedmill.errors import RejectFileError, UsageError
from feedmill.kernel import Plan
from feedmill.pipeline import PlannedFeed, RejectWriter
from feedmill.readers import BufferPool, Source
from feedmill.readers.arrow import is_columnar
from feedmill.records import Reject
from feedmill.stores.outfile import OutFile
from feedmill.stores.url import Place

COLUMNS: Final = ("_record", "_code", "_message")

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")


class Failed(NamedTuple):
    """A failed record: its number, a byte within it, and all that was found."""

    record: int
    byte: int
    codes: str
    messages: str


class FailedRecords:
    """Findings of a run, on their way to a file of failed records.

    Parameters
    ----------
    path : str or PathLike
        Where the records will be written.

    Raises
    ------
    UsageError
        The file cannot be made.

    Thread safety
    -------------
    one thread at a time
    """

    def __init__(self, path: Place) -> None:
        self._file = OutFile(path, RejectFileError)
        self._others: RejectWriter | None = None
        self._notes = tempfile.TemporaryFile("w+", encoding="ascii")  # noqa: SIM115 - closed by whoever ends it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was at that place before, unless there was an export."""
        self._notes.close()
        self._file.discard()

    def beside(self, others: RejectWriter | None) -> Self:
        """Give all findings to another writer, too."""
        self._others = others
        return self

    def write(self, rejects: Iterable[Reject], feed: int) -> None:
        """Note findings; see `RejectFile.write`."""
        found = list(rejects)
        if self._others is not None:
            self._others.write(found, feed)
        try:
            for reject in found:
                where = f"{reject.column}." if reject.column else ""
                words = f"{reject.column}: {reject.message}" if reject.column else reject.message
                note = (reject.position.record, reject.position.byte, where + reject.code, words)
                self._notes.write(json.dumps(note) + "\n")
        except OSError as error:
            raise RejectFileError(f"failed records cannot be noted: {error.strerror}") from None

    def finish(self) -> None:
        """Keep what was written."""
        if self._others is not None:
            self._others.finish()

    def abort(self) -> None:
        """Throw it away."""
        if self._others is not None:
            self._others.abort()

    def export(self, feed: PlannedFeed, columns: tuple[str, ...], buffers: BufferPool, run_id: str) -> int:
        """Read the feed again and write its failed records.

        Parameters
        ----------
        feed : PlannedFeed
            Opened anew.
        columns : tuple of str
            Its header.
        buffers : BufferPool
            Where its chunks' buffers go back to.
        run_id : str
            The run the findings are of.

        Returns
        -------
        int
            How many records were written.
        """
        write = _Writer(feed.plan.dialect, columns, f"{run_id}:0:")
        self._file.write(write.head())
        number = 0
        for failed, raw in _records(feed, self._failed(), buffers):
            self._file.write(write.line(failed, raw))
            number += 1
        self._file.commit()
        return number

    def _failed(self) -> Iterator[Failed]:
        self._notes.seek(0)
        notes = (json.loads(line) for line in self._notes)
        for record, found in groupby(notes, key=itemgetter(0)):
            rows = list(found)
            codes = " ".join(dict.fromkeys(code for _, _, code, _ in rows))
            yield Failed(record, rows[0][1], codes, "; ".join(words for *_, words in rows))


def _records(
    feed: PlannedFeed, failed: Iterator[Failed], buffers: BufferPool
) -> Iterator[tuple[Failed, bytes | None]]:
    """Yield failed records with their bytes, line end included; None where they cannot stand in a file."""
    wanted = next(failed, None)
    try:
        for chunk in feed.reader:
            data = bytes(memoryview(chunk.data)[: chunk.size])
            done = 0
            while wanted is not None and wanted.byte < chunk.end:
                if chunk.damage:
                    yield wanted, None
                else:
                    start, done = _bounds(feed.plan, data, done, wanted.byte - chunk.offset)
                    yield wanted, data[start:done]
                wanted = next(failed, None)
            buffers.release(chunk)
    finally:
        feed.reader.close()


def _bounds(plan: Plan, data: bytes, before: int, at: int) -> tuple[int, int]:
    """Find where the record around a byte starts and ends; `before` is such an end, or the chunk's start."""
    start = before + plan.last_record_end(data[before:at], at - before)
    for found in _LINE_END.finditer(data, at):
        end = found.end()
        if plan.last_record_end(data[start:end], end - start) == end - start:
            return start, end
    return start, len(data)


class _Writer:
    """Write records as the feed has them, behind three cells.

    A feed that is such a file already, of a retry, keeps its first column: what failed twice is still the
    record that it was at first.
    """

    def __init__(self, dialect: Dialect, columns: tuple[str, ...], place: str) -> None:
        self._delimiter = dialect.delimiter
        self._quote = dialect.quote
        self._escape = dialect.escape
        self._place = place
        self._is_retry = columns[: len(COLUMNS)] == COLUMNS
        self._columns = columns[len(COLUMNS) :] if self._is_retry else columns

    def head(self) -> bytes:
        """Write the header."""
        return self._line([*COLUMNS, *self._columns]) + b"\n"

    def line(self, failed: Failed, raw: bytes | None) -> bytes:
        """Write a record."""
        place = f"{self._place}{failed.record}"
        if self._is_retry and raw is not None:
            place, raw = self._split(raw)
        cells = self._line([place, failed.codes, failed.messages]) + self._delimiter.encode()
        if raw is None or (self._quote and raw.count(self._quote.encode()) % 2):
            # Kept apart from what follows: its quotes do not balance.
            raw = b"\n"
        return cells + (raw if raw.endswith((b"\n", b"\r")) else raw + b"\n")

    def _line(self, cells: list[str]) -> bytes:
        return self._delimiter.join(map(self._cell, cells)).encode("utf-8", "backslashreplace")

    def _cell(self, text: str) -> str:
        """Write a text so that no dialect reads it otherwise; in a message a quote is no loss."""
        for special, instead in ((self._escape, "/"), (self._quote, "'"), ("\r", " "), ("\n", " ")):
            if special:
                text = text.replace(special, instead)
        if self._delimiter not in text:
            return text
        return f"{self._quote}{text}{self._quote}" if self._quote else text.replace(self._delimiter, " ")

    def _split(self, raw: bytes) -> tuple[str, bytes]:
        """Take the first cell, and what follows the third."""
        delimiter, quote = self._delimiter.encode(), (self._quote or "").encode()
        cells, rest = [], raw
        for _ in COLUMNS:
            end = rest.find(delimiter)
            while end >= 0 and quote and rest[:end].count(quote) % 2:
                end = rest.find(delimiter, end + 1)
            if end < 0:
                return "", raw
            cells.append(rest[:end])
            rest = rest[end + len(delimiter) :]
        return cells[0].strip(quote or None).decode("utf-8", "replace"), rest


def check_exportable(feeds: Sequence[Source], columns: tuple[str, ...] | None, *, can_reread: bool) -> None:
    """Refuse to note failures of what cannot be written in its own words.

    Raises
    ------
    UsageError
        There are several feeds, it is no text, it cannot be read twice, or its columns have no names.
    """
    if len(feeds) != 1:
        raise UsageError(
            "--failed writes the records of one feed, in its own dialect; run the feeds one by one."
        )
    if not isinstance(feeds[0], str) or is_columnar(feeds[0]):
        raise UsageError(
            "--failed writes records in the text that their feed has them in, and columns have none; "
            "--rejects tells the number of each failed record, what was found, and the value."
        )
    if not can_reread:
        raise UsageError(
            "--failed reads failed records again, and standard input is gone by then; name a file."
        )
    if columns is None:
        raise UsageError("--failed needs delimited text whose columns have names, in a header line.")
