"""What goes wrong on the command line: the exit code, and one or two lines that say where, what and how.

Wrong uses leave no trace. Faults of a run leave what was committed, and what can be said of it.
"""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.command import Command
from tests.test_cli import GOOD, MIXED, SCHEMA

SECRET = "s3cr3t-word"
OFFER_COLUMNS = "dealer_code,sku,title,price,currency,stock,condition,url,updated_at"


@pytest.fixture
def shop(feedmill: Command) -> Command:
    """Lay out good and bad files of every kind."""
    feedmill.write("items.json", SCHEMA)
    feedmill.write("good.csv", GOOD)
    feedmill.write("mixed.csv", MIXED)
    feedmill.write("good.jsonl", '{"sku":"A1","title":"one","price":1.5}\n')
    feedmill.write("columns.csv", b"PAR1 and so on")
    feedmill.write("semicolons.csv", "sku;title;price\nA1;one;1.5\n")
    feedmill.write("renamed.csv", "sku,Titel,price\nA1,one,1.5\n")
    feedmill.write("other.csv", "id,name,amount\nA1,one,1.5\n")
    feedmill.write("twice.csv", "sku,title,price,title\nA1,one,1.5,two\n")
    feedmill.write("empty.csv", "")
    feedmill.write("sheet.csv", b"PK\x03\x04 and so on")
    feedmill.write("wide.csv", "sku,title,price\n".encode("utf-16"))
    feedmill.write("comma.json", '{"fields": [\n  {"name": "sku",, }\n]}')
    feedmill.write("list.json", "[]")
    feedmill.write("type.json", {"fields": [{"name": "sku", "type": "strin"}]})
    feedmill.write("typo.json", {"fields": [{"name": "sku", "constraint": {"required": True}}]})
    feedmill.write("pattern.json", {"fields": [{"name": "sku", "constraints": {"pattern": "("}}]})
    feedmill.write("key.json", {"primaryKey": "id", "fields": [{"name": "sku"}]})
    feedmill.write("offers.csv", OFFER_COLUMNS + "\n")
    (feedmill.directory / "folder").mkdir()
    (feedmill.directory / "folder.csv").mkdir()
    (feedmill.directory / "link.csv").symlink_to("elsewhere.csv")
    return feedmill


VALIDATE = "validate good.csv --schema items.json "
LOAD = "load good.csv --schema items.json --to "

