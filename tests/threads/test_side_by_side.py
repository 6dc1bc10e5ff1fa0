"""Whole runs at the same time, which share a plan and their buffers: none notices the others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from feedmill.errors import StoreError
from feedmill.pipeline import PipelineConfig, PlannedFeed, report_of, run_pipeline
from feedmill.pipeline import ranges as pipeline_ranges
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.report import Report
from feedmill.stores.protocol import RunInfo
from tests.pipeline.rigs import HEADER_BYTES, PLAN, FakeReader, Faults, MemoryRejects, MemorySink, Watcher
from tests.threads.together import together

RUNS = 6
RECORDS = 600


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_ranges, "MAX_RECORDS", 40)


class Recycling(FakeReader):
    """A reader that takes its buffers from a pool, as the real ones do."""

    def __init__(self, lines: list[bytes], buffers: BufferPool) -> None:
        super().__init__(lines)
        self.pool = buffers

    def __iter__(self) -> Iterator[Chunk]:
        for chunk in super().__iter__():
            buffer = self.pool.take(chunk.size)
            buffer[: chunk.size] = chunk.data
            chunk.data = buffer
            yield chunk


def feed_of(number: int) -> list[bytes]:
    """Make records that name their run; every so many-th is bad, in each run another."""
    return [b"run%d-%d,%d\n" % (number, n, -1 if n % (number + 3) == 0 else n) for n in range(RECORDS)]


def run(number: int, buffers: BufferPool, faults: Faults) -> tuple[Report, MemorySink, MemoryRejects]:
    sink, rejects = MemorySink(1 + number % 3, faults), MemoryRejects()
    config = PipelineConfig(
        feeds=[PlannedFeed(Recycling(feed_of(number), buffers), PLAN)],
        run=RunInfo(f"run-{number}", source="feed"),
        sink=sink,
        rejects=rejects,
        workers=2,
        job_buffer=2,
        result_buffer=4,
        buffers=buffers,
        progress=Watcher(),
    )
    try:
        return run_pipeline(config), sink, rejects
    except StoreError as error:
        report = report_of(error)
        assert report is not None
        return report, sink, rejects


def check(number: int, report: Report, sink: MemorySink, rejects: MemoryRejects) -> None:
    """Hold a run that went through to its end against its feed."""
    expected = {
        sku: int(stock)
        for sku, stock in (line.decode().rstrip().split(",") for line in feed_of(number))
        if int(stock) >= 0
    }
    assert report.run_id == f"run-{number}"
    assert report.stopped is None
    assert sink.table == expected
    assert (report.records, report.successes) == (RECORDS, len(expected))
    assert rejects.places == [(n + 1, "minimum") for n in range(0, RECORDS, number + 3)]
    assert rejects.rejects[0].position.byte == HEADER_BYTES + len(f"run{number}-0,")
    assert sum(worker.records for worker in report.per_worker) == RECORDS


def test_each_run_is_as_if_alone() -> None:
    buffers = BufferPool()
    for number, result in enumerate(together(RUNS, lambda each: run(each, buffers, Faults()))):
        check(number, *result)


def test_a_run_that_fails_fails_alone() -> None:
    buffers = BufferPool()
    faults = [Faults(apply=(4, StoreError("gone"))) if number % 2 else Faults() for number in range(RUNS)]
    for number, result in enumerate(together(RUNS, lambda each: run(each, buffers, faults[each]))):
        if number % 2:
            report, sink, _ = result
            assert report.stopped == "fault"
            assert sink.calls == ["begin", "abort"]
            report.check()
        else:
            check(number, *result)
