r"""Measure what `feedmill process` costs on PostgreSQL, and what else there is costs.

::

    python benchmarks/postgres.py FEED [--json OUT]      with a server of its own, started for the occasion
    python benchmarks/postgres.py FEED --url URL         on a server of yours, in databases feedmill_bench_*

============  ==============================================================================================
first         into empty tables
unchanged     the same feed once more
1 % changed   the feed with every hundredth price changed
100 % changed the feed with every price changed
verify        unchanged, with ``--verify``: compared in the database, and not with the hashes in memory
============  ==============================================================================================

each with one lane and with two, and, as far as they do the same work:

============  ==============================================================================================
floor         psql, asked for the statements that feedmill has sent on one lane, and for ``\copy`` of the same
              rows: the server does the same, and the client next to nothing (`postgres_floor`)
copy          ``psql \copy`` into a temporary table and SQL by hand, unvalidated: products and offers only
pgloader      the same by pgloader, where it is installed
executemany   a loop over csv.reader and `executemany`, 10,000 rows a transaction, in Python
============  ==============================================================================================

Rows a second are of the wall clock. CPU seconds are of the process that loads, its threads added up and its
start included, and of all processes of the server, if that is the benchmark's own: they count where other
work on the machine disturbs. *Over the floor* is what both have used, beside what they had for the floor,
without what a feed of one record takes: to start Python and feedmill, and to connect. It says nothing of two
lanes, as the floor has one. WAL is what the server wrote for it, by ``pg_current_wal_lsn``, and dead tuples
are of the three tables of products.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter, sleep

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.postgres_loaders import (
    BAD_BYTES,
    Loader,
    changed,
    executemany,
    only_good,
    pgloader,
    process,
    psql,
    recorded,
    replayed,
)

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
FLOOR = "floor: psql, the same SQL"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one load took."""

    loader: str
    case: str
    lanes: int
    records: int
    elapsed_s: float
    client_cpu_s: float
    server_cpu_s: float | None
    wal_bytes: int
    dead_tuples: int

    @property
    def cpu_s(self) -> float:
        """What client and server have used."""
        return self.client_cpu_s + (self.server_cpu_s or 0.0)

    def over(self, floor: Measured | None, start_cpu_s: float) -> str:
        """Say how much more than the floor it took."""
        if floor is None or self.server_cpu_s is None or (self.loader, self.lanes) != ("feedmill", 1):
            return ""
        return f"{(self.cpu_s - start_cpu_s) / floor.cpu_s - 1:+.0%}"

    def line(self, over: str) -> str:
        """Write a line of the table."""
        server = "" if self.server_cpu_s is None else f"{self.server_cpu_s / self.records * 1e6:.2f}"
        return (
            f"| {self.loader} | {self.case} | {self.lanes} | {self.records / self.elapsed_s:,.0f} |"
            f" {self.client_cpu_s / self.records * 1e6:.2f} | {server} | {over} |"
            f" {self.wal_bytes / self.records:,.1f} | {self.dead_tuples:,} |"
        )


