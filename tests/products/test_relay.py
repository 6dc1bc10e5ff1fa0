"""The relay, with brokers that do what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from feedmill.errors import UsageError
from feedmill.products import relay
from feedmill.products.broker import Broker, BrokerError, EventRefusedError
from feedmill.products.outbox import Event
from feedmill.products.relay import Relay, Relayed, RelayOptions
from feedmill.stores.retry import RetryPolicy
from tests.products.rigs import PostgresRig, SqlRig
from tests.products.test_outbox import add_events

AT_ONCE = RetryPolicy(first_s=0.001, cap_s=0.001)


class FakeBroker:
    """Takes events, unless `answer` raises."""

    text = "fake://"

    def __init__(self, answer: Callable[[Event], None] = lambda event: None) -> None:
        self.answer = answer
        self.taken: list[str] = []
        self.connections = 0

    def connect(self) -> None:
        self.connections += 1

    def publish(self, event: Event) -> None:
        self.answer(event)
        self.taken.append(event.event_id)

    def publish_together(self, events: Sequence[Event]) -> set[int]:
        return set()

    def close(self) -> None:
        pass


def run(rig: SqlRig, broker: FakeBroker, **options: object) -> Relayed:
    with rig.opened() as opened:
        database: Any = opened
        return Relay(database, broker, RelayOptions(**{"once": True, "retry": AT_ONCE} | options)).run()


def run_until_settled(rig: SqlRig, broker: FakeBroker, events: int, **options: object) -> Relayed:
    """Run until each event is sent or dead: what is put off may not be due when a run has its last look."""
    total = Relayed()
    while total.sent + total.dead < events:
        total += run(rig, broker, **options)
    return total


def test_everything_is_sent_once(sql_rig: SqlRig) -> None:
    add_events(sql_rig, [f"k{number % 7}" for number in range(50)])
    broker = FakeBroker()
    assert run(sql_rig, broker, batch=8) == Relayed(sent=50)
    assert broker.taken == [f"r:0:{number}" for number in range(1, 51)]
    assert run(sql_rig, broker) == Relayed()


class HastyBroker(FakeBroker):
    """Takes events together, but for those that `leaves_out` wants to be asked for once more."""

    def __init__(self, leaves_out: Callable[[Event], bool], answer: Callable[[Event], None]) -> None:
        super().__init__(answer)
        self.leaves_out = leaves_out
        self.groups: list[list[str]] = []

    def publish_together(self, events: Sequence[Event]) -> set[int]:
        self.groups.append([event.key for event in events])
        taken = [event for event in events if not self.leaves_out(event)]
        self.taken += [event.event_id for event in taken]
        return {event.id for event in taken}


def test_events_of_one_key_are_never_sent_together(sql_rig: SqlRig) -> None:
    refused = []

    def refuse_once(event: Event) -> None:
        if event.id not in refused:
            refused.append(event.id)
            raise EventRefusedError("not now")

    add_events(sql_rig, ["a", "b", "c", "a", "b", "c", "b"])
    broker = HastyBroker(lambda event: event.key == "b", refuse_once)
    assert run_until_settled(sql_rig, broker, 7) == Relayed(sent=7, refused=3)
    assert all(len(set(group)) == len(group) for group in broker.groups)
    assert broker.groups[0] == ["a", "b", "c"]
    # What followed the refused one in the batch had to wait for it.
    assert broker.groups[1] == ["a", "c"]
    for key in "abc":
        mine = [number for number, other in enumerate("abcabcb", 1) if other == key]
        assert [event for event in broker.taken if int(event[4:]) in mine] == [f"r:0:{each}" for each in mine]


def test_a_refused_event_is_tried_again_before_its_followers(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a", "b", "a", "b", "a"])
    left = 3

    def refuse_some(event: Event) -> None:
        nonlocal left
        if event.event_id == "r:0:1" and left:
            left -= 1
            raise EventRefusedError("not now")

    broker = FakeBroker(refuse_some)
    assert run_until_settled(sql_rig, broker, 5) == Relayed(sent=5, refused=3)
    assert [event for event in broker.taken if event in {"r:0:1", "r:0:3", "r:0:5"}] == [
        "r:0:1",
        "r:0:3",
        "r:0:5",
    ]
    assert sql_rig.query("SELECT attempts, reason FROM outbox WHERE event_id = 'r:0:1'") == [(4, None)]


def test_what_is_refused_too_often_is_dead(sql_rig: SqlRig) -> None:
    add_events(sql_rig, ["a", "b", "a"])

    def refuse(event: Event) -> None:
        if event.event_id == "r:0:1":
            raise EventRefusedError("message too large")

    broker = FakeBroker(refuse)
    assert run_until_settled(sql_rig, broker, 3, max_attempts=3) == Relayed(sent=2, refused=3, dead=1)
    assert broker.taken == ["r:0:2", "r:0:3"]
    rows = sql_rig.query("SELECT attempts, reason FROM outbox WHERE dead_at IS NOT NULL")
    assert rows == [(3, "message too large")]


def test_a_broker_that_goes_away_costs_no_attempt(sql_rig: SqlRig) -> None:
    add_events(sql_rig, [f"k{number}" for number in range(10)])
    losses = 0

    def break_off(event: Event) -> None:
        nonlocal losses
        if event.event_id == "r:0:4" and losses < 3:
            losses += 1
            raise BrokerError("gone")

    broker = FakeBroker(break_off)
    assert run(sql_rig, broker) == Relayed(sent=10)
    assert losses == 3
    assert sql_rig.query("SELECT sum(attempts) FROM outbox") == [(10,)]
    assert len(set(broker.taken)) == len(broker.taken) == 10


def test_a_relay_that_runs_once_does_not_wait_for_a_broker_for_ever(
    sql_rig: SqlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PATIENCE_S", 0.01)
    add_events(sql_rig, ["a"])

    class Absent(FakeBroker):
        def connect(self) -> None:
            raise BrokerError("nobody there")

    with pytest.raises(BrokerError, match=r"nobody there; .* stays in the outbox"):
        run(sql_rig, Absent())


def test_a_broker_that_refuses_everything_is_left_alone_for_a_while(sql_rig: SqlRig) -> None:
    add_events(sql_rig, [f"k{number}" for number in range(100)])

    def refuse(event: Event) -> None:
        raise EventRefusedError("out of memory")

    done = run(sql_rig, FakeBroker(refuse), retry=RetryPolicy(first_s=0.001, cap_s=3600), max_attempts=2)
    # Twenty at a time, and each twice at most; it ends as everything left is put off or dead.
    assert done.sent == 0
    assert done.refused <= 200


def test_new_events_wake_a_relay_and_stopping_marks_what_it_sent(sql_rig: SqlRig) -> None:
    sent = threading.Semaphore(0)
    broker = FakeBroker(lambda event: sent.release())
    totals = []
    with sql_rig.opened() as opened:
        database: Any = opened
        running: Relay[Any] = Relay(database, broker, RelayOptions())  # type: ignore[arg-type]
        thread = threading.Thread(target=lambda: totals.append(running.run()))
        thread.start()
        for number in range(3):
            add_events(sql_rig, ["a"], run=f"r{number}")
            assert sent.acquire(timeout=60)
        running.stop()
        thread.join(60)
    assert totals == [Relayed(sent=3)]
    assert sql_rig.query("SELECT count(*) FROM outbox WHERE sent_at IS NULL") == [(0,)]


def test_relays_side_by_side_share_the_work_and_keep_the_order(postgres: PostgresRig) -> None:
    keys = [f"k{number % 11}" for number in range(300)]
    add_events(postgres, keys)
    lock, taken = threading.Lock(), []

    def take(event: Event) -> None:
        with lock:
            taken.append(event)

    def relay_until_empty() -> None:
        while postgres.query("SELECT count(*) FROM outbox WHERE sent_at IS NULL") != [(0,)]:
            run(postgres, FakeBroker(take), batch=9)

    threads = [threading.Thread(target=relay_until_empty) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(event.id for event in taken) == sorted({event.id for event in taken})
    assert len(taken) == 300
    for key in set(keys):
        mine = [event.id for event in taken if event.key == key]
        assert mine == sorted(mine)


def test_a_lost_database_connection_sends_again_with_the_same_ids(postgres: PostgresRig) -> None:
    add_events(postgres, ["a", "b"])
    killed = False

    def kill_backend(event: Event) -> None:
        nonlocal killed
        if not killed:
            killed = True
            postgres.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'feedmill/relay' AND datname = current_database()"
            )

    broker = FakeBroker(kill_backend)
    assert run(postgres, broker) == Relayed(sent=2)
    assert broker.taken == ["r:0:1", "r:0:2", "r:0:1", "r:0:2"]


@pytest.mark.parametrize(
    "url", ["s3cret", "ann:s3cret@host", "nothing://ann:s3cret@host", "amqp://ann:s3cret@host:port//"]
)
def test_a_url_that_cannot_be_read_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        Broker(url)
    assert "s3cret" not in str(refused.value)


def test_options_that_would_relay_nothing_are_refused(sql_rig: SqlRig) -> None:
    with pytest.raises(UsageError, match="at least one"):
        run(sql_rig, FakeBroker(), batch=0)
