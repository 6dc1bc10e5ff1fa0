"""Feeds in another encoding than UTF-8.

Text is decoded piece by piece and handed on as UTF-8, so the kernel knows one encoding only. A byte that
means nothing in the declared encoding must neither stop the run nor pass for something else. It becomes a
lone low surrogate, U+DC00 plus the byte, in three bytes that are never valid UTF-8: the kernel rejects that
cell with `encoding`, and `feedmill.records` shows the byte again.

Offsets are counted in the UTF-8 text, since that is where cells have a place.
"""

import codecs
from typing import Final

from feedmill.errors import FeedError, ReadError
from feedmill.readers.blocks import ByteSource

__all__ = ["TranscodedSource"]

_BLOCK_BYTES: Final = 64 * 1024
_HELD_BYTES: Final = 4 << 20
"""Bytes a decoder may keep for later: UTF-7's keeps a run of any length, and reads it anew each time."""
_MARKED: Final = frozenset({"utf-16", "utf-32"})  # a mark at the start has to tell the order of their bytes
_ON_ERROR: Final = "feedmill.mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Stand in for bytes that cannot be decoded."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(_ON_ERROR, _mark)


class TranscodedSource:
    """Turn what another source reads into UTF-8.

    Parameters
    ----------
    source : ByteSource
        Bytes in `encoding`.
    encoding : str
        As `feedmill.dialect.Dialect` has checked it.
    name : str
        The feed's, for messages.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, source: ByteSource, encoding: str, name: str) -> None:
        self._source = source
        self._encoding = encoding
        self._name = name
        self._decoder = codecs.getincrementaldecoder(encoding)(_ON_ERROR)
        self._block = bytearray(_BLOCK_BYTES)
        self._text = b""
        self._given = 0
        self._bytes_in = 0
        self._at_end = False

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes at the start of `view`; 0 at the end."""
        while self._given == len(self._text):
            if self._at_end:
                return 0
            self._text, self._given = self._decode_block(), 0
        piece = self._text[self._given : self._given + len(view)]
        view[: len(piece)] = piece
        self._given += len(piece)
        return len(piece)

    def is_silent(self, seconds: float) -> bool:
        """Tell whether nothing arrives for so long."""
        return self._given == len(self._text) and self._source.is_silent(seconds)

    def close(self) -> None:
        """Close the source underneath."""
        self._source.close()

    def _decode_block(self) -> bytes:
        """Decode the next block; characters that its end cuts in two stay in the decoder."""
        with memoryview(self._block) as view:
            count = self._source.readinto(view)
            block = bytes(view[:count])
        self._at_end = not count
        try:
            text = self._decoder.decode(block, self._at_end)
        except ValueError as error:  # what handlers are not asked about
            advice = f"; say {self._encoding}-le or -be, if it is one" if self._encoding in _MARKED else ""
            fault = ReadError if self._bytes_in else FeedError
            raise fault(
                f"feed {self._name} is not in {self._encoding}, near byte {self._bytes_in}: {error}{advice}"
            ) from error
        self._bytes_in += count
        if len(self._decoder.getstate()[0]) > _HELD_BYTES:
            raise ReadError(
                f"feed {self._name} is not in {self._encoding}, near byte {self._bytes_in}: "
                f"{_HELD_BYTES} bytes without a character"
            )
        return text.encode("utf-8", "surrogatepass")
