"""The main job: dealers' product feeds become products, offers, outcomes and events.

`ProcessProducts` is given its four repositories and its queue, and knows nothing about databases. Seen from
the pipeline it is a sink: each lane's share of a range is one lot, applied in one transaction in the steps of
`ProcessProducts.apply`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files

from feedmill.errors import UsageError
from feedmill.kernel import Batch
from feedmill.products.entities import LANE_KEY, Failure, Success
from feedmill.products.repositories import (
    DealerRepository,
    IntegrationLane,
    Lot,
    ProductDealerRepository,
    ProductIntegrationRepository,
    ProductRepository,
    QueueService,
    StagedRecords,
)
from feedmill.products.staged import check_schema, has_plain_keys
from feedmill.readers import find_feeds
from feedmill.report import Report
from feedmill.runs import RunOptions, run_feeds
from feedmill.schema import Schema
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo


def product_schema() -> Schema:
    """Read the built-in schema of product feeds."""
    text = files("feedmill.products").joinpath("product.schema.json").read_text("utf-8")
    # Any order, more columns or fewer: what cannot be missing is required.
    return replace(Schema.from_descriptor(json.loads(text)), fields_match="partial", name="products")


@dataclass(frozen=True, slots=True)
class Output:
    """What a run has done.

    Attributes
    ----------
    report : Report
        Counts and times.
    success_list, failure_list : sequence
        Every record is in one of them. They read the database as they are asked, and need it open, which it
        is no more after a run that was stopped: open it anew, and ask its repository of outcomes.
    """

    report: Report
    success_list: Sequence[Success]
    failure_list: Sequence[Failure]


@dataclass(slots=True)
class ProcessProducts[L: Lot]:
    """Process product feeds.

    Parameters
    ----------
    dealers, products, product_dealers, integrations : repositories
        Of one database.
    queue : QueueService
        Where changes are announced.
    schema : Schema
        What a record has to be; the built-in one by default.
    options : RunOptions
        Workers, buffers, rejects and so on.

    Raises
    ------
    SchemaError
        The schema does not fit the product tables.

    Thread safety
    -------------
    one thread; a run at a time
    """

    dealers: DealerRepository[L]
    products: ProductRepository[L]
    product_dealers: ProductDealerRepository[L]
    integrations: ProductIntegrationRepository[L]
    queue: QueueService[L]
    schema: Schema = field(default_factory=product_schema)
    options: RunOptions = field(default_factory=RunOptions)

    def __post_init__(self) -> None:
        check_schema(self.schema)

    def set_max_workers(self, workers: int) -> None:
        """Set how many threads parse; the number of CPUs by default."""
        if workers < 1:
            raise UsageError(f"{workers} workers would process nothing; at least one is needed")
        self.options = replace(self.options, workers=workers)

    def execute(self, feeds: str | Sequence[str] | StagedRecords[L]) -> Output:
        """Process feeds, or what waits in the staging table.

        Parameters
        ----------
        feeds : str, sequence of str, or StagedRecords
            Paths, globs, or ``-``; or a `staging.StagingTable`.

        Raises
        ------
        UsageError, RunError, TooManyFailuresError
            As `feedmill.runs.load`.
        """
        if isinstance(feeds, str | Sequence):
            paths = find_feeds([feeds] if isinstance(feeds, str) else feeds)
            report = run_feeds(paths, self.schema, ProductSink(self), options=self.options, lane_key=LANE_KEY)
        else:
            sink = ProductSink(self, is_staged=True)
            report = feeds.run(self.schema, sink, self.apply, self.options)
        return Output(
            report, self.integrations.successes(report.run_id), self.integrations.failures(report.run_id)
        )

    def apply(self, lot: L) -> LaneOutcome:
        """Apply one lot, inside its transaction."""
        if lot.is_empty:
            # Records that the kernel rejected may belong to it all the same.
            self.integrations.record(lot, [])
            return lot.outcome([])
        rejects = self.dealers.set_aside_unknown(lot)
        self.product_dealers.set_aside_duplicates(lot)
        # Products first: offers refer to them.
        rejects += lot.attempt(
            (
                lambda records: self.products.upsert(lot, records),
                lambda records: self.product_dealers.upsert(lot, records),
            )
        )
        self.integrations.record(lot, rejects)
        self.queue.publish(lot)
        return lot.outcome(rejects)


class ProductSink[L: Lot]:
    """`ProcessProducts` as the pipeline sees it; see `feedmill.stores.protocol.Sink`."""

    takes_failures = True
    fed_only = True

    def __init__(self, job: ProcessProducts[L], *, is_staged: bool = False) -> None:
        self._job = job
        self._is_staged = is_staged
        self.lanes = job.integrations.lanes

    def begin(self, run: RunInfo) -> RunInfo:
        """Register the run, or find the one to resume."""
        keeps_hashes = not self._is_staged and has_plain_keys(self._job.schema)
        return self._job.integrations.begin(run, keeps_hashes=keeps_hashes)

    def prepare(self, batch: Batch) -> None:
        """Show the journal a batch, in the worker's thread."""
        self._job.integrations.prepare(batch)

    def lane(self, number: int) -> ProductLane[L]:
        """Open a lane, in its own thread."""
        return ProductLane(self._job, self._job.integrations.lane(number))

    def finish(self) -> None:
        """Mark the run finished."""
        self._job.integrations.finish()

    def hurry(self) -> None:
        """Wait less for a store that does not answer; see `feedmill.stores.protocol.Hasty`."""
        self._job.integrations.hurry()

    def abort(self) -> None:
        """Stop; the run stays resumable."""
        self._job.integrations.abort()


class ProductLane[L: Lot]:
    """One lane's hand on the repositories.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, job: ProcessProducts[L], lane: IntegrationLane[L]) -> None:
        self._job = job
        self._lane = lane

    def apply(self, part: RangePart) -> LaneOutcome:
        """Apply one part in one transaction, once."""
        return self._lane.apply(part, self._job.apply)

    def close(self) -> None:
        """Let go of the connection."""
        self._lane.close()
