"""The command line: what is printed where, in which words, and with which exit code a command ends.

Files of their own: wrong uses, `test_cli_faults.py`, and what a run writes, `test_cli_files.py`.
"""

from __future__ import annotations

import csv
import gzip
import re
import sqlite3
import subprocess
import sys
import sysconfig
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.command import COMMAND, ENVIRONMENT, Command, Finished

SCHEMA = {
    "name": "items",
    "primaryKey": "sku",
    "fields": [
        {"name": "sku", "type": "string"},
        {"name": "title", "type": "string"},
        {"name": "price", "type": "number", "constraints": {"minimum": "0.01"}},
    ],
}
GOOD = "sku,title,price\nA1,one,1.50\nA2,two,2\nA3,three,\n"
MIXED = "sku,title,price\nA1,one,1.50\n,two,free\nA3,three,0\nA4,four,4\n"
COMMANDS = ("process", "load", "validate", "migrate")


@pytest.fixture
def shop(feedmill: Command) -> Command:
    """Lay out a schema, a good feed and a mixed one."""
    feedmill.write("items.json", SCHEMA)
    feedmill.write("good.csv", GOOD)
    feedmill.write("mixed.csv", MIXED)
    return feedmill


def validate(shop: Command, *arguments: object, **options: object) -> Finished:
    return shop("validate", *arguments, schema="items.json", **options)


def stored(shop: Command, statement: str = "SELECT * FROM items ORDER BY sku") -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(shop.directory / "store.db")) as connection:
        return connection.execute(statement).fetchall()


# What is printed ————————————————————————————————————————————————————————————————————————————————————————————


def test_a_good_feed_ends_with_0_and_two_lines(shop: Command) -> None:
    done = validate(shop, "good.csv", workers=1)
    assert done == Finished(
        0,
        "Worker 1 finished: processed 3 records in total\n"
        "Processing complete: 3 records processed\n"
        "Successes: 3, Failures: 0\n",
        "",
    )


def test_a_mixed_feed_ends_with_1_and_says_what_was_found(shop: Command) -> None:
    done = validate(shop, "mixed.csv", workers=1)
    assert done == Finished(
        1,
        "Worker 1 finished: processed 4 records in total\n"
        "Rejects:\n"
        "          1  price.minimum\n"
        "          1  price.type\n"
        "          1  sku.required\n"
        "Processing complete: 4 records processed\n"
        "Successes: 2, Failures: 2\n",
        "",
    )


def test_a_store_is_accounted_for(shop: Command) -> None:
    done = shop("load", "mixed.csv", to="sqlite:///store.db", schema="items.json", workers=1)
    assert done.code == 1
    assert "Outcomes: inserted 2, updated 0, unchanged 0, duplicate 0" in done.out.splitlines()
    assert stored(shop) == [("A1", "one", "1.50"), ("A4", "four", "4")]
    again = shop("load", "mixed.csv", to="sqlite:///store.db", schema="items.json", workers=1)
    assert "Outcomes: inserted 0, updated 0, unchanged 2, duplicate 0" in again.out.splitlines()


def test_quiet_prints_the_last_lines_only(shop: Command) -> None:
    done = validate(shop, "mixed.csv", quiet=True)
    assert done.out == "Processing complete: 4 records processed\nSuccesses: 2, Failures: 2\n"
    assert done.err == ""


def test_a_tuned_run_says_what_it_chose(shop: Command, caplog: pytest.LogCaptureFixture) -> None:
    assert validate(shop, "good.csv", workers="auto").code == 0
    assert re.search(r"auto: \d+ workers: to begin with, one each CPU", caplog.text)
    assert validate(shop, "good.csv", workers="many").code == 2
    assert validate(shop, "good.csv", workers=0).code == 2


