"""The command `feedmill` with short ranges, so that a small feed has many transactions; a program to kill.

With FEEDMILL_TEST_CHECKPOINT=apart it is the negative control: the ledger is written in a transaction of its
own, after the one it is about, as if a checkpoint file were kept. Given a number besides, as in ``apart:3``,
it kills itself between the two, that many parts on.
"""

import os
import signal
import sys
from collections.abc import Callable
from itertools import count

from feedmill.cli import main
from feedmill.pipeline import ranges
from feedmill.stores import ledger
from feedmill.stores.protocol import LaneOutcome, RangePart
from feedmill.stores.transaction import Session, Transaction

RANGE_RECORDS = 300

parts = count(1)


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


if __name__ == "__main__":
    ranges.MAX_RECORDS = RANGE_RECORDS  # type: ignore[misc]  # of this process only
    checkpoint, _, number = os.environ.get("FEEDMILL_TEST_CHECKPOINT", "").partition(":")
    dies_at = int(number or 0)
    if checkpoint == "apart":
        ledger.Ledger.apply = apply_apart  # type: ignore[method-assign]
    sys.exit(main())
