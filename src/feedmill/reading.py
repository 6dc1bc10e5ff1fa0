"""Reading: the good records of feeds, one after the other, for a loop of the caller's own.

::

    reader, workers, collector ─▶ lane 0 ─ parts ─▶ handover ─▶ Records ─▶ for record in records: …
                                                    a channel    caller's thread: makes the records,
                                                                 tells the rejects

It is a run like any other, whose store is the caller. What is parsed and not yet asked for waits in bounded
channels, so a slow loop slows the workers down and not the memory up.

Whoever wants columns takes the same run batch by batch, or as an Arrow stream, which pyarrow, Polars, DuckDB
and others ask for by themselves.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, Self

from feedmill.channel import Channel
from feedmill.errors import UsageError
from feedmill.kernel import arrow_stream, empty_batch
from feedmill.readers import find_sources
from feedmill.records import Base, Reject, rejects_of
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.runs import run_feeds
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo

if TYPE_CHECKING:
    from types import CapsuleType

    from feedmill.kernel import Batch, Record
    from feedmill.pipeline import Pipeline
    from feedmill.readers import Source
    from feedmill.report import Report
    from feedmill.schema import Schema

__all__ = ["Records", "read"]

PARTS_WAITING: Final = 2
"""Parts parsed before they are asked for, of 40,000 records at most: enough that nobody waits."""

type Tell = Callable[[Reject], object]
type Way = Literal["records", "batches", "a stream"]


def read(
    feeds: Sequence[Source] | Source,
    schema: Schema,
    *,
    rejects: Tell | list[Reject] | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Records:
    """Read feeds record by record, while worker threads parse ahead.

    Parameters
    ----------
    feeds, schema, options
        As for `load`.
    rejects : callable or list, optional
        Told every finding, in input order, in the thread that takes the records and before those that follow;
        of several feeds, a finding's `feed` names its own, and its position counts from that feed's start.

    Returns
    -------
    Records
        An iterator of the good records, in input order. Close it, or use it as a context manager, if not all
        of them are wanted.

    Raises
    ------
    UsageError
        Something about the call, a feed or its header does not fit.

    Examples
    --------
    >>> from feedmill import Field, Schema
    >>> schema = Schema((Field("sku"), Field("stock", "integer")), fields_match="subset")
    >>> with read("examples/dealer_feed.csv", schema) as records:
    ...     first = next(records)
    >>> first.sku, first.stock
    ('959742', 6)
    >>> sum(batch.rows for batch in read("examples/dealer_feed.csv", schema).batches())
    11685
    """
    if options.resume:
        raise UsageError("read has nothing to resume: it keeps no state; leave resume out.")
    sources = find_sources(feeds)
    tell = rejects.append if isinstance(rejects, list) else rejects
    handover = _Handover()
    return Records(
        lambda options: run_feeds(sources, schema, handover, options=options),
        _Taken(schema, handover, tell),
        options,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """What is taken of a run: records of which schema, through which store, and who is told the findings."""

    schema: Schema
    handover: _Handover
    tell: Tell | None


class Records:
    """The good records of a run, as an iterator, or as an Arrow stream of them.

    Attributes
    ----------
    report : Report or None
        What became of every record; None until the last one was taken, or the run was closed.

    Raises
    ------
    RunError, TooManyFailuresError
        From ``next``, as `load` raises them, after the records before the fault.

    Thread safety
    -------------
    one thread at a time

    Notes
    -----
    They are taken once, in one of three ways: as records, as batches, or as the stream that a consumer of
    Arrow asks for.
    """

    def __init__(self, run: Callable[[RunOptions], Report], taken: _Taken, options: RunOptions) -> None:
        self._schema = taken.schema
        self._handover = handover = taken.handover
        self._outcome: Future[Report] = Future()
        self._way: Way | None = None
        options = replace(options, on_start=handover.started(options.on_start))
        # Neither the thread nor the generator refers to this object, so one that is let go of is closed.
        self._thread = threading.Thread(
            target=_run, args=(run, options, handover, self._outcome), name="feedmill-read-1", daemon=True
        )
        self._batches = _batches(handover, self._outcome, taken.tell)
        self._records = _records(self._batches)
        self._thread.start()
        handover.begun.wait()
        if handover.pipeline is None:
            self._outcome.result()  # it was refused, and raises

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        if self._way != "records":
            self._take("records")
        return next(self._records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self, is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        handover: _Handover | None = getattr(self, "_handover", None)
        # At the end of the process the run ends by itself, and the modules it needs are gone.
        if handover is not None and not is_finalizing():
            handover.cancel()

    @property
    def report(self) -> Report | None:
        """What became of every record, once that is known."""
        if not self._outcome.done() or self._outcome.exception() is not None:
            return None
        return self._outcome.result()

    def close(self) -> None:
        """End the run, wherever it is, and wait for its threads. A second time is harmless."""
        self._records.close()
        self._batches.close()
        self._handover.cancel()
        self._thread.join()

    def batches(self) -> Iterator[Batch]:
        """Take the records a chunk at a time, as columns.

        Raises
        ------
        UsageError
            They are taken in another way.
        """
        self._take("batches")
        return self._remaining()

    def __arrow_c_schema__(self) -> CapsuleType:
        """Describe the records to an Arrow consumer; see `Batch.__arrow_c_schema__`."""
        return empty_batch(self._schema).__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: CapsuleType | None = None) -> CapsuleType:
        """Hand the records to an Arrow consumer, once, batch by batch, as it asks for them.

        Parameters
        ----------
        requested_schema : PyCapsule, optional
            As for `Batch.__arrow_c_array__`, which also says what type becomes what.

        Returns
        -------
        PyCapsule
            An "arrow_array_stream". Its error is what the run raised. Releasing it ends the run.

        Raises
        ------
        UsageError
            The records are, or were, taken already.

        Notes
        -----
        Nothing is copied, and no library of Arrow's is needed. Findings are told in the consumer's thread.
        """
        if self._way is not None:
            raise UsageError(
                f"The records are taken as {self._way} already, and can be taken once; read again."
            )
        stream = arrow_stream(empty_batch(self._schema), self._remaining(), requested_schema)
        self._take("a stream")
        return stream

    def _take(self, way: Way) -> None:
        """Note which way the records are taken; a second one would find some of them missing."""
        if self._way is None:
            self._way = way
        elif self._way != way:
            raise UsageError(
                f"The records are taken as {self._way} already, and cannot be as {way}; read again."
            )

    def _remaining(self) -> Iterator[Batch]:
        """Yield the batches; while somebody has this iterator, the run goes on."""
        yield from self._batches


class _Handover:
    """The store of such a run: one lane, which hands parts over to the caller's thread."""

    lanes = 1
    takes_failures = True

    def __init__(self) -> None:
        self.parts: Channel[RangePart] = Channel(PARTS_WAITING)
        self.begun = threading.Event()
        self.pipeline: Pipeline | None = None  # set before `begun` is
        self.feeds: tuple[str, ...] = ()  # set before there are parts

    def started(self, then: Callable[[Pipeline], None] | None) -> Callable[[Pipeline], None]:
        """Return what is to be told the pipeline."""

        def on_start(pipeline: Pipeline) -> None:
            self.pipeline = pipeline
            self.begun.set()
            if then is not None:
                then(pipeline)

        return on_start

    def cancel(self) -> None:
        """End the run, if it is not at its end."""
        if self.pipeline is not None:
            self.pipeline.cancel()
        self.parts.cancel()

    def begin(self, run: RunInfo) -> RunInfo:
        self.feeds = run.feeds
        return run

    def lane(self, number: int) -> _Handover:  # noqa: ARG002 - there is one
        return self

    def apply(self, part: RangePart) -> LaneOutcome:
        rows = part.rows
        self.parts.put(part)
        return LaneOutcome(inserted=rows)

    def close(self) -> None:
        """Let the caller come to the end."""
        self.parts.close()

    def finish(self) -> None:
        """Do nothing: all was handed over."""

    def abort(self) -> None:
        """Wake the lane."""
        self.parts.close()


