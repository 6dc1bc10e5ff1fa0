"""Real files into a database and back out, cell for cell as another program read them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests import shared_data
from tests.acceptance import truth
from tests.command import Command
from tests.conformance import oracle

FACTS = {name: fact for name, fact in shared_data.document("facts.json").items() if "file" in fact}

every_file = pytest.mark.parametrize("name", shared_data.params({name: name for name in FACTS}))


def names_of(fact: dict[str, Any]) -> list[str]:
    (width,) = map(int, fact["widths"])
    return fact["header"] or [f"c{number}" for number in range(width)]


def arguments(feedmill: Command, fact: dict[str, Any]) -> dict[str, object]:
    """Write a file's dialect as a user would, and a schema that takes every cell as it stands."""
    dialect = fact["dialect"]
    fields = [{"name": name, "type": "string"} for name in names_of(fact)]
    options: dict[str, object] = {
        "schema": feedmill.write("schema.json", {"fields": fields, "missingValues": []}),
        "delimiter": "tab" if dialect["delimiter"] == "\t" else dialect["delimiter"],
        "quote": dialect["quote"] or "none",
        "no_header": not fact["header"],
        "report": "report.json",
        "rejects": "rejects.csv",
    }
    optional = {"escape": dialect["escape"], "null": dialect["null_token"]}
    return options | {name: value for name, value in optional.items() if value is not None}


def expected_digest(fact: dict[str, Any]) -> str:
    return fact.get("rows_digest_sha256") or fact["rows_digest_sha256_with_null"]


def test_there_is_something_to_hold_it_against() -> None:
    if shared_data.ROOT is not None:
        assert len(FACTS) == 18


@every_file
def test_sqlite_holds_every_cell(feedmill: Command, name: str) -> None:
    fact = FACTS[name]
    path = shared_data.path(fact["file"].removeprefix("open/"))
    done = feedmill(
        "load", path, to="sqlite:///real.db", table="real", chunk_size="64KiB", **arguments(feedmill, fact)
    )
    assert done.code == 0, done
    assert done.last_lines == [
        f"Processing complete: {fact['records']} records processed",
        f"Successes: {fact['records']}, Failures: 0",
    ]
    report = feedmill.report()
    assert report["rejects_by_code"] == {}
    assert report["outcomes"]["inserted"] == fact["records"]
    # In the file's order: SQLite numbers rows as they come.
    rows = truth.sqlite_rows(feedmill.directory / "real.db", "SELECT * FROM real ORDER BY rowid")
    assert oracle.digest(rows) == expected_digest(fact)  # type: ignore[arg-type]  # they are texts
    assert len((feedmill.directory / "rejects.csv").read_text().splitlines()) == 1


@pytest.mark.postgres
@every_file
def test_postgresql_holds_every_cell(feedmill: Command, postgres_url: str, name: str) -> None:
    fact = FACTS[name]
    path = shared_data.path(fact["file"].removeprefix("open/"))
    done = feedmill("load", path, to=postgres_url, table="real", lanes=2, **arguments(feedmill, fact))
    assert done.code == 0, done
    # A table has no order: the same rows, each as often.
    rows = truth.postgres_rows(postgres_url, "SELECT * FROM real")
    assert Counter(rows) == Counter(oracle.records_of(name))


@every_file
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_written_file_holds_every_cell(feedmill: Command, name: str, kind: str) -> None:
    fact = FACTS[name]
    path = shared_data.path(fact["file"].removeprefix("open/"))
    options = arguments(feedmill, fact)
    assert feedmill("validate", path, valid=f"out.{kind}", **options).code == 0
    plain = {"schema": options["schema"], "table": "real"}
    # In JSON Lines null is null; in CSV an empty cell without quotes is, so that one is named.
    null = {"null": ""} if kind == "csv" else {}
    assert feedmill("load", f"out.{kind}", to="sqlite:///real.db", **plain, **null).code == 0
    rows = truth.sqlite_rows(feedmill.directory / "real.db", "SELECT * FROM real ORDER BY rowid")
    assert oracle.digest(rows) == expected_digest(fact)  # type: ignore[arg-type]  # they are texts
