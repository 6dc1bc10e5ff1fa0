"""Channels: everything arrives once and in order, nobody waits for ever, and what is lost is told."""

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from feedmill.channel import Channel, ChannelClosed, ChannelWait


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


class Blocked:
    """A call in a thread of its own, that is known to have begun; and its result, once it is over."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.outcome: object = None
        begun = threading.Event()

        def run() -> None:
            begun.set()
            try:
                self.outcome = call()
            except BaseException as error:
                self.outcome = error

        self.thread = start(run)
        begun.wait()

    def over(self) -> object:
        self.thread.join()
        return self.outcome


def await_waits(channel: Channel[Any], count: int = 1) -> tuple[ChannelWait, ...]:
    """Go on when so many threads wait at the channel: one that has begun may not be there yet."""
    while len(waits := channel.stats().waits) < count:
        time.sleep(0.001)
    return waits


def test_items_come_out_in_order() -> None:
    channel = Channel[int](capacity=3)
    for item in (1, 2, 3):
        channel.put(item)
    assert [channel.get() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("capacity", "max_bytes"), [(0, None), (1, 0)])
def test_bounds_are_at_least_one(capacity: int, max_bytes: int | None) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Channel(capacity, max_bytes)


def test_a_full_channel_makes_putters_wait_until_there_is_room() -> None:
    channel = Channel[str](capacity=1)
    channel.put("first")
    putter = Blocked(lambda: channel.put("second"))
    await_waits(channel)
    assert channel.get() == "first"
    assert channel.get() == "second"
    assert putter.over() is None
    assert channel.stats().high_water == 1


def test_a_channel_full_by_bytes_makes_putters_wait() -> None:
    channel = Channel[str](capacity=100, max_bytes=10)
    channel.put("a", 6)
    channel.put("b", 6)
    putter = Blocked(lambda: channel.put("c", 1))
    await_waits(channel)
    assert len(channel) == 2
    assert channel.get() == "a"
    assert [channel.get(), channel.get()] == ["b", "c"]
    assert putter.over() is None
    assert channel.stats().high_water == 2


def test_room_may_be_waited_for_before_there_is_an_item() -> None:
    channel = Channel[str](capacity=2, max_bytes=10)
    channel.put("a", 9)
    channel.wait_for_room()
    channel.put("b", 9)
    waiter = Blocked(channel.wait_for_room)
    waits = await_waits(channel)
    assert [wait.direction for wait in waits] == ["put"]
    assert channel.get() == "a"
    assert waiter.over() is None
    assert len(channel) == 1
    channel.put("c", 9)
    waiter = Blocked(channel.wait_for_room)
    await_waits(channel)
    channel.close()
    assert isinstance(waiter.over(), ChannelClosed)
    with pytest.raises(ChannelClosed):
        channel.wait_for_room()


def test_who_waits_for_room_takes_none_from_a_putter() -> None:
    channel = Channel[str](capacity=1)
    channel.put("a")
    waiter = Blocked(channel.wait_for_room)
    await_waits(channel)
    putter = Blocked(lambda: channel.put("b"))
    await_waits(channel, 2)
    assert [channel.get(), channel.get(timeout_s=60)] == ["a", "b"]
    assert (waiter.over(), putter.over()) == (None, None)


def test_an_item_heavier_than_the_bound_still_passes() -> None:
    channel = Channel[str](capacity=2, max_bytes=10)
    channel.put("whale", 1_000)
    assert channel.stats().nbytes == 1_000
    assert channel.get() == "whale"
    assert channel.stats().nbytes == 0


def test_force_goes_beyond_every_bound() -> None:
    channel = Channel[int](capacity=1, max_bytes=1)
    for item in range(5):
        channel.put(item, 1, force=True)
    assert len(channel) == 5
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put(5, force=True)
    assert list(channel) == [0, 1, 2, 3, 4]


def test_force_wakes_a_getter() -> None:
    channel = Channel[int](capacity=1)
    getter = Blocked(channel.get)
    await_waits(channel)
    channel.put(1, force=True)
    assert getter.over() == 1


def test_what_is_put_only_if_awaited_is_taken_by_somebody_who_waits() -> None:
    channel = Channel[int](capacity=1)
    assert not channel.put_if_awaited(1)
    getters = [Blocked(channel.get) for _ in range(2)]
    await_waits(channel, 2)
    assert channel.put_if_awaited(2)
    assert channel.put_if_awaited(3)
    assert sorted(getter.over() for getter in getters) == [2, 3]
    assert not channel.put_if_awaited(4)
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.get()


def test_closing_lets_nothing_in_and_everything_out() -> None:
    channel = Channel[int](capacity=5)
    channel.put(1)
    channel.put(2)
    channel.close()
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.put(3)
    assert list(channel) == [1, 2]
    with pytest.raises(ChannelClosed):
        channel.get()


@pytest.mark.parametrize("end", [Channel.close, Channel.cancel])
def test_ending_wakes_all_getters(end: Callable[[Channel[int]], object]) -> None:
    channel = Channel[int](capacity=1)
    getters = [Blocked(channel.get) for _ in range(3)]
    await_waits(channel, 3)
    end(channel)
    assert all(isinstance(getter.over(), ChannelClosed) for getter in getters)


@pytest.mark.parametrize("end", [Channel.close, Channel.cancel])
def test_ending_wakes_all_putters_and_keeps_their_items_out(end: Callable[[Channel[int]], object]) -> None:
    channel = Channel[int](capacity=1)
    channel.put(0)
    putters = [Blocked(lambda: channel.put(1)) for _ in range(3)]
    await_waits(channel, 3)
    dropped = end(channel) or []
    assert all(isinstance(putter.over(), ChannelClosed) for putter in putters)
    assert [*dropped, *channel] == [0]


def test_cancelling_hands_over_what_nobody_will_get() -> None:
    channel = Channel[int](capacity=5, max_bytes=100)
    channel.put(1, 10)
    channel.put(2, 10)
    assert channel.cancel() == [1, 2]
    assert channel.cancel() == []
    assert channel.stats().nbytes == 0
    with pytest.raises(ChannelClosed):
        channel.get()


def test_a_closed_channel_can_still_be_cancelled() -> None:
    channel = Channel[int](capacity=5)
    channel.put(1)
    channel.close()
    assert channel.cancel() == [1]
    assert list(channel) == []


def test_waiting_can_be_limited() -> None:
    channel = Channel[int](capacity=1)
    with pytest.raises(TimeoutError):
        channel.get(timeout_s=0)
    channel.put(1)
    assert channel.get(timeout_s=0) == 1


def test_an_exception_in_the_loop_over_a_channel_loses_one_item_only() -> None:
    channel = Channel[int](capacity=3)
    for item in (1, 2, 3):
        channel.put(item)
    channel.close()

    def choke() -> None:
        for item in channel:
            raise ValueError(item)

    with pytest.raises(ValueError, match="1"):
        choke()
    assert list(channel) == [2, 3]


def test_statistics_say_who_waited() -> None:
    channel = Channel[int](capacity=1)
    getter = Blocked(channel.get)
    await_waits(channel)
    channel.put(1, 8)
    getter.over()
    stats = channel.stats()
    assert (stats.depth, stats.high_water, stats.nbytes, stats.items) == (0, 1, 0, 1)
    assert stats.get_waiting_s > 0
    assert stats.put_waiting_s >= 0


@pytest.mark.parametrize("seed", range(5))
def test_many_putters_and_getters_lose_and_double_nothing(seed: int) -> None:
    dice = random.Random(seed)
    putters, getters, items = dice.randint(1, 4), dice.randint(1, 4), 500
    channel = Channel[tuple[int, int]](dice.randint(1, 8), dice.choice([None, 20]))
    weights = [dice.randint(0, 30) for _ in range(items)]
    taken: list[list[tuple[int, int]]] = [[] for _ in range(getters)]

    def put(putter: int) -> None:
        for item in range(items):
            channel.put((putter, item), weights[item])

    takers = [start(lambda mine=mine: mine.extend(channel)) for mine in taken]
    givers = [start(lambda putter=putter: put(putter)) for putter in range(putters)]
    for giver in givers:
        giver.join()
    channel.close()
    for taker in takers:
        taker.join()
    everything = sorted(item for mine in taken for item in mine)
    assert everything == list(itertools.product(range(putters), range(items))), f"seed {seed}"
    for mine in taken:
        for putter in range(putters):
            own = [item for giver, item in mine if giver == putter]
            assert own == sorted(own), f"seed {seed}: one putter's items overtook each other"


@pytest.mark.parametrize("seed", range(5))
def test_whoever_cancels_a_busy_channel_gets_exactly_the_rest(seed: int) -> None:
    dice = random.Random(seed)
    channel = Channel[int](4)
    entered: list[int] = []
    taken: list[int] = []
    enough = threading.Event()
    limit = dice.randint(1, 200)

    def put() -> None:
        try:
            for item in range(10_000):
                channel.put(item)
                entered.append(item)
        except ChannelClosed:
            return

    def take() -> None:
        for item in channel:
            taken.append(item)
            if item == limit:
                enough.set()

    threads = [start(put), start(take)]
    enough.wait()
    dropped = channel.cancel()
    for thread in threads:
        thread.join()
    assert sorted(taken + dropped) == entered, f"seed {seed}"
