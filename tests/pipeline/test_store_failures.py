"""What a store says about failures, and what it is told about them."""

from __future__ import annotations

import random
from itertools import chain

import pytest

from feedmill.errors import RunError
from feedmill.kernel import Batch, Plan
from feedmill.pipeline import report_of, run_pipeline
from feedmill.readers.buffers import Chunk
from feedmill.records import Base, Position, rejects_of
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart
from tests.pipeline.rigs import (
    PLAN,
    FakeReader,
    MemoryLane,
    MemoryRejects,
    MemorySink,
    make_config,
    make_lines,
)


class TakesFailures(MemorySink):
    """A store that keeps a record of failures, as the product tables do."""

    takes_failures = True

    def failures(self) -> list[tuple[int, int, str]]:
        """List what lane 0 was told: feed, record, code."""
        names = PLAN.schema.names
        return [
            (part.feed, reject.position.record, reject.code)
            for part in self.parts[0]
            for reject in chain(
                *(
                    rejects_of(each.batch, names, Base(each.record_base, each.line_base, each.byte_base))
                    for each in part.slices
                ),
                part.broken,
            )
        ]


class Allergic(FakeReader):
    """A reader whose parsing raises at every chunk with poison in it."""

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        if b"poison" in chunk.data:
            raise LookupError("poison")
        return super().parse(chunk, plan)


@pytest.mark.parametrize("lanes", [1, 2, 4])
@pytest.mark.parametrize("workers", [1, 2, 7])
def test_lane_0_is_told_every_failure(workers: int, lanes: int) -> None:
    lines = make_lines(200, bad_every=9)
    lines[3] = lines[4] = lines[77] = b"poison,1\n"
    sink, rejects = TakesFailures(lanes), MemoryRejects()
    report = run_pipeline(
        make_config(Allergic(lines), Allergic(lines[:50], 7), sink=sink, rejects=rejects, workers=workers)
    )
    assert report.failures == len(sink.failures()) == len(rejects.rejects)
    assert sorted(sink.failures()) == sorted(
        (feed, record, "callback" if record in {4, 5, 78} else "minimum")
        for feed, count in ((0, 200), (1, 50))
        for record in (4, 5, 78, *range(9, 201, 9))
        if record <= count
    )
    for lane in range(1, lanes):
        assert all(part.rows and not part.broken for part in sink.parts[lane])


def test_a_range_of_failures_alone_is_lane_0s_and_is_counted() -> None:
    sink = TakesFailures(lanes=3)
    report = run_pipeline(make_config(Allergic([b"poison,1\n"] * 3 + [b"a,-1\n"] * 20), sink=sink))
    assert (report.records, report.failures, report.outcomes.total) == (23, 23, 0)
    assert sum(map(len, sink.parts.values())) == len(sink.parts[0]) == 1


def test_without_being_asked_no_lane_is_told() -> None:
    sink = MemorySink(lanes=3)
    run_pipeline(make_config(Allergic([b"poison,1\n"] * 3 + [b"a,-1\n"] * 20), sink=sink))
    assert sum(map(len, sink.parts.values())) == 0


class Refusing(MemorySink):
    """A store that refuses records by their numbers, some of them twice."""

    def __init__(self, lanes: int, refused: dict[int, tuple[str, ...]]) -> None:
        super().__init__(lanes)
        self.by_record = refused

    def lane(self, number: int) -> RefusingLane:
        return RefusingLane(self, number)


class RefusingLane(MemoryLane):
    sink: Refusing

    def apply(self, part: RangePart) -> LaneOutcome:
        outcome = super().apply(part)
        own = [
            record
            for piece in part.slices
            for record, *_ in piece.batch.tuples(part.lane, part.lanes, record_base=piece.record_base)
            if record in self.sink.by_record
        ]
        rejects = tuple(
            LaneReject(record, column, "database", "refused", "")
            for record in own
            for column in self.sink.by_record[record]
        )
        return LaneOutcome(inserted=outcome.inserted - len(own), rejects=rejects)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("lanes", [1, 2, 3, 4])
def test_refusals_of_all_lanes_are_put_in_record_order_with_their_places(lanes: int, seed: int) -> None:
    dice = random.Random(seed)
    lines = [b"\n" * dice.choice([0, 0, 0, 1]) + line for line in make_lines(150, bad_every=11)]
    refused = {
        record: dice.choice([("sku",), ("",), ("sku", "stock")])
        for record in dice.sample([n for n in range(1, 151) if n % 11], 30)
    }
    rejects = MemoryRejects()
    report = run_pipeline(
        make_config(FakeReader(lines, dice.randint(1, 20)), sink=Refusing(lanes, refused), rejects=rejects)
    )
    feed = b"".join(lines)
    expected = []
    at = 0
    for record, line in enumerate(lines, 1):
        at += len(line)
        start = at - len(line.lstrip(b"\n"))
        columns = refused.get(record, ("stock",) if record % 11 == 0 else ())
        for column in columns:
            is_found = record not in refused
            # A cell's place if the kernel found it, the record's if the store did.
            byte = start + (line.lstrip(b"\n").index(b",") + 1 if is_found else 0)
            line_number = 2 + feed[:start].count(b"\n")
            expected.append((Position(record, line_number, 10 + byte), column))
    assert [(reject.position, reject.column) for reject in rejects.rejects] == expected, f"seed {seed}"
    assert report.failures == 30 + 150 // 11
    assert report.outcomes.total == report.successes == 150 - report.failures


@pytest.mark.parametrize("record", [0, 11, 151, 10_000])
def test_a_store_that_refuses_what_it_was_not_given_ends_the_run(record: int) -> None:
    """Record 11 is a failure already; the others are none."""

    class Lying(MemorySink):
        def lane(self, number: int) -> MemoryLane:
            class Lane(MemoryLane):
                def apply(self, part: RangePart) -> LaneOutcome:
                    one_less = super().apply(part).inserted - 1
                    return LaneOutcome(one_less, rejects=(LaneReject(record, "", "database", "no", ""),))

            return Lane(self, number)

    sink, rejects = Lying(lanes=1), MemoryRejects()
    config = make_config(FakeReader(make_lines(150, bad_every=11), 30), sink=sink, rejects=rejects)
    with pytest.raises(RunError, match=r"record -?\d+") as caught:
        run_pipeline(config)
    report = report_of(caught.value)
    assert report is not None
    assert (report.records, report.stopped) == (0, "fault")
    assert sink.calls == ["begin", "abort"]
