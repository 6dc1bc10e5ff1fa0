"""The gate: what holds a feed, what lets it in, and which run is an accepted one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from feedmill.errors import FeedHeldError, RunError, UsageError
from feedmill.products import Gate, job, process_feeds, product_schema
from feedmill.products.accepted import GatedJournal
from feedmill.products.gate import Accepted, findings
from feedmill.products.profile import Filled, Priced, Profile, Seen, profile_feeds
from feedmill.report import Outcomes, Report
from feedmill.runs import RunOptions
from feedmill.stores.transaction import Transaction
from tests.command import Command
from tests.products.feeds import COLUMNS, Row, rows, write_feed
from tests.products.rigs import SqlRig
from tests.products.test_faults import CrashError

GATE = Gate()


def offers(dealer: str = "d1", count: int = 100, **changes: str) -> list[Row]:
    """Make one dealer's records, at prices from 1 to 100."""
    return [
        replace(row, price=f"{1 + number % 100}.00", **changes)
        for number, row in enumerate(rows(count, dealer_code=dealer, gtin="4006381333931"))
    ]


def load(rig: SqlRig, feed: str, gate: Gate | None = GATE, *, resume: bool = False) -> Report:
    return process_feeds(feed, rig.url, gate=gate, options=RunOptions(resume=resume))


def held(rig: SqlRig, feed: str, gate: Gate = GATE) -> tuple[str, ...]:
    """Run it, see that it writes nothing, and tell why."""
    before = rig.tables(), rig.query("SELECT count(*) FROM feedmill_runs"), profiles(rig)
    with pytest.raises(FeedHeldError) as caught:
        load(rig, feed, gate)
    assert (rig.tables(), rig.query("SELECT count(*) FROM feedmill_runs"), profiles(rig)) == before
    assert caught.value.report is None
    return caught.value.findings


def profiles(rig: SqlRig) -> list[tuple[Any, ...]]:
    return rig.query(
        "SELECT d.code, p.run_id, p.profile FROM feedmill_profiles AS p"
        " JOIN dealers AS d ON d.id = p.dealer_id ORDER BY d.code"
    )


def without(columns: Sequence[str], feed: Sequence[Row]) -> str:
    """Write a feed without some columns."""
    names = [name for name in COLUMNS if name not in columns]
    return "".join(
        ",".join(line) + "\n" for line in [names, *([getattr(row, name) for name in names] for row in feed)]
    )


def test_the_first_run_has_nothing_to_be_compared_with(
    sql_rig: SqlRig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "feedmill.gate")
    feed = write_feed(tmp_path / "a.csv", offers())
    first = load(sql_rig, feed)
    assert "0 dealers; nothing to compare with yet: 1" in caplog.text
    assert first.outcomes == Outcomes(inserted=100)
    [(code, run_id, _)] = profiles(sql_rig)
    assert (code, run_id) == ("d1", first.run_id)
    again = load(sql_rig, feed)
    assert again.outcomes == Outcomes(unchanged=100)
    assert [run_id for _, run_id, _ in profiles(sql_rig)] == [again.run_id]


def scaled(factor: float) -> Callable[[Row], Row]:
    return lambda row: replace(row, price=f"{float(row.price) * factor:.2f}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (scaled(100), "median price is 4,980 EUR, it was 50.8 .*times as much, as if by cents"),
        (scaled(0.01), "median price is 0.493 EUR, it was 50.8 .*1/103 of it, as if by whole units"),
        (lambda row: replace(row, currency="USD"), "currency is USD 100.0 %, it was EUR 100.0 %"),
        (lambda row: replace(row, gtin="" if row.sku < "s0030" else row.gtin), "gtin is empty in 30.0 %"),
    ],
    ids=["cents", "units", "currency", "empty"],
)
def test_what_holds_a_feed(sql_rig: SqlRig, tmp_path: Path, change: Callable[[Row], Row], words: str) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers() + offers("d2")))
    # Of two dealers one is wrong.
    feed = [*map(change, offers()), *offers("d2")]
    [finding] = held(sql_rig, write_feed(tmp_path / "a.csv", feed))
    assert finding.startswith("dealer 'd1': ")
    assert re.search(words, finding), finding


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (
            100,
            "median price is 4,980 USD, it was 56 EUR .*, as if by cents for whole units.*are 11.2 to 280",
        ),
        (0.01, "median price is 0.493 USD, it was 56 EUR .*, as if by whole units for cents"),
        (4, None),
    ],
)
def test_prices_that_change_with_their_currency_are_told_as_well(
    sql_rig: SqlRig, tmp_path: Path, factor: float, words: str | None
) -> None:
    few = offers(count=10, currency="USD")  # too few to be compared with
    load(sql_rig, write_feed(tmp_path / "a.csv", [*few, *offers()[10:]]))
    feed = [scaled(factor)(row) for row in offers(currency="USD")]
    currency, *prices = held(sql_rig, write_feed(tmp_path / "a.csv", feed))
    assert "the currency is USD 100.0 %, it was EUR 90.0 %, USD 10.0 %" in currency
    assert [bool(re.search(words or "", told)) for told in prices] == [True] * (words is not None), prices


