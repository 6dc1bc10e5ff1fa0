"""What the tables hold already, as hashes in memory, so that unchanged records are not even sent.

::

    feedmill_hashes    entries (record key, its hash, product key, its hash), appended by the transaction that
                       stores the records; read once when a run begins
    feedmill_memory    who may append: the run that began last
    feedmill_outside   not empty: somebody else has changed products, offers or dealers, so no hash counts

A record is left out where its hash is that of the last record accepted for its dealer and product, and the
product's that of the last record accepted for the product, whoever sent it. Such a record would have been
found unchanged. What is counted is the same either way, record by record: see ``src/_core/choose.pxd``.

*Whose change is noted.* Triggers note every UPDATE, DELETE and TRUNCATE of the three tables in
``feedmill_outside``, but those of the owner's transactions, which note the new hashes instead. When a run
begins and there is such a note, it waits for everyone who is writing just then, drops all hashes and collects
them anew while it compares every record with the database. So does ``--verify``. Of two runs at the same time
the one that began last is the owner; to it the other one is somebody else.

A run is the owner to its end. After it, a transaction over the staging table changes products without a note,
too, and says of which offers and products nothing is known any more; see `forgetting`.

Each part looks for a note, too, and for another owner, before it leaves anything out: a record that is left
out stood in the tables when its transaction began.

*Whose tables are not what is sent.* Triggers and rules of the user's own may store something else than was
sent, or nothing. Where there are any, a run does without.

*A run that died.* Its entries are committed with what they tell of, or not at all. Its transactions that were
still under way hold an advisory lock, for which the next run waits before it reads.

*Memory.* About 48 bytes a record; beyond `MAX_RECORDS` a run does without. What is read goes into the lanes'
tables block by block, and is nowhere else. Only where a third of the entries were superseded are the others
held for a moment, 40 bytes a record, as they are stored anew.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from feedmill.kernel import Batch, Contents, Known, Plan, kernel_batch
from feedmill.products.database import SqlDatabase
from feedmill.products.entities import FEED_COLUMNS, KEY, LANE_KEY, OFFER_COLUMNS, PRODUCT_COLUMNS
from feedmill.products.staged import columns_of
from feedmill.stores.protocol import LaneOutcome, LaneReject, RangePart
from feedmill.stores.transaction import Session, Transaction, count

MAX_RECORDS: Final = 4_000_000
"""Records that are remembered at most: 190 MB."""

ENTRY_BYTES: Final = 40
SLACK_ENTRIES: Final = 100_000
"""Superseded entries that are not worth a rewrite: 4 MB, read in some milliseconds."""

BLOCK_BYTES: Final = ENTRY_BYTES << 16
"""Of entries that are rewritten, about; PostgreSQL's values end at 1 GB."""

NOBODY: Final = ""
"""The owner while no run is under way."""

READ_ENTRIES: Final = "SELECT entries FROM feedmill_hashes ORDER BY id"
IS_SOUND: Final = (
    "SELECT 1 FROM feedmill_memory WHERE owner = ? AND NOT EXISTS (SELECT 1 FROM feedmill_outside)"
)

