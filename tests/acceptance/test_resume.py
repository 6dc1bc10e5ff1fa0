"""A run that dies in the middle, and another that goes on: in the end nobody can tell.

To die in the middle for sure, a run is held there: a trigger on the table does not come back for one certain
key. Until then the ledger says how far it is. A run is continued with other numbers of workers, as these must
not matter.
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import Popen

import psycopg
import pytest

from tests.acceptance.conftest import Generated
from tests.acceptance.truth import PARTS, WRITTEN_BY_PROCESS
from tests.command import TIMEOUT_S, Command

RECORDS = 320_000
"""Eight ranges, of which no more than six are under way at once."""

HELD = 90_001
"""The key that a held run waits at, in the third range; of a good record, or it would be held nowhere."""

SCHEMA = {
    "name": "items",
    "primaryKey": "sku",
    "fields": [
        {"name": "sku", "type": "integer"},
        {"name": "price", "type": "number", "constraints": {"minimum": 1}},
    ],
}
HOLD_IN_SQLITE = """
CREATE VIEW forever AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;
CREATE TRIGGER hold BEFORE INSERT ON {table} WHEN NEW.sku = {key}
BEGIN SELECT count(*) FROM forever; END;
"""
RELEASE_IN_SQLITE = "DROP TRIGGER hold; DROP VIEW forever;"
# The test holds the lock; each committed part is told to whoever listens.
HOLD_IN_POSTGRESQL = """
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
CREATE TRIGGER hold BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.sku = {key}) EXECUTE FUNCTION hold();
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NOTIFY committed; RETURN NEW; END $$;
CREATE TRIGGER tell AFTER INSERT ON feedmill_ledger FOR EACH ROW WHEN (NEW.lo > {after})
EXECUTE FUNCTION tell();
"""
RELEASE_IN_POSTGRESQL = """
DROP TRIGGER hold ON {table}; DROP FUNCTION hold; DROP TRIGGER tell ON feedmill_ledger; DROP FUNCTION tell;
"""
STORED = "SELECT * FROM items ORDER BY sku"
type Rows = list[tuple[object, ...]]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a feed of narrow records: keys come back after a hundred thousand, every 100th record is bad."""
    return write_items(tmp_path_factory.mktemp("items") / "items.csv", RECORDS)


def write_items(path: Path, records: int) -> Path:
    with path.open("wb") as file:
        file.write(b"sku,price\n")
        for number in range(records):
            file.write(b"%d,%d\n" % (number % 100_000, number % 100 and number))
    return path


def load(items: Path, url: str, **options: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """Name the arguments of a load, the same for each run of a test."""
    given = {"to": url, "schema": "items.json", "chunk_size": "64KiB", "report": "report.json"}
    return ("load", items), given | {"rejects": "rejects.csv"} | options


def undisturbed(feedmill: Command, items: Path, url: str) -> tuple[bytes, dict[str, object]]:
    """Run without a disturbance; return the reject file and what counts of the report."""
    arguments, options = load(items, url)
    assert feedmill(*arguments, **options).code == 1
    return (feedmill.directory / "rejects.csv").read_bytes(), counted(feedmill)


def counted(feedmill: Command) -> dict[str, object]:
    report = feedmill.report()
    return {
        name: report[name]
        for name in ("records", "successes", "failures", "rejects_by_code", "outcomes", "bytes", "jobs")
    }


def wait_until(condition: Callable[[], bool], process: Popen[bytes]) -> None:
    """Wait for a condition, or for the process to end, which it must not before."""
    while not condition():
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"ended before it was to be stopped: {process.communicate()}")


def is_in_transaction_after(store: Path, parts: int) -> Callable[[], bool]:
    """Make a test of an SQLite file: so many parts are committed, and another is being applied."""

    def look() -> bool:
        with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as connection:
            try:
                [(committed,)] = connection.execute("SELECT count(*) FROM feedmill_ledger")
            except sqlite3.OperationalError:
                # The run is just opening the file.
                return False
            if committed < parts:
                return False
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
            return False

    return look


def script(store: Path, statements: str) -> None:
    with closing(sqlite3.connect(store)) as connection:
        connection.executescript(statements)


def rows(store: Path, statement: str) -> Rows:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute(statement).fetchall()


def prepare(feedmill: Command, url: str) -> None:
    """Make the tables, with a feed that has a header only."""
    feedmill.write("items.json", SCHEMA)
    header = feedmill.write("header.csv", "sku,price\n")
    assert feedmill("load", header, to=url, schema="items.json", quiet=True).code == 0


# SQLite —————————————————————————————————————————————————————————————————————————————————————————————————————


@pytest.fixture
def held(feedmill: Command) -> Path:
    """Prepare an SQLite file in which a run stops at one key."""
    prepare(feedmill, "sqlite:///plain.db")
    prepare(feedmill, "sqlite:///held.db")
    script(feedmill.directory / "held.db", HOLD_IN_SQLITE.format(table="items", key=HELD))
    return feedmill.directory / "held.db"


def same_as_undisturbed(feedmill: Command, items: Path, held: Path) -> None:
    """Resume the run in the held file, and compare with one that ran through."""
    script(held, RELEASE_IN_SQLITE)
    arguments, options = load(items, "sqlite:///held.db")
    done = feedmill(*arguments, "--resume", workers=3, **options)
    assert done.code == 1, done
    resumed = (feedmill.directory / "rejects.csv").read_bytes(), counted(feedmill)
    assert resumed == undisturbed(feedmill, items, "sqlite:///plain.db")
    for statement in (STORED, PARTS):
        assert rows(held, statement) == rows(feedmill.directory / "plain.db", statement)
    assert feedmill(*arguments, "--resume", **options).code == 2, "a finished run was resumed"


