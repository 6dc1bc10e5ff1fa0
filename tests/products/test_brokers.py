"""The relay to real brokers, which are killed, as it is: events may come twice, never not at all."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import kombu
import psycopg
import pytest

from tests.brokers import Server, received
from tests.command import Command, has_ended
from tests.products.rigs import PostgresRig, SqliteRig
from tests.products.test_outbox import add_events

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = [f"k{number % 13}" for number in range(400)]
IDS = [f"r:0:{number}" for number in range(1, len(KEYS) + 1)]


@pytest.fixture(params=["rabbitmq", "redis"])
def broker(request: pytest.FixtureRequest) -> Server:
    return request.getfixturevalue(request.param)


@pytest.fixture
def queue(request: pytest.FixtureRequest) -> str:
    """Name a queue of the test's own: brokers are shared."""
    return request.node.name


def ids_of(messages: Sequence[kombu.Message]) -> list[str]:
    return [message.properties["message_id"] for message in messages]


def assert_order_of_keys(ids: Sequence[str]) -> None:
    """Each key's events come in their order, once repetitions are left out."""
    numbers = list(dict.fromkeys(int(event.split(":")[2]) for event in ids))
    for key in set(KEYS):
        mine = [number for number in numbers if KEYS[number - 1] == key]
        assert mine == sorted(mine)


def wait_for_sent(rig: PostgresRig, process: subprocess.Popen[bytes], least: int) -> None:
    """Look until the relay has committed so many."""
    with psycopg.connect(rig.url, autocommit=True) as connection:
        while (
            connection.execute("SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL").fetchone()[0] < least
        ):
            assert not has_ended(process), process.communicate()


def test_messages_are_what_the_outbox_has(
    broker: Server, queue: str, tmp_path: Path, feedmill: Command
) -> None:
    rig = SqliteRig(tmp_path)
    with rig.opened():
        add_events(rig, ["a", "ñ"])
    done = feedmill("relay", rig.url, broker=broker.url, queue=queue, once=True)
    assert (done.code, done.out) == (0, "Sent: 2, refused: 0, dead: 0\n")
    first, second = received(broker.url, queue)
    assert first.properties["message_id"] == "r:0:1"
    assert (first.headers["key"], first.headers["op"]) == ("a", "inserted")
    assert (first.content_type, json.loads(first.body)) == ("application/json", {"sku": "a", "price": 9.5})
    assert first.properties["delivery_mode"] == 2
    assert second.payload == {"sku": "ñ", "price": 9.5}


def test_a_relay_killed_at_any_moment_loses_nothing(
    broker: Server, queue: str, postgres: PostgresRig, feedmill: Command
) -> None:
    add_events(postgres, KEYS)
    for killed_after in (50, 200):
        with feedmill.start("relay", postgres.url, broker=broker.url, queue=queue, batch=40) as process:
            wait_for_sent(postgres, process, killed_after)
            process.kill()
            process.communicate()
    done = feedmill.apart("relay", postgres.url, broker=broker.url, queue=queue, once=True)
    assert done.code == 0, done.err
    ids = ids_of(received(broker.url, queue))
    assert set(ids) == set(IDS)
    # At most what was under way when it was killed, twice.
    assert len(ids) <= len(IDS) + 2 * 40
    assert_order_of_keys(ids)


def test_a_broker_killed_midway_loses_nothing(
    broker: Server, queue: str, postgres: PostgresRig, feedmill: Command
) -> None:
    add_events(postgres, KEYS)
    with feedmill.start("relay", postgres.url, broker=broker.url, queue=queue, batch=20) as process:
        wait_for_sent(postgres, process, 50)
        broker.kill()
        broker.start()
        wait_for_sent(postgres, process, len(IDS))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith(f"Sent: {len(IDS)}, refused: 0".encode()), (out, err)
    assert b"s3cret" not in out + err
    ids = ids_of(received(broker.url, queue))
    assert set(ids) == set(IDS)
    assert_order_of_keys(ids)


def test_two_relays_and_a_drain(
    rabbitmq: Server, queue: str, postgres: PostgresRig, feedmill: Command
) -> None:
    relay = ("relay", postgres.url)
    options = {"broker": rabbitmq.url, "queue": queue, "batch": 10}
    with feedmill.start(*relay, **options) as one, feedmill.start(*relay, **options) as two:
        # Both are at work, and no one's signal comes before it can be heard.
        relays = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'feedmill/relay'"
        while postgres.query(relays) != [(2,)]:
            assert not has_ended(one), one.communicate()
            assert not has_ended(two), two.communicate()
        add_events(postgres, KEYS)
        wait_for_sent(postgres, one, 100)
        one.send_signal(signal.SIGTERM)
        one.communicate(timeout=60)
        wait_for_sent(postgres, two, len(IDS))
        two.send_signal(signal.SIGTERM)
        two.communicate(timeout=60)
    assert (one.returncode, two.returncode) == (0, 0)
    ids = ids_of(received(rabbitmq.url, queue))
    # Drained, not killed: nothing comes twice.
    assert sorted(ids) == sorted(IDS)
    assert_order_of_keys(ids)


def test_a_message_that_the_broker_refuses_is_dead_in_the_end(
    rabbitmq: Server, queue: str, postgres: PostgresRig, feedmill: Command
) -> None:
    """A queue that is full nacks; the reason is kept and listed."""
    with kombu.Connection(rabbitmq.url) as connection:
        channel = connection.channel()
        exchange = kombu.Exchange(queue, "direct", durable=True)(channel)
        exchange.declare()
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        kombu.Queue(f"{queue}-full", exchange, queue, durable=True, queue_arguments=full)(channel).declare()
    add_events(postgres, ["a", "b", "b"])
    options = {"broker": rabbitmq.url, "queue": queue, "once": True, "max_attempts": 1}
    done = feedmill("relay", postgres.url, **options)
    assert (done.code, done.out) == (1, "Sent: 1, refused: 2, dead: 2\n")
    listed = feedmill("relay", postgres.url, dead=True)
    assert listed.out.splitlines()[-1] == "Dead: 2"
    assert "r:0:2  b  inserted  MessageNacked" in listed.out
    assert len(received(rabbitmq.url, f"{queue}-full")) == 1
    done = feedmill("relay", postgres.url, **options, revive=True)
    assert done.out.splitlines()[0] == "Revived: 2"


def test_a_wrong_password_is_told_without_it(redis: Server, tmp_path: Path, feedmill: Command) -> None:
    rig = SqliteRig(tmp_path)
    with rig.opened():
        add_events(rig, ["a"])
    with feedmill.start(
        "relay", rig.url, broker=redis.url.replace("s3cret-canary", "wr0ng-canary")
    ) as process:
        assert process.stderr is not None
        told = process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert b"trying again" in told
    assert b"canary" not in told + out + err
