"""The server dies, or ends its connections, while a run writes to it: the run goes on when it is back."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from random import Random

import psycopg
import pytest
from psycopg import pq

from tests.command import TIMEOUT_S
from tests.faults.conftest import FAULTS, Undisturbed
from tests.faults.shop import Shop, begun, differences, ended, kill_after
from tests.postgres_server import PostgresServer

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("shop", ["postgresql"], indirect=True)]

SEED = 20_27
CRASHES = max(2, FAULTS // 8)


def set_commit(shop: Shop, synchronous: str) -> None:
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = {synchronous}')  # type: ignore[arg-type]


def crash(server: PostgresServer) -> None:
    server.control("-m", "immediate", "stop")


def test_a_server_that_is_just_starting_is_waited_for(
    shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer
) -> None:
    """Recovering from a crash, it refuses connections for a while."""
    shop.reset()
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        # Something to recover, which takes a while.
        connection.execute(
            "CREATE TABLE ballast AS SELECT n, repeat('x', 200) FROM generate_series(1, 200000) n"
        )
    crash(postgres_server)
    postgres_server.control("-W", "-o", f"-p {postgres_server.port}", "start")
    while pq.PGconn.ping(shop.database.url.encode()) == pq.Ping.NO_RESPONSE:
        continue
    code, err = ended(shop.start())
    with psycopg.connect(shop.database.url, autocommit=True) as connection:
        connection.execute("DROP TABLE ballast")
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state), err


def test_a_server_that_crashes(shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer) -> None:
    """`pg_ctl stop -m immediate`: nobody is told, nothing is flushed. The same process waits and goes on."""
    random = Random(SEED)
    for _ in range(CRASHES):
        shop.reset()
        with shop.start() as process:
            begun(shop, process)
            with suppress(subprocess.TimeoutExpired):
                process.wait(random.uniform(0.0, 0.5) * undisturbed.elapsed_s)
            crash(postgres_server)
            postgres_server.control("-o", f"-p {postgres_server.port}", "start")
            _, err = process.communicate(timeout=TIMEOUT_S)
        state = shop.state() | {"exit code": process.returncode, "said": err.decode()}
        assert not differences(state, undisturbed.state), err


def test_commits_that_a_crash_undoes(
    shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer
) -> None:
    """With synchronous_commit off a crash undoes what was committed last, the ledger included."""
    random = Random(SEED)
    set_commit(shop, "off")
    try:
        for _ in range(CRASHES):
            shop.reset()
            kill_after(shop.start(), random.uniform(0.3, 1.0) * undisturbed.elapsed_s)
            crash(postgres_server)
            postgres_server.control("-o", f"-p {postgres_server.port}", "start")
            assert not differences(shop.complete(), undisturbed.state)
    finally:
        set_commit(shop, "on")


def test_connections_that_are_ended(shop: Shop, undisturbed: Undisturbed) -> None:
    """All of a run's connections at once, again and again."""
    statement = (
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name LIKE 'feedmill/%' AND datname = current_database()"
    )
    shop.reset()
    terminated = 0
    with psycopg.connect(shop.database.url, autocommit=True) as connection, shop.start() as process:
        for _ in range(20):
            try:
                process.wait(undisturbed.elapsed_s / 10)
            except subprocess.TimeoutExpired:
                [(ended_now,)] = connection.execute(statement).fetchall()
                terminated += ended_now
        _, err = process.communicate(timeout=TIMEOUT_S)
    state = shop.state() | {"exit code": process.returncode, "said": err.decode()}
    assert terminated, "no connection was ended"
    assert not differences(state, undisturbed.state), err
