"""Whatever raises, wherever: the run ends, its error is told, no thread stays, and every count is true."""

import random
import threading
from collections.abc import Iterator

import pytest

from feedmill.errors import FeedmillError, ReadError, RejectFileError, RunError, StoreError
from feedmill.pipeline import PlannedFeed, ranges, report_of, run_pipeline
from feedmill.report import Report
from tests.pipeline.rigs import (
    NO_FAULTS,
    PLAN,
    STREAM,
    EndlessReader,
    FakeReader,
    Faults,
    MemoryRejects,
    MemorySink,
    Watcher,
    make_config,
    make_lines,
)

BAD_EVERY = 7
RECORDS = 600
CHUNKS = RECORDS // 10


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RECORDS", 40)


class Rig:
    """A run in which one thing, or several, will go wrong."""

    def __init__(self, faults: Faults, *, lanes: int = 2, workers: int = 3) -> None:
        self.reader = FakeReader(make_lines(RECORDS, BAD_EVERY, keys=200), faults=faults)
        self.sink = MemorySink(lanes, faults)
        self.rejects = MemoryRejects(faults)
        self.settings: dict[str, object] = {
            "sink": self.sink,
            "rejects": self.rejects,
            "workers": workers,
            "progress": Watcher(faults),
            "log_every": 20,
            "job_buffer": 3,
            "result_buffer": 5,
        }

    def run(self) -> Report:
        return run_pipeline(make_config(self.reader, **self.settings))

    def fails(self) -> tuple[FeedmillError, Report]:
        with pytest.raises(FeedmillError) as caught:
            self.run()
        report = report_of(caught.value)
        assert report is not None
        assert report.stopped == "fault"
        self.is_consistent(report)
        return caught.value, report

    def is_consistent(self, report: Report) -> None:
        report.check()
        applied = sum(part.rows for parts in self.sink.parts.values() for part in parts)
        assert applied >= report.successes, "counted, and not in the store"
        wanted = [(n, "minimum") for n in range(BAD_EVERY, report.records + 1, BAD_EVERY)]
        assert report.failures == len(wanted)
        if self.rejects.end == "finished":
            assert self.rejects.places == wanted
        assert self.sink.calls.count("abort") == 1
        assert self.reader.closed == 1


