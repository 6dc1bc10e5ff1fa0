"""Readers: from what was typed to chunks of whole records.

::

    find_feeds ─▶ open_feed ─▶ file ─▶ decompressed ─▶ transcoded ─▶ cutter ─▶ chunks ─▶ parse (in a worker)
    feeds.py                   blocks  compressed      transcoded    cutter    buffers   delimited, jsonlines
                                                                     └▶ header: columns, bind
"""

from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.feeds import CHUNK_BYTES, find_feeds, open_feed
from feedmill.readers.header import bind
from feedmill.readers.opened import Reader

__all__ = ["CHUNK_BYTES", "BufferPool", "Chunk", "Reader", "bind", "find_feeds", "open_feed"]
