"""What every test shares: how randomness is seeded and shown, and what may be skipped where.

With CI=true and the shared test data present, a skipped test fails the run: what the project promises is
tested there, or the run is red. The one exception are reasons that start with "on this interpreter":
the other build tests those.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import shared_data

# No deadline: how long an example takes says nothing on a machine that others use too.
settings.register_profile(
    "feedmill",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.register_profile("feedmill-ci", settings.get_profile("feedmill"), max_examples=150)
# Each of the threads finds its own examples.
settings.register_profile("feedmill-parallel", settings.get_profile("feedmill"), max_examples=10)
IS_CI = os.environ.get("CI") == "true"
settings.load_profile("feedmill-ci" if IS_CI else "feedmill")

pytest_plugins = ["tests.postgres_server", "tests.brokers", "tests.command"]

# The tests start hundreds of interpreters; each would else compile all of feedmill.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

EXEMPT = "on this interpreter"


def pytest_configure(config: pytest.Config) -> None:
    # A shell's background job ignores SIGINT, and what tests start would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if str(config.getoption("parallel_threads", 1)) != "1":
        settings.load_profile("feedmill-parallel")


@pytest.fixture
def data() -> Path:
    """Name the folder of the shared test data."""
    return shared_data.path("")


def pytest_report_header() -> list[str]:
    gil = "on" if sys._is_gil_enabled() else "off"
    return [f"GIL: {gil}", f"shared test data: {shared_data.ROOT or shared_data.WHY_ABSENT}"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn skips into failures where nothing may be skipped."""
    report = yield
    if report.skipped and IS_CI and shared_data.ROOT and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(EXEMPT):
            report.outcome = "failed"
            report.longrepr = f"nothing may be skipped in CI, but this was: {reason}"
    return report