def test_workers_log_as_they_go(shop: Command) -> None:
    rows = "".join(f"A{number},title,1\n" for number in range(10_000))
    shop.write("long.csv", "sku,title,price\n" + rows)
    done = validate(shop, "long.csv", workers=1, log_every=4000, chunk_size="4KiB")
    assert done.out.splitlines() == [
        "Worker 1: processed 4000 records",
        "Worker 1: processed 8000 records",
        "Worker 1 finished: processed 10000 records in total",
        "Processing complete: 10000 records processed",
        "Successes: 10000, Failures: 0",
    ]
    done = validate(shop, "long.csv", workers=3, log_every=1000, chunk_size="4KiB")
    lines = done.out.splitlines()
    finished = [
        re.fullmatch(r"Worker (\d): finished|Worker (\d) finished: processed (\d+) records in total", line)
        for line in lines
    ]
    totals = {match[2]: int(match[3]) for match in finished if match}
    assert sorted(totals) == ["1", "2", "3"]
    assert sum(totals.values()) == 10_000
    for worker, total in totals.items():
        passed = [line for line in lines if line.startswith(f"Worker {worker}: ")]
        assert passed == [f"Worker {worker}: processed {n} records" for n in range(1000, total + 1, 1000)]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_the_commands(shop: Command, flag: str) -> None:
    done = shop(flag)
    assert (done.code, done.err) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", done.out, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_explains_every_option(shop: Command, command: str) -> None:
    done = shop(command, "--help")
    assert (done.code, done.err) == (0, "")
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)(.*(?:\n {6,}.*)*)", done.out, re.MULTILINE)
    assert options[-1][0] == "--help"
    for option, text in options:
        words = re.sub(r"^ (?:[A-Z|%=]+|\[.*?\]|SIZE)", "", text).split()
        assert len(words) >= 3, f"{option} is not explained"
    if command != "migrate":
        common = {
            *("--workers", "--lanes", "--job-buffer", "--result-buffer", "--chunk-size", "--rejects"),
            *(
                "--max-failures",
                "--report",
                "--log-every",
                "--resume",
                "--no-progress",
                "--quiet",
                "--format",
            ),
            *("--encoding", "--delimiter", "--quote", "--escape", "--comment", "--no-header", "--skip-rows"),
            *("--null", "--max-record-bytes", "--sniff", "--map"),
        }
        assert common <= {option for option, _ in options}


def test_without_arguments_there_is_help(shop: Command) -> None:
    done = shop()
    assert done.code == 2
    assert done.err.startswith("Usage: feedmill ")


def test_the_version_says_what_runs(shop: Command) -> None:
    done = shop("--version")
    build = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with the GIL"
    gil = "on" if sys._is_gil_enabled() else "off"
    python = ".".join(map(str, sys.version_info[:3]))
    assert done.code == 0
    assert re.fullmatch(
        rf"feedmill {re.escape(version('feedmill'))} \(CPython {python} {build}, GIL {gil}, "
        r"kernel \w+, patterns (PCRE2 10\.\d+|re)\)\n",
        done.out,
    )


def test_the_command_is_installed_and_is_a_module(shop: Command) -> None:
    script = Path(sys.executable).with_name("feedmill")
    assert script.exists()
    assert shop.apart("validate", "mixed.csv", schema="items.json", workers=1) == validate(
        shop, "mixed.csv", workers=1
    )
    assert COMMAND[-1] == "feedmill"


# What feeds may be ——————————————————————————————————————————————————————————————————————————————————————————


def test_standard_input(shop: Command) -> None:
    done = shop.apart("validate", "-", schema="items.json", quiet=True, stdin=MIXED.encode())
    assert (done.code, done.last_lines[1], done.err) == (1, "Successes: 2, Failures: 2", "")


def test_standard_input_that_is_a_file(shop: Command) -> None:
    """As in ``feedmill validate - < mixed.csv``: it has a size, and yet it cannot be opened a second time."""
    command = [*COMMAND, "validate", "-", "--schema", "items.json", "--quiet"]
    with (shop.directory / "mixed.csv").open("rb") as file:
        done = subprocess.run(
            command, check=False, cwd=shop.directory, env=ENVIRONMENT, stdin=file, capture_output=True
        )
    assert (done.returncode, done.stdout.decode().splitlines()[1]) == (1, "Successes: 2, Failures: 2")


def test_standard_input_that_is_compressed(shop: Command) -> None:
    done = shop.apart("validate", "-", schema="items.json", quiet=True, stdin=gzip.compress(MIXED.encode()))
    assert (done.code, done.last_lines[1], done.err) == (1, "Successes: 2, Failures: 2", "")


def test_globs_and_compressed_files_in_the_order_of_their_names(shop: Command) -> None:
    shop.write("part-2.csv.gz", gzip.compress(b"sku,title,price\nB2,late,2\nA1,newer,9\n"))
    shop.write("part-1.csv", "sku,title,price\nA1,older,1\n,none,\n")
    done = shop(
        *("load", "part-*"), to="sqlite:///store.db", schema="items.json", rejects="rejects.csv", quiet=True
    )
    assert done.last_lines == ["Processing complete: 4 records processed", "Successes: 3, Failures: 1"]
    assert stored(shop) == [("A1", "newer", "9"), ("B2", "late", "2")]


