"""The files that a run writes beside its store: the report, the rejects, the good records."""

from __future__ import annotations

import csv
import json
import os
import sys
from pathlib import Path

import pytest

from tests.command import Command
from tests.test_cli import GOOD, MIXED, SCHEMA, validate

REPORT_KEYS = (
    *(
        "run_id",
        "feed",
        "schema",
        "python",
        "gil_enabled",
        "workers",
        "lanes",
        "jobs",
        "records",
        "successes",
    ),
    *("failures", "rejects_by_code", "outcomes", "bytes", "elapsed_s", "cpu_s", "records_per_s"),
    *("peak_rss_bytes", "per_worker", "stages"),
)
"""What the design's section 6 names."""
WORKER_KEYS = ("worker", "jobs", "records", "busy_s", "waiting_s")


@pytest.fixture
def shop(feedmill: Command) -> Command:
    """Lay out a schema, a good feed and a mixed one."""
    feedmill.write("items.json", SCHEMA)
    feedmill.write("good.csv", GOOD)
    feedmill.write("mixed.csv", MIXED)
    return feedmill


def test_the_report_has_the_keys_of_the_design(shop: Command) -> None:
    shop("load", "mixed.csv", to="sqlite:///store.db", schema="items.json", report="report.json", workers=2)
    report = shop.report()
    assert set(REPORT_KEYS) <= set(report)
    assert (report["feed"], report["schema"]) == ("mixed.csv", "items")
    assert report["python"] == ".".join(map(str, sys.version_info[:3]))
    assert report["gil_enabled"] is sys._is_gil_enabled()
    assert (report["workers"], report["lanes"], report["jobs"]) == (2, 1, 1)
    assert (report["records"], report["successes"], report["failures"]) == (4, 2, 2)
    assert report["rejects_by_code"] == {"price.minimum": 1, "price.type": 1, "sku.required": 1}
    assert report["outcomes"] == {"inserted": 2, "updated": 0, "unchanged": 0, "duplicate": 0}
    assert report["bytes"] == len(MIXED) - len("sku,title,price\n")
    assert [worker["worker"] for worker in report["per_worker"]] == [1, 2]
    for worker in report["per_worker"]:
        assert set(WORKER_KEYS) <= set(worker)
    assert sum(worker["records"] for worker in report["per_worker"]) == 4
    assert [stage["stage"] for stage in report["stages"]] == [
        "reader",
        "workers",
        "collector",
        "lanes",
        "settler",
    ]
    for name in ("elapsed_s", "cpu_s", "records_per_s", "peak_rss_bytes"):
        assert report[name] > 0


def test_the_report_has_few_other_keys(shop: Command) -> None:
    validate(shop, "mixed.csv", report="report.json")
    assert set(shop.report()) - set(REPORT_KEYS) == {
        "discontinued",
        "dropped",
        "failed_jobs",
        "stored",
        "stopped",
    }
    assert set(shop.report()["per_worker"][0]) - set(WORKER_KEYS) == {"failed"}


def test_the_report_of_a_feed_whose_name_is_no_utf_8(shop: Command) -> None:
    name = b"good-\xff.csv"
    (Path(os.fsdecode(os.fsencode(shop.directory) + b"/" + name))).write_text(GOOD)
    done = shop("validate", os.fsdecode(name), schema="items.json", report="report.json")
    assert done.code == 0
    assert os.fsencode(shop.report()["feed"]) == name


def test_rejects_in_csv(shop: Command) -> None:
    validate(shop, "mixed.csv", rejects="rejects.csv")
    assert (shop.directory / "rejects.csv").read_text() == (
        "record,line,byte,column,code,message,value\n"
        '2,3,28,sku,required,"expected a value, got nothing",\n'
        '2,3,33,price,type,"expected a number, got ""free""",free\n'
        '3,4,47,price,minimum,"expected at least 0.01, got ""0""",0\n'
    )


def test_rejects_in_json_lines(shop: Command) -> None:
    validate(shop, "mixed.csv", rejects="rejects.csv")
    validate(shop, "mixed.csv", rejects="rejects.jsonl")
    lines = [json.loads(line) for line in (shop.directory / "rejects.jsonl").read_text().splitlines()]
    with (shop.directory / "rejects.csv").open(newline="") as file:
        assert [{name: str(value) for name, value in line.items()} for line in lines] == list(
            csv.DictReader(file)
        )
    assert lines[0] == {
        "record": 2,
        "line": 3,
        "byte": 28,
        "column": "sku",
        "code": "required",
        "message": "expected a value, got nothing",
        "value": "",
    }


