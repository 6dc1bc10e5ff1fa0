"""Reading: the good records of feeds, one after the other, for a loop of the caller's own.

::

    reader, workers, collector ─▶ lane 0 ─ parts ─▶ handover ─▶ Records ─▶ for record in records: …
                                                    a channel    caller's thread: makes the records,
                                                                 tells the rejects

It is a run like any other, whose store is the caller. What is parsed and not yet asked for waits in bounded
channels, so a slow loop slows the workers down and not the memory up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Self

from feedmill.channel import Channel
from feedmill.errors import UsageError
from feedmill.readers import find_feeds
from feedmill.records import Base, Reject, rejects_of
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.runs import run_feeds
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo

if TYPE_CHECKING:
    from feedmill.kernel import Record
    from feedmill.pipeline import Pipeline
    from feedmill.report import Report
    from feedmill.schema import Schema

__all__ = ["Records", "read"]

PARTS_WAITING: Final = 2
"""Parts parsed before they are asked for, of 40,000 records at most: enough that nobody waits."""

type Tell = Callable[[Reject], object]


def read(
    feeds: Sequence[str] | str,
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
        Told every finding, in input order, in the thread that takes the records and before those that follow.

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
    """
    if options.resume:
        raise UsageError("read has nothing to resume: it keeps no state; leave resume out.")
    paths = find_feeds([feeds] if isinstance(feeds, str) else feeds)
    tell = rejects.append if isinstance(rejects, list) else rejects
    handover = _Handover()
    return Records(
        lambda options: run_feeds(paths, schema, handover, options=options), handover, options, tell
    )


class Records:
    """The good records of a run, as an iterator.

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
    """

    def __init__(
        self, run: Callable[[RunOptions], Report], handover: _Handover, options: RunOptions, tell: Tell | None
    ) -> None:
        self._handover = handover
        self._outcome: Future[Report] = Future()
        options = replace(options, on_start=handover.started(options.on_start))
        # Neither the thread nor the generator refers to this object, so one that is let go of is closed.
        self._thread = threading.Thread(
            target=_run, args=(run, options, handover, self._outcome), name="feedmill-read-1", daemon=True
        )
        self._records = _records(handover, self._outcome, tell)
        self._thread.start()
        handover.begun.wait()
        if handover.pipeline is None:
            self._outcome.result()  # it was refused, and raises

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        return next(self._records)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        handover: _Handover | None = getattr(self, "_handover", None)
        if handover is not None:
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
        self._handover.cancel()
        self._thread.join()


class _Handover:
    """The store of such a run: one lane, which hands parts over to the caller's thread."""

    lanes = 1
    takes_failures = True

    def __init__(self) -> None:
        self.parts: Channel[RangePart] = Channel(PARTS_WAITING)
        self.begun = threading.Event()
        self.pipeline: Pipeline | None = None  # set before `begun` is

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


def _records(handover: _Handover, outcome: Future[Report], tell: Tell | None) -> Generator[Record]:
    """Yield the records of the parts as they come, and raise what ended the run."""
    for part in handover.parts:
        broken = list(part.broken)
        for piece in part.slices:
            if tell is not None:
                while broken and broken[0].position.record <= piece.record_base:
                    tell(broken.pop(0))
                base = Base(piece.record_base, piece.line_base, piece.byte_base)
                for reject in rejects_of(piece.batch, piece.batch.plan.schema.names, base):
                    tell(reject)
            yield from piece.batch
        if tell is not None:
            for reject in broken:
                tell(reject)
    outcome.result()
