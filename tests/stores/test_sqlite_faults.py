"""What SQLite and its file can do to a run."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from feedmill.errors import StoreError
from feedmill.schema import Field, Schema
from feedmill.stores.sqlite import SqliteDatabase, SqliteTransaction
from tests.stores.feeding import Ranges, load, parts_of, run_info
from tests.stores.rigs import NO_RETRY, SqliteRig
from tests.stores.suite import KEYLESS, SMALL

FEED: Ranges = [[[("a", 1), ("b", 2)]], [[("c", 3)]]]


@pytest.fixture
def rig(tmp_path: Path) -> SqliteRig:
    return SqliteRig(tmp_path)


def test_lock_that_is_released_is_waited_for(rig: SqliteRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.stores.sqlite.BUSY_TIMEOUT_S", 0.01)
    sink = rig.sink(KEYLESS)
    sink.begin(run_info())
    writer = sink.lane(0)
    parts = parts_of(KEYLESS, FEED, 0, 1)
    writer.apply(parts[0])
    refused = threading.Event()
    stop = sink._tables.database.stop  # type: ignore[attr-defined]
    wait = stop.wait

    def noticing(timeout: float | None = None) -> bool:
        refused.set()
        return bool(wait(timeout))

    stop.wait = noticing
    outcomes = []
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        thread = threading.Thread(target=lambda: outcomes.append(writer.apply(parts[1])))
        thread.start()
        assert refused.wait(60)
        outsider.execute("COMMIT")
        thread.join(60)
    assert [outcome.inserted for outcome in outcomes] == [1]
    writer.close()
    sink.finish()


def test_file_that_stays_locked(rig: SqliteRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedmill.stores.sqlite.BUSY_TIMEOUT_S", 0.01)
    load(rig.sink(KEYLESS), KEYLESS, FEED)
    with closing(sqlite3.connect(rig.path, isolation_level=None)) as outsider:
        outsider.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process keeps the file locked"):
            rig.sink(KEYLESS, retry=NO_RETRY).begin(run_info("run-2"))


def test_fault_after_commit_is_looked_up(rig: SqliteRig) -> None:
    """A COMMIT that looks as if it failed may have worked; the second try finds the ledger's row."""
    sink = rig.sink(KEYLESS)
    sink.begin(run_info())
    writer = sink.lane(0)
    session = writer._session  # type: ignore[attr-defined]
    attempt = session._attempt
    lost = []

    def losing(work: object) -> object:
        result = attempt(work)
        if not lost:
            lost.append(result)
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorname = "SQLITE_BUSY"
            raise error
        return result

    session._attempt = losing
    outcomes = [writer.apply(part) for part in parts_of(KEYLESS, FEED, 0, 1)]
    assert [outcome.replayed for outcome in outcomes] == [True, False]
    assert rig.query("SELECT count(*) FROM items") == [(3,)]
    writer.close()
    sink.finish()


@pytest.mark.parametrize(
    ("prepare", "words"),
    ids=["text", "directory", "link"],
    argvalues=[
        (lambda path: path.write_bytes(b"no database, but long enough to be taken for one" * 40), "NOTADB"),
        (lambda path: path.mkdir(), "CANTOPEN"),
        (lambda path: path.symlink_to(path.parent / "no" / "such"), "CANTOPEN"),
    ],
)
def test_file_that_is_none(rig: SqliteRig, prepare: object, words: str) -> None:
    prepare(rig.path)  # type: ignore[operator]
    with pytest.raises(StoreError, match=words):
        rig.sink(KEYLESS).begin(run_info())


def test_full_disk(rig: SqliteRig) -> None:
    sink = rig.sink(KEYLESS)
    sink.begin(run_info())
    writer = sink.lane(0)
    first, second = parts_of(KEYLESS, [[[("a", 1)]], [[("x" * 500_000, 1)]]], 0, 1)
    writer.apply(first)
    connection = writer._session._connection  # type: ignore[attr-defined]
    [(pages,)] = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="free disk space"):
        writer.apply(second)
    connection.execute("PRAGMA max_page_count = 100000")
    assert writer.apply(second).inserted == 1
    assert rig.query("SELECT count(*) FROM feedmill_ledger") == [(2,)]
    writer.close()
    sink.finish()


def test_abort_interrupts_a_statement(rig: SqliteRig) -> None:
    database = SqliteDatabase(str(rig.path))
    session = database.session()
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    started = threading.Event()
    faults: list[BaseException] = []

    def work(transaction: SqliteTransaction) -> None:
        started.set()
        transaction.execute(endless)

    def run() -> None:
        try:
            session.transact(work)
        except StoreError as fault:
            faults.append(fault)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    while thread.is_alive():
        # The statement may not have begun when it is interrupted the first time.
        database.abort()
        thread.join(0.01)
    assert "--resume" in str(faults[0])
    session.close()


@pytest.mark.parametrize("kind", ["WITHOUT ROWID", "STRICT"])
def test_kinds_of_tables(rig: SqliteRig, kind: str) -> None:
    rig.execute(f"CREATE TABLE items (sku TEXT PRIMARY KEY, stock INTEGER) {kind}")
    load(rig.sink(SMALL), SMALL, FEED)
    result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 3)]]], run_info("run-2"))
    assert result.counts() == (0, 1, 1, 0)


def test_names_in_other_letter_case(rig: SqliteRig) -> None:
    rig.execute("CREATE TABLE Items (SKU TEXT PRIMARY KEY, Stock INTEGER)")
    load(rig.sink(SMALL), SMALL, FEED)
    assert rig.query("SELECT * FROM items WHERE sku = 'a'") == [("a", 1)]


def test_rows_that_a_trigger_ignores_are_unchanged(rig: SqliteRig) -> None:
    rig.execute(
        "CREATE TABLE items (sku TEXT PRIMARY KEY, stock INTEGER)",
        "CREATE TRIGGER quiet BEFORE INSERT ON items WHEN NEW.stock = 7 BEGIN SELECT RAISE(IGNORE); END",
    )
    result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 7), ("c", 2)]]])
    assert result.counts() == (2, 0, 1, 0)


def test_rows_that_a_trigger_refuses_are_rejected(rig: SqliteRig) -> None:
    rig.execute(
        "CREATE TABLE items (sku TEXT PRIMARY KEY, stock INTEGER)",
        "CREATE TRIGGER loud BEFORE INSERT ON items WHEN NEW.stock = 7 BEGIN SELECT RAISE(ABORT, 'no 7'); "
        "END",
    )
    result = load(rig.sink(SMALL), SMALL, [[[("a", 1), ("b", 7), ("c", 2)]]])
    assert [reject.message for reject in result.rejects()] == ["no 7 (SQLSTATE P0001)"]


def test_decimals_are_exact(rig: SqliteRig) -> None:
    schema = Schema((Field("id", "integer"), Field("x", "number")), primary_key=("id",))
    texts = ["0.1", "1e400", "123456789012345678901234567890.5", "-0.00"]
    load(rig.sink(schema), schema, [[[(number, text) for number, text in enumerate(texts)]]])
    assert [value for (value,) in rig.query("SELECT x FROM items ORDER BY id")] == texts
