"""What PostgreSQL and the way to it can do to a run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from feedmill.errors import StoreError, UrlError
from feedmill.schema import Field, Schema
from feedmill.stores.ddl import TableName
from feedmill.stores.postgres import PostgresDatabase, PostgresOptions
from feedmill.stores.postgres_table import PostgresTables
from feedmill.stores.postgres_transaction import PostgresTransaction
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.table import TableSink
from feedmill.stores.url import parse_url
from tests.postgres_server import PostgresServer
from tests.stores.feeding import Ranges, load, parts_of, run_info
from tests.stores.model import Model
from tests.stores.proxy import Proxy
from tests.stores.rigs import NO_RETRY, RETRY, PostgresRig
from tests.stores.suite import KEYLESS, SMALL

pytestmark = pytest.mark.postgres

FEED: Ranges = [[[(f"{part}-{row}", row) for row in range(50)]] for part in range(4)]


@pytest.fixture
def rig(postgres_url: str) -> PostgresRig:
    return PostgresRig(postgres_url)


@contextmanager
def cutting(
    rig: PostgresRig, server: PostgresServer, is_last: Callable[[bytes], bool], *, is_silent: bool = False
) -> Iterator[tuple[PostgresRig, Proxy]]:
    """Put a proxy in the rig's way."""
    proxy = Proxy(server.port, is_last, is_silent=is_silent)
    try:
        # Without encryption, so that the proxy can read along.
        yield PostgresRig(rig.url.replace(f":{server.port}/", f":{proxy.port}/") + "?sslmode=disable"), proxy
    finally:
        proxy.close()


def every(word: bytes, turn: int, most: int) -> Callable[[bytes], bool]:
    """Tell each `turn`-th block that holds a word, `most` of them in all."""
    seen = cut = 0

    def is_last(block: bytes) -> bool:
        nonlocal seen, cut
        seen += word in block
        last = word in block and seen % turn == 0 and cut < most
        cut += last
        return last

    return is_last


@pytest.mark.parametrize("lanes", [1, 2])
def test_lost_reply_to_commit_loads_once(
    rig: PostgresRig, postgres_server: PostgresServer, lanes: int
) -> None:
    with cutting(rig, postgres_server, every(b"COMMIT\0", 3, 4)) as (proxied, proxy):
        result = load(proxied.sink(KEYLESS, lanes=lanes), KEYLESS, FEED)
        assert proxy.cuts >= 2
    assert rig.query("SELECT count(*), count(DISTINCT sku) FROM items") == [(200, 200)]
    assert result.counts() == (200, 0, 0, 0)
    assert result.replayed() > 0