WRONG = {
    # the command itself
    "feedmill": ("", "Usage: feedmill"),
    "no such command": ("proces good.csv", "No such command 'proces'", "'process'", "feedmill --help"),
    "no feed": ("validate --schema items.json", "FEED", "feedmill validate --help"),
    "no schema": ("validate good.csv", "'--schema'", "feedmill validate --help"),
    "no target": ("load good.csv --schema items.json", "'--to'", "feedmill load --help"),
    "no such option": (VALIDATE + "--rejcts r.csv", "No such option '--rejcts'", "'--rejects'"),
    "no workers": (VALIDATE + "--workers 0", "'--workers'", "0"),
    "too many workers": (VALIDATE + "--workers 100000", "'--workers'", "1024"),
    "workers in words": (VALIDATE + "--workers two", "'--workers'", "'two'"),
    "chunk of nothing": (VALIDATE + "--chunk-size 0", "0 bytes"),
    "chunk in words": (VALIDATE + "--chunk-size big", "'--chunk-size'", "'big'", "1MiB"),
    "failures in words": (VALIDATE + "--max-failures many", "'--max-failures'", "'many'", "percentage"),
    "failures beyond all": (VALIDATE + "--max-failures 101%", "'101%'", "0% to 100%"),
    "a stall of nothing": (VALIDATE + "--stall-timeout 0", "--stall-timeout", "0"),
    "a stall of no number": (VALIDATE + "--stall-timeout nan", "--stall-timeout nan", "more than 0"),
    "a stall without end": (VALIDATE + "--stall-timeout inf", "--stall-timeout inf", "leave it out"),
    "no such format": (VALIDATE + "--format xml", "'xml'", "'csv', 'tsv', 'jsonl'"),
    "no such mode": (LOAD + "sqlite:///a.db --mode merge", "'merge'", "'upsert'"),
    # feeds
    "no such file": ("validate nofile.csv --schema items.json", "nofile.csv does not exist"),
    "no such file for a glob": ("validate no*.csv --schema items.json", "no file matches 'no*.csv'"),
    "a directory": ("validate folder --schema items.json", "folder is a directory", "'folder/*.csv'"),
    "an empty file": ("validate empty.csv --schema items.json", "empty.csv has no header", "empty"),
    "a spreadsheet": ("validate sheet.csv --schema items.json", "sheet.csv", "zip archive", "CSV"),
    "another encoding": ("validate wide.csv --schema items.json", "wide.csv", "UTF-16", "--encoding utf-16"),
    "two formats": ("validate good.csv good.jsonl --schema items.json", "csv, jsonl", "--format"),
    "standard input twice": ("validate - - --schema items.json", "standard input", "once"),
    "sniffing standard input": ("validate - --schema items.json --sniff", "standard input", "delimiter"),
    # schemas
    "no such schema": ("validate good.csv --schema no.json", "no.json", "No such file"),
    "a schema that is a directory": ("validate good.csv --schema folder", "folder", "directory"),
    "no JSON": ("validate good.csv --schema comma.json", "comma.json", "line 2 column 18"),
    "no object": ("validate good.csv --schema list.json", "list.json", '"fields"'),
    "no such type": ("validate good.csv --schema type.json", "type.json", "'sku'", "'strin'", "string"),
    "a misspelt property": ("validate good.csv --schema typo.json", "'constraint'", "'constraints'"),
    "a bad pattern": ("validate good.csv --schema pattern.json", "pattern.json", "'sku'", "pattern"),
    "a key without field": ("validate good.csv --schema key.json", "key.json", "'id'", "sku"),
    # dialects
    "a long delimiter": (VALIDATE + "--delimiter ab", "delimiter", "'ab'", "one ASCII character"),
    "two meanings": (VALIDATE + '--delimiter "', "quote and delimiter", "differ"),
    "no such encoding": (VALIDATE + "--encoding klingon", "'klingon'", "latin-1"),
    "a delimiter of lines": (
        "validate good.jsonl --schema items.json --delimiter ;",
        "delimiter",
        "JSON Lines",
    ),
    "lines without header": (
        "validate good.jsonl --schema items.json --no-header",
        "--no-header",
        "JSON Lines",
    ),
    **{
        f"columns with {name}": (
            f"validate columns.csv --schema items.json {name} {value}",
            name,
            "leave it out",
        )
        for name, value in [
            *(("--delimiter", ";"), ("--skip-rows", "1"), ("--null", "NA"), ("--encoding", "latin-1")),
            *(("--no-header", ""), ("--quote", "none"), ("--format", "csv"), ("--max-record-bytes", "9")),
        ]
    },
    # headers
    "another name": ("validate renamed.csv --schema items.json", "renamed.csv", "title", "--map title=Titel"),
    "other names": ("validate other.csv --schema items.json", "sku, title, price", "--map FIELD=COLUMN"),
    "another delimiter": ("validate semicolons.csv --schema items.json", "semicolons.csv", "delimiter"),
    "a name twice": ("validate twice.csv --schema items.json", "2 columns named 'title'", "--map title="),
    "no column for a map": (VALIDATE + "--map title=nam", "good.csv", "no column 'nam'", "sku, title, price"),
    "no field for a map": (VALIDATE + "--map titel=title", "no field 'titel'", "'title'"),
    "no column in a map": (VALIDATE + "--map title", "--map title", "FIELD=COLUMN"),
    "one field, two columns": (VALIDATE + "--map title=a --map title=b", "'title'", "'a' and 'b'"),
    "a map without header": (VALIDATE + "--map title=x --no-header", "no header"),
    # outputs
    "rejects in no directory": (VALIDATE + "--rejects no/r.csv", "no/r.csv", "No such file or directory"),
    "rejects in a directory": (VALIDATE + "--rejects folder.csv", "folder.csv", "directory"),
    "rejects of no kind": (VALIDATE + "--rejects r.txt", "r.txt", ".csv or .jsonl"),
    "rejects in a link": (VALIDATE + "--rejects link.csv", "link.csv", "symbolic link"),
    "rejects over the feed": (VALIDATE + "--rejects ./good.csv", "--rejects ./good.csv", "overwrite"),
    "rejects over the schema": (
        "validate good.csv --schema ./items.csv --rejects items.csv",
        *("--rejects items.csv", "overwrite"),
    ),
    "good records over the feed": (VALIDATE + "--valid good.csv", "--valid good.csv", "overwrite"),
    "two outputs in one": (VALIDATE + "--valid r.csv --rejects ./r.csv", "--valid and --rejects", "r.csv"),
    "good records in a database": (VALIDATE + "--valid sqlite:///a.db", "sqlite:///a.db", ".csv, .jsonl"),
    "a report in no directory": (VALIDATE + "--report no/r.json", "no/r.json", "No such file or directory"),
    "a report in a directory": (VALIDATE + "--report folder", "folder", "directory"),
    "a report in a link": (VALIDATE + "--report link.csv", "link.csv", "symbolic link"),
    "a report over what is loaded": (LOAD + "out.csv --report ./out.csv", "--to and --report", "out.csv"),
    "a report over the database": (LOAD + "sqlite:///a.db --report a.db", "--to and --report", "a.db"),
    "a report over the schema": (VALIDATE + "--report items.json", "--report items.json", "overwrite"),
    "a report called -": (VALIDATE + "--report -", "'--report'", "/dev/stdout"),
    "rejects called -": (VALIDATE + "--rejects -", "'--rejects'", "/dev/stdout"),
    "good records called -": (VALIDATE + "--valid -", "'--valid'", "/dev/stdout"),
    "failed records called -": (VALIDATE + "--failed -", "'--failed'", "/dev/stdout"),
    "a page called -": ("report report.json --html -", "'--html'", "/dev/stdout"),
    "a schema called -": ("validate good.csv --schema -", "'--schema'", "/dev/stdin"),
    "a report that is read called -": ("report -", "/dev/stdin"),
    "records in a file called -": (LOAD + "-", "/dev/stdout"),
    "rejects over a reference": (
        VALIDATE + "--reference items=sqlite:///shop.csv#items --rejects ./shop.csv",
        *("--rejects ./shop.csv", "overwrite"),
    ),
    "a report over a reference": (
        LOAD + "sqlite:///a.db --reference items=sqlite:///b.db#items --report b.db",
        *("--report b.db", "overwrite"),
    ),
    "a file over a reference": (
        LOAD + "out.csv --reference items=sqlite:///out.csv#items",
        *("--to out.csv", "overwrite"),
    ),
    # stores
    "no such store": (LOAD + "mysql://me@host/db", "'mysql'", "postgresql://", "sqlite:///"),
    "no such kind of file": (LOAD + "out.xlsx", ".csv, .jsonl"),
    "too few slashes": (LOAD + "sqlite://a.db", "three slashes", "sqlite:///a.db"),
    "no table's name": (LOAD + "sqlite:///a.db --table a.b.c", "'a.b.c'", "schema.table"),
    "a file has no keys": (LOAD + "out.csv --mode upsert", "out.csv", "replace or append"),
    "a file over the feed": (LOAD + "good.csv", "--to good.csv", "overwrite"),
    "products in a file": ("process offers.csv --to out.csv", "out.csv", "sqlite:///"),
    "products without their fields": ("process good.csv --schema items.json", "'dealer_code'"),
    "no such dealers": ("process good.csv --dealers no.csv", "no.csv", "No such file"),
    # resuming
    "nothing to resume": (
        LOAD + "sqlite:///a.db --resume",
        "no unfinished run of good.csv",
        "without --resume",
    ),
    "a file cannot be resumed": (LOAD + "out.csv --resume", "out.csv", "without --resume"),
    "no state to resume": (VALIDATE + "--resume", "--resume", "leave"),
}


