"""The report: it adds up or says so, and survives being written down."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, fields, replace

import pytest

from feedmill.counters import WorkerCounts
from feedmill.errors import FeedmillError, RunError, TooManyFailuresError
from feedmill.pipeline import report_of
from feedmill.report import Outcomes, Report, Stage, peak_rss_bytes

REPORT = Report(
    run_id="run-1",
    feed="feed-0 fünf.csv",
    schema="items",
    python="3.13.0",
    gil_enabled=False,
    workers=2,
    lanes=1,
    jobs=3,
    failed_jobs=1,
    records=10,
    successes=7,
    failures=3,
    rejects_by_code={"price.type": 2, "callback": 1},
    outcomes=Outcomes(inserted=4, updated=1, unchanged=1, duplicate=1),
    stored=True,
    bytes=123,
    elapsed_s=0.5,
    cpu_s=0.75,
    records_per_s=20.0,
    peak_rss_bytes=1 << 20,
    per_worker=(WorkerCounts(1, jobs=2, records=6), WorkerCounts(2, jobs=1, failed=0, records=4)),
    stages=(Stage("reader", 3, 0.1, 0.2), Stage("lanes", 1)),
    stopped="interrupted",
)


def test_outcomes_add_up() -> None:
    one, other = Outcomes(1, 2, 3, 4), Outcomes(10, 20, 30, 40)
    assert one + other == Outcomes(11, 22, 33, 44)
    assert Outcomes() + one == one
    assert (one.total, Outcomes().total) == (10, 0)


def test_a_report_that_adds_up_passes() -> None:
    REPORT.check()


def test_a_record_is_a_success_or_a_failure() -> None:
    with pytest.raises(RunError, match="run-1 does not add up: 11 records, but 7 successes \\+ 3 failures"):
        replace(REPORT, records=11).check()


def test_a_success_is_in_the_store() -> None:
    wrong = replace(REPORT, outcomes=Outcomes(inserted=8))
    with pytest.raises(RunError, match="7 successes, but the store accounts for 8"):
        wrong.check()
    # Without a store nobody has outcomes.
    replace(REPORT, outcomes=Outcomes(), stored=False).check()


def test_it_comes_back_as_it_was_written() -> None:
    assert Report.from_json(REPORT.to_json()) == REPORT
    least = Report(run_id="", feed="", schema="", python="", gil_enabled=True, workers=0, lanes=0)
    assert Report.from_json(least.to_json()) == least


def test_its_json_has_every_count_under_its_name() -> None:
    text = REPORT.to_json()
    assert text.endswith("}\n")
    written = json.loads(text)
    assert list(written) == [item.name for item in fields(Report)]
    assert written["rejects_by_code"] == {"price.type": 2, "callback": 1}
    assert written["outcomes"] == {"inserted": 4, "updated": 1, "unchanged": 1, "duplicate": 1}
    assert written["per_worker"][1]["records"] == 4
    assert written["stages"][0] == {"stage": "reader", "items": 3, "busy_s": 0.1, "waiting_s": 0.2}


def test_keys_of_a_later_version_are_left_out() -> None:
    later = json.dumps(asdict(REPORT) | {"watts": 11})
    assert Report.from_json(later) == REPORT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        '{"outcomes": {}, "per_worker": [], "stages": []}',
        '{"outcomes": {"lost": 1}, "per_worker": [], "stages": []}',
        '{"outcomes": {}, "per_worker": [7], "stages": []}',
        '{"outcomes": {}, "per_worker": [], "stages": [{}]}',
    ],
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a feedmill report|Expecting"):
        Report.from_json(text)


def test_it_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        REPORT.records = 0  # type: ignore[misc]


def test_the_peak_is_in_bytes() -> None:
    before = peak_rss_bytes()
    held = bytearray(32 << 20)
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])  # a page counts when it is touched
    # An interpreter with these tests has more than 10 MB, and a unit mistaken would be a factor of 1,024.
    assert 10 << 20 < before <= peak_rss_bytes() < 1 << 40
    assert peak_rss_bytes() >= len(held)


def test_an_error_brings_the_report_of_its_run() -> None:
    error = TooManyFailuresError("too many")
    assert report_of(error) is None
    error.report = REPORT
    assert report_of(error) is REPORT
    assert report_of(ValueError("of somebody else")) is None
    strange = FeedmillError()
    strange.report = "no report"
    assert report_of(strange) is None


def test_the_peak_is_not_that_of_the_process_that_started_this_one() -> None:
    held = bytearray(256 << 20)
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])
    child = [sys.executable, "-c", "from feedmill.report import peak_rss_bytes; print(peak_rss_bytes())"]
    assert int(subprocess.check_output(child)) < len(held)
