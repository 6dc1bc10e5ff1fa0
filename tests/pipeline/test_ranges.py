"""Ranges: whole chunks of one feed, ended by the chunks alone."""

import random

import pytest

from feedmill.pipeline import ranges
from feedmill.pipeline.jobs import parse_chunk
from feedmill.pipeline.parsed import Broken, ParsedChunk, Piece
from feedmill.pipeline.ranges import Range, RangeBuilder
from feedmill.readers.buffers import Chunk
from feedmill.records import Base
from tests.pipeline.conftest import RANGE_RECORDS
from tests.pipeline.rigs import PLAN, FakeReader, PlannedFeed, make_lines


def parsed(lines: list[bytes], feed: int = 0, offset: int = 0, lines_before: int = 0) -> ParsedChunk:
    data = bytearray(b"".join(lines))
    chunk = Chunk(0, "feed", offset, data, len(data), lines_before=lines_before)
    return parse_chunk(PlannedFeed(FakeReader([]), PLAN), feed, chunk, None)


def build(chunks: list[ParsedChunk]) -> list[Range]:
    builder = RangeBuilder()
    made = [builder.add(chunk) for chunk in chunks]
    return [one for one in [*made, builder.flush()] if one is not None]


def test_a_range_takes_chunks_as_long_as_they_fit() -> None:
    made = build([parsed(make_lines(15), offset=n * 100) for n in range(5)])
    assert [(one.records, one.chunks) for one in made] == [(30, 2), (30, 2), (15, 1)]
    assert [one.lo for one in made] == [0, 200, 400]
    assert made[0].hi == 100 + len(b"".join(make_lines(15)))


def test_a_range_may_be_exactly_full() -> None:
    made = build([parsed(make_lines(20), offset=n * 1_000) for n in range(4)])
    assert [one.records for one in made] == [RANGE_RECORDS, RANGE_RECORDS]


def test_a_chunk_beyond_the_bound_is_a_range_of_its_own() -> None:
    sizes = [10, 100, 10]
    made = build([parsed(make_lines(size), offset=n * 1_000) for n, size in enumerate(sizes)])
    assert [one.records for one in made] == [10, 100, 10]


def test_bytes_bound_a_range_too(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(b"".join(make_lines(10)))
    monkeypatch.setattr(ranges, "MAX_BYTES", 3 * size + 1)
    made = build([parsed(make_lines(10), offset=n * size) for n in range(8)])
    assert [one.chunks for one in made] == [3, 3, 2]


def test_a_range_never_spans_feeds() -> None:
    made = build([parsed(make_lines(5), feed=feed) for feed in (0, 0, 1, 2, 2)])
    assert [(one.feed, one.chunks) for one in made] == [(0, 2), (1, 1), (2, 2)]


def test_records_and_lines_are_counted_from_the_feeds_start() -> None:
    chunks = [
        parsed([b"a,1\n", b"\n", b'"b\nb",2\n'], offset=50, lines_before=3),
        parsed([b"c,3\n"], offset=70, lines_before=2),
        parsed([b"d,4\n"], feed=1, offset=8, lines_before=1),
    ]
    bases = [placed.base for one in build(chunks) for placed in one.placed]
    assert bases == [Base(0, 3, 50), Base(2, 9, 70), Base(0, 1, 8)]


def test_a_broken_record_has_its_place_between_batches() -> None:
    good = parsed(make_lines(2)).pieces[0].content
    pieces = (Piece(0, good), Piece(20, Broken(1, b"x", "ValueError")), Piece(22, good))
    chunk = ParsedChunk(0, 100, 142, 1, 42, pieces, True, records=5, failures=1, nbytes=1)
    [made] = build([chunk])
    assert [placed.base for placed in made.placed] == [Base(0, 1, 100), Base(2, 3, 120), Base(3, 4, 122)]
    assert made.failed_jobs == 1
    assert len(list(made.batches())) == 2


@pytest.mark.parametrize("seed", range(5))
def test_parts_share_out_each_row_once(seed: int) -> None:
    dice = random.Random(seed)
    lanes = dice.randint(1, 6)
    sizes = [dice.randint(0, 12) for _ in range(dice.randint(1, 5))]
    [made] = build([parsed(make_lines(size), offset=n) for n, size in enumerate(sizes)]) or [Range(0, 0, 0)]
    parts = made.parts(lanes)
    assert made.lanes == tuple(part.lane for part in parts)
    assert len(set(made.lanes)) == len(parts)
    assert all(part.rows and (part.lo, part.hi) == (made.lo, made.hi) for part in parts), f"seed {seed}"
    assert sum(part.rows for part in parts) == sum(sizes)


def test_a_range_without_good_rows_has_no_parts() -> None:
    [made] = build([parsed([b"a,-1\n"])])
    assert made.parts(3) == []
    assert (made.records, made.failures) == (1, 1)
