"""The journal of runs in SQL: parts done once, and what became of the records."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from feedmill.errors import StoreError, UsageError
from feedmill.kernel import Batch
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import Dealer, Failure, Success
from feedmill.products.forgetting import forgetting_changes
from feedmill.products.lists import FailureList, SuccessList
from feedmill.products.lot import SqlLot
from feedmill.products.memory import EVERYTHING, LaneMemory, Memory
from feedmill.products.outcomes import record_outcomes
from feedmill.products.snapshot import Snapshot
from feedmill.products.sql import UnknownDealersError, save_dealers
from feedmill.stores import ledger
from feedmill.stores.ledger import Ledger
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart, RunInfo
from feedmill.stores.transaction import Session, Transaction

TARGET = "products"


class _RefusedError(Exception):
    """The database refused a record, so one that was left out may have to take its place."""


class SqlIntegrations[T: Transaction]:
    """Runs and outcomes in ``feedmill_runs``, ``feedmill_ledger`` and ``product_integration``.

    Parameters
    ----------
    database : SqlDatabase
    every_outcome : bool
        Whether records that changed nothing get a row, too.
    verify : bool
        Whether every record is compared with what is stored, whatever earlier runs have noted.
    snapshot : Snapshot, optional
        What is discontinued at the end.
    """

    def __init__(
        self,
        database: SqlDatabase[T],
        *,
        every_outcome: bool = False,
        verify: bool = False,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.database = database
        self.lanes = database.lanes
        self._every_outcome = every_outcome
        # A record that gets a row has to be sent.
        self._memory = Memory(database, is_trusted=not verify, leaves_out=not every_outcome)
        self._snapshot = snapshot
        self._ledger: Ledger | None = None

    def begin(self, run: RunInfo, *, keeps_hashes: bool = True) -> RunInfo:
        """Register the run, or find the one to resume."""
        target = TARGET
        if self._snapshot is not None:
            self._snapshot.check(run)
            # Such a run is continued as one, or it would end without what it was to do at its end.
            target = f"{TARGET}, snapshot"
        session = self.database.session(run.run_id)
        beginning = ledger.Beginning()
        try:
            effective = session.transact(
                lambda transaction: ledger.begin(transaction, run, target, self.lanes, beginning)
            )
            if keeps_hashes:
                self._memory.begin(session, f"{effective.run_id}/{secrets.token_hex(4)}")
        finally:
            session.close()
        self._ledger = Ledger(effective)
        return effective

    @property
    def run_id(self) -> str:
        """The run in effect; empty before it is begun."""
        return "" if self._ledger is None else self._ledger.run.run_id

    def prepare(self, batch: Batch) -> None:
        """Have what a batch says hashed; see `memory`."""
        self._memory.prepare(batch)

    def lane(self, number: int) -> SqlLane[T]:
        """Open a lane, in its own thread."""
        if self._ledger is None:
            raise UsageError("A lane was opened before the run was begun; call begin first.")
        session = self.database.session(f"{self._ledger.run.run_id}/{number}", staged=True)
        return SqlLane(self.database, session, self._ledger, self._memory.lane(number))

    def record(self, lot: SqlLot[T], rejects: Sequence[LaneReject]) -> None:
        """Write what became of the lot's records."""
        record_outcomes(lot, rejects, every=self._every_outcome)

    def finish(self) -> None:
        """Mark the run finished."""
        if self._ledger is not None:
            session = self.database.session(self._ledger.run.run_id)
            try:
                session.transact(self.close_books)
            finally:
                session.close()

    def close_books(self, transaction: T) -> None:
        """Do what belongs into the transaction that ends the run."""
        if self._ledger is None:
            return
        run_id = self._ledger.run.run_id
        is_first = self._ledger.finish(transaction)
        if self._snapshot is not None:
            if is_first:
                self._snapshot.discontinue(self.database, transaction, run_id, self._memory.owner)
            self._snapshot.recount(transaction, run_id)
        self._memory.release(transaction)

    def hurry(self) -> None:
        """Wait less for a database that does not answer."""
        self.database.hurry()

    def abort(self) -> None:
        """Stop; the run stays resumable."""
        self.database.abort()

    def successes(self, run: str) -> Sequence[Success]:
        """List a run's successes."""
        return SuccessList(self.database, run)

    def failures(self, run: str) -> Sequence[Failure]:
        """List a run's failures."""
        return FailureList(self.database, run)


class SqlLane[T: Transaction]:
    """One lane's hand on the journal.

    Thread safety
    -------------
    one thread
    """

    def __init__(
        self,
        database: SqlDatabase[T],
        session: Session[T],
        ledger: Ledger,
        memory: LaneMemory[T] | None = None,
    ) -> None:
        self._database = database
        self._session = session
        self._ledger = ledger
        self._memory = memory
        self._created: set[str] = set()

    def apply(self, part: RangePart, work: Callable[[SqlLot[T]], LaneOutcome]) -> LaneOutcome:
        """Stage a part and do `work` on it, in one transaction, once."""
        memory = self._memory

        def staged(transaction: T) -> LaneOutcome:
            choice = memory.choose(transaction, part) if memory is not None else EVERYTHING
            is_noted = memory is not None and choice.sent != 0 and memory.open(transaction)
            lot = SqlLot(self._database, transaction, self._ledger.run, part, is_empty=choice.sent == 0)
            if not lot.is_empty:
                self._database.fill(transaction, part, choice.chosen)
            outcome = work(lot)
            if choice.leaves_out and any(reject.code == "database" for reject in outcome.rejects):
                raise _RefusedError
            if memory is not None and is_noted:
                memory.note(transaction, part, outcome)
            return replace(
                outcome,
                unchanged=outcome.unchanged + choice.unchanged,
                duplicate=outcome.duplicate + choice.duplicate,
            )

        while True:
            try:
                outcome = self._creating(lambda: self._ledger.apply(self._session, part, staged))
            except _RefusedError:
                if memory is not None:
                    memory.send_all()
            else:
                if memory is not None:
                    memory.end(part, outcome)
                return outcome

    def take[R](self, work: Callable[[T], R]) -> R:
        """Do `work` in a transaction of its own, for parts that are only known in it; see `apply_in`."""
        return self._creating(lambda: self._session.transact(work))

    def apply_in(
        self, transaction: T, part: RangePart, work: Callable[[SqlLot[T]], LaneOutcome]
    ) -> LaneOutcome:
        """Stage a part and do `work` on it, in a given transaction, once."""
        if not self._ledger.claim(transaction, part):
            return self._ledger.outcome(transaction, part)
        with forgetting_changes(self._database, transaction, part):
            self._database.fill(transaction, part)
            outcome = work(SqlLot(self._database, transaction, self._ledger.run, part))
        self._ledger.note(transaction, part, outcome)
        return outcome

    def _creating[R](self, apply: Callable[[], R]) -> R:
        while True:
            try:
                return apply()
            except UnknownDealersError as unknown:
                # Outside the part's transaction, and so committed before any other lane can wait for it.
                self._create(unknown.codes)

    def _create(self, codes: Sequence[str]) -> None:
        """Create dealers, once: a database that takes them and does not have them would be asked for ever."""
        if not self._created.isdisjoint(codes):
            raise StoreError(
                f"dealer {min(self._created.intersection(codes))!r} was created and is not there: the table "
                "dealers has a rule or trigger that drops rows; change it, or add the dealers first."
            )
        self._created.update(codes)
        dealers = [Dealer(code) for code in codes]
        self._session.transact(lambda transaction: save_dealers(self._database, transaction, dealers))

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()
