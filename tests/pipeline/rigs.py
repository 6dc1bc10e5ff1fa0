"""Stand-ins around a real pipeline and kernel: feeds and a store in memory, and faults on call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import batched, count

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.pipeline import PipelineConfig, PlannedFeed
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.records import Reject
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo

SCHEMA = Schema(
    (Field("sku"), Field("stock", "integer", constraints=Constraints(minimum="0"))),
    primary_key=("sku",),
    name="items",
)
PLAN = Plan(SCHEMA, Dialect(header=False), None, ("sku",))
HEADER_BYTES = 10


class Faults:
    """Raise at named places: at the n-th visit (from 1) of each."""

    def __init__(self, **plan: tuple[int, BaseException]) -> None:
        self.plan = plan
        self._visits: dict[str, int] = {}
        self._lock = threading.Lock()

    def visit(self, place: str) -> None:
        with self._lock:
            self._visits[place] = visits = self._visits.get(place, 0) + 1
        if place in self.plan and self.plan[place][0] == visits:
            raise self.plan[place][1]

    def visits(self, place: str) -> int:
        with self._lock:
            return self._visits.get(place, 0)


NO_FAULTS = Faults()


class FakeReader:
    """Chunks of so many lines each; with hooks before each chunk is handed out and parsed."""

    def __init__(self, lines: Iterable[bytes], lines_per_chunk: int = 10, faults: Faults = NO_FAULTS) -> None:
        self.lines = lines
        self.lines_per_chunk = lines_per_chunk
        self.faults = faults
        self.before_chunk: Callable[[int], object] = lambda _: None
        self.parses = Batch
        self.closed = 0
        self.buffers: BufferPool | None = None

    def __iter__(self) -> Iterator[Chunk]:
        offset = HEADER_BYTES
        for seq, lines in enumerate(batched(self.lines, self.lines_per_chunk, strict=False)):
            self.before_chunk(seq)
            self.faults.visit("read")
            data = bytearray(b"".join(lines))
            yield Chunk(seq, "feed", offset, data, len(data), is_first=seq == 0, lines_before=seq == 0)
            offset += len(data)
        self.faults.visit("read")

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        self.faults.visit("parse")
        return plan.parse(chunk.data, chunk.size, damage=chunk.damage)

    def close(self) -> None:
        self.closed += 1
        self.faults.visit("reader_close")


class EndlessReader(FakeReader):
    """A feed without an end: a run over it ends only if something ends it."""

    def __init__(self, bad_every: int = 0, lines_per_chunk: int = 10, faults: Faults = NO_FAULTS) -> None:
        super().__init__([], lines_per_chunk, faults)
        self.bad_every = bad_every

    def __iter__(self) -> Iterator[Chunk]:
        self.lines = (make_line(number, self.bad_every, keys=1_000) for number in count())
        return super().__iter__()


@dataclass
class MemorySink:
    """A store in memory: the last record of a key wins; SKUs in `refused` are refused."""

    lanes: int = 2
    faults: Faults = NO_FAULTS
    refused: frozenset[str] = frozenset()
    before_apply: Callable[[RangePart], object] = lambda _: None
    tables: dict[int, dict[str, int]] = field(default_factory=dict)
    parts: dict[int, list[RangePart]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, run: RunInfo) -> RunInfo:
        self.calls.append("begin")
        self.faults.visit("begin")
        return run

    def lane(self, number: int) -> MemoryLane:
        self.faults.visit("lane")
        return MemoryLane(self, number)

    def finish(self) -> None:
        self.calls.append("finish")
        self.faults.visit("finish")

    def abort(self) -> None:
        self.calls.append("abort")
        self.faults.visit("abort")

    @property
    def table(self) -> dict[str, int]:
        return {sku: stock for table in self.tables.values() for sku, stock in table.items()}

    @property
    def ranges(self) -> list[tuple[int, int, int]]:
        return sorted({(part.feed, part.lo, part.hi) for parts in self.parts.values() for part in parts})


class MemoryLane:
    """One lane; it may be used in its own thread only."""

    def __init__(self, sink: MemorySink, number: int) -> None:
        self.sink = sink
        self.number = number
        self.thread = threading.current_thread()
        self.table: dict[str, int] = {}
        self.parts: list[RangePart] = []
        with sink.lock:
            sink.tables[number] = self.table
            sink.parts[number] = self.parts

    def apply(self, part: RangePart) -> LaneOutcome:
        assert threading.current_thread() is self.thread
        assert part.lane == self.number
        self.sink.before_apply(part)
        self.sink.faults.visit("apply")
        rows = [
            row
            for piece in part.slices
            for row in piece.batch.tuples(part.lane, part.lanes, record_base=piece.record_base)
        ]
        assert len(rows) == part.rows
        last = {sku: record for record, sku, _ in rows}
        counts = dict.fromkeys(("inserted", "updated", "unchanged", "duplicate"), 0)
        rejects = []
        for record, sku, stock in rows:
            if sku in self.sink.refused:
                rejects.append(LaneReject(record, "sku", "database", "refused", ""))
            elif last[sku] != record:
                counts["duplicate"] += 1
            elif sku not in self.table:
                counts["inserted"] += 1
                self.table[sku] = stock
            elif self.table[sku] == stock:
                counts["unchanged"] += 1
            else:
                counts["updated"] += 1
                self.table[sku] = stock
        self.parts.append(part)
        return LaneOutcome(**counts, rejects=tuple(rejects))

    def close(self) -> None:
        assert threading.current_thread() is self.thread
        self.sink.faults.visit("lane_close")


class MemoryRejects:
    """A reject file in memory."""

    def __init__(self, faults: Faults = NO_FAULTS) -> None:
        self.faults = faults
        self.rejects: list[Reject] = []
        self.end = ""

    def write(self, rejects: Iterable[Reject], feed: int) -> None:
        for reject in rejects:
            self.faults.visit("reject")
            self.rejects.append(reject)

    def finish(self) -> None:
        self.faults.visit("rejects_finish")
        self.end += "finished"

    def abort(self) -> None:
        self.end += "aborted"

    @property
    def places(self) -> list[tuple[int, str]]:
        return [(reject.position.record, reject.code) for reject in self.rejects]


class Watcher:
    """A progress that notes what it is told."""

    def __init__(self, faults: Faults = NO_FAULTS) -> None:
        self.faults = faults
        self.lock = threading.Lock()
        self.passed: list[tuple[int, int]] = []
        self.finished: list[tuple[int, int]] = []
        self.nbytes = 0
        self.records = 0

    def worker_progress(self, worker: int, records: int) -> None:
        with self.lock:
            self.passed.append((worker, records))
        self.faults.visit("worker_progress")

    def worker_finished(self, worker: int, records: int) -> None:
        with self.lock:
            self.finished.append((worker, records))
        self.faults.visit("worker_finished")

    def advanced(self, nbytes: int, records: int) -> None:
        self.nbytes += nbytes
        self.records += records
        self.faults.visit("advanced")


def make_lines(number: int, bad_every: int = 0, keys: int = 1_000_000) -> list[bytes]:
    """Write records; SKUs come again after `keys` of them, every so many-th is bad."""
    return [make_line(n, bad_every, keys) for n in range(number)]


def make_line(number: int, bad_every: int = 0, keys: int = 1_000_000) -> bytes:
    is_bad = bad_every and number % bad_every == bad_every - 1
    return b"s%d,%d\n" % (number % keys, -1 if is_bad else number)


def make_config(*readers: FakeReader, **settings: object) -> PipelineConfig:
    """Put a pipeline together that can be resumed, with two workers."""
    run = RunInfo("run-1", source="fingerprint", feeds=tuple(f"feed-{n}" for n in range(len(readers))))
    defaults: dict[str, object] = {
        "run": run,
        "workers": 2,
        "schema": "items",
        "progress": Watcher(),
        "stall_s": None,
    }
    feeds = [PlannedFeed(reader, PLAN) for reader in readers]
    return PipelineConfig(feeds=feeds, **(defaults | settings))


STREAM = RunInfo("run-1", source="", feeds=("-",))
"""A run that cannot be resumed."""


def threads_alive() -> list[str]:
    """Name the threads of pipelines that have not ended."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("feedmill-")]
