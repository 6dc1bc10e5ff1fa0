"""``--snapshot``: offers that a dealer's feed does not list any more are discontinued.

::

    list_keys      before the run: the feeds once more, as keys only → Listing
    discontinue    in the transaction that marks the run finished: what the listing lacks, of its dealers

*What is listed* is every record whose key can be read, also one that is refused for something else: it is
offered still, if wrongly described. Of a dealer without any record nothing is known, so its offers stay.

*Only when that is certain.* The pass over the feeds has come to their ends, and each record was taken apart;
one that was not could have been any dealer's, and then nothing is discontinued. A record without a sku is one
of its dealer's offers, so all of that dealer's stay. The run itself has come to its end, and its feeds are
the same still: their fingerprints say so.

*Once.* Marks, events, outcomes and the end of the run are one transaction. A run that died before has done
nothing of it; resumed, it lists the keys anew. An offer is never deleted.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, Final

from feedmill.errors import TooManyDiscontinuedError, UsageError
from feedmill.pipeline import FailureLimit
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import KEY, OFFER_COLUMNS, PRODUCT_COLUMNS
from feedmill.products.forgetting import forgetting_offers
from feedmill.readers.blocks import STDIN
from feedmill.report import Report
from feedmill.run_options import RunOptions
from feedmill.runs import run_feeds
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo
from feedmill.stores.transaction import Transaction, count

READ_TWICE: Final = "--snapshot reads a feed twice, and a stream is gone by then; name a file."
NO_FEED: Final = -1
"""The feed of outcomes that are about no record."""

# A dealer with a record that has no sku may have meant any of its offers by it.
_DEALERS: Final = (
    "SELECT dealer_code FROM feedmill_listed EXCEPT SELECT dealer_code FROM feedmill_listed WHERE sku IS NULL"
)
_OFFERED: Final = (
    "FROM product_dealers AS o JOIN dealers AS d ON d.id = o.dealer_id"
    f" WHERE o.discontinued_by IS NULL AND d.code IN ({_DEALERS})"
)
_GONE: Final = (
    "CREATE TEMPORARY TABLE feedmill_gone AS"
    " SELECT row_number() OVER (ORDER BY d.code, p.sku) AS r, d.code AS dealer_code, p.sku AS sku,"
    " o.dealer_id AS dealer_id, o.product_id AS product_id"
    " FROM product_dealers AS o JOIN dealers AS d ON d.id = o.dealer_id"
    " JOIN products AS p ON p.id = o.product_id"
    f" WHERE o.discontinued_by IS NULL AND d.code IN ({_DEALERS})"
    " AND NOT EXISTS (SELECT 1 FROM feedmill_listed AS l WHERE l.dealer_code = d.code AND l.sku = p.sku)"
)
_MARK: Final = (
    "UPDATE product_dealers SET discontinued_by = ? FROM feedmill_gone AS g"
    " WHERE product_dealers.product_id = g.product_id AND product_dealers.dealer_id = g.dealer_id"
    " AND product_dealers.discontinued_by IS NULL"
)
# Another run may have been faster with some of them.
_MARKED: Final = (
    "FROM feedmill_gone AS g JOIN product_dealers AS o"
    " ON o.product_id = g.product_id AND o.dealer_id = g.dealer_id"
    " JOIN products AS p ON p.id = g.product_id WHERE o.discontinued_by = ?"
)

_log = logging.getLogger("feedmill.products")


@dataclass(slots=True)
class Listing:
    """The keys that feeds list; a sink of records that have nothing but keys.

    Attributes
    ----------
    fields : tuple of Field
        What dealer_code and sku are, as they are stored.
    file : binary file
        Where the keys are kept.
    source : str
        The feeds' fingerprint.
    report : Report or None
        Of the pass over them.

    Thread safety
    -------------
    one thread at a time
    """

    fields: tuple[Field, Field]
    file: IO[bytes]
    source: str = ""
    report: Report | None = None
    lanes: int = 1
    # Whole tuples of COPY BINARY, in blocks of these sizes.
    _sizes: list[int] = field(default_factory=list)

    @property
    def doubt(self) -> str:
        """Why the feeds cannot be taken for all that there is; "" if they can."""
        report = self.report
        if report is None or report.stopped is not None:
            return "the feed was not read to its end"
        if report.failures:
            found = ", ".join(sorted({name.rpartition(".")[2] for name in report.rejects_by_code}))
            return f"{report.failures} records cannot be read ({found}), and might be any offer's"
        return ""

    def begin(self, run: RunInfo) -> RunInfo:
        """Note which feeds these are."""
        if not run.source:
            raise UsageError(READ_TWICE)
        self.source = run.source
        return run

    def lane(self, number: int) -> Listing:  # noqa: ARG002 - there is one
        """Be the lane."""
        return self

    def apply(self, part: RangePart) -> LaneOutcome:
        """Keep a part's keys."""
        for piece in part.slices:
            names = piece.batch.plan.names
            fields = [names.index(name) for name in KEY]
            block = b"".join(
                piece.batch.copy_binary(part.lane, part.lanes, fields=fields, pg_types=["text", "text"])
            )
            self.file.write(block)
            self._sizes.append(len(block))
        return LaneOutcome(inserted=part.rows)

    def blocks(self) -> Iterator[bytes]:
        """Read the keys, as often as it takes."""
        self.file.seek(0)
        return (self.file.read(size) for size in self._sizes)

    def finish(self) -> None:
        """Do nothing: the keys are asked for later."""

    def abort(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing: the lane has nothing of its own."""


@contextmanager
def list_keys(feeds: Sequence[str], schema: Schema, options: RunOptions) -> Iterator[Listing]:
    """Read nothing but the keys of feeds, and keep them in a temporary file as long as the block lasts.

    Parameters
    ----------
    feeds, schema, options
        As the run will have them.

    Raises
    ------
    UsageError
        A feed cannot be read twice, or records are to be transformed.
    RunError
        A feed cannot be read to its end.
    """
    if STDIN in feeds:
        raise UsageError(READ_TWICE)
    if options.transform is not None:
        raise UsageError("a snapshot lists the keys that the feed has; leave transform or snapshot out.")
    fields = tuple(
        replace(each, constraints=Constraints()) if each.name in KEY else Field(each.name, "any")
        for each in schema.fields
    )
    dealer, sku = (replace(schema.field(name), constraints=Constraints(), transforms=()) for name in KEY)
    keys = Schema(
        fields, missing_values=schema.missing_values, fields_match=schema.fields_match, name=schema.name
    )
    quiet = RunOptions(
        dialect=options.dialect,
        workers=options.workers,
        job_buffer=options.job_buffer,
        result_buffer=options.result_buffer,
        chunk_size=options.chunk_size,
        mapping=options.mapping,
        handle_signals=options.handle_signals,
        stall_timeout_s=options.stall_timeout_s,
    )
    with tempfile.TemporaryFile() as file:
        listing = Listing((dealer, sku), file)
        listing.report = run_feeds(feeds, keys, listing, options=quiet)
        if listing.report.stopped == "interrupted":
            # The run itself is not to begin.
            raise KeyboardInterrupt
        yield listing


@dataclass(slots=True)
class Snapshot:
    """What is to be discontinued at the end of a run.

    Attributes
    ----------
    listing : Listing
    limit : FailureLimit or None
        The most offers that may be; a percentage is of those that the listed dealers have.
    discontinued : int
        How many were.

    Thread safety
    -------------
    one thread
    """

    listing: Listing
    limit: FailureLimit | None = None
    discontinued: int = 0

    def check(self, run: RunInfo) -> None:
        """Refuse another feed than the one that was listed."""
        if run.source != self.listing.source:
            raise UsageError(f"{', '.join(run.feeds)}: changed while the run was starting; start it again")

    def discontinue[T: Transaction](
        self, database: SqlDatabase[T], transaction: T, run_id: str, owner: str
    ) -> None:
        """Mark what is not listed, in the transaction that ends the run; to the hashes it is `owner`.

        Raises
        ------
        TooManyDiscontinuedError
            That would be more than the limit.
        """
        doubt = self.listing.doubt
        if not doubt:
            database.list_keys(transaction, self.listing.blocks())
            if transaction.execute("SELECT 1 FROM feedmill_listed WHERE dealer_code IS NULL LIMIT 1"):
                doubt = "a record has no dealer_code, and might be any offer's"
        if doubt:
            _log.warning("--snapshot: nothing is discontinued: %s", doubt)
            return
        transaction.execute("DROP TABLE IF EXISTS feedmill_gone")
        transaction.execute(_GONE)
        [(gone,)] = transaction.execute("SELECT count(*) FROM feedmill_gone")
        self._guard(transaction, count(gone))
        if gone:
            offers = "SELECT dealer_code, sku FROM feedmill_gone"
            with forgetting_offers(database, transaction, owner, self.listing.fields, offers):
                transaction.execute(_MARK, (run_id,))
            _tell(database, transaction, run_id)
        transaction.execute("DROP TABLE feedmill_gone")
        transaction.execute("DROP TABLE feedmill_listed")

    def recount(self, transaction: Transaction, run_id: str) -> None:
        """Find out how many were discontinued, whoever did it."""
        [(number,)] = transaction.execute(
            "SELECT count(*) FROM product_integration WHERE run_id = ? AND feed = ?", (run_id, NO_FEED)
        )
        self.discontinued = count(number)

    def _guard(self, transaction: Transaction, gone: int) -> None:
        if self.limit is None:
            return
        [(offered,)] = transaction.execute(f"SELECT count(*) {_OFFERED}")
        if self.limit.is_passed(gone, count(offered), is_final=True):
            raise TooManyDiscontinuedError(
                f"the feed does not list {gone} of its dealers' {count(offered)} offers, more than "
                f"--max-discontinue {self.limit} allows; nothing was discontinued. If they are gone indeed, "
                "continue with --resume and a higher limit."
            )


def _tell[T: Transaction](database: SqlDatabase[T], transaction: T, run_id: str) -> None:
    """Write outcomes and events of what was marked."""
    transaction.execute(
        "INSERT INTO product_integration (run_id, feed, record, dealer_code, sku, status, outcome)"
        f" SELECT ?, {NO_FEED}, g.r, g.dealer_code, g.sku, 'success', 'discontinued' {_MARKED} ORDER BY g.r",
        (run_id, run_id),
    )
    payload = database.json_object(
        [
            ("dealer_code", "g.dealer_code"),
            *((name, f"p.{name}") for name in PRODUCT_COLUMNS),
            *((name, f"o.{name}") for name in OFFER_COLUMNS),
        ]
    )
    transaction.execute(
        "INSERT INTO outbox (event_id, key, op, payload)"
        f" SELECT ? || g.r, g.sku, 'discontinued', {payload} {_MARKED} ORDER BY g.r",
        (f"{run_id}:{NO_FEED}:", run_id),
    )
