"""Load one table of a database: `load`'s sink for SQLite and PostgreSQL.

`TableSink` is the order of events; what differs between the databases is behind `Tables`, which
`sqlite_table` and `postgres_table` implement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from feedmill.errors import UsageError
from feedmill.stores import ledger
from feedmill.stores.ledger import Ledger
from feedmill.stores.merge import KEYED, MODES, Layout, Merge, Mode, merge_staged
from feedmill.stores.protocol import LaneOutcome, RangePart, RunInfo
from feedmill.stores.transaction import Session, Transaction

if TYPE_CHECKING:
    from feedmill.schema import Schema
    from feedmill.stores.ddl import TableName

# The step of `Ledger.once` that mode replace takes.
EMPTY_TABLE = 0


class Tables[T: Transaction](Protocol):
    """What a database has to bring to be loaded into; see `sqlite_table` and `postgres_table`."""

    lanes: int
    schema: Schema
    table: TableName

    def open(self) -> None:
        """Connect, or say why not."""

    def session(self, role: str, *, staged: bool) -> Session[T]:
        """Make a session for the calling thread, with staging tables or without."""

    def lock_creation(self, transaction: T) -> None:
        """Let one process at a time create tables."""

    def layout(self, transaction: T, key: tuple[str, ...], mode: Mode) -> Layout:
        """Create the table or check the one there is, and lay the staging tables out before it."""

    def empty(self, transaction: T) -> None:
        """Remove all rows."""

    def fill(self, transaction: T, part: RangePart) -> None:
        """Bring a part's rows into the stage, which holds nothing else then."""

    def merge(self, layout: Layout) -> Merge[T]:
        """Return the statements for a layout."""

    def close(self) -> None:
        """Close the store; sessions are closed before."""

    def hurry(self) -> None:
        """Wait only a little longer for a store that does not answer; also from a signal handler."""

    def abort(self) -> None:
        """Stop what runs, from any thread, and close the store."""


class TableSink[T: Transaction]:
    """A table that records are loaded into.

    Parameters
    ----------
    tables : Tables
        The database's part.
    mode : str, optional
        upsert, insert, ignore, append or replace. Default: upsert for a schema with a primary key, else
        append.

    Raises
    ------
    UsageError
        The mode needs a primary key and the schema has none.

    Thread safety
    -------------
    as `protocol.Sink` says
    """

    def __init__(self, tables: Tables[T], mode: Mode | None = None) -> None:
        key = tables.schema.primary_key
        self.mode = mode or ("upsert" if key else "append")
        if self.mode not in MODES:
            raise UsageError(f"There is no mode {self.mode!r}; use one of {', '.join(MODES)}.")
        if self.mode in KEYED and not key:
            raise UsageError(
                f"Mode {self.mode} needs to know what identifies a record: give the schema a primaryKey."
            )
        self.lanes = tables.lanes
        self._tables = tables
        self._key = () if self.mode == "append" else key
        # Once the table is empty, replacing is loading by key, or appending.
        self._merge_mode: Mode = self.mode if self.mode != "replace" else "upsert" if key else "append"
        self._ledger: Ledger | None = None
        self._layout: Layout | None = None

    def begin(self, run: RunInfo) -> RunInfo:
        """Prepare the tables, register the run or find the one to continue; see `protocol.Sink`."""
        self._tables.open()
        session = self._tables.session(run.run_id, staged=False)
        beginning = ledger.Beginning()

        def prepare(transaction: T) -> tuple[Layout, RunInfo]:
            self._tables.lock_creation(transaction)
            ledger.create(transaction)
            layout = self._tables.layout(transaction, self._key, self._merge_mode)
            target = f"table {self._tables.table}, {self.mode}"
            return layout, ledger.begin(transaction, run, target, self.lanes, beginning)

        try:
            self._layout, effective = session.transact(prepare)
            self._ledger = Ledger(effective)
            if self.mode == "replace":
                self._ledger.once(session, EMPTY_TABLE, self._tables.empty)
        except BaseException:
            session.close()
            self._tables.abort()
            raise
        session.close()
        return effective

    def lane(self, number: int) -> TableLane[T]:
        """Open a lane, in its own thread."""
        if self._ledger is None or self._layout is None:
            raise UsageError("A lane was opened before the run was begun; call begin first.")
        session = self._tables.session(f"{self._ledger.run.run_id}/{number}", staged=True)
        return TableLane(self._tables, session, self._ledger, self._layout)

    def finish(self) -> None:
        """Mark the run finished and close the store."""
        if self._ledger is not None:
            session = self._tables.session(self._ledger.run.run_id, staged=False)
            try:
                session.transact(self._ledger.finish)
            finally:
                session.close()
        self._tables.close()

    def hurry(self) -> None:
        """Wait less for a store that does not answer; see `protocol.Hasty`."""
        self._tables.hurry()

    def abort(self) -> None:
        """Stop lanes and close the store; the run stays resumable."""
        self._tables.abort()


class TableLane[T: Transaction]:
    """One lane's hand on the table.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, tables: Tables[T], session: Session[T], run: Ledger, layout: Layout) -> None:
        self._tables = tables
        self._session = session
        self._ledger = run
        self._merge = tables.merge(layout)

    def apply(self, part: RangePart) -> LaneOutcome:
        """Apply one part in one transaction, exactly once; see `protocol.LaneWriter`."""

        def work(transaction: T) -> LaneOutcome:
            self._tables.fill(transaction, part)
            return merge_staged(transaction, self._merge)

        return self._ledger.apply(self._session, part, work)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()
