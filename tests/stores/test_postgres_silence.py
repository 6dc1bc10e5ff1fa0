"""A server, or what is on the way to it, that takes everything and answers nothing: no run waits for ever."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from feedmill.errors import StoreError
from feedmill.schema import Schema
from feedmill.stores import postgres, retry
from feedmill.stores.ddl import TableName
from feedmill.stores.postgres import PostgresDatabase, PostgresOptions
from feedmill.stores.postgres_connection import PROBES
from feedmill.stores.postgres_table import PostgresTables
from feedmill.stores.postgres_transaction import PostgresTransaction
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.table import TableSink
from feedmill.stores.url import parse_url
from tests.postgres_server import PostgresServer
from tests.stores.feeding import load, parts_of, run_info
from tests.stores.rigs import NO_RETRY, RETRY, PostgresRig
from tests.stores.suite import KEYLESS, SMALL
from tests.stores.test_postgres_faults import FEED, cutting, every

pytestmark = pytest.mark.postgres

LIMIT_S = 1.0
"""How long the client waits. The server has its two minutes, so that a slow machine changes no result."""


@pytest.fixture
def rig(postgres_url: str) -> PostgresRig:
    return PostgresRig(postgres_url)


@pytest.fixture(autouse=True)
def _short_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "IDLE_S", LIMIT_S)


def options(policy: RetryPolicy = RETRY) -> PostgresOptions:
    return PostgresOptions(min_size=1, grace_s=LIMIT_S - 120, timeout_s=2.0, retry=policy)


def sink_of(
    rig: PostgresRig, schema: Schema, lanes: int = 1, policy: RetryPolicy = RETRY
) -> TableSink[PostgresTransaction]:
    url = parse_url(rig.url)
    return TableSink(PostgresTables(url, schema, TableName("items"), lanes, options(policy)))


@pytest.mark.parametrize("lanes", [1, 2])
def test_silence_after_commit_loads_once(
    rig: PostgresRig, postgres_server: PostgresServer, lanes: int
) -> None:
    with cutting(rig, postgres_server, every(b"COMMIT\0", 3, 2), is_silent=True) as (proxied, proxy):
        result = load(sink_of(proxied, KEYLESS, lanes), KEYLESS, FEED)
        assert proxy.cuts == 2
    assert rig.query("SELECT count(*), count(DISTINCT sku) FROM items") == [(200, 200)]
    assert result.counts() == (200, 0, 0, 0)


def test_silence_in_the_middle_of_copy_loads_once(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    with cutting(rig, postgres_server, every(b"PGCOPY", 2, 1), is_silent=True) as (proxied, proxy):
        result = load(sink_of(proxied, KEYLESS), KEYLESS, FEED)
        assert proxy.cuts == 1
    assert rig.query("SELECT count(*), count(DISTINCT sku) FROM items") == [(200, 200)]
    assert result.counts() == (200, 0, 0, 0)


def test_silence_for_ever_ends_the_run(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    is_silent = threading.Event()
    with cutting(rig, postgres_server, lambda _: is_silent.is_set(), is_silent=True) as (proxied, _):
        sink = sink_of(proxied, SMALL, policy=RetryPolicy(first_s=0.01, cap_s=0.1, give_up_s=1.0))
        sink.begin(run_info())
        writer = sink.lane(0)
        is_silent.set()
        with pytest.raises(StoreError, match=r"127\.0\.0\.1"):
            writer.apply(parts_of(SMALL, FEED, 0, 1)[0])
        writer.close()
        sink.abort()
    assert rig.query("SELECT count(*) FROM items") == [(0,)]


def told(rig: PostgresRig, server: PostgresServer, tell: str, *, is_silent: bool) -> tuple[str, float]:
    """Tell a run to end while its server is gone; give what it said, and how long that took."""
    is_gone = threading.Event()
    with cutting(rig, server, lambda _: is_gone.is_set(), is_silent=is_silent) as (proxied, proxy):
        # With the limits that a run has: two minutes for an answer, five for another try.
        options = PostgresOptions(min_size=1)
        sink = TableSink(PostgresTables(parse_url(proxied.url), SMALL, TableName("items"), 1, options))
        sink.begin(run_info())
        writer = sink.lane(0)
        part, *_ = parts_of(SMALL, FEED, 0, 1)
        with ThreadPoolExecutor(1) as thread:
            is_gone.set()
            applied = thread.submit(writer.apply, part)
            while not proxy.cuts:
                continue
            if not is_silent:
                proxy.refuse()
            started = monotonic()
            getattr(sink, tell)()
            error = applied.exception(60)
            elapsed_s = monotonic() - started
            assert isinstance(error, StoreError)
            writer.close()
        sink.abort()
        return str(error), elapsed_s


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "refusing"])
def test_a_drain_does_not_wait_for_a_server_that_is_gone(
    rig: PostgresRig, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    monkeypatch.setattr(retry, "DRAIN_S", LIMIT_S)
    words, elapsed_s = told(rig, postgres_server, "hurry", is_silent=is_silent)
    assert "the run was told to end, and waits for it no longer; continue with --resume" in words
    assert LIMIT_S <= elapsed_s < 30
    assert rig.query("SELECT count(*) FROM items") == [(0,)]


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "refusing"])
def test_a_cancelled_run_does_not_wait_for_a_server_that_is_gone(
    rig: PostgresRig, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch, is_silent: bool
) -> None:
    monkeypatch.setattr(retry, "CANCEL_S", LIMIT_S)
    monkeypatch.setattr(postgres, "CANCEL_S", LIMIT_S)
    words, elapsed_s = told(rig, postgres_server, "abort", is_silent=is_silent)
    assert re.search("run was stopped.*; continue it with --resume", words)
    assert elapsed_s < 30


def test_a_drain_finishes_what_is_begun(rig: PostgresRig) -> None:
    sink = sink_of(rig, KEYLESS)
    sink.hurry()
    assert load(sink, KEYLESS, FEED).counts() == (200, 0, 0, 0)


def test_silence_is_named(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    with cutting(rig, postgres_server, every(b"COMMIT\0", 4, 1), is_silent=True) as (proxied, _):
        sink = sink_of(proxied, SMALL, policy=NO_RETRY)
        with pytest.raises(StoreError, match="has not answered for 1 s; look at"):
            load(sink, SMALL, FEED)


def test_no_limit_where_the_server_has_none(rig: PostgresRig) -> None:
    database = PostgresDatabase(parse_url(rig.url + "?options=-cstatement_timeout%3D0"), options())
    database.open()
    connection = database.take()
    assert connection.limit_s is None
    assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
    database.give_back(connection)
    database.close()


def test_a_host_that_is_gone_is_noticed(rig: PostgresRig) -> None:
    database = PostgresDatabase(parse_url(rig.url + "?keepalives_count=7"), options())
    database.open()
    connection = database.take()
    asked = connection.info.get_parameters()
    assert {name: asked[name] for name in PROBES} == PROBES | {"keepalives_count": "7"}
    assert connection.limit_s == LIMIT_S
    database.give_back(connection)
    database.close()
