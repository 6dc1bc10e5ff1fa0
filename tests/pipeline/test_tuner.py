"""Tuning changes how many work at once, and nothing else."""

from __future__ import annotations

import logging
import threading

import pytest

from feedmill.pipeline import run_pipeline, tuner
from feedmill.pipeline.tuner import Decider, Sample
from feedmill.pipeline.writers import Writers
from feedmill.stores.protocol import RangePart
from tests.pipeline.rigs import FakeReader, MemoryRejects, MemorySink, make_config, make_lines

BUSY = {"idle": 0.0, "cpu": 0.3, "records_per_s": 1_000.0, "jobs_wait": False, "parts_wait": False}


def sample(**changed: object) -> Sample:
    return Sample(**(BUSY | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "workers"),
    [
        ({"jobs_wait": True}, 3),
        ({"jobs_wait": True, "cpu": 0.9}, 2),
        ({"jobs_wait": True, "idle": 0.3}, 2),
        ({"idle": 0.6}, 1),
        ({}, 2),
    ],
)
def test_workers_are_as_many_as_have_something_to_do(seen: dict[str, object], workers: int) -> None:
    decider = Decider(cpus=2, lanes=1, workers=2, writers=1)
    assert decider.look(sample(**seen)) == (workers != 2)
    assert decider.workers == workers
    assert bool(decider.why) == (workers != 2)


def test_workers_stay_within_their_limits() -> None:
    decider = Decider(cpus=2, lanes=0, workers=2, writers=0)
    for _ in range(50):
        decider.look(sample(jobs_wait=True))
    assert decider.workers == 2 * tuner.WORKERS_A_CPU
    for _ in range(50):
        decider.look(sample(idle=1.0))
    assert decider.workers == 1


def test_writers_are_added_as_long_as_that_brings_something() -> None:
    decider = Decider(cpus=1, lanes=8, workers=1, writers=2)
    for rate, writers in [(100, 3), (150, 3), (150, 4), (200, 4), (200, 5), (201, 4), (100, 4), (100, 4)]:
        decider.look(sample(parts_wait=True, records_per_s=float(rate)))
        assert decider.writers == writers, rate
    assert decider.why == "one more writer brought no more records a second"


def test_writers_are_not_added_beyond_the_lanes_or_to_used_up_cpus() -> None:
    decider = Decider(cpus=2, lanes=2, workers=2, writers=2)
    assert not decider.look(sample(parts_wait=True))
    decider = Decider(cpus=2, lanes=8, workers=2, writers=2)
    assert not decider.look(sample(parts_wait=True, cpu=0.95))


def test_so_many_write_at_once_and_no_more() -> None:
    writers, inside, leave = Writers(), threading.Semaphore(0), threading.Event()
    writers.limit(2)
    lock, now, most = threading.Lock(), [0], [0]

    def write() -> None:
        with writers:
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            inside.release()
            leave.wait()
            with lock:
                now[0] -= 1

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        inside.acquire()
    assert most[0] == 2
    writers.limit(3)
    inside.acquire()
    writers.limit(None)
    for _ in range(2):
        inside.acquire()
    leave.set()
    for thread in threads:
        thread.join()
    assert most[0] == 5


def whole_run(**settings: object) -> tuple[object, ...]:
    sink, rejects = MemorySink(lanes=4), MemoryRejects()
    reader = FakeReader(make_lines(2_000, bad_every=7, keys=300))
    report = run_pipeline(make_config(reader, sink=sink, rejects=rejects, **settings))
    return sink.table, sink.ranges, rejects.places, report.records, report.outcomes


def test_results_are_the_same(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """With a tuner that changes both numbers all the time."""
    plain = whole_run()
    monkeypatch.setattr(tuner, "PERIOD_S", 0.001)
    steps = iter(range(10_000))

    def look(decider: Decider, _: Sample) -> bool:
        step = next(steps)
        decider.workers, decider.writers, decider.why = 1 + step % 5, 1 + step % 4, "a test"
        return True

    monkeypatch.setattr(Decider, "look", look)
    with caplog.at_level(logging.INFO, "feedmill.tuner"):
        assert whole_run(is_tuned=True) == plain
    assert "lanes writing: to begin with, one each CPU" in caplog.text


def test_lanes_that_wait_for_their_turn_end_with_the_run() -> None:
    sink = MemorySink(lanes=4)

    def fail(part: RangePart) -> None:
        raise OSError(28, "no space")

    sink.before_apply = fail
    with pytest.raises(Exception, match="no space"):
        run_pipeline(make_config(FakeReader(make_lines(2_000)), sink=sink, is_tuned=True))
    assert sink.calls == ["begin", "abort"]
