"""What the acceptance tests share: the command, and one generated feed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.feeds import Expectation, Generator, write_feed
from tests.acceptance import truth

RECORDS = 42_000
"""More than one range, which has 40,000 at most, so that keys are met again in a later transaction."""

SEED, BAD, REPEATS = 7, 0.03, 0.05


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated feed and what it has to become."""

    path: Path
    expectation: Expectation
    findings: list[truth.Finding]
    table: list[truth.Row]


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    """Generate a feed once."""
    path = tmp_path_factory.mktemp("feed") / "offers.csv"
    expectation = write_feed(path, RECORDS, seed=SEED, bad=BAD, repeats=REPEATS)
    return Generated(
        path,
        expectation,
        list(truth.findings_of(Generator(SEED, BAD, REPEATS), RECORDS)),
        truth.table_of(Generator(SEED, BAD, REPEATS), RECORDS),
    )
