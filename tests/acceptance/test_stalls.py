"""A command that hangs says on what, ends with exit code 3, and can be continued."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.test_resume import (
    HELD,
    HOLD_IN_POSTGRESQL,
    HOLD_IN_SQLITE,
    RELEASE_IN_POSTGRESQL,
    RELEASE_IN_SQLITE,
    SCHEMA,
    STORED,
    load,
    prepare,
    rows,
    script,
    write_items,
)
from tests.acceptance.truth import PARTS
from tests.command import Command


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """Write a feed of three ranges; a run hangs in the third one."""
    return write_items(tmp_path / "feed.csv", HELD + 10_000)


def test_a_pipe_that_nobody_opens(feedmill: Command) -> None:
    feedmill.write("items.json", SCHEMA)
    os.mkfifo(feedmill.directory / "pipe.csv")
    done = feedmill.apart("validate", "pipe.csv", schema="items.json", stall_timeout=0.5)
    assert done.code == 3, done
    assert "opening feed pipe.csv" in done.err


def test_a_pipe_that_nobody_writes_to(feedmill: Command) -> None:
    feedmill.write("items.json", SCHEMA)
    os.mkfifo(feedmill.directory / "pipe.csv")
    over = threading.Event()

    def write_the_head() -> None:
        with (feedmill.directory / "pipe.csv").open("w") as pipe:
            pipe.write("sku,price\n1,2\n")
            pipe.flush()
            over.wait()

    writer = threading.Thread(target=write_the_head)
    writer.start()
    try:
        done = feedmill.apart(
            "load",
            "pipe.csv",
            to="sqlite:///a.db",
            schema="items.json",
            stall_timeout=5,
            report="report.json",
        )
    finally:
        over.set()
        writer.join()
    assert done.code == 3, done
    assert "feedmill-reader-1 reads feed 1 from its start" in done.err.splitlines()[-1]
    assert "feedmill-reader-1 (most recent call first)" in done.err
    assert "feedmill-lane-0 waits to get at inbox of lane 0" in done.err
    assert feedmill.report()["stopped"] == "fault"


def test_a_store_that_hangs_in_sqlite(feedmill: Command, items: Path) -> None:
    prepare(feedmill, "sqlite:///plain.db")
    prepare(feedmill, "sqlite:///held.db")
    held = feedmill.directory / "held.db"
    script(held, HOLD_IN_SQLITE.format(table="items", key=HELD))
    arguments, options = load(items, "sqlite:///held.db")
    done = feedmill.apart(*arguments, workers=1, stall_timeout=3, **options)
    assert done.code == 3, done
    assert "feedmill-lane-0 applies bytes " in done.err.splitlines()[-1]
    assert "--resume" in done.err.splitlines()[-1]
    report = feedmill.report()
    assert 0 < report["records"] < HELD
    assert report["outcomes"]["inserted"] == len(rows(held, "SELECT * FROM items"))
    script(held, RELEASE_IN_SQLITE)
    assert feedmill(*arguments, "--resume", workers=3, **options).code == 1
    resumed = (feedmill.directory / "rejects.csv").read_bytes()
    arguments, options = load(items, "sqlite:///plain.db")
    assert feedmill(*arguments, **options).code == 1
    assert (feedmill.directory / "rejects.csv").read_bytes() == resumed
    for statement in (STORED, PARTS):
        assert rows(held, statement) == rows(feedmill.directory / "plain.db", statement)


@pytest.mark.postgres
def test_a_lock_that_somebody_holds_in_postgresql(feedmill: Command, items: Path, postgres_url: str) -> None:
    prepare(feedmill, postgres_url)
    arguments, options = load(items, postgres_url, lanes=2)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(HOLD_IN_POSTGRESQL.format(table="items", key=HELD, after=0))
        connection.execute("SELECT pg_advisory_lock(1)")
        done = feedmill.apart(*arguments, workers=2, stall_timeout=3, **options)
        connection.execute("SELECT pg_advisory_unlock(1)")
        connection.execute(RELEASE_IN_POSTGRESQL.format(table="items"))
        assert done.code == 3, done
        assert "nothing has moved" in done.err.splitlines()[-1]
        assert "feedmill-lane-" in done.err.splitlines()[-1]
        assert 0 < feedmill.report()["records"] < HELD

        def result() -> tuple[object, ...]:
            tables = [connection.execute(statement).fetchall() for statement in (STORED, PARTS)]
            return (feedmill.directory / "rejects.csv").read_bytes(), tables

        assert feedmill(*arguments, "--resume", workers=3, **options).code == 1
        after_resuming = result()
        connection.execute("TRUNCATE items")
        assert feedmill(*arguments, **options).code == 1
        assert result() == after_resuming
