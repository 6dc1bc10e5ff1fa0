"""Open feeds: from what was typed to readers.

A feed is a path, a glob, or ``-``. How it is compressed is seen from its first bytes; how its text is
encoded is said by the dialect, and only contradicted where the bytes leave no doubt.
"""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from feedmill.dialect import Dialect
from feedmill.errors import FeedError
from feedmill.readers.arrow import ArrowReader, ArrowStreamable, is_columnar
from feedmill.readers.blocks import STDIN, ByteSource, FileSource, HeadedSource
from feedmill.readers.buffers import BufferPool
from feedmill.readers.compressed import MAGIC_BYTES, DecompressedSource, compression_of
from feedmill.readers.delimited import DelimitedReader
from feedmill.readers.jsonlines import JsonLinesReader
from feedmill.readers.opened import Reader
from feedmill.readers.transcoded import TranscodedSource

__all__ = [
    "CHUNK_BYTES",
    "Source",
    "find_feeds",
    "find_sources",
    "is_stream",
    "open_feed",
    "open_source",
    "open_text",
]

type Source = str | ArrowStreamable
"""A path, a glob or ``-``; or an object that offers an Arrow stream."""

CHUNK_BYTES: Final = 1 << 20
"""Bytes of a chunk by default: enough to hide what a chunk costs, little enough for a cache and a channel."""

# First bytes of what people hand in by mistake.
_NOT_TEXT: Final = {
    b"PK\x03\x04": "a zip archive (or a spreadsheet); unzip it, or export it as CSV",
    b"PAR1": "a Parquet file, which load, validate and read take by its path",
    b"ARROW1": "an Arrow file, which load, validate and read take by its path",
    b"SQLite": "an SQLite database",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    b"\x89PNG": "a picture",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet or document; export it as CSV",
}
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF32_BOMS: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")  # the first begins like UTF-16's


def find_feeds(patterns: Iterable[str]) -> list[str]:
    """List the feeds that paths and globs name.

    Parameters
    ----------
    patterns : iterable of str
        A glob (``*``, ``?``, ``[…]``, ``**``) gives its files in the order of their names; a path that exists
        is taken as it is, whatever characters it has; ``-`` is standard input.

    Raises
    ------
    FeedError
        If a glob matches nothing, or standard input is asked for twice.
    """
    feeds: list[str] = []
    for pattern in patterns:
        if pattern == STDIN or Path(pattern).exists() or not glob.has_magic(pattern):
            feeds.append(pattern)
            continue
        matches = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        found = sorted(path for path in matches if not Path(path).is_dir())
        if not found:
            raise FeedError(f"no file matches {pattern!r}")
        feeds += found
    if feeds.count(STDIN) > 1:
        raise FeedError("standard input (-) can be read once only")
    return feeds


def is_stream(path: str) -> bool:
    """Whether a feed is gone once it was read: standard input, a named pipe, a terminal."""
    return path == STDIN or Path(path).is_fifo() or Path(path).is_char_device()


def find_sources(sources: Sequence[Source] | Source) -> list[Source]:
    """List what is to be read: feeds as `find_feeds` does, and objects as they are."""
    if isinstance(sources, str) or not isinstance(sources, Sequence):
        sources = [sources]
    found: list[Source] = []
    for source in sources:
        if isinstance(source, str):
            found += find_feeds([source])
        elif isinstance(source, ArrowStreamable):
            found.append(source)
        else:
            raise FeedError(
                f"{type(source).__name__} is no feed: give a path as text, or an object that offers an Arrow "
                "stream (__arrow_c_stream__)"
            )
    find_feeds(source for source in found if isinstance(source, str) and source == STDIN)
    return found


def open_source(
    source: Source,
    dialect: Dialect | None = None,
    chunk_size: int = CHUNK_BYTES,
    buffers: BufferPool | None = None,
) -> Reader:
    """Open a feed, a file of columns, or an object that offers an Arrow stream; else as `open_feed`."""
    if isinstance(source, str) and not is_columnar(source):
        return open_feed(source, dialect, chunk_size, buffers)
    return ArrowReader(source, chunk_size)


def open_feed(
    path: str,
    dialect: Dialect | None = None,
    chunk_size: int = CHUNK_BYTES,
    buffers: BufferPool | None = None,
) -> DelimitedReader | JsonLinesReader:
    """Open a feed and read its head.

    Parameters
    ----------
    path : str
        A file, or ``-``.
    dialect : Dialect, optional
        How it is written; CSV by default.
    chunk_size : int
        Bytes of a chunk, about.
    buffers : BufferPool, optional
        Shared by the readers of a run.

    Raises
    ------
    FeedError
        If it cannot be opened, or is no text.
    HeaderError
        If it has no header that can be read.
    ReadError
        If it breaks off in its head.
    """
    dialect = dialect or Dialect()
    if chunk_size < 1:
        raise FeedError(f"a chunk of {chunk_size} bytes holds nothing")
    buffers = buffers or BufferPool()
    file = FileSource(path)
    try:
        stack = _Stack(file, _text_of(file, dialect))
        if dialect.format == "jsonl":
            return JsonLinesReader(stack, dialect, buffers, chunk_size)
        return DelimitedReader(stack, dialect, buffers, chunk_size)
    except BaseException:
        file.close()
        raise


def open_text(path: str) -> ByteSource:
    """Open a feed's bytes, decompressed, in the encoding they have; it raises what `open_feed` does."""
    file = FileSource(path)
    try:
        return _unpacked(file)
    except BaseException:
        file.close()
        raise


@dataclass(frozen=True, slots=True)
class _Stack:
    """A feed as it is stored, and what turns it into UTF-8."""

    file: FileSource
    text: ByteSource


def _text_of(file: FileSource, dialect: Dialect) -> ByteSource:
    """Stack on a file what turns its bytes into UTF-8."""
    headed = _unpacked(file)
    if dialect.encoding != "utf-8":
        return TranscodedSource(headed, dialect.encoding, file.name)
    if headed.head.startswith(_UTF32_BOMS):
        raise FeedError(f"feed {file.name} starts like UTF-32, not UTF-8; say so: --encoding utf-32")
    if headed.head.startswith(_UTF16_BOMS):
        raise FeedError(f"feed {file.name} starts like UTF-16, not UTF-8; say so: --encoding utf-16")
    return headed


def _unpacked(file: FileSource) -> HeadedSource:
    """Stack on a file what decompresses it, if it is compressed; refuse what cannot be a feed."""
    headed = HeadedSource(file, MAGIC_BYTES)
    kind = compression_of(headed.head, file.name)
    if kind:
        headed = HeadedSource(DecompressedSource(headed, kind, file.name), MAGIC_BYTES)
    for magic, what in _NOT_TEXT.items():
        if headed.head.startswith(magic):
            raise FeedError(f"feed {file.name} is {what}; feedmill reads delimited text and JSON Lines")
    return headed