def test_lost_reply_while_beginning(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    with cutting(rig, postgres_server, every(b"COMMIT\0", 1, 3)) as (proxied, proxy):
        result = load(proxied.sink(KEYLESS, mode="replace"), KEYLESS, FEED)
        assert proxy.cuts == 3
    assert rig.query("SELECT count(*) FROM items") == [(200,)]
    assert result.counts() == (200, 0, 0, 0)


def test_cut_in_the_middle_of_copy_loads_once(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    with cutting(rig, postgres_server, every(b"PGCOPY", 2, 2)) as (proxied, proxy):
        result = load(proxied.sink(KEYLESS), KEYLESS, FEED)
        assert proxy.cuts == 2
    assert rig.query("SELECT count(*), count(DISTINCT sku) FROM items") == [(200, 200)]
    assert result.counts() == (200, 0, 0, 0)


def test_terminated_backends_are_replaced(rig: PostgresRig) -> None:
    terminate = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'feedmill%'"
    )
    result = load(rig.sink(SMALL, lanes=2), SMALL, FEED, before=lambda part: rig.execute(terminate))
    assert result.counts() == (200, 0, 0, 0)
    assert set(rig.query("SELECT * FROM items")) == set(Model("upsert", 1).load(FEED).rows)


def test_lock_that_is_released_is_waited_for(rig: PostgresRig) -> None:
    sink = impatient(rig, RETRY)
    writer = sink.lane(0)
    failed = threading.Event()
    stop = sink._tables.database.stop  # type: ignore[attr-defined]
    wait = stop.wait

    def noticing(timeout: float | None = None) -> bool:
        failed.set()
        return bool(wait(timeout))

    stop.wait = noticing
    outcomes = []
    part = parts_of(SMALL, FEED, 0, 1)[0]
    with psycopg.connect(rig.url) as outsider:
        outsider.execute("LOCK TABLE items")
        thread = threading.Thread(target=lambda: outcomes.append(writer.apply(part)))
        thread.start()
        assert failed.wait(60)
        outsider.rollback()
        thread.join(60)
    assert [outcome.inserted for outcome in outcomes] == [50]
    writer.close()
    sink.finish()


def impatient(rig: PostgresRig, retry: RetryPolicy) -> TableSink[PostgresTransaction]:
    """Begin a run that waits for locks no longer than 20 ms."""
    options = PostgresOptions(min_size=1, settings={"lock_timeout": "20ms"}, retry=retry)
    sink = TableSink(PostgresTables(parse_url(rig.url), SMALL, TableName("items"), 1, options))
    sink.begin(run_info())
    return sink


def test_deadlock_is_retried(rig: PostgresRig) -> None:
    sink = rig.sink(SMALL)
    sink.begin(run_info())
    writer = sink.lane(0)
    rig.execute("INSERT INTO items VALUES ('a', 0), ('b', 0)")
    with psycopg.connect(rig.url) as outsider:
        outsider.execute("UPDATE items SET stock = 9 WHERE sku = 'b'")
        part = parts_of(SMALL, [[[("a", 1), ("b", 1)]]], 0, 1)[0]
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(writer.apply(part)))
        thread.start()
        try:
            # Waits for 'a', which the lane has; the lane waits for 'b'. One of us is the victim.
            outsider.execute("UPDATE items SET stock = 9 WHERE sku = 'a'")
            outsider.commit()
        except psycopg.errors.DeadlockDetected:
            outsider.rollback()
        thread.join(60)
    assert rig.query("SELECT * FROM items ORDER BY sku") == [("a", 1), ("b", 1)]
    assert outcomes[0].updated == 2
    writer.close()
    sink.finish()


def test_unchanged_feed_writes_nothing(rig: PostgresRig) -> None:
    load(rig.sink(SMALL, lanes=2), SMALL, FEED)
    look = "SELECT sku, ctid::text, xmin::text, xmax::text FROM items ORDER BY sku"
    before = rig.query(look)
    assert load(rig.sink(SMALL, lanes=2), SMALL, FEED, run_info("run-2")).counts() == (0, 0, 200, 0)
    assert rig.query(look) == before


def test_refused_rows_cost_few_statements(rig: PostgresRig) -> None:
    rig.execute("CREATE TABLE items (sku text PRIMARY KEY, stock bigint CHECK (stock > 0))")
    sink = rig.sink(SMALL)
    sink.begin(run_info())
    writer = sink.lane(0)
    merge, tries = writer._merge, 0  # type: ignore[attr-defined]
    run = merge.run

    def counted(*arguments: object) -> object:
        nonlocal tries
        tries += 1
        return run(*arguments)

    merge.run = counted
    rows = [(f"{number:05}", -1 if number in {17, 900, 901} else 1) for number in range(1024)]
    outcome = writer.apply(parts_of(SMALL, [[rows]], 0, 1)[0])
    assert (outcome.inserted, len(outcome.rejects)) == (1021, 3)
    # 3 refused × at most 2 statements for each of 10 halvings, and the first two for all rows.
    assert tries <= 3 * 2 * 10 + 2
    writer.close()
    sink.finish()


def test_temporary_tables_go_with_the_lane(rig: PostgresRig) -> None:
    database = PostgresDatabase(parse_url(rig.url), PostgresOptions(min_size=1, max_size=1))
    database.open()
    for _ in range(2):
        session = database.session(
            "x", lambda transaction: transaction.execute("CREATE TEMP TABLE mine (a int)")
        )
        assert session.transact(lambda transaction: transaction.execute("SELECT count(*) FROM mine")) == [
            (0,)
        ]
        name = session.transact(lambda transaction: transaction.execute("SHOW application_name"))
        assert name == [("feedmill/x",)]
        session.close()
    database.close()


