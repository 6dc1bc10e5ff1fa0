"""Runs as a library: what `load` and `validate` take, refuse, return and raise."""

from __future__ import annotations

import gzip
import logging
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

import feedmill
from feedmill import Constraints, Dialect, FailureLimit, Field, RunOptions, Schema, load, report_of, validate
from feedmill.errors import FeedError, HeaderError, ReadError, TooManyFailuresError, UsageError
from feedmill.keys import ForeignKey
from feedmill.report import Report
from feedmill.rules import Rule
from feedmill.runs import run_feeds
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo

ITEMS = Schema(
    (Field("sku"), Field("price", "number", constraints=Constraints(minimum="1"))),
    primary_key=("sku",),
    name="items",
)
FEED = "sku,price\nA,1\nB,0\nC,3\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("feed.csv").write_text(FEED)
    return tmp_path


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self.expected: list[int | None] = []
        self.totals: dict[int, int] = {}
        self.passed: list[tuple[int, int]] = []
        self.nbytes = self.records = 0

    def expect(self, nbytes: int | None) -> None:
        self.expected.append(nbytes)

    def worker_progress(self, worker: int, records: int) -> None:
        with self._lock:
            self.passed.append((worker, records))

    def worker_finished(self, worker: int, records: int) -> None:
        with self._lock:
            self.totals[worker] = records

    def advanced(self, nbytes: int, records: int) -> None:
        with self._lock:
            self.nbytes += nbytes
            self.records += records


class Sinks:
    """A sink that takes everything, and remembers what it was told."""

    lanes = 2

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.run: RunInfo | None = None

    def begin(self, run: RunInfo) -> RunInfo:
        self.run = run
        return run

    def lane(self, number: int) -> Sinks:
        return self

    def apply(self, part: RangePart) -> LaneOutcome:
        return LaneOutcome(inserted=part.rows)

    def close(self) -> None:
        pass

    def finish(self) -> None:
        self.calls.append("finish")

    def abort(self) -> None:
        self.calls.append("abort")


def stored(statement: str = "SELECT sku FROM items ORDER BY sku") -> list[object]:
    with closing(sqlite3.connect("store.db")) as connection:
        return [value for (value,) in connection.execute(statement)]


# What comes back ————————————————————————————————————————————————————————————————————————————————————————————


def test_validate_returns_a_report() -> None:
    report = validate("feed.csv", ITEMS)
    assert isinstance(report, Report)
    assert (report.records, report.successes, report.failures) == (3, 2, 1)
    assert report.rejects_by_code == {"price.minimum": 1}
    assert (report.feed, report.schema, report.lanes) == ("feed.csv", "items", 0)


def test_load_returns_a_report_with_outcomes() -> None:
    report = load(["feed.csv"], "sqlite:///store.db", ITEMS)
    assert report.outcomes.inserted == report.outcomes.total == report.successes == 2
    assert stored() == ["A", "C"]
    assert load("feed.csv", "sqlite:///store.db", ITEMS).outcomes.unchanged == 2


def test_they_are_the_public_names() -> None:
    assert {"load", "validate", "RunOptions", "Report", "report_of"} <= set(feedmill.__all__)


def test_each_run_has_its_own_id() -> None:
    ids = {validate("feed.csv", ITEMS).run_id for _ in range(3)}
    assert len(ids) == 3


def test_several_feeds_are_one_run_in_the_order_given() -> None:
    Path("later.csv").write_text("price,sku\n9,A\n7,D\n")
    equal = replace(ITEMS, fields_match="equal")
    report = load(["feed.csv", "later.csv"], "sqlite:///store.db", equal)
    assert (report.feed, report.records) == ("feed.csv later.csv", 5)
    assert stored() == ["A", "C", "D"]
    assert stored("SELECT price FROM items WHERE sku = 'A'") == ["9"]


def test_a_reject_of_several_feeds_names_its_own() -> None:
    Path("later.csv").write_text("price,sku\n9,A\nx,D\n")
    equal = replace(ITEMS, fields_match="equal")
    for feeds in (["feed.csv", "later.csv", "later.csv"], ["later.csv"]):
        validate(feeds, equal, options=RunOptions(rejects="rejects.csv"))
        header, *lines = Path("rejects.csv").read_text().splitlines()
        columns = "record,line,byte,column,code,message,value"
        own = ",later.csv" if len(feeds) > 1 else ""
        assert header == (f"{columns},feed" if own else columns)
        later = [line for line in lines if line.startswith("2,3,") and line.endswith(f",x{own}")]
        assert len(later) == len(feeds) - bool(own)


