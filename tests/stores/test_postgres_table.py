from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from feedmill.errors import UsageError
from tests.stores.fault_suite import PoisonSuite, ResumeSuite
from tests.stores.feeding import load, run_info
from tests.stores.rigs import PostgresRig, Rig
from tests.stores.suite import SMALL, Suite

if TYPE_CHECKING:
    from feedmill.stores.merge import Mode

pytestmark = pytest.mark.postgres


@pytest.fixture
def rig(postgres_url: str) -> Rig:
    return PostgresRig(postgres_url)


class TestPostgres(Suite, ResumeSuite, PoisonSuite):
    pass


@pytest.mark.parametrize("mode", ["upsert", "insert", "ignore"])
def test_key_that_takes_other_texts_for_one(rig: Rig, mode: Mode) -> None:
    rig.execute("CREATE TABLE items (sku char(3) PRIMARY KEY, stock bigint)")
    with pytest.raises(UsageError, match="--lanes 1"):
        rig.sink(SMALL, mode=mode, lanes=2).begin(run_info("run-0"))
    result = load(rig.sink(SMALL, mode=mode), SMALL, [[[("a", 1), ("a ", 2), ("b", 3)]]])
    losers = {"upsert": (2, 0, 0, 1), "insert": (2, 0, 0, 0), "ignore": (2, 0, 1, 0)}
    assert result.counts() == losers[mode]
    assert len(result.rejects()) == (mode == "insert")
    again = load(rig.sink(SMALL, mode=mode), SMALL, [[[("b  ", 3)]]], run_info("run-2"))
    assert again.counts() == ((0, 0, 0, 0) if mode == "insert" else (0, 0, 1, 0))
    winner = 2 if mode == "upsert" else 1
    assert rig.query("SELECT sku, stock FROM items ORDER BY sku") == [("a  ", winner), ("b  ", 3)]