def test_prices_in_another_currency_hold_no_feed_alone(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    feed = [replace(scaled(160)(row), currency="BRL") if row.sku < "s0030" else row for row in offers()]
    assert load(sql_rig, write_feed(tmp_path / "a.csv", feed), Gate(currency=40)).outcomes.updated == 30


def test_prices_that_lost_their_currency_are_told_as_well() -> None:
    last = Profile(100, {}, {"EUR": Priced(70, 20.0), "USD": Priced(30, 25.0)})
    now = Profile(100, {}, {"": Priced(75, 2_000.0), "USD": Priced(25, 25.0)})
    currency, price = findings(GATE, {"d1": Accepted(last, "2026-11-25T14:02:00")}, {"d1": now})
    assert "the currency is missing 75.0 %, USD 25.0 %" in currency
    assert "the median price is 2,000 without a currency, it was 20 EUR on" in price


@pytest.mark.parametrize(("count", "is_held"), [(49, True), (50, False), (200, False), (201, True)])
def test_volume(sql_rig: SqlRig, tmp_path: Path, count: int, is_held: bool) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    feed = write_feed(tmp_path / "b.csv", offers(count=count))
    if is_held:
        [finding] = held(sql_rig, feed)
        assert f"{count} good records, 100 on" in finding
        assert "let in are 50 to 200" in finding
    else:
        assert load(sql_rig, feed).successes == count


def test_a_short_feed_is_held_before_anything_is_discontinued(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    before = sql_rig.tables()
    path = write_feed(tmp_path / "a.csv", offers(count=30))
    with pytest.raises(FeedHeldError):
        process_feeds(path, sql_rig.url, snapshot=True, gate=GATE)
    assert sql_rig.tables() == before
    assert process_feeds(path, sql_rig.url, snapshot=True, gate=Gate(accept=True)).discontinued == 70


def test_records_that_fail_are_no_volume(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    feed = [replace(row, stock="-1") if row.sku < "s0080" else row for row in offers()]
    [finding] = held(sql_rig, write_feed(tmp_path / "b.csv", feed))
    assert "20 good records, 100 on" in finding


def test_a_column_that_is_gone(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed = tmp_path / "a.csv"
    write_feed(feed, offers(brand="Acme"))
    load(sql_rig, str(feed))
    feed.write_text(without(["gtin", "brand", "description"], offers()))
    # The description was empty all along.
    assert [finding.partition(", ")[0] for finding in held(sql_rig, str(feed))] == [
        "dealer 'd1': the feed has no column gtin",
        "dealer 'd1': the feed has no column brand",
    ]


def test_a_dealer_that_is_gone_is_missed_in_a_feed_of_that_name(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers() + offers("d2")))
    [finding] = held(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    assert finding.startswith("dealer 'd2': 0 good records, 100 on")
    assert load(sql_rig, write_feed(tmp_path / "b.csv", offers())).successes == 100


def test_feeds_have_the_same_names_in_any_order(sql_rig: SqlRig, tmp_path: Path) -> None:
    one, two = write_feed(tmp_path / "a.csv", offers()), write_feed(tmp_path / "b.csv", offers("d2"))
    process_feeds([two, one], sql_rig.url, gate=GATE)
    write_feed(tmp_path / "b.csv", [])
    with pytest.raises(FeedHeldError, match="dealer 'd2': 0 good records"):
        process_feeds([one, two], sql_rig.url, gate=GATE)


def test_a_dealer_that_was_let_go_is_missed_no_more(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers() + offers("d2")))
    less = write_feed(tmp_path / "a.csv", offers())
    assert len(held(sql_rig, less)) == 1
    load(sql_rig, less, Gate(accept=True))
    assert load(sql_rig, less).successes == 100
    # It may come back, and has nothing to be compared with.
    assert load(sql_rig, write_feed(tmp_path / "a.csv", offers() + offers("d2", 30))).successes == 130


@pytest.mark.parametrize(
    ("price", "text"), [(4_980.0, "4,980"), (1_270_000.0, "1,270,000"), (0.493, "0.493"), (12.345, "12.3")]
)
def test_prices_are_written_as_such(price: float, text: str) -> None:
    last = Accepted(Profile(100, {}, {"EUR": Priced(100, price)}), "2026-11-25T14:02:00")
    now = Profile(100, {}, {"EUR": Priced(100, price * 1_000)})
    [finding] = findings(GATE, {"d1": last}, {"d1": now})
    assert f"it was {text} on" in finding
    assert "e+" not in finding


def test_few_records_are_chance(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers(count=19)))
    feed = [*map(scaled(100), offers(count=2, currency="USD"))]
    assert load(sql_rig, write_feed(tmp_path / "a.csv", feed)).successes == 2


def test_accepting_lets_it_in_and_compares_with_it(sql_rig: SqlRig, tmp_path: Path) -> None:
    feed, dearer = offers(), [*map(scaled(100), offers())]
    load(sql_rig, write_feed(tmp_path / "a.csv", feed))
    path = write_feed(tmp_path / "a.csv", dearer)
    assert held(sql_rig, path)
    assert load(sql_rig, path, Gate(accept=True)).outcomes == Outcomes(updated=100)
    assert load(sql_rig, path).outcomes == Outcomes(unchanged=100)
    assert held(sql_rig, write_feed(tmp_path / "a.csv", feed))


def test_a_run_without_the_gate_is_not_compared_with(sql_rig: SqlRig, tmp_path: Path) -> None:
    path = write_feed(tmp_path / "a.csv", offers())
    load(sql_rig, path)
    dearer = write_feed(tmp_path / "b.csv", [*map(scaled(100), offers())])
    load(sql_rig, dearer, None)
    assert held(sql_rig, dearer)
    assert load(sql_rig, path).outcomes == Outcomes(updated=100)


def test_a_run_that_breaks_off_is_no_accepted_one(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers()))
    before = profiles(sql_rig)
    path = write_feed(tmp_path / "a.csv", [*map(scaled(3), offers("d1")), *offers("d2")])

    def crash(self: GatedJournal[Transaction], transaction: Transaction) -> None:
        close_books(self, transaction)
        raise CrashError

    close_books = GatedJournal.close_books
    with monkeypatch.context() as patched:
        patched.setattr(GatedJournal, "close_books", crash)
        with pytest.raises(RunError, match="CrashError"):
            load(sql_rig, path)
    assert profiles(sql_rig) == before
    resumed = load(sql_rig, path, resume=True)
    assert resumed.outcomes == Outcomes(inserted=100, updated=100)
    assert [(code, run) for code, run, _ in profiles(sql_rig)] == [
        ("d1", resumed.run_id),
        ("d2", resumed.run_id),
    ]


def test_a_run_with_too_many_failures_is_no_accepted_one(feedmill: Command, sql_rig: SqlRig) -> None:
    feed = [*offers(), *(replace(row, stock="-1") for row in offers("d2"))]
    write_feed(feedmill.directory / "a.csv", feed)
    done = feedmill("process", "a.csv", to=sql_rig.url, gate=True, max_failures=10)
    assert done.code == 4
    assert "--max-failures" in done.err
    assert profiles(sql_rig) == []


def test_a_feed_that_changes_after_the_gate_is_refused(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_feed(tmp_path / "a.csv", offers())
    pass_gate = job.pass_gate

    def change(*arguments: object) -> Seen:
        seen = pass_gate(*arguments)  # type: ignore[arg-type]
        write_feed(tmp_path / "a.csv", [*map(scaled(100), offers())])
        return seen

    monkeypatch.setattr(job, "pass_gate", change)
    with pytest.raises(UsageError, match="changed since the gate has seen it"):
        load(sql_rig, path)
    assert not sql_rig.tables().offers


def test_stopped_in_the_gate_nothing_is_written(
    sql_rig: SqlRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_feed(tmp_path / "a.csv", offers())
    pass_gate = job.pass_gate

    def stop(*arguments: object) -> Seen:
        seen = pass_gate(*arguments)  # type: ignore[arg-type]
        return replace(seen, report=replace(seen.report, stopped="interrupted"))

    monkeypatch.setattr(job, "pass_gate", stop)
    report = load(sql_rig, path)
    assert (report.stopped, report.records, report.outcomes) == ("interrupted", 0, Outcomes())
    report.check()
    assert sql_rig.query("SELECT count(*) FROM feedmill_runs") == [(0,)]


def test_dealers_nobody_knows_are_not_remembered(sql_rig: SqlRig, tmp_path: Path) -> None:
    load(sql_rig, write_feed(tmp_path / "a.csv", offers("nobody") + offers("d3")))
    assert [code for code, *_ in profiles(sql_rig)] == ["d3"]


@pytest.mark.parametrize(("workers", "chunk_size"), [(1, 1 << 20), (1, 300), (3, 300), (8, 5_000)])
def test_a_profile_does_not_depend_on_threads(tmp_path: Path, workers: int, chunk_size: int) -> None:
    random = Random(7)
    feed = [
        replace(
            row,
            dealer_code=random.choice("abc"),
            price=f"{random.lognormvariate(3, 1) + 0.01:.2f}",
            currency=random.choice(["EUR", "EUR", "USD"]),
            gtin=random.choice(["", "4006381333931"]),
        )
        for row in rows(500)
    ]
    path = write_feed(tmp_path / "a.csv", feed)
    options = RunOptions(workers=workers, chunk_size=chunk_size)
    seen = profile_feeds([path], product_schema(), options).dealers
    mine = [row for row in feed if row.dealer_code == "a"]
    assert list(seen) == ["a", "b", "c"]
    assert seen["a"].records == len(mine)
    assert seen["a"].columns["gtin"] == Filled(len(mine), sum(not row.gtin for row in mine))
    prices = sorted(float(row.price) for row in mine if row.currency == "USD")
    found = seen["a"].currencies["USD"]
    assert found.records == len(prices)
    assert found.median == pytest.approx(prices[(len(prices) - 1) // 2], rel=0.03)
    assert profile_feeds([path], product_schema(), RunOptions(workers=2)).dealers == seen


@pytest.mark.parametrize("workers", [1, 4])
def test_dealers_without_end_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr("feedmill.products.profile.MAX_DEALERS", 5)
    feed = [Row(dealer_code=f"d{number}", sku=f"s{number}") for number in range(6)]
    path = write_feed(tmp_path / "a.csv", feed)
    with pytest.raises(UsageError, match="dealer by dealer") as caught:
        profile_feeds([path], product_schema(), RunOptions(workers=workers))
    assert caught.value.report is None


def test_the_command_line(feedmill: Command, sql_rig: SqlRig) -> None:
    write_feed(feedmill.directory / "a.csv", offers())
    done = feedmill("process", "a.csv", to=sql_rig.url, gate=True)
    assert (done.code, done.last_lines[-1]) == (0, "Successes: 100, Failures: 0")
    write_feed(feedmill.directory / "a.csv", [*map(scaled(100), offers())])
    done = feedmill(
        "process", "a.csv", to=sql_rig.url, gate=True, rejects="rejects.csv", report="report.json"
    )
    assert (done.code, done.out) == (4, "")
    assert done.err.count("\n") == 3
    assert "a.csv: held by the gate, nothing was written" in done.err
    assert "--gate --accept" in done.err
    assert not list(feedmill.directory.glob("re*"))
    done = feedmill("process", "a.csv", to=sql_rig.url, gate=True, gate_limit=["price=101", "volume=3"])
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a.csv", "--accept"], "about --gate"),
        (["a.csv", "--gate-limit", "price=3"], "about --gate"),
        (["a.csv", "--gate", "--gate-limit", "price"], "NAME=NUMBER; the names are volume, empty, price"),
        (["a.csv", "--gate", "--gate-limit", "size=3"], "NAME=NUMBER"),
        (["a.csv", "--gate", "--gate-limit", "price=1"], "more than 1"),
        (["a.csv", "--gate", "--gate-limit", "price=nan"], "more than 1"),
        (["a.csv", "--gate", "--gate-limit", "empty=0"], "more than 0"),
        (["-", "--gate"], "reads the feed twice"),
        (["/dev/null", "--gate"], "reads the feed twice"),
        (["--from-staging", "sqlite:///x.db", "--gate"], "claimed once"),
        (["a.csv", "--plan", "--gate"], "leave one of them out"),
    ],
)
def test_wrong_usage(feedmill: Command, words: list[str], told: str) -> None:
    write_feed(feedmill.directory / "a.csv", offers())
    done = feedmill("process", *words)
    assert (done.code, done.out) == (2, "")
    assert told in done.err


def test_what_a_feed_writes_stays_on_its_line(sql_rig: SqlRig, tmp_path: Path) -> None:
    code = "d\n\x1b[31m\u2028'"
    sql_rig.execute("INSERT INTO dealers (code) VALUES ('d\n\x1b[31m\u2028''')")
    load(sql_rig, write_feed(tmp_path / "a.csv", offers(code)))
    [finding] = held(sql_rig, write_feed(tmp_path / "a.csv", offers(code, count=20)))
    assert finding.isprintable()


def test_a_currency_that_is_none_is_counted_as_other(tmp_path: Path) -> None:
    schema = product_schema()
    free = [
        replace(field, constraints=replace(field.constraints, enum=None))
        if field.name == "currency"
        else field
        for field in schema.fields
    ]
    feed = [replace(row, currency=f"X{row.sku}", price="0.01") for row in rows(30)]
    path = write_feed(tmp_path / "a.csv", feed)
    seen = profile_feeds([path], replace(schema, fields=tuple(free)), RunOptions())
    assert seen.dealers["d1"].currencies == {"other": Priced(30, 0.00995)}
