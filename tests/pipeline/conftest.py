"""Small ranges, so that a few hundred records make many; and no thread may stay behind."""

from collections.abc import Iterator

import pytest

from feedmill.pipeline import ranges
from tests.pipeline.rigs import threads_alive

RANGE_RECORDS = 40


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RECORDS", RANGE_RECORDS)


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    assert threads_alive() == []
