"""Record who waits for what while feedmill runs in this process: every wait, by thread, channel and side.

feedmill's own counters say how long each stage waited in all; a picture over time needs each wait. So a
few methods are wrapped while a recording is on: a channel's put and get, the wait for a worker's result,
a thread's run, and where channels are made, to know their names. They are called once a chunk and not
once a record, so the run is not disturbed: each call costs a microsecond more, each chunk takes
milliseconds.

If you add a channel to the pipeline, name it in `_name_channels`.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feedmill.channel import Channel

SHORTEST_S: Final = 0.0001
"""Shorter waits are in the sums only: in a picture of a second they are a seventh of a pixel."""


@dataclass(frozen=True, slots=True)
class Wait:
    """One wait.

    Attributes
    ----------
    thread, channel : str
        Who waited, and for what.
    side : str
        "get", as it was empty, or "put", as it was full.
    begin_s, end_s : float
        Seconds since the recording began.
    """

    thread: str
    channel: str
    side: str
    begin_s: float
    end_s: float


@dataclass(slots=True)
class Life:
    """From a thread's begin to its end; `cpu_s` is what it had of the CPUs."""

    begin_s: float
    end_s: float = 0.0
    cpu_s: float = 0.0


@dataclass(slots=True)
class Recording:
    """What was seen.

    Attributes
    ----------
    began_s : float
        `perf_counter` at its begin.
    waits : list of Wait
        Appended to by all threads: one step, with and without the GIL.
    lives : dict
        By thread; each thread writes its own.
    channels : dict
        By name; their statistics are read at the end.
    sums : dict
        Seconds and number of all waits, short ones included, by (thread, channel, side). A key has
        its thread's name, so each has one writer.
    """

    began_s: float = field(default_factory=perf_counter)
    waits: list[Wait] = field(default_factory=list)
    lives: dict[str, Life] = field(default_factory=dict)
    channels: dict[str, Channel[object]] = field(default_factory=dict)
    sums: dict[tuple[str, str, str], list[float]] = field(
        default_factory=lambda: defaultdict(lambda: [0.0, 0])
    )

    def note(self, channel: str, side: str, begin: float, end: float) -> None:
        """Note a wait of the thread that calls this."""
        thread = threading.current_thread().name.removeprefix("feedmill-")
        of_this = self.sums[thread, channel, side]
        of_this[0] += end - begin
        of_this[1] += 1
        if end - begin >= SHORTEST_S:
            self.waits.append(Wait(thread, channel, side, begin - self.began_s, end - self.began_s))

    def name_of(self, channel: object) -> str:
        """Name a channel."""
        return next(
            (name for name, each in list(self.channels.items()) if each is channel), "another channel"
        )


@contextmanager
def recording() -> Iterator[Recording]:
    """Record what happens in the block; one at a time."""
    from concurrent.futures import Future

    from feedmill.channel import Channel
    from feedmill.crew import Crew
    from feedmill.pipeline.flow import Flow

    made = Recording()
    originals = [
        (owner, name, getattr(owner, name))
        for owner, name in (
            *((Channel, "put"), (Channel, "get"), (Flow, "__init__"), (Crew, "__init__")),
            *((Future, "result"), (threading.Thread, "run")),
        )
    ]
    wrappers = (
        _timed(made, Channel.put, "put"),
        _timed(made, Channel.get, "get"),
        _naming(made, Flow.__init__),
        _naming(made, Crew.__init__),
        _timed_result(made, Future.result),
        _living(made, threading.Thread.run),
    )
    for (owner, name, _), wrapper in zip(originals, wrappers, strict=True):
        setattr(owner, name, wrapper)
    try:
        yield made
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _timed[**P, T](made: Recording, original: Callable[P, T], side: str) -> Callable[P, T]:
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        begin = perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            made.note(made.name_of(args[0]), side, begin, perf_counter())

    return call


def _timed_result[**P, T](made: Recording, original: Callable[P, T]) -> Callable[P, T]:
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        begin = perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            made.note("a worker's result", "get", begin, perf_counter())

    return call


def _naming[**P](made: Recording, original: Callable[P, None]) -> Callable[P, None]:
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        original(*args, **kwargs)
        made.channels.update(_name_channels(args[0]))

    return call


def _name_channels(owner: object) -> dict[str, Channel[object]]:
    """Name what a `Flow` or a `Crew` has made."""
    found: dict[str, Channel[object]] = {}
    for attribute, name in (
        ("jobs", "job channel"),
        ("parsed", "result channel"),
        ("ranges", "range channel"),
    ):
        if hasattr(owner, attribute):
            found[name] = getattr(owner, attribute)
    for attribute, name in (("inboxes", "inbox of lane"), ("outboxes", "outbox of lane")):
        for number, channel in enumerate(getattr(owner, attribute, ())):
            found[f"{name} {number}"] = channel
    return found


def _living[**P](made: Recording, original: Callable[P, None]) -> Callable[P, None]:
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        name = threading.current_thread().name
        if not name.startswith("feedmill-"):
            original(*args, **kwargs)
            return
        life = made.lives[name.removeprefix("feedmill-")] = Life(perf_counter() - made.began_s)
        cpu = thread_time()
        try:
            original(*args, **kwargs)
        finally:
            life.end_s, life.cpu_s = perf_counter() - made.began_s, thread_time() - cpu

    return call
