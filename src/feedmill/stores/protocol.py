"""What the pipeline and a store say to each other.

::

    pipeline thread            lane threads (feedmill-lane-0 … lanes-1)              pipeline thread
    sink.begin(run) ───────▶ writer = sink.lane(n)            ───────▶ sink.finish()  all is loaded
      tables, the run's row    writer.apply(part) → LaneOutcome          sink.abort()   the run stopped
                               writer.close()

A *part* is what one lane has to do for one range of one feed. `LaneWriter.apply` is one transaction: it
claims (run, feed, lane, lo, hi) in the ledger, writes the rows, notes the counts, commits. Whatever happens
to the process, a part is in the store with its ledger row, or not at all; applying it again finds the ledger
row and returns the outcome noted there. So a resumed run simply reads the feed again from its start and hands
every part over again.

That only works while ranges are a function of the feed and of the settings noted in `RunInfo`, never of
timing or of the number of workers; a run is resumed with the same feeds, lanes and chunk size, or refused.

Every row of a part ends in exactly one of five ways: inserted, updated, unchanged, duplicate, rejected::

    rows of the part = inserted + updated + unchanged + duplicate + len({reject.record for reject in rejects})

A sink that keeps a record of failures has an attribute ``takes_failures = True``: its lane 0 then gets a
part for every range with failures, with the batches that have any, though none of their rows may be its own.
One that has a method ``prepare(batch)`` is shown every batch by the worker that has made it, before anybody
else sees it, for what is done best while it is in the processor's cache; by several threads at a time.

One that lets stored values of columns that a feed lacks stay has an attribute ``fed_only = True``: a callback
can then set nothing there.

A sink that waits for something that may be gone has a method ``hurry()``, see `Hasty`.

If you write a sink: ``begin`` must leave nothing half made, ``lane`` and ``apply`` must not share a
connection between threads, ``abort`` may come from any thread at any moment and must wake a lane that waits
before a retry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from feedmill.kernel import Batch
    from feedmill.records import Reject


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Name a run, its feeds and the settings that its ranges depend on.

    Parameters
    ----------
    run_id : str
        Unique; no two runs share one.
    source : str
        Fingerprint of all feeds in their order. Empty when they cannot be read a second time (standard
        input): such a run cannot be resumed.
    feeds : tuple of str
        Names of the feeds, for people.
    chunk_size : int
        Bytes of a chunk; ranges are cut where chunks are.
    plan : str
        Fingerprint of schema, dialect and column mapping: other rules make other rows of the same bytes.
    resume : bool
        Continue the last unfinished run of this source and target, instead of starting one.

    Thread safety
    -------------
    immutable
    """

    run_id: str
    source: str
    feeds: tuple[str, ...] = ()
    chunk_size: int = 1 << 20
    plan: str = ""
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """A lane's rows of one batch, with what stands before the batch's chunk in its feed.

    Parameters
    ----------
    batch : Batch
        Of all lanes; this lane's rows are those of ``batch.copy_binary(lane, lanes,
        record_base=record_base)``.
    record_base, line_base : int
        Records and lines of the feed before the chunk, header lines included in the lines.
    byte_base : int
        Bytes of the feed before the chunk.
    """

    batch: Batch
    record_base: int
    line_base: int
    byte_base: int


@dataclass(frozen=True, slots=True)
class RangePart:
    """What one lane has to do for one range of one feed.

    Parameters
    ----------
    lane, lanes : int
        This lane, from 0, and how many there are.
    lo, hi : int
        The range's first byte in its feed and the byte after its last.
    slices : tuple of Slice
        In input order.
    feed : int
        Index of the feed in ``RunInfo.feeds``, as `lo` and `hi` start anew with each feed.
    broken : tuple of Reject
        Findings against records that no batch has, as parsing them raised. Only for lane 0 of a sink that
        takes failures.
    """

    lane: int
    lanes: int
    lo: int
    hi: int
    slices: tuple[Slice, ...]
    feed: int = 0
    broken: tuple[Reject, ...] = ()

    @property
    def rows(self) -> int:
        """Count the rows of this lane."""
        return sum(piece.batch.lane_rows(self.lane, self.lanes) for piece in self.slices)

    def __str__(self) -> str:
        text = f"bytes {self.lo} to {self.hi} of feed {self.feed + 1}"
        if not self.slices:
            return text
        first, last = self.slices[0], self.slices[-1]
        return f"{text}, records {first.record_base + 1} to {last.record_base + last.batch.records}"


@dataclass(frozen=True, slots=True)
class LaneReject:
    """A good record that the store refused.

    Parameters
    ----------
    record : int
        Number of the record in its feed, from 1.
    column : str
        Field the store named, or "" when it named none.
    code : str
        A word of `feedmill.codes`, such as ``duplicate_key`` or ``database``.
    message : str
        Why; without values of the record.
    value : str
        The refused value, cut at 1,000 characters; "" when no column is named.
    """

    record: int
    column: str
    code: str
    message: str
    value: str


@dataclass(frozen=True, slots=True)
class LaneOutcome:
    """What became of the rows of one part.

    Parameters
    ----------
    inserted, updated, unchanged : int
        Rows that were new, that changed a stored row, that the store had already (or was told to keep).
    duplicate : int
        Rows whose key occurs again later in the same part: the later one won.
    rejects : tuple of LaneReject
        In record order.
    replayed : bool
        The part was done before; the counts are those of that time.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejects: tuple[LaneReject, ...] = ()
    replayed: bool = False


class LaneWriter(Protocol):
    """One lane's hand on the store.

    Thread safety
    -------------
    one thread, the one that called `Sink.lane`
    """

    def apply(self, part: RangePart) -> LaneOutcome:
        """Apply one part in one transaction, exactly once, and say what became of its rows.

        Raises
        ------
        StoreError
            The store cannot go on. The part is applied or not; a resumed run finds out which.
        """

    def close(self) -> None:
        """Let go of the connection; what is not committed is undone."""


class Sink(Protocol):
    """A place for good records: a table, a file, the product tables.

    Attributes
    ----------
    lanes : int
        How many lanes it takes at once: 1 for files and SQLite.

    Thread safety
    -------------
    `begin` and `finish`: one thread. `lane`: each lane's own thread, between them. `abort`: any thread, any
    time.
    """

    lanes: int

    def begin(self, run: RunInfo) -> RunInfo:
        """Make or check the tables, register the run, and say which run it is.

        Parameters
        ----------
        run : RunInfo
            The run as the caller would have it.

        Returns
        -------
        RunInfo
            The run in effect: with ``resume``, the unfinished run that is continued, under its own id.

        Raises
        ------
        StoreError
            The store cannot be reached or does not fit the schema.
        UsageError
            There is no run to resume, or it had other feeds, lanes, chunks or rules.
        """

    def lane(self, number: int) -> LaneWriter:
        """Open a lane; call it once a lane, in the lane's own thread."""

    def finish(self) -> None:
        """Make all of it final, mark the run finished and close the store."""

    def abort(self) -> None:
        """Stop: wake lanes that wait, leave what is committed, close the store. The run stays resumable."""


@runtime_checkable
class Hasty(Protocol):
    """A sink that waits for something that may be gone: a server, a file that others have locked."""

    def hurry(self) -> None:
        """Wait only a little longer for it, as the run was told to end; finish what was begun, if it answers.

        Called within signal handlers, so it takes no lock.
        """


def hurry(sink: object) -> None:
    """Tell a sink, if it is one that waits, that the run was told to end."""
    if isinstance(sink, Hasty):
        sink.hurry()
