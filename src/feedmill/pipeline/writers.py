"""How many lanes write at once: all of them, unless the tuner says otherwise."""

from __future__ import annotations

import threading
from typing import Self


class Writers:
    """Let so many lanes write at once; all by default.

    Thread safety
    -------------
    any thread
    """

    def __init__(self) -> None:
        self._is_free = threading.Condition()
        self._limit: int | None = None  # guarded by _is_free, as is _writing
        self._writing = 0

    def __enter__(self) -> Self:
        """Wait to be let write."""
        with self._is_free:
            while self._limit is not None and self._writing >= self._limit:
                self._is_free.wait()
            self._writing += 1
        return self

    def __exit__(self, *_exc: object) -> None:
        """Let another one write."""
        with self._is_free:
            self._writing -= 1
            self._is_free.notify()

    def limit(self, writers: int | None) -> None:
        """Say how many may write; None for all."""
        with self._is_free:
            self._limit = writers
            self._is_free.notify_all()
