"""Runs that really hang: in a reader, a callback, a lock, a store, its end; each is told, and ends."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from feedmill.errors import StallError, StoreError
from feedmill.kernel import Batch, Plan, Record
from feedmill.pipeline import PipelineConfig, PlannedFeed, execution, flow, report_of, run, run_pipeline
from feedmill.pipeline.callbacks import Callback
from feedmill.pipeline.pace import Pace
from feedmill.readers.buffers import Chunk
from feedmill.report import Report
from feedmill.watchdog import Stall
from tests.pipeline.rigs import (
    HEADER_BYTES,
    PLAN,
    SCHEMA,
    STREAM,
    FakeReader,
    MemoryRejects,
    MemorySink,
    Watcher,
    make_config,
    make_lines,
)

STALL_S = 0.3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "READER_GRACE_S", 0.05)
    monkeypatch.setattr(execution, "STALL_GRACE_S", 0.05)
    monkeypatch.setattr(run, "STALL_LIMIT_S", 1.0)
    # A debugger takes seconds, and is another test's.
    monkeypatch.setattr("feedmill.watchdog.native_stacks", str)


@contextmanager
def released() -> Iterator[threading.Event]:
    """Let what hangs go in the end, and wait for its threads."""
    release = threading.Event()
    before = set(threading.enumerate())
    try:
        yield release
    finally:
        release.set()
        for thread in set(threading.enumerate()) - before:
            thread.join()


def stalled(config: PipelineConfig) -> tuple[Stall, Report]:
    with pytest.raises(StallError) as caught:
        run_pipeline(config)
    assert caught.value.exit_code == 3
    report = report_of(caught.value)
    assert report is not None
    report.check()
    assert report.stopped == "fault"
    stall = caught.value.stall
    assert isinstance(stall, Stall)
    return stall, report


def watched(*readers: FakeReader, **settings: object) -> PipelineConfig:
    return make_config(*readers, stall_timeout_s=STALL_S, **settings)


def at(number: int, hang: Callable[[], object]) -> Callable[..., None]:
    """Hang at the n-th call, from 1."""
    lock = threading.Lock()
    calls = 0

    def call(*_: object) -> None:
        nonlocal calls
        with lock:
            calls += 1
            is_it = calls == number
        if is_it:
            hang()

    return call


def test_a_reader_that_hangs_is_told_and_what_was_whole_is_in_the_store() -> None:
    sink, rejects = MemorySink(), MemoryRejects()
    reader = FakeReader(make_lines(300, bad_every=4))
    with released() as release:
        reader.before_chunk = lambda seq: seq < 9 or release.wait()
        stall, report = stalled(watched(reader, sink=sink, rejects=rejects))
    (suspect,) = stall.situation.suspects
    assert suspect.thread == "feedmill-reader-1"
    assert suspect.does.startswith("reads feed from byte ")
    assert "rigs.py" in stall.python_stacks
    # Ranges of 40 records, and one that is not whole; it was told to be dropped.
    assert report.records == 80
    assert sum(part.rows for parts in sink.parts.values() for part in parts) == report.successes
    assert sink.calls == ["begin", "abort"]
    assert rejects.end == "finished"
    assert [record for record, _ in rejects.places] == list(range(4, 81, 4))


def test_a_callback_that_hangs_is_told_with_its_chunk() -> None:
    sink = MemorySink()
    reader = FakeReader(make_lines(300))
    with released() as release:
        parse = reader.parse

        def hang(chunk: Chunk, plan: Plan) -> Batch:
            # By the chunk, as workers may take two of them in one order and begin them in another.
            if chunk.seq == 6:
                release.wait()
            return parse(chunk, plan)

        reader.parse = hang  # type: ignore[method-assign]
        stall, report = stalled(watched(reader, sink=sink))
    (suspect,) = stall.situation.suspects
    assert suspect.thread.startswith("feedmill-worker-")
    assert stall.situation.oldest_job is not None
    assert stall.situation.oldest_job.job in suspect.does
    assert "bytes " in suspect.does
    collector = next(s for s in stall.situation.threads if s.thread == "feedmill-collector-1")
    assert collector.does == "waits for a worker, at record 61 of feed 1"
    assert report.records == 40
    assert sink.calls == ["begin", "abort"]


def test_a_callback_that_hangs_in_a_record_is_told_with_its_number_and_place() -> None:
    lines = make_lines(300, bad_every=4)
    with released() as release:

        def hang(record: Record) -> Record:
            if record["sku"] == "s78":
                release.wait()
            return record

        feed = PlannedFeed(FakeReader(lines), PLAN, Callback(hang, SCHEMA, ("sku",)))
        stall, _ = stalled(replace(watched(sink=MemorySink()), feeds=(feed,)))
    oldest, slowest = stall.situation.oldest_record, stall.situation.slowest_record
    assert oldest is not None
    assert (oldest.feed, oldest.record, oldest.records) == ("feed", 79, 1)
    assert oldest.byte == HEADER_BYTES + len(b"".join(lines[:78]))
    assert oldest.seconds >= STALL_S
    assert slowest is not None
    assert slowest.records in {1, 10}
    assert f"oldest record: record 79 of feed, at byte {oldest.byte}, with a callback for" in str(stall)


def test_a_record_that_was_slow_is_told_when_another_hangs() -> None:
    """One is held until it was seen for a while, and let go; the next one hangs."""
    lines = make_lines(300)
    looks = threading.Semaphore(0)

    class Seen(Pace):
        def look(self) -> None:
            super().look()
            looks.release()

    with released() as release, pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "Pace", Seen)

        def hang(record: Record) -> Record:
            if record["sku"] == "s33":
                # Those before this record had it are of no use.
                while looks.acquire(blocking=False):
                    pass
                for _ in range(3):
                    looks.acquire()
            if record["sku"] == "s78":
                release.wait()
            return record

        feed = PlannedFeed(FakeReader(lines), PLAN, Callback(hang, SCHEMA, ("sku",)))
        stall, _ = stalled(replace(watched(sink=MemorySink()), feeds=(feed,)))
    slowest = stall.situation.slowest_record
    assert slowest is not None
    assert (slowest.feed, slowest.record, slowest.records) == ("feed", 34, 1)
    assert slowest.byte == HEADER_BYTES + len(b"".join(lines[:33]))
    assert "slowest record that is done: record 34 of feed, at byte " in str(stall)


def test_without_a_callback_the_slowest_chunks_records_are_told() -> None:
    with released() as release:
        stall, _ = stalled(
            watched(FakeReader(make_lines(300)), sink=MemorySink(lanes=1, before_apply=at(2, release.wait)))
        )
    assert stall.situation.oldest_record is None
    slowest = stall.situation.slowest_record
    assert slowest is not None
    assert slowest.records == 10
    assert slowest.record is None or slowest.record % 10 == 1
    assert "slowest chunk that is done: " in str(stall)
    assert stall.situation.suspects[0].does.endswith("records 41 to 80")


def test_a_lock_that_is_never_released_is_told() -> None:
    """A hook that waits for a lock which somebody holds."""
    lock = threading.Lock()

    class Locked(Watcher):
        def worker_progress(self, worker: int, records: int) -> None:
            with lock:
                super().worker_progress(worker, records)

    with released() as release, lock:
        stall, _ = stalled(
            watched(FakeReader(make_lines(300)), sink=MemorySink(), progress=Locked(), log_every=50)
        )
        assert "worker_progress" in stall.python_stacks
        assert all(state.thread.startswith("feedmill-worker-") for state in stall.situation.suspects)
        threading.Thread(target=release.wait).start()
        release.set()


def test_a_store_that_can_be_woken_ends_like_any_other() -> None:
    woken = threading.Event()

    class Slow(MemorySink):
        def abort(self) -> None:
            super().abort()
            woken.set()

    def hang() -> None:
        woken.wait()
        raise StoreError("aborted")

    sink = Slow(lanes=1, before_apply=at(3, hang))
    stall, report = stalled(watched(FakeReader(make_lines(300)), sink=sink))
    assert stall.situation.suspects[0].thread.startswith("feedmill-lane-")
    assert stall.situation.suspects[0].does.startswith("applies bytes ")
    assert sum(part.rows for parts in sink.parts.values() for part in parts) >= report.successes > 0


def test_a_store_that_cannot_be_woken_is_left_behind() -> None:
    with released() as release:
        sink = MemorySink(lanes=1, before_apply=at(3, release.wait))
        _, report = stalled(watched(FakeReader(make_lines(300)), sink=sink))
    assert sink.calls == ["begin", "abort"]
    assert report.records >= 40


@pytest.mark.parametrize("place", ["begin", "finish", "abort"])
def test_a_store_that_hangs_outside_its_lanes_is_left_behind(place: str) -> None:
    with released() as release:

        class Hanging(MemorySink):
            def begin(self, run: object) -> object:  # type: ignore[override]
                if place == "begin":
                    release.wait()
                return super().begin(run)  # type: ignore[arg-type]

            def finish(self) -> None:
                if place == "finish":
                    release.wait()
                super().finish()

            def abort(self) -> None:
                if place == "abort":
                    release.wait()
                super().abort()

        sink = Hanging(before_apply=at(3, release.wait) if place == "abort" else lambda _: None)
        stall, report = stalled(watched(FakeReader(make_lines(200)), sink=sink))
    (suspect, *_) = stall.situation.suspects
    assert suspect.thread == ("feedmill-run-1" if place != "abort" else "feedmill-lane-0") or place == "abort"
    assert report.records == (0 if place == "begin" else 200) or place == "abort"


def test_a_stall_that_is_over_when_all_is_final_is_none() -> None:
    told = threading.Event()

    class Late(MemorySink):
        def finish(self) -> None:
            told.wait()
            super().finish()

    sink = Late()
    config = watched(FakeReader(make_lines(200)), sink=sink)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "log_stall", lambda _: told.set())
        patch.setattr(run, "STALL_LIMIT_S", 60.0)
        report = run_pipeline(config)
    assert (report.records, report.stopped) == (200, None)
    assert sink.calls == ["begin", "finish"]


def test_a_run_that_moves_does_not_stall() -> None:
    config = make_config(FakeReader(make_lines(2_000)), sink=MemorySink(), stall_timeout_s=30.0)
    assert run_pipeline(config).records == 2_000


def test_a_stream_is_not_told_to_be_resumed() -> None:
    reader = FakeReader(make_lines(300))
    with released() as release:
        reader.before_chunk = lambda seq: seq < 9 or release.wait()
        with pytest.raises(StallError, match="what is written stays"):
            run_pipeline(watched(reader, sink=MemorySink(), run=STREAM))


SCRIPT = """
import threading
import feedmill.watchdog
feedmill.watchdog.native_stacks = str
from feedmill.__main__ import end
from feedmill.errors import StallError
from feedmill.pipeline import execution, run, run_pipeline
from tests.pipeline.rigs import FakeReader, MemorySink, make_config, make_lines

execution.STALL_GRACE_S = execution.READER_GRACE_S = 0.01
run.STALL_LIMIT_S = 0.5
for_ever = threading.Event().wait
reader, sink = FakeReader(make_lines(900)), MemorySink()
{0}
try:
    run_pipeline(make_config(reader, sink=sink, stall_timeout_s=0.3))
except StallError as error:
    print(error)
    end(error.exit_code)
"""


@pytest.mark.parametrize(
    "hang",
    [
        "reader.before_chunk = lambda seq: seq < 5 or for_ever()",
        "sink.before_apply = lambda part: for_ever()",
        "def spin(*_):\n    while True: pass\nreader.parse = spin",
    ],
)
def test_no_thread_that_hangs_keeps_the_process(hang: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SCRIPT.format(hang)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("nothing has moved for ")
    assert "Python stacks:" in done.stderr
