"""Counters that several threads share, each with the lock that guards it.

``n += 1`` is three steps, and without the GIL another thread does its own between any two of them: of 400,000
increments by two threads, 107,000 went missing when it was tried. So every shared number goes through a
`threading.Lock`, statistics included. An uncontended lock costs about 0.1 µs, and counting is done once a
job, never once a record.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from threading import Lock
from time import perf_counter
from typing import Final

__all__ = ["Counter", "RunningJob", "Tally", "WorkerCounter", "WorkerCounts"]


class Counter:
    """Count something.

    Thread safety
    -------------
    any thread

    Examples
    --------
    >>> counter = Counter()
    >>> counter.add(3)
    3
    """

    __slots__ = ("_lock", "_value")

    def __init__(self, value: int = 0) -> None:
        self._lock = Lock()
        self._value = value  # guarded by _lock

    def add(self, amount: int = 1) -> int:
        """Add `amount` and return the sum, as no other caller sees it."""
        with self._lock:
            self._value += amount
            return self._value

    @property
    def value(self) -> int:
        """The sum so far."""
        with self._lock:
            return self._value


class Tally[K: Hashable]:
    """Count many things by name.

    Thread safety
    -------------
    any thread

    Examples
    --------
    >>> tally = Tally[str]()
    >>> tally.add({"price.type": 2, "sku.required": 1})
    >>> tally.add({"price.type": 1})
    >>> tally.snapshot()
    {'price.type': 3, 'sku.required': 1}
    """

    __slots__ = ("_counts", "_lock")

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[K, int] = {}  # guarded by _lock

    def add(self, amounts: Mapping[K, int]) -> None:
        """Add several amounts, which no snapshot shows apart."""
        with self._lock:
            for key, amount in amounts.items():
                self._counts[key] = self._counts.get(key, 0) + amount

    def snapshot(self) -> dict[K, int]:
        """Copy the counts, in the order their names were first met."""
        with self._lock:
            return dict(self._counts)


@dataclass(frozen=True, slots=True)
class WorkerCounts:
    """What one worker has done so far.

    Attributes
    ----------
    worker : int
        Its number, from 1.
    jobs : int
        Jobs it has finished, failed ones included.
    failed : int
        Jobs of these that raised.
    records : int
        Records in these jobs, as the jobs told by `feedmill.pool.count_records`.
    busy_s, waiting_s : float
        Seconds spent in jobs, and waiting for one.
    """

    worker: int
    jobs: int = 0
    failed: int = 0
    records: int = 0
    busy_s: float = 0.0
    waiting_s: float = 0.0


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job that a worker has, or had.

    Attributes
    ----------
    worker : int
        The worker's number.
    job : str
        The name of its function.
    running_s : float
        Seconds since the worker took it, or that it took.
    """

    worker: int
    job: str
    running_s: float


SLOWEST_OF_NONE: Final = RunningJob(0, "", 0.0)


def name_of(job: object) -> str:
    """Name a function, or anything else that is called, in no more than 200 characters.

    Examples
    --------
    >>> name_of(len)
    'len'
    """
    try:
        return str(getattr(job, "__qualname__", None) or job)[:200]
    except Exception:  # of a method of the user's
        return type(job).__name__


class WorkerCounter:
    """Keep one worker's counts.

    Thread safety
    -------------
    any thread; one writes, the others take snapshots
    """

    __slots__ = (
        "_busy_s",
        "_failed",
        "_jobs",
        "_lock",
        "_now",
        "_records",
        "_slowest",
        "_waited_s",
        "_waiting_s",
        "worker",
    )

    def __init__(self, worker: int) -> None:
        self.worker = worker
        # The job it has and since when, and the slowest that is done: the worker's thread puts each in place
        # as a whole, which needs no lock.
        self._now: tuple[object, float] | None = None
        self._slowest = SLOWEST_OF_NONE
        self._waited_s = 0.0  # before the job it has, to be counted with it; the worker's thread only
        self._lock = Lock()  # guards all below
        self._jobs = 0
        self._failed = 0
        self._records = 0
        self._busy_s = 0.0
        self._waiting_s = 0.0

    def begin(self, job: object, rested_s: float) -> float:
        """Take note that the worker has a job, having had none since then; return when that was."""
        began_s = perf_counter()
        self._waited_s += began_s - rested_s
        self._now = job, began_s
        return began_s

    def rest(self) -> float:
        """Take note that the worker is done with its job, hooks and callbacks included; return when."""
        now, self._now = self._now, None
        rested_s = perf_counter()
        if now is not None and rested_s - now[1] > self._slowest.running_s:
            self._slowest = RunningJob(self.worker, name_of(now[0]), rested_s - now[1])
        return rested_s

    def running(self) -> RunningJob | None:
        """Tell which job the worker has now, and for how long."""
        now = self._now
        return None if now is None else RunningJob(self.worker, name_of(now[0]), perf_counter() - now[1])

    @property
    def since_s(self) -> float | None:
        """When the worker took the job it has now, by `time.perf_counter`; None if it has none."""
        now = self._now
        return None if now is None else now[1]

    @property
    def slowest(self) -> RunningJob:
        """The job that took longest of those that are done."""
        return self._slowest

    def add_job(self, *, failed: bool, busy_s: float) -> None:
        """Count one finished job, and the wait before it."""
        with self._lock:
            self._jobs += 1
            self._failed += failed
            self._busy_s += busy_s
            self._waiting_s += self._waited_s
            self._waited_s = 0.0

    def add_records(self, records: int) -> None:
        """Count the records of a job."""
        with self._lock:
            self._records += records

    def add_waiting(self, seconds: float) -> None:
        """Count time spent without a job, at its end."""
        with self._lock:
            self._waiting_s += self._waited_s + seconds
            self._waited_s = 0.0

    def snapshot(self) -> WorkerCounts:
        """Read all counts at one moment."""
        with self._lock:
            return WorkerCounts(
                self.worker, self._jobs, self._failed, self._records, self._busy_s, self._waiting_s
            )
