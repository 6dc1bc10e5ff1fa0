"""A lot in SQL: one lane's share of a range, in temporary tables, without what the database refuses.

::

    feedmill_feed      the lot's rows: r (record number) and the columns of a feed
    feedmill_aside     rows that a later one of the same dealer and product supersedes
    feedmill_refused   rows that became rejects
    feedmill_products  rows whose product is new or changed, of the step last taken
    feedmill_offers    rows whose offer is new or changed, of the step last taken
    feedmill_effects   r and what became of it, for every row that changed something

`SqlDatabase.fill` empties them for each lot that has rows. Of a lot that is empty nothing is staged, and none
of them may be read: on SQLite they still hold what was staged for the part before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from feedmill.products.database import SqlDatabase
from feedmill.products.repositories import Records
from feedmill.stores.merge import isolate
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo
from feedmill.stores.transaction import RefusedError, Transaction, count


class _Undone(Exception):  # noqa: N818 - it is no fault
    """Undo a savepoint; never leaves this module."""


class SqlLot[T: Transaction]:
    """A part's rows, staged.

    Parameters
    ----------
    database : SqlDatabase
    transaction : Transaction
        The part's.
    run : RunInfo
        The run in effect.
    part : RangePart
        Where the rows came from.
    is_empty : bool
        Whether there are none.

    Thread safety
    -------------
    one thread
    """

    def __init__(
        self,
        database: SqlDatabase[T],
        transaction: T,
        run: RunInfo,
        part: RangePart,
        *,
        is_empty: bool = False,
    ) -> None:
        self.database = database
        self.transaction = transaction
        self.run = run
        self.part = part
        self.is_empty = is_empty

    def attempt(self, steps: Sequence[Callable[[Records], None]]) -> list[LaneReject]:
        """Take steps that write all rows, or all but those that the database refuses.

        Parameters
        ----------
        steps : sequence of callable
            Each writes the rows of some records, and may rely on those before having written all of theirs.

        Returns
        -------
        list of LaneReject
            One for each row that was refused. What the others led to is as if these had not been there: a row
            that such a one superseded takes its place.

        Notes
        -----
        What was refused is found in halves, in a savepoint that is then undone, and the steps are taken
        again without it. So outcomes never depend on where the halves were, nor on how many lanes there are.
        """
        rejects: list[LaneReject] = []
        while whole := self._whole():
            try:
                with self.transaction.savepoint():
                    for step in steps:
                        step(whole)
            except RefusedError:
                refused = self._refused(steps)
                if not refused:
                    # Refused as a whole, accepted in pieces: what the pieces wrote stands.
                    break
                rejects += [_reject(record, error) for record, error in refused]
                self._replace([record for record, _ in refused])
            else:
                break
        return rejects

    def outcome(self, rejects: Sequence[LaneReject]) -> LaneOutcome:
        """Count what became of the rows."""
        if self.is_empty:
            return LaneOutcome()
        [(inserted, updated, rows, aside)] = self.transaction.execute(
            "SELECT (SELECT count(*) FROM feedmill_effects WHERE outcome = 'inserted'),"
            " (SELECT count(*) FROM feedmill_effects WHERE outcome = 'updated'),"
            " (SELECT count(*) FROM feedmill_feed), (SELECT count(*) FROM feedmill_aside)"
        )
        unchanged = count(rows) - count(inserted) - count(updated)
        ordered = tuple(sorted(rejects, key=lambda reject: reject.record))
        return LaneOutcome(count(inserted), count(updated), unchanged, count(aside), ordered)

    def refuse(self, condition: str) -> None:
        """Take rows out of the lot that meet a condition on feedmill_feed."""
        self.transaction.execute(
            f"INSERT INTO feedmill_refused SELECT * FROM feedmill_feed WHERE {condition}"
        )
        self.transaction.execute("DELETE FROM feedmill_feed WHERE r IN (SELECT r FROM feedmill_refused)")

    def _whole(self) -> Records | None:
        """Span all rows still in the lot; None when there are none."""
        [(first, last)] = self.transaction.execute("SELECT min(r), max(r) FROM feedmill_feed")
        return None if first is None else Records(count(first), count(last))

    def _refused(self, steps: Sequence[Callable[[Records], None]]) -> list[tuple[int, RefusedError]]:
        """Find what the database refuses in the first step that it refuses anything in."""
        rows = self.transaction.execute("SELECT r FROM feedmill_feed ORDER BY r")
        records = [count(record) for (record,) in rows]
        refused: list[tuple[int, RefusedError]] = []
        try:
            with self.transaction.savepoint():
                for step in steps:
                    refused = self._refused_by(step, records)
                    if refused:
                        raise _Undone
        except _Undone:
            pass
        return refused

    def _refused_by(
        self, step: Callable[[Records], None], records: Sequence[int]
    ) -> list[tuple[int, RefusedError]]:
        _done, refused = isolate(self.transaction, records, lambda lo, hi: step(Records(lo, hi)))
        return refused

    def _replace(self, refused: Sequence[int]) -> None:
        """Take refused rows out, and stage the last of those that each had superseded."""
        chosen = self.transaction.execute(
            "SELECT max(a.r) FROM feedmill_aside AS a JOIN feedmill_feed AS f"
            f" ON f.dealer_code = a.dealer_code AND f.sku = a.sku WHERE f.r IN ({_listed(refused)})"
            " GROUP BY a.dealer_code, a.sku"
        )
        self.refuse(f"r IN ({_listed(refused)})")
        if chosen:
            records = _listed([count(record) for (record,) in chosen])
            self.transaction.execute(
                f"INSERT INTO feedmill_feed SELECT * FROM feedmill_aside WHERE r IN ({records})"
            )
            self.transaction.execute(f"DELETE FROM feedmill_aside WHERE r IN ({records})")


def _reject(record: int, error: RefusedError) -> LaneReject:
    return LaneReject(record, error.column, "database", error.message, "")


def _listed(records: Sequence[int]) -> str:
    """Write record numbers into a statement; they are integers, so nothing needs quoting."""
    return ", ".join(str(int(record)) for record in records)