def test_a_table_takes_the_name_of_its_feed_if_the_schema_has_none() -> None:
    load("feed.csv", "sqlite:///store.db", replace(ITEMS, name=""))
    assert stored("SELECT count(*) FROM feed") == [2]


def test_a_mode_is_upsert_with_a_key_and_append_without() -> None:
    for _ in range(2):
        load("feed.csv", "sqlite:///store.db", ITEMS)
        load("feed.csv", "sqlite:///store.db", replace(ITEMS, primary_key=()), table="log")
    assert stored("SELECT count(*) FROM items") == [2]
    assert stored("SELECT count(*) FROM log") == [4]


@pytest.mark.parametrize("form", ["plain", "compressed", "utf-16", "json lines"])
def test_the_progress_reaches_what_was_expected(form: str) -> None:
    """Both count bytes as they are stored, or a bar would stop early, or go on beyond its end."""
    text = "sku,price\n" + "".join(f"A{number},1\n" for number in range(20_000))
    lines = "".join(f'{{"sku": "A{number}", "price": 1}}\n' for number in range(20_000))
    name, data, dialect = {
        "plain": ("feed.csv", text.encode(), Dialect()),
        "compressed": ("feed.csv.gz", gzip.compress(text.encode()), Dialect()),
        "utf-16": ("feed.csv", text.encode("utf-16"), Dialect(encoding="utf-16")),
        "json lines": ("feed.jsonl", lines.encode(), Dialect(format="jsonl")),
    }[form]
    Path(name).write_bytes(data)
    told = Told()
    validate([name, name], ITEMS, options=RunOptions(dialect=dialect, progress=told, chunk_size=1 << 14))
    assert told.expected == [told.nbytes] == [2 * len(data)]


def test_the_progress_is_told_everything() -> None:
    told = Told()
    Path("feed.csv").write_text("sku,price\n" + "A,1\n" * 5_000)
    options = RunOptions(progress=told, log_every=500, workers=2, chunk_size=1 << 10)
    report = validate("feed.csv", ITEMS, options=options)
    assert told.expected == [Path("feed.csv").stat().st_size]
    assert told.nbytes == Path("feed.csv").stat().st_size
    assert told.records == sum(told.totals.values()) == report.records == 5_000
    for worker, total in told.totals.items():
        own = [records for number, records in told.passed if number == worker]
        assert own == list(range(500, total + 1, 500))


def test_without_a_progress_the_log_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "feedmill.pipeline"):
        validate("feed.csv", ITEMS, options=RunOptions(workers=1))
    assert "Worker 1 finished: processed 3 records in total" in caplog.messages


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_options_do_not_change_results(workers: int) -> None:
    Path("feed.csv").write_text("sku,price\n" + "".join(f"A{n},{n % 5}\n" for n in range(3_000)))
    options = RunOptions(workers=workers, job_buffer=1, result_buffer=1, chunk_size=100, rejects="r.csv")
    report = validate("feed.csv", ITEMS, valid="v.csv", options=options)
    assert (report.records, report.failures) == (3_000, 600)
    numbers = [int(line.split(",")[0]) for line in Path("r.csv").read_text().splitlines()[1:]]
    assert numbers == list(range(1, 3_001, 5))
    valid = Path("v.csv").read_text().splitlines()
    assert valid == ["sku,price", *(f"A{n},{n % 5}" for n in range(3_000) if n % 5)]


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_rules_are_kept_by_every_worker(workers: int) -> None:
    schema = replace(ITEMS, rules=(Rule("sku != 'A7' if price < 5", "no_cheap_seven"), Rule("price != 4")))
    Path("feed.csv").write_text("sku,price\n" + "".join(f"A{n % 10},{1 + n % 7}\n" for n in range(700)))
    options = RunOptions(workers=workers, lanes=workers, chunk_size=100, rejects="r.csv")
    report = load("feed.csv", "sqlite:///store.db", schema, options=options)
    assert report.rejects_by_code == {"no_cheap_seven.rule": 40, "price != 4.rule": 100}
    assert report.failures == 130
    told = Path("r.csv").read_text().splitlines()[1:]
    assert len(told) == 140
    expected = '4,5,25,price != 4,rule,"expected price != 4, got ""price=4""",price=4'
    assert told[0] == expected