HEAD = (
    "| loader | case | lanes | records/s | client CPU s / million | server CPU s / million | over the floor |"
    " WAL bytes a record | dead tuples |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def server_cpu_s(postmaster: int) -> float:
    """Add up what a server's processes have used, those that are gone included."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which may hold anything: state, parent, and from the twelfth on the times.
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        if int(path.parent.name) == postmaster:
            total += own + ended
        elif int(fields[1]) == postmaster:
            total += own
    return total / TICKS_A_SECOND


class Bench:
    """Loads into one database after the other.

    Parameters
    ----------
    administration : str
        URL of a database to make others from.
    records : int
        Records of the feed.
    postmaster : int, optional
        The process of a server on this machine.
    """

    def __init__(self, administration: str, records: int, postmaster: int | None = None) -> None:
        self._administration = administration
        self._records = records
        self._postmaster = postmaster
        self._floors: dict[str, Measured] = {}
        self._start_cpu_s = 0.0

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Make an empty database with the tables of the main job."""
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "feedmill_bench_{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "feedmill_bench_{name}"')
        url = self._administration.rpartition("/")[0] + f"/feedmill_bench_{name}"
        subprocess.run(
            [sys.executable, "-m", "feedmill", "migrate", url], check=True, stdout=subprocess.DEVNULL
        )
        yield url
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "feedmill_bench_{name}" WITH (FORCE)')

    def measure(self, loader: str, case: str, lanes: int, url: str, load: Callable[[], float]) -> Measured:
        """Run one load and look at the server before and after."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
            wal, dead = self._state(connection)
            server_s = self._server_cpu_s()
            started = perf_counter()
            cpu_s = load()
            elapsed_s = perf_counter() - started
            # Its backends may be about to end.
            sleep(0.2)
            used_s = None if server_s is None else (self._server_cpu_s() or 0.0) - server_s
            wal_after, dead_after = self._state(connection)
        measured = Measured(
            loader,
            case,
            lanes,
            self._records,
            elapsed_s,
            cpu_s,
            used_s,
            wal_after - wal,
            max(0, dead_after - dead),
        )
        if loader == FLOOR:
            self._floors[case] = measured
        over = measured.over(self._floors.get(case), self._start_cpu_s)
        print(measured.line(over), flush=True)
        return measured

    def start(self, feed: Path) -> None:
        """Find out what a feed of one record takes, which comes with every other."""
        with self.database("start") as url:
            tried = []
            # The first time may compile all of it.
            for _ in range(4):
                server_s = self._server_cpu_s() or 0.0
                client_s = process("--lanes", "1")(url, feed)
                sleep(0.2)
                tried.append((client_s + (self._server_cpu_s() or 0.0) - server_s, client_s))
        self._start_cpu_s, client_s = min(tried)
        print(f"A feed of one record takes {client_s:.2f} CPU s of the client.\n\n{HEAD}", flush=True)

    def _server_cpu_s(self) -> float | None:
        return None if self._postmaster is None else server_cpu_s(self._postmaster)

    def _state(self, connection: psycopg.Connection) -> tuple[int, int]:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, sum(n_dead_tup)::bigint"
            " FROM pg_stat_user_tables WHERE relname IN ('products', 'product_dealers', 'dealers')"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def floors(feeds: dict[str, Path], aside: Path, bench: Bench) -> Iterator[Measured]:
    """Record what feedmill sends, and have psql send it to another database in the same state."""
    cases = (("first", "first", ()), ("100 % changed", "all", ()), ("verify", "all", ("--verify",)))
    with bench.database("record") as url:
        for case, feed, options in cases:
            recorded(url, feeds[feed], aside / case, *options)
    with bench.database("floor") as url:
        for case, feed, _ in cases:
            load = replayed(aside / case)
            yield bench.measure(FLOOR, case, 1, url, lambda load=load, feed=feed: load(url, feeds[feed]))
            shutil.rmtree(aside / case)


def lanes(number: int, feeds: dict[str, Path], bench: Bench) -> Iterator[Measured]:
    """Let feedmill load on so many lanes."""
    cases = (
        ("first", "first", ()),
        ("unchanged", "first", ()),
        ("1 % changed", "one", ()),
        ("100 % changed", "all", ()),
        ("verify", "all", ("--verify",)),
    )
    with bench.database(f"lanes_{number}") as url:
        for case, feed, options in cases:
            load = process("--lanes", str(number), *options)
            yield bench.measure(
                "feedmill", case, number, url, lambda load=load, feed=feed: load(url, feeds[feed])
            )


def others(feeds: dict[str, Path], bench: Bench) -> Iterator[Measured]:
    """Let others load what feedmill has let pass."""
    loaders: list[tuple[str, Loader, tuple[str, ...]]] = [
        ("psql \\copy + SQL", psql, ("first", "unchanged", "100 % changed")),
        ("executemany", executemany, ("first", "unchanged")),
    ]
    if shutil.which("pgloader"):
        loaders.insert(1, ("pgloader + SQL", pgloader, ("first", "unchanged")))
    for number, (name, loader, cases) in enumerate(loaders):
        with bench.database(f"other_{number}") as url:
            for case in cases:
                feed = feeds["good all" if case == "100 % changed" else "good"]
                yield bench.measure(name, case, 1, url, lambda loader=loader, feed=feed: loader(url, feed))


def everything(feed: Path, aside: Path, bench: Bench) -> Iterator[Measured]:
    """Run everything."""
    one = aside / "start.csv"
    with feed.open("rb") as file:
        one.write_bytes(file.readline() + file.readline())
    bench.start(one)
    feeds = {
        "first": feed,
        "one": changed(feed, 100, aside / "one.csv"),
        "all": changed(feed, 1, aside / "all.csv"),
    }
    feeds["good"] = only_good(feed, aside / "good.csv")
    feeds["good all"] = only_good(feeds["all"], aside / "good-all.csv")
    yield from floors(feeds, aside, bench)
    for number in (1, 2):
        yield from lanes(number, feeds, bench)
    yield from others(feeds, bench)


@contextmanager
def own_server() -> Iterator[tuple[str, int]]:
    """Start a server whose data are thrown away afterwards; its URL, and its process."""
    from tests.postgres_server import find_binaries, server_user, start

    binaries = find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed; apt install postgresql, or give --url")
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-", dir="/tmp") as directory:
        server = start(binaries, Path(directory), server_user())
        with server.connect() as connection:
            # As a real one would have them; the tests' server is spared all that.
            for setting in (
                "fsync = on",
                "full_page_writes = on",
                "shared_buffers = '512MB'",
                "max_wal_size = '8GB'",
                # It would work beside whichever load is measured when it comes by.
                "autovacuum = off",
            ):
                connection.execute(f"ALTER SYSTEM SET {setting}")
        server.control("restart")
        try:
            yield server.url("postgres"), server.postmaster
        finally:
            server.control("-m", "immediate", "stop")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure feedmill process on PostgreSQL.")
    parser.add_argument("feed", type=Path)
    parser.add_argument("--url", help="postgresql://…/database of a server to use")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    feed = arguments.feed.resolve()
    with feed.open(newline="", encoding="utf-8", errors=BAD_BYTES) as file:
        records = sum(1 for _ in csv.reader(file)) - 1
    gil = "on" if sys._is_gil_enabled() else "off"
    print(f"{records:,} records, Python {sys.version.split()[0]}, GIL {gil}.", end=" ")
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-feeds-") as aside:
        if arguments.url:
            found = list(everything(feed, Path(aside), Bench(arguments.url, records)))
        else:
            with own_server() as (url, postmaster):
                found = list(everything(feed, Path(aside), Bench(url, records, postmaster)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(measured) for measured in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
