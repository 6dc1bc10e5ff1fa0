"""Successes and failures of a run, as sequences that read the database as they are asked.

A run of ten million records has ten million successes, and a list of them would need a gigabyte. These keep
one number for every `PAGE` failures and the page last read; everything else stays in the database. Nothing is
read before the first question: who asks none pays nothing, and a stopped run has closed its database.

A failed record has a row. A success has one only where it changed something, so successes are found as what
lies between the failures: the n-th one is the n-th record that is no failure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Final, overload

from feedmill.products.database import SqlDatabase
from feedmill.products.entities import Failure, Success
from feedmill.stores.transaction import Transaction, Value, count, text

PAGE: Final = 1_000
"""Rows read at once, and failures for which one number is kept."""

_FAILED: Final = "FROM product_integration WHERE run_id = ? AND feed = ? AND status = 'failure'"


class _Journal[T: Transaction]:
    """What the database knows of a run's records, feed by feed.

    Attributes
    ----------
    successes, failures : list of int
        How many, by feed.
    marks : list of list of int
        By feed: the record number of every `PAGE`-th failure, after a leading 0.
    """

    def __init__(self, database: SqlDatabase[T], run_id: str) -> None:
        self._session = database.session(run_id)
        self._run_id = run_id
        loaded = self.read(
            "SELECT feed, sum(inserted + updated + unchanged + duplicate) FROM feedmill_ledger"
            " WHERE run_id = ? AND feed >= 0 GROUP BY feed ORDER BY feed"
        )
        failed = self.read(
            "SELECT feed, count(*) FROM product_integration WHERE run_id = ? AND status = 'failure'"
            " GROUP BY feed ORDER BY feed"
        )
        feeds = range(1 + max((count(row[0]) for row in (*loaded, *failed)), default=-1))
        # PostgreSQL's sums are numeric.
        successes = {feed: int(str(total)) for feed, total in loaded}
        failures = {feed: count(total) for feed, total in failed}
        self.successes = [successes.get(feed, 0) for feed in feeds]
        self.failures = [failures.get(feed, 0) for feed in feeds]
        self.marks = [self._marks(feed) for feed in feeds]

    def read(self, statement: str, *parameters: Value) -> list[tuple[Value, ...]]:
        """Run a query about the run, whose id is its first parameter."""
        try:
            return self._session.transact(
                lambda transaction: transaction.execute(statement, (self._run_id, *parameters))
            )
        finally:
            # A list may be kept for long after the run; a connection must not.
            self._session.close()

    def failed_after(self, feed: int, record: int) -> list[tuple[Value, ...]]:
        """Read the next page of a feed's failures."""
        return self.read(
            f'SELECT record, "column", code, message {_FAILED} AND record > ? ORDER BY record LIMIT {PAGE}',
            feed,
            record,
        )

    def outcomes(self, feed: int, first: int, last: int) -> dict[Value, str]:
        """Read what became of the successes among some records, as far as they have rows."""
        rows = self.read(
            "SELECT record, outcome FROM product_integration WHERE run_id = ? AND feed = ?"
            " AND record BETWEEN ? AND ? AND status = 'success'",
            *(feed, first, last),
        )
        return {record: text(outcome) for record, outcome in rows}

    def _marks(self, feed: int) -> list[int]:
        rows = self.read(
            f"SELECT record FROM (SELECT record, row_number() OVER (ORDER BY record) AS place {_FAILED})"
            f" AS failed WHERE place - place / {PAGE} * {PAGE} = 0 ORDER BY record",
            feed,
        )
        return [0, *(count(record) for (record,) in rows)]


class _Paged[Item](Sequence[Item]):
    """A sequence of several feeds' items that keeps one page of them.

    Thread safety
    -------------
    one thread
    """

    def __init__(self) -> None:
        self._first = 0
        self._page: list[Item] = []

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate(self.lengths(), initial=0))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"item {index} of {len(self)}")
        if not self._first <= number < self._first + len(self._page):
            feed = bisect_right(self._starts, number) - 1
            within = number - self._starts[feed]
            first, self._page = self.page_with(feed, within)
            self._first = self._starts[feed] + first
        return self._page[number - self._first]

    def __iter__(self) -> Iterator[Item]:
        return (self[number] for number in range(len(self)))

    def lengths(self) -> Sequence[int]:
        """Say how many items each feed has."""
        return ()

    def page_with(self, feed: int, number: int) -> tuple[int, list[Item]]:
        """Read a page that holds a feed's item; return the number of its first one, and the items."""
        raise IndexError(f"feed {feed} has no item {number}")


class FailureList[T: Transaction](_Paged[Failure]):
    """The failures of a run, in input order.

    Parameters
    ----------
    database : SqlDatabase
        Open as long as the list is read.
    run_id : str
    """

    def __init__(self, database: SqlDatabase[T], run_id: str) -> None:
        super().__init__()
        self._database, self._run_id = database, run_id

    @cached_property
    def _journal(self) -> _Journal[T]:
        return _Journal(self._database, self._run_id)

    def lengths(self) -> Sequence[int]:
        """Say how many failures each feed has."""
        return self._journal.failures

    def page_with(self, feed: int, number: int) -> tuple[int, list[Failure]]:
        """Read the page of failures that starts at the mark before."""
        mark = number // PAGE
        rows = self._journal.failed_after(feed, self._journal.marks[feed][mark])
        return mark * PAGE, [
            Failure(feed, count(record), text(column), text(code), text(message))
            for record, column, code, message in rows
        ]


class SuccessList[T: Transaction](_Paged[Success]):
    """The successes of a run, in input order.

    Parameters
    ----------
    database : SqlDatabase
        Open as long as the list is read.
    run_id : str
    """

    def __init__(self, database: SqlDatabase[T], run_id: str) -> None:
        super().__init__()
        self._database, self._run_id = database, run_id

    @cached_property
    def _journal(self) -> _Journal[T]:
        return _Journal(self._database, self._run_id)

    def lengths(self) -> Sequence[int]:
        """Say how many successes each feed has."""
        return self._journal.successes

    def page_with(self, feed: int, number: int) -> tuple[int, list[Success]]:
        """Read successes from a number on, up to a page."""
        marks = self._journal.marks[feed]
        # So many successes stand before each mark.
        before = [record - place * PAGE for place, record in enumerate(marks)]
        mark = bisect_right(before, number) - 1
        failed = [count(row[0]) for row in self._journal.failed_after(feed, marks[mark])]
        record = number + 1 + mark * PAGE
        for failure in failed:
            if failure > record:
                break
            record += 1
        # Beyond the last failure that was read, others may follow.
        end = failed[-1] if len(failed) == PAGE else record + PAGE
        skipped = set(failed)
        left = self._journal.successes[feed] - number
        records = [other for other in range(record, max(end, record + 1)) if other not in skipped]
        records = records[: min(PAGE, left)]
        outcomes = self._journal.outcomes(feed, records[0], records[-1])
        return number, [Success(feed, other, outcomes.get(other, "")) for other in records]