def _run(
    run: Callable[[RunOptions], Report], options: RunOptions, handover: _Handover, outcome: Future[Report]
) -> None:
    try:
        outcome.set_result(run(options))
    except BaseException as error:
        outcome.set_exception(error)
    finally:
        handover.parts.close()
        handover.begun.set()


def _batches(handover: _Handover, outcome: Future[Report], tell: Tell | None) -> Generator[Batch]:
    """Yield the batches of the parts as they come, and raise what ended the run."""
    for part in handover.parts:
        feed = handover.feeds[part.feed] if len(handover.feeds) > 1 else ""
        tell_feed = _of_feed(tell, feed) if tell is not None else None
        broken = list(part.broken)
        for piece in part.slices:
            if tell_feed is not None:
                while broken and broken[0].position.record <= piece.record_base:
                    tell_feed(broken.pop(0))
                base = Base(piece.record_base, piece.line_base, piece.byte_base)
                for reject in rejects_of(piece.batch, piece.batch.plan.schema.names, base):
                    tell_feed(reject)
            yield piece.batch
        if tell_feed is not None:
            for reject in broken:
                tell_feed(reject)
    outcome.result()


def _of_feed(tell: Tell, feed: str) -> Tell:
    """Have findings told with the name of their feed, if it is one of several."""
    return (lambda reject: tell(replace(reject, feed=feed))) if feed else tell


def _records(batches: Iterator[Batch]) -> Generator[Record]:
    """Yield the records of batches."""
    for batch in batches:
        yield from batch