@pytest.mark.parametrize("option", ["--schema", "--dealers", "--rejects", "--report"])
def test_an_empty_name_is_none(shop: Command, option: str) -> None:
    """As a shell's unset variable leaves it; nothing is done as if the option had not been given."""
    before = snapshot(shop.directory)
    done = shop("process", "good.csv", option, "")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"feedmill process: Invalid value for '{option}': the name of a file is empty")
    assert snapshot(shop.directory) == before


@pytest.mark.parametrize("feed", ["no.csv", "no*.csv", "folder", "empty.csv", "other.csv", "sheet.csv"])
def test_a_feed_that_cannot_be_processed_makes_no_database(shop: Command, feed: str) -> None:
    shop.write("dealers.csv", "code,name\nD1,First\n")
    before = snapshot(shop.directory)
    done = shop("process", feed, dealers="dealers.csv")
    assert (done.code, done.out) == (2, "")
    assert snapshot(shop.directory) == before


@pytest.mark.parametrize(
    "line", ["process --from-staging URL", "relay URL --broker memory://", "relay URL --dead"]
)
def test_a_database_to_take_from_is_not_made(shop: Command, line: str) -> None:
    before = snapshot(shop.directory)
    done = shop(*line.replace("URL", "sqlite:///typo.db").split())
    assert (done.code, done.out) == (2, "")
    assert "sqlite:///typo.db: there is no such file" in done.err
    assert snapshot(shop.directory) == before


