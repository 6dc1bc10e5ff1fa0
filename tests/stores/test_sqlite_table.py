from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

import feedmill
from feedmill.errors import StoreError
from feedmill.keys import ForeignKey
from feedmill.schema import Field, Schema
from tests.stores.fault_suite import PoisonSuite, ResumeSuite
from tests.stores.feeding import load, run_info
from tests.stores.rigs import Rig, SqliteRig
from tests.stores.suite import SMALL, Suite

if TYPE_CHECKING:
    from pathlib import Path

    from feedmill.report import Report
    from feedmill.stores.merge import Mode


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return SqliteRig(tmp_path)


class TestSqlite(Suite, ResumeSuite, PoisonSuite):
    pass


@pytest.mark.parametrize("mode", ["upsert", "insert", "ignore"])
def test_key_that_takes_other_texts_for_one(rig: Rig, mode: Mode) -> None:
    rig.execute("CREATE TABLE items (sku text COLLATE NOCASE PRIMARY KEY, stock bigint)")
    result = load(rig.sink(SMALL, mode=mode), SMALL, [[[("a", 1), ("A", 2), ("b", 3)]]])
    losers = {"upsert": (2, 0, 0, 1), "insert": (2, 0, 0, 0), "ignore": (2, 0, 1, 0)}
    assert result.counts() == losers[mode]
    assert len(result.rejects()) == (mode == "insert")
    winner = ("A", 2) if mode == "upsert" else ("a", 1)
    assert rig.query("SELECT sku, stock FROM items ORDER BY sku") == [winner, ("b", 3)]


def test_change_of_letter_case_is_a_change(rig: Rig) -> None:
    rig.execute("CREATE TABLE items (sku text PRIMARY KEY, title text COLLATE NOCASE)")
    schema = Schema((Field("sku"), Field("title")), primary_key=("sku",))
    load(rig.sink(schema), schema, [[[("a", "Cup")]]])
    result = load(rig.sink(schema), schema, [[[("a", "cup")]]], run_info("run-2"))
    assert result.counts() == (0, 1, 0, 0)
    assert rig.query("SELECT title FROM items") == [("cup",)]


def test_text_that_would_become_a_number_is_refused(rig: Rig) -> None:
    rig.execute("CREATE TABLE items (sku INTEGER PRIMARY KEY, stock bigint)")
    with pytest.raises(StoreError, match="is INTEGER, and the field is a string"):
        rig.sink(SMALL).begin(run_info())


def test_value_that_is_no_row_number_is_a_reject(rig: Rig) -> None:
    schema = Schema((Field("id", "number"), Field("text")), primary_key=("id",))
    rig.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, text)")
    result = load(rig.sink(schema), schema, [[[(Decimal(1), "a"), (Decimal("1.5"), "b")]]])
    assert result.counts() == (1, 0, 0, 0)
    assert [reject.code for reject in result.rejects()] == ["database"]


@pytest.mark.parametrize(
    ("field", "before", "after", "stored"),
    [
        (Field("id", "number"), "10", "10.0", "10"),
        (Field("id", "number"), "1.50", "1.5", "1.5"),
        (Field("id", "number"), "-0.0", "0", "0"),
        (Field("id", "number", bare_number=False), "R$ 007.250", "7.25", "7.25"),
        (
            Field("id", format="uuid"),
            "F47AC10B-58CC-4372-A567-0E02B2C3D479",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        ),
    ],
)
@pytest.mark.parametrize("in_one_run", [True, False])
def test_a_key_is_the_same_however_it_is_written(
    tmp_path: Path, field: Field, before: str, after: str, stored: str, *, in_one_run: bool
) -> None:
    """SQLite compares texts; the kernel's own comparison, and PostgreSQL's, are of values."""
    schema = Schema((field, Field("title")), primary_key=("id",))
    feed, url = tmp_path / "feed.csv", f"sqlite:///{tmp_path}/items.db"
    lines = [f"{before},first", f"{after},second"]
    for batch in [lines] if in_one_run else [[line] for line in lines]:
        feed.write_text("\n".join(["id,title", *batch]) + "\n")
        assert feedmill.load(str(feed), url, schema, table="items").failures == 0
    with closing(sqlite3.connect(tmp_path / "items.db")) as connection:
        assert connection.execute("SELECT id, title FROM items").fetchall() == [(stored, "second")]


def load_items(tmp_path: Path, schema: Schema, lines: str, table: str, mode: str | None = None) -> Report:
    feed = tmp_path / f"{table}.csv"
    feed.write_text(",".join(schema.names) + "\n" + lines)
    return feedmill.load(str(feed), f"sqlite:///{tmp_path}/items.db", schema, table=table, mode=mode)


def test_a_number_is_the_same_text_in_all_keys(tmp_path: Path) -> None:
    """What refers to a key finds it; so does a later run, whatever the mode of this one."""
    own, items = ForeignKey(("up",), "", ("id",)), ForeignKey(("id",), str(tmp_path / "items.csv"), ("id",))
    parent = Schema(
        (Field("id", "number"), Field("up", "number"), Field("price", "number")),
        primary_key=("id",),
        foreign_keys=(own,),
    )
    child = Schema((Field("n", "integer"), Field("id", "number")), primary_key=("n",), foreign_keys=(items,))
    lines = "1.50,1.500,1.50\n+02.0,1.5,0.10\n"
    assert load_items(tmp_path, parent, lines, "items", mode="append").failures == 0
    with closing(sqlite3.connect(tmp_path / "items.db")) as connection:
        connection.execute("CREATE TABLE parts (n INTEGER PRIMARY KEY, id TEXT REFERENCES items (id))")
    assert load_items(tmp_path, child, "1,1.5\n2,2\n3,1.50\n4,7\n", "parts").failures == 1
    assert load_items(tmp_path, parent, "1.500,,1.50\n", "items").outcomes.updated == 1
    with closing(sqlite3.connect(tmp_path / "items.db")) as connection:
        assert connection.execute("SELECT * FROM items ORDER BY id").fetchall() == [
            ("1.5", None, "1.50"),
            ("2", "1.5", "0.10"),
        ]


def test_what_a_strict_table_does_not_take_is_a_reject(tmp_path: Path) -> None:
    schema = Schema((Field("id", "integer"), Field("x", "number", storage="float64")), primary_key=("id",))
    with closing(sqlite3.connect(tmp_path / "items.db")) as connection:
        connection.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, x REAL) STRICT")
    report = load_items(tmp_path, schema, "1,NaN\n2,1.5\n", "items")
    assert (report.outcomes.inserted, report.failures) == (1, 1)
    assert report.rejects_by_code == {"database": 1}


def test_what_is_no_number_is_kept(tmp_path: Path) -> None:
    """SQLite would make NULL of it, which is a value that the feed has not."""
    schema = Schema((Field("id", "integer"), Field("x", "number", storage="float64")), primary_key=("id",))
    feed = tmp_path / "feed.csv"
    feed.write_text("id,x\n1,NaN\n2,INF\n3,\n4,1.5\n")
    for _ in range(2):
        report = feedmill.load(str(feed), f"sqlite:///{tmp_path}/items.db", schema, table="items")
    assert report.outcomes.unchanged == 4
    with closing(sqlite3.connect(tmp_path / "items.db")) as connection:
        found = connection.execute("SELECT x FROM items ORDER BY id").fetchall()
    assert found == [("NaN",), (float("inf"),), (None,), (1.5,)]
