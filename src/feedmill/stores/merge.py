"""From the staging table into the table; `postgres_merge` and `sqlite_table` bring the statements.

::

    stage   the part's rows: r (record number), c0, c1, … (the fields, under names that need no quotes)
    parked  rows set aside because another row has their key (only once the database refused something)

Nearly always one statement does it all: pick one row a key, look up what is new or changed, write that. When
the database refuses a row, the statement is undone and the rows are tried in halves, each in a savepoint,
until the refused ones stand alone: k refused rows among n cost about k log2(n) statements, and every other
row is loaded. What was refused may have been the winner among rows of its key; then the runner-up gets its
turn, as if the refused row had not been in the feed.

Which row of a key wins, and what becomes of the others:

========  ======  ===================
mode      winner  others
========  ======  ===================
upsert    last    duplicate
insert    first   reject duplicate_key
ignore    first   unchanged
append    all     (no key)
========  ======  ===================
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol

from feedmill.records import MAX_VALUE_CHARACTERS
from feedmill.stores.protocol import LaneOutcome, LaneReject
from feedmill.stores.transaction import RefusedError, count, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from feedmill.stores.transaction import Transaction

Mode = Literal["upsert", "insert", "ignore", "append", "replace"]
MODES: Final[tuple[Mode, ...]] = ("upsert", "insert", "ignore", "append", "replace")
KEYED: Final = frozenset({"upsert", "insert", "ignore"})

UNIQUE_VIOLATION: Final = "23505"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the target and its place in the staging table.

    Parameters
    ----------
    name : str
        As the catalog has it.
    sql : str
        As a statement has it.
    stage : str
        ``c0``, ``c1``, …
    type : str
        PostgreSQL type to cast to on the way; "" for SQLite, which converts by affinity.
    """

    name: str
    sql: str
    stage: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """A target table and the staging tables in front of it.

    Parameters
    ----------
    table, stage, parked : str
        As statements have them.
    columns : tuple of Column
        Of all fields, in schema order.
    key : tuple of Column
        Of the primary key; empty in mode append.
    mode : str
        upsert, insert, ignore or append; replace is upsert or append into an emptied table.
    constraints : dict of str to tuple of str
        Constraints and unique indexes by name, with their columns.
    """

    table: str
    stage: str
    parked: str
    columns: tuple[Column, ...]
    key: tuple[Column, ...]
    mode: Mode
    constraints: dict[str, tuple[str, ...]]

    @property
    def others(self) -> tuple[Column, ...]:
        """The columns outside the key."""
        return tuple(column for column in self.columns if column not in self.key)

    @property
    def stage_key(self) -> str:
        """The key in the staging table, comma-separated."""
        return ", ".join(column.stage for column in self.key)

    @property
    def winner_order(self) -> str:
        """How rows of one key are ranked."""
        return "DESC" if self.mode == "upsert" else "ASC"

    def same_key(self, left: str, right: str) -> str:
        """Write the condition that two rows have one key; `left` is a table, `right` a staging table."""
        return " AND ".join(f"{left}.{column.sql} = {right}.{column.stage}" for column in self.key)


