"""Feeds that are compressed: gzip, bzip2, xz, Zstandard.

They are told by their first bytes, not by their names. Members one after another are one feed, and zero
bytes behind the last one are padding; anything else there, a stream that stops in the middle, and a wrong
checksum are faults. What came before a fault is handed out first: exactly for gzip, whose state can be
copied; for the others up to 4 KiB short.

A checksum stands behind what it covers. Where bytes were changed and not lost, what is handed out before
the fault may therefore be wrong; the run ends with the fault, and a check before the run (`gzip -t`) tells
beforehand.
"""

import bz2
import importlib
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from feedmill.errors import FeedError, ReadError
from feedmill.readers.blocks import ByteSource

__all__ = ["MAGIC_BYTES", "Compression", "DecompressedSource", "compression_of"]

MAGIC_BYTES: Final = 6
"""Bytes that suffice to tell the kinds apart."""

_INPUT_BYTES: Final = 64 * 1024  # compressed bytes a step: a system call's worth, little to go back over
_OUTPUT_BYTES: Final = 4 * 1024  # what a fault in bzip2, xz or Zstandard can cost at most
_MAX_RATIO: Final = 200  # text rarely passes 30; a bomb of zeros has 1,000 and more
_RATIO_FREE_BYTES: Final = 16 << 20  # output without a limit: a small file of repeated rows is no attack
_XZ_MEMORY_BYTES: Final = 256 << 20  # `xz -9` needs 65 MB; a crafted header can ask for 4 GB


class Decompressor(Protocol):
    """One member of a compressed stream; what bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Compression:
    """One kind of compression.

    Parameters
    ----------
    name : str
        What people call it.
    make : callable
        Makes what decompresses one member.
    fault : type of exception
        What that raises about damaged data.
    """

    name: str
    make: Callable[[], Decompressor]
    fault: type[Exception]


class GzipMember:
    """One member of a gzip stream, decompressed up to the very byte before a fault."""

    def __init__(self) -> None:
        self._state = zlib.decompressobj(wbits=31)
        self._input = b""
        self._fault: zlib.error | None = None

    @property
    def eof(self) -> bool:
        """Whether the member's trailer has been read and its checksum was right."""
        return self._state.eof

    @property
    def needs_input(self) -> bool:
        """Whether all input has been used up."""
        return not self._input and not self._fault

    @property
    def unused_data(self) -> bytes:
        """What stands behind the member."""
        return self._state.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return up to `max_length` bytes more; nothing when more input is needed."""
        if self._fault:
            raise self._fault
        data = self._input + data
        before = self._state.copy()
        try:
            output = self._state.decompress(data, max_length)
        except zlib.error as fault:
            self._fault = fault
            return _up_to_fault(before, data, max_length)
        self._input = self._state.unconsumed_tail
        return output


class DecompressedSource:
    """Decompress what another source reads.

    Parameters
    ----------
    source : ByteSource
        The compressed bytes.
    kind : Compression
        How, as `compression_of` has found.
    name : str
        The feed's, for messages.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, source: ByteSource, kind: Compression, name: str) -> None:
        self._source = source
        self._kind = kind
        self._what = f"feed {name} ({kind.name})"
        self._member: Decompressor | None = None
        self._block = bytearray(_INPUT_BYTES)
        self._pending = b""  # compressed bytes that no member has been given yet
        self._bytes_in = 0
        self._bytes_out = 0

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes at the start of `view`; 0 at the end."""
        while self._member is not None or self._begin_member():
            output = self._step(len(view))
            if output:
                self._bytes_out += len(output)
                self._refuse_bomb()
                view[: len(output)] = output
                return len(output)
        return 0

    def is_silent(self, seconds: float) -> bool:  # noqa: ARG002 - the protocol's
        """Say no: a decompressor may still hold output when its input is silent."""
        return False

    def close(self) -> None:
        """Close the source underneath."""
        self._source.close()

    def _begin_member(self) -> bool:
        """Start on the next member; False at the end of the feed."""
        while not self._pending:
            self._pending = self._read()
            if not self._pending:
                return False
            if self._bytes_out or self._bytes_in > len(self._pending):
                self._pending = self._pending.lstrip(b"\0")
        self._member = self._kind.make()
        return True

    def _step(self, wanted: int) -> bytes:
        """Take the current member one step on; empty when it gave nothing this time."""
        member = self._member
        if member is None:
            return b""
        data, self._pending = self._pending, b""
        if not data and member.needs_input:
            data = self._read()
            if not data:
                raise self._fault("it ends in the middle of the compressed data")
        try:
            limit = wanted if isinstance(member, GzipMember) else min(wanted, _OUTPUT_BYTES)
            output = member.decompress(data, limit)
        except self._kind.fault as error:
            raise self._fault(f"it is damaged ({error})") from error
        if member.eof:
            self._pending = member.unused_data.lstrip(b"\0")
            self._member = None
        return output

    def _read(self) -> bytes:
        """Read the next compressed bytes."""
        with memoryview(self._block) as view:
            count = self._source.readinto(view)
            self._bytes_in += count
            return bytes(view[:count])

    def _refuse_bomb(self) -> None:
        """Stop a stream that grows out of all proportion; its end may be a terabyte away."""
        if self._bytes_out > _RATIO_FREE_BYTES and self._bytes_out > _MAX_RATIO * self._bytes_in:
            raise self._fault(
                f"it expands more than {_MAX_RATIO} times, like a decompression bomb; "
                "if it is meant to, decompress it first and pipe it in"
            )

    def _fault(self, what: str) -> ReadError:
        """Make the error that ends the run, with its place."""
        return ReadError(
            f"{self._what}: {what}, at byte {self._bytes_in} of the file, byte {self._bytes_out} of its text"
        )


def compression_of(head: bytes, name: str) -> Compression | None:
    """Tell by its first bytes how a feed is compressed.

    Parameters
    ----------
    head : bytes
        At least `MAGIC_BYTES` of it, unless it is shorter.
    name : str
        The feed's, for the message.

    Returns
    -------
    Compression or None
        None: it is not compressed.

    Raises
    ------
    FeedError
        If this Python has no module for the kind.
    """
    if head.startswith(b"\x1f\x8b"):
        return Compression("gzip", GzipMember, zlib.error)
    if head.startswith(b"BZh") and head[3:4].isdigit():
        return Compression("bzip2", bz2.BZ2Decompressor, OSError)
    if head.startswith(b"\xfd7zXZ\0"):
        return Compression("xz", _xz, lzma.LZMAError)
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return _zstd(name)
    return None


def _xz() -> Decompressor:
    """Make a decompressor that a crafted header cannot make take all memory."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


def _zstd(name: str) -> Compression:
    """Find the decompressor in the standard library (3.14 on) or in its backport."""
    for module in ("compression.zstd", "backports.zstd"):
        try:
            zstd = importlib.import_module(module)
        except ImportError:
            continue
        return Compression("zstd", zstd.ZstdDecompressor, zstd.ZstdError)
    raise FeedError(
        f"feed {name} is compressed with Zstandard, which Python reads from 3.14 on; "
        "install backports.zstd, or pipe it in: zstd -dc FILE | feedmill … -"
    )


def _up_to_fault(state: "zlib._Decompress", data: bytes, max_length: int) -> bytes:
    """Decompress byte by byte, because zlib throws away the output of the call that fails."""
    output = bytearray()
    for index in range(len(data)):
        try:
            output += state.decompress(data[index : index + 1], max_length - len(output) or 1)
        except zlib.error:
            break
        if len(output) >= max_length:
            break
    return bytes(output)
