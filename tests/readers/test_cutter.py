"""Cutting: whole records only, the same ones whatever the sizes of reads and chunks, and damage contained."""

import tracemalloc
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.errors import ReadError
from feedmill.readers.buffers import BufferPool, Chunk
from feedmill.readers.cutter import Cutter, LineRules
from feedmill.readers.header import text_plan


@dataclass(slots=True)
class Drip:
    """A source that hands out a few bytes a time, and can break off."""

    data: bytes
    step: int = 1 << 20
    fault: bool = False
    at: int = 0

    def readinto(self, view: memoryview) -> int:
        piece = self.data[self.at : self.at + min(self.step, len(view))]
        if not piece and self.fault:
            raise ReadError("the cable was pulled")
        view[: len(piece)] = piece
        self.at += len(piece)
        return len(piece)

    def is_silent(self, seconds: float) -> bool:
        return False

    def close(self) -> None:
        pass


@dataclass(slots=True)
class Line:
    """A source of one endless-looking line, made up as it is read."""

    size: int
    tail: bytes = b""
    at: int = 0
    block: bytes = field(default=b"x" * (1 << 20), repr=False)

    def readinto(self, view: memoryview) -> int:
        count = min(len(view), len(self.block), self.size - self.at)
        if count:
            view[:count] = self.block[:count]
            self.at += count
            return count
        piece, self.tail = self.tail[: len(view)], self.tail[len(view) :]
        view[: len(piece)] = piece
        return len(piece)

    def is_silent(self, seconds: float) -> bool:
        return False

    def close(self) -> None:
        pass


def cutter(source: Drip | Line, dialect: Dialect, chunk_size: int) -> Cutter:
    rules = LineRules(
        dialect.row_end, dialect.max_record_bytes, dialect.quote is not None, (dialect.comment or "").encode()
    )
    return Cutter(source, text_plan(1, dialect), rules, BufferPool(), chunk_size)


def cut(data: bytes, dialect: Dialect, chunk_size: int = 1 << 20, step: int = 1 << 20) -> list[Chunk]:
    return list(cutter(Drip(data, step), dialect, chunk_size).chunks("f", 0))


def pieces(chunks: list[Chunk]) -> list[tuple[int, bytes, str, int, int]]:
    """List (offset, bytes, damage, skipped, lines before), neighbours without damage joined."""
    joined: list[tuple[int, bytes, str, int, int]] = []
    for chunk in chunks:
        data = bytes(chunk.data[: chunk.size])
        if joined and not (chunk.damage or joined[-1][2] or chunk.lines_before):
            offset, before, *rest = joined.pop()
            joined.append((offset, before + data, *rest))  # type: ignore[arg-type]
        else:
            joined.append((chunk.offset, data, chunk.damage, chunk.skipped, chunk.lines_before))
    return joined


WIDE = Dialect(max_record_bytes=1000)
NARROW = Dialect(max_record_bytes=12)


@pytest.mark.parametrize("chunk_size", [1, 2, 5, 8, 64])
@pytest.mark.parametrize("step", [1, 3, 64])
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a,b\n", [(0, b"a,b\n", "", 0, 0)]),
        (b"a,b", [(0, b"a,b", "", 0, 0)]),
        (b'"a\nb",c\nd', [(0, b'"a\nb",c\nd', "", 0, 0)]),
        (
            b'a\n"b\nc\nd',
            [(0, b"a\n", "", 0, 0), (2, b'"b\n', "unclosed_quote", 0, 0), (5, b"c\nd", "", 0, 0)],
        ),
        (b'"a', [(0, b'"a', "unclosed_quote", 0, 0)]),
        (b'"a\n"b\n"c', [(0, b'"a\n"b\n', "", 0, 0), (6, b'"c', "unclosed_quote", 0, 0)]),
        (b"0123456789ab\n1\n", [(0, b"0123456789ab\n1\n", "", 0, 0)]),
        (b"0123456789ab\r\n1", [(0, b"0123456789ab\r\n1", "", 0, 0)]),
        (b"0123456789abcde\nz\n", [(0, b"0123456789ab", "record_too_long", 4, 0), (16, b"z\n", "", 0, 1)]),
        (b"0123456789abcde", [(0, b"0123456789ab", "record_too_long", 3, 0)]),
        (
            b'a\n"0123456789abcde\nz\n',
            [(0, b"a\n", "", 0, 0), (2, b'"0123456789a', "record_too_long", 5, 0), (19, b"z\n", "", 0, 1)],
        ),
        (
            b'"0123\n5678\nabcdefgh",k\nz\n',
            [(0, b'"0123\n', "unclosed_quote", 0, 0), (6, b'5678\nabcdefgh",k\nz\n', "", 0, 0)],
        ),
    ],
)
def test_damage_is_contained(
    data: bytes, expected: list[tuple[int, bytes, str, int, int]], chunk_size: int, step: int
) -> None:
    assert pieces(cut(data, NARROW, chunk_size, step)) == expected


