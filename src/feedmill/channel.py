"""A bounded, closable channel between threads.

`queue.Queue` has the same shape; this one also has what a pipeline needs: a bound in bytes, what was dropped
when it is cancelled, and numbers that say who waited for whom, and who waits now.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Channel", "ChannelClosed", "ChannelStats", "ChannelWait"]

type Direction = Literal["put", "get"]


class ChannelClosed(Exception):  # noqa: N818 - the end of a stream is no fault, as with StopIteration
    """Nothing more goes in, or nothing more comes out."""


@dataclass(frozen=True, slots=True)
class ChannelWait:
    """A thread that waits at a channel now.

    Attributes
    ----------
    thread : str
        Its name.
    direction : {"put", "get"}
        Whether it waits for room, or for an item.
    waiting_s : float
        Seconds that it has waited so far.
    """

    thread: str
    direction: Direction
    waiting_s: float


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """What a channel has seen so far.

    Attributes
    ----------
    name : str
        What it was named.
    capacity : int
        The most items in it.
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
    waits : tuple of ChannelWait
        The waits now in progress, longest first.
    """

    name: str
    capacity: int
    depth: int
    high_water: int
    nbytes: int
    items: int
    put_waiting_s: float
    get_waiting_s: float
    waits: tuple[ChannelWait, ...]


class Channel[T]:
    """Hand items from putters to getters, first in first out.

    Parameters
    ----------
    capacity : int
        The most items in it, at least 1.
    max_bytes : int, optional
        It takes nothing more while what is in it weighs this much, so at most one item goes beyond. None: any
        weight.
    name : str
        What it is called where its state is told.

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

    def __init__(self, capacity: int, max_bytes: int | None = None, *, name: str = "") -> None:
        if capacity < 1 or (max_bytes is not None and max_bytes < 1):
            raise ValueError("a channel holds at least one item of at least one byte")
        self.name = name
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._lock = threading.Lock()  # guards all below
        self._has_room = threading.Condition(self._lock)
        self._has_items = threading.Condition(self._lock)
        self._items: deque[tuple[T, int]] = deque()
        self._is_closed = False
        self._nbytes = 0
        self._high_water = 0
        self._count = 0
        self._waited_s: dict[Direction, float] = {"put": 0.0, "get": 0.0}
        self._waits: dict[int, tuple[str, Direction, float]] = {}  # by thread: name, which way, since when
        # How many of these go which way: a condition is told only where somebody waits, as telling it costs
        # more than all the rest of a put.
        self._putting = 0
        self._getting = 0

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
        with self._lock:
            if not force and self._is_full() and not self._is_closed:
                self._wait_for_room()
            self._put(item, nbytes)

    def wait_for_room(self) -> None:
        """Wait while the channel is full: best before an item is made that would only wait in memory.

        Raises
        ------
        ChannelClosed
            The channel is closed, or was closed during the wait.
        """
        with self._lock:
            if self._is_full() and not self._is_closed:
                self._wait_for_room()
                if self._putting:
                    # Of the one who was told of the room, nothing comes to take it.
                    self._has_room.notify()
            if self._is_closed:
                raise ChannelClosed

    def put_if_awaited(self, item: T) -> bool:
        """Put an item in if there is a getter that waits, and no other item for it.

        Returns
        -------
        bool
            Whether it is in, and sure to be taken out by somebody who has nothing else to do.

        Raises
        ------
        ChannelClosed
            The channel is closed.
        """
        with self._lock:
            if self._getting <= len(self._items):
                return False
            self._put(item, 0)
            return True

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
        with self._lock:
            if not self._items and not self._is_closed:
                self._wait_for_items(timeout_s)
            if not self._items:
                raise ChannelClosed if self._is_closed else TimeoutError
            item, nbytes = self._items.popleft()
            self._nbytes -= nbytes
            if self._putting:
                self._has_room.notify()
            return item

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
        with self._lock:
            self._close()

    def cancel(self) -> list[T]:
        """Close it and take everything out.

        Returns
        -------
        list
            What nobody will get, oldest first.
        """
        with self._lock:
            self._close()
            items = [item for item, _ in self._items]
            self._items.clear()
            self._nbytes = 0
            return items

    def __len__(self) -> int:
        """Count the items in it; by the time the caller looks, it may be another number."""
        with self._lock:
            return len(self._items)

    def stats(self) -> ChannelStats:
        """Read all its numbers at one moment."""
        with self._lock:
            now = perf_counter()
            waits = [ChannelWait(name, way, now - since) for name, way, since in self._waits.values()]
            return ChannelStats(
                name=self.name,
                capacity=self._capacity,
                depth=len(self._items),
                high_water=self._high_water,
                nbytes=self._nbytes,
                items=self._count,
                put_waiting_s=self._waited_s["put"],
                get_waiting_s=self._waited_s["get"],
                waits=tuple(sorted(waits, key=lambda wait: -wait.waiting_s)),
            )

    # All below are called with the lock held.

    def _put(self, item: T, nbytes: int) -> None:
        if self._is_closed:
            raise ChannelClosed
        items = self._items
        items.append((item, nbytes))
        self._count += 1
        self._nbytes += nbytes
        self._high_water = max(self._high_water, len(items))
        if self._getting:
            self._has_items.notify()

    def _is_full(self) -> bool:
        if self._max_bytes is not None and self._items and self._nbytes >= self._max_bytes:
            return True
        return len(self._items) >= self._capacity

    def _wait_for_room(self) -> None:
        self._putting += 1
        try:
            self._wait(self._has_room, lambda: not self._is_full(), "put")
        finally:
            self._putting -= 1

    def _wait_for_items(self, timeout_s: float | None) -> None:
        self._getting += 1
        try:
            self._wait(self._has_items, lambda: bool(self._items), "get", timeout_s)
        finally:
            self._getting -= 1

    def _wait(
        self,
        condition: threading.Condition,
        is_over: Callable[[], bool],
        direction: Direction,
        timeout_s: float | None = None,
    ) -> None:
        """Wait, and be seen to wait, until it is over, the channel is closed, or the time is up."""
        thread, started = threading.current_thread(), perf_counter()
        self._waits[thread.ident or 0] = thread.name, direction, started
        try:
            condition.wait_for(lambda: self._is_closed or is_over(), timeout_s)
        except BaseException:
            # A signal's. It may have come with the notice that there is something, which is for another now.
            condition.notify()
            raise
        finally:
            del self._waits[thread.ident or 0]
            self._waited_s[direction] += perf_counter() - started

    def _close(self) -> None:
        self._is_closed = True
        self._has_room.notify_all()
        self._has_items.notify_all()
