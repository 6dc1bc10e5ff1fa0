from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from feedmill.errors import StoreError
from feedmill.schema import Field, Schema
from tests.stores.fault_suite import PoisonSuite, ResumeSuite
from tests.stores.feeding import load, run_info
from tests.stores.rigs import Rig, SqliteRig
from tests.stores.suite import SMALL, Suite

if TYPE_CHECKING:
    from pathlib import Path

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
