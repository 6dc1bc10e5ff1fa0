"""The watchdog tells of what hangs, once, and of nothing else."""

from __future__ import annotations

import logging
import queue
import subprocess
import sys
import threading
from typing import Self

import pytest

from feedmill import stacks
from feedmill.channel import Channel
from feedmill.pool import WorkerPool
from feedmill.watchdog import Situation, Stall, ThreadState, Watchdog, waits_at

STALL_S = 0.05


class Stuck:
    """Something that stands still until it is moved."""

    def __init__(self, *states: ThreadState) -> None:
        self.moves = 0
        self.is_idle = False
        self.looks = threading.Semaphore(0)
        self.states = states

    def movement(self) -> object:
        self.looks.release()
        return None if self.is_idle else self.moves

    def situation(self) -> Situation:
        return Situation(self.states, ())

    def wait_for_looks(self, number: int) -> None:
        for _ in range(number):
            self.looks.acquire()


class Hang:
    """A job that hangs until it is let go, by the end of the block at the latest."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self) -> None:
        self.entered.set()
        self.opened.wait()

    def __str__(self) -> str:
        return "a hang"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.opened.set()


def test_a_stall_is_told_once_and_again_after_a_movement() -> None:
    stuck = Stuck(ThreadState("feedmill-lane-0", "applies bytes 0 to 9", 3.0))
    told: queue.SimpleQueue[Stall] = queue.SimpleQueue()
    with Watchdog(stuck, STALL_S, told.put):
        first = told.get()
        stuck.wait_for_looks(30)
        assert told.empty()
        stuck.moves += 1
        second = told.get()
    assert "feedmill-lane-0 applies bytes 0 to 9, for 3.0 s" in first.headline
    assert first.seconds >= STALL_S
    assert second.seconds >= STALL_S


def test_what_is_idle_does_not_stall() -> None:
    stuck = Stuck()
    stuck.is_idle = True
    told: queue.SimpleQueue[Stall] = queue.SimpleQueue()
    with Watchdog(stuck, STALL_S, told.put):
        stuck.wait_for_looks(40)
    assert told.empty()


def test_a_pools_job_that_hangs_is_named_with_its_worker_and_its_frames() -> None:
    told: queue.SimpleQueue[Stall] = queue.SimpleQueue()
    with WorkerPool(2) as pool, Hang() as hang, Watchdog(pool, STALL_S, told.put):
        pool.submit(len, "").result()
        future = pool.submit(hang)
        hang.entered.wait()
        stall = told.get()
        hang.opened.set()
        assert future.result() is None
    (suspect,) = stall.situation.suspects
    assert suspect.does == "runs a hang"
    assert suspect.thread in {"feedmill-worker-1", "feedmill-worker-2"}
    assert stall.situation.oldest_job is not None
    assert stall.situation.oldest_job.job == "a hang"
    assert stall.situation.slowest_job is not None
    assert stall.situation.slowest_job.job == "len"
    (idle,) = [state for state in stall.situation.threads if state.is_waiting]
    assert idle.does == "waits to get at jobs"
    text = str(stall)
    assert suspect.thread + " (most recent call first)" in text
    assert "in __call__" in text
    assert "jobs: 0 of 100" in text


def test_a_submitter_that_waits_for_room_is_named() -> None:
    told: queue.SimpleQueue[Stall] = queue.SimpleQueue()
    with WorkerPool(1, job_buffer=1) as pool, Hang() as hang:
        pool.submit(hang)
        hang.entered.wait()
        pool.submit(len, "")
        submitter = threading.Thread(target=lambda: pool.submit(len, ""), name="submitter")
        submitter.start()
        while not any(wait.direction == "put" for wait in pool.job_stats().waits):
            threading.Event().wait(0.001)
        with Watchdog(pool, STALL_S, told.put):
            stall = told.get()
        hang.opened.set()
        submitter.join()
    assert any(state.thread == "submitter" and "put" in state.does for state in stall.situation.threads)


def test_by_default_it_is_logged() -> None:
    logged: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.put(record.getMessage())

    listener, log = Listener(), logging.getLogger("feedmill.watchdog")
    log.addHandler(listener)
    with WorkerPool(1) as pool, Hang() as hang, Watchdog(pool, STALL_S):
        pool.submit(hang)
        assert "nothing has moved" in logged.get()
        hang.opened.set()
    log.removeHandler(listener)


def test_whatever_raises_the_watchdog_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    stuck = Stuck()
    calls = threading.Semaphore(0)

    def fail(_: Stall) -> None:
        calls.release()
        raise ValueError("of the user's")

    with caplog.at_level(logging.CRITICAL), Watchdog(stuck, STALL_S, fail):
        calls.acquire()
        stuck.moves += 1
        calls.acquire()


@pytest.mark.parametrize("stall_s", [0, -1, float("nan")])
def test_the_limit_is_more_than_nothing(stall_s: float) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Watchdog(Stuck(), stall_s)


def test_a_channel_tells_who_waits_and_no_longer_than_they_do() -> None:
    channel = Channel[int](1, name="numbers")
    getter = threading.Thread(target=channel.get, name="getter")
    getter.start()
    while not (waits := channel.stats().waits):
        threading.Event().wait(0.001)
    assert [(wait.thread, wait.direction) for wait in waits] == [("getter", "get")]
    assert [str(state)[:34] for state in waits_at(channel.stats())] == ["getter waits to get at numbers, fo"]
    channel.put(1)
    getter.join()
    assert channel.stats().waits == ()


def test_all_that_wait_are_no_suspects() -> None:
    stall = Stall(9, Situation((ThreadState("a", "waits", 1, is_waiting=True),), ()))
    assert stall.headline == "nothing has moved for 9.0 s: all threads wait for each other"


def test_frames_of_every_thread_are_found() -> None:
    inside, done = threading.Event(), threading.Event()

    def somewhere() -> None:
        inside.set()
        done.wait()

    thread = threading.Thread(target=somewhere, name="the other")
    thread.start()
    inside.wait()
    text = stacks.python_stacks()
    done.set()
    thread.join()
    assert "the other (most recent call first)" in text
    assert "in somewhere" in text
    assert "in test_frames_of_every_thread_are_found" in text


def test_without_a_debugger_there_are_no_native_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert stacks.native_stacks() == ""


def test_a_debugger_is_asked_without_a_pipe_to_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks.shutil, "which", lambda tool: "/bin/echo" if tool == "eu-stack" else None)
    assert stacks.native_stacks().startswith("-p ")


HANGS = """
import threading
from feedmill.pool import WorkerPool
from feedmill.watchdog import Watchdog

told = threading.Event()
pool = WorkerPool(2)
with Watchdog(pool, 0.05, lambda stall: told.set()):
    for _ in range(5):
        pool.submit(threading.Event().wait)
    told.wait()
    {0}
print("over")
"""


@pytest.mark.parametrize("end", ["assert not pool.abandon()", "assert not pool.abandon(0.01)"])
def test_an_abandoned_job_does_not_keep_the_process(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HANGS.format(end)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "over\n"), done.stderr


def test_an_abandoned_pool_takes_nothing_more_and_cancels_what_waits() -> None:
    pool = WorkerPool(1)
    with Hang() as hang:
        running = pool.submit(hang)
        hang.entered.wait()
        queued = pool.submit(len, "")
        assert not pool.abandon()
        assert queued.cancelled()
        with pytest.raises(RuntimeError):
            pool.submit(len, "")
    assert running.result() is None
    assert pool.abandon(None)
