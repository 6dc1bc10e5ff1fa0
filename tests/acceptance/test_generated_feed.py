"""A feed of which everything is known, through `validate`, `load` and `process`: nothing lost or made up.

Whatever the number of workers and lanes, the size of chunks and the build of the interpreter, the reject file
has the same bytes and the tables the same rows. Their digests stand here, so that all builds are held to the
same ones. A change of the generator or of a message changes them: look at the difference, then write down
the new ones, which the failing test shows.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import shared_data
from tests.acceptance import truth
from tests.acceptance.conftest import Generated
from tests.command import PRODUCT_SCHEMA, Command

type Query = Callable[[str], list[tuple[object, ...]]]

REJECTS_DIGEST = "13e58dc8759e684374f4b0144c3f07ca140e5d5026c04cb1d8ab14e8238f7bd6"
TABLE_DIGEST = "d1c0d60caac040677f2f2a42996b656325162c1e729d5ebd8d20da47d6083453"

SHAPES = [(1, 1, "64KiB"), (2, 2, "1MiB"), (7, 3, "64KiB"), (7, 4, "1MiB")]
"""Workers, lanes and chunk sizes that must not matter."""

OFFERS = """
SELECT d.code, p.sku, p.gtin, p.title, p.brand, p.category, o.price, o.currency, o.stock, o.condition, o.url,
       o.updated_at, o.weight_kg, p.description
FROM product_dealers AS o JOIN dealers AS d ON d.id = o.dealer_id JOIN products AS p ON p.id = o.product_id
"""


def rejects(feedmill: Command) -> bytes:
    return (feedmill.directory / "rejects.csv").read_bytes()


def counts(report: dict[str, object], feed: Generated) -> None:
    """Hold a report's counts to the expectation."""
    told = feed.expectation
    assert report["records"] == told.rows
    assert report["successes"] == told.good
    assert report["failures"] == told.bad
    assert report["rejects_by_code"] == told.reasons


def test_the_expectation_is_what_the_generator_wrote(feed: Generated) -> None:
    beside = json.loads(feed.path.with_name("offers.csv.expect.json").read_text())
    found = Counter(f"{each.column}.{each.code}".lstrip(".") for each in feed.findings)
    assert beside["reasons"] == found == feed.expectation.reasons
    assert beside["keys"] == len(feed.table)


def test_the_truth_is_of_the_recorded_digest(feed: Generated) -> None:
    assert truth.digest(feed.table) == TABLE_DIGEST


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("chunk_size", ["64KiB", "1MiB"])
def test_validate(feedmill: Command, feed: Generated, workers: int, chunk_size: str) -> None:
    done = feedmill(
        *("validate", feed.path),
        schema=PRODUCT_SCHEMA,
        rejects="rejects.csv",
        report="report.json",
        workers=workers,
        chunk_size=chunk_size,
    )
    assert done.code == 1
    counts(feedmill.report(), feed)
    assert truth.findings_in(feedmill.directory / "rejects.csv") == feed.findings
    assert truth.digest(rejects(feedmill)) == REJECTS_DIGEST


@pytest.mark.parametrize(("workers", "lanes", "chunk_size"), SHAPES)
def test_load_into_sqlite(
    feedmill: Command, feed: Generated, workers: int, lanes: int, chunk_size: str
) -> None:
    done = feedmill(
        *("load", feed.path),
        to="sqlite:///store.db",
        table="offers",
        schema=PRODUCT_SCHEMA,
        rejects="rejects.csv",
        report="report.json",
        workers=workers,
        lanes=lanes,
        chunk_size=chunk_size,
    )
    assert done.code == 1
    loaded(feedmill, feed)
    rows = truth.sqlite_rows(feedmill.directory / "store.db", f"SELECT {truth.COLUMNS} FROM offers")
    assert truth.digest(truth.canonical(rows)) == TABLE_DIGEST
    assert truth.canonical(rows) == feed.table


@pytest.mark.postgres
@pytest.mark.parametrize(("workers", "lanes", "chunk_size"), SHAPES)
def test_load_into_postgresql(
    feedmill: Command, feed: Generated, postgres_url: str, workers: int, lanes: int, chunk_size: str
) -> None:
    done = feedmill(
        *("load", feed.path),
        to=postgres_url,
        table="offers",
        schema=PRODUCT_SCHEMA,
        rejects="rejects.csv",
        report="report.json",
        workers=workers,
        lanes=lanes,
        chunk_size=chunk_size,
    )
    assert done.code == 1
    assert feedmill.report()["lanes"] == lanes
    loaded(feedmill, feed)
    rows = truth.postgres_rows(postgres_url, f"SELECT {truth.COLUMNS} FROM offers")
    assert truth.canonical(rows) == feed.table


def loaded(feedmill: Command, feed: Generated) -> None:
    """Hold a first load's report and reject file to the expectation."""
    report = feedmill.report()
    counts(report, feed)
    outcomes = report["outcomes"]
    assert outcomes["inserted"] == feed.expectation.keys
    assert sum(outcomes.values()) == feed.expectation.good
    # Repeats within a range are duplicates, those of an earlier range change a row, or, rarely, do not.
    assert outcomes["updated"] > 0
    assert outcomes["duplicate"] > 0
    assert truth.digest(rejects(feedmill)) == REJECTS_DIGEST


