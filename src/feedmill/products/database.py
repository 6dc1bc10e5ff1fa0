"""What the main job asks of a database. `postgres` and `sqlite` answer; nothing else differs between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from feedmill.products.doorbell import Ring
from feedmill.stores.protocol import RangePart
from feedmill.stores.transaction import Session, Transaction

WRITTEN_TABLES: Final = ("products", "product_dealers", "dealers", "product_integration", "outbox")
"""What a run changes, besides what is feedmill's own."""


@dataclass(frozen=True, slots=True)
class Written:
    """What is to be known of the rows that an upsert has written.

    Attributes
    ----------
    key : str
        The columns that name them.
    meant : str
        The query for the rows that are meant to be written: the key's columns, and is_new where the follow-up
        asks for it.
    """

    key: str
    meant: str


class SqlDatabase[T: Transaction](Protocol):
    """A database with the tables of the main job.

    Attributes
    ----------
    dialect : str
        The folder of its migrations.
    lanes : int
        How many lanes it takes at once.
    rehearses : bool
        Whether everything takes place in one transaction that is rolled back in the end.

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    dialect: str
    lanes: int
    rehearses: bool

    def open(self) -> None:
        """Connect, or say why not."""

    def session(self, role: str, *, staged: bool = False) -> Session[T]:
        """Make a session for the calling thread, with the temporary tables or without."""

    def fill(self, transaction: T, part: RangePart, chosen: Sequence[bytes] | None = None) -> None:
        """Empty the temporary tables and bring a part's rows into feedmill_feed.

        With `chosen`, those only that have a 1 there, in the bytes of their slice.
        """

    def list_keys(self, transaction: T, blocks: Iterable[bytes]) -> None:
        """Make the temporary table feedmill_listed of keys, whole tuples of COPY BINARY; see `snapshot`."""

    def probing(self, transaction: T) -> AbstractContextManager[None]:
        """Let look-ups in the block use indexes only."""

    def upsert(self, transaction: T, insert: str, written: Written, follow_up: str) -> None:
        """Run an INSERT … ON CONFLICT, and a statement that reads what it wrote from the table ``written``.

        That has the key's columns and is_new, 1 or 0. It is less than was meant where another process was
        faster with the same rows: only one of them has inserted each.
        """

    def json_rows(self, columns: Sequence[tuple[str, str]]) -> str:
        """Write the query for rows of a parameter that holds a JSON array of arrays, with names and types."""

    def json_object(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Write the expression for a JSON object of keys and expressions."""

    def moment(self, later_s: float = 0.0) -> str:
        """Write the expression for the database's clock, or for so many seconds later."""

    def skipping_locked(self, table: str) -> str:
        """Write what makes a SELECT lock a table's rows, without those that another transaction has."""

    def ring(self, channel: str) -> Ring | None:
        """Listen for what is committed; None where the database cannot tell."""

    def has_rules(self, transaction: T) -> bool:
        """Tell whether the user's own triggers or rules may store something else than was sent."""

    def await_memory(self, transaction: T) -> bool:
        """Wait for those that `open_memory` let write hashes, hold up others; False if that takes long."""

    def exclude_writers(self, transaction: T) -> bool:
        """Wait for all that write to the tables of products, and hold up others; False if that takes long."""

    def open_memory(self, transaction: T, owner: str) -> bool:
        """Let the transaction change products without a note that it did; False if the owner is another."""

    def close_memory(self, transaction: T) -> None:
        """Take notes again."""

    def blobs(self, transaction: T, query: str) -> Iterator[bytes]:
        """Read a column of bytes, value by value; the transaction does nothing else until it is read."""

    def lock_migrations(self, transaction: T) -> None:
        """Let one process at a time migrate, until the transaction ends."""

    def run_script(self, transaction: T, script: str) -> None:
        """Run several statements."""

    def close(self) -> None:
        """Close; sessions are closed before."""

    def hurry(self) -> None:
        """Wait only a little longer for a database that does not answer; also from a signal handler."""

    def abort(self) -> None:
        """Stop what runs, from any thread, and close."""
