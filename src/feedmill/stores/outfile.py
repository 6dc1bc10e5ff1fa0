"""A file that appears whole or not at all.

It is written beside its target under a name of its own, with mode 0600, flushed to the disk, and renamed over
the target at the end; a reader never sees half of it, and a crash leaves the old one. A symbolic link is
refused rather than followed or replaced. A pipe, terminal or device (``/dev/null``, ``/dev/stdout``,
``>(gzip)``) has no "whole": it is written to as it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from feedmill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from feedmill.errors import RunError
    from feedmill.stores.url import Place

# Fewer and larger writes than Python's 8 KiB, small beside a batch.
BUFFER_BYTES = 1 << 17
# Symbolic links by design: a process's own streams, and what a shell makes of >(command).
STREAM = re.compile(r"/dev/(?P<name>stdout|stderr)|(/dev|/proc/self)/fd/(?P<number>[0-9]{1,9})")
STREAM_NUMBERS = {"stdout": 1, "stderr": 2}


class OutFile:
    """A file under way.

    Parameters
    ----------
    path : str or PathLike
        Where it is to appear.
    fault : type of RunError
        Raised when it cannot be written.
    keep : bool, default False
        Start with what the target holds now.

    Raises
    ------
    UsageError
        `path` is a symbolic link or a directory, or its directory cannot be written to.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, path: Place, fault: type[RunError], *, keep: bool = False) -> None:
        self.path = os.fspath(path)
        self.size = 0
        self._fault = fault
        self._temporary: Path | None = None
        try:
            self._mode = self._final_mode()
            self._file, self._temporary = self._open()
            if keep and self._temporary is not None:
                self._copy_target()
        except OSError as error:
            self.discard()
            raise UsageError(
                f"{path}: {error.strerror or error}; name a file in a directory that can be written to."
            ) from None

    def write(self, data: bytes) -> None:
        """Add bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            raise self._lost(error) from None
        self.size += len(data)

    def commit(self) -> None:
        """Flush the file to the disk and let it appear; when that fails, there is none."""
        try:
            self._file.flush()
            if self._temporary is not None:
                os.fsync(self._file.fileno())
                os.fchmod(self._file.fileno(), self._mode)
            self._file.close()
            if self._temporary is not None:
                os.replace(self._temporary, self.path)  # noqa: PTH105 - as in the description of what happens
                self._temporary = None
                sync_directory(Path(self.path).parent)
        except OSError as error:
            self.discard()
            raise self._lost(error) from None

    def discard(self) -> None:
        """Remove what was written; the target stays as it was. Harmless after `commit`."""
        with suppress(AttributeError, OSError):
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                self._temporary.unlink()
            self._temporary = None

    def _final_mode(self) -> int:
        """Read the mode the file is to have: the old one's, or what the umask leaves of 0666."""
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return 0o666 & ~umask()
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"{self.path} is a directory; name a file.")
        if stat.S_ISLNK(status.st_mode) and not STREAM.fullmatch(self.path):
            raise UsageError(f"{self.path} is a symbolic link; name the file it points to.")
        return stat.S_IMODE(status.st_mode)

    def _open(self) -> tuple[BinaryIO, Path | None]:
        path = Path(self.path)
        if is_device(self.path):
            return open(device_descriptor(self.path), "wb", BUFFER_BYTES), None
        temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        return open(descriptor, "wb", BUFFER_BYTES), temporary  # noqa: PTH123 - it is a descriptor

    def _copy_target(self) -> None:
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        with open(descriptor, "rb") as old:  # noqa: PTH123 - it is a descriptor
            shutil.copyfileobj(old, self._file, BUFFER_BYTES)
            self.size = old.tell()

    def _lost(self, error: OSError) -> RunError:
        return self._fault(
            f"{self.path}: {error.strerror or error}; free space or mend that, then run again."
        )


def refuse_overwriting(outputs: Mapping[str, Place], inputs: Iterable[str]) -> None:
    """Refuse to write over what is read, or two outputs into one file.

    Parameters
    ----------
    outputs : mapping of str to str or PathLike
        What the user calls an output, such as ``--rejects``, and its path. Pipes and devices are left out.
    inputs : iterable of str
        Paths that are read.

    Raises
    ------
    UsageError
        Two of the paths are one file, by whatever names.
    """
    inputs = list(inputs)
    before: dict[str, str] = {}
    for name, place in outputs.items():
        path = os.fspath(place)
        if is_device(path):
            continue
        if any(is_same(path, other) for other in inputs):
            raise UsageError(f"{name} {path} would overwrite what this run reads; name another file.")
        for other_name, other in before.items():
            if is_same(path, other):
                raise UsageError(f"{other_name} and {name} are both {path}; name two files.")
        before[name] = path


def is_device(path: str) -> bool:
    """Whether what a path names has no whole: a pipe, a terminal, a device, a stream of this process."""
    return STREAM.fullmatch(path) is not None or (Path(path).exists() and not Path(path).is_file())


def device_descriptor(path: str) -> int:
    """Open a device. A stream of this process is shared, or each of its writers would begin at its start.

    Raises
    ------
    OSError
        It cannot be opened, or is a stream that can only be read.
    """
    stream = STREAM.fullmatch(path)
    if stream is None:
        return os.open(path, os.O_WRONLY | os.O_APPEND)
    number = STREAM_NUMBERS.get(stream["name"]) or int(stream["number"])
    if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, "it can only be read")
    return os.dup(number)


def is_same(path: str, other: str) -> bool:
    """Whether two paths are one file, which need not exist."""
    try:
        return Path(path).samefile(other)
    except OSError:
        return Path(path).resolve() == Path(other).resolve()


def sync_directory(directory: Path) -> None:
    """Flush a rename to the disk; a file system without fsync for directories has it there already."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def umask() -> int:
    """Read the process's umask without setting it, which other threads would notice."""
    try:
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
    except OSError:
        status = ""
    match = re.search(r"^Umask:\s*([0-7]+)$", status, re.MULTILINE)
    # Elsewhere than on Linux: for the owner alone is never wrong.
    return int(match[1], 8) if match else 0o077