_log = logging.getLogger("feedmill.products")


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows of a part are sent.

    Attributes
    ----------
    chosen : sequence of bytes or None
        For `SqlDatabase.fill`; None sends all.
    sent : int or None
        How many that are; None for all.
    unchanged, duplicate : int
        What the others would have come to.
    entries : bytes
        What is to be stored with the rows.
    """

    chosen: Sequence[bytes] | None = None
    sent: int | None = None
    unchanged: int = 0
    duplicate: int = 0
    entries: bytes = b""

    @property
    def leaves_out(self) -> bool:
        """Whether some rows are not sent."""
        return bool(self.unchanged or self.duplicate)


EVERYTHING: Final = Choice()


class Memory[T: Transaction]:
    """The hashes of one run.

    Parameters
    ----------
    database : SqlDatabase
    is_trusted : bool
        Whether hashes of earlier runs count; else they are dropped and collected anew.
    leaves_out : bool
        Whether records are left out by them.

    Attributes
    ----------
    owner : str
        What the run is called in ``feedmill_memory``; `NOBODY` of one that does without.

    Thread safety
    -------------
    `begin`: one thread; after it, all else: any thread, and a lane's share belongs to that lane
    """

    def __init__(self, database: SqlDatabase[T], *, is_trusted: bool = True, leaves_out: bool = True) -> None:
        self._database = database
        self._is_trusted = is_trusted
        self._leaves_out = leaves_out
        self.owner = NOBODY
        self._seed = 0
        self._known: list[Known] = []  # of each lane
        self._lock = threading.Lock()
        self._contents: dict[Plan, Contents] = {}  # guarded by _lock

    def begin(self, session: Session[T], owner: str) -> None:
        """Become the owner, and read what is known; not in a rehearsal, which would hold up other runs."""
        if self._database.rehearses:
            return
        self.owner = (
            owner if session.transact(lambda transaction: self._claim(transaction, owner)) else NOBODY
        )

    def prepare(self, batch: Batch) -> None:
        """Hash what a batch's records say, before anybody else sees it."""
        if self.owner != NOBODY:
            kernel_batch(batch).hash_rows(self.contents_of(batch.plan))

    def contents_of(self, plan: Plan) -> Contents:
        """Say what a plan's records are known by; the same object each time."""
        with self._lock:
            if plan not in self._contents:
                self._contents[plan] = contents_of(plan, self._seed)
            return self._contents[plan]

    def lane(self, number: int) -> LaneMemory[T] | None:
        """Make a lane's share; None in a run that does without."""
        if self.owner == NOBODY:
            return None
        return LaneMemory(self, self._database, self._known[number], leaves_out=self._leaves_out)

    def release(self, transaction: T) -> None:
        """Be the owner no more, in the transaction that ends the run."""
        if self.owner != NOBODY:
            transaction.execute(
                "UPDATE feedmill_memory SET owner = ?, compacted = ? WHERE owner = ?",
                (NOBODY, self._records, self.owner),
            )

    @property
    def _records(self) -> int:
        return sum(map(len, self._known))

    def _claim(self, transaction: T, owner: str) -> bool:
        database = self._database
        if database.has_rules(transaction):
            _log.info("the tables have triggers or rules: unchanged records will be compared there")
            return False
        if not database.await_memory(transaction):
            _log.info("another run is busy just now: unchanged records will be compared there")
            return False
        # `compacted`, whose name is older than that, has the records that the run before knew in the end.
        [(seed, counted)] = transaction.execute("SELECT seed, compacted FROM feedmill_memory")
        self._seed = count(seed)
        self._know(0)
        is_doubtful = bool(transaction.execute("SELECT 1 FROM feedmill_outside LIMIT 1"))
        if is_doubtful or not self._is_trusted:
            if not database.exclude_writers(transaction):
                _log.info("somebody writes to products just now: unchanged records will be compared there")
                return False
            self._seed = secrets.randbits(63)
            transaction.execute("DELETE FROM feedmill_outside")
            transaction.execute("DELETE FROM feedmill_hashes")
            transaction.execute(
                "UPDATE feedmill_memory SET owner = ?, seed = ?, compacted = 0", (owner, self._seed)
            )
            return True
        records = self._read(transaction, count(counted))
        if records > MAX_RECORDS:
            self._know(0)
            return False
        transaction.execute("UPDATE feedmill_memory SET owner = ?, compacted = ?", (owner, records))
        return True

    def _read(self, transaction: T, counted: int) -> int:
        """Read what is known, given how many records it was of last time; return how many it is of.

        Where many entries were superseded, they are rewritten without those.
        """
        [(stored,)] = transaction.execute("SELECT coalesce(sum(length(entries)), 0) FROM feedmill_hashes")
        entries = count(stored) // ENTRY_BYTES
        # Of the entries that have come since, some supersede others; where fewer do, the tables grow.
        expected = counted if _are_many(entries, counted) else counted + (entries - counted) // 2
        self._know(min(expected, MAX_RECORDS))
        for block in self._database.blobs(transaction, READ_ENTRIES):
            for lane, known in enumerate(self._known):
                known.load(block, lane, len(self._known))
        records = self._records
        if _are_many(entries, records):
            self._rewrite(transaction)
        return records

    def _rewrite(self, transaction: T) -> None:
        """Store what is known, without the entries that were superseded."""
        stay: list[bytes] = []
        for lane, known in enumerate(self._known):
            stay += known.current(self._database.blobs(transaction, READ_ENTRIES), lane, len(self._known))
        transaction.execute("DELETE FROM feedmill_hashes")
        block = bytearray()
        for entries in stay:
            block += entries
            if len(block) >= BLOCK_BYTES:
                store(transaction, bytes(block))
                block.clear()
        if block:
            store(transaction, bytes(block))

    def _know(self, records: int) -> None:
        """Make room for records, a little more for each lane than its share: hashes are not quite even."""
        lanes = self._database.lanes
        self._known = []  # before there are others
        self._known = [Known(records * 17 // (16 * lanes)) for _ in range(lanes)]


def _are_many(entries: int, records: int) -> bool:
    """Tell whether entries are so many more than the records they are of that a rewrite is worth it."""
    return entries > records * 3 // 2 + SLACK_ENTRIES


class LaneMemory[T: Transaction]:
    """One lane's share of the hashes.

    Thread safety
    -------------
    one thread
    """

    def __init__(
        self, memory: Memory[T], database: SqlDatabase[T], known: Known, *, leaves_out: bool
    ) -> None:
        self._memory = memory
        self._database = database
        self._owner = memory.owner
        self._known: Known | None = known  # None when it counts no more
        self._leaves_out = leaves_out
        # Of the part in hand: a part that is tried again is the same one, though what is known has changed.
        self._part: RangePart | None = None
        self._choice = EVERYTHING

    def choose(self, transaction: T, part: RangePart) -> Choice:
        """Choose the rows of a part that have to be sent; the same ones however often it is asked.

        Not so if somebody else has changed the tables meanwhile: then all of them, from now on.
        """
        if self._known is not None and not transaction.execute(IS_SOUND, (self._owner,)):
            self._give_up()
        if self._known is not None and self._part is not part:
            self._part, self._choice = part, self._chosen(self._known, part)
        return self._choice

    def send_all(self) -> None:
        """Have `choose` leave nothing out of the part in hand."""
        self._choice = replace(EVERYTHING, entries=self._choice.entries)

    def open(self, transaction: T) -> bool:
        """Let the transaction change what is stored, if the hashes are this run's still."""
        if self._known is not None and not self._database.open_memory(transaction, self._owner):
            self._give_up()
        return self._known is not None

    def note(self, transaction: T, part: RangePart, outcome: LaneOutcome) -> None:
        """Store the hashes of what was accepted, and end what `open` began."""
        entries = self._choice.entries + self._forget(part, outcome.rejects)
        if entries:
            store(transaction, entries)
        self._database.close_memory(transaction)

    def end(self, part: RangePart, outcome: LaneOutcome) -> None:
        """Let go of a part; if it was done before, know nothing of it, as what is known may be older."""
        self._part, self._choice = None, EVERYTHING
        if self._known is None:
            return
        if outcome.replayed and part.slices:
            self._known.forget(batches_of(part), part.lane, part.lanes, self._contents_of(part))
        if len(self._known) > MAX_RECORDS // part.lanes:
            _log.info("more than %d records: unchanged ones will be compared there", MAX_RECORDS)
            self._give_up()

    def _give_up(self) -> None:
        """Leave nothing out any more, nor of the part in hand when it is tried again."""
        self._known, self._choice = None, EVERYTHING

    def _chosen(self, known: Known, part: RangePart) -> Choice:
        if not part.slices:
            return EVERYTHING
        contents = self._contents_of(part)
        return Choice(
            *known.choose(batches_of(part), part.lane, part.lanes, contents, everything=not self._leaves_out)
        )

    def _forget(self, part: RangePart, rejects: Sequence[LaneReject]) -> bytes:
        if self._known is None or not rejects:
            return b""
        records = places_of(part, [reject.record for reject in rejects])
        contents = self._contents_of(part)
        return self._known.forget(batches_of(part), part.lane, part.lanes, contents, records=records)

    def _contents_of(self, part: RangePart) -> Contents:
        return self._memory.contents_of(part.slices[0].batch.plan)


def batches_of(part: RangePart) -> list[Batch]:
    """List a part's batches."""
    return [kernel_batch(piece.batch) for piece in part.slices]


def places_of(part: RangePart, records: Sequence[int]) -> list[tuple[int, int]]:
    """Say in which batch good records of a part are, and which of its records, from 0."""
    bases = [piece.record_base for piece in part.slices]
    batches = [bisect_left(bases, record) - 1 for record in records]
    return [(batch, record - bases[batch] - 1) for batch, record in zip(batches, records, strict=True)]


def contents_of(plan: Plan, seed: int = 0) -> Contents:
    """Say what a plan's records are known by; of columns that the feed lacks they say nothing."""
    fed = columns_of(plan)
    # What is hashed of a decimal is its digits: with another scale the same ones are another number.
    columns = [
        (field.name, field.type, field.format, field.storage, field.precision, field.scale)
        for field in plan.schema.fields
        if field.name in fed and field.name in FEED_COLUMNS
    ]
    named = hashlib.blake2b(repr(sorted(columns)).encode(), digest_size=8, key=seed.to_bytes(8))

    def fields(names: Sequence[str]) -> list[int]:
        return [plan.names.index(name) for name in names if name in fed]

    return Contents(
        fields(KEY),
        fields(LANE_KEY),
        fields(PRODUCT_COLUMNS),
        fields(("dealer_code", *OFFER_COLUMNS)),
        int.from_bytes(named.digest()),
    )


def store(transaction: Transaction, entries: bytes) -> int:
    """Append entries; return how many rows have been so far, about."""
    [(number,)] = transaction.execute(
        "INSERT INTO feedmill_hashes (entries) VALUES (?) RETURNING id", (entries,)
    )
    return count(number)