def test_settings_yield_to_the_url(rig: PostgresRig) -> None:
    shown = []
    for url in (rig.url, rig.url + "?options=-cstatement_timeout%3D77s"):
        database = PostgresDatabase(parse_url(url), PostgresOptions(min_size=1))
        database.open()
        session = database.session("x")
        shown += session.transact(
            lambda transaction: transaction.execute(
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
            )
        )
        session.close()
        database.close()
    assert shown == [("2min", "10s"), ("77s", "10s")]


def test_pool_has_its_sizes(rig: PostgresRig) -> None:
    database = PostgresDatabase(parse_url(rig.url))
    pool = database.pool
    assert (pool.max_size, pool.min_size, pool.max_idle, pool.max_lifetime) == (25, 5, 15.0, 300.0)
    database.abort()


def test_wrong_password_is_said_without_it(
    rig: PostgresRig, postgres_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = rig.url.replace(postgres_server.password, "canary%40secret")
    with pytest.raises(StoreError, match="PGPASSWORD") as caught:
        PostgresRig(url).sink(SMALL).begin(run_info())
    assert "canary" not in str(caught.value) + caplog.text
    assert "tester:***@" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault", "words"),
    [
        (lambda url: url.rsplit("/", 1)[0] + "/nowhere", StoreError, "nowhere.*check host, port, database"),
        (lambda url: "postgresql://127.0.0.1:1/x", StoreError, "refused"),
        (lambda url: url + "?no_such_word=1", UrlError, "no_such_word"),
    ],
)
def test_database_that_cannot_be_reached(
    rig: PostgresRig, change: Callable[[str], str], fault: type[Exception], words: str
) -> None:
    with pytest.raises(fault, match=words):
        PostgresRig(change(rig.url)).sink(SMALL).begin(run_info())


def test_retries_end(rig: PostgresRig) -> None:
    sink = impatient(rig, replace(RETRY, give_up_s=0.05))
    writer = sink.lane(0)
    with psycopg.connect(rig.url) as outsider:
        outsider.execute("LOCK TABLE items")
        with pytest.raises(StoreError, match="55P03"):
            writer.apply(parts_of(SMALL, FEED, 0, 1)[0])
    writer.close()
    sink.abort()


def test_constraint_that_is_checked_at_commit(rig: PostgresRig) -> None:
    rig.execute(
        "CREATE TABLE shops (id bigint PRIMARY KEY)",
        "CREATE TABLE items (sku text PRIMARY KEY,"
        " stock bigint REFERENCES shops (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    result = load(rig.sink(SMALL, retry=NO_RETRY), SMALL, [[[("a", None), ("b", 7)]]])
    assert [reject.record for reject in result.rejects()] == [2]
    assert rig.query("SELECT sku FROM items") == [("a",)]


def test_trigger_that_raises(rig: PostgresRig) -> None:
    rig.execute(
        "CREATE TABLE items (sku text PRIMARY KEY, stock bigint)",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.stock = 7 THEN RAISE 'no sevens'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 7), ("c", 1)]]])
    assert [reject.message for reject in result.rejects()] == ["no sevens (SQLSTATE P0001)"]
    assert result.counts() == (2, 0, 0, 0)


def test_value_too_long_for_its_column(rig: PostgresRig) -> None:
    rig.execute("CREATE TABLE items (sku varchar(3) PRIMARY KEY, stock int2)")
    result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("long", 1), ("b", 40_000)]]])
    assert [reject.message[-6:-1] for reject in result.rejects()] == ["22001", "22003"]
    assert rig.query("SELECT * FROM items") == [("a", 1)]


