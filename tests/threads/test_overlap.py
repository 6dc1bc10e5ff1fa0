"""The threads of these tests do overlap: without a lock, sums go wrong; so sums that are right prove a lock.

On a machine whose cores are busy, two threads may happen to run one after the other. So the unprotected ones
try again until an update is lost, and only if none ever is, the test fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

import pytest

from feedmill.counters import Counter, Tally, WorkerCounter
from tests.threads.together import together

THREADS = 4
ADDITIONS = 5_000
ROUNDS = 200


class Adding(Protocol):
    """What can be added to, and read."""

    def add(self) -> object: ...

    @property
    def value(self) -> int: ...


class Unprotected:
    """``+=``, as one would write it."""

    def __init__(self) -> None:
        self.value = 0

    def add(self) -> None:
        self.value += 1


class UnprotectedCalls(Unprotected):
    """Reading and writing in calls of their own; between these the GIL, too, may go to another thread."""

    def add(self) -> None:
        self.write(self.read() + 1)

    def read(self) -> int:
        return self.value

    def write(self, value: int) -> None:
        self.value = value


def is_exact(counter: Adding) -> bool:
    """Add to it in several threads at once; tell whether every addition is there."""

    def add(_: int) -> None:
        for _ in range(ADDITIONS):
            counter.add()

    together(THREADS, add)
    assert counter.value <= THREADS * ADDITIONS
    return counter.value == THREADS * ADDITIONS


def loses(make: Callable[[], Adding]) -> bool:
    return any(not is_exact(make()) for _ in range(ROUNDS))


@pytest.mark.skipif(sys._is_gil_enabled(), reason="on this interpreter the GIL is kept throughout a +=")
def test_a_plain_addition_loses_updates() -> None:
    assert loses(Unprotected)


def test_reading_and_then_writing_loses_updates() -> None:
    assert loses(UnprotectedCalls)


def test_a_counter_loses_none() -> None:
    assert is_exact(Counter())


def test_a_tally_loses_none() -> None:
    tally = Tally[str]()

    class Adds:
        def add(self) -> None:
            tally.add({"all": 1})

        @property
        def value(self) -> int:
            return tally.snapshot()["all"]

    assert is_exact(Adds())


def test_a_workers_counts_lose_none() -> None:
    counter = WorkerCounter(1)

    class Adds:
        def add(self) -> None:
            counter.add_job(failed=True, busy_s=1.0)
            counter.add_records(1)
            counter.add_waiting(1.0)

        @property
        def value(self) -> int:
            counts = counter.snapshot()
            sums = {counts.jobs, counts.failed, counts.records, counts.busy_s, counts.waiting_s}
            assert len(sums) == 1
            return counts.jobs

    assert is_exact(Adds())
