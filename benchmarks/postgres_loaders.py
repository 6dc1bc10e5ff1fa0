r"""What `benchmarks/postgres.py` measures: feedmill, and others that do the same work or a part of it.

Each loader is called with a database's URL and a feed, and returns the CPU seconds of the process it has run.
"""

from __future__ import annotations

import csv
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.postgres_floor import SCRIPT

type Loader = Callable[[str, Path], float]

ROOT = Path(__file__).resolve().parent.parent
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


def feedmill(*arguments: str) -> float:
    """Run the command; return its CPU seconds."""
    return run([sys.executable, "-m", "feedmill", *arguments, "--quiet"], may_reject=True)


def process(*options: str) -> Loader:
    """Load by ``feedmill process``."""
    return lambda url, feed: feedmill("process", str(feed), "--to", url, "--create-dealers", *options)


def recorded(url: str, feed: Path, directory: Path, *options: str) -> None:
    """Load by ``feedmill process`` on one lane, and record it for `replayed`."""
    directory.mkdir()
    arguments = ["process", str(feed), "--to", url, "--create-dealers", "--lanes", "1", "--quiet", *options]
    run([sys.executable, "-m", "benchmarks.postgres_floor", str(directory), *arguments], may_reject=True)


def replayed(directory: Path) -> Loader:
    """Let psql ask what was recorded."""
    return lambda url, _feed: run(["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(directory / SCRIPT), url])


def psql(url: str, feed: Path) -> float:
    """Load by a copy and SQL."""
    script = f"{STAGE};\n\\copy stage FROM '{feed}' WITH (FORMAT csv, HEADER)\nBEGIN;{MERGE}COMMIT;"
    return run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url], script)


def pgloader(url: str, feed: Path) -> float:
    """Load by pgloader into a table, and the SQL of `psql` from there."""
    stage = STAGE.replace("CREATE TEMP TABLE stage", "CREATE UNLOGGED TABLE stage")
    target = url.replace("postgresql://", "pgsql://")
    script = f"""LOAD CSV FROM '{feed}' ({", ".join(COLUMNS)})
INTO {target}?tablename=stage ({", ".join(COLUMNS)})
WITH skip header = 1, fields terminated by ',', fields optionally enclosed by '"',
  fields escaped by double-quote
BEFORE LOAD DO $$ DROP TABLE IF EXISTS stage; $$, $$ {stage}; $$
AFTER LOAD DO {", ".join(f"$$ {each.strip()}; $$" for each in MERGE.split(";") if each.strip())};
"""
    with tempfile.TemporaryDirectory(prefix="feedmill-bench-pgloader-") as directory:
        path = Path(directory) / "load"
        path.write_text(script)
        return run(["pgloader", "--quiet", "--on-error-stop", "--root-dir", directory, str(path)])


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
    return run([sys.executable, "-c", code, url, str(feed)])


def run(command: Sequence[str], script: str = "", *, may_reject: bool = False) -> float:
    """Run a program; return its CPU seconds, those of starting it included."""
    environment = dict(os.environ)
    # Else every start would compile all of feedmill anew, which an installed one does once.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command,
        input=script,
        text=True,
        stdout=subprocess.DEVNULL,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    if done.returncode not in ({0, 1} if may_reject else {0}):
        raise SystemExit(f"{' '.join(command[:4])} ended with {done.returncode}")
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


# The feeds


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
    schema = ROOT / "src/feedmill/products/product.schema.json"
    feedmill("validate", str(feed), "--schema", str(schema), "--valid", str(target))
    return target
