"""What the fault tests share: a feed, a shop in each database, and what an undisturbed run makes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.feeds import write_feed
from tests.faults.shop import PostgresShop, Shop, SqliteShop, State, ended
from tests.postgres_server import PostgresServer

RECORDS = 6_000
"""Twenty ranges of `job.RANGE_RECORDS`, on PostgreSQL each of two parts."""

FAULTS = int(os.environ.get("FEEDMILL_FAULTS", "40"))
"""Random faults a test and database: with the ten of the other build, a hundred kills in continuous
integration; `make torture` asks for a thousand in all."""


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """An undisturbed run."""

    state: State
    parts: int
    elapsed_s: float


@pytest.fixture(scope="session")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "offers.csv"
    write_feed(path, RECORDS, seed=11, bad=0.05, repeats=0.2)
    return path


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, feed: Path
) -> Iterator[Shop]:
    """Make a shop of a module's own in each database."""
    directory = tmp_path_factory.mktemp("shop")
    if request.param == "sqlite":
        yield Shop(SqliteShop(tmp_path_factory.mktemp("sqlite") / "shop.db"), directory, feed)
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"faults_{directory.name}".replace("-", "_")
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield Shop(PostgresShop(server.url(name)), directory, feed)
    with server.connect() as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def undisturbed(shop: Shop) -> Undisturbed:
    """Run once without a disturbance."""
    shop.reset()
    started = time.perf_counter()
    code, err = ended(shop.start())
    elapsed_s = time.perf_counter() - started
    assert code == 1, err
    state = shop.state()
    assert all(state.values()), "something to compare is empty"
    return Undisturbed(state | {"exit code": code, "said": err}, shop.parts(), elapsed_s)
