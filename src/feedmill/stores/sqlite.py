"""SQLite: a connection for each thread, transactions, retries.

One lane, because SQLite has one writer at a time. WAL, so that readers are not held up by a long part;
synchronous=FULL, so that what is reported as loaded survives a power cut: at one fsync a part it costs next
to nothing.

`SqliteDatabase`, `SqliteSession` and `SqliteTransaction` are used as their PostgreSQL counterparts; see
`postgres`.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from feedmill.errors import StoreError
from feedmill.stores.retry import Backoff, Haste, RetryPolicy
from feedmill.stores.transaction import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from feedmill.stores.transaction import Given, Value

# SQLite waits for another process's lock itself; short, so that abort() is heeded soon.
BUSY_TIMEOUT_S = 1.0
PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # KiB. The default of 2 MB has a part's inserts read the key's index over and over.
    "PRAGMA cache_size = -32000",
)

# The SQLSTATE that PostgreSQL has for the same fault; raise_exception for RAISE(ABORT) in a trigger.
SQLSTATES = {
    "SQLITE_CONSTRAINT_CHECK": "23514",
    "SQLITE_CONSTRAINT_FOREIGNKEY": "23503",
    "SQLITE_CONSTRAINT_NOTNULL": "23502",
    "SQLITE_CONSTRAINT_PRIMARYKEY": "23505",
    "SQLITE_CONSTRAINT_ROWID": "23505",
    "SQLITE_CONSTRAINT_UNIQUE": "23505",
    "SQLITE_CONSTRAINT_DATATYPE": "22000",
    "SQLITE_CONSTRAINT_TRIGGER": "P0001",
    "SQLITE_TOOBIG": "54000",
    # A value that is no integer, into INTEGER PRIMARY KEY.
    "SQLITE_MISMATCH": "42804",
}
# Codes that Python has no names for: a value of another type than its column, in a STRICT table.
UNNAMED = {3091: "SQLITE_CONSTRAINT_DATATYPE"}
# The second: another process is busy recovering or checkpointing.
RETRIED = ("SQLITE_BUSY", "SQLITE_LOCKED")
# Virtual-machine instructions between two looks whether the run was aborted: some milliseconds, at no cost.
INSTRUCTIONS_A_LOOK = 1_000_000
STOPPED = "{}: the run was stopped; continue it with --resume."
ADVICE = {
    "SQLITE_FULL": "free disk space, then continue with --resume",
    "SQLITE_READONLY": "make the file and its directory writable",
    "SQLITE_CANTOPEN": "check that the directory exists and may be written",
    "SQLITE_NOTADB": "name another file, or remove this one",
    "SQLITE_BUSY": "another process keeps the file locked; end it, then continue with --resume",
}


class SqliteTransaction:
    """An open transaction.

    Attributes
    ----------
    connection : sqlite3.Connection
        For what the methods do not offer.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._depth = 0

    def execute(self, statement: str, parameters: Sequence[Given] = ()) -> list[tuple[Value, ...]]:
        """Run one statement and fetch its rows."""
        return self.connection.execute(statement, parameters).fetchall()

    def insert(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        """Run one INSERT for each row."""
        self.connection.executemany(statement, rows)

    def changes(self) -> int:
        """Count the rows that the last INSERT, UPDATE or DELETE wrote, triggers' rows not included."""
        [(changed,)] = self.connection.execute("SELECT changes()")
        return int(changed)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo the block when it raises; turn an error about rows into RefusedError."""
        name = f"feedmill_{self._depth}"
        self.connection.execute(f"SAVEPOINT {name}")
        self._depth += 1
        try:
            yield
        except BaseException as error:
            # Some errors (disk full, I/O) have undone the whole transaction already.
            with suppress(sqlite3.OperationalError):
                self.connection.execute(f"ROLLBACK TO {name}")
                self.connection.execute(f"RELEASE {name}")
            if isinstance(error, sqlite3.Error) and (state := SQLSTATES.get(name_of(error))):
                raise refused(error, state) from None
            raise
        else:
            self.connection.execute(f"RELEASE {name}")
        finally:
            self._depth -= 1


class SqliteDatabase:
    """An SQLite file for the length of a run.

    Parameters
    ----------
    path : str
        The file; created when it does not exist.
    retry : RetryPolicy, optional
        For a file that another process has locked.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, path: str, retry: RetryPolicy | None = None) -> None:
        self.path = path
        self.retry = retry or RetryPolicy()
        self.stop = threading.Event()
        self.haste = Haste()
        self._lock = threading.Lock()
        # Guarded by _lock: connections in the hands of sessions, for abort().
        self._open: set[sqlite3.Connection] = set()

    def session(self, prepare: Callable[[SqliteTransaction], None] | None = None) -> SqliteSession:
        """Make a session for the calling thread; `prepare` runs first on its connection."""
        return SqliteSession(self, prepare)

    def connect(self) -> sqlite3.Connection:
        """Open the file."""
        # No implicit transactions: BEGIN, COMMIT and SAVEPOINT are ours. interrupt() comes from another
        # thread.
        connection = sqlite3.connect(
            self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in PRAGMAS:
                connection.execute(pragma).close()
            # interrupt() is lost on a connection that is just between two statements.
            connection.set_progress_handler(self.stop.is_set, INSTRUCTIONS_A_LOOK)
        except BaseException:
            connection.close()
            raise
        with self._lock:
            self._open.add(connection)
        return connection

    def disconnect(self, connection: sqlite3.Connection) -> None:
        """Close a connection, once abort() can no longer reach it."""
        with self._lock:
            self._open.discard(connection)
        connection.close()

    def hurry(self) -> None:
        """Wait only a little longer for a file that is locked; also from a signal handler."""
        self.haste.hurry()

    def abort(self) -> None:
        """Interrupt what runs and end waiting for a retry."""
        self.stop.set()
        with self._lock:
            for connection in self._open:
                connection.interrupt()

    def fault(self, error: sqlite3.Error) -> StoreError:
        """Say what happened and what can be done about it."""
        if self.stop.is_set():
            return StoreError(STOPPED.format(self.path))
        name = name_of(error)
        advice = next(
            (words for key, words in ADVICE.items() if name.startswith(key)),
            "mend that, then continue with --resume",
        )
        return StoreError(f"{self.path}: {error} ({name}); {advice}.")


class SqliteSession:
    """One connection for one thread.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, database: SqliteDatabase, prepare: Callable[[SqliteTransaction], None] | None) -> None:
        self._database = database
        self._prepare = prepare
        self._connection: sqlite3.Connection | None = None

    def transact[R](self, work: Callable[[SqliteTransaction], R]) -> R:
        """Run `work` in a transaction of its own, again when another process had the file locked.

        Raises
        ------
        StoreError
            The file cannot be read or written, stayed locked too long, or the run was aborted. Whatever
            `work` raises that is no database error goes through, after a rollback.
        """
        database = self._database
        backoff = Backoff(database.retry, database.stop, database.haste)
        while True:
            if database.stop.is_set():
                raise StoreError(STOPPED.format(database.path))
            try:
                return self._attempt(work)
            except sqlite3.Error as error:
                again = name_of(error).startswith(RETRIED) and not database.stop.is_set()
                if not again or not backoff.wait():
                    raise database.fault(error) from None

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._database.disconnect(connection)

    def _attempt[R](self, work: Callable[[SqliteTransaction], R]) -> R:
        if self._connection is None:
            self._connection = self._database.connect()
            if self._prepare is not None:
                self._prepare(SqliteTransaction(self._connection))
        connection = self._connection
        # IMMEDIATE: a reader that becomes a writer later can fail with SQLITE_BUSY that no waiting mends.
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(SqliteTransaction(connection))
            connection.execute("COMMIT")
        except BaseException:
            # In an open transaction still, unless SQLite has undone it itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return result


def name_of(error: sqlite3.Error) -> str:
    """Name an error's extended result code; "" when Python raised it and not SQLite."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return UNNAMED.get(getattr(error, "sqlite_errorcode", 0), name)


def refused(error: sqlite3.Error, sqlstate: str) -> RefusedError:
    """Take out of SQLite's words what a reject says.

    They are ``CHECK constraint failed: name``, ``UNIQUE constraint failed: table.a, table.b`` or the like.
    """
    reason = str(error)
    _, _, named = reason.partition(" constraint failed: ")
    return RefusedError(sqlstate, reason, constraint=named)
