"""No lock is held while foreign code runs: readers, stores, progress, jobs, hooks.

Such a lock would be one half of a deadlock: foreign code may wait for anything, and call back. Here every
lock that Python code makes is watched, and wherever foreign code is called it looks whether its thread
holds one.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from feedmill import counters
from feedmill.channel import Channel
from feedmill.counters import WorkerCounts
from feedmill.errors import StoreError
from feedmill.pipeline import ranges, run_pipeline
from feedmill.pool import WorkerPool
from feedmill.readers import buffers
from tests.pipeline.rigs import (
    FakeReader,
    Faults,
    MemoryRejects,
    MemorySink,
    Watcher,
    make_config,
    make_lines,
)


class _Held(threading.local):
    def __init__(self) -> None:
        self.locks: list[WatchedLock] = []


_held = _Held()


class WatchedLock:
    """A lock that each thread knows it holds."""

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        caller = sys._getframe(1)
        self.made_at = f"{caller.f_code.co_filename}:{caller.f_lineno}"

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        taken = self._lock.acquire(blocking, timeout)
        if taken:
            _held.locks.append(self)
        return taken

    def release(self) -> None:
        # Python allows another thread to release a lock: to the one that took it, it looks held.
        if self in _held.locks:
            _held.locks.remove(self)
        self._lock.release()

    def locked(self) -> bool:
        return self._lock.locked()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Look(Faults):
    """Note where foreign code is called, and which locks its thread holds there."""

    def __init__(self, **plan: tuple[int, BaseException]) -> None:
        super().__init__(**plan)
        self.places: set[str] = set()
        self.found: list[str] = []

    def visit(self, place: str) -> None:
        self.found += [f"{place}: {lock.made_at}" for lock in _held.locks]
        self.places.add(place)
        super().visit(place)


@pytest.fixture(autouse=True)
def watched_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "Lock", WatchedLock)
    monkeypatch.setattr(counters, "Lock", WatchedLock)
    monkeypatch.setattr(buffers, "Lock", WatchedLock)


def test_a_held_lock_is_seen() -> None:
    look, lock = Look(), threading.Lock()
    with lock:
        look.visit("here")
    look.visit("there")
    assert [found.partition(":")[0] for found in look.found] == ["here"]


PLACES = {
    *("begin", "lane", "apply", "lane_close", "read", "parse", "reader_close"),
    *("reject", "rejects_finish", "worker_progress", "worker_finished", "advanced"),
}


@pytest.mark.parametrize("error", [None, StoreError("gone")])
def test_a_run_holds_none(error: StoreError | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RECORDS", 40)
    look = Look(**({"apply": (9, error)} if error else {}))
    config = make_config(
        FakeReader(make_lines(600, bad_every=7), faults=look),
        sink=MemorySink(2, look),
        rejects=MemoryRejects(look),
        progress=Watcher(look),
        buffers=buffers.BufferPool(),
        log_every=20,
        job_buffer=3,
        result_buffer=5,
    )
    if error is None:
        run_pipeline(config)
    else:
        with pytest.raises(StoreError):
            run_pipeline(config)
    assert look.found == []
    assert look.places == PLACES | {"abort" if error else "finish"}


class Hooks:
    """Hooks that look, and use the pool they are called by."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.pool: WorkerPool | None = None

    def job_done(self, counts: WorkerCounts) -> None:
        self.look.visit("job_done")
        assert self.pool is not None
        assert self.pool.job_stats().depth >= 0
        assert self.pool.worker_counts()

    def worker_stopped(self, counts: WorkerCounts) -> None:
        self.look.visit("worker_stopped")


def test_a_pool_holds_none() -> None:
    look = Look()
    hooks = Hooks(look)

    def items() -> Iterator[int]:
        for number in range(50):
            look.visit("iterable")
            yield number

    def job(number: int) -> int:
        look.visit("job")
        return number

    def nested(pool: WorkerPool) -> int:
        return pool.submit(job, 7).result()

    def callback(future: Future[int]) -> None:
        look.visit("callback")
        hooks.pool.submit(job, future.result())

    with WorkerPool(2, job_buffer=2, hooks=hooks) as pool:
        hooks.pool = pool
        assert list(pool.map(job, items())) == list(range(50))
        assert sorted(pool.map(job, items(), ordered=False)) == list(range(50))
        futures = [pool.submit(nested, pool) for _ in range(10)]
        for future in futures:
            future.add_done_callback(callback)
        assert [future.result() for future in futures] == [7] * 10
        pool.set_max_workers(4)
        pool.set_max_workers(1)
    assert look.found == []
    assert look.places == {"job_done", "worker_stopped", "iterable", "job", "callback"}


def test_a_channel_lets_go_of_its_items_without_its_lock() -> None:
    """What an item does when it goes, such as using the channel, must not find it locked."""
    look = Look()
    channel = Channel["Item"](10)

    class Item:
        def __del__(self) -> None:
            look.visit("item")
            channel.stats()

    for _ in range(4):
        channel.put(Item())
    channel.get()
    del channel.cancel()[:]
    assert look.found == []
    assert look.places == {"item"}
