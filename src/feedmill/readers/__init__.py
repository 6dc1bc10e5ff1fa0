"""Readers: from what was typed to chunks of whole records.

::

    find_feeds ─▶ open_feed ─▶ file ─▶ decompressed ─▶ transcoded ─▶ cutter ─▶ chunks ─▶ parse (in a worker)
    feeds.py                   blocks  compressed      transcoded    cutter    buffers   delimited, jsonlines
                                                                     └▶ header: columns, bind
    find_sources ─▶ open_source ─▶ Parquet, Arrow files and streams ─▶ chunks of rows ─▶ parse: arrow.py
"""

from feedmill.readers.arrow import ArrowStreamable
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.feeds import (
    CHUNK_BYTES,
    Source,
    find_feeds,
    find_sources,
    is_stream,
    open_feed,
    open_source,
)
from feedmill.readers.header import bind
from feedmill.readers.opened import Reader

__all__ = [
    "CHUNK_BYTES",
    "ArrowStreamable",
    "BufferPool",
    "Chunk",
    "Reader",
    "Source",
    "bind",
    "find_feeds",
    "find_sources",
    "is_stream",
    "open_feed",
    "open_source",
]
