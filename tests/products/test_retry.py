"""Failed records, mended and merged: there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from feedmill.products import process_feeds, retry_failed
from feedmill.runs import RunOptions
from tests.command import Command
from tests.products.feeds import Row, rows, write_feed
from tests.products.rigs import SqlRig


def test_mended_records_are_merged_and_linked(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = [*rows(20), Row(sku="a", stock="-1"), Row(sku="b", dealer_code="nobody"), Row(sku="c", price="x")]
    failed, again = tmp_path / "failed.csv", tmp_path / "again.csv"
    first = process_feeds(
        write_feed(tmp_path / "feed.csv", feed), sql_rig.url, options=RunOptions(failed=str(failed))
    )
    assert first.failures == 3
    text = failed.read_text()
    assert text.count("\n") == 4
    # Two of the three are put right.
    failed.write_text(text.replace(",-1,", ",7,").replace("nobody", "d1"))
    second = retry_failed(str(failed), sql_rig.url, options=RunOptions(failed=str(again)))
    assert (second.records, second.failures, second.outcomes.inserted) == (3, 1, 2)
    links = sql_rig.query(
        "SELECT run_id, record, mended_by, mended_record FROM product_integration"
        " WHERE status = 'failure' ORDER BY record DESC"
    )
    assert [link for link in links if link[2]] == [
        (first.run_id, 22, second.run_id, 2),
        (first.run_id, 21, second.run_id, 1),
    ]
    # The third one, at last: it is still the record that it was at first.
    again.write_text(again.read_text().replace(",x,", ",1.00,"))
    third = retry_failed(str(again), sql_rig.url)
    assert (third.records, third.failures) == (1, 0)
    [link] = sql_rig.query(
        f"SELECT run_id, record FROM product_integration WHERE mended_by = '{third.run_id}'"
    )
    assert link == (first.run_id, 23)
    good = [*rows(20), *(replace(row, stock="7") for row in feed[20:21])]
    assert {sku for _, sku in sql_rig.tables().offers} == {row.sku for row in good} | {"b", "c"}


def test_the_command_line(sql_rig: SqlRig, feedmill: Command) -> None:
    write_feed(feedmill.directory / "feed.csv", [*rows(3), Row(sku="a", stock="-1")])
    done = feedmill("process", "feed.csv", to=sql_rig.url, failed="failed.csv")
    assert done.code == 1, done
    failed = feedmill.directory / "failed.csv"
    failed.write_text(failed.read_text().replace(",-1,", ",1,"))
    done = feedmill("retry", "failed.csv", to=sql_rig.url)
    assert (done.code, done.last_lines[-1]) == (0, "Successes: 1, Failures: 0")
    assert feedmill("process", "feed.csv", to=sql_rig.url, failed="feed.csv").code == 2
    assert feedmill("retry", "absent.csv", to=sql_rig.url).code == 2


@pytest.mark.parametrize(
    "place", ["", "x", "a:b:c", "r:0:99999999999999999999", "'; DROP TABLE dealers; --:0:1"]
)
def test_a_place_that_was_spoilt_links_nothing(sql_rig: SqlRig, tmp_path: Path, place: str) -> None:
    feed = tmp_path / "failed.csv"
    write_feed(feed, [Row(sku="a")])
    head, line = feed.read_text().splitlines()
    feed.write_text(f"_record,_code,_message,{head}\n{place},,,{line}\n")
    assert retry_failed(str(feed), sql_rig.url).outcomes.inserted == 1
