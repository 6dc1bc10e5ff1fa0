"""Something happens at each place of a run, the first time the run passes it, and later ones: promises hold.

A fault, a `stop`, a `cancel`, a Ctrl-C: the run ends; the store is finished or aborted, once; the report
counts whole ranges from the feed's start on, and all their records; the reject file is of just these, or is
thrown away; each feed is closed once; no thread is left (`conftest.py` looks).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from itertools import accumulate, count

import pytest

from feedmill.counters import Counter
from feedmill.errors import FeedmillError, ReadError, StoreError
from feedmill.pipeline import Pipeline, report_of
from feedmill.report import Report
from feedmill.stores.protocol import RunInfo
from tests.pipeline.rigs import (
    HEADER_BYTES,
    STREAM,
    FakeReader,
    Faults,
    MemoryRejects,
    MemorySink,
    Watcher,
    make_config,
    make_lines,
    threads_alive,
)

FIRST, SECOND = make_lines(95, bad_every=6), make_lines(35, bad_every=8)
"""Two feeds: three ranges of at most 40 records, and one."""

RANGES = [(0, FIRST, 0, 40), (0, FIRST, 40, 80), (0, FIRST, 80, 95), (1, SECOND, 0, 35)]
PLACES_OF_RANGES = {
    (feed, HEADER_BYTES + len(b"".join(lines[:start])), HEADER_BYTES + len(b"".join(lines[:stop])))
    for feed, lines, start, stop in RANGES
}
WHOLE_RANGES = {0, *accumulate(stop - start for _, _, start, stop in RANGES)}
RECORDS = len(FIRST) + len(SECOND)

BAD_FIRST = [(record, "minimum") for record in range(6, 96, 6)]
BAD_SECOND = [(record, "minimum") for record in range(8, 36, 8)]
REFUSED = frozenset({"s4", "s50"})
"""Good records that the store refuses: 5 and 51 of the first feed, 5 of the second."""

KINDS = ("table", "stream", "check")
"""Into a store and resumable; into a store from a stream; into no store."""

PLACES = {
    "read": OSError("the disk"),
    "reader_close": ReadError("cannot be closed"),
    "parse": SystemExit(3),
    "lane": ConnectionError("no more connections"),
    "apply": StoreError("the server went away"),
    "lane_close": ValueError("cannot be closed"),
    "reject": OSError("the disk is full"),
    "rejects_finish": OSError("the disk is full"),
    "advanced": LookupError("nobody listens"),
    "worker_progress": GeneratorExit(),
    "worker_finished": LookupError("nobody listens"),
    "finish": StoreError("the server went away"),
}
ANYWHERE = tuple(place for place in PLACES if place not in {"lane", "apply", "lane_close", "finish"})
"""Those of a run without a store, too."""


class Actions(Faults):
    """Do something at the n-th visit of a place."""

    def __init__(self, place: str, times: int, action: Callable[[], object]) -> None:
        super().__init__()
        self.place, self.action = place, action
        self._left = Counter(times)

    def visit(self, place: str) -> None:
        super().visit(place)
        # Several threads may pass a place at once, and one of them is the n-th.
        if place == self.place and self._left.add(-1) == 0:
            self.action()


class Rig:
    """A whole run: two feeds, two lanes, small buffers."""

    def __init__(self, faults: Faults, kind: str) -> None:
        self.kind = kind
        self.faults = faults
        self.readers = [FakeReader(FIRST, 10, faults), FakeReader(SECOND, 7, faults)]
        self.sink = MemorySink(2, faults, refused=REFUSED)
        self.rejects = MemoryRejects(faults)
        self.pipeline = Pipeline(
            make_config(
                *self.readers,
                run=STREAM if kind == "stream" else RunInfo("run-1", source="feed"),
                sink=None if kind == "check" else self.sink,
                rejects=self.rejects,
                progress=Watcher(faults),
                log_every=20,
                job_buffer=2,
                result_buffer=3,
            )
        )

    def holds(self, report: Report) -> None:
        """Hold a report against what has come to the store and to the reject file."""
        report.check()
        assert report.records == report.successes + report.failures
        assert sum(report.rejects_by_code.values()) == report.failures
        assert self.kind != "table" or report.records in WHOLE_RANGES
        self._is_in_the_store(report)
        self._is_in_the_reject_file(report)
        assert all(reader.closed <= 1 for reader in self.readers)

    def _is_in_the_store(self, report: Report) -> None:
        if self.kind == "check":
            assert self.sink.calls == []
            return
        is_finished = report.stopped is None
        assert self.sink.calls[0] == "begin"
        assert self.sink.calls.count("abort") == (not is_finished)
        assert self.sink.calls[-1] == ("finish" if is_finished else "abort")
        applied = sum(part.rows for parts in self.sink.parts.values() for part in parts)
        refused = report.rejects_by_code.get("sku.database", 0)
        assert applied >= report.successes + refused
        assert not is_finished or applied == report.successes + refused
        assert self.kind == "stream" or set(self.sink.ranges) <= PLACES_OF_RANGES

    def _is_in_the_reject_file(self, report: Report) -> None:
        # A file whose end went wrong is neither: it has seen to itself.
        assert self.rejects.end in {"finished", "aborted"} or "rejects_finish" in self.faults.plan
        if self.rejects.end == "finished":
            late = [(5, "database"), (51, "database")] if self.kind != "check" else []
            findings = sorted(BAD_FIRST + late) + sorted(BAD_SECOND + late[:1])
            assert self.rejects.places == findings[: report.failures]


def sweep(
    make: Callable[[int], Rig], place: str, times: Iterator[int] | None = None
) -> Iterator[tuple[Rig, int]]:
    """Make a rig for the first time that a run passes a place, for the second, and so on in growing steps."""
    for each in accumulate(count(1), lambda last, step: last + step - 1):
        rig = make(each)
        yield rig, each
        assert threads_alive() == [], f"{place}, time {each}"
        if rig.faults.visits(place) < each:
            assert each > 1, f"no run passes {place}"
            return


@pytest.mark.parametrize(
    ("kind", "place"),
    [(kind, place) for kind in KINDS for place in PLACES if kind != "check" or place in ANYWHERE],
)
def test_a_fault(kind: str, place: str) -> None:
    error = PLACES[place]
    for rig, times in sweep(lambda each: Rig(Faults(**{place: (each, error)}), kind), place):
        raised: FeedmillError | None = None
        try:
            report = rig.pipeline.run()
        except FeedmillError as fault:
            raised = fault
        if raised is None:
            assert report.stopped is None
            assert rig.faults.visits(place) < times
        else:
            assert error in {raised, raised.__cause__}
            found = report_of(raised)
            assert found is not None
            assert found.stopped == "fault"
            report = found
        rig.holds(report)


@pytest.mark.parametrize("asked", ["stop", "cancel", "stop and cancel"])
@pytest.mark.parametrize(
    ("kind", "place"),
    [(kind, place) for kind in KINDS for place in PLACES if kind != "check" or place in ANYWHERE],
)
def test_a_wish_to_end(kind: str, asked: str, place: str) -> None:
    def make(times: int) -> Rig:
        def ask() -> None:
            for word in asked.split(" and "):
                getattr(rig.pipeline, word)()

        rig = Rig(Actions(place, times, ask), kind)
        return rig

    for rig, _ in sweep(make, place):
        report = rig.pipeline.run()
        # It may have been done before it saw the wish.
        assert report.stopped in {None, "interrupted"}
        assert report.stopped or report.records == RECORDS
        rig.holds(report)


def interrupt() -> None:
    """Do as Ctrl-C does, for sure in the thread that waits for the run."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


@pytest.mark.parametrize(
    ("kind", "place"),
    [(kind, place) for kind in KINDS for place in ("begin", *PLACES) if kind != "check" or place in ANYWHERE],
)
def test_an_interrupt(kind: str, place: str) -> None:
    """Where nobody handles the signal, it cancels the run, unless that was about to be done."""
    for rig, times in sweep(lambda each: Rig(Actions(place, each, interrupt), kind), place):
        try:
            report = rig.pipeline.run()
        except KeyboardInterrupt:
            ends = [["begin", "abort"], ["begin", "finish"], ["begin", "finish", "abort"]]
            assert rig.sink.calls in ([[]] if kind == "check" else ends)
            assert rig.rejects.end in {"finished", "aborted"}
        else:
            assert rig.faults.visits(place) < times
            rig.holds(report)
