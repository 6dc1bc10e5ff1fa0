"""The lists of a run's successes and failures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from feedmill.products import Failure, Success
from feedmill.products import lists as lists_module
from feedmill.runs import RunOptions
from tests.products.feeds import BAD_STOCK, Row, rows, write_feed
from tests.products.rigs import Rig, SqlRig


def mixed(seed: int, count: int, share: float) -> list[Row]:
    """Make rows of which some are bad."""
    random = Random(seed)
    return [
        Row(sku=f"{seed}-{number}", stock=BAD_STOCK if random.random() < share else "1")
        for number in range(count)
    ]


def places(items: Sequence[Success] | Sequence[Failure]) -> list[tuple[int, int]]:
    return [(item.feed, item.record) for item in items]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("every_outcome", [False, True])
def test_every_record_is_in_one_of_them(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, every_outcome: bool
) -> None:
    monkeypatch.setattr(lists_module, "PAGE", 7)
    feeds = [mixed(1, 60, share), mixed(2, 1, share), mixed(3, 29, share)]
    names = [write_feed(tmp_path / f"{number}.csv", feed) for number, feed in enumerate(feeds)]
    with sql_rig.job(every_outcome=every_outcome) as job:
        output = job.execute(names)
        good = [(f, r) for f, feed in enumerate(feeds) for r, row in enumerate(feed, 1) if not row.is_bad]
        bad = [(f, r) for f, feed in enumerate(feeds) for r, row in enumerate(feed, 1) if row.is_bad]
        assert len(output.success_list) == output.report.successes == len(good)
        assert len(output.failure_list) == output.report.failures == len(bad)
        assert places(output.success_list) == good
        assert places(output.failure_list) == bad
        assert {item.outcome for item in output.success_list} <= {"inserted"}
        for number in range(-len(good), len(good)):
            assert places([output.success_list[number]]) == [good[number]]
        assert places(output.success_list[5:-5:3]) == good[5:-5:3]
        assert places(list(reversed(output.failure_list))) == bad[::-1]
        for items in (output.success_list, output.failure_list):
            for outside in (len(items), -len(items) - 1):
                with pytest.raises(IndexError):
                    items[outside]


def test_outcomes_that_were_not_kept_are_empty(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = write_feed(tmp_path / "a.csv", [*rows(3), Row(sku="s0000")])
    with sql_rig.job() as job:
        job.execute(feed)
        assert [item.outcome for item in job.execute(feed).success_list] == [""] * 4
    with sql_rig.job(every_outcome=True) as job:
        outcomes = [item.outcome for item in job.execute(feed).success_list]
    assert outcomes == ["duplicate", "unchanged", "unchanged", "unchanged"]


def test_a_failure_says_why(rig: Rig, tmp_path: Path) -> None:
    with rig.job() as job:
        (failure,) = job.execute(write_feed(tmp_path / "a.csv", [Row(stock=BAD_STOCK)])).failure_list
    assert (failure.column, failure.code) == ("stock", "minimum")


def test_the_lists_are_of_one_run(sql_rig: SqlRig, tmp_path: Path) -> None:
    with sql_rig.job(options=RunOptions(workers=1)) as job:
        first = job.execute(write_feed(tmp_path / "a.csv", mixed(1, 20, 0.3)))
        before = places(first.success_list)
        job.execute(write_feed(tmp_path / "b.csv", mixed(2, 40, 0.3)))
        assert places(first.success_list) == before
