"""Mended records: a file of failed ones, some of them put right, through the main job again.

What passes now is merged; what still fails is a failure of this run, and can be written out again. A record
that passes is linked with the failure it was: that row of ``product_integration`` gets this run's id and the
number the record has here, in the transaction that merges it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from feedmill.errors import UsageError
from feedmill.failed import COLUMNS
from feedmill.products.database import SqlDatabase
from feedmill.products.job import make_job
from feedmill.products.journal import SqlIntegrations
from feedmill.products.lot import SqlLot
from feedmill.products.opening import with_products
from feedmill.products.process import product_schema
from feedmill.products.staged import check_schema
from feedmill.report import Report
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.runs import check_feeds
from feedmill.schema import Field, Schema
from feedmill.stores.protocol import LaneReject
from feedmill.stores.transaction import Transaction

PLACE = COLUMNS[0]

_LINKS = [("run", "text"), ("feed", "integer"), ("record", "bigint"), ("mended", "bigint")]


def retry_failed(
    path: str,
    url: str,
    *,
    schema: Schema | None = None,
    create_dealers: bool = False,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Report:
    """Process the mended records of a file that ``--failed`` wrote.

    Parameters
    ----------
    path : str
        The file. Its first column says which failures its records were; rows without it are processed, too.
    url, schema, create_dealers, options
        As for `process_feeds`.

    Raises
    ------
    UsageError, RunError, TooManyFailuresError
        As for `process_feeds`.
    """
    rules = product_schema() if schema is None else schema
    check_schema(rules)
    if PLACE in rules.names:
        raise UsageError(f"the schema has a field {PLACE!r}, which a file of failed records uses for itself")
    # The file has three columns more than its feed.
    match = {"exact": "subset", "equal": "subset", "superset": "partial"}.get(rules.fields_match)
    rules = replace(rules, fields=(*rules.fields, Field(PLACE)), fields_match=match or rules.fields_match)
    check_feeds([path], rules, options)

    def run[T: Transaction](database: SqlDatabase[T]) -> Report:
        job = make_job(database, schema=rules, create_dealers=create_dealers, options=options)
        job.integrations = _Linked(database)
        return job.execute([path]).report

    return with_products(url, run, lanes=options.lanes)


class _Linked[T: Transaction](SqlIntegrations[T]):
    """The journal of a run over mended records."""

    def record(self, lot: SqlLot[T], rejects: Sequence[LaneReject]) -> None:
        """Write what became of the lot's records, and which failures they were."""
        super().record(lot, rejects)
        refused = {reject.record for reject in rejects}
        links = [[*place, record] for record, place in _places(lot) if record not in refused]
        if links:
            with self.database.probing(lot.transaction):
                lot.transaction.execute(
                    "UPDATE product_integration SET mended_by = ?, mended_record = given.mended"
                    f" FROM ({self.database.json_rows(_LINKS)}) AS given"
                    " WHERE run_id = given.run AND product_integration.feed = given.feed"
                    " AND product_integration.record = given.record AND status = 'failure'",
                    (lot.run.run_id, json.dumps(links)),
                )


def _places[T: Transaction](lot: SqlLot[T]) -> list[tuple[int, tuple[str, int, int]]]:
    """List the lot's good records, and which ones they were."""
    found = []
    part = lot.part
    for piece in part.slices:
        for row in piece.batch.tuples(part.lane, part.lanes, record_base=piece.record_base):
            run, _, rest = str(row[-1] or "").partition(":")
            feed, _, record = rest.partition(":")
            if feed.isdecimal() and record.isdecimal() and len(feed) < 9 and len(record) < 18:
                found.append((int(str(row[0])), (run, int(feed), int(record))))
    return found
