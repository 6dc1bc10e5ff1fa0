"""A snapshot's end: killed before one of its statements after the other, and after its commit.

`make torture` takes every statement, a plain run of the tests every fourth.
"""

from __future__ import annotations

import csv
import signal
from itertools import count
from pathlib import Path

import pytest

from benchmarks.feeds import write_feed
from tests.faults.conftest import FAULTS
from tests.faults.shop import Shop, State, ended

RECORDS = 600
GONE = (
    "SELECT d.code, p.sku, o.discontinued_by IS NULL FROM product_dealers AS o"
    " JOIN dealers AS d ON d.id = o.dealer_id JOIN products AS p ON p.id = o.product_id"
)
MARKS = "SELECT count(*) FROM product_dealers WHERE discontinued_by IS NOT NULL"


@pytest.fixture
def feeds(tmp_path: Path) -> tuple[Path, Path]:
    """Write what a few dealers offer, and the same with every fifth offer left out."""
    made, first, second = (tmp_path / name for name in ("made.csv", "first.csv", "second.csv"))
    write_feed(made, RECORDS, seed=3, bad=0, repeats=0)
    with made.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    rows = [[f"D{number % 7}", *row[1:]] for number, row in enumerate(rows)]
    for path, chosen in ((first, rows), (second, [row for number, row in enumerate(rows) if number % 5])):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *chosen])
    return first, second


def stock(shop: Shop, feeds: tuple[Path, Path]) -> Shop:
    """Load the first feed, and make a shop for the second."""
    shop.reset()
    code, err = ended(Shop(shop.database, shop.directory, feeds[0]).start())
    assert code == 0, err
    for file in shop.directory.iterdir():
        file.unlink()
    return Shop(shop.database, shop.directory, feeds[1])


def state(shop: Shop) -> State:
    return shop.state() | {"gone": sorted(shop.database.rows(GONE))}


def test_killed_at_its_end(shop: Shop, feeds: tuple[Path, Path]) -> None:
    second = stock(shop, feeds)
    code, err = ended(second.start("--snapshot"))
    assert code == 0, err
    undisturbed = state(second)
    [(marked,)] = second.database.rows(MARKS)
    assert marked == RECORDS // 5

    second = stock(shop, feeds)
    resume: tuple[str, ...] = ()
    for statement in count(1, 1 if FAULTS >= 100 else 4):
        code, err = ended(second.start("--snapshot", *resume, meddling=f"ending:{statement}"))
        if code != -signal.SIGKILL:
            break
        assert second.database.rows(MARKS) == [(0,)]
        resume = ("--resume",)
    assert (code, statement > 5) == (0, True), err
    assert state(second) == undisturbed


def test_killed_when_it_had_ended(shop: Shop, feeds: tuple[Path, Path]) -> None:
    second = stock(shop, feeds)
    code, err = ended(second.start("--snapshot", meddling="ending:0"))
    assert code == -signal.SIGKILL, err
    told = state(second)
    code, err = ended(second.start("--snapshot", "--resume"))
    assert (code, "no unfinished run" in err) == (2, True)
    assert {name: state(second)[name] for name in told if name != "rejects"} == {
        name: told[name] for name in told if name != "rejects"
    }
    assert second.database.rows(MARKS) == [(RECORDS // 5,)]
    # And once more, as a new run, which finds nothing left to do.
    code, err = ended(second.start("--snapshot"))
    assert (code, second.database.rows(MARKS)) == (0, [(RECORDS // 5,)]), err
