"""What the main job needs of a database: four repositories and a queue, handed whole lots.

A *lot* is one lane's share of a range, staged inside the transaction that will apply it. Repositories work on
all its rows at once; no method is about a single record. `sql` implements all five for PostgreSQL and SQLite;
an implementation over dicts is in the tests, and shows how
little is needed.

::

    integrations.lane(n).apply(part, work)         one transaction, once; work gets the lot
      dealers.set_aside_unknown(lot)               rows of unknown dealers leave the lot
      product_dealers.set_aside_duplicates(lot)    of one dealer's rows for one product the last one stays
      lot.attempt(steps)                           what the database refuses in the steps leaves the lot
        products.upsert(lot, records)              new or really changed products
        product_dealers.upsert(lot, records)       new or really changed offers
      integrations.record(lot, rejects)            what became of the records
      queue.publish(lot)                           an event for each effective change
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from feedmill.kernel import Batch
from feedmill.products.entities import Dealer, Failure, Success
from feedmill.report import Report
from feedmill.runs import RunOptions
from feedmill.schema import Schema
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo, Sink


@dataclass(frozen=True, slots=True)
class Records:
    """Record numbers from `first` to `last`, both included."""

    first: int
    last: int


class Lot(Protocol):
    """Staged rows in an open transaction.

    Attributes
    ----------
    run : RunInfo
        The run in effect.
    part : RangePart
        Where the rows came from.
    is_empty : bool
        Whether there are no rows to begin with: whatever is done with them can be left out.

    Thread safety
    -------------
    one thread
    """

    run: RunInfo
    part: RangePart
    is_empty: bool

    def attempt(self, steps: Sequence[Callable[[Records], None]]) -> list[LaneReject]:
        """Take steps that write all rows still in the lot; those that the database refuses become rejects.

        What the others lead to is as if the refused ones had not been there: a row that such a one superseded
        takes its place.
        """

    def outcome(self, rejects: Sequence[LaneReject]) -> LaneOutcome:
        """Count what became of the rows."""


class DealerRepository[L: Lot](Protocol):
    """Dealers, by their codes."""

    def save(self, dealers: Sequence[Dealer]) -> None:
        """Add dealers, or rename known ones."""

    def set_aside_unknown(self, lot: L) -> list[LaneReject]:
        """Take the rows of unknown dealers out of the lot, or make these dealers known."""


class ProductRepository[L: Lot](Protocol):
    """Products, by their sku."""

    def upsert(self, lot: L, records: Records) -> None:
        """Write the products that are new or changed; of several rows for one product the last one counts."""


class ProductDealerRepository[L: Lot](Protocol):
    """Offers: what a dealer asks for a product."""

    def set_aside_duplicates(self, lot: L) -> None:
        """Take rows out of the lot that a later one of the same dealer and product supersedes."""

    def upsert(self, lot: L, records: Records) -> None:
        """Write the offers that are new or changed."""


class QueueService[L: Lot](Protocol):
    """Events about changes, for others."""

    def publish(self, lot: L) -> None:
        """Queue an event for each row that changed something."""


class StagedRecords[L: Lot](Protocol):
    """Records that wait in a table; `staging.StagingTable` is such."""

    def run(
        self, schema: Schema, sink: Sink, apply: Callable[[L], LaneOutcome], options: RunOptions
    ) -> Report:
        """Apply them lot by lot, and note in each lot's transaction that they are processed."""


class IntegrationLane[L: Lot](Protocol):
    """One lane's hand on the journal.

    Thread safety
    -------------
    one thread
    """

    def apply(self, part: RangePart, work: Callable[[L], LaneOutcome]) -> LaneOutcome:
        """Stage a part and do `work` on it, in one transaction, once; see `feedmill.stores.protocol`."""

    def close(self) -> None:
        """Let go of the connection."""


class ProductIntegrationRepository[L: Lot](Protocol):
    """The journal of runs: which parts are done, and what became of the records.

    Attributes
    ----------
    lanes : int
        How many lanes it takes at once.
    """

    lanes: int

    def begin(self, run: RunInfo, *, keeps_hashes: bool = True) -> RunInfo:
        """Register the run, or find the one to resume; it may keep hashes of what it stores."""

    def prepare(self, batch: Batch) -> None:
        """Look at a batch in the worker that has made it; see `feedmill.stores.protocol`."""

    def lane(self, number: int) -> IntegrationLane[L]:
        """Open a lane, in its own thread."""

    def record(self, lot: L, rejects: Sequence[LaneReject]) -> None:
        """Write what became of the lot's records, and of those of its range that the kernel rejected."""

    def finish(self) -> None:
        """Mark the run finished."""

    def hurry(self) -> None:
        """Wait less for a store that does not answer; see `feedmill.stores.protocol.Hasty`."""

    def abort(self) -> None:
        """Stop; the run stays resumable."""

    def successes(self, run: str) -> Sequence[Success]:
        """List a run's successes, from the database as they are asked for."""

    def failures(self, run: str) -> Sequence[Failure]:
        """List a run's failures, from the database as they are asked for."""
