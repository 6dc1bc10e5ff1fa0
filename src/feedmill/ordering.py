"""The results of many jobs as one stream, in order or as they come, with a bound on what is under way."""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass
from itertools import batched
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["StreamOptions", "stream"]

type _Calls[T] = list[tuple[T, None] | tuple[None, BaseException]]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream of results behaves.

    Parameters
    ----------
    window : int
        The most jobs under way, finished and not yet handed out included.
    chunksize : int
        Calls a job.
    timeout_s : float or None
        Seconds from now on in which each result has to be there.
    ordered : bool
        In the order of the rows, or as they are ready.
    return_exceptions : bool
        Hand out what a call raised, instead of raising it.
    """

    window: int
    chunksize: int = 1
    timeout_s: float | None = None
    ordered: bool = True
    return_exceptions: bool = False


def stream[T](
    submit: Callable[..., Future[_Calls[T]]],
    fn: Callable[..., T],
    rows: Iterable[tuple[object, ...]],
    options: StreamOptions,
) -> Iterator[T]:
    """Call `fn` for each row in jobs, and yield what it returns.

    Parameters
    ----------
    submit : callable
        As `concurrent.futures.Executor.submit`.
    fn : callable
        Called with a row's items.
    rows : iterable
        May be endless. It is advanced here, in the thread of the caller, when a result is asked for.
    options : StreamOptions
        How many at once, and in which order.

    Raises
    ------
    TimeoutError
        A result was not there in time.
    BaseException
        What a call raised, or `rows`.
    """
    deadline = None if options.timeout_s is None else monotonic() + options.timeout_s
    groups = batched(rows, options.chunksize, strict=False)
    flight: _Flight[T] = _OrderedFlight[T]() if options.ordered else _UnorderedFlight[T]()
    return _results(lambda group: submit(_call_each, fn, group), groups, flight, options, deadline)


def _results[T](
    start: Callable[[tuple[tuple[object, ...], ...]], Future[_Calls[T]]],
    groups: Iterator[tuple[tuple[object, ...], ...]],
    flight: _Flight[T],
    options: StreamOptions,
    deadline: float | None,
) -> Iterator[T]:
    is_more = True
    try:
        while True:
            # What is ready goes out before more is read: a slow source must not hold back results.
            while is_more and len(flight.futures) < options.window and not flight.is_ready():
                group = next(groups, None)
                if group is None:
                    is_more = False
                else:
                    flight.add(start(group))
            if not flight.futures:
                return
            for value, error in flight.land(None if deadline is None else max(0.0, deadline - monotonic())):
                if error is None:
                    yield value  # type: ignore[misc]  # no error, hence a value
                elif options.return_exceptions:
                    yield error  # type: ignore[misc]  # asked for
                else:
                    raise error
    finally:
        for future in flight.futures:
            future.cancel()


def _call_each[T](fn: Callable[..., T], rows: Iterable[tuple[object, ...]]) -> _Calls[T]:
    """Call `fn` for each row, one row's exception being no other row's."""
    calls: _Calls[T] = []
    for row in rows:
        try:
            calls.append((fn(*row), None))
        except BaseException as error:  # it is handed to whoever asks for this result
            calls.append((None, error))
    return calls


class _Flight[T](Protocol):
    """The jobs under way."""

    @property
    def futures(self) -> Collection[Future[_Calls[T]]]:
        """All of them, those that are done and not handed out included."""

    def add(self, future: Future[_Calls[T]]) -> None:
        """Put one more under way."""

    def is_ready(self) -> bool:
        """Whether `land` would return at once."""

    def land(self, timeout_s: float | None) -> _Calls[T]:
        """Wait for the next result, and take its job out."""


class _OrderedFlight[T]:
    """The jobs under way; the oldest is handed out next."""

    def __init__(self) -> None:
        self.futures: deque[Future[_Calls[T]]] = deque()

    def add(self, future: Future[_Calls[T]]) -> None:
        self.futures.append(future)

    def is_ready(self) -> bool:
        return bool(self.futures) and self.futures[0].done()

    def land(self, timeout_s: float | None) -> _Calls[T]:
        calls = self.futures[0].result(timeout_s)
        self.futures.popleft()
        return calls


class _UnorderedFlight[T]:
    """The jobs under way; the first that is done is handed out next."""

    def __init__(self) -> None:
        self.futures: set[Future[_Calls[T]]] = set()
        # SimpleQueue, as its put may be called from any place, a garbage collection included.
        self._done: queue.SimpleQueue[Future[_Calls[T]]] = queue.SimpleQueue()

    def add(self, future: Future[_Calls[T]]) -> None:
        self.futures.add(future)
        future.add_done_callback(self._done.put)

    def is_ready(self) -> bool:
        return not self._done.empty()

    def land(self, timeout_s: float | None) -> _Calls[T]:
        try:
            future = self._done.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        self.futures.discard(future)
        return future.result()