@given(
    data=st.lists(st.sampled_from([b"a", b"bb", b",", b'"', b"\n", b"\r\n", b"\r", b"#", b"0123456789"])).map(
        b"".join
    ),
    chunk_size=st.integers(1, 40),
    step=st.integers(1, 40),
    dialect=st.sampled_from([WIDE, NARROW, Dialect(quote=None, max_record_bytes=5), Dialect(comment="#")]),
)
@example(data=b'\n\n"a\n', chunk_size=1, step=1, dialect=NARROW)
@example(
    data=b"#0123456789012345\na\n", chunk_size=1, step=1, dialect=Dialect(comment="#", max_record_bytes=5)
)
def test_sizes_of_reads_and_chunks_change_nothing(
    data: bytes, chunk_size: int, step: int, dialect: Dialect
) -> None:
    assert pieces(cut(data, dialect, chunk_size, step)) == pieces(cut(data, dialect))


@given(data=st.binary(max_size=200), chunk_size=st.integers(1, 50))
def test_every_byte_is_in_one_chunk_or_counted_as_skipped(data: bytes, chunk_size: int) -> None:
    at = 0
    for chunk in cut(data, NARROW, chunk_size):
        assert chunk.offset == at
        assert chunk.data[: chunk.size] == data[at : at + chunk.size]
        at = chunk.end
    assert at == len(data)


def test_chunks_do_not_grow_with_the_feed() -> None:
    chunks = cut(b"abcdefg\n" * 1000, WIDE, chunk_size=100)
    assert max(chunk.size for chunk in chunks) <= 100
    assert sum(chunk.size for chunk in chunks) == 8000


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(format="jsonl")])
def test_a_line_of_200_mb_costs_one_chunk_of_memory(dialect: Dialect) -> None:
    size = 200 << 20
    tracemalloc.start()
    try:
        chunks = cutter(Line(size, b"\nok\n"), dialect, 1 << 20).chunks("f", 0)
        damaged = next(chunks)
        good = next(chunks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (damaged.damage, damaged.size, damaged.skipped) == (
        "record_too_long",
        1 << 20,
        size - (1 << 20) + 1,
    )
    assert (good.offset, bytes(good.data[: good.size]), good.lines_before) == (size + 1, b"ok\n", 1)
    assert peak < 8 << 20


def test_an_open_quote_before_200_mb_of_one_line_costs_one_chunk_of_memory() -> None:
    tracemalloc.start()
    try:
        source = Line(200 << 20)
        source.block = b'"' + b"x" * ((1 << 20) - 1)
        damages = [chunk.damage for chunk in cutter(source, Dialect(), 1 << 20).chunks("f", 0)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert damages == ["record_too_long"]
    assert peak < 8 << 20


def test_whole_records_before_a_fault_are_handed_on_and_half_a_one_is_not() -> None:
    source = Drip(b"a\nb\nhal", step=2, fault=True)
    chunks = cutter(source, WIDE, 4).chunks("f", 0)
    first = next(chunks)
    assert first.data[: first.size] == b"a\nb\n"
    with pytest.raises(ReadError, match="cable"):
        next(chunks)


def test_a_silent_stream_hands_on_what_it_has() -> None:
    class Silent(Drip):
        def is_silent(self, seconds: float) -> bool:
            return self.at == 4

    chunks = cutter(Silent(b"a\nb\nc\n", step=4), WIDE, 1000).chunks("f", 0)
    assert [bytes(chunk.data[: chunk.size]) for chunk in chunks] == [b"a\nb\n", b"c\n"]


def test_a_comment_too_long_for_a_record_is_still_none() -> None:
    dialect = Dialect(comment="#", max_record_bytes=5)
    assert pieces(cut(b"#" + b"x" * 99 + b"\na\n", dialect)) == [(101, b"a\n", "", 0, 1)]