@pytest.mark.parametrize(
    ("line", "words"), [(line, words) for line, *words in WRONG.values()], ids=list(WRONG)
)
def test_wrong_use_ends_with_2(shop: Command, line: str, words: list[str]) -> None:
    shop.write("items.csv", "{}")
    before = snapshot(shop.directory)
    done = shop(*line.split())
    assert done.code == 2, done
    assert done.out == ""
    for word in words:
        assert word in done.err
    if line:
        assert done.err.startswith("feedmill")
        assert 1 <= len(done.err.splitlines()) <= 2
    assert "Traceback" not in done.err
    after = snapshot(shop.directory)
    assert {name: after.get(name) for name in before} == before
    # A database may have been made; nothing else may.
    assert {Path(name).suffix for name in after.keys() - before.keys()} <= {".db", ".db-wal", ".db-shm"}


def snapshot(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


# Faults of a run ————————————————————————————————————————————————————————————————————————————————————————————


def said(err: str, *words: str) -> None:
    """Hold a fault's message to the house's rule."""
    assert err.startswith("feedmill: ")
    assert 1 <= len(err.splitlines()) <= 2, err
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_a_feed_that_breaks_off_ends_with_3(shop: Command) -> None:
    whole = "sku,title,price\n" + "".join(f"A{n},{n * 7919 % 10007},1\n" for n in range(50_000))
    shop.write("cut.csv.gz", gzip.compress(whole.encode())[:-1000])
    done = shop(
        *("load", "cut.csv.gz"),
        to="sqlite:///store.db",
        schema="items.json",
        chunk_size="16KiB",
        report="report.json",
        rejects="rejects.csv",
    )
    assert done.code == 3
    said(done.err, "cut.csv.gz", "ends in the middle of the compressed data")
    report = shop.report()
    assert 0 < report["records"] < 50_000
    assert done.last_lines[0] == f"Processing complete: {report['records']} records processed"
    # What was reported is in the store, no more and no less.
    with closing(sqlite3.connect(shop.directory / "store.db")) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchall() == [(report["successes"],)]


def test_a_store_that_cannot_be_opened_ends_with_3(shop: Command) -> None:
    done = shop("load", "good.csv", to="sqlite:///no/store.db", schema="items.json")
    assert done.code == 3
    said(done.err, "no/store.db", "directory")


def test_a_file_that_is_no_database_ends_with_3(shop: Command) -> None:
    shop.write("text.db", "this is no database, and longer than a page's head " * 100)
    done = shop("load", "good.csv", to="sqlite:///text.db", schema="items.json")
    assert done.code == 3
    said(done.err, "text.db")
    assert (shop.directory / "text.db").read_text().startswith("this is no database")


def test_a_table_that_does_not_fit_is_refused(shop: Command) -> None:
    with closing(sqlite3.connect(shop.directory / "store.db")) as connection:
        connection.execute("CREATE TABLE items (sku text PRIMARY KEY, title text)")
    done = shop("load", "good.csv", to="sqlite:///store.db", schema="items.json")
    assert done.code in {2, 3}
    said(done.err, "items", "price")


def test_a_server_that_is_not_there_ends_with_3(shop: Command) -> None:
    url = f"postgresql://me:{SECRET}@127.0.0.1:1/shop?connect_timeout=2"
    done = shop("load", "good.csv", to=url, schema="items.json")
    assert done.code == 3
    said(done.err, "127.0.0.1", "PGPASSWORD")
    assert SECRET not in done.err


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://me:{SECRET}@host/db",
        f"postgresql://me:{SECRET}%zz@host/db",
        f"postgresql://me:{SECRET}/@host/db",
        f"postgresql://me:{SECRET}@host:port/db",
        f"postgresql://host/db?password={SECRET}&nothing",
        f"postgresql://host/db?no_such_word=1&password={SECRET}",
        f"host=localhost password={SECRET}",
        f"postgresql:/me:{SECRET}@host/db",
    ],
)
@pytest.mark.parametrize("command", ["load", "migrate"])
def test_a_secret_is_never_shown(shop: Command, command: str, url: str) -> None:
    if command == "load":
        done = shop("load", "good.csv", to=url, schema="items.json", report="report.json")
    else:
        done = shop("migrate", url)
    assert done.code in {2, 3}
    said(done.err)
    assert SECRET not in done.err + done.out


