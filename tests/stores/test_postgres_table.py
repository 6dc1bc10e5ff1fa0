import pytest

from tests.stores.fault_suite import PoisonSuite, ResumeSuite
from tests.stores.rigs import PostgresRig, Rig
from tests.stores.suite import Suite

pytestmark = pytest.mark.postgres


@pytest.fixture
def rig(postgres_url: str) -> Rig:
    return PostgresRig(postgres_url)


class TestPostgres(Suite, ResumeSuite, PoisonSuite):
    pass
