"""Readers: from the bytes of a feed to chunks of whole records."""

from feedmill.readers.buffers import PADDING, BufferPool, Chunk

__all__ = ["PADDING", "BufferPool", "Chunk"]