@dataclass(frozen=True, slots=True)
class Tally:
    """Rows written by one merge; `others` are those that lost to another row of their key."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    others: int = 0

    def __add__(self, more: Tally) -> Tally:
        return Tally(
            self.inserted + more.inserted,
            self.updated + more.updated,
            self.unchanged + more.unchanged,
            self.others + more.others,
        )


class Merge[T: Transaction](Protocol):
    """The one statement that differs: stage to table."""

    layout: Layout

    def run(self, transaction: T, between: tuple[int, int] | None) -> Tally:
        """Merge all staged rows, one a key, or those of a range of records, whose keys differ already.

        Raises
        ------
        RefusedError
            The database refused a row; nothing is written if the caller's savepoint is undone.
        """

    def prepare_pieces(self, transaction: T) -> None:
        """Make `run` fast for many small ranges of records."""


def merge_staged[T: Transaction](transaction: T, merge: Merge[T]) -> LaneOutcome:
    """Merge what is staged, find what the database refuses, and say what became of each row."""
    layout = merge.layout
    rejects: list[LaneReject] = []
    if layout.mode == "insert":
        rejects += reject_existing(transaction, layout)
    try:
        with transaction.savepoint():
            tally = merge.run(transaction, None)
            others = staged_others(transaction, layout) if layout.mode == "insert" and tally.others else []
    except RefusedError:
        tally, refused = merge_in_pieces(transaction, merge)
        rejects += refused
        others = key_texts(transaction, layout, layout.parked) if layout.mode == "insert" else []
    rejects += [
        duplicate_key(layout, record, value, "an earlier record of the feed") for record, value in others
    ]
    return LaneOutcome(
        tally.inserted,
        tally.updated,
        tally.unchanged + (tally.others if layout.mode == "ignore" else 0),
        tally.others if layout.mode == "upsert" else 0,
        tuple(sorted(rejects, key=lambda reject: reject.record)),
    )


def reject_existing(transaction: Transaction, layout: Layout) -> list[LaneReject]:
    """Take the rows whose key is in the table already out of the stage."""
    rows = transaction.execute(
        f"DELETE FROM {layout.stage} AS s WHERE EXISTS (SELECT 1 FROM {layout.table} AS t WHERE "
        f"{layout.same_key('t', 's')})"
        f" RETURNING r, {key_text(layout)}"
    )
    return [duplicate_key(layout, count(record), text(value), "a row of the table") for record, value in rows]


def staged_others(transaction: Transaction, layout: Layout) -> list[tuple[int, str]]:
    """List the staged rows that another row of their key beats."""
    rows = transaction.execute(f"SELECT r, value FROM ({ranked(layout)}) AS ranked WHERE place > 1")
    return [(count(record), text(value)) for record, value in rows]


def ranked(layout: Layout) -> str:
    """Write the query that ranks staged rows among those of their key, from 1."""
    return (
        f"SELECT r, {key_text(layout)} AS value, row_number() OVER"
        f" (PARTITION BY {layout.stage_key} ORDER BY r {layout.winner_order}) AS place FROM {layout.stage}"
    )


def key_text(layout: Layout) -> str:
    """Write the expression for a key's text; a key of several fields has no text of its own."""
    return f"CAST({layout.key[0].stage} AS text)" if len(layout.key) == 1 else "''"


def key_texts(transaction: Transaction, layout: Layout, table: str) -> list[tuple[int, str]]:
    """List the records of a staging table with their keys."""
    return [
        (count(record), text(value))
        for record, value in transaction.execute(f"SELECT r, {key_text(layout)} FROM {table}")
    ]


def duplicate_key(layout: Layout, record: int, value: str, rival: str) -> LaneReject:
    """Reject a record whose key is taken."""
    names = ", ".join(column.name for column in layout.key)
    column = layout.key[0].name if len(layout.key) == 1 else ""
    return LaneReject(
        record,
        column,
        "duplicate_key",
        f"expected a new {names}, {rival} has it",
        value[:MAX_VALUE_CHARACTERS],
    )


def merge_in_pieces[T: Transaction](transaction: T, merge: Merge[T]) -> tuple[Tally, list[LaneReject]]:
    """Merge all rows but those the database refuses, and reject those."""
    layout = merge.layout
    if layout.key:
        park(transaction, layout, f"SELECT r FROM ({ranked(layout)}) AS ranked WHERE place > 1")
    merge.prepare_pieces(transaction)
    tally, rejects = Tally(), []
    while True:
        records = [
            count(record) for (record,) in transaction.execute(f"SELECT r FROM {layout.stage} ORDER BY r")
        ]
        done, refused = isolate(transaction, records, lambda lo, hi: merge.run(transaction, (lo, hi)))
        tally = sum(done, tally)
        rejects += [refusal(transaction, layout, record, error) for record, error in refused]
        if not (refused and layout.key and promote(transaction, layout, [record for record, _ in refused])):
            break
    if layout.key:
        [(parked,)] = transaction.execute(f"SELECT count(*) FROM {layout.parked}")
        tally += Tally(others=count(parked))
    return tally, rejects


