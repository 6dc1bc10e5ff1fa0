"""The main job in one call: a URL, feeds, a report."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from feedmill.errors import FeedError, UsageError
from feedmill.pipeline import FailureLimit
from feedmill.products.accepted import GatedJournal, pass_gate
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import Dealer
from feedmill.products.gate import Gate
from feedmill.products.journal import SqlIntegrations
from feedmill.products.lot import SqlLot
from feedmill.products.opening import with_products
from feedmill.products.process import ProcessProducts, product_schema
from feedmill.products.rehearsal import Changes, PlannedOffers, PlannedProducts, PlannedQueue
from feedmill.products.snapshot import Snapshot, list_keys
from feedmill.products.sql import SqlDealers, SqlProductDealers, SqlProducts, SqlQueue
from feedmill.products.staged import check_schema
from feedmill.products.staging import PAGE_ROWS, StagingTable
from feedmill.readers import find_feeds
from feedmill.report import Report
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.runs import check_feeds
from feedmill.schema import Schema
from feedmill.stores.transaction import Transaction


def process_feeds(  # noqa: PLR0913 - one call for all of a job's options
    feeds: str | Sequence[str],
    url: str,
    *,
    schema: Schema | None = None,
    dealers: Path | None = None,
    create_dealers: bool = False,
    every_outcome: bool = False,
    verify: bool = False,
    snapshot: bool = False,
    max_discontinue: FailureLimit | None = None,
    gate: Gate | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Report:
    """Process product feeds into a database.

    Parameters
    ----------
    feeds : str or sequence of str
        Paths, globs, or ``-``.
    url : str
        ``sqlite:///file.db`` or ``postgresql://…``; the tables are created or brought up to date.
    schema : Schema, optional
        What a record has to be; the built-in schema of products by default.
    dealers : Path, optional
        A CSV file of known dealers, with the columns code and name; added before the run.
    create_dealers : bool
        Whether dealers that are not known are created; else their records fail.
    every_outcome : bool
        Whether records that change nothing get a row of ``product_integration``, too.
    verify : bool
        Whether every record is compared with what is stored, whatever earlier runs have noted about it.
    snapshot : bool
        Whether the feeds list all that their dealers offer: other offers of these dealers are discontinued.
    max_discontinue : FailureLimit, optional
        The most offers that may be; a percentage is of all that these dealers have.
    gate : Gate, optional
        Compare the feeds first with the last runs that were accepted, dealer by dealer.
    options : RunOptions

    Raises
    ------
    UsageError
        Something about the call, a feed or its header does not fit; no record was processed.
    RunError
        The run stopped on a fault. What is committed stays; the same call with ``resume`` goes on.
    TooManyFailuresError, TooManyDiscontinuedError
        A limit was passed.
    FeedHeldError
        The gate does not let the feeds in; nothing was written.
    """
    rules, known = _rules_and_dealers(schema, dealers)

    def run[T: Transaction](database: SqlDatabase[T]) -> Report:
        job = make_job(
            database,
            schema=rules,
            create_dealers=create_dealers,
            every_outcome=every_outcome,
            verify=verify,
            snapshot=ending,
            options=options,
        )
        if gate is not None:
            seen = pass_gate(gate, database, paths, rules, options)
            if seen.report.stopped:
                return seen.report.before_all()
            job.integrations = GatedJournal(
                database, seen, every_outcome=every_outcome, verify=verify, snapshot=ending
            )
        job.dealers.save(known)
        return _with_ending(job.execute(paths).report, ending)

    with _found(feeds, rules, options, snapshot=snapshot, limit=max_discontinue) as (paths, ending):
        return with_products(url, run, lanes=options.most_lanes)


def process_staged(  # noqa: PLR0913 - one call for all of a job's options
    url: str,
    *,
    schema: Schema | None = None,
    dealers: Path | None = None,
    create_dealers: bool = False,
    every_outcome: bool = False,
    page_rows: int = PAGE_ROWS,
    keep_on: bool = False,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Report:
    """Process what waits in a database's staging table, beside any number of processes that do the same.

    Parameters
    ----------
    url, schema, dealers, create_dealers, every_outcome, options
        As for `process_feeds`; of the options, those about reading and threads mean nothing here.
    page_rows, keep_on
        As for `StagingTable`. Only who keeps on makes an SQLite file that is not there.
    """
    if options.failed:
        raise UsageError(
            "--failed copies records of a feed; those of the staging table are in it, under processed_by."
        )
    rules, known = _rules_and_dealers(schema, dealers)

    def run[T: Transaction](database: SqlDatabase[T]) -> Report:
        job = make_job(
            database,
            schema=rules,
            create_dealers=create_dealers,
            every_outcome=every_outcome,
            options=options,
        )
        job.dealers.save(known)
        return job.execute(StagingTable(database, page_rows=page_rows, keep_on=keep_on)).report

    # Who keeps on may be the first to come.
    return with_products(url, run, lanes=1, must_exist=not keep_on)


def plan_feeds(  # noqa: PLR0913 - as `process_feeds`
    feeds: str | Sequence[str],
    url: str,
    *,
    schema: Schema | None = None,
    dealers: Path | None = None,
    create_dealers: bool = False,
    snapshot: bool = False,
    max_discontinue: FailureLimit | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> tuple[Report, Changes]:
    """Find out what `process_feeds` would do; nothing is written.

    Parameters
    ----------
    feeds, url, schema, dealers, create_dealers, snapshot, max_discontinue, options
        As for `process_feeds`; there is one lane.

    Returns
    -------
    report : Report
        What `process_feeds` would return.
    changes : Changes
        Which columns would change, and the largest price moves.

    Raises
    ------
    UsageError, RunError, TooManyFailuresError
        As `process_feeds`.

    Notes
    -----
    It is the run itself, in one transaction that is rolled back. On PostgreSQL that holds the locks of
    everything it changes as long as it lasts; on SQLite it keeps others from writing.
    """
    if options.resume:
        raise UsageError("a plan has nothing to resume, as it leaves nothing behind; leave --resume out.")
    rules, known = _rules_and_dealers(schema, dealers)
    changes = Changes()

    def run[T: Transaction](database: SqlDatabase[T]) -> Report:
        job = make_job(
            database, schema=rules, create_dealers=create_dealers, snapshot=ending, options=options
        )
        job.products, job.product_dealers = PlannedProducts(database), PlannedOffers(database)
        job.queue = PlannedQueue(database, changes)
        job.dealers.save(known)
        return _with_ending(job.execute(paths).report, ending)

    with _found(feeds, rules, options, snapshot=snapshot, limit=max_discontinue) as (paths, ending):
        return with_products(url, run, rehearses=True), changes


def _rules_and_dealers(schema: Schema | None, dealers: Path | None) -> tuple[Schema, list[Dealer]]:
    """Say what records are held to, and read the dealers that are known."""
    known = read_dealers(dealers) if dealers is not None else []
    rules = product_schema() if schema is None else schema
    check_schema(rules)
    return rules, known


@contextmanager
def _found(
    feeds: str | Sequence[str],
    schema: Schema,
    options: RunOptions,
    *,
    snapshot: bool,
    limit: FailureLimit | None,
) -> Iterator[tuple[list[str], Snapshot | None]]:
    """Find the feeds and check them, and list the keys of a snapshot for the length of the block."""
    paths = find_feeds([feeds] if isinstance(feeds, str) else feeds)
    check_feeds(paths, schema, options)
    with list_keys(paths, schema, options) if snapshot else nullcontext() as listing:
        yield paths, None if listing is None else Snapshot(listing, limit)


def _with_ending(report: Report, ending: Snapshot | None) -> Report:
    return report if ending is None else replace(report, discontinued=ending.discontinued)


def make_job[T: Transaction](  # noqa: PLR0913 - all of a job's options
    database: SqlDatabase[T],
    *,
    schema: Schema | None = None,
    create_dealers: bool = False,
    every_outcome: bool = False,
    verify: bool = False,
    snapshot: Snapshot | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> ProcessProducts[SqlLot[T]]:
    """Put a job together whose five parts are all kept in one database.

    Parameters
    ----------
    database : SqlDatabase
        Open and migrated, as `open_products` gives it.
    schema, create_dealers, every_outcome, verify, options
        As for `process_feeds`.
    snapshot : Snapshot, optional
        What is discontinued at the end.
    """
    return ProcessProducts(
        dealers=SqlDealers(database, create=create_dealers),
        products=SqlProducts(database),
        product_dealers=SqlProductDealers(database),
        integrations=SqlIntegrations(database, every_outcome=every_outcome, verify=verify, snapshot=snapshot),
        queue=SqlQueue(database),
        schema=product_schema() if schema is None else schema,
        options=options,
    )


def read_dealers(path: Path) -> list[Dealer]:
    """Read known dealers from a CSV file with the columns code and name.

    Raises
    ------
    FeedError
        The file cannot be read, or has no column code, or a dealer has no code.
    """
    dealers = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            if "code" not in (rows.fieldnames or ()):
                raise FeedError(
                    f"dealers {path}: the first line names no column code; it should be: code,name"
                )
            for row in rows:
                code, name = (row["code"] or "").strip(), (row.get("name") or "").strip()
                if not code or "\0" in code + name:
                    raise FeedError(f"dealers {path}, line {rows.line_num}: expected a dealer's code")
                dealers.append(Dealer(code, name or None))
    except OSError as error:
        raise FeedError(f"dealers {path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise FeedError(f"dealers {path} is not in UTF-8; convert it") from None
    except csv.Error as error:
        raise FeedError(f"dealers {path} is not CSV: {error}") from None
    return dealers
