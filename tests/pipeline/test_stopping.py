"""Ways to end a run before its input ends: asked to, by a signal, or because too much fails."""

import os
import signal
import threading
from collections.abc import Callable

import pytest

from feedmill.errors import StoreError, TooManyFailuresError, UsageError
from feedmill.pipeline import FailureLimit, Pipeline, execution, report_of, run_pipeline, signals
from feedmill.report import Report
from feedmill.stores.protocol import RangePart
from tests.pipeline.rigs import (
    STREAM,
    EndlessReader,
    FakeReader,
    MemoryRejects,
    MemorySink,
    make_config,
    make_lines,
)


def after_parts(number: int, action: Callable[[], object]) -> Callable[[RangePart], None]:
    """Do something when the n-th part comes to its lane."""
    seen: list[RangePart] = []

    def watch(part: RangePart) -> None:
        seen.append(part)
        if len(seen) == number:
            action()

    return watch


def ranges_of_a_whole_run(records: int, bad_every: int) -> list[tuple[int, int, int]]:
    sink = MemorySink(lanes=1)
    run_pipeline(make_config(FakeReader(make_lines(records, bad_every, keys=1_000)), sink=sink))
    return sink.ranges


def holds(report: Report, sink: MemorySink, rejects: MemoryRejects, bad_every: int) -> None:
    """Hold a report of a run that ended early against what is in the store and in the reject file."""
    report.check()
    applied = sum(part.rows for parts in sink.parts.values() for part in parts)
    assert applied == report.successes
    bad = range(bad_every, report.records + 1, bad_every)
    assert rejects.places == [(record, "minimum") for record in bad]
    assert report.failures == len(bad)
    assert rejects.end == "finished"


# Asked to.


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_run_that_can_be_resumed_stops_at_the_end_of_a_range(lanes: int) -> None:
    sink, rejects = MemorySink(lanes), MemoryRejects()
    pipeline = Pipeline(make_config(EndlessReader(bad_every=4), sink=sink, rejects=rejects))
    sink.before_apply = after_parts(3, pipeline.stop)
    report = pipeline.run()
    assert report.stopped == "interrupted"
    assert sink.calls == ["begin", "abort"]
    holds(report, sink, rejects, bad_every=4)
    assert report.records > 0
    assert sink.ranges == ranges_of_a_whole_run(report.records + 400, 4)[: len(sink.ranges)]


def test_a_run_stopped_before_it_starts_ends_at_once() -> None:
    pipeline = Pipeline(make_config(EndlessReader(), sink=MemorySink()))
    pipeline.stop()
    assert pipeline.run().stopped == "interrupted"


def test_a_run_that_was_done_anyway_is_no_stopped_one() -> None:
    sink = MemorySink(lanes=1)
    pipeline = Pipeline(make_config(FakeReader(make_lines(30)), sink=sink))
    sink.before_apply = lambda _: pipeline.stop()
    report = pipeline.run()
    assert (report.stopped, report.records, sink.calls) == (None, 30, ["begin", "finish"])


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "READER_GRACE_S", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_stream_that_waits_for_input_is_left_and_what_came_is_applied() -> None:
    sink, rejects = MemorySink(), MemoryRejects()
    reader = FakeReader(make_lines(100, bad_every=4))
    pipeline = Pipeline(make_config(reader, sink=sink, rejects=rejects, run=STREAM))
    more = threading.Event()

    def wait_at_the_fourth(seq: int) -> None:
        if seq == 3:
            pipeline.stop()
            more.wait()

    reader.before_chunk = wait_at_the_fourth
    report = pipeline.run()
    left = [thread for thread in threading.enumerate() if thread.name == "feedmill-reader-1"]
    more.set()
    for thread in left:
        thread.join()
    assert (report.records, report.stopped) == (30, "interrupted")
    holds(report, sink, rejects, bad_every=4)
    assert reader.closed == 1


def test_a_stream_that_stalls_is_applied_so_far() -> None:
    """The third chunk only comes when the first two are in the store."""
    sink = MemorySink(lanes=1)
    reader = FakeReader(make_lines(30))
    applied = threading.Event()
    sink.before_apply = lambda _: applied.set()
    reader.before_chunk = lambda seq: seq < 2 or applied.wait()
    report = run_pipeline(make_config(reader, sink=sink, run=STREAM, stall_s=0.01))
    assert report.records == 30
    assert len(sink.ranges) >= 2


# Cancelled.


def test_cancelling_wakes_a_lane_and_rolls_back() -> None:
    stuck, woken = threading.Barrier(2), threading.Event()

    class Slow(MemorySink):
        def abort(self) -> None:
            super().abort()
            woken.set()

    def wait(part: RangePart) -> None:
        if part.lo > 500:
            stuck.wait()
            woken.wait()
            raise StoreError("aborted")

    sink, rejects = Slow(lanes=1, before_apply=wait), MemoryRejects()
    pipeline = Pipeline(make_config(EndlessReader(bad_every=4), sink=sink, rejects=rejects))
    canceller = threading.Thread(target=lambda: (stuck.wait(), pipeline.cancel()))
    canceller.start()
    report = pipeline.run()
    canceller.join()
    assert report.stopped == "interrupted"
    assert sink.calls == ["begin", "abort"]
    holds(report, sink, rejects, bad_every=4)


