"""Measure what the options of docs/tuning.md do, each against the default in the same run.

::

    python benchmarks/tuning.py                      all of them
    python benchmarks/tuning.py job-buffer lanes     these only
    python benchmarks/tuning.py --postgres URL       a database of your own; by default one is started

Each setting is a run of ``feedmill`` in a process of its own over one feed of three columns, and says by
``--report`` what it took. All settings of an option take turns, several rounds, and of each the fastest round
counts. Shown are ratios to the default, as seconds say nothing about another machine.

The connection pool is a program's to set (`PostgresOptions`): what it costs to open one, and what it spares.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

import psycopg

from feedmill.stores.postgres import PostgresDatabase, PostgresOptions
from feedmill.stores.url import parse_url

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the tests start servers
from tests import postgres_server

SCHEMA: Final = {
    "name": "items",
    "primaryKey": "sku",
    "fields": [
        {"name": "sku", "type": "string", "constraints": {"required": True}},
        {"name": "stock", "type": "integer", "constraints": {"minimum": 0}},
        {"name": "title", "type": "string", "constraints": {"maxLength": 80}},
    ],
}
SMALL: Final = ("--chunk-size", "64KiB")
"""Chunks of which a feed has many more than a channel holds, or its buffer would change nothing."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option's settings, the default first; `is_loading`: into PostgreSQL, or only validating."""

    settings: tuple[tuple[str, ...], ...]
    is_loading: bool = False
    beside: tuple[str, ...] = ()


def each(name: str, *values: object) -> tuple[tuple[str, ...], ...]:
    return tuple((name, str(value)) for value in values)


OPTIONS: Final = {
    "job-buffer": Option(each("--job-buffer", 100, 1, 10, 1000), beside=SMALL),
    "result-buffer": Option(each("--result-buffer", 100, 1, 10, 1000), beside=SMALL),
    "job-buffer, loading": Option(each("--job-buffer", 100, 1, 10, 1000), is_loading=True, beside=SMALL),
    "result-buffer, loading": Option(
        each("--result-buffer", 100, 1, 10, 1000), is_loading=True, beside=SMALL
    ),
    "workers": Option(((), *each("--workers", 1, 8))),
    "chunk-size": Option(each("--chunk-size", "1MiB", "16KiB", "64KiB", "4MiB")),
    "log-every": Option(((), *each("--log-every", 100))),
    "lanes": Option((*each("--lanes", 1, 2, 4, 8), ("--workers", "auto")), is_loading=True),
}


@dataclass(slots=True)
class Least:
    """The fastest run of a setting."""

    elapsed_s: float = float("inf")
    cpu_s: float = float("inf")
    peak_mb: float = float("inf")

    def take(self, report: dict[str, float]) -> None:
        """Keep what was less than before."""
        self.elapsed_s = min(self.elapsed_s, report["elapsed_s"])
        self.cpu_s = min(self.cpu_s, report["cpu_s"])
        self.peak_mb = min(self.peak_mb, report["peak_rss_bytes"] / 1e6)


def write_feed(folder: Path, records: int) -> None:
    """Write a feed of which one record in twenty is bad, and its schema."""
    with (folder / "feed.csv").open("w", encoding="utf-8") as feed:
        feed.write("sku,stock,title\n")
        for n in range(records):
            feed.write(f"SKU-{n:08},{-1 if n % 20 == 7 else n % 500},Thing number {n} of many\n")
    (folder / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")


def run(folder: Path, url: str | None, options: tuple[str, ...]) -> dict[str, float]:
    """Run feedmill once, into an empty table; return its report."""
    report = folder / "report.json"
    command = [sys.executable, "-m", "feedmill", "load" if url else "validate", str(folder / "feed.csv")]
    command += ["--schema", str(folder / "schema.json"), "--report", str(report), "--no-progress", *options]
    if url:
        command += ["--to", url]
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP TABLE IF EXISTS items, feedmill_ledger, feedmill_runs CASCADE")
    report.unlink(missing_ok=True)
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if not report.exists():
        sys.exit(done.stderr)
    found: dict[str, float] = json.loads(report.read_text(encoding="utf-8"))
    return found


def measure(option: Option, folder: Path, url: str | None, rounds: int) -> None:
    """Give each setting its turns, and show them."""
    least = {setting: Least() for setting in option.settings}
    for _ in range(rounds):
        for setting, found in least.items():
            found.take(run(folder, url if option.is_loading else None, (*option.beside, *setting)))
    default = least[option.settings[0]]
    print(f"{'':<28}{'time':>7}{'CPU':>7}{'memory':>12}")
    for setting, found in least.items():
        time, cpu = found.elapsed_s / default.elapsed_s, found.cpu_s / default.cpu_s
        print(
            f"{' '.join(setting) or 'default':<28}{time:>7.2f}{cpu:>7.2f}{found.peak_mb:>9.0f} MB", flush=True
        )


def measure_pool(url: str, rounds: int) -> None:
    """Time the opening of pools of several sizes, and a transaction with and without a connection at hand."""

    def least_ms(act: Callable[[], object]) -> float:
        taken = []
        for _ in range(rounds):
            started = perf_counter()
            act()
            taken.append((perf_counter() - started) * 1e3)
        return min(taken)

    def opened(size: int) -> None:
        database = PostgresDatabase(parse_url(url), PostgresOptions(min_size=size))
        database.open()
        database.pool.wait()
        database.close()

    def connected() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT 1")

    one, *others = [least_ms(lambda size=size: opened(size)) for size in (1, 5, 25)]
    print(f"opening a pool of 1, 5 and 25: 1, {others[0] / one:.1f}, {others[1] / one:.1f}")
    database = PostgresDatabase(parse_url(url))
    database.open()

    def pooled() -> None:
        with database.pool.connection() as connection:
            connection.execute("SELECT 1")

    pooled()
    ratio = least_ms(connected) / least_ms(pooled)
    print(f"a statement, connecting for it: {ratio:.0f} times one over the pool's connection")
    database.close()


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """Name a database to load into."""
    binaries = postgres_server.find_binaries()
    if url is not None:
        yield url
    elif binaries is None:
        sys.exit(postgres_server.HOW_TO_INSTALL)
    else:
        with postgres_server.running(binaries) as started:
            yield started.url("postgres")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the options of docs/tuning.md do.")
    parser.add_argument("option", nargs="*", help=f"{', '.join(OPTIONS)}, pool; all by default")
    parser.add_argument("--records", type=int, default=400_000, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="of which the fastest counts; default: 3")
    parser.add_argument("--postgres", metavar="URL", help="a database; by default a server is started")
    given = parser.parse_args()
    wanted = given.option or [*OPTIONS, "pool"]
    with tempfile.TemporaryDirectory() as name, server(given.postgres) as url:
        folder = Path(name)
        write_feed(folder, given.records)
        for option in wanted:
            print(f"\n{option}")
            if option == "pool":
                measure_pool(url, 5 * given.rounds)
            else:
                measure(OPTIONS[option], folder, url, given.rounds)


if __name__ == "__main__":
    main()
