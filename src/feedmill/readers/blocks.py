"""Where the bytes of a feed come from: a file, a pipe, standard input.

A source fills buffers that others own, and knows its place. Sources stand on one another: a file, what
decompresses it (`compressed`), what turns its encoding into UTF-8 (`transcoded`). The innermost one counts
the bytes of the feed as it is stored, which is what a progress bar shows; the outermost one hands out the
bytes that offsets are counted in.
"""

import hashlib
import io
import os
import select
import stat
from dataclasses import dataclass
from typing import Final, Protocol, Self
from unicodedata import category

from feedmill.errors import FeedError, ReadError

__all__ = ["ByteSource", "FileSource", "Fingerprint", "HeadedSource"]

STDIN: Final = "-"
_SPEAKING: Final = {"Cc", "Cf", "Zl", "Zp"}  # control and format characters, ends of lines and paragraphs
_SAMPLE_BYTES: Final = 64 * 1024  # of head and tail in a fingerprint: one read each, and no header is longer


class ByteSource(Protocol):
    """Fills buffers with the next bytes of a feed."""

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes at the start of `view`, wait for at least one; 0 is the end of the feed.

        Raises
        ------
        ReadError
            If the feed broke off. All bytes before the fault have been handed out by then.
        """
        ...

    def is_silent(self, seconds: float) -> bool:
        """Tell whether nothing arrives for so long; False where a read never waits for another program."""
        ...

    def close(self) -> None:
        """Let go of what is open. A second time is harmless."""
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells a file from another one, or from itself after a change.

    Parameters
    ----------
    size, mtime_ns, inode : int
        As the file system has them.
    digest : str
        BLAKE2b of the first and the last 64 KiB, hexadecimal.
    """

    size: int
    mtime_ns: int
    inode: int
    digest: str


class FileSource:
    """Read a file, or standard input for ``-``.

    Parameters
    ----------
    path : str

    Raises
    ------
    FeedError
        If there is nothing to read at `path`.

    Thread safety
    -------------
    one thread; `bytes_read` from any thread

    Attributes
    ----------
    bytes_read : int
        Bytes of the stored feed read so far.
    bytes_total : int or None
        Bytes there are to read, for a regular file.
    """

    def __init__(self, path: str) -> None:
        self.name = "standard input" if path == STDIN else _told(path)
        self.bytes_read = 0
        try:
            self._file = io.FileIO(0, closefd=False) if path == STDIN else io.FileIO(path)
            self._status = os.fstat(self._file.fileno())
        except (OSError, ValueError) as error:
            raise FeedError(_why_not(self.name, error)) from None
        self._is_regular = stat.S_ISREG(self._status.st_mode)
        self.bytes_total: int | None = None
        if self._is_regular:
            self.bytes_total = max(0, self._status.st_size - self._file.tell())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes at the start of `view`; 0 at the end.

        Raises
        ------
        ReadError
            They cannot be read; or a file that was read to its end is not what it was when it was opened.
        """
        try:
            count = self._file.readinto(view)
            while count is None:  # somebody made the pipe non-blocking; wait for it all the same
                select.select([self._file], [], [])
                count = self._file.readinto(view)
        except OSError as error:
            raise ReadError(
                f"feed {self.name} cannot be read on at byte {self.bytes_read}: {error.strerror}"
            ) from error
        self.bytes_read += count
        if self._is_regular and not count and len(view):
            self._check_unchanged()
        return count

    def _check_unchanged(self) -> None:
        """Refuse to have read a file that others write to: no one can say of what moment its records are."""
        now, then = os.fstat(self._file.fileno()), self._status
        if (now.st_size, now.st_mtime_ns) != (then.st_size, then.st_mtime_ns):
            change = f"it had {then.st_size} bytes, and has {now.st_size}"
            if now.st_size == then.st_size:
                change = "it was written to"
            raise ReadError(
                f"feed {self.name} was changed while it was read: {change}; run it again when nothing writes "
                "to it"
            )

    def is_silent(self, seconds: float) -> bool:
        """Tell whether a pipe or terminal brings nothing for so long."""
        if self._is_regular:
            return False
        readable, _, _ = select.select([self._file], [], [], seconds)
        return not readable

    def fingerprint(self) -> Fingerprint | None:
        """Take the fingerprint of a regular file, without moving the place of reading; None for a stream.

        Standard input is always one: a file behind it cannot be opened again, only be read on.
        """
        if not self._is_regular or not self._file.closefd:
            return None
        size = self._status.st_size
        digest = hashlib.blake2b(digest_size=16)
        try:
            digest.update(os.pread(self._file.fileno(), _SAMPLE_BYTES, 0))
            digest.update(os.pread(self._file.fileno(), _SAMPLE_BYTES, max(0, size - _SAMPLE_BYTES)))
        except OSError as error:
            raise ReadError(f"feed {self.name} cannot be read: {error.strerror}") from error
        return Fingerprint(size, self._status.st_mtime_ns, self._status.st_ino, digest.hexdigest())

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._file.close()


class HeadedSource:
    """Hand out bytes that were read to look at them, then go on with the source they are from."""

    def __init__(self, source: ByteSource, wanted: int) -> None:
        self._source = source
        block = bytearray(wanted)
        have = 0
        with memoryview(block) as view:
            while have < wanted and (count := source.readinto(view[have:])):
                have += count
        self.head = bytes(block[:have])
        self._given = 0

    def readinto(self, view: memoryview) -> int:
        """Put the next bytes at the start of `view`; 0 at the end."""
        piece = self.head[self._given : self._given + len(view)]
        if not piece:
            return self._source.readinto(view)
        view[: len(piece)] = piece
        self._given += len(piece)
        return len(piece)

    def is_silent(self, seconds: float) -> bool:
        """Tell whether nothing arrives for so long."""
        return self._given == len(self.head) and self._source.is_silent(seconds)

    def close(self) -> None:
        """Close the source underneath."""
        self._source.close()


def _told(path: str) -> str:
    """Name a file, maybe a stranger's, without what ends a line of the log or speaks to the terminal."""
    return ascii(path) if any(category(each) in _SPEAKING for each in path) else path


def _why_not(name: str, error: Exception) -> str:
    """Say in one line why a feed cannot be opened."""
    match error:
        case FileNotFoundError():
            return f"feed {name} does not exist"
        case IsADirectoryError():
            return f"feed {name} is a directory; name the files in it, for example '{name.rstrip('/')}/*.csv'"
        case PermissionError():
            return f"feed {name} may not be read: permission denied"
        case OSError():
            return f"feed {name} cannot be opened: {error.strerror}"
        case _:
            return f"feed {name!r} cannot be opened: {error}"
