"""The ledger: what is in it is done, once.

::

    feedmill_runs      one row a run: its source, target and the settings its ranges depend on;
                       finished_at once it ended well
    feedmill_ledger    one row a (run, feed, lane, range), committed in the transaction that applies that part

A part is claimed first: ``INSERT … ON CONFLICT DO NOTHING``. Two transactions that claim the same part wait
for each other there, and the second finds the row and takes the outcome noted in it. That settles a repeated
part after a crash, a lost reply to COMMIT, and a second process that resumes the same run. A checkpoint kept
anywhere but in the transaction would be wrong after a crash between the two writes.

A new run over the same feed loads it again: its ledger rows carry its own run id. `resume` continues the last
unfinished run of that source and target, and only if its ranges would come out the same, and no later run of
the same feed has come to its end: what the later one has written would be written over.

Which run is the later one is no matter of clocks, which are set back: see `Beginning`.

Stores and products share all of this: `create` the tables, `begin` or `resume`, `apply` parts, `finish`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from feedmill.errors import StoreError, UsageError
from feedmill.stores.protocol import LaneOutcome, LaneReject, RunInfo
from feedmill.stores.transaction import count, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from feedmill.stores.protocol import RangePart
    from feedmill.stores.transaction import Session, Transaction

TABLES = (
    """CREATE TABLE IF NOT EXISTS feedmill_runs (
  run_id text PRIMARY KEY,
  source text NOT NULL,
  target text NOT NULL,
  feeds text NOT NULL,
  lanes integer NOT NULL,
  chunk_size bigint NOT NULL,
  plan text NOT NULL,
  started_at text NOT NULL,
  finished_at text
)""",
    """CREATE TABLE IF NOT EXISTS feedmill_ledger (
  run_id text NOT NULL,
  feed integer NOT NULL,
  lane integer NOT NULL,
  lo bigint NOT NULL,
  hi bigint NOT NULL,
  inserted bigint NOT NULL DEFAULT 0,
  updated bigint NOT NULL DEFAULT 0,
  unchanged bigint NOT NULL DEFAULT 0,
  duplicate bigint NOT NULL DEFAULT 0,
  rejects text NOT NULL DEFAULT '[]',
  PRIMARY KEY (run_id, feed, lane, lo)
)""",
)
# The feed and lane of work that precedes all parts, such as emptying the table.
BEFORE_ALL = -1
# Between the beginnings of two runs, at least: what a moment is written down to.
TICK = timedelta(microseconds=1)

CLAIM = (
    "INSERT INTO feedmill_ledger (run_id, feed, lane, lo, hi) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING RETURNING hi"
)
PART = "run_id = ? AND feed = ? AND lane = ? AND lo = ?"
NOTE = (
    "UPDATE feedmill_ledger SET inserted = ?, updated = ?, unchanged = ?, duplicate = ?, rejects = ?"
    f" WHERE {PART}"
)
READ = f"SELECT hi, inserted, updated, unchanged, duplicate, rejects FROM feedmill_ledger WHERE {PART}"


class Ledger:
    """The ledger of one run.

    Parameters
    ----------
    run : RunInfo
        The run in effect, as `begin` returned it.

    Thread safety
    -------------
    any thread; it has no state but the run's id
    """

    def __init__(self, run: RunInfo) -> None:
        self.run = run

    def apply[T: Transaction](
        self, session: Session[T], part: RangePart, work: Callable[[T], LaneOutcome]
    ) -> LaneOutcome:
        """Do the work of one part exactly once.

        Parameters
        ----------
        session : Session
        part : RangePart
        work : callable
            Applies the part's rows inside the given transaction; may be called again after a rollback.

        Returns
        -------
        LaneOutcome
            Of this time, or as the ledger has it when the part was done before.
        """

        def claimed(transaction: T) -> LaneOutcome:
            if not self.claim(transaction, part):
                return self.outcome(transaction, part)
            outcome = work(transaction)
            self.note(transaction, part, outcome)
            return outcome

        return session.transact(claimed)

    def once[T: Transaction](self, session: Session[T], step: int, work: Callable[[T], None]) -> bool:
        """Do something that precedes all parts, exactly once in the run; False when it was done before."""

        def claimed(transaction: T) -> bool:
            fresh = bool(transaction.execute(CLAIM, (self.run.run_id, BEFORE_ALL, BEFORE_ALL, step, step)))
            if fresh:
                work(transaction)
            return fresh

        return session.transact(claimed)

    def claim(self, transaction: Transaction, part: RangePart) -> bool:
        """Take a part for this transaction; False when a committed one has it."""
        return bool(transaction.execute(CLAIM, (self.run.run_id, part.feed, part.lane, part.lo, part.hi)))

    def note(self, transaction: Transaction, part: RangePart, outcome: LaneOutcome) -> None:
        """Write what became of a claimed part."""
        rejects = [
            [reject.record, reject.column, reject.code, reject.message, reject.value]
            for reject in outcome.rejects
        ]
        counts = (outcome.inserted, outcome.updated, outcome.unchanged, outcome.duplicate)
        # ASCII only: a value may hold what the database's encoding does not.
        transaction.execute(
            NOTE, (*counts, json.dumps(rejects), self.run.run_id, part.feed, part.lane, part.lo)
        )

    def outcome(self, transaction: Transaction, part: RangePart) -> LaneOutcome:
        """Read what became of a part that was done before.

        Raises
        ------
        StoreError
            The ledger has another range from the same byte on.
        """
        rows = transaction.execute(READ, (self.run.run_id, part.feed, part.lane, part.lo))
        if not rows:
            raise StoreError(
                f"Run {self.run.run_id}: the ledger row of lane {part.lane} from byte {part.lo} vanished "
                "while it was read; "
                "leave feedmill_ledger alone while a run is on."
            )
        hi, inserted, updated, unchanged, duplicate, rejects = rows[0]
        if hi != part.hi:
            raise StoreError(
                f"Run {self.run.run_id}: the ledger has bytes {part.lo} to {hi} where bytes {part.lo} to "
                f"{part.hi} are to be "
                "loaded; the feed or the settings changed. Start a new run, without --resume."
            )
        return LaneOutcome(
            count(inserted),
            count(updated),
            count(unchanged),
            count(duplicate),
            tuple(LaneReject(*reject) for reject in json.loads(text(rejects))),
            replayed=True,
        )

    def finish(self, transaction: Transaction) -> bool:
        """Mark the run finished: it is not resumed any more; False when it was finished before."""
        return bool(
            transaction.execute(
                "UPDATE feedmill_runs SET finished_at = ? WHERE run_id = ? AND finished_at IS NULL"
                " RETURNING run_id",
                (now(), self.run.run_id),
            )
        )


def create(transaction: Transaction) -> None:
    """Create the tables of runs and ledger where they do not exist."""
    for statement in TABLES:
        transaction.execute(statement)


class Beginning:
    """The moment at which a run begins: later than any other run's in that database, whatever the clock says.

    It is chosen at the first try of the transaction that registers the run, and by it a repeated try knows
    its own row.

    Thread safety
    -------------
    one thread
    """

    def __init__(self) -> None:
        self._moment = ""

    def of(self, transaction: Transaction) -> str:
        """Choose the moment, once."""
        if not self._moment:
            [(last,)] = transaction.execute("SELECT max(started_at) FROM feedmill_runs")
            after = "" if last is None else moment(datetime.fromisoformat(text(last)) + TICK)
            self._moment = max(now(), after)
        return self._moment


def begin(transaction: Transaction, run: RunInfo, target: str, lanes: int, beginning: Beginning) -> RunInfo:
    """Register a run, or find the one to continue.

    Parameters
    ----------
    transaction : Transaction
    run : RunInfo
        ``run.resume`` decides.
    target : str
        What is loaded, such as ``table items, upsert``: a run is continued into the same one.
    lanes : int
        How many lanes the run has.
    beginning : Beginning
        The same for all tries of the transaction.

    Returns
    -------
    RunInfo
        The run in effect.

    Raises
    ------
    UsageError
        There is nothing to resume, or it cannot be resumed with these feeds and settings; or the id is taken.
    """
    if run.resume:
        return resume(transaction, run, target, lanes)
    started_at = beginning.of(transaction)
    transaction.execute(
        "INSERT INTO feedmill_runs (run_id, source, target, feeds, lanes, chunk_size, plan, started_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (run.run_id, run.source, target, json.dumps(run.feeds), lanes, run.chunk_size, run.plan, started_at),
    )
    found = transaction.execute("SELECT started_at FROM feedmill_runs WHERE run_id = ?", (run.run_id,))
    if found != [(started_at,)]:
        raise UsageError(f"There is a run {run.run_id} already; give each run an id of its own.")
    return run


def _elsewhere(transaction: Transaction, run: RunInfo) -> str:
    """Name the targets into which the same source was not finished: a forgotten --snapshot or --table."""
    rows = transaction.execute(
        "SELECT DISTINCT target FROM feedmill_runs WHERE source = ? AND finished_at IS NULL ORDER BY target",
        (run.source,),
    )
    return f"; there is one into ({'), ('.join(text(target) for (target,) in rows)})" if rows else ""


def resume(transaction: Transaction, run: RunInfo, target: str, lanes: int) -> RunInfo:
    """Find the last unfinished run of the same source and target, and check that its ranges recur."""
    if not run.source:
        raise UsageError(
            "Standard input cannot be resumed, as it cannot be read twice; resume a run over files."
        )
    rows = transaction.execute(
        "SELECT run_id, source, lanes, chunk_size, plan, started_at FROM feedmill_runs"
        " WHERE target = ? AND (source = ? OR feeds = ?) AND finished_at IS NULL ORDER BY started_at DESC, "
        "run_id DESC",
        (target, run.source, json.dumps(run.feeds)),
    )
    same = [row for row in rows if row[1] == run.source]
    if not same and rows:
        raise UsageError(
            f"{', '.join(run.feeds)}: changed since run {rows[0][0]} stopped, so it cannot be resumed; run "
            "it without --resume."
        )
    if not same:
        raise UsageError(
            f"There is no unfinished run of {', '.join(run.feeds)} into this target ({target})"
            f"{_elsewhere(transaction, run)}; run it without --resume."
        )
    run_id, _, old_lanes, old_chunk_size, old_plan, started_at = same[0]
    _check_last(transaction, run, target, text(run_id), text(started_at))
    if (old_lanes, old_chunk_size) != (lanes, run.chunk_size):
        raise UsageError(
            f"Run {run_id} was started with {old_lanes} lanes and chunks of {old_chunk_size} bytes; resume "
            "it with "
            f"--lanes {old_lanes} --chunk-size {old_chunk_size}."
        )
    if old_plan != run.plan:
        raise UsageError(
            f"Run {run_id} was started with another schema, dialect or mapping; resume it with those, or "
            "run without --resume."
        )
    return RunInfo(text(run_id), run.source, run.feeds, run.chunk_size, run.plan, resume=True)


def _check_last(transaction: Transaction, run: RunInfo, target: str, run_id: str, started_at: str) -> None:
    """Refuse to go on with a run when a later one of the same feed has come to its end."""
    rows = transaction.execute(
        "SELECT run_id, target FROM feedmill_runs WHERE (source = ? OR feeds = ?) AND started_at > ?"
        " AND finished_at IS NOT NULL ORDER BY started_at DESC, run_id DESC",
        (run.source, json.dumps(run.feeds), started_at),
    )
    later = [text(other) for other, theirs in rows if _place(text(theirs)) == _place(target)]
    if later:
        raise UsageError(
            f"{', '.join(run.feeds)}: run {run_id} was broken off, but run {later[0]} of the same feed began "
            "after it and has come to its end. To go on with the older one would write over what the later "
            "one has written, so there is nothing to resume; to load the feed once more, run it without "
            "--resume."
        )


def _place(target: str) -> str:
    """Say where a target's rows go, however they go there."""
    return target.rpartition(", ")[0] or target


def now() -> str:
    """Give this moment as text that sorts by time and reads the same in every database."""
    return moment(datetime.now(UTC))


def moment(when: datetime) -> str:
    """Write a moment in UTC down, to the microsecond."""
    return when.isoformat(timespec="microseconds")
