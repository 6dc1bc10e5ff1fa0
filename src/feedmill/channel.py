"""A bounded, closable channel between threads.

It stands on `queue.Queue` and its ``shutdown`` (CPython 3.13), and adds what a pipeline needs: a bound in
bytes, what was dropped when it is cancelled, and numbers that say who waited for whom.
"""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Channel", "ChannelClosed", "ChannelStats"]


class ChannelClosed(Exception):  # noqa: N818 - the end of a stream is no fault, as with StopIteration
    """Nothing more goes in, or nothing more comes out."""


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """What a channel has seen so far.

    Attributes
    ----------
    depth : int
        Items in it now.
    high_water : int
        The most items it ever held.
    nbytes : int
        Bytes in it now, as its putters declared them.
    items : int
        Items that ever went in.
    put_waiting_s, get_waiting_s : float
        Seconds that all putters, all getters together have spent waiting, the waits now in progress left out.
        Putters that wait say the consumer is the bottleneck, getters that wait say the producer is.
    """

    depth: int
    high_water: int
    nbytes: int
    items: int
    put_waiting_s: float
    get_waiting_s: float


class Channel[T]:
    """Hand items from putters to getters, first in first out.

    Parameters
    ----------
    capacity : int
        The most items in it, at least 1.
    max_bytes : int, optional
        It takes nothing more while what is in it weighs this much, so at most one item goes beyond. None: any
        weight.

    Raises
    ------
    ValueError
        A bound is less than 1.

    Thread safety
    -------------
    any thread, any number of putters and getters

    Notes
    -----
    *Closing* (`close`) says that nothing more will come. It is the putters' to do, usually the last one's;
    any thread may. Putters that wait wake with `ChannelClosed`, and their items are not in it. Getters go on
    until it is empty; those that wait then wake with `ChannelClosed`. Nothing is lost.

    *Cancelling* (`cancel`) says that nobody will get any more. It is the getters' to do; any thread may.
    Everybody who waits wakes with `ChannelClosed`. What was inside is handed to whoever cancelled, nobody
    else sees it.

    Both may be done twice, in any order.

    Examples
    --------
    >>> channel = Channel[str](capacity=2)
    >>> channel.put("a")
    >>> channel.put("b")
    >>> channel.close()
    >>> list(channel)
    ['a', 'b']
    """

    def __init__(self, capacity: int, max_bytes: int | None = None) -> None:
        if capacity < 1 or (max_bytes is not None and max_bytes < 1):
            raise ValueError("a channel holds at least one item of at least one byte")
        self._queue = _WeighedQueue[T](capacity, max_bytes)

    def put(self, item: T, nbytes: int = 0, *, force: bool = False) -> None:
        """Put an item in, waiting while the channel is full.

        Parameters
        ----------
        item : object
            What to hand over.
        nbytes : int
            What it weighs against `max_bytes`.
        force : bool
            Never wait and go beyond the bounds: for those whom waiting could deadlock.

        Raises
        ------
        ChannelClosed
            The channel is closed, or was closed during the wait. The item is not in it.
        """
        started = perf_counter()
        try:
            if force:
                self._queue.put_beyond((item, nbytes))
            else:
                self._queue.put((item, nbytes))
        except queue.ShutDown:
            raise ChannelClosed from None
        finally:
            self._queue.note_put_wait(perf_counter() - started)

    def get(self, timeout_s: float | None = None) -> T:
        """Take the oldest item out, waiting while there is none.

        Parameters
        ----------
        timeout_s : float, optional
            The longest wait in seconds; None for as long as it takes.

        Raises
        ------
        ChannelClosed
            The channel is closed and empty.
        TimeoutError
            Nothing came in time.
        """
        started = perf_counter()
        try:
            return self._queue.get(timeout=timeout_s)[0]
        except queue.ShutDown:
            raise ChannelClosed from None
        except queue.Empty:
            raise TimeoutError from None
        finally:
            self._queue.note_get_wait(perf_counter() - started)

    def __iter__(self) -> Iterator[T]:
        """Take items out until the channel is closed and empty. Each thread needs its own iterator."""
        while True:
            try:
                item = self.get()
            except ChannelClosed:
                return
            yield item
            # A generator at rest would keep the last item, and its memory, alive.
            del item

    def close(self) -> None:
        """Let nothing more in; what is inside can still be taken out."""
        self._queue.shutdown()

    def cancel(self) -> list[T]:
        """Close it and take everything out.

        Returns
        -------
        list
            What nobody will get, oldest first.
        """
        self._queue.shutdown()
        return self._queue.take_all()

    def __len__(self) -> int:
        """Count the items in it; by the time the caller looks, it may be another number."""
        return self.stats().depth

    def stats(self) -> ChannelStats:
        """Read all its numbers at one moment."""
        return self._queue.stats()


class _WeighedQueue[T](queue.Queue[tuple[T, int]]):
    """A queue that is full by count or by bytes; all is guarded by `mutex`, the queue's own lock."""

    queue: deque[tuple[T, int]]

    def __init__(self, capacity: int, max_bytes: int | None) -> None:
        self.max_bytes = max_bytes
        self.nbytes = 0
        self.high_water = 0
        self.items = 0
        self.put_waiting_s = 0.0
        self.get_waiting_s = 0.0
        super().__init__(capacity)

    # Queue calls the next three with its lock held.

    def _qsize(self) -> int:
        """Count the items, or claim to be full: Queue compares this with its maximum, and with zero."""
        depth = len(self.queue)
        if depth and self.max_bytes is not None and self.nbytes >= self.max_bytes:
            return max(depth, self.maxsize)
        return depth

    def _put(self, item: tuple[T, int]) -> None:
        self.queue.append(item)
        self.items += 1
        self.nbytes += item[1]
        self.high_water = max(self.high_water, len(self.queue))

    def _get(self) -> tuple[T, int]:
        item = self.queue.popleft()
        self.nbytes -= item[1]
        return item

    def put_beyond(self, item: tuple[T, int]) -> None:
        """Put an item in whether there is room or not."""
        with self.mutex:
            if self.is_shutdown:
                raise queue.ShutDown
            self._put(item)
            self.not_empty.notify()

    def take_all(self) -> list[T]:
        """Empty the queue, which has been shut down."""
        with self.mutex:
            items = [item for item, _ in self.queue]
            self.queue.clear()
            self.nbytes = 0
            return items

    def note_put_wait(self, seconds: float) -> None:
        with self.mutex:
            self.put_waiting_s += seconds

    def note_get_wait(self, seconds: float) -> None:
        with self.mutex:
            self.get_waiting_s += seconds

    def stats(self) -> ChannelStats:
        with self.mutex:
            return ChannelStats(
                depth=len(self.queue),
                high_water=self.high_water,
                nbytes=self.nbytes,
                items=self.items,
                put_waiting_s=self.put_waiting_s,
                get_waiting_s=self.get_waiting_s,
            )
