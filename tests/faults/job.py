"""The command `feedmill` with short ranges, so that a small feed has many transactions; a program to kill.

With FEEDMILL_TEST_MEDDLING=apart it is the negative control: the ledger is written in a transaction of its
own, after the one it is about, as if a checkpoint file were kept. Given a number besides, as in ``apart:3``,
it kills itself between the two, that many parts on.

With FEEDMILL_TEST_MEDDLING=hasty it waits less for a server that is gone when it is told to end.

With FEEDMILL_TEST_MEDDLING=memory:1000000 the system refuses it more memory than so many bytes.

With FEEDMILL_TEST_MEDDLING=clock the clock that libfaketime shows it jumps, twice, while parts are applied.
Given a number, as in ``clock:3``, it kills itself before that part.

With FEEDMILL_TEST_MEDDLING=ending:3 it kills itself before the third statement of what a snapshot does in
the end, with ending:0 when that is committed.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import cast

from feedmill.cli import main
from feedmill.pipeline import ranges
from feedmill.products.database import SqlDatabase
from feedmill.products.journal import SqlIntegrations
from feedmill.products.snapshot import Snapshot
from feedmill.stores import ledger, retry
from feedmill.stores.protocol import LaneOutcome, RangePart
from feedmill.stores.transaction import Given, Session, Transaction, Value

RANGE_RECORDS = 300

parts = count(1)
apply = ledger.Ledger.apply


def apply_apart[T: Transaction](
    self: ledger.Ledger, session: Session[T], part: RangePart, work: Callable[[T], LaneOutcome]
) -> LaneOutcome:
    """Do what `Ledger.apply` does, but not in one transaction."""

    def known(transaction: T) -> LaneOutcome | None:
        where = (self.run.run_id, part.feed, part.lane, part.lo)
        return self.outcome(transaction, part) if transaction.execute(ledger.READ, where) else None

    def note(transaction: T) -> None:
        self.claim(transaction, part)
        self.note(transaction, part, outcome)

    before = session.transact(known)
    if before is not None:
        return before
    outcome = session.transact(work)
    if next(parts) == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    session.transact(note)
    return outcome


def apply_and_set_the_clock[T: Transaction](
    self: ledger.Ledger, session: Session[T], part: RangePart, work: Callable[[T], LaneOutcome]
) -> LaneOutcome:
    """Apply a part; before the fourth the clock is set a day forward, before the eighth two days back."""
    number = next(parts)
    if number == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if jump := {4: "+1d", 8: "-1d"}.get(number):
        Path(os.environ["FAKETIME_TIMESTAMP_FILE"]).write_text(jump, "ascii")
    return apply(self, session, part, work)


class Counted:
    """A transaction whose program dies before one of its statements."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    def execute(self, statement: str, parameters: Sequence[Given] = ()) -> list[tuple[Value, ...]]:
        if next(parts) == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._transaction.execute(statement, parameters)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transaction, name)


def die_in_the_ending() -> None:
    """Have the program die where a snapshot ends."""
    discontinue, finish = Snapshot.discontinue, SqlIntegrations.finish

    def counted[T: Transaction](
        self: Snapshot, database: SqlDatabase[T], transaction: T, run_id: str, owner: str
    ) -> None:
        discontinue(self, database, cast("T", Counted(transaction)), run_id, owner)

    def finished[T: Transaction](self: SqlIntegrations[T]) -> None:
        finish(self)
        if dies_at == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Snapshot.discontinue = counted  # type: ignore[method-assign]
    SqlIntegrations.finish = finished  # type: ignore[method-assign]


def refuse_memory(beyond: int) -> None:
    """Have the system give no more than so many bytes of address space to what there is now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    limit = pages * resource.getpagesize() + beyond
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    ranges.MAX_RECORDS = RANGE_RECORDS  # type: ignore[misc]  # of this process only
    meddling, _, number = os.environ.get("FEEDMILL_TEST_MEDDLING", "").partition(":")
    dies_at = int(number or 0)
    if meddling == "apart":
        ledger.Ledger.apply = apply_apart  # type: ignore[method-assign]
    if meddling == "clock":
        ledger.Ledger.apply = apply_and_set_the_clock  # type: ignore[method-assign]
    if meddling == "memory":
        refuse_memory(dies_at)
    if meddling == "hasty":
        retry.DRAIN_S = 2.0  # type: ignore[misc]  # of this process only
    if meddling == "ending":
        die_in_the_ending()
    sys.exit(main())