# What is refused ————————————————————————————————————————————————————————————————————————————————————————————


def test_nothing_is_touched_when_a_feed_cannot_be_opened() -> None:
    with pytest.raises(FeedError, match=r"missing\.csv"):
        load(["feed.csv", "missing.csv"], "sqlite:///store.db", ITEMS)
    with pytest.raises(HeaderError, match=r"feed\.csv"):
        load("feed.csv", "sqlite:///store.db", Schema((Field("id"),)))
    assert not Path("store.db").exists()


@pytest.mark.parametrize("rejects", ["feed.csv", "./feed.csv", "link/feed.csv"])
def test_no_output_overwrites_a_feed(here: Path, rejects: str) -> None:
    (here / "link").symlink_to(".")
    options = RunOptions(rejects=rejects)
    for run in (
        lambda: validate("feed.csv", ITEMS, options=options),
        lambda: load("feed.csv", "sqlite:///store.db", ITEMS, options=options),
        lambda: run_feeds(["feed.csv"], ITEMS, None, options=options),
        lambda: validate("*.csv", ITEMS, valid=rejects),
        lambda: load("feed.csv", rejects, ITEMS),
    ):
        with pytest.raises(UsageError, match="overwrite"):
            run()
    assert Path("feed.csv").read_text() == FEED


def test_two_outputs_are_two_files() -> None:
    with pytest.raises(UsageError, match=r"--valid and --rejects are both out\.csv"):
        validate("feed.csv", ITEMS, valid="out.csv", options=RunOptions(rejects="out.csv"))
    report = validate("feed.csv", ITEMS, valid="out.csv", options=RunOptions(rejects="/dev/null"))
    assert report.successes == 2


def test_there_is_something_to_resume_or_not() -> None:
    resume = RunOptions(resume=True)
    with pytest.raises(UsageError, match="no unfinished run"):
        load("feed.csv", "sqlite:///store.db", ITEMS, options=resume)
    load("feed.csv", "sqlite:///store.db", ITEMS)
    with pytest.raises(UsageError, match="no unfinished run"):
        load("feed.csv", "sqlite:///store.db", ITEMS, options=resume)
    with pytest.raises(UsageError, match="nothing to resume"):
        validate("feed.csv", ITEMS, options=resume)


def test_a_dialect_and_a_mapping_are_part_of_a_run() -> None:
    Path("feed.txt").write_text("id|cost\nA|1\n")
    options = RunOptions(dialect=Dialect(delimiter="|"), mapping={"sku": "id", "price": "cost"})
    assert validate("feed.txt", ITEMS, options=options).successes == 1
    Path("feed.jsonl").write_text('{"id": "A", "cost": 1}\n')
    options = RunOptions(dialect=Dialect(format="jsonl"), mapping={"sku": "id", "price": "cost"})
    load("feed.jsonl", "out.csv", ITEMS, options=options)
    assert Path("out.csv").read_text().splitlines()[1].startswith("A,1")


def test_a_feed_that_is_replaced_while_the_run_starts_is_noticed(here: Path) -> None:
    """It is opened twice, as there may be more feeds than a process can hold open."""

    class Meddler(Told):
        def expect(self, nbytes: int | None) -> None:
            (here / "feed.csv").write_text(FEED + "D,4\n")

    with pytest.raises(ReadError, match="changed while the run was starting"):
        validate("feed.csv", ITEMS, options=RunOptions(progress=Meddler()))


# How it ends ————————————————————————————————————————————————————————————————————————————————————————————————


def test_too_many_failures_come_with_their_report() -> None:
    with pytest.raises(TooManyFailuresError, match="1 of 3 records failed") as caught:
        load("feed.csv", "sqlite:///store.db", ITEMS, options=RunOptions(failure_limit=FailureLimit(count=0)))
    report = report_of(caught.value)
    assert report is not None
    assert (report.stopped, report.failures) == ("max_failures", 1)


def test_a_progress_that_raises_ends_the_run_and_leaves_no_thread() -> None:
    class Raising(Told):
        def advanced(self, nbytes: int, records: int) -> None:
            raise LookupError("nobody listens")

    sink = Sinks()
    with pytest.raises(feedmill.RunError, match="nobody listens") as caught:
        run_feeds(["feed.csv"], ITEMS, sink, options=RunOptions(progress=Raising()), lane_key=("sku",))
    assert isinstance(caught.value.__cause__, LookupError)
    assert sink.calls == ["abort"]


