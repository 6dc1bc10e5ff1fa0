"""A job that raises: its bad records are rejects, all others are processed, and no record is lost."""

import dataclasses
import random

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.pipeline import PlannedFeed, run_pipeline
from feedmill.pipeline.jobs import parse_chunk
from feedmill.pipeline.parsed import Broken, ParsedChunk
from feedmill.readers.buffers import BufferPool, Chunk
from tests.pipeline.rigs import (
    HEADER_BYTES,
    PLAN,
    SCHEMA,
    FakeReader,
    MemoryRejects,
    MemorySink,
    make_config,
    make_lines,
)


class Allergic(FakeReader):
    """Raise at every chunk that has a certain text in it."""

    allergen = b"poison"
    error: BaseException = ValueError("cannot\nbear it")

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        if self.allergen in bytes(chunk.data[: chunk.size]):
            raise self.error
        return super().parse(chunk, plan)


def parse(data: bytes, plan: Plan = PLAN, **fields: object) -> ParsedChunk:
    chunk = Chunk(0, "feed", 100, bytearray(data), len(data), **fields)
    return parse_chunk(PlannedFeed(Allergic([]), plan), 0, chunk, None)


def broken(chunk: ParsedChunk) -> list[tuple[int, bytes]]:
    return [(piece.start, piece.content.raw) for piece in chunk.pieces if isinstance(piece.content, Broken)]


def skus(chunk: ParsedChunk) -> list[str]:
    batches = [piece.content for piece in chunk.pieces if isinstance(piece.content, Batch)]
    return [row[0] for batch in batches for row in batch.tuples()]


def test_a_job_that_does_not_raise_is_one_piece() -> None:
    chunk = parse(b"a,1\nb,-2\n")
    assert (len(chunk.pieces), chunk.records, chunk.failures, chunk.has_failed) == (1, 2, 1, False)


@pytest.mark.parametrize("seed", range(20))
def test_exactly_the_records_that_raise_are_broken(seed: int) -> None:
    dice = random.Random(seed)
    lines = make_lines(dice.randint(1, 60))
    poisoned = {n for n in range(len(lines)) if dice.random() < 0.1} or {0}
    for n in poisoned:
        lines[n] = b'"poison\n%d",%d\n' % (n, n) if dice.random() < 0.5 else b"poison%d,1\n" % n
    chunk = parse(b"".join(lines))
    assert chunk.has_failed
    assert (chunk.records, chunk.failures) == (len(lines), len(poisoned)), f"seed {seed}"
    starts = [sum(map(len, lines[:n])) for n in sorted(poisoned)]
    assert broken(chunk) == [
        (start, lines[n].rstrip()) for start, n in zip(starts, sorted(poisoned), strict=True)
    ], f"seed {seed}"
    assert skus(chunk) == [f"s{n}" for n in range(len(lines)) if n not in poisoned], f"seed {seed}"


def test_a_record_longer_than_all_others_is_found_at_its_end() -> None:
    chunk = parse(b'"poison' + b"x\n" * 500 + b'",1\na,1\n')
    assert skus(chunk) == ["a"]
    [(start, raw)] = broken(chunk)
    assert start == 0
    assert raw.startswith(b'"poison')


def test_a_last_record_without_its_row_end_counts_too() -> None:
    chunk = parse(b"a,1\npoison,1")
    assert (chunk.records, broken(chunk)) == (2, [(4, b"poison,1")])


def test_a_damaged_chunk_is_one_record() -> None:
    chunk = parse(b'"poison,1\nb,2\n', damage="unclosed_quote")
    assert (chunk.records, chunk.failures, len(chunk.pieces)) == (1, 1, 1)


def test_lines_of_json_are_taken_apart_at_line_ends() -> None:
    plan = Plan(SCHEMA, Dialect(format="jsonl", header=False))
    chunk = parse(b'"\n"poison\n"\n', plan)
    assert broken(chunk) == [(2, b'"poison')]


def test_broken_records_are_rejects_in_their_place(caplog: pytest.LogCaptureFixture) -> None:
    lines = make_lines(95, bad_every=10)
    lines[41] = b"poison,1\n"
    rejects, sink = MemoryRejects(), MemorySink()
    report = run_pipeline(make_config(Allergic(lines), sink=sink, rejects=rejects))
    assert (report.records, report.failures, report.failed_jobs) == (95, 10, 1)
    assert report.rejects_by_code == {"callback": 1, "stock.minimum": 9}
    [reject] = [reject for reject in rejects.rejects if reject.code == "callback"]
    assert reject.position.record == 42
    assert reject.position.line == 43
    assert reject.position.byte == HEADER_BYTES + sum(map(len, lines[:41]))
    assert (reject.column, reject.value) == ("", "poison,1")
    assert "ValueError: cannot bear it" in reject.message
    assert [place for place, _ in rejects.places] == sorted(place for place, _ in rejects.places)
    assert len(sink.table) == 85
    assert len(caplog.records) == 1


def test_a_feed_of_which_every_job_raises_is_all_rejects() -> None:
    class Hopeless(Allergic):
        allergen = b","

    rejects = MemoryRejects()
    report = run_pipeline(make_config(Hopeless(make_lines(100)), rejects=rejects))
    assert (report.records, report.failures, report.failed_jobs) == (100, 100, 10)
    assert [record for record, _ in rejects.places] == list(range(1, 101))


def test_the_buffer_goes_back_once_whatever_happens() -> None:
    class Counting(BufferPool):
        released = 0

        def release(self, chunk: Chunk) -> None:
            self.released += 1
            super().release(chunk)

    buffers = Counting()
    for data in (b"a,1\n", b"poison,1\n"):
        chunk = Chunk(0, "feed", 0, bytearray(data), len(data))
        parse_chunk(PlannedFeed(Allergic([]), PLAN), 0, chunk, buffers)
    assert buffers.released == 2
    with pytest.raises(KeyboardInterrupt):
        parse_chunk(
            PlannedFeed(type("Fatal", (Allergic,), {"error": KeyboardInterrupt()})([]), PLAN),
            0,
            dataclasses.replace(chunk, data=bytearray(b"poison,1\n"), size=9),
            buffers,
        )
    assert buffers.released == 3
