"""Files that are made to hurt, given to the command as a user would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import PRODUCT_SCHEMA, Command
from tests.products.feeds import Row, rows, write_feed

LINE_BYTES = 1 << 30
LIMIT_BYTES = 256 << 20


@pytest.mark.slow
def test_a_line_of_1_gb_is_one_reject(feedmill: Command) -> None:
    """It is a hole in the file, so that it takes no disk; feedmill reads all of it."""
    path = feedmill.directory / "feed.csv"
    write_feed(path, rows(2))
    head, first, second = path.read_bytes().splitlines(keepends=True)
    with path.open("wb") as file:
        file.write(head + first)
        file.seek(LINE_BYTES, 1)
        file.write(b"\n" + second)
    done = feedmill.apart("validate", path, schema=PRODUCT_SCHEMA, report="report.json", workers=2)
    assert done.code == 1, done.err
    report = feedmill.report()
    assert (report["records"], report["failures"]) == (3, 1)
    assert report["rejects_by_code"] == {"record_too_long": 1}
    assert report["peak_rss_bytes"] < LIMIT_BYTES


@pytest.mark.parametrize("line", ["header", "record"])
def test_a_million_columns(feedmill: Command, line: str) -> None:
    """A header of so many is refused; in a record they are cells too many, and a record too long."""
    path = feedmill.directory / "feed.csv"
    write_feed(path, rows(2))
    head, first, second = path.read_bytes().splitlines(keepends=True)
    many = b"," * 1_000_000 + b"\n"
    path.write_bytes(b"".join([many, first] if line == "header" else [head, first, many, second]))
    outputs = {"report": "report.json", "rejects": "rejects.csv"}
    done = feedmill.apart("validate", path, schema=PRODUCT_SCHEMA, **outputs)
    if line == "header":
        assert (done.code, done.out) == (2, "")
        assert "more than 1600 columns" in done.err
        assert len(done.err) < 500
    else:
        assert done.code == 1, done.err
        report = feedmill.report()
        assert (report["records"], report["failures"]) == (3, 1)
        assert report["peak_rss_bytes"] < LIMIT_BYTES
        assert (feedmill.directory / "rejects.csv").stat().st_size < 10_000


def test_the_end_of_copy_is_a_value_like_any_other(feedmill: Command, postgres_url: str) -> None:
    r"""A line ``\.`` ends what PostgreSQL is sent as text, in silence; in a cell it is two characters."""
    texts = ("title", "brand", "category", "description")
    feed = [Row(sku=f"s{number}", **{name: "\\."}) for number, name in enumerate(texts)]
    feed += [Row(sku="\\."), Row(sku="lines", title="x", description="a\n\\.\nb")]
    write_feed(feedmill.directory / "feed.csv", feed)
    done = feedmill("process", "feed.csv", to=postgres_url, create_dealers=True, every_outcome=True)
    assert (done.code, done.last_lines[-1]) == (0, f"Successes: {len(feed)}, Failures: 0"), done
    again = feedmill("process", "feed.csv", to=postgres_url)
    assert f"unchanged {len(feed)}," in again.out


def test_a_file_s_name_stays_on_its_line(feedmill: Command) -> None:
    name = "a\x1b[31m\nfeedmill: all is well\u2028.csv"
    Path(feedmill.directory / name).write_text("no,such,columns\n1,2,3\n")
    done = feedmill("process", "*.csv")
    assert done.code == 2
    assert "\x1b" not in done.err
    assert "\u2028" not in done.err
    assert not any(line.startswith("feedmill: all is well") for line in done.err.splitlines())
    write_feed(feedmill.directory / name, [Row(stock="-1")])
    done = feedmill("process", "*.csv", gate=True, report="report.json", rejects="rejects.csv")
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