def test_killed_within_a_transaction(feedmill: Command, items: Path, held: Path) -> None:
    arguments, options = load(items, "sqlite:///held.db")
    with feedmill.start(*arguments, workers=1, **options) as process:
        wait_until(is_in_transaction_after(held, 2), process)
        process.kill()
    assert len(rows(held, PARTS)) == 2
    assert not (feedmill.directory / "rejects.csv").exists()
    same_as_undisturbed(feedmill, items, held)


def test_cancelled_within_a_transaction(feedmill: Command, items: Path, held: Path) -> None:
    """The first signal waits for the transaction, which does not end; the second ends it."""
    arguments, options = load(items, "sqlite:///held.db")
    with feedmill.start(*arguments, workers=1, **options) as process:
        wait_until(is_in_transaction_after(held, 2), process)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 130, (out, err)
    assert b"Traceback" not in err
    report = feedmill.report()
    assert f"Processing complete: {report['records']} records processed" in out.decode()
    assert report["outcomes"]["inserted"] == len(rows(held, "SELECT * FROM items"))
    same_as_undisturbed(feedmill, items, held)


def test_only_the_same_run_is_resumed(feedmill: Command, items: Path, held: Path) -> None:
    own = feedmill.write("items.csv", items.read_bytes())
    arguments, options = load(own, "sqlite:///held.db")
    with feedmill.start(*arguments, **options) as process:
        wait_until(is_in_transaction_after(held, 2), process)
        process.kill()
    script(held, RELEASE_IN_SQLITE)
    before = rows(held, PARTS)

    def refused(*words: str, **changed: object) -> None:
        done = feedmill(*arguments, "--resume", **(options | changed))
        assert done.code == 2, done
        assert 1 <= len(done.err.splitlines()) <= 2
        for word in words:
            assert word in done.err
        assert rows(held, PARTS) == before

    refused("chunk", chunk_size="128KiB")
    refused(max_record_bytes=4096)
    refused("without --resume", table="others")
    with own.open("ab") as file:
        file.write(b"1,1\n")
    refused("items.csv")


# PostgreSQL —————————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.postgres
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_while_lanes_write(
    feedmill: Command, items: Path, postgres_url: str, number: signal.Signals
) -> None:
    """Killed in the middle of a transaction, or told to stop, which it does between ranges."""
    prepare(feedmill, postgres_url)
    arguments, options = load(items, postgres_url, lanes=3)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(HOLD_IN_POSTGRESQL.format(table="items", key=HELD, after=100_000))
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute("LISTEN committed")
        with feedmill.start(*arguments, workers=2, **options) as process:
            assert list(connection.notifies(timeout=TIMEOUT_S, stop_after=1))
            process.send_signal(number)
            if number == signal.SIGKILL:
                process.wait(TIMEOUT_S)
            connection.execute("SELECT pg_advisory_unlock(1)")
            _, err = process.communicate(timeout=TIMEOUT_S)
        connection.execute(RELEASE_IN_POSTGRESQL.format(table="items"))
        if number == signal.SIGTERM:
            assert process.returncode == 130, err
            report = feedmill.report()
            assert 0 < report["records"] < RECORDS
            done = connection.execute(
                "SELECT sum(inserted + updated + unchanged + duplicate) FROM feedmill_ledger"
            )
            assert done.fetchall() == [(report["successes"],)]

        def result() -> tuple[object, ...]:
            tables = [connection.execute(statement).fetchall() for statement in (STORED, PARTS)]
            return (feedmill.directory / "rejects.csv").read_bytes(), counted(feedmill), tables

        resumed = feedmill(*arguments, "--resume", workers=7, **options)
        assert resumed.code == 1, resumed
        after_resuming = result()
        connection.execute("TRUNCATE items")
        assert feedmill(*arguments, **options).code == 1
        assert result() == after_resuming


# The main job ———————————————————————————————————————————————————————————————————————————————————————————————


def test_a_killed_process_run_in_sqlite(feedmill: Command, feed: Generated) -> None:
    arguments = ("process", feed.path, "--create-dealers", "--quiet", "--chunk-size", "64KiB")
    assert feedmill(*arguments, to="sqlite:///plain.db", rejects="plain.csv").code == 1
    held, plain = feedmill.directory / "held.db", feedmill.directory / "plain.db"
    assert feedmill("migrate", "sqlite:///held.db").code == 0
    last = max(sku for (sku,) in rows(plain, "SELECT sku FROM products"))
    script(held, HOLD_IN_SQLITE.format(table="products", key=f"'{last}'"))
    with feedmill.start(*arguments, to="sqlite:///held.db", rejects="held.csv") as process:
        wait_until(is_in_transaction_after(held, 1), process)
        process.kill()
    script(held, RELEASE_IN_SQLITE)
    assert feedmill(*arguments, "--resume", to="sqlite:///held.db", rejects="held.csv", workers=3).code == 1
    assert (feedmill.directory / "held.csv").read_bytes() == (feedmill.directory / "plain.csv").read_bytes()
    for what, statement in WRITTEN_BY_PROCESS.items():
        assert sorted(rows(held, statement), key=repr) == sorted(rows(plain, statement), key=repr), what
