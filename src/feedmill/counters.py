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

__all__ = ["Counter", "Tally", "WorkerCounter", "WorkerCounts"]


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


class WorkerCounter:
    """Keep one worker's counts.

    Thread safety
    -------------
    any thread; one writes, the others take snapshots
    """

    __slots__ = ("_busy_s", "_failed", "_jobs", "_lock", "_records", "_waiting_s", "worker")

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self._lock = Lock()  # guards all below
        self._jobs = 0
        self._failed = 0
        self._records = 0
        self._busy_s = 0.0
        self._waiting_s = 0.0

    def add_job(self, *, failed: bool, busy_s: float) -> None:
        """Count one finished job."""
        with self._lock:
            self._jobs += 1
            self._failed += failed
            self._busy_s += busy_s

    def add_records(self, records: int) -> None:
        """Count the records of a job."""
        with self._lock:
            self._records += records

    def add_waiting(self, seconds: float) -> None:
        """Count the time spent without a job."""
        with self._lock:
            self._waiting_s += seconds

    def snapshot(self) -> WorkerCounts:
        """Read all counts at one moment."""
        with self._lock:
            return WorkerCounts(
                self.worker, self._jobs, self._failed, self._records, self._busy_s, self._waiting_s
            )
