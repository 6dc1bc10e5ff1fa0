"""From what the stages counted to the report."""

from __future__ import annotations

import threading
from dataclasses import asdict

import pytest

from feedmill.errors import StoreError
from feedmill.pipeline import execution, report_of, run_pipeline
from feedmill.pipeline.accounts import Timings, make_report
from feedmill.report import Report
from tests.pipeline.rigs import FakeReader, Faults, MemoryRejects, MemorySink, make_config, make_lines


def test_stages_are_in_the_order_of_the_flow_and_their_times_are_within_the_runs() -> None:
    report = run_pipeline(make_config(FakeReader(make_lines(300, bad_every=4)), sink=MemorySink(lanes=2)))
    assert [stage.stage for stage in report.stages] == ["reader", "workers", "collector", "lanes", "settler"]
    threads = {"reader": 1, "workers": 2, "collector": 1, "lanes": 2, "settler": 1}
    for stage in report.stages:
        assert stage.busy_s >= 0
        assert stage.waiting_s >= 0
        assert stage.busy_s <= report.elapsed_s * threads[stage.stage]
    assert report.elapsed_s > 0
    assert report.cpu_s > 0
    assert report.records_per_s == report.records / report.elapsed_s
    assert report.peak_rss_bytes > 0
    assert Report.from_json(report.to_json()) == report


def test_findings_are_counted_by_column_and_code_in_the_order_of_their_names() -> None:
    lines = [b"a,-1\n", b"b,x\n", b"c\n", b"d,1,2\n", b"e,-5\n", b"f,1\n", b'g"g,1,2,3\n']
    sink = MemorySink(refused=frozenset({"f"}))
    rejects = MemoryRejects()
    report = run_pipeline(make_config(FakeReader(lines, 2), sink=sink, rejects=rejects))
    assert list(report.rejects_by_code.items()) == [
        ("extra_cell", 2),
        ("sku.database", 1),
        ("stock.minimum", 2),
        ("stock.missing_cell", 1),
        ("stock.type", 1),
    ]
    assert (report.records, report.failures) == (7, 7)
    without_a_file = run_pipeline(make_config(FakeReader(lines, 2), sink=sink))
    assert without_a_file.rejects_by_code == report.rejects_by_code


def test_a_reader_that_ends_late_changes_no_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may do so while the others' times are being added up."""
    more = threading.Event()
    seen: list[Timings] = []

    def note(*arguments: object) -> Report:
        [timings] = [each for each in arguments if isinstance(each, Timings)]
        seen.append(timings)
        return make_report(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(execution, "READER_GRACE_S", 0.01)
    monkeypatch.setattr(execution, "make_report", note)
    reader = FakeReader(make_lines(100))
    waits = threading.Event()
    reader.before_chunk = lambda seq: seq < 8 or (waits.set(), more.wait())
    sink = MemorySink(faults=Faults(apply=(1, StoreError("gone"))), before_apply=lambda _: waits.wait())
    with pytest.raises(StoreError) as caught:
        run_pipeline(make_config(reader, sink=sink))
    report = report_of(caught.value)
    assert report is not None
    before = asdict(report)
    [timings] = seen
    times = dict(timings.wall_s)
    assert "reader-1" not in times
    left = [thread for thread in threading.enumerate() if thread.name == "feedmill-reader-1"]
    assert len(left) == 1
    more.set()
    left[0].join()
    assert dict(timings.wall_s) == times
    assert asdict(report) == before
