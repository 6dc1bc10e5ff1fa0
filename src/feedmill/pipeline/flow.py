"""What the stages of a run share: the channels between them, and how the run comes to its end."""

from __future__ import annotations

import logging
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Final

from feedmill.channel import Channel
from feedmill.pipeline.pace import Pace
from feedmill.pipeline.writers import Writers
from feedmill.watchdog import ThreadState

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from feedmill.pipeline.config import PipelineConfig
    from feedmill.pipeline.parsed import ParsedChunk
    from feedmill.pipeline.ranges import Range
    from feedmill.stores.protocol import LaneOutcome, RangePart

RANGES_UNDER_WAY: Final = 4
"""Ranges given to lanes and not settled: one that is written, one that waits, some slack between lanes."""

PARTS_WAITING: Final = 2
"""Parts a lane has before it: it never waits for the collector, and a stop never waits for many."""

_log = logging.getLogger("feedmill.pipeline")


class Flow:
    """The channels of one run, and its state.

    Parameters
    ----------
    config : PipelineConfig
    lanes : int
        Lanes of the sink, 0 without one.
    on_abandon : callable
        Called when a fault or a cancellation cuts the run short, in the thread where that happens.

    Attributes
    ----------
    parsed : Channel of Future
        From the reader to the collector, in input order.
    ranges : Channel of Range
        From the collector to the settler.
    inboxes, outboxes : lists of Channel
        Before and behind each lane. Outboxes are never full: their items are as many as `ranges` lets pass.

    writers : Writers
        Who may write at once.
    pace : Pace
        Which records take how long.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, config: PipelineConfig, lanes: int, on_abandon: Callable[[], None]) -> None:
        self.parsed: Channel[Future[ParsedChunk]] = Channel(
            config.result_buffer, config.max_bytes // 2, name="parsed"
        )
        self.ranges: Channel[Range] = Channel(RANGES_UNDER_WAY, config.max_bytes // 2, name="ranges")
        self.inboxes: list[Channel[RangePart]] = [
            Channel(PARTS_WAITING, name=f"inbox of lane {n}") for n in range(lanes)
        ]
        self.outboxes: list[Channel[LaneOutcome]] = [
            Channel(1, name=f"outbox of lane {n}") for n in range(lanes)
        ]
        self.writers = Writers()
        self.pace = Pace()
        self._on_abandon = on_abandon
        self._lock = threading.Lock()  # guards all below
        self._error: BaseException | None = None
        self._place = ""
        self._stopped: str | None = None
        self._is_cancelled = False
        self._is_abandoned = False
        self._is_read = False
        self._is_complete = False
        self._steps = 0
        self._doing: dict[str, tuple[str, float, bool]] = {}  # by thread: what, since when, whether it waits

    # What is going on.

    def begin(self, what: str, *, is_waiting: bool = False) -> None:
        """Take note of what the calling thread does from now on, for a stall's report; it is a step."""
        thread = threading.current_thread().name
        with self._lock:
            self._steps += 1
            self._doing[thread] = what, perf_counter(), is_waiting

    def end(self) -> None:
        """Take note that the calling thread does nothing any more."""
        with self._lock:
            self._steps += 1
            self._doing.pop(threading.current_thread().name, None)

    def step(self) -> None:
        """Take note that something has moved on."""
        with self._lock:
            self._steps += 1

    @property
    def steps(self) -> int:
        """Count the steps so far: a run in which it stays the same has stalled."""
        with self._lock:
            return self._steps

    def doing(self) -> list[ThreadState]:
        """Tell what each thread does that has said so."""
        with self._lock:
            doing = dict(self._doing)
        now = perf_counter()
        return [ThreadState(name, what, now - since, waits) for name, (what, since, waits) in doing.items()]

    # How it ends.

    def fail(self, error: BaseException, place: str) -> None:
        """Keep the first error, and bring the run to an end without beginning anything more."""
        self.note(error, place)
        self._abandon()

    def note(self, error: BaseException, place: str) -> None:
        """Keep the first error and where it came from, and let what is under way be finished."""
        with self._lock:
            if self._error is None and not self._is_cancelled:
                self._error, self._place = error, place
                return
        _log.debug("in %s, when the run was ending already: %r", place, error)

    def stop(self, why: str) -> None:
        """Come to an end as soon as ranges allow."""
        with self._lock:
            if self._stopped is None:
                self._stopped = why

    def cancel(self) -> None:
        """Come to an end now; faults from here on are consequences of that."""
        with self._lock:
            if self._is_cancelled:
                return
            self._is_cancelled = True
            self._stopped = self._stopped or "interrupted"
        self._abandon()

    def _abandon(self) -> None:
        """Drop what nobody has begun. The stages see their channels end, and end."""
        with self._lock:
            self._is_abandoned = True
        for future in self.parsed.cancel():
            future.cancel()
        for inbox in self.inboxes:
            inbox.cancel()
        self.writers.limit(None)
        self._on_abandon()

    def all_is_read(self) -> None:
        """Take note that the feeds are at their end."""
        with self._lock:
            self._is_read = True

    def all_is_dispatched(self) -> None:
        """Take note that all that was read has been handed to the lanes."""
        with self._lock:
            self._is_complete = self._is_read and self._error is None and not self._is_cancelled

    @property
    def error(self) -> BaseException | None:
        """The first fault."""
        with self._lock:
            return self._error

    @property
    def fault_place(self) -> str:
        """Where the first fault came from."""
        with self._lock:
            return self._place

    @property
    def stopped(self) -> str | None:
        """Why it was told to stop, if it was."""
        with self._lock:
            return self._stopped

    @property
    def is_read(self) -> bool:
        """Whether the feeds are at their end."""
        with self._lock:
            return self._is_read

    @property
    def is_cut_short(self) -> bool:
        """Whether chunks that were read have been dropped, or will be."""
        with self._lock:
            return self._is_abandoned

    @property
    def is_complete(self) -> bool:
        """Whether the whole input went through without a fault."""
        with self._lock:
            return self._is_complete and self._error is None and not self._is_cancelled