def test_json_lines(shop: Command) -> None:
    shop.write(
        "feed.jsonl", '{"sku":"A1","title":"one","price":1.5}\n{"price":null,"sku":"A2"}\n{"sku":3}\n[]\n'
    )
    done = shop("load", "feed.jsonl", to="sqlite:///store.db", schema="items.json", rejects="rejects.csv")
    assert done.code == 1, done
    assert stored(shop) == [("3", None, None), ("A1", "one", "1.5"), ("A2", None, None)]
    assert done.last_lines == ["Processing complete: 4 records processed", "Successes: 3, Failures: 1"]
    with (shop.directory / "rejects.csv").open(newline="") as file:
        assert [row["message"] for row in csv.DictReader(file)] == ['expected a JSON object, got "[]"']


def test_the_dialect_is_as_told(shop: Command) -> None:
    shop.write("feed.txt", 'comment\n# more\nA1\t"one"\t1\nA2\tNULL\t2\n')
    done = shop(
        *("load", "feed.txt", "--no-header"),
        to="sqlite:///store.db",
        schema="items.json",
        delimiter="tab",
        quote="none",
        null="NULL",
        comment="#",
        skip_rows=1,
    )
    assert done.code == 0, done
    assert stored(shop) == [("A1", '"one"', "1"), ("A2", None, "2")]


def test_an_encoding(shop: Command) -> None:
    shop.write("feed.csv", "sku,title,price\nA1,Ärmel,1\n".encode("latin-1"))
    assert validate(shop, "feed.csv", quiet=True).code == 1
    done = shop("load", "feed.csv", to="sqlite:///store.db", schema="items.json", encoding="latin-1")
    assert done.code == 0
    assert stored(shop) == [("A1", "Ärmel", "1")]


def test_columns_of_other_names(shop: Command) -> None:
    shop.write("feed.csv", "price,Product name,id\n1.5,one,A1\n")
    done = shop(
        *("load", "feed.csv"),
        to="sqlite:///store.db",
        schema="items.json",
        map=["title=Product name", "sku=id"],
    )
    assert done.code == 0, done
    assert stored(shop) == [("A1", "one", "1.5")]


def test_sniffing_says_why(shop: Command) -> None:
    shop.write("feed.csv", "sku;title;price\nA1;one;1.5\nA2;two;2\n")
    done = validate(shop, "feed.csv", sniff=True, workers=1)
    assert done.code == 0, done
    assert "delimiter ';': 3 of 3 records have 3 cells" in done.out
    shop.write("mac.csv", "sku;title;price\rA1;one;1.5\rA2;two;2\r")
    refused = validate(shop, "mac.csv", delimiter=";")
    assert (refused.code, "carriage returns alone: --sniff" in refused.err) == (2, True)
    assert validate(shop, "mac.csv", sniff=True, workers=1).last_lines == done.last_lines
    quiet = validate(shop, "feed.csv", sniff=True, quiet=True)
    assert (quiet.code, quiet.out.splitlines()) == (0, done.last_lines)


def test_records_longer_than_allowed(shop: Command) -> None:
    shop.write("feed.csv", f"sku,title,price\nA1,{'x' * 5000},1\nA2,two,2\n")
    done = validate(shop, "feed.csv", max_record_bytes=4096, rejects="rejects.csv", report="report.json")
    assert done.code == 1
    assert shop.report()["rejects_by_code"] == {"record_too_long": 1}
    assert shop.report()["successes"] == 1


# Where records go ———————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("upsert", [("A1", "one", "1.50"), ("A2", "two", "2"), ("A3", "three", None), ("A9", "nine", None)]),
        ("ignore", [("A1", "first", None), ("A2", "two", "2"), ("A3", "three", None), ("A9", "nine", None)]),
        ("insert", [("A1", "first", None), ("A2", "two", "2"), ("A3", "three", None), ("A9", "nine", None)]),
        ("replace", [("A1", "one", "1.50"), ("A2", "two", "2"), ("A3", "three", None)]),
    ],
)
def test_the_modes_of_a_load(shop: Command, mode: str, rows: list[tuple[object, ...]]) -> None:
    shop.write("before.csv", "sku,title,price\nA1,first,\nA9,nine,\n")
    shop("load", "before.csv", to="sqlite:///store.db", schema="items.json")
    done = shop(
        "load", "good.csv", to="sqlite:///store.db", schema="items.json", mode=mode, report="report.json"
    )
    assert stored(shop) == rows
    if mode == "insert":
        assert done.code == 1
        assert list(shop.report()["rejects_by_code"]) == ["sku.duplicate_key"]
    else:
        assert done.code == 0


