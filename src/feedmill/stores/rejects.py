"""The reject file: one line a finding, in the order it is given, whole or not there.

Columns: ``record,line,byte,column,code,message,value``. With several feeds the findings follow each other
feed by feed, each feed's records count from 1, and a last column ``feed`` has its name.

In CSV no cell can be a formula when a spreadsheet opens the file: where a line of a cell starts with one of
``= + - @`` (also full-width, after blanks or after apostrophes), or a cell with a tab or line end, an
apostrophe goes before it, after OWASP's "CSV injection". To undo it, take one apostrophe off such a start.
JSON Lines needs none of that and keeps values as they are.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from feedmill.errors import RejectFileError, UsageError
from feedmill.records import MAX_VALUE_CHARACTERS
from feedmill.stores.outfile import OutFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feedmill.records import Reject
    from feedmill.stores.url import Place

COLUMNS: Final = ("record", "line", "byte", "column", "code", "message", "value")
COLUMNS_AND_FEED: Final = (*COLUMNS, "feed")
ENDINGS: Final = (".csv", ".jsonl")

# ASCII, full-width, and the small and superscript forms that normalisation makes the same.
TRIGGERS: Final = r"=+\-@＝＋－＠﹢﹣﹦﹫−"
# Where a line ends, to a spreadsheet: as part of a set of characters.
ENDS: Final = r"\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
# Blanks of any kind but line ends, and apostrophes, may lead: to some programs they are not there.
LEAD: Final = r"[^\S\r\n]*'*[^\S\r\n]*"
FORMULA: Final = re.compile(rf"^(?={LEAD}[{TRIGGERS}\t\r\n])|(?<=[{ENDS}])(?={LEAD}[{TRIGGERS}])")
# A text without any of these has no such start, which is quicker to see.
MAY_BE_FORMULA: Final = re.compile(rf"[{TRIGGERS}\t\r\n]")
# For commas, and for semicolons and tabs where a spreadsheet takes those instead.
MAY_NEED_QUOTES: Final = re.compile(rf'[,;\t"{ENDS}]')


class RejectFile:
    """A reject file under way.

    Parameters
    ----------
    path : str or PathLike
        Ends in ``.csv`` or ``.jsonl``; ``/dev/stdout`` and other devices are CSV.
    feeds : sequence of str
        The names of the run's feeds; of a single one nothing is said.

    Raises
    ------
    UsageError
        The name has another ending, or the file cannot be made.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, path: Place, feeds: Sequence[str] = ()) -> None:
        path = os.fspath(path)
        ending = PurePath(path).suffix.lower()
        if ending not in ENDINGS and not path.startswith("/dev/"):
            raise UsageError(
                f"{path}: rejects are written as CSV or JSON Lines; name a file ending in .csv or .jsonl."
            )
        is_jsonl = ending == ".jsonl"
        self._line = jsonl_line if is_jsonl else csv_line
        # By the feed, what the last column has.
        self._feeds = [(name,) for name in feeds] if len(feeds) > 1 else [()]
        self._file = OutFile(path, RejectFileError)
        self.count = 0
        if not is_jsonl:
            columns = COLUMNS_AND_FEED if len(feeds) > 1 else COLUMNS
            self._file.write((",".join(columns) + "\n").encode())

    def write(self, rejects: Iterable[Reject], feed: int = 0) -> None:
        """Add findings of a feed, by its index.

        Raises
        ------
        RejectFileError
            The disk is full or gone.
        """
        name = self._feeds[feed]
        lines = [self._line(reject, name) for reject in rejects]
        self.count += len(lines)
        # Lone surrogates cannot be in a feed's text, but a caller may have made a Reject of anything.
        self._file.write("".join(lines).encode("utf-8", "backslashreplace"))

    def finish(self) -> None:
        """Let the file appear.

        Raises
        ------
        RejectFileError
            The disk is full or gone.
        """
        self._file.commit()

    def abort(self) -> None:
        """Leave what was at that place before."""
        self._file.discard()


def csv_line(reject: Reject, feed: tuple[()] | tuple[str]) -> str:
    """Write one finding as a line of CSV, and the name of its feed if it is one of several."""
    position = reject.position
    texts = (reject.column, reject.code, reject.message, reject.value[:MAX_VALUE_CHARACTERS], *feed)
    cells = ",".join(map(csv_text, texts))
    return f"{position.record},{position.line},{position.byte},{cells}\n"


def csv_text(value: str) -> str:
    r"""Write a text as a cell that no spreadsheet takes for a formula.

    Examples
    --------
    >>> csv_text("=1+1"), csv_text("12.5"), csv_text('say "-1" or 1')
    ("'=1+1", '12.5', '"say ""-1"" or 1"')
    """
    if value.isalnum():
        return value
    safe = FORMULA.sub("'", value) if MAY_BE_FORMULA.search(value) else value
    if MAY_NEED_QUOTES.search(safe) or safe != safe.strip():
        return '"' + safe.replace('"', '""') + '"'
    return safe


def jsonl_line(reject: Reject, feed: tuple[()] | tuple[str]) -> str:
    """Write one finding as a line of JSON, and the name of its feed if it is one of several."""
    position = reject.position
    texts = (reject.column, reject.code, reject.message, reject.value[:MAX_VALUE_CHARACTERS], *feed)
    values = (position.record, position.line, position.byte, *texts)
    return json.dumps(dict(zip(COLUMNS_AND_FEED, values, strict=False)), ensure_ascii=False) + "\n"
