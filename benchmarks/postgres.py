r"""Measure what `feedmill process` costs on PostgreSQL, and what else there is costs.

::

    python benchmarks/postgres.py FEED [--json OUT]      with a server of its own, started for the occasion
    python benchmarks/postgres.py FEED --url URL         on a server of yours, in databases feedmill_bench_*

============  ==============================================================================================
first         into empty tables
unchanged     the same feed once more
one percent   the feed with every hundredth price changed
all           the feed with every price changed
verify        unchanged, with ``--verify``: compared in the database, and not with the hashes in memory
============  ==============================================================================================

each with one lane and with two, and, as far as they do the same work:

============  ==============================================================================================
copy          ``psql \copy`` into a temporary table and the same SQL by hand, unvalidated: the floor
executemany   a loop over csv.reader and `executemany`, 10,000 rows a transaction, in Python
============  ==============================================================================================

Rows a second are of the wall clock. Client seconds are CPU time of the process that loads, its threads added
up; they count where other work on the machine disturbs. WAL is what the server wrote for it, by
``pg_current_wal_lsn``, and dead tuples are of the three tables of products.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

BATCH: int = 10_000
BAD_BYTES = "surrogateescape"
"""A feed's bad records may hold what is no UTF-8; they are copied as they are."""

COLUMNS = (
    *("dealer_code", "sku", "gtin", "title", "brand", "category", "price", "currency", "stock", "condition"),
    *("url", "updated_at", "weight_kg", "description"),
)
STAGE = "CREATE TEMP TABLE stage (" + ", ".join(f"{name} text" for name in COLUMNS) + ")"
# As a careful person would write it: what is unchanged is looked up and not written.
MERGE = """
SET client_min_messages = warning;
INSERT INTO dealers (code) SELECT DISTINCT dealer_code FROM stage ON CONFLICT DO NOTHING;
INSERT INTO products (sku, gtin, title, brand, category, description)
SELECT DISTINCT ON (sku) sku, gtin, title, brand, category, description FROM stage WHERE sku <> ''
ON CONFLICT (sku) DO UPDATE SET (gtin, title, brand, category, description)
  = (excluded.gtin, excluded.title, excluded.brand, excluded.category, excluded.description)
WHERE (products.gtin, products.title, products.brand, products.category, products.description)
  IS DISTINCT FROM (excluded.gtin, excluded.title, excluded.brand, excluded.category, excluded.description);
INSERT INTO product_dealers
  (dealer_id, product_id, price, currency, stock, condition, url, weight_kg, updated_at)
SELECT DISTINCT ON (p.id, d.id) d.id, p.id, s.price::numeric, s.currency, s.stock::bigint, lower(s.condition),
  s.url, nullif(s.weight_kg, '')::float8, s.updated_at::timestamptz
FROM stage s JOIN products p USING (sku) JOIN dealers d ON d.code = s.dealer_code
ON CONFLICT (product_id, dealer_id) DO UPDATE SET
  (price, currency, stock, condition, url, weight_kg, updated_at) =
  (excluded.price, excluded.currency, excluded.stock, excluded.condition, excluded.url, excluded.weight_kg,
     excluded.updated_at)
WHERE (product_dealers.price, product_dealers.currency, product_dealers.stock, product_dealers.condition,
  product_dealers.url, product_dealers.weight_kg, product_dealers.updated_at) IS DISTINCT FROM
  (excluded.price, excluded.currency, excluded.stock, excluded.condition, excluded.url, excluded.weight_kg,
   excluded.updated_at);
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one load took."""

    loader: str
    case: str
    lanes: int
    records: int
    elapsed_s: float
    client_cpu_s: float
    wal_bytes: int
    dead_tuples: int

    @property
    def records_per_s(self) -> float:
        """Records by the wall clock."""
        return self.records / self.elapsed_s

    def line(self) -> str:
        """Write a line of the table."""
        return (
            f"| {self.loader} | {self.case} | {self.lanes} | {self.records_per_s:,.0f} |"
            f" {self.client_cpu_s / self.records * 1e6:.2f} | {self.wal_bytes / self.records:,.1f} |"
            f" {self.dead_tuples:,} |"
        )


HEAD = (
    "| loader | case | lanes | records/s | client CPU s / million | WAL bytes a record | dead tuples |\n"
    "|---|---|---|---|---|---|---|"
)


def changed(feed: Path, every: int, target: Path) -> Path:
    """Copy a feed with another price in every so-manieth record."""
    with (
        feed.open(newline="", encoding="utf-8", errors=BAD_BYTES) as source,
        target.open("w", newline="", encoding="utf-8", errors=BAD_BYTES) as file,
    ):
        rows = csv.reader(source)
        writer = csv.writer(file, lineterminator="\n")
        header = next(rows)
        price = header.index("price")
        writer.writerow(header)
        for number, row in enumerate(rows):
            if number % every == 0 and row[price].replace(".", "").isdigit() and float(row[price]):
                row[price] = f"{float(row[price]) + 1:.2f}"
            writer.writerow(row)
    return target


def only_good(feed: Path, target: Path) -> Path:
    """Let feedmill pick the records that can be loaded: the others have no way to reject any."""
    feedmill("validate", str(feed), "--schema", product_schema(), "--valid", str(target))
    return target


def product_schema() -> str:
    """Name the file of the built-in schema."""
    return str(Path(__file__).resolve().parent.parent / "src/feedmill/products/product.schema.json")


