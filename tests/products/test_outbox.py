"""Which events may be sent, and when: claims, order for each key, retries, the dead."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from feedmill.products.outbox import Event, SqlOutbox
from feedmill.stores.transaction import Transaction
from tests.products.rigs import PostgresRig, SqlRig


def add_events(rig: SqlRig, keys: Sequence[str], run: str = "r") -> None:
    """Queue an event for each key, in their order."""
    rig.execute(
        *(
            "INSERT INTO outbox (event_id, key, op, payload) VALUES"
            f" ('{run}:0:{number}', '{key}', 'inserted', '{json.dumps({'sku': key, 'price': 9.50})}')"
            for number, key in enumerate(keys, 1)
        )
    )


@contextmanager
def outbox_of(rig: SqlRig) -> Iterator[tuple[SqlOutbox[Any], Any]]:
    with rig.opened() as opened:
        database: Any = opened
        yield SqlOutbox(database), database


def numbers(events: Sequence[Event]) -> list[int]:
    return [int(event.event_id.split(":")[2]) for event in events]


def test_events_are_claimed_in_order_and_once(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a", "b", "a", "c"])
    with outbox_of(sql_rig) as (outbox, database), ExitStack() as stack:
        session = database.session("relay")
        stack.callback(session.close)

        def send(transaction: Transaction) -> list[int]:
            events = outbox.claim(transaction, 3)
            outbox.mark_sent(transaction, [event.id for event in events])
            return numbers(events)

        assert [session.transact(send) for _ in range(3)] == [[1, 2, 3], [4], []]
        assert outbox.waiting() == 0
    assert sql_rig.query("SELECT DISTINCT attempts FROM outbox") == [(1,)]


def test_an_event_that_is_put_off_holds_back_its_key_only(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a", "b", "a", "b"])
    with outbox_of(sql_rig) as (outbox, database), ExitStack() as stack:
        session = database.session("relay")
        stack.callback(session.close)
        [first, *_] = session.transact(lambda transaction: outbox.claim(transaction, 9))
        session.transact(lambda transaction: outbox.put_off(transaction, first, "full\0", 3600))
        claimed = session.transact(lambda transaction: outbox.claim(transaction, 9))
        assert numbers(claimed) == [2, 4]
        # Due again: it comes before what it held back.
        session.transact(lambda transaction: outbox.put_off(transaction, first, "full", -1))
        claimed = session.transact(lambda transaction: outbox.claim(transaction, 9))
        assert numbers(claimed) == [1, 2, 3, 4]
        assert (claimed[0].attempts, claimed[0].reason) == (2, "full")
        # Given up, it holds nothing back.
        session.transact(lambda transaction: outbox.give_up(transaction, first, "too large"))
        assert numbers(session.transact(lambda transaction: outbox.claim(transaction, 9))) == [2, 3, 4]
        assert [(event.event_id, event.reason) for event in outbox.dead()] == [("r:0:1", "too large")]
        assert outbox.revive() == 1
        [revived, *_] = session.transact(lambda transaction: outbox.claim(transaction, 1))
        assert (revived.event_id, revived.attempts) == ("r:0:1", 0)


def test_a_clock_that_is_set_back_holds_nothing_back(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a", "a"])
    with outbox_of(sql_rig) as (outbox, database), ExitStack() as stack:
        session = database.session("relay")
        stack.callback(session.close)
        [first, _] = session.transact(lambda transaction: outbox.claim(transaction, 9))
        session.transact(lambda transaction: outbox.put_off(transaction, first, "full", 1e6))
        assert session.transact(lambda transaction: outbox.claim(transaction, 9)) == []
        # As it stands there when the clock was a day ahead.
        sql_rig.execute("UPDATE outbox SET due_at = '2999-01-01T00:00:00.000Z' WHERE due_at IS NOT NULL")
        assert numbers(session.transact(lambda transaction: outbox.claim(transaction, 9))) == [1, 2]


def test_the_payload_is_what_is_stored(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a"])
    sql_rig.execute("""UPDATE outbox SET payload = '{"price": 10.50, "n": 12345678901234567890}'""")
    with outbox_of(sql_rig) as (outbox, database), ExitStack() as stack:
        session = database.session("relay")
        stack.callback(session.close)
        [event] = session.transact(lambda transaction: outbox.claim(transaction, 1))
    assert event.payload == '{"price": 10.50, "n": 12345678901234567890}'


def test_what_another_relay_has_is_passed_over_and_what_follows_it_waits(postgres: PostgresRig) -> None:
    add_events(postgres, ["a", "b", "a", "c", "b"])
    with outbox_of(postgres) as (outbox, database), ExitStack() as stack:
        one, two = database.session("one"), database.session("two")
        stack.callback(one.close)
        stack.callback(two.close)

        def first(transaction: Transaction) -> None:
            mine = outbox.claim(transaction, 2)
            assert numbers(mine) == [1, 2]
            # The other one: a and b are taken, only c is free.
            assert numbers(two.transact(lambda other: outbox.claim(other, 9))) == [4]
            outbox.mark_sent(transaction, [mine[0].id])

        one.transact(first)
        assert numbers(two.transact(lambda other: outbox.claim(other, 9))) == [2, 3, 4, 5]


def test_an_event_that_commits_late_is_not_lost(postgres: PostgresRig) -> None:
    with outbox_of(postgres) as (outbox, database), ExitStack() as stack:
        session, late = database.session("relay"), database.session("late")
        stack.callback(session.close)
        stack.callback(late.close)

        def send(transaction: Transaction) -> list[int]:
            events = outbox.claim(transaction, 9)
            outbox.mark_sent(transaction, [event.id for event in events])
            return numbers(events)

        def insert_late(transaction: Transaction) -> None:
            transaction.execute(
                "INSERT INTO outbox (event_id, key, op, payload) VALUES ('r:0:77', 'late', 'inserted', '{}')"
            )
            # Its id is lower than what is committed, and sent, before it.
            add_events(postgres, ["a", "b"])
            assert session.transact(send) == [1, 2]

        late.transact(insert_late)
        assert session.transact(send) == [77]


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_any_number_of_claims_keeps_each_keys_order(sql_rig: SqlRig, limit: int) -> None:
    keys = [f"k{number % 5}" for number in range(40)]
    add_events(sql_rig, keys)
    sent: list[int] = []
    with outbox_of(sql_rig) as (outbox, database), ExitStack() as stack:
        session = database.session("relay")
        stack.callback(session.close)

        def send(transaction: Transaction) -> list[int]:
            events = outbox.claim(transaction, limit)
            # The broker takes every second one only, and the others are due again at once.
            for event in events[1::2]:
                outbox.put_off(transaction, event, "no", -1)
            taken = [event for place, event in enumerate(events) if place % 2 == 0]
            refused = {event.key: event.id for event in reversed(events[1::2])}
            taken = [event for event in taken if event.id < refused.get(event.key, event.id + 1)]
            outbox.mark_sent(transaction, [event.id for event in taken])
            return numbers(taken)

        while done := session.transact(send):
            sent += done
    assert sorted(sent) == list(range(1, 41))
    for key in set(keys):
        mine = [number for number in sent if keys[number - 1] == key]
        assert mine == sorted(mine)