@pytest.mark.parametrize(("workers", "lanes", "chunk_size"), SHAPES[:2])
def test_process_into_sqlite(
    feedmill: Command, feed: Generated, workers: int, lanes: int, chunk_size: str
) -> None:
    done = feedmill(
        *("process", feed.path, "--create-dealers"),
        to="sqlite:///store.db",
        rejects="rejects.csv",
        report="report.json",
        workers=workers,
        lanes=lanes,
        chunk_size=chunk_size,
    )
    assert done.code == 1
    loaded(feedmill, feed)
    store = feedmill.directory / "store.db"
    assert truth.canonical(truth.sqlite_rows(store, OFFERS)) == feed.table
    processed(lambda statement: truth.sqlite_rows(store, statement), feedmill, feed)


@pytest.mark.postgres
@pytest.mark.parametrize(("workers", "lanes", "chunk_size"), SHAPES[1:])
def test_process_into_postgresql(
    feedmill: Command, feed: Generated, postgres_url: str, workers: int, lanes: int, chunk_size: str
) -> None:
    done = feedmill(
        *("process", feed.path, "--create-dealers"),
        to=postgres_url,
        rejects="rejects.csv",
        report="report.json",
        workers=workers,
        lanes=lanes,
        chunk_size=chunk_size,
    )
    assert done.code == 1
    loaded(feedmill, feed)
    assert truth.canonical(truth.postgres_rows(postgres_url, OFFERS)) == feed.table
    processed(lambda statement: truth.postgres_rows(postgres_url, statement), feedmill, feed)


def processed(query: Query, feedmill: Command, feed: Generated) -> None:
    """Hold what `process` writes beside the products to what it said."""
    outcomes = feedmill.report()["outcomes"]
    written = Counter(dict(query("SELECT outcome, count(*) FROM product_integration GROUP BY outcome")))
    assert written["inserted"] == outcomes["inserted"]
    assert written["updated"] == outcomes["updated"]
    assert written["failed"] == feed.expectation.bad
    failed = query("SELECT record, \"column\", code FROM product_integration WHERE status = 'failure'")
    assert sorted((number, column or "", code) for number, column, code in failed) == sorted(
        (each.record, each.column, each.code) for each in feed.findings
    )
    events = query("SELECT count(*), count(DISTINCT event_id) FROM outbox")
    assert events == [(outcomes["inserted"] + outcomes["updated"],) * 2]
    assert query("SELECT count(*) FROM dealers") == [(len({row[0] for row in feed.table}),)]


def test_a_second_run_changes_what_the_last_record_says_and_nothing_else(
    feedmill: Command, feed: Generated
) -> None:
    arguments = ("process", feed.path, "--create-dealers")
    feedmill(*arguments, to="sqlite:///store.db", quiet=True)
    store = feedmill.directory / "store.db"
    before = truth.canonical(truth.sqlite_rows(store, OFFERS))
    feedmill(*arguments, to="sqlite:///store.db", report="report.json")
    report = feedmill.report()
    counts(report, feed)
    assert report["outcomes"]["inserted"] == 0
    assert truth.canonical(truth.sqlite_rows(store, OFFERS)) == before == feed.table


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_load_into_a_file(feedmill: Command, feed: Generated, kind: str) -> None:
    """What is written can be read again, every value as it was, and is the same for every shape of a run."""
    written = set()
    for workers, _, chunk_size in SHAPES[1:3]:
        arguments = ("load", feed.path, "--quiet")
        done = feedmill(
            *arguments, to=f"out.{kind}", schema=PRODUCT_SCHEMA, workers=workers, chunk_size=chunk_size
        )
        assert done.code == 1
        written.add((feedmill.directory / f"out.{kind}").read_bytes())
    assert len(written) == 1
    done = feedmill(
        *("load", f"out.{kind}"), to="sqlite:///again.db", schema=PRODUCT_SCHEMA, table="offers", quiet=True
    )
    assert done.last_lines[-1] == f"Successes: {feed.expectation.good}, Failures: 0"
    rows = truth.sqlite_rows(feedmill.directory / "again.db", f"SELECT {truth.COLUMNS} FROM offers")
    assert truth.canonical(rows) == feed.table


# The shared data's own generator ————————————————————————————————————————————————————————————————————————————


@pytest.fixture(scope="session")
def given_feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the shared generator write a feed; its expectation is not ours."""
    path = tmp_path_factory.mktemp("given") / "feed.csv"
    generator = shared_data.path("").parent / "bench" / "gen_feed.py"
    if not generator.exists():
        pytest.skip(f"{generator.name} does not lie beside the shared test data")
    subprocess.run([sys.executable, generator, "20000", path], check=True)
    return path


@pytest.mark.parametrize("command", ["validate", "load", "process"])
def test_a_feed_of_the_shared_generator(feedmill: Command, given_feed: Path, command: str) -> None:
    options = {
        "validate": {"schema": PRODUCT_SCHEMA},
        "load": {"schema": PRODUCT_SCHEMA, "table": "offers", "to": "sqlite:///store.db"},
        "process": {"create_dealers": True, "to": "sqlite:///store.db"},
    }
    done = feedmill(command, given_feed, report="report.json", **options[command])
    expected = json.loads(given_feed.with_name("feed.csv.expect.json").read_text())
    report = feedmill.report()
    assert done.code == 1
    assert (report["records"], report["successes"], report["failures"]) == (
        expected["rows"],
        expected["good"],
        expected["bad"],
    )
    assert report["rejects_by_code"] == expected["reasons"]
