"""A whole run: every record is accounted for, and no number of threads changes a result."""

import itertools
import sys
from collections.abc import Iterator

import pytest

from feedmill.errors import RunError, StoreError
from feedmill.pipeline import PipelineConfig, PlannedFeed, run_pipeline
from feedmill.records import Position
from feedmill.report import Outcomes, Report
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo
from tests.pipeline.rigs import (
    HEADER_BYTES,
    PLAN,
    FakeReader,
    MemoryRejects,
    MemorySink,
    Watcher,
    make_config,
    make_lines,
)


def expected_table(lines: list[bytes]) -> dict[str, int]:
    pairs = (line.decode().rstrip().split(",") for line in lines)
    return {sku: int(stock) for sku, stock in pairs if int(stock) >= 0}


def test_every_record_ends_somewhere() -> None:
    lines = make_lines(500, bad_every=7, keys=300)
    sink, rejects, progress = MemorySink(), MemoryRejects(), Watcher()
    reader = FakeReader(lines)
    report = run_pipeline(make_config(reader, sink=sink, rejects=rejects, progress=progress))

    assert sink.table == expected_table(lines)
    assert sink.calls == ["begin", "finish"]
    assert rejects.end == "finished"
    assert rejects.places == [(n, "minimum") for n in range(7, 501, 7)]
    assert reader.closed == 1
    assert (report.records, report.successes, report.failures) == (500, 429, 71)
    assert report.outcomes.total == 429
    assert report.rejects_by_code == {"stock.minimum": 71}
    assert report.bytes == sum(map(len, lines)) == progress.nbytes
    assert progress.records == 500
    assert report.jobs == 50
    assert report.failed_jobs == 0
    assert report.stopped is None
    assert (report.run_id, report.feed, report.schema) == ("run-1", "feed-0", "items")
    assert (report.workers, report.lanes, report.gil_enabled) == (2, 2, sys._is_gil_enabled())
    assert sum(worker.records for worker in report.per_worker) == 500
    assert sum(worker.jobs for worker in report.per_worker) == 50
    stages = {stage.stage: stage.items for stage in report.stages}
    assert stages["reader"] == stages["workers"] == stages["collector"] == 50
    assert stages["lanes"] == sum(map(len, sink.parts.values()))
    assert stages["settler"] == len(sink.ranges) == 13
    report.check()


def result_of(workers: int, lanes: int, buffers: int) -> tuple[object, ...]:
    lines = make_lines(700, bad_every=5, keys=90)
    sink, rejects = MemorySink(lanes, refused=frozenset({"s3", "s50"})), MemoryRejects()
    report = run_pipeline(
        make_config(
            FakeReader(lines[:300]),
            FakeReader(lines[300:], 7),
            sink=sink,
            rejects=rejects,
            workers=workers,
            job_buffer=buffers,
            result_buffer=buffers,
        )
    )
    return (
        sink.table,
        sink.ranges,
        rejects.rejects,
        report.outcomes,
        report.rejects_by_code,
        (report.records, report.successes, report.failures),
    )


@pytest.mark.parametrize(("workers", "buffers"), [(1, 1), (1, 100), (2, 2), (7, 100), (7, 1)])
@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_results_do_not_depend_on_the_number_of_threads(workers: int, lanes: int, buffers: int) -> None:
    assert result_of(workers, lanes, buffers) == result_of(1, 1, 1)


def test_results_do_not_depend_on_when_threads_take_turns() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        assert result_of(4, 3, 2) == result_of(1, 1, 1)
    finally:
        sys.setswitchinterval(interval)


def test_places_are_those_of_the_feed_and_start_anew_with_each() -> None:
    """Of the kernel's findings and of the store's, in one order."""
    lines = [b"a,1\n", b"b,-1\n", b'"c\nc",x\n', b"d,2\n", b"\n", b"e,-5\n"]
    rejects = MemoryRejects()
    sink = MemorySink(refused=frozenset({"d"}))
    run_pipeline(make_config(FakeReader(lines, 2), FakeReader(lines, 4), sink=sink, rejects=rejects))
    h = HEADER_BYTES
    once = [
        (Position(2, 3, h + 6), "minimum"),
        (Position(3, 4, h + 15), "type"),
        (Position(4, 6, h + 17), "database"),
        (Position(5, 8, h + 24), "minimum"),
    ]
    assert [(reject.position, reject.code) for reject in rejects.rejects] == once + once
    assert [reject.column for reject in rejects.rejects] == ["stock", "stock", "sku", "stock"] * 2


def test_a_record_that_the_store_refuses_is_a_failure() -> None:
    sink = MemorySink(refused=frozenset({"s1", "s2"}))
    report = run_pipeline(make_config(FakeReader(make_lines(10)), sink=sink))
    assert (report.records, report.successes, report.failures) == (10, 8, 2)
    assert report.outcomes == Outcomes(inserted=8)
    assert report.rejects_by_code == {"sku.database": 2}


