"""The storages that the main job's tests run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.products.rigs import MemoryRig, PostgresRig, Rig, SqliteRig, SqlRig


def sql_rig_of(request: pytest.FixtureRequest, directory: Path) -> SqlRig:
    rig = (
        SqliteRig(directory)
        if request.param == "sqlite"
        else PostgresRig(request.getfixturevalue("postgres_url"))
    )
    with rig.opened():
        rig.add_dealers()
    return rig


@pytest.fixture(params=["sqlite", "postgresql"])
def sql_rig(request: pytest.FixtureRequest, tmp_path: Path) -> SqlRig:
    return sql_rig_of(request, tmp_path)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Rig:
    return MemoryRig() if request.param == "memory" else sql_rig_of(request, tmp_path)


@pytest.fixture
def postgres(postgres_url: str) -> PostgresRig:
    rig = PostgresRig(postgres_url)
    with rig.opened():
        rig.add_dealers()
    return rig


@pytest.fixture
def short_ranges(monkeypatch: pytest.MonkeyPatch) -> int:
    """Have ranges end after about 20 records, where chunks are as small; return a fitting chunk size."""
    monkeypatch.setattr("feedmill.pipeline.ranges.MAX_RECORDS", 20)
    return 1_000