def test_a_reject_is_no_formula_and_keeps_1000_characters(shop: Command) -> None:
    shop.write("long.csv", f"sku,title,price\nA1,one,=1+1\nA2,two,{'9x' * 900}\n")
    validate(shop, "long.csv", rejects="rejects.csv")
    with (shop.directory / "rejects.csv").open(newline="") as file:
        values = [row["value"] for row in csv.DictReader(file)]
    assert values == ["'=1+1", "9x" * 500]


def test_an_older_reject_file_is_replaced_when_nothing_is_rejected(shop: Command) -> None:
    shop.write("rejects.csv", "old\n")
    validate(shop, "good.csv", rejects="rejects.csv")
    assert (shop.directory / "rejects.csv").read_text() == "record,line,byte,column,code,message,value\n"


def test_good_records_are_written_with_a_header(shop: Command) -> None:
    assert validate(shop, "good.csv", valid="valid.csv").code == 0
    assert (shop.directory / "valid.csv").read_text() == GOOD
    assert validate(shop, "mixed.csv", valid="valid.jsonl").code == 1
    lines = [json.loads(line) for line in (shop.directory / "valid.jsonl").read_text().splitlines()]
    assert lines == [
        {"sku": "A1", "title": "one", "price": 1.5},
        {"sku": "A4", "title": "four", "price": 4},
    ]


def test_what_goes_to_standard_output_is_not_written_over(shop: Command) -> None:
    with (shop.directory / "out.txt").open("wb") as out:
        done = shop.apart(
            *("validate", "mixed.csv", "--schema", "items.json", "--quiet"),
            *("--rejects", "/dev/stdout", "--report", "/dev/fd/1"),
            stdout=out,
        )
    assert (done.code, done.err) == (1, "")
    header, *lines = (shop.directory / "out.txt").read_text().splitlines()
    assert header == "record,line,byte,column,code,message,value"
    assert lines[3:5] == ["Processing complete: 4 records processed", "Successes: 2, Failures: 2"]
    assert json.loads("".join(lines[5:]))["records"] == 4


def test_good_records_and_a_page_to_standard_output(shop: Command) -> None:
    done = shop.apart("validate", "good.csv", schema="items.json", valid="/dev/stdout", quiet=True)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(GOOD + "Processing complete: ")
    loaded = shop.apart("load", "good.csv", schema="items.json", to="/dev/fd/1", quiet=True)
    assert (loaded.code, loaded.out) == (0, done.out)
    validate(shop, "good.csv", report="report.json")
    page = shop.apart("report", "report.json", "--html", "/dev/stdout")
    assert (page.code, page.err) == (0, "")
    assert page.out.endswith("</html>\n")


UNLIKE = {
    "a first line that names the delimiter": (b"sep=;\n1;2\n", b"3;4\n5;6\n", "skip rows 0 and not 1"),
    "delimiter": (b"1;2\n3;4\n", b"3|4\n5|6\n", "delimiter '|' and not ';'"),
    "header": (b"1;2\n3;4\n", b"a;b\n5;6\n", "header True and not False"),
    "encoding": ("é;2\nö;4\n".encode("cp1252"), "é;2\nö;4\n".encode(), "encoding 'utf-8' and not 'cp1252'"),
}


@pytest.mark.parametrize("case", UNLIKE)
def test_feeds_that_do_not_look_alike_are_refused(feedmill: Command, case: str) -> None:
    first, second, told = UNLIKE[case]
    Path(feedmill.directory, "s1.csv").write_bytes(first)
    Path(feedmill.directory, "s2.csv").write_bytes(second)
    feedmill.write("ab.json", '{"fields": [{"name": "a"}, {"name": "b"}]}')
    done = feedmill("validate", "s1.csv", "s2.csv", schema="ab.json", sniff=True)
    assert done.code == 2
    assert "feed s2.csv looks otherwise than s1.csv: " in done.err
    assert told in done.err


def test_feeds_that_look_alike_are_taken_and_empty_ones_do_not_count(feedmill: Command) -> None:
    feedmill.write("empty.csv", "")
    feedmill.write("s1.csv", "1;2\n3;4\n")
    feedmill.write("s2.csv", "5;6\n7;8\n")
    feedmill.write("ab.json", '{"fields": [{"name": "a"}, {"name": "b"}]}')
    done = feedmill(
        "validate", "empty.csv", "s1.csv", "s2.csv", schema="ab.json", sniff=True, report="report.json"
    )
    assert (done.code, feedmill.report()["successes"]) == (0, 4), done
    # What is said holds for all of them, whatever they look like.
    feedmill.write("s2.csv", "a;b\n7;8\n")
    done = feedmill(
        *("validate", "s1.csv", "s2.csv"), schema="ab.json", sniff=True, no_header=True, report="report.json"
    )
    assert (done.code, feedmill.report()["successes"]) == (0, 4), done