def test_the_table_is_the_one_named_or_the_schemas_or_the_feeds(shop: Command) -> None:
    nameless = {name: value for name, value in SCHEMA.items() if name != "name"}
    shop.write("offers.schema.json", nameless)
    arguments = ("load", "good.csv", "--quiet")
    shop(*arguments, to="sqlite:///store.db", schema="items.json")
    shop(*arguments, to="sqlite:///store.db", schema="items.json", table="other")
    shop(*arguments, to="sqlite:///store.db", schema="offers.schema.json")
    for table in ("items", "other", "offers"):
        assert stored(shop, f"SELECT count(*) FROM {table}") == [(3,)]


def test_process_has_a_default_database(shop: Command) -> None:
    header = "dealer_code,sku,title,price,currency,stock,condition,url,updated_at\n"
    row = "D1,A1,one,9.90,EUR,3,New,https://example.com/a1,2026-01-01T00:00:00Z\n"
    shop.write("offers.csv", header + row)
    done = shop("process", "offers.csv", "--create-dealers")
    assert done.code == 0, done
    assert done.last_lines == ["Processing complete: 1 records processed", "Successes: 1, Failures: 0"]
    assert (shop.directory / "feedmill.db").exists()


def test_process_knows_the_dealers_of_a_file(shop: Command) -> None:
    header = "dealer_code,sku,title,price,currency,stock,condition,url,updated_at\n"
    row = "{},A1,one,9.90,EUR,3,New,https://example.com/a1,2026-01-01T00:00:00Z\n"
    shop.write("offers.csv", header + row.format("D1") + row.format("D2"))
    shop.write("dealers.csv", "code,name\nD1,First\n")
    done = shop(
        *("process", "offers.csv"),
        to="sqlite:///store.db",
        dealers="dealers.csv",
        rejects="rejects.csv",
        report="report.json",
    )
    assert done.code == 1, done
    assert shop.report()["rejects_by_code"] == {"dealer_code.unknown_dealer": 1}
    assert stored(shop, "SELECT code, name FROM dealers") == [("D1", "First")]


def test_migrate_says_what_it_did(shop: Command) -> None:
    first, second = shop("migrate", "sqlite:///store.db"), shop("migrate", "sqlite:///store.db")
    assert first.code == 0
    assert first.out.splitlines()[0] == "applied 001_products"
    assert all(line.startswith("applied ") for line in first.out.splitlines())
    assert second == Finished(0, "up to date\n", "")


def test_a_number_of_failures_that_is_too_many(shop: Command) -> None:
    bad = "".join(f"A{number},title,free\n" for number in range(11))
    shop.write("bad.csv", "sku,title,price\n" + bad + "B,title,1\n" * 89)
    done = validate(shop, "bad.csv", max_failures=10, rejects="rejects.csv")
    assert done.code == 4
    assert done.err == (
        "feedmill: 11 of 100 records failed, more than --max-failures 10 allows; the reject file says why\n"
    )
    assert done.last_lines == ["Processing complete: 100 records processed", "Successes: 89, Failures: 11"]
    assert len((shop.directory / "rejects.csv").read_text().splitlines()) == 12
    assert validate(shop, "bad.csv", max_failures=11).code == 1
    assert validate(shop, "bad.csv", max_failures="1%").code == 4
    assert validate(shop, "bad.csv", max_failures="11%").code == 1
    assert validate(shop, "good.csv", max_failures=0).code == 0


def test_too_many_failures_stop_a_run_early(shop: Command) -> None:
    bad = "".join(f"A{number},title,free\n" for number in range(200_000))
    shop.write("bad.csv", "sku,title,price\n" + bad)
    done = validate(shop, "bad.csv", max_failures=10, report="report.json", chunk_size="64KiB")
    assert done.code == 4
    report = shop.report()
    assert 10 < report["failures"] == report["records"] < 200_000
