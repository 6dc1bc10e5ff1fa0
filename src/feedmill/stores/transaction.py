"""What code inside a transaction may do, on either database.

`Ledger`, `merge` and the products' repositories are written against `Transaction`; `postgres` and `sqlite`
implement it. A session keeps one connection for one thread and gives a function a transaction::

    session.transact(work)      work(transaction) → result; committed when it returns, undone when it raises,
                                tried again as a whole when the connection or a lock was lost

`work` may run several times, so it changes nothing but the database. After a lost COMMIT nobody knows whether
it was committed; `Ledger.apply` is the form of `transact` that finds out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from feedmill.errors import StoreError
from feedmill.records import MAX_REASON_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

# What both drivers read and write without an adapter.
type Value = int | float | str | None
type Given = Value | bytes


class RefusedError(StoreError):
    """The database refused rows for what they hold; the caller can find out which.

    Attributes
    ----------
    sqlstate : str
        As PostgreSQL names it; SQLite's constraint faults are given the matching one.
    constraint, column : str
        What the database named, or "".
    message : str
        Its own words and the SQLSTATE, as a reject has it: on one line, cut. They may quote values: for
        reject files, not for logs.
    """

    def __init__(self, sqlstate: str, reason: str, constraint: str = "", column: str = "") -> None:
        where = f" ({constraint})" if constraint else ""
        super().__init__(f"The database refused a record: SQLSTATE {sqlstate}{where}.")
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.column = column
        self.message = f"{' '.join(reason.split())[:MAX_REASON_CHARACTERS]} (SQLSTATE {sqlstate})"


class Transaction(Protocol):
    """An open transaction.

    Thread safety
    -------------
    one thread
    """

    def execute(self, statement: str, parameters: Sequence[Given] = ()) -> list[tuple[Value, ...]]:
        """Run one statement and fetch its rows.

        Parameters
        ----------
        statement : str
            With parameters, each stands as ``?``, and neither ``?`` nor ``%`` may stand elsewhere.
        parameters : sequence of Value or bytes
        """

    def savepoint(self) -> AbstractContextManager[None]:
        """Undo what the block did when it raises.

        Raises
        ------
        RefusedError
            From the block, when the database's error is about the rows.
        """


class Session[T: Transaction](Protocol):
    """One connection, for one thread.

    Thread safety
    -------------
    one thread
    """

    def transact[R](self, work: Callable[[T], R]) -> R:
        """Run `work` in a transaction of its own.

        Raises
        ------
        StoreError
            The database cannot go on, or retries took too long.
        """

    def close(self) -> None:
        """Let go of the connection."""


def count(value: Value) -> int:
    """Take a number out of a row."""
    if not isinstance(value, int):
        raise StoreError(f"The database answered {type(value).__name__} where a count was due.")
    return value


def text(value: Value) -> str:
    """Take a text out of a row; NULL is empty."""
    return "" if value is None else str(value)
