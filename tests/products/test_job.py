"""The main job from a URL: opening, migrations, the dealers file."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from feedmill.dialect import Dialect
from feedmill.errors import FeedError, UrlError
from feedmill.kernel import Record
from feedmill.pipeline.callbacks import Returned
from feedmill.products import Dealer, migrate, process_feeds, product_schema, read_dealers
from feedmill.products.migrations import migration_names
from feedmill.report import Outcomes
from feedmill.runs import RunOptions
from tests.products.feeds import Row, rows, write_feed
from tests.products.rigs import PostgresRig, SqliteRig
from tests.shared_data import path as shared_path

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'products.db'}"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_the_sample(url: str) -> None:
    feed = str(EXAMPLES / "dealer_feed.csv")
    report = process_feeds(feed, url, dealers=EXAMPLES / "dealers.csv")
    assert report.records == report.successes + report.failures > 5_000
    assert report.outcomes.inserted > 5_000
    assert report.rejects_by_code["dealer_code.unknown_dealer"]
    again = process_feeds(feed, url, create_dealers=True)
    assert again.failures < report.failures
    assert again.outcomes.unchanged == report.outcomes.inserted


def test_lines_of_json_and_records_of_one_key(url: str, tmp_path: Path) -> None:
    with (EXAMPLES / "dealer_feed.csv").open(encoding="utf-8", newline="") as file:
        feed = list(islice(csv.DictReader(file), 30))
    lines = tmp_path / "feed.jsonl"
    lines.write_text("".join(json.dumps(each) + "\n" for each in feed + feed[:10]), "utf-8")
    options = RunOptions(dialect=Dialect(format="jsonl"), duplicates="reject")
    report = process_feeds(str(lines), url, create_dealers=True, options=options)
    assert report.outcomes == Outcomes(inserted=report.successes)
    again = process_feeds(str(lines), url, options=replace(options, duplicates="first"))
    assert again.outcomes == Outcomes(
        unchanged=report.successes, duplicate=report.rejects_by_code["duplicate_key"]
    )


def test_migrating_twice_does_nothing(url: str) -> None:
    assert migrate(url) == migration_names("sqlite")
    assert migrate(url) == []


def test_migrating_at_the_same_time_is_done_once(url: str) -> None:
    barrier = threading.Barrier(4)
    applied: list[list[str]] = []

    def work() -> None:
        barrier.wait()
        applied.append(migrate(url))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Each of them once, by whomever.
    assert sorted(name for names in applied for name in names) == migration_names("sqlite")


def test_both_databases_have_the_same_migrations(tmp_path: Path, postgres_url: str) -> None:
    assert migration_names("sqlite") == migration_names("postgres")
    columns = []
    for rig, query in (
        (
            SqliteRig(tmp_path),
            (
                'SELECT m.name, c.name, c."notnull" OR c.pk > 0 FROM sqlite_schema AS m,'
                " pragma_table_info(m.name) AS c WHERE m.type = 'table'"
            ),
        ),
        (
            PostgresRig(postgres_url),
            (
                "SELECT table_name, column_name, (is_nullable = 'NO')::int FROM information_schema.columns"
                " WHERE table_schema = 'public'"
            ),
        ),
    ):
        with rig.opened():
            columns.append(sorted(rig.query(query)))
    assert columns[0] == columns[1]


def test_files_are_no_place_for_products(tmp_path: Path) -> None:
    with pytest.raises(UrlError, match="feedmill load writes files"):
        process_feeds("-", str(tmp_path / "out.csv"))


def test_without_dealers_every_record_fails_and_says_how_to_mend_it(url: str, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"
    feed = write_feed(tmp_path / "a.csv", rows(3))
    report = process_feeds(feed, url, options=RunOptions(rejects=str(rejects)))
    assert report.failures == 3
    assert "--create-dealers" in rejects.read_text()


def test_dealers_are_renamed_and_added(url: str, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", [Row()])
    dealers = tmp_path / "dealers.csv"
    for text in ("code,name\nd1,Ann\n", "\ufeffname,code\n,d1\nBob,d2\n", "code\nd2\n"):
        dealers.write_text(text, encoding="utf-8")
        process_feeds(feed, url, dealers=dealers)
    rig = PostgresRig(url) if url.startswith("postgresql") else SqliteRig(tmp_path)
    assert rig.tables().dealers == {"d1": "Ann", "d2": "Bob"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column code"),
        (b"name\nAnn\n", "no column code"),
        (b"code,name\n,Ann\n", "line 2"),
        (b"code,name\n\xff,Ann\n", "UTF-8"),
        (b'code,name\n"x"y,Ann\n', "not CSV"),
    ],
)
def test_a_dealers_file_that_is_none(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "dealers.csv"
    path.write_bytes(content)
    with pytest.raises(FeedError, match=words):
        read_dealers(path)


def test_a_dealers_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="No such file"):
        read_dealers(tmp_path / "absent.csv")


def test_read_dealers(tmp_path: Path) -> None:
    path = tmp_path / "dealers.csv"
    path.write_text("code,name,town\n a , Ann \nb,,x\n")
    assert read_dealers(path) == [Dealer("a", "Ann"), Dealer("b", None)]


def test_a_feed_is_run_twice_into_one_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'products.db'}"
    feeds = [write_feed(tmp_path / f"{name}.csv", rows(10)) for name in "ab"]
    report = process_feeds(feeds, url, create_dealers=True, every_outcome=True)
    assert report.outcomes == Outcomes(inserted=10, unchanged=10)


def test_the_built_in_schema_is_the_shared_one() -> None:
    from feedmill.schema import Schema

    shared = Schema.load(shared_path("../bench/dealer_feed.schema.json"))
    assert product_schema().fields == shared.fields
    assert product_schema().primary_key == shared.primary_key


def test_sqlite_needs_no_psycopg() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None; sys.modules['psycopg_pool'] = None;"
        "import feedmill.products, feedmill.cli; print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "fine\n"


def test_columns_that_a_feed_lacks_stay_as_they_are(url: str, tmp_path: Path) -> None:
    header = "dealer_code,sku,title,price,currency,stock,condition,url,updated_at"
    record = "D1,S1,{title},1.00,BRL,{stock},new,https://shop.example/1,2026-01-01T00:00:00Z"
    full, part = tmp_path / "full.csv", tmp_path / "part.csv"
    full.write_text(f"{header},brand,weight_kg\n{record.format(title='Drill', stock=5)},Makita,1.5\n")
    part.write_text(f"{header}\n{record.format(title='Drill', stock=4)}\n")
    process_feeds(str(full), url, create_dealers=True)
    assert process_feeds(str(part), url).outcomes == Outcomes(updated=1)
    assert process_feeds(str(full), url).outcomes == Outcomes(updated=1)  # stock, and nothing else
    assert process_feeds(str(full), url).outcomes == Outcomes(unchanged=1)
    part.write_text(f"{header},brand\n{record.format(title='Drill', stock=5)},\n")
    assert process_feeds(str(part), url).outcomes == Outcomes(updated=1)  # a column that is there counts
    assert process_feeds(str(full), url).outcomes == Outcomes(updated=1)


def without_brand(path: Path, *skus: str) -> str:
    fed = ["dealer_code,sku,title,price,currency,stock,condition,url,updated_at"]
    fed += [f"d1,{sku},Cup,9.50,EUR,3,new,https://shop.example/1,2026-01-01T00:00:00Z" for sku in skus]
    path.write_text("\n".join([*fed, ""]))
    return str(path)


@pytest.mark.parametrize("chunk_size", [100, 1 << 20])
def test_a_callback_empties_no_column_that_the_feed_lacks(url: str, tmp_path: Path, chunk_size: int) -> None:
    stored = [Row(sku=f"s{number}", brand="B", weight_kg="1.5") for number in range(4)]
    whole = write_feed(tmp_path / "whole.csv", stored)
    process_feeds(whole, url, create_dealers=True)

    def change(record: Record) -> Returned:
        return record if record.sku != "s1" else record | {"stock": 9}

    options = RunOptions(transform=change, chunk_size=chunk_size, workers=1)
    feed = without_brand(tmp_path / "part.csv", "s0", "s1", "s2", "s3")
    assert process_feeds(feed, url, options=options).outcomes == Outcomes(updated=1, unchanged=3)
    assert process_feeds(feed, url, options=options).outcomes == Outcomes(unchanged=4)
    stored[1] = replace(stored[1], stock="9")
    whole = write_feed(tmp_path / "whole.csv", stored)
    assert process_feeds(whole, url).outcomes == Outcomes(unchanged=4)


def test_a_callback_sets_nothing_in_a_column_that_the_feed_lacks(url: str, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.csv"

    def change(record: Record) -> Returned:
        return {**record, "title": "Mug", "brand": "B" if record.sku == "s1" else None}

    options = RunOptions(transform=change, rejects=str(rejects))
    feed = without_brand(tmp_path / "part.csv", "s0", "s1", "s2")
    report = process_feeds(feed, url, create_dealers=True, options=options)
    assert report.outcomes == Outcomes(inserted=2)
    with rejects.open() as file:
        [reject] = csv.DictReader(file)
    assert (reject["code"], reject["line"]) == ("callback", "3")
    assert "the feed has no column 'brand', so nothing can be set there" in reject["message"]
