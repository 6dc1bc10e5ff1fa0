"""A watchdog: it looks whether anything still moves, and says who waits for whom if nothing does.

What it watches says two things: `movement`, a value that changes as work goes on, and `situation`, who does
what and who waits at which channel. A `WorkerPool` and a run of the pipeline can be watched.

A Python thread cannot be ended from outside. So a watchdog only tells; whoever is told lets go of the thread
that hangs (`WorkerPool.abandon`), or ends the run (``--stall-timeout``).
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol, Self

from feedmill.stacks import native_stacks, python_stacks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from feedmill.channel import ChannelStats
    from feedmill.counters import RunningJob

__all__ = ["Situation", "Stall", "ThreadState", "TimedRecords", "Watchdog", "Watched"]

_log = logging.getLogger("feedmill.watchdog")


@dataclass(frozen=True, slots=True)
class ThreadState:
    """What a thread is doing.

    Attributes
    ----------
    thread : str
        Its name.
    does : str
        Such as "applies bytes 0 to 65536 of feed 1", or "waits to get from jobs".
    seconds : float
        Since when.
    is_waiting : bool
        Whether it waits for another thread, and so cannot be what the others wait for.
    """

    thread: str
    does: str
    seconds: float
    is_waiting: bool = False

    def __str__(self) -> str:
        return f"{self.thread} {self.does}, for {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class TimedRecords:
    """A record, or some in a row, and the time that went into them.

    Attributes
    ----------
    feed : str
        The name of their feed.
    byte : int
        Where the first of them starts in it.
    record : int or None
        The number of the first; None as long as not all before it are counted.
    records : int
        How many.
    seconds : float
        What they took, or have taken so far; of a record at least that.

    Examples
    --------
    >>> str(TimedRecords("shop.csv", byte=512, record=17, records=1, seconds=2.0))
    'record 17 of shop.csv, at byte 512'
    """

    feed: str
    byte: int
    record: int | None
    records: int
    seconds: float

    def __str__(self) -> str:
        if self.record is None:
            which = "a record" if self.records == 1 else f"{self.records} records"
        elif self.records == 1:
            which = f"record {self.record}"
        else:
            which = f"records {self.record} to {self.record + self.records - 1}"
        return f"{which} of {self.feed}, {'at' if self.records == 1 else 'from'} byte {self.byte}"


@dataclass(frozen=True, slots=True)
class Situation:
    """Who does what, who waits where, and what is in between.

    Attributes
    ----------
    threads : tuple of ThreadState
        Those that do not wait for others first, and of these the longest at it.
    channels : tuple of ChannelStats
        In the order of the flow.
    oldest_job, slowest_job : RunningJob or None
        The one that was taken first of those that run, and the one that took longest of those that are done.
    oldest_record, slowest_record : TimedRecords or None
        The one that a callback has had for longest, and the one that took longest of those that are done; the
        slowest chunk's if no record took long enough to be seen.
    """

    threads: tuple[ThreadState, ...]
    channels: tuple[ChannelStats, ...]
    oldest_job: RunningJob | None = None
    slowest_job: RunningJob | None = None
    oldest_record: TimedRecords | None = None
    slowest_record: TimedRecords | None = None

    @property
    def suspects(self) -> tuple[ThreadState, ...]:
        """The threads that the others wait for."""
        return tuple(state for state in self.threads if not state.is_waiting)

    def lines(self) -> list[str]:
        """Write it down."""
        lines = ["threads:", *(f"  {state}" for state in self.threads), "channels:"]
        for channel in self.channels:
            waits = "".join(f", {wait.thread} waits to {wait.direction}" for wait in channel.waits)
            lines.append(f"  {channel.name}: {channel.depth} of {channel.capacity}{waits}")
        if (job := self.oldest_job) is not None:
            lines.append(f"oldest job: {job.job}, with worker {job.worker} for {job.running_s:.1f} s")
        if (job := self.slowest_job) is not None:
            lines.append(f"slowest job that is done: {job.job}, worker {job.worker}, {job.running_s:.3f} s")
        if (timed := self.oldest_record) is not None:
            lines.append(f"oldest record: {timed}, with a callback for {timed.seconds:.1f} s at least")
        if (timed := self.slowest_record) is not None:
            what = "record" if timed.records == 1 else "chunk"
            lines.append(f"slowest {what} that is done: {timed}, {timed.seconds:.3f} s")
        return lines


@dataclass(frozen=True, slots=True)
class Stall:
    """Nothing has moved for too long.

    Attributes
    ----------
    seconds : float
        For how long.
    situation : Situation
        Who waits for whom.
    python_stacks, native_stacks : str
        Where all threads are; the native ones are empty where no debugger is installed or may look.
    """

    seconds: float
    situation: Situation
    python_stacks: str = ""
    native_stacks: str = ""

    @property
    def headline(self) -> str:
        """Say in one line what seems to be the matter."""
        suspects = self.situation.suspects
        who = "; ".join(map(str, suspects[:3])) or "all threads wait for each other"
        more = f"; and {len(suspects) - 3} more" if len(suspects) > 3 else ""
        return f"nothing has moved for {self.seconds:.1f} s: {who}{more}"

    def __str__(self) -> str:
        parts = [self.headline, *self.situation.lines()]
        if self.python_stacks:
            parts += ["Python stacks:", self.python_stacks.rstrip()]
        if self.native_stacks:
            parts += ["native stacks:", self.native_stacks.rstrip()]
        return "\n".join(parts)


class Watched(Protocol):
    """What a watchdog can watch.

    Thread safety
    -------------
    Both are called in the watchdog's thread.
    """

    def movement(self) -> object:
        """Return what is not equal from one moment to the next if work went on; None if there is none."""

    def situation(self) -> Situation:
        """Tell who does what."""


class Watchdog:
    """Look after a pool or a run, in a thread of its own.

    Parameters
    ----------
    watched : Watched
        A `WorkerPool`, say.
    stall_s : float
        Seconds without movement that are a stall. For a pool: a job that runs for so long.
    on_stall : callable, optional
        Told of each stall, once, in the watchdog's thread; by default it is logged, as an error of
        ``feedmill.watchdog``. What it raises is logged.
    with_native_stacks : bool
        Whether to ask a debugger as well, if one is installed: the process stands still for some seconds.

    Raises
    ------
    ValueError
        `stall_s` is not more than 0.

    Notes
    -----
    Time in which the whole process was stopped, or got no CPU, does not count: a machine that wakes up is no
    stall. C code that never lets go of the GIL stops the watchdog, too, on an interpreter that has one.

    Examples
    --------
    >>> from feedmill.pool import WorkerPool
    >>> with WorkerPool(2) as pool, Watchdog(pool, stall_s=60):
    ...     pool.submit(pow, 2, 10).result()
    1024
    """

    def __init__(
        self,
        watched: Watched,
        stall_s: float,
        on_stall: Callable[[Stall], object] | None = None,
        *,
        with_native_stacks: bool = False,
    ) -> None:
        if not stall_s > 0:
            raise ValueError(f"stall_s has to be more than 0, not {stall_s}")
        self._watched = watched
        self._stall_s = stall_s
        self._on_stall = on_stall or log_stall
        self._with_native_stacks = with_native_stacks
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="feedmill-watchdog-1", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Watch no longer; an `on_stall` under way is waited for."""
        self._is_over.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _watch(self) -> None:
        period_s = min(self._stall_s / 8, 1.0)
        last: object = None
        still_s, looked_s = 0.0, monotonic()
        is_told = False
        while not self._is_over.wait(period_s):
            movement = self._look()
            # Looking late says that this thread was kept from running, and then the others were as well.
            passed_s, looked_s = min(monotonic() - looked_s, 2 * period_s), monotonic()
            if movement is None or movement != last:
                last, still_s, is_told = movement, 0.0, False
                continue
            still_s += passed_s
            if still_s >= self._stall_s and not is_told:
                is_told = True
                self._tell(still_s)

    def _look(self) -> object:
        try:
            return self._watched.movement()
        except Exception:
            _log.exception("looking for movement raised")
            return None

    def _tell(self, still_s: float) -> None:
        try:
            stall = Stall(
                still_s,
                self._watched.situation(),
                python_stacks(),
                native_stacks() if self._with_native_stacks else "",
            )
            if not self._is_over.is_set():
                self._on_stall(stall)
        except Exception:
            _log.exception("telling of a stall raised")


def log_stall(stall: Stall) -> None:
    """Log a stall as an error, with everything that is known."""
    _log.error("%s", stall)


def pool_situation(
    running: Iterable[RunningJob], slowest: RunningJob | None, jobs: ChannelStats
) -> Situation:
    """Put together who of a pool does what."""
    running = list(running)
    working = [
        ThreadState(f"feedmill-worker-{job.worker}", f"runs {job.job}", job.running_s) for job in running
    ]
    return Situation((*working, *waits_at(jobs)), (jobs,), running[0] if running else None, slowest)


def waits_at(*channels: ChannelStats) -> list[ThreadState]:
    """List the threads that wait at channels."""
    return [
        ThreadState(
            wait.thread, f"waits to {wait.direction} at {channel.name}", wait.waiting_s, is_waiting=True
        )
        for channel in channels
        for wait in channel.waits
    ]
