from pathlib import Path

import pytest

from tests.stores.fault_suite import PoisonSuite, ResumeSuite
from tests.stores.rigs import Rig, SqliteRig
from tests.stores.suite import Suite


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return SqliteRig(tmp_path)


class TestSqlite(Suite, ResumeSuite, PoisonSuite):
    pass
