"""Feeds made of Python values, cut into ranges, and a sink run over them as the pipeline would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Schema
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo, Sink, Slice

type Value = str | int | float | bool | Decimal | date | time | datetime | None
type Row = tuple[Value, ...]
# Of a feed: ranges, their chunks, their records. None is a record that the kernel rejects.
type Ranges = Sequence[Sequence[Sequence[Row | None]]]

# Bytes that a chunk is said to take up: in these tests only the order of ranges matters.
CHUNK_BYTES = 1_000
JOIN_TIMEOUT_S = 60


class CrashError(Exception):
    """What a test raises to end a run where it likes."""


@cache
def plan_of(schema: Schema) -> Plan:
    """Compile a schema so that an empty text and a missing value differ."""
    dialect = Dialect(header=False, null=r"\N")
    return Plan(replace(schema, missing_values=()), dialect, lane_key=schema.primary_key)


def batch_of(schema: Schema, rows: Sequence[Row | None]) -> Batch:
    """Have the kernel read rows; None becomes a record with more cells than columns."""
    spoilt = ",".join("x" * (len(schema.fields) + 1))
    lines = [spoilt if row is None else ",".join(map(cell, row)) for row in rows]
    batch = plan_of(schema).parse("".join(line + "\n" for line in lines).encode())
    assert batch.rows == sum(row is not None for row in rows), batch.rejects()
    return batch


def cell(value: Value) -> str:
    """Write a value as a feed would."""
    if value is None:
        return r"\N"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | time):
        return value.isoformat()
    return '"' + str(value).replace('"', '""') + '"'


def parts_of(schema: Schema, ranges: Ranges, lane: int, lanes: int) -> list[RangePart]:
    """Make a lane's parts."""
    parts: list[RangePart] = []
    record = chunk = 0
    for chunks in ranges:
        lo, slices = chunk * CHUNK_BYTES, []
        for rows in chunks:
            slices.append(Slice(batch_of(schema, rows), record, record + 1, chunk * CHUNK_BYTES))
            record += len(rows)
            chunk += 1
        parts.append(RangePart(lane, lanes, lo, chunk * CHUNK_BYTES, tuple(slices)))
    return parts


@dataclass
class Result:
    """What a run came to."""

    run: RunInfo
    outcomes: list[LaneOutcome] = field(default_factory=list)

    def counts(self) -> tuple[int, int, int, int]:
        return (
            sum(outcome.inserted for outcome in self.outcomes),
            sum(outcome.updated for outcome in self.outcomes),
            sum(outcome.unchanged for outcome in self.outcomes),
            sum(outcome.duplicate for outcome in self.outcomes),
        )

    def rejects(self) -> list[LaneReject]:
        found = [reject for outcome in self.outcomes for reject in outcome.rejects]
        return sorted(found, key=lambda reject: reject.record)

    def replayed(self) -> int:
        return sum(outcome.replayed for outcome in self.outcomes)


def run_info(run_id: str = "run-1", *, source: str = "feed-1", resume: bool = False) -> RunInfo:
    return RunInfo(run_id, source, ("feed.csv",), resume=resume)


def load(
    sink: Sink,
    schema: Schema,
    ranges: Ranges,
    run: RunInfo | None = None,
    before: Callable[[RangePart], None] = lambda part: None,
) -> Result:
    """Run a sink over a feed, each lane in its own thread; `before` sees each part and may end the run."""
    result = Result(sink.begin(run or run_info()))
    lock = threading.Lock()
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            writer = sink.lane(number)
            try:
                for part in parts_of(schema, ranges, number, sink.lanes):
                    before(part)
                    outcome = writer.apply(part)
                    with lock:
                        result.outcomes.append(outcome)
            finally:
                writer.close()
        except BaseException as fault:
            with lock:
                faults.append(fault)

    threads = [
        threading.Thread(target=work, args=(number,), name=f"feedmill-lane-{number}")
        for number in range(sink.lanes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(JOIN_TIMEOUT_S)
        assert not thread.is_alive(), "a lane hangs"
    if faults:
        sink.abort()
        raise faults[0]
    sink.finish()
    return result