def feedmill(*arguments: str) -> float:
    """Run the command; return its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "feedmill", *arguments, "--quiet"], stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode not in {0, 1}:
        raise SystemExit(f"feedmill {' '.join(arguments)} ended with {done.returncode}")
    return cpu_since(before)


def cpu_since(before: resource.struct_rusage) -> float:
    """Tell what children that ended since have used."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def psql(url: str, feed: Path) -> float:
    """Load by a copy and SQL."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    script = f"{STAGE};\n\\copy stage FROM '{feed}' WITH (FORMAT csv, HEADER)\nBEGIN;{MERGE}COMMIT;"
    subprocess.run(
        ["psql", "-q", "-v", "ON_ERROR_STOP=1", url],
        input=script,
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return cpu_since(before)


def executemany(url: str, feed: Path) -> float:
    """Load as a program without a plan does."""
    code = f"""
import csv, itertools, sys, psycopg
feed = csv.reader(open(sys.argv[2], newline=""))
next(feed)
with psycopg.connect(sys.argv[1]) as connection:
    while rows := list(itertools.islice(feed, {BATCH})):
        rows = [[cell or None for cell in row] for row in rows]
        cursor = connection.cursor()
        cursor.executemany(
            "INSERT INTO dealers (code) VALUES (%s) ON CONFLICT DO NOTHING", [row[:1] for row in rows]
        )
        cursor.executemany("INSERT INTO products (sku, gtin, title, brand, category, description)"
            " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (sku) DO UPDATE SET title = excluded.title,"
            " gtin = excluded.gtin, brand = excluded.brand, category = excluded.category,"
            " description = excluded.description",
            [(*row[1:6], row[13]) for row in rows])
        cursor.executemany("INSERT INTO product_dealers (dealer_id, product_id, price, currency, stock,"
            " condition, url, updated_at, weight_kg)"
            " SELECT d.id, p.id, %s::numeric, %s, %s::bigint, lower(%s), %s, %s::timestamptz, %s::float8"
            " FROM dealers d, products p WHERE d.code = %s AND p.sku = %s"
            " ON CONFLICT (product_id, dealer_id) DO UPDATE SET price = excluded.price,"
            " currency = excluded.currency, stock = excluded.stock, condition = excluded.condition,"
            " url = excluded.url,"
            " updated_at = excluded.updated_at, weight_kg = excluded.weight_kg",
            [(*row[6:13], row[0], row[1]) for row in rows])
        connection.commit()
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, url, str(feed)], check=True)
    return cpu_since(before)


class Bench:
    """Loads into one database after the other."""

    def __init__(self, administration: str, records: int) -> None:
        self._administration = administration
        self._records = records

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
            started = perf_counter()
            cpu_s = load()
            elapsed_s = perf_counter() - started
            wal_after, dead_after = self._state(connection)
        measured = Measured(
            loader, case, lanes, self._records, elapsed_s, cpu_s, wal_after - wal, max(0, dead_after - dead)
        )
        print(measured.line(), flush=True)
        return measured

    def _state(self, connection: psycopg.Connection) -> tuple[int, int]:
        connection.execute("SELECT pg_stat_force_next_flush()")
        row = connection.execute(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, sum(n_dead_tup)::bigint"
            " FROM pg_stat_user_tables WHERE relname IN ('products', 'product_dealers', 'dealers')"
        ).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def cases(feed: Path, aside: Path, bench: Bench) -> Iterator[Measured]:
    """Run everything."""
    one, every = changed(feed, 100, aside / "one.csv"), changed(feed, 1, aside / "all.csv")
    for lanes in (1, 2):

        def process(feed: Path, url: str, *options: str, lanes: int = lanes) -> Callable[[], float]:
            return lambda: feedmill(
                "process", str(feed), "--to", url, "--create-dealers", "--lanes", str(lanes), *options
            )

        with bench.database(f"lanes_{lanes}") as url:
            for case, given in (
                ("first", feed),
                ("unchanged", feed),
                ("1 % changed", one),
                ("100 % changed", every),
            ):
                yield bench.measure("feedmill", case, lanes, url, process(given, url))
            yield bench.measure("feedmill --verify", "unchanged", lanes, url, process(every, url, "--verify"))
    good, good_every = only_good(feed, aside / "good.csv"), only_good(every, aside / "good-all.csv")
    with bench.database("copy") as url:
        for case, given in (("first", good), ("unchanged", good), ("100 % changed", good_every)):
            yield bench.measure("psql \\copy + SQL", case, 1, url, lambda given=given: psql(url, given))
    with bench.database("executemany") as url:
        for case, given in (("first", good), ("unchanged", good)):
            yield bench.measure("executemany", case, 1, url, lambda given=given: executemany(url, given))


@contextmanager
def own_server() -> Iterator[str]:
    """Start a server whose data are thrown away afterwards."""
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
            ):
                connection.execute(f"ALTER SYSTEM SET {setting}")
        server.control("restart")
        try:
            yield server.url("postgres")
        finally:
            server.control("-m", "immediate", "stop")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure feedmill process on PostgreSQL.")
    parser.add_argument("feed", type=Path)
    parser.add_argument("--url", help="postgresql://…/database of a server to use")
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    arguments = parser.parse_args()
    with arguments.feed.open(newline="", encoding="utf-8", errors=BAD_BYTES) as file:
        records = sum(1 for _ in csv.reader(file)) - 1
    gil = "on" if sys._is_gil_enabled() else "off"
    print(f"{records:,} records, Python {sys.version.split()[0]}, GIL {gil}\n")
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-feeds-") as aside:
        if arguments.url:
            found = list(cases(arguments.feed, Path(aside), Bench(arguments.url, records)))
        else:
            with own_server() as url:
                found = list(cases(arguments.feed, Path(aside), Bench(url, records)))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(measured) for measured in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