def test_a_sink_is_finished_once() -> None:
    sink = Sinks()
    report = run_feeds(["feed.csv"], ITEMS, sink, lane_key=("sku",))
    assert (sink.calls, report.outcomes.inserted, report.lanes) == (["finish"], 2, 2)


def test_an_unknown_word_for_duplicates_is_refused() -> None:
    with pytest.raises(UsageError, match="duplicates is 'foo'; it can be last, first, reject"):
        RunOptions(duplicates="foo")  # type: ignore[arg-type]


def test_paths_may_be_objects() -> None:
    Path("prices.csv").write_text("price\n1\n")
    refers = replace(ITEMS, foreign_keys=(ForeignKey(("price",), "prices", ("price",)),))
    options = RunOptions(
        rejects=Path("r.csv"), failed=Path("f.csv"), references={"prices": Path("prices.csv")}
    )
    assert load("feed.csv", Path("good.jsonl"), refers, options=options).outcomes.inserted == 1
    assert validate("feed.csv", refers, valid=Path("good.csv"), options=options).failures == 2
    assert Path("good.csv").read_text() == "sku,price\nA,1\n"
    lines = [len(Path(name).read_text().splitlines()) for name in ("r.csv", "f.csv", "good.jsonl")]
    assert lines == [3, 3, 1]
    with pytest.raises(UsageError, match="--to and --rejects are both"):
        load("feed.csv", Path("r.csv"), ITEMS, options=RunOptions(rejects=Path("./r.csv")))
    with pytest.raises(UsageError, match="name one ending in"):
        validate("feed.csv", ITEMS, valid=Path("good.txt"))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 0.0, -1.0, 1e300])
def test_numbers_that_set_no_limit_are_refused(number: float) -> None:
    with pytest.raises(UsageError, match="give seconds, more than 0"):
        RunOptions(stall_timeout_s=number)
    if number:
        with pytest.raises(UsageError, match="from 0% to 100%"):
            FailureLimit(percent=number)


def test_a_run_is_named_after_what_it_reads_and_how() -> None:
    def named(schema: Schema = ITEMS, **options: object) -> RunInfo:
        sink = Sinks()
        run_feeds(["feed.csv"], schema, sink, options=RunOptions(**options), lane_key=("sku",))  # type: ignore[arg-type]
        assert sink.run is not None
        return sink.run

    first = named()
    assert (named().source, named().plan) == (first.source, first.plan)
    assert named(workers=5, rejects="r.csv", log_every=1).plan == first.plan
    assert named(replace(ITEMS, missing_values=("", "-"))).plan != first.plan
    assert named(dialect=Dialect(comment="#")).plan != first.plan
    Path("feed.csv").write_text(FEED.replace("A", "B"))
    assert named().source != first.source


def test_signals_are_left_alone_unless_asked_for() -> None:
    class Looking(Told):
        handlers: list[object]

        def expect(self, nbytes: int | None) -> None:
            self.handlers = []

        def advanced(self, nbytes: int, records: int) -> None:
            self.handlers.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    for handle_signals in (False, True):
        looking = Looking()
        validate("feed.csv", ITEMS, options=RunOptions(progress=looking, handle_signals=handle_signals))
        assert (looking.handlers == [before]) is not handle_signals
        assert signal.getsignal(signal.SIGTERM) == before


def test_a_run_in_another_thread_leaves_signals_alone() -> None:
    reports: list[Report] = []
    options = RunOptions(handle_signals=True)
    thread = threading.Thread(target=lambda: reports.append(validate("feed.csv", ITEMS, options=options)))
    thread.start()
    thread.join()
    assert [report.records for report in reports] == [3]


def test_no_file_is_left_open() -> None:
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    validate("feed.csv", ITEMS)
    before = descriptors()
    load("feed.csv", "sqlite:///store.db", ITEMS)
    validate("feed.csv", ITEMS, valid="v.csv", options=RunOptions(rejects="r.csv"))
    with pytest.raises(HeaderError):
        validate(["feed.csv", "v.csv"], Schema((Field("id"),)))
    with pytest.raises(TooManyFailuresError):
        validate("feed.csv", ITEMS, options=RunOptions(failure_limit=FailureLimit(count=0)))
    assert descriptors() == before
