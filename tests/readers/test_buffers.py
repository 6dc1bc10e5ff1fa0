"""Buffers that travel: handed out, given back, not hoarded."""

from feedmill.readers.buffers import PADDING, BufferPool, Chunk


def test_a_released_buffer_is_handed_out_again() -> None:
    pool = BufferPool()
    buffer = pool.take(1000)
    assert len(buffer) == 1000 + PADDING
    pool.release(Chunk(0, "f", 0, buffer, 10))
    assert pool.take(500) is buffer


def test_a_buffer_too_small_is_left_alone() -> None:
    pool = BufferPool()
    small = pool.take(10)
    pool.give(small)
    assert len(pool.take(1000)) >= 1000
    assert pool.take(10) is small


def test_releasing_twice_hands_it_out_once() -> None:
    pool = BufferPool()
    chunk = Chunk(0, "f", 7, pool.take(10), 10, skipped=5)
    pool.release(chunk)
    pool.release(chunk)
    assert pool.take(10) is not pool.take(10)
    assert chunk.end == 22  # its place outlives its bytes


def test_no_more_is_kept_than_allowed() -> None:
    pool = BufferPool(max_idle_bytes=1500)
    first, second = pool.take(1000), pool.take(1000)
    pool.give(first)
    pool.give(second)
    assert pool.take(1000) is first
    assert pool.take(1000) is not second
