"""The results of many jobs as one stream, in order or as they come, with a bound on what is under way.

A job costs some 20 µs to hand over and back, whatever it does. So tiny calls are gathered: unless the caller
says how many calls make a job, their measured time does. It begins with one, at most doubles from job to job,
and falls back at once when calls turn out to take longer. A batch is also cut when its source is slow, so
that no result waits for items that are not there yet. What a call sees and returns does not depend on any of
that.
"""

from __future__ import annotations

import queue
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from concurrent.futures import Future

__all__ = ["StreamOptions", "stream"]

type _Calls[T] = list[tuple[T, None] | tuple[None, BaseException]]
type _Row = tuple[object, ...]

JOB_S: Final = 1e-3
"""What a job of gathered calls is to take: fifty times what it costs, and nobody waits long for its end."""

JOBS_A_WORKER: Final = 2
"""Jobs of gathered calls there are to be for each worker: one that it does, one that waits for it."""


@dataclass(frozen=True, slots=True)
class _Done[T]:
    """What a job's calls returned or raised, and how long all of them took."""

    calls: _Calls[T]
    taken_s: float


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream of results behaves.

    Parameters
    ----------
    window : int
        The most jobs under way, finished and not yet handed out included; the most calls if these are
        gathered by their time.
    chunksize : int or None
        Calls a job; None for as many as their time suggests.
    timeout_s : float or None
        Seconds from now on in which each result has to be there.
    ordered : bool
        In the order of the rows, or as they are ready.
    return_exceptions : bool
        Hand out what a call raised, instead of raising it.
    workers : int
        Among whom calls that are gathered by their time should be shared out.
    """

    window: int
    chunksize: int | None = 1
    timeout_s: float | None = None
    ordered: bool = True
    return_exceptions: bool = False
    workers: int = 1


def stream[T](
    submit: Callable[..., Future[_Done[T]]],
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
    groups = _Gathering(rows, options)
    flight: _Flight[T] = _OrderedFlight[T]() if options.ordered else _UnorderedFlight[T]()
    return _results(lambda group: submit(_call_each, fn, group), groups, flight, options, deadline)


def _results[T](
    start: Callable[[list[_Row]], Future[_Done[T]]],
    groups: _Gathering,
    flight: _Flight[T],
    options: StreamOptions,
    deadline: float | None,
) -> Iterator[T]:
    is_more = True
    try:
        while True:
            # What is ready goes out before more is read: a slow source must not hold back results.
            while is_more and groups.has_room(len(flight.futures)) and not flight.is_ready():
                group = groups.take()
                if group:
                    flight.add(start(group))
                else:
                    is_more = False
            if not flight.futures:
                return
            done = flight.land(None if deadline is None else max(0.0, deadline - monotonic()))
            groups.learn(len(done.calls), done.taken_s)
            for value, error in done.calls:
                if error is None:
                    yield value  # type: ignore[misc]  # no error, hence a value
                elif options.return_exceptions:
                    yield error  # type: ignore[misc]  # asked for
                else:
                    raise error
    finally:
        for future in flight.futures:
            future.cancel()


class _Gathering:
    """Cut rows into jobs.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, rows: Iterable[_Row], options: StreamOptions) -> None:
        self._rows = iter(rows)
        self._window = options.window
        self._most = max(1, options.window // (JOBS_A_WORKER * options.workers))
        self._is_fixed = options.chunksize is not None
        self._size = options.chunksize or 1
        self._under_way = 0

    def has_room(self, jobs: int) -> bool:
        """Whether one more job may be under way, beside so many."""
        return jobs < self._window and (self._is_fixed or self._under_way + self._size <= self._window)

    def take(self) -> list[_Row]:
        """Take the rows of the next job; none at the end."""
        group = self._take()
        self._under_way += len(group)
        return group

    def _take(self) -> list[_Row]:
        if self._is_fixed or self._size == 1:
            return list(islice(self._rows, self._size))
        group: list[_Row] = []
        until_s = perf_counter() + JOB_S
        for row in self._rows:
            group.append(row)
            if len(group) >= self._size or perf_counter() > until_s:
                break
        return group

    def learn(self, calls: int, taken_s: float) -> None:
        """Take note of what a job took."""
        self._under_way -= calls
        if self._is_fixed:
            return
        fitting = int(JOB_S * calls / taken_s) if taken_s > 0 else self._most
        self._size = max(1, min(fitting, 2 * self._size, self._most))


def _call_each[T](fn: Callable[..., T], rows: Iterable[_Row]) -> _Done[T]:
    """Call `fn` for each row, one row's exception and context variables being no other row's."""
    calls: _Calls[T] = []
    started = perf_counter()
    for row in rows:
        try:
            calls.append((copy_context().run(fn, *row), None))
        except BaseException as error:  # it is handed to whoever asks for this result
            calls.append((None, error))
    return _Done(calls, perf_counter() - started)


class _Flight[T](Protocol):
    """The jobs under way."""

    @property
    def futures(self) -> Collection[Future[_Done[T]]]:
        """All of them, those that are done and not handed out included."""

    def add(self, future: Future[_Done[T]]) -> None:
        """Put one more under way."""

    def is_ready(self) -> bool:
        """Whether `land` would return at once."""

    def land(self, timeout_s: float | None) -> _Done[T]:
        """Wait for the next result, and take its job out."""


class _OrderedFlight[T]:
    """The jobs under way; the oldest is handed out next."""

    def __init__(self) -> None:
        self.futures: deque[Future[_Done[T]]] = deque()

    def add(self, future: Future[_Done[T]]) -> None:
        self.futures.append(future)

    def is_ready(self) -> bool:
        return bool(self.futures) and self.futures[0].done()

    def land(self, timeout_s: float | None) -> _Done[T]:
        done = self.futures[0].result(timeout_s)
        self.futures.popleft()
        return done


class _UnorderedFlight[T]:
    """The jobs under way; the first that is done is handed out next."""

    def __init__(self) -> None:
        self.futures: set[Future[_Done[T]]] = set()
        # SimpleQueue, as its put may be called from any place, a garbage collection included.
        self._done: queue.SimpleQueue[Future[_Done[T]]] = queue.SimpleQueue()

    def add(self, future: Future[_Done[T]]) -> None:
        self.futures.add(future)
        future.add_done_callback(self._done.put)

    def is_ready(self) -> bool:
        return not self._done.empty()

    def land(self, timeout_s: float | None) -> _Done[T]:
        try:
            future = self._done.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None
        self.futures.discard(future)
        return future.result()
