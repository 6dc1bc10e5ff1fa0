"""Waiting for work: until the database rings, until a time is up, or until somebody stops it.

PostgreSQL rings by NOTIFY, which triggers of the tables send with the commit. SQLite has no such thing and
is asked again every `POLL_S`; PostgreSQL too, at `LISTENING_POLL_S`, as a notification can be lost with
the connection that should have brought it.
"""

from __future__ import annotations

import os
import select
from typing import Final, Protocol

POLL_S: Final = 1.0
LISTENING_POLL_S: Final = 15.0


class Ring(Protocol):
    """What a database tells of new work by."""

    def fileno(self) -> int | None:
        """Name a descriptor that can be read when it has rung; None when there is none now."""

    def silence(self) -> None:
        """Take note of what has rung."""

    def close(self) -> None:
        """Listen no longer."""


class Doorbell:
    """Wait for work.

    Parameters
    ----------
    ring : Ring or None
        None where the database has no way to tell.

    Attributes
    ----------
    is_stopped : bool
        Whether `stop` was called.

    Thread safety
    -------------
    one thread; `stop` from any, signal handlers included
    """

    def __init__(self, ring: Ring | None) -> None:
        self.is_stopped = False
        self._ring = ring
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it rings or is stopped, `seconds` at most; by default as long as is good."""
        descriptor = self._ring.fileno() if self._ring is not None else None
        if seconds is None:
            seconds = POLL_S if descriptor is None else LISTENING_POLL_S
        watched = [self._read] if descriptor is None else [self._read, descriptor]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._ring is not None and descriptor in ready:
            self._ring.silence()

    def pause(self, seconds: float) -> None:
        """Wait whatever rings, unless stopped."""
        select.select([self._read], [], [], seconds)

    def stop(self) -> None:
        """End this wait and all later ones."""
        self.is_stopped = True
        # Full only if it was stopped thousands of times.
        os.write(self._write, b".")

    def close(self) -> None:
        """Give the descriptors back."""
        if self._ring is not None:
            self._ring.close()
        os.close(self._read)
        os.close(self._write)
