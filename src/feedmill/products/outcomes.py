"""Rows of ``product_integration``: what became of a lot's records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from feedmill.products.lot import SqlLot
from feedmill.records import first_findings
from feedmill.stores.protocol import LaneReject, RangePart
from feedmill.stores.transaction import Transaction

_GIVEN = [("record", "bigint"), ("code", "text"), ("name", "text"), ("message", "text")]


def record_outcomes[T: Transaction](lot: SqlLot[T], rejects: Sequence[LaneReject], *, every: bool) -> None:
    """Write the lot's rows; with `every`, also those of records that changed nothing."""
    transaction = lot.transaction
    place = (lot.run.run_id, lot.part.feed)
    head = "INSERT INTO product_integration (run_id, feed, record, dealer_code, sku, status, outcome"
    chosen = "SELECT ?, CAST(? AS integer), f.r, f.dealer_code, f.sku, 'success',"
    if not lot.is_empty:
        transaction.execute(
            f"{head}) {chosen} e.outcome FROM feedmill_effects AS e"
            " JOIN feedmill_feed AS f ON f.r = e.r ORDER BY f.r",
            place,
        )
        if every:
            transaction.execute(
                f"{head}) {chosen} 'unchanged' FROM feedmill_feed AS f"
                " WHERE f.r NOT IN (SELECT r FROM feedmill_effects) ORDER BY f.r",
                place,
            )
            transaction.execute(
                f"{head}) {chosen} 'duplicate' FROM feedmill_aside AS f ORDER BY f.r",
                place,
            )
    failures = list(failures_of(lot.part, rejects))
    if failures:
        # Of a lot without a row nothing was staged, and what is staged may be of the lot before.
        match = "false" if lot.is_empty else "f.r = g.record"
        transaction.execute(
            f'{head}, code, "column", message)'
            " SELECT ?, CAST(? AS integer), g.record, f.dealer_code, f.sku, 'failure', 'failed',"
            f" g.code, g.name, g.message FROM ({lot.database.json_rows(_GIVEN)}) AS g"
            f" LEFT JOIN feedmill_refused AS f ON {match} WHERE true ORDER BY g.record",
            (*place, json.dumps(failures)),
        )


def failures_of(part: RangePart, rejects: Sequence[LaneReject]) -> Iterator[tuple[int, str, str, str]]:
    """List failed records with their first findings: record, code, column, message.

    Those that the kernel rejected are lane 0's, whatever lane their keys might have had; each lane has those
    that the database refused it.
    """
    if part.lane == 0:
        for piece in part.slices:
            if piece.batch.failures:
                for record, code, column, message in first_findings(piece.batch, piece.batch.plan.names):
                    yield piece.record_base + record + 1, code, column, _storable(message)
        for reject in part.broken:
            yield reject.position.record, reject.code, reject.column, _storable(reject.message)
    for refused in rejects:
        yield refused.record, refused.code, refused.column, _storable(refused.message)


def _storable(message: str) -> str:
    """Replace what no database keeps in a text."""
    if message.isprintable():
        return message
    return message.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