def test_cancelling_before_the_start_and_twice_is_harmless() -> None:
    pipeline = Pipeline(make_config(EndlessReader(), sink=MemorySink()))
    pipeline.cancel()
    pipeline.cancel()
    assert pipeline.run().stopped == "interrupted"


def test_stopping_after_the_end_is_harmless() -> None:
    pipeline = Pipeline(make_config(FakeReader(make_lines(10))))
    assert pipeline.run().records == 10
    pipeline.stop()
    pipeline.cancel()


# Signals.


def test_the_first_signal_stops_the_second_cancels_the_third_interrupts() -> None:
    calls: list[str] = []

    class Run:
        def stop(self) -> None:
            calls.append("stop")

        def cancel(self) -> None:
            calls.append("cancel")

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with signals(Run()):
        signal.raise_signal(signal.SIGINT)
        assert calls == ["stop"]
        signal.raise_signal(signal.SIGTERM)
        assert calls == ["stop", "cancel"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals(Pipeline(make_config())):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_outside_the_main_thread_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with signals(Pipeline(make_config())):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_that_waits(number: int) -> None:
    sink, rejects = MemorySink(), MemoryRejects()
    pipeline = Pipeline(make_config(EndlessReader(bad_every=3), sink=sink, rejects=rejects))
    sink.before_apply = after_parts(2, lambda: os.kill(os.getpid(), number))
    with signals(pipeline):
        report = pipeline.run()
    assert report.stopped == "interrupted"
    holds(report, sink, rejects, bad_every=3)


def test_an_interrupt_that_nobody_handles_cancels_the_run_and_goes_on() -> None:
    sink, rejects = MemorySink(), MemoryRejects()
    sink.before_apply = after_parts(2, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(make_config(EndlessReader(), sink=sink, rejects=rejects))
    assert sink.calls == ["begin", "abort"]
    assert rejects.end == "finished"


# Too many failures.


def limited(
    workers: int, limit: FailureLimit, **settings: object
) -> tuple[Report, MemorySink, MemoryRejects]:
    sink, rejects = MemorySink(), MemoryRejects()
    defaults: dict[str, object] = {"sink": sink, "rejects": rejects}
    config = make_config(
        EndlessReader(bad_every=4), workers=workers, failure_limit=limit, **(defaults | settings)
    )
    with pytest.raises(TooManyFailuresError, match="max-failures") as caught:
        run_pipeline(config)
    assert caught.value.exit_code == 4
    report = report_of(caught.value)
    assert report is not None
    assert report.stopped == "max_failures"
    return report, sink, rejects


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_too_many_failures_end_the_run_after_the_range_they_are_in(workers: int) -> None:
    report, sink, rejects = limited(workers, FailureLimit(count=25))
    # The 26th failure is record 104, in the third range of 40.
    assert (report.records, report.failures) == (120, 30)
    assert sink.calls == ["begin", "abort"]
    holds(report, sink, rejects, bad_every=4)


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("settings", [{"run": STREAM}, {"sink": None}])
def test_what_cannot_be_resumed_ends_after_the_chunk(workers: int, settings: dict[str, object]) -> None:
    report, _, _ = limited(workers, FailureLimit(count=25), **settings)
    assert (report.records, report.failures) == (110, 27)


def test_a_percentage_is_not_taken_of_few_records() -> None:
    report, _, _ = limited(2, FailureLimit(percent=10), sink=None)
    assert (report.records, report.failures) == (10_000, 2_500)


@pytest.mark.parametrize(("percent", "is_passed"), [(9, True), (10, False)])
def test_a_percentage_is_taken_at_the_end(percent: float, is_passed: bool) -> None:
    sink = MemorySink()
    config = make_config(
        FakeReader(make_lines(100, bad_every=10)), sink=sink, failure_limit=FailureLimit(percent=percent)
    )
    if is_passed:
        with pytest.raises(TooManyFailuresError, match="10 of 100"):
            run_pipeline(config)
    else:
        assert run_pipeline(config).failures == 10
    assert sink.calls[-1] == ("abort" if is_passed else "finish")


def test_what_the_store_refuses_counts_against_the_limit() -> None:
    sink = MemorySink(refused=frozenset(f"s{n}" for n in range(0, 1_000, 5)))
    with pytest.raises(TooManyFailuresError) as caught:
        run_pipeline(make_config(EndlessReader(), sink=sink, failure_limit=FailureLimit(count=50)))
    report = report_of(caught.value)
    assert report is not None
    assert report.failures > 50
    assert report.rejects_by_code == {"sku.database": report.failures}


def test_as_many_failures_as_allowed_are_not_too_many() -> None:
    config = make_config(
        FakeReader(make_lines(100, bad_every=10)), sink=MemorySink(), failure_limit=FailureLimit(count=10)
    )
    assert run_pipeline(config).failures == 10


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("0", FailureLimit(count=0)),
        ("12", FailureLimit(count=12)),
        ("0%", FailureLimit(percent=0)),
        ("2.5%", FailureLimit(percent=2.5)),
    ],
)
def test_limits_are_read_and_shown_as_typed(text: str, limit: FailureLimit) -> None:
    assert FailureLimit.parse(text) == limit
    assert str(limit) == text


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "x%", "%", "nan%", "٣"])
def test_no_limit_is_no_limit(text: str) -> None:
    with pytest.raises(UsageError, match="percentage"):
        FailureLimit.parse(text)