@pytest.mark.postgres
def test_a_wrong_password_is_not_shown(shop: Command, postgres_url: str) -> None:
    head, _, tail = postgres_url.partition("tester:")
    url = f"{head}tester:{SECRET}@{tail.partition('@')[2]}"
    done = shop("load", "good.csv", to=url, schema="items.json", report="report.json")
    assert done.code == 3
    said(done.err, "password authentication failed")
    assert SECRET not in done.err + done.out


def test_a_disk_that_is_full_ends_with_3(shop: Command) -> None:
    done = shop("validate", "mixed.csv", schema="items.json", rejects="/dev/full")
    assert done.code == 3
    said(done.err, "/dev/full", "No space left on device")


def test_output_that_nobody_reads_stops_no_run(shop: Command) -> None:
    """As in `feedmill load … | head -1`: the run goes on to its end and has its own exit code."""
    rows = "".join(f"A{number},title,1\n" for number in range(50_000))
    shop.write("long.csv", "sku,title,price\n" + rows)
    with shop.start(
        *("load", "long.csv"),
        to="sqlite:///store.db",
        schema="items.json",
        log_every=100,
        chunk_size="4KiB",
        report="report.json",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert shop.report()["successes"] == 50_000


def test_output_that_cannot_be_written_is_said_once(shop: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        done = shop.apart("validate", "mixed.csv", schema="items.json", stdout=full)
    assert done.code == 1
    assert done.err == "feedmill: standard output cannot be written: No space left on device\n"


def test_a_schema_that_cannot_be_written_whole_ends_with_3(shop: Command) -> None:
    with Path("/dev/full").open("wb") as full:
        done = shop.apart("infer", "good.csv", stdout=full)
    assert done.code == 3
    said(done.err, "standard output cannot be written: No space left on device")
