"""Damage stays where it is: docs/containment.md says how far it can reach, and these tests hold it to that.

A clean feed is damaged in a few places; whatever lies outside the bound has to come out as if nothing had
happened, however the feed is cut.
"""

import json
import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.readers import BufferPool, open_feed
from tests.readers.feedfiles import texts

WIDTH = 3
MAX_RECORD_BYTES = 100
ROW_END_BYTES = 2
QUOTED = Dialect(header=False, max_record_bytes=MAX_RECORD_BYTES)
UNQUOTED = Dialect(header=False, quote=None)
JSON = Dialect(format="jsonl")

HARMFUL = st.sampled_from([b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"{", b"\\"])
BYTE = HARMFUL | st.binary(min_size=1, max_size=1)
# Where, whether the byte there stays, and what comes behind it: overwritten, lost and added bytes.
EDIT = st.tuples(st.integers(0, 10_000), st.booleans(), st.just(b"") | BYTE)
DAMAGE = st.lists(EDIT, min_size=1, max_size=4)
PLAIN = st.text("ab cé", max_size=6)
# A quote behind a delimiter or a line break, inside a cell or as its end, is what the bound leaves out.
PIECES = ["a", "é", "x,y", "x\ny", 'x""y', 'x""', '""x', ",x", "\nx"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
WRITTEN = TEXT.map('"{}"'.format)
SAID = TEXT.filter(bool).map('"{}"'.format)


@dataclass(slots=True)
class Outcome:
    """What came of a feed: its good records by the byte they start at, and its counts."""

    good: dict[int, tuple[object, ...]] = field(default_factory=dict)
    records: int = 0
    rejected: set[int] = field(default_factory=set)


def read(path: Path, data: bytes, dialect: Dialect, chunk_size: int) -> Outcome:
    path.write_bytes(data)
    found, buffers = Outcome(), BufferPool()
    with open_feed(str(path), dialect, chunk_size, buffers) as reader:
        plan = Plan(texts(*"abc"), reader.dialect)
        reader.bind(plan.schema)
        for chunk in reader:
            batch = reader.parse(chunk, plan)
            assert batch.records == batch.rows + batch.failures
            for number, *values in batch.tuples(record_base=0):
                _, byte = batch.place(number - 1)
                found.good[chunk.offset + byte] = tuple(values)
            found.rejected |= {found.records + finding[2] for finding in batch.rejects()}
            found.records += batch.records
            buffers.release(chunk)
    assert found.records == len(found.good) + len(found.rejected)
    return found


type Edit = tuple[int, bool, bytes]


@dataclass(frozen=True, slots=True)
class Feed:
    """A clean feed, and the same with some bytes damaged."""

    records: list[bytes]
    clean: bytes
    damaged: bytes
    starts: list[int]
    moved: list[int]  # the same places in the damaged feed
    hit: list[int]  # records with damage, their row ends included; ascending


def spoil(records: list[bytes], damage: list[Edit]) -> Feed:
    clean = b"".join(records)
    damaged = [clean[at : at + 1] for at in range(len(clean))]
    starts = [sum(map(len, records[:index])) for index in range(len(records))]
    for place, stays, byte in damage:
        at = place % len(clean)
        damaged[at] = clean[at : at + stays] + byte
    hit = {bisect_right(starts, at) - 1 for at in range(len(clean)) if clean[at : at + 1] != damaged[at]}
    moved = [sum(map(len, damaged[:start])) for start in starts]
    return Feed(records, clean, b"".join(damaged), starts, moved, sorted(hit))


def lost(path: Path, feed: Feed, dialect: Dialect, chunk_size: int) -> list[int]:
    """List the clean feed's records that do not come out of the damaged one as they were."""
    before = read(path, feed.clean, dialect, 1 << 20)
    assert sorted(before.good) == feed.starts
    after = read(path, feed.damaged, dialect, chunk_size)
    return [
        index
        for index, (start, moved) in enumerate(zip(feed.starts, feed.moved, strict=True))
        if after.good.get(moved) != before.good[start]
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containment")


def path_in(folder: Path) -> Path:
    return folder / f"feed-{threading.get_ident()}"


def csv_records(cell: st.SearchStrategy[str], last: st.SearchStrategy[str]) -> st.SearchStrategy[list[bytes]]:
    """Write records of two cells and a last one; the first is never empty, so that no record is."""
    row = st.tuples(st.sampled_from(["1", "22"]), cell, last).map(",".join)
    line = st.tuples(row, st.sampled_from(["\n", "\r\n"])).map("".join).map(str.encode)
    return st.lists(line.filter(lambda each: len(each) <= MAX_RECORD_BYTES), min_size=1, max_size=12)


@given(records=csv_records(PLAIN, PLAIN), damage=DAMAGE, chunk_size=st.integers(1, 300))
def test_without_quotes_a_byte_costs_two_records(
    folder: Path, records: list[bytes], damage: list[Edit], chunk_size: int
) -> None:
    feed = spoil(records, damage)
    cost = lost(path_in(folder), feed, UNQUOTED, chunk_size)
    assert set(cost) <= {index + step for index in feed.hit for step in (0, 1)}


@given(
    texts_of=st.lists(st.text('ab"\n,é\\', max_size=6), min_size=1, max_size=12),
    damage=DAMAGE,
    chunk_size=st.integers(1, 300),
)
def test_in_json_lines_a_byte_costs_two_records(
    folder: Path, texts_of: list[str], damage: list[Edit], chunk_size: int
) -> None:
    feed = spoil([json.dumps({"a": text, "b": text}).encode() + b"\n" for text in texts_of], damage)
    cost = lost(path_in(folder), feed, JSON, chunk_size)
    assert set(cost) <= {index + step for index in feed.hit for step in (0, 1)}


@given(records=csv_records(PLAIN | WRITTEN, SAID), damage=DAMAGE, chunk_size=st.integers(1, 300))
def test_where_every_record_has_quoted_text_a_byte_costs_two_records(
    folder: Path, records: list[bytes], damage: list[Edit], chunk_size: int
) -> None:
    feed = spoil(records, damage)
    cost = lost(path_in(folder), feed, QUOTED, chunk_size)
    assert set(cost) <= {index + step for index in feed.hit for step in (0, 1)}


@given(records=csv_records(PLAIN, PLAIN), edit=EDIT)
def test_where_no_record_has_quotes_one_byte_costs_two_records(
    folder: Path, records: list[bytes], edit: Edit
) -> None:
    feed = spoil(records, [edit])
    cost = lost(path_in(folder), feed, QUOTED, 64)
    assert set(cost) <= {index + step for index in feed.hit for step in (0, 1)}


@given(records=csv_records(PLAIN | WRITTEN, PLAIN | WRITTEN), damage=DAMAGE, chunk_size=st.integers(1, 300))
def test_a_wrong_quote_reaches_no_further_than_the_longest_record(
    folder: Path, records: list[bytes], damage: list[Edit], chunk_size: int
) -> None:
    feed = spoil(records, damage)
    cost = lost(path_in(folder), feed, QUOTED, chunk_size)
    for index in cost:
        nearest = feed.hit[bisect_right(feed.hit, index) - 1]
        behind = feed.starts[index] - feed.starts[nearest] - len(records[nearest])
        assert nearest <= index
        assert behind <= MAX_RECORD_BYTES + ROW_END_BYTES


@given(
    records=csv_records(PLAIN | WRITTEN, PLAIN | WRITTEN),
    place=st.integers(0, 10_000),
    chunk_size=st.integers(1, 300),
)
def test_a_feed_that_breaks_off_loses_no_whole_record(
    folder: Path, records: list[bytes], place: int, chunk_size: int
) -> None:
    feed = spoil(records, [])
    size = place % len(feed.clean)
    before = read(path_in(folder), feed.clean, QUOTED, 1 << 20)
    after = read(path_in(folder), feed.clean[:size], QUOTED, chunk_size)
    whole = [start for start, text in zip(feed.starts, records, strict=True) if start + len(text) <= size]
    assert [after.good.get(start) for start in whole] == [before.good[start] for start in whole]


def test_what_the_bound_leaves_out_is_still_counted(tmp_path: Path) -> None:
    """Where every cell ends with a line break, a lost quote makes each end look like a beginning."""
    records = [b'%d,x,"a\n"\n' % number for number in range(10, 40)]
    feed = spoil(records, [(5, False, b"x")])
    assert lost(tmp_path / "feed", feed, QUOTED, 64) == list(range(30))
    after = read(tmp_path / "feed", feed.damaged, QUOTED, 64)
    assert (after.records, after.good) == (31, {0: ("10", "x", "xa")})
