"""A run that is told to stop: it ends with 130, and what it reported is in the database.

The feed comes through a pipe that the test holds, so the run is where the test wants it when the signal
comes: the pipe stays open, there is more to read, and nothing hangs.
"""

from __future__ import annotations

import re
import signal
import sqlite3
from contextlib import closing
from subprocess import Popen

import pytest

from benchmarks.feeds import FIELDS, Generator, csv_line
from tests.acceptance import truth
from tests.command import PRODUCT_SCHEMA, TIMEOUT_S, Command

SCHEMA = {
    "name": "items",
    "primaryKey": "sku",
    "fields": [
        {"name": "sku", "type": "integer"},
        {"name": "price", "type": "number", "constraints": {"minimum": 1}},
    ],
}
EVERY = 1_000
"""Records a log line."""

WRITTEN = 20_000
OFFERS = "SELECT count(*) FROM product_dealers"


def half() -> bytes:
    """Write the first half of a feed; every 100th record is bad."""
    return b"sku,price\n" + b"".join(b"%d,%d\n" % (number, number % 100) for number in range(WRITTEN))


def start(
    feedmill: Command,
    *arguments: str,
    feed: bytes | None = None,
    schema: object = "items.json",
    **options: object,
) -> Popen[bytes]:
    """Start a run over standard input, and let it read so much that each worker has told something."""
    feedmill.write("items.json", SCHEMA)
    process = feedmill.start(
        *arguments,
        "-",
        schema=schema,
        chunk_size="4KiB",
        workers=1,
        log_every=EVERY,
        rejects="rejects.csv",
        report="report.json",
        **options,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(half() if feed is None else feed)
    process.stdin.flush()
    assert process.stdout.readline() == b"Worker 1: processed 1000 records\n"
    return process


def finish(process: Popen[bytes]) -> tuple[int, list[str], str]:
    """Wait for the end without closing the pipe."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    out = process.stdout.read().decode().splitlines()
    err = process.stderr.read().decode()
    code = process.wait(TIMEOUT_S)
    process.stdin.close()
    return code, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_reported_is_in_the_database(feedmill: Command, number: signal.Signals) -> None:
    with start(feedmill, "load", to="sqlite:///store.db") as process:
        process.send_signal(number)
        code, out, err = finish(process)
    assert code == 130, err
    assert "Traceback" not in err
    report = feedmill.report()
    assert out[-2:] == [
        f"Processing complete: {report['records']} records processed",
        f"Successes: {report['successes']}, Failures: {report['failures']}",
    ]
    # Whole chunks, from the first record on.
    assert EVERY <= report["records"] <= WRITTEN
    with closing(sqlite3.connect(feedmill.directory / "store.db")) as connection:
        stored = [sku for (sku,) in connection.execute("SELECT sku FROM items ORDER BY sku")]
    assert stored == [sku for sku in range(report["records"]) if sku % 100]
    rejects = (feedmill.directory / "rejects.csv").read_text().splitlines()[1:]
    assert len(rejects) == report["failures"] == -(-report["records"] // 100)


def test_the_main_job_reports_as_well(feedmill: Command) -> None:
    stopped(feedmill, "sqlite:///store.db")
    with closing(sqlite3.connect(feedmill.directory / "store.db")) as connection:
        assert connection.execute(OFFERS).fetchone() == (feedmill.report()["successes"],)


@pytest.mark.postgres
def test_the_main_job_in_postgresql_reports_as_well(feedmill: Command, postgres_url: str) -> None:
    stopped(feedmill, postgres_url)
    assert truth.postgres_rows(postgres_url, OFFERS) == [(feedmill.report()["successes"],)]


def stopped(feedmill: Command, url: str) -> None:
    """Stop `process`; what it says then is what it has done."""
    records = Generator(bad=0.03).records(5_000)
    feed = b"".join(map(csv_line, (FIELDS, *(record.cells for record in records))))
    with start(feedmill, "process", "--create-dealers", to=url, schema=PRODUCT_SCHEMA, feed=feed) as process:
        process.send_signal(signal.SIGTERM)
        code, out, err = finish(process)
    assert (code, err) == (130, "")
    report = feedmill.report()
    assert (report["stopped"], report["outcomes"]["inserted"]) == ("interrupted", report["successes"])
    assert EVERY <= report["records"] <= 5_000
    assert out[-2:] == [
        f"Processing complete: {report['records']} records processed",
        f"Successes: {report['successes']}, Failures: {report['failures']}",
    ]
    assert len((feedmill.directory / "rejects.csv").read_text().splitlines()) == 1 + report["failures"]


@pytest.mark.parametrize(
    "command", [("validate",), ("validate", "--valid", "out.csv"), ("load", "--to", "out.jsonl")]
)
def test_without_a_database_it_ends_as_well(feedmill: Command, command: tuple[str, ...]) -> None:
    with start(feedmill, *command) as process:
        process.send_signal(signal.SIGTERM)
        code, out, err = finish(process)
    assert code == 130, err
    assert "Traceback" not in err
    assert re.fullmatch(r"Processing complete: \d+ records processed", out[-2])


def test_a_second_signal_cancels(feedmill: Command) -> None:
    with start(feedmill, "load", to="sqlite:///store.db") as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        code, _, err = finish(process)
    assert code == 130, err
    assert "Traceback" not in err


def test_the_feeds_end_before_the_signal_changes_nothing(feedmill: Command) -> None:
    with start(feedmill, "load", to="sqlite:///store.db") as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, err
    assert out.decode().splitlines()[-1] == f"Successes: {WRITTEN * 99 // 100}, Failures: {WRITTEN // 100}"


def test_a_producer_that_stops_short_of_a_line_loses_nothing(feedmill: Command) -> None:
    """The last record needs no line end."""
    with start(feedmill, "load", to="sqlite:///store.db") as process:
        out, err = process.communicate(b"%d,7" % WRITTEN, timeout=TIMEOUT_S)
    assert process.returncode == 1, err
    assert out.decode().splitlines()[-2] == f"Processing complete: {WRITTEN + 1} records processed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_first_byte(feedmill: Command, number: signal.Signals) -> None:
    """The run waits for its header. Nobody can know when it has begun to, so it may end either way."""
    feedmill.write("items.json", SCHEMA)
    with feedmill.start("validate", "-", schema="items.json") as process:
        process.send_signal(number)
        out, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode in {130, -number}
    assert out == b""
