"""The bounds as they are, and memory that stays within them."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from feedmill.kernel import Batch, Plan
from feedmill.pipeline import flow, ranges, run_pipeline
from feedmill.pipeline.flow import PARTS_WAITING, RANGES_UNDER_WAY, Flow
from feedmill.readers.buffers import Chunk
from feedmill.stores.protocol import RangePart
from tests.pipeline.rigs import FakeReader, MemorySink, make_config, make_lines

REAL_MAX_RECORDS = 40_000


@pytest.fixture
def real_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what `conftest.py` does for the other tests."""
    monkeypatch.setattr(ranges, "MAX_RECORDS", REAL_MAX_RECORDS)


@pytest.mark.usefixtures("real_ranges")
@pytest.mark.parametrize(
    ("per_chunk", "records"),
    [(1_000, [40_000, 40_000, 5_000]), (40_000, [40_000, 40_000, 5_000]), (30_000, [30_000, 30_000, 25_000])],
)
def test_a_range_has_at_most_40_000_records(per_chunk: int, records: list[int]) -> None:
    sink = MemorySink(lanes=1)
    run_pipeline(make_config(FakeReader(make_lines(85_000), per_chunk), sink=sink))
    assert [part.rows for part in sink.parts[0]] == records


@pytest.mark.usefixtures("real_ranges")
@pytest.mark.parametrize(
    ("chunk_bytes", "chunks"), [(4 << 20, [4, 1]), ((4 << 20) + 1, [3, 2]), (17 << 20, [1, 1])]
)
def test_a_range_has_at_most_16_mb(chunk_bytes: int, chunks: list[int]) -> None:
    """Of the feed: most of these bytes are line ends, which cost the kernel nothing."""
    chunk = b"a,1\n" + b"\n" * (chunk_bytes - 4)
    sink = MemorySink(lanes=1)
    report = run_pipeline(make_config(FakeReader([chunk] * sum(chunks), 1), sink=sink, workers=1))
    assert [len(part.slices) for part in sink.parts[0]] == chunks
    assert [part.hi - part.lo for part in sink.parts[0]] == [count * chunk_bytes for count in chunks]
    assert report.bytes == sum(chunks) * chunk_bytes