FAULTS = [
    ("read", 1),
    ("read", 2),
    ("read", CHUNKS // 2),
    ("read", CHUNKS + 1),
    ("reader_close", 1),
    ("lane", 1),
    ("lane", 2),
    ("apply", 1),
    ("apply", 2),
    ("apply", 13),
    ("lane_close", 1),
    ("lane_close", 2),
    ("reject", 1),
    ("reject", 30),
    ("rejects_finish", 1),
    ("finish", 1),
    ("worker_progress", 1),
    ("worker_progress", 9),
    ("worker_finished", 1),
    ("worker_finished", 3),
    ("advanced", 1),
    ("advanced", CHUNKS),
]
ERRORS = [StoreError("gone"), OSError(28, "no space"), MemoryError(), KeyboardInterrupt(), SystemExit(7)]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize(("place", "visit"), FAULTS)
def test_a_fault_anywhere_ends_the_run_and_is_told(place: str, visit: int, error: BaseException) -> None:
    faults = Faults(**{place: (visit, error)})
    rig = Rig(faults)
    told, _ = rig.fails()
    if isinstance(error, FeedmillError):
        assert told is error
    else:
        assert isinstance(told, RunError)
        assert told.exit_code == 3
        assert told.__cause__ is error
        assert type(error).__name__ in str(told)
    assert ("finish" in rig.sink.calls) == (place == "finish")


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_store_that_cannot_begin_leaves_nothing_behind(error: BaseException) -> None:
    rig = Rig(Faults(begin=(1, error)))
    with pytest.raises(type(error)):
        rig.run()
    assert rig.sink.calls == ["begin"]
    assert rig.rejects.end == "aborted"
    assert rig.reader.closed == 0


@pytest.mark.parametrize("error", [ReadError("broke off"), OSError(5, "i/o")])
def test_what_was_read_before_a_feed_broke_off_is_applied(error: Exception) -> None:
    rig = Rig(Faults(read=(30, error)))
    _, report = rig.fails()
    # 29 chunks of 10: seven ranges of 40 are whole, and the rest will be part of another one when resumed.
    assert report.records == 280
    assert sum(part.rows for parts in rig.sink.parts.values() for part in parts) == report.successes


def test_all_that_was_read_is_applied_where_nothing_can_be_resumed() -> None:
    rig = Rig(Faults(read=(30, ReadError("broke off"))))
    rig.settings["run"] = STREAM
    _, report = rig.fails()
    assert report.records == 290


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_what_is_no_jobs_failure_ends_the_run(error: BaseException) -> None:
    told, _ = Rig(Faults(parse=(5, error))).fails()
    assert told.__cause__ is error


def test_a_job_that_raises_once_loses_nothing() -> None:
    rig = Rig(Faults(parse=(5, MemoryError())))
    report = rig.run()
    assert (report.records, report.failures, report.failed_jobs) == (RECORDS, RECORDS // BAD_EVERY, 1)


class Starved(Faults):
    """From the fifth chunk on there is no memory, however small a piece of one is tried."""

    def visit(self, place: str) -> None:
        super().visit(place)
        if place == "parse" and self.visits(place) >= 5:
            raise MemoryError


def test_too_little_memory_is_no_records_fault() -> None:
    """Rejected, a good record would be done with."""
    told, report = Rig(Starved()).fails()
    assert isinstance(told.__cause__, MemoryError)
    assert "the system gives no more memory" in str(told)
    assert report.records < RECORDS


def test_the_first_error_is_the_one_that_is_told() -> None:
    first = StoreError("first")
    faults = Faults(apply=(1, first), lane_close=(1, OSError("second")), abort=(1, OSError("third")))
    told, _ = Rig(faults, lanes=1).fails()
    assert told is first


def test_closing_a_feed_after_a_fault_does_not_hide_it() -> None:
    broke_off = ReadError("broke off")
    told, _ = Rig(Faults(read=(3, broke_off), reader_close=(1, OSError("bad file")))).fails()
    assert told is broke_off


def test_a_reject_file_that_broke_off_is_thrown_away() -> None:
    rig = Rig(Faults(reject=(20, RejectFileError("disk full"))))
    rig.fails()
    assert rig.rejects.end == "aborted"


@pytest.mark.parametrize(("place", "visit"), [("apply", 1), ("apply", 3), ("lane", 1), ("finish", 1)])
def test_rejects_are_kept_when_the_store_fails(place: str, visit: int) -> None:
    rig = Rig(Faults(**{place: (visit, StoreError("gone"))}))
    rig.fails()
    assert rig.rejects.end == "finished"


def test_an_endless_feed_ends_with_its_store() -> None:
    sink = MemorySink(2, Faults(apply=(5, StoreError("gone"))))
    with pytest.raises(StoreError):
        run_pipeline(make_config(EndlessReader(), sink=sink))


def test_a_fault_is_told_while_the_feed_waits_for_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.pipeline.execution.READER_GRACE_S", 0.01)
    more = threading.Event()
    reader = FakeReader(make_lines(200))
    reader.before_chunk = lambda seq: seq < 10 or more.wait()
    sink = MemorySink(1, Faults(apply=(1, StoreError("gone"))))
    with pytest.raises(StoreError):
        run_pipeline(make_config(reader, sink=sink))
    left = [thread for thread in threading.enumerate() if thread.name == "feedmill-reader-1"]
    more.set()
    for thread in left:
        thread.join()
    assert reader.closed == 1


def test_feeds_that_cannot_be_had_end_the_run() -> None:
    def feeds() -> Iterator[PlannedFeed]:
        yield PlannedFeed(FakeReader(make_lines(45)), PLAN)
        raise ReadError("the second feed is gone")

    config = make_config(sink=MemorySink())
    object.__setattr__(config, "feeds", feeds())
    with pytest.raises(ReadError):
        run_pipeline(config)


@pytest.mark.parametrize("number", range(1, 9))
def test_a_system_without_threads_is_a_fault_like_any_other(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own, workers, settler, lanes, collector, reader: each in turn cannot be started."""
    start = threading.Thread.start
    started: list[str] = []

    def fail(thread: threading.Thread) -> None:
        if thread.name.startswith("feedmill-"):
            started.append(thread.name)
            if len(started) == number:
                raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    rig = Rig(NO_FAULTS, workers=2)
    with pytest.raises(RunError, match="can't start new thread"):
        rig.run()
    assert rig.sink.calls == (["begin", "abort"] if number > 1 else [])
    assert rig.rejects.end == ("finished" if number > 1 else "aborted")


@pytest.mark.parametrize("seed", range(40))
def test_faults_of_all_kinds_at_once_are_survived(seed: int) -> None:
    dice = random.Random(seed)
    places = [place for place, _ in FAULTS if place != "reader_close"] + ["abort", "parse"]
    chosen = {
        place: (dice.randint(1, 40), dice.choice([StoreError("x"), OSError(5, "x"), SystemExit(1)]))
        for place in dice.sample(sorted(set(places)), dice.randint(1, 6))
    }
    rig = Rig(Faults(**chosen), lanes=dice.randint(1, 4), workers=dice.randint(1, 5))
    try:
        report = rig.run()
    except FeedmillError as error:
        found = report_of(error)
        assert found is not None
        report = found
    else:
        assert report.records == RECORDS
        rig.sink.calls.append("abort")
    rig.is_consistent(report)