@pytest.mark.parametrize("outcome", [LaneOutcome(), LaneOutcome(inserted=11)])
def test_a_store_that_miscounts_ends_the_run(outcome: LaneOutcome) -> None:
    class Miscounting(MemorySink):
        def lane(self, number: int) -> "Miscounting":
            return self

        def apply(self, part: RangePart) -> LaneOutcome:
            return outcome

        def close(self) -> None:
            pass

    sink = Miscounting(lanes=1)
    with pytest.raises(StoreError, match="10 good records"):
        run_pipeline(make_config(FakeReader(make_lines(10)), sink=sink))
    assert sink.calls == ["begin", "abort"]


def test_without_a_store_records_are_only_checked() -> None:
    rejects = MemoryRejects()
    report = run_pipeline(make_config(FakeReader(make_lines(100, bad_every=10)), rejects=rejects))
    assert (report.records, report.successes, report.failures) == (100, 90, 10)
    assert report.outcomes == Outcomes()
    assert not report.stored
    assert report.lanes == 0
    assert len(rejects.rejects) == 10
    report.check()


@pytest.mark.parametrize("lines", [[], [b"\n", b"\n"]])
def test_a_feed_without_records_is_a_run_without_records(lines: list[bytes]) -> None:
    sink = MemorySink()
    report = run_pipeline(make_config(FakeReader(lines), sink=sink))
    assert (report.records, report.successes, report.failures) == (0, 0, 0)
    assert sink.calls == ["begin", "finish"]


def test_no_feeds_are_a_run_without_records() -> None:
    assert run_pipeline(make_config()).records == 0


def test_the_run_in_effect_is_the_one_the_store_names() -> None:
    class Resuming(MemorySink):
        def begin(self, run: RunInfo) -> RunInfo:
            return RunInfo("run-0", run.source)

    assert run_pipeline(make_config(FakeReader(make_lines(3)), sink=Resuming())).run_id == "run-0"


def test_feeds_are_taken_when_they_are_read() -> None:
    first, second = FakeReader(make_lines(20)), FakeReader(make_lines(20))
    closed_before: list[int] = []

    def feeds() -> Iterator[PlannedFeed]:
        yield PlannedFeed(first, PLAN)
        closed_before.append(first.closed)
        yield PlannedFeed(second, PLAN)

    report = run_pipeline(PipelineConfig(feeds=feeds(), run=RunInfo("r", "s"), workers=1, progress=Watcher()))
    assert report.records == 40
    assert closed_before == [1]
    assert second.closed == 1


def test_workers_tell_each_multiple_once_and_their_total() -> None:
    progress = Watcher()
    run_pipeline(make_config(FakeReader(make_lines(300)), workers=1, log_every=25, progress=progress))
    # Ten records a chunk: 30 is past 25, 50 is 50, 80 is past 75, …
    assert progress.passed == [(1, multiple) for multiple in range(25, 301, 25)]
    assert progress.finished == [(1, 300)]


def test_a_worker_passing_several_multiples_at_once_tells_the_last() -> None:
    progress = Watcher()
    run_pipeline(make_config(FakeReader(make_lines(30)), workers=1, log_every=4, progress=progress))
    assert progress.passed == [(1, 8), (1, 20), (1, 28)]


def test_without_a_progress_workers_tell_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "feedmill.pipeline")
    run_pipeline(make_config(FakeReader(make_lines(30)), workers=1, log_every=20, progress=None))
    assert caplog.messages == [
        "Worker 1: processed 20 records",
        "Worker 1 finished: processed 30 records in total",
    ]


def test_an_endless_feed_is_held_back_by_a_slow_store() -> None:
    """What is read and not applied stays within the channels, however long the feed."""
    read: list[int] = []
    ahead: list[int] = []

    def watch(part: RangePart) -> None:
        ahead.append(len(read) * 10 - applied())

    sink = MemorySink(lanes=1, before_apply=watch)

    def applied() -> int:
        return sum(piece.batch.rows for part in sink.parts[0] for piece in part.slices)

    reader = FakeReader(make_lines(6_000))
    reader.before_chunk = read.append
    run_pipeline(make_config(reader, sink=sink, job_buffer=2, result_buffer=2))
    in_channels = 2 + 2  # parsed, and jobs (which are in `parsed` too, but for one)
    in_ranges = 1 + 1 + 2 + 4  # forming, applied now, in the inbox, not settled; 4 chunks each
    assert max(ahead) <= (in_channels + 2) * 10 + in_ranges * 40


def test_a_report_that_does_not_add_up_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(report: Report) -> None:
        raise RunError("does not add up")

    monkeypatch.setattr(Report, "check", fail)
    with pytest.raises(RunError, match="does not add up"):
        run_pipeline(make_config(FakeReader(make_lines(10))))


def test_a_seed_of_odd_chunk_sizes_changes_no_result() -> None:
    lines = make_lines(400, bad_every=9, keys=70)
    results = []
    for size in (1, 3, 17, 400):
        sink, rejects = MemorySink(), MemoryRejects()
        report = run_pipeline(make_config(FakeReader(lines, size), sink=sink, rejects=rejects))
        results.append((sink.table, rejects.rejects, report.records, report.failures))
    assert all(one == other for one, other in itertools.pairwise(results))