def test_partitioned_table(rig: PostgresRig) -> None:
    rig.execute(
        "CREATE TABLE items (sku text, stock bigint, PRIMARY KEY (sku)) PARTITION BY HASH (sku)",
        "CREATE TABLE items_0 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
        "CREATE TABLE items_1 PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    )
    assert load(rig.sink(SMALL, lanes=2), SMALL, FEED).counts() == (200, 0, 0, 0)
    changed = [[[("0-1", 77), ("new", 1), ("0-2", 2)]]]
    assert load(rig.sink(SMALL), SMALL, changed, run_info("run-2")).counts() == (1, 1, 1, 0)


def test_table_in_another_schema(rig: PostgresRig) -> None:
    rig.execute("CREATE SCHEMA shop")
    load(rig.sink(SMALL, "shop.items"), SMALL, [[[("a", 1)]]])
    assert rig.query("SELECT * FROM shop.items") == [("a", 1)]


def test_replace_where_a_foreign_key_refers(rig: PostgresRig) -> None:
    rig.execute(
        "CREATE TABLE items (sku text PRIMARY KEY, stock bigint)",
        "CREATE TABLE orders (sku text REFERENCES items)",
        "INSERT INTO items VALUES ('old', 1)",
    )
    load(rig.sink(SMALL, mode="replace"), SMALL, [[[("a", 1)]]])
    assert rig.query("SELECT * FROM items") == [("a", 1)]


@pytest.mark.parametrize(
    ("column", "field", "words"),
    [
        ("numeric(10,2)", Field("x", "number"), "rounds to 2 decimals"),
        ("numeric(10,2)", Field("x", "number", precision=10, scale=3), "rounds to 2 decimals"),
        ("numeric(10,2)", Field("x", "number", precision=20, scale=2), ""),
        ("numeric", Field("x", "number"), ""),
        ("double precision", Field("x", "number"), "is float8"),
        ("real", Field("x", "number", storage="float64"), "is float4"),
        ("bigint", Field("x", "number", precision=5), "is int8"),
        ("smallint", Field("x", "integer"), ""),
        ("text", Field("x", "integer"), ""),
        ("timestamp", Field("x", "datetime"), ""),
        ("timestamptz(0)", Field("x", "datetime"), "rounds fractions"),
        ("time(3)", Field("x", "time"), "rounds fractions"),
        ("timestamptz", Field("x", "date"), "is timestamptz"),
        ("jsonb", Field("x"), ""),
        ("json", Field("x"), "jsonb for json"),
        ("uuid", Field("x"), ""),
        ("text", Field("x", format="uuid"), ""),
        ("bigint", Field("x"), "is int8"),
        ("bigint GENERATED ALWAYS AS IDENTITY", Field("x", "integer"), "generates"),
        ("char(5)", Field("x"), ""),
    ],
)
def test_columns_that_fit_and_columns_that_do_not(
    rig: PostgresRig, column: str, field: Field, words: str
) -> None:
    rig.execute(f"CREATE TABLE items (sku text PRIMARY KEY, x {column})")
    schema = Schema((Field("sku"), field), primary_key=("sku",))
    if words:
        with pytest.raises(StoreError, match=words):
            rig.sink(schema).begin(run_info())
    else:
        load(rig.sink(schema), schema, [[[("a", None)]]])


def test_a_server_without_connections_left(rig: PostgresRig, postgres_server: PostgresServer) -> None:
    """A lane waits for a connection until one is free, and gives up in the end."""
    rig.execute("CREATE ROLE poor LOGIN PASSWORD 'poor' CONNECTION LIMIT 1")
    url = parse_url(rig.url.replace(f"tester:{postgres_server.password}", "poor:poor"))
    retry = RetryPolicy(first_s=0.01, cap_s=0.1, give_up_s=0.0)
    database = PostgresDatabase(url, PostgresOptions(min_size=1, timeout_s=4.0, retry=retry))
    # What `open` looks at the server by may not be gone when the pool comes, which tries again in a second.
    database.open()
    first, second = database.session("first"), database.session("second")

    def one(transaction: PostgresTransaction) -> object:
        return transaction.execute("SELECT 1")

    assert first.transact(one) == [(1,)]
    with pytest.raises(StoreError, match="connection"):
        second.transact(one)
    first.close()
    assert second.transact(one) == [(1,)]
    second.close()
    database.close()
    rig.execute("DROP ROLE poor")