class Channels:
    """Get hold of the channels of the runs to come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flows: list[Flow] = []
        begin = Flow.__init__

        def note(flow: Flow, *args: object, **kwargs: object) -> None:
            begin(flow, *args, **kwargs)  # type: ignore[arg-type]
            self.flows.append(flow)

        monkeypatch.setattr(flow.Flow, "__init__", note)

    @property
    def flow(self) -> Flow:
        [flow] = self.flows
        return flow


@pytest.mark.parametrize(("job_buffer", "result_buffer"), [(1, 1), (2, 5), (100, 3)])
def test_channels_never_hold_more_than_they_may(
    job_buffer: int, result_buffer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels = Channels(monkeypatch)
    sink = MemorySink(lanes=3)
    report = run_pipeline(
        make_config(
            FakeReader(make_lines(4_000)), sink=sink, job_buffer=job_buffer, result_buffer=result_buffer
        )
    )
    assert report.records == 4_000
    flow = channels.flow
    assert 1 <= flow.parsed.stats().high_water <= result_buffer
    assert 1 <= flow.ranges.stats().high_water <= RANGES_UNDER_WAY
    for inbox, outbox in zip(flow.inboxes, flow.outboxes, strict=True):
        assert inbox.stats().high_water <= PARTS_WAITING
        # Outcomes wait without bound, but there are no more of them than ranges that are not settled.
        assert outbox.stats().high_water <= RANGES_UNDER_WAY + 1
    everything = [flow.parsed, flow.ranges, *flow.inboxes, *flow.outboxes]
    assert all((channel.stats().depth, channel.stats().nbytes) == (0, 0) for channel in everything)


def test_bytes_bound_what_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many chunks there may be by number: a store that waits holds back the reader."""
    channels = Channels(monkeypatch)
    lines = make_lines(2_000)
    chunk_bytes = max(len(b"".join(lines[n : n + 10])) for n in range(0, 2_000, 10))
    seen: list[tuple[int, int]] = []

    def look(_: RangePart) -> None:
        parsed, waiting = channels.flow.parsed.stats(), channels.flow.ranges.stats()
        seen.append((parsed.nbytes, waiting.depth))

    sink = MemorySink(lanes=1, before_apply=look)
    max_bytes = 2 * 5 * chunk_bytes
    run_pipeline(make_config(FakeReader(lines), sink=sink, max_bytes=max_bytes))
    assert len(seen) == 50
    # At most one item goes beyond, so that one that is heavier than all bounds can pass.
    assert all(nbytes < max_bytes // 2 + chunk_bytes for nbytes, _ in seen)
    # A range's batches weigh more than a tenth of a kilobyte: it is alone in its channel.
    assert all(depth <= 1 for _, depth in seen)


def test_a_range_is_not_formed_before_it_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is applied and one waits, no more than a chunk of the next one is taken."""
    channels = Channels(monkeypatch)
    taken: list[int] = []

    def look(_: RangePart) -> None:
        if len(taken) < 3:
            # One is with the lane, one in the channel, and somebody waits.
            while not (waiting := channels.flow.ranges.stats()).waits or waiting.items < len(taken) + 2:
                threading.Event().wait(0.001)
            parsed = channels.flow.parsed.stats()
            taken.append(parsed.items - parsed.depth)

    run_pipeline(
        make_config(FakeReader(make_lines(1_000)), sink=MemorySink(lanes=1, before_apply=look), max_bytes=2)
    )
    # Ranges are of four chunks.
    assert taken == [9, 13, 17]


def test_a_chunk_heavier_than_all_bounds_passes() -> None:
    report = run_pipeline(make_config(FakeReader(make_lines(1_000), 500), sink=MemorySink(), max_bytes=2))
    assert report.records == 1_000


def test_no_more_chunks_are_parsed_at_once_than_there_are_workers() -> None:
    class Counted(FakeReader):
        inside = most = 0
        lock = threading.Lock()

        def parse(self, chunk: Chunk, plan: Plan) -> Batch:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            try:
                return super().parse(chunk, plan)
            finally:
                with self.lock:
                    self.inside -= 1

    reader = Counted(make_lines(2_000))
    run_pipeline(make_config(reader, workers=3))
    assert 1 <= reader.most <= 3


def test_all_workers_parse_at_once() -> None:
    """Five chunks are under way together: else they would wait for each other for ever."""
    meeting = threading.Barrier(5)

    class Meeting(FakeReader):
        def parse(self, chunk: Chunk, plan: Plan) -> Batch:
            meeting.wait()
            return super().parse(chunk, plan)

    assert run_pipeline(make_config(Meeting(make_lines(100)), workers=5)).records == 100


SCRIPT = """
import sys, threading
from feedmill.errors import StoreError
from feedmill.pipeline import execution, ranges, run_pipeline
from tests.pipeline.rigs import FakeReader, Faults, MemorySink, make_config, make_lines

ranges.MAX_RECORDS = 100
execution.READER_GRACE_S = 0.01
faults = Faults(apply=(1, StoreError("gone")))
waits = threading.Event()
reader = FakeReader(make_lines(900), 100)
reader.before_chunk = lambda seq: seq < 5 or (waits.set(), threading.Event().wait())
sink = MemorySink(faults=faults, before_apply=lambda _: waits.wait())
try:
    run_pipeline(make_config(reader, sink=sink))
except StoreError as error:
    print(error, *sorted({t.name for t in threading.enumerate() if t.name.startswith("feedmill-")}))
"""


def test_a_reader_that_waits_for_ever_does_not_keep_the_process_alive() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout == "gone feedmill-reader-1\n"
    assert done.stderr == "the reader still waits for input; its thread is left behind\n"
