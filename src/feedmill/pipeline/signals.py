"""SIGINT and SIGTERM: the first drains a run, the second cancels it."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["Stoppable", "signals"]


class Stoppable(Protocol):
    """What signals act on. Both are called within a signal handler, so they must not wait for a lock."""

    def stop(self) -> None:
        """Come to an end in order."""

    def cancel(self) -> None:
        """Come to an end now."""


@contextmanager
def signals(run: Stoppable) -> Iterator[None]:
    """Let SIGINT and SIGTERM end a run while the block lasts.

    Parameters
    ----------
    run : Stoppable
        Stopped by the first signal, cancelled by the second. The third raises `KeyboardInterrupt`, for a run
        that cannot even be cancelled.

    Thread safety
    -------------
    Handlers are installed in the main thread only; in others this does nothing. A signal that is ignored
    stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal received
        received += 1
        if received == 1:
            run.stop()
        elif received == 2:
            run.cancel()
        else:
            raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            # None: it was not installed from Python, and cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