def isolate[R](
    transaction: Transaction, records: Sequence[int], apply: Callable[[int, int], R]
) -> tuple[list[R], list[tuple[int, RefusedError]]]:
    """Apply records in order, in pieces as large as the database lets them be.

    Parameters
    ----------
    transaction : Transaction
    records : sequence of int
        Ascending record numbers.
    apply : callable
        ``apply(first, last)`` writes the records from first to last, both included, or raises RefusedError.

    Returns
    -------
    list of what `apply` returned, list of (record, RefusedError)
        Together they cover all records; pieces that were undone left nothing.

    Notes
    -----
    A record is refused given all that came before it, so when two records exclude each other the first is
    kept.
    """
    done, refused = [], []
    pieces = [(0, len(records))] if records else []
    while pieces:
        lo, hi = pieces.pop()
        try:
            with transaction.savepoint():
                done.append(apply(records[lo], records[hi - 1]))
        except RefusedError as error:
            if hi - lo == 1:
                refused.append((records[lo], error))
            else:
                middle = (lo + hi) // 2
                pieces += [(middle, hi), (lo, middle)]
    return done, refused


def park(transaction: Transaction, layout: Layout, which: str) -> None:
    """Move staged rows aside; `which` is a query for their record numbers."""
    transaction.execute(f"INSERT INTO {layout.parked} SELECT * FROM {layout.stage} WHERE r IN ({which})")
    transaction.execute(f"DELETE FROM {layout.stage} WHERE r IN (SELECT r FROM {layout.parked})")


def promote(transaction: Transaction, layout: Layout, refused: Sequence[int]) -> bool:
    """Stage the runners-up of refused records, and nothing else; False when there are none."""
    equal = " AND ".join(f"p.{column.stage} = s.{column.stage}" for column in layout.key)
    rows = transaction.execute(
        f"SELECT {'max' if layout.mode == 'upsert' else 'min'}(p.r) FROM {layout.parked} AS p JOIN "
        f"{layout.stage} AS s"
        f" ON {equal} WHERE s.r IN ({listed(refused)}) GROUP BY s.r"
    )
    transaction.execute(f"DELETE FROM {layout.stage}")
    if rows:
        chosen = listed(count(record) for (record,) in rows)
        transaction.execute(f"INSERT INTO {layout.stage} SELECT * FROM {layout.parked} WHERE r IN ({chosen})")
        transaction.execute(f"DELETE FROM {layout.parked} WHERE r IN ({chosen})")
    return bool(rows)


def listed(records: Iterable[int]) -> str:
    """Write record numbers into a statement; they are integers, so nothing needs quoting."""
    return ", ".join(str(int(record)) for record in records)


def refusal(transaction: Transaction, layout: Layout, record: int, error: RefusedError) -> LaneReject:
    """Turn the database's refusal of a staged row into its reject."""
    columns = (error.column,) if error.column else layout.constraints.get(error.constraint, ())
    named = {column.name: column for column in layout.columns}
    value = ""
    if len(columns) == 1 and columns[0] in named:
        stage = named[columns[0]].stage
        [(found,)] = transaction.execute(
            f"SELECT CAST({stage} AS text) FROM {layout.stage} WHERE r = {int(record)}"
        )
        value = text(found)[:MAX_VALUE_CHARACTERS]
    key = {column.name for column in layout.key}
    if key and error.sqlstate == UNIQUE_VIOLATION and set(columns) == key:
        return duplicate_key(layout, record, value, "a row of the table")
    return LaneReject(
        record,
        columns[0] if len(columns) == 1 else "",
        "database",
        error.message,
        value,
    )
