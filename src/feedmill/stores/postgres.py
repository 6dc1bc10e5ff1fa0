"""PostgreSQL: connections, transactions, retries. Nothing but it and what it owns imports psycopg.

::

    PostgresDatabase    the pool of one run: open(), session(role, prepare), close(), abort()
    PostgresSession     one connection for one thread; transact(work) retries by SQLSTATE
    PostgresTransaction execute, copy, savepoint; in postgres_transaction

Load tables with `postgres_table`. For tables of your own::

    database = PostgresDatabase(parse_url(url))
    database.open()
    session = database.session("lane-0", prepare=create_my_staging_tables)   # used by one thread
    outcome = Ledger(run).apply(session, part, work)       # work(PostgresTransaction) → LaneOutcome, once
    result = session.transact(work)                        # without the ledger: work must bear repetition

A session keeps its connection between transactions, because temporary tables live in it; `prepare` runs on
every new one. After the first OperationalError all idle connections of the pool are checked at once
(`ConnectionPool.check`): measured, 9 ms for 20 dead ones, where a check at each checkout took three 30-second
timeouts.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool, PoolTimeout

from feedmill.errors import StoreError, UrlError
from feedmill.stores.postgres_connection import (
    GRACE_S,
    IDLE_S,
    PROBES,
    SETTINGS,
    LimitedConnection,
    SilentServerError,
)
from feedmill.stores.postgres_transaction import PostgresTransaction
from feedmill.stores.retry import CANCEL_S, Backoff, Haste, RetryPolicy, Verdict, verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from feedmill.stores.url import Target

APPLICATION_NAME_BYTES = 63  # NAMEDATALEN - 1

CLOSE_S = 1.0
"""Seconds for each of the pool's threads to end when a run is broken off; one that connects to a silent host,
which takes half a minute, is left behind."""

TURN_S = 1.0
"""Between two looks whether a run that waits for a connection was told to end."""

STOPPED = "{}: the run was stopped; continue it with --resume."
ADVICE = {
    "42501": "grant the role that privilege",
    "53100": "free disk space on the server, then continue with --resume",
    "57014": "it was cancelled or reached statement_timeout; raise it with ?options=-cstatement_timeout=…",
}


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """How to hold connections.

    Parameters
    ----------
    max_size, min_size : int
        Connections of the pool; lanes hold one each.
    max_idle_s, max_lifetime_s : float
        A connection unused so long is closed; one so old is replaced when it comes back.
    timeout_s : float
        Waiting for a connection; also the default of ``connect_timeout``.
    settings : dict of str to str
        Session settings where nothing else sets them.
    grace_s : float
        How long after statement_timeout an answer is waited for; see `postgres_connection`.
    retry : RetryPolicy
    """

    max_size: int = 25
    min_size: int = 5
    max_idle_s: float = 15.0
    max_lifetime_s: float = 300.0
    timeout_s: float = 30.0
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))
    grace_s: float = GRACE_S
    retry: RetryPolicy = field(default_factory=RetryPolicy)


class PostgresDatabase:
    """A PostgreSQL database for the length of a run.

    Parameters
    ----------
    target : Target
        Of a ``postgresql://`` URL.
    options : PostgresOptions

    Thread safety
    -------------
    any thread
    """

    def __init__(self, target: Target, options: PostgresOptions | None = None) -> None:
        self.target = target
        self.options = options or PostgresOptions()
        self.stop = threading.Event()
        self.haste = Haste()
        self._lock = threading.Lock()
        # Guarded by _lock: connections in the hands of sessions, for abort().
        self._busy: set[LimitedConnection] = set()
        # The keywords go as arguments, so that libpq has no URL to quote in an error.
        self._keywords: dict[str, object] = {
            "connect_timeout": str(int(self.options.timeout_s)),
            **PROBES,
            **target.settings,
        }
        self.pool = ConnectionPool(
            "",
            connection_class=LimitedConnection,
            kwargs={**self._keywords, "autocommit": True, "prepare_threshold": None},
            min_size=min(self.options.min_size, self.options.max_size),
            max_size=self.options.max_size,
            max_idle=self.options.max_idle_s,
            max_lifetime=self.options.max_lifetime_s,
            timeout=self.options.timeout_s,
            configure=self._configure,
            check=None,
            name="feedmill-pool",
            open=False,
        )

    def open(self) -> None:
        """Connect once, for a clear answer where the pool would go on trying, and open the pool.

        Waits for a server that is just starting, or recovering from a crash.

        Raises
        ------
        StoreError, UrlError
            The database cannot be reached as the URL says.
        """
        backoff = Backoff(self.options.retry, self.stop, self.haste)
        while True:
            try:
                psycopg.connect(**self._keywords).close()  # type: ignore[arg-type]
                break
            except psycopg.ProgrammingError as error:
                raise UrlError(f"{self.target.text}: {self._words(error)}") from None
            except psycopg.Error as error:
                if not self._is_starting() or not backoff.wait():
                    raise self.fault(error) from None
        try:
            self.pool.open()
        except RuntimeError as error:
            # The system gives no more threads.
            raise StoreError(
                f"{self.target.text}: {error}; free some memory, or allow more threads."
            ) from None

    def session(
        self, role: str, prepare: Callable[[PostgresTransaction], None] | None = None
    ) -> PostgresSession:
        """Make a session for the calling thread.

        Parameters
        ----------
        role : str
            Shown as application_name, behind ``feedmill/``.
        prepare : callable, optional
            Run in a transaction of its own on every new connection: for temporary tables.
        """
        return PostgresSession(self, role, prepare)

    def take(self) -> LimitedConnection:
        """Take a connection out of the pool."""
        connection = self._next_free()
        connection.limit_s, connection.haste = connection.statement_limit_s, self.haste
        with self._lock:
            self._busy.add(connection)
        return connection

    def give_back(self, connection: LimitedConnection) -> None:
        """Put a connection back; the pool replaces a broken one."""
        connection.limit_s, connection.haste = IDLE_S, None
        with self._lock:
            self._busy.discard(connection)
        self.pool.putconn(connection)

    def hurry(self) -> None:
        """Wait only a little longer for a server that does not answer; also from a signal handler."""
        self.haste.hurry()

    def abort(self) -> None:
        """Cancel what runs and end waiting for a retry. Sessions' next or current `transact` raises."""
        self.stop.set()
        self.haste.cancel()
        with self._lock:
            busy = list(self._busy)
        until = monotonic() + CANCEL_S
        for connection in busy:
            # It may have finished, died or been closed meanwhile, and then there is nothing to cancel.
            with suppress(psycopg.Error, RuntimeError):
                connection.cancel_safe(timeout=max(0.0, until - monotonic()))
        self.pool.close(timeout=CLOSE_S)

    def close(self) -> None:
        """Close the pool; sessions must be closed before."""
        self.pool.close()

    def fault(self, error: psycopg.Error) -> StoreError:
        """Say what happened and what to do about it, without the URL's secrets or the contents of rows."""
        state = error.sqlstate or ""
        if self.stop.is_set():
            return StoreError(STOPPED.format(self.target.text))
        advice = ADVICE.get(state, "mend that, then continue with --resume")
        if self.haste.is_told and may_pass(error):
            advice = "the run was told to end, and waits for it no longer; continue with --resume"
        elif isinstance(error, SilentServerError):
            advice = "look at what is on the way to it, a proxy or a firewall, then continue with --resume"
        elif not state and isinstance(error, psycopg.OperationalError):
            # libpq does not tell the SQLSTATE of a server that refuses a connection either.
            advice = "check host, port, database, user and password (also PGPASSWORD, PGSERVICE, ~/.pgpass)"
        return StoreError(f"{self.target.text}: {self._words(error)}; {advice}.")

    def _next_free(self) -> LimitedConnection:
        """Wait for a connection, in turns: a run may be told to end meanwhile."""
        since = monotonic()
        while True:
            try:
                return self.pool.getconn(timeout=min(TURN_S, self.options.timeout_s))
            except PoolTimeout:
                if monotonic() - since >= self.options.timeout_s or self.haste.is_over(since):
                    raise

    def _is_starting(self) -> bool:
        """Ask whether the server is there but takes no connections yet; its refusal has no SQLSTATE."""
        with suppress(psycopg.Error):
            where = make_conninfo("", **self._keywords).encode()  # type: ignore[arg-type]
            return pq.PGconn.ping(where) == pq.Ping.REJECT
        return False

    def _words(self, error: psycopg.Error) -> str:
        """Quote the server, or libpq when there was none to answer."""
        state = error.sqlstate
        if state and verdict(state) is Verdict.DATA:
            # Its words quote values.
            constraint = error.diag.constraint_name or "no constraint"
            return f"the database refused what was written (SQLSTATE {state}, {constraint})"
        words = error.diag.message_primary or " ".join(str(error).split())
        return self.target.scrub(words).rstrip(".;") + (f" (SQLSTATE {state})" if state else "")

    def _configure(self, connection: LimitedConnection) -> None:
        connection.configure(self.options.settings, self.options.grace_s)


class PostgresSession:
    """One connection for one thread.

    Thread safety
    -------------
    one thread
    """

    def __init__(
        self, database: PostgresDatabase, role: str, prepare: Callable[[PostgresTransaction], None] | None
    ) -> None:
        self._database = database
        self._role = role
        self._prepare = prepare
        self._connection: LimitedConnection | None = None

    def transact[R](self, work: Callable[[PostgresTransaction], R]) -> R:
        """Run `work` in a transaction of its own, again when the connection or a lock was lost.

        Raises
        ------
        StoreError
            The database cannot go on, `RetryPolicy.give_up_s` passed, or the run was aborted. Whatever `work`
            raises that is no database error goes through, after a rollback.
        """
        database = self._database
        backoff = Backoff(database.options.retry, database.stop, database.haste)
        while True:
            if database.stop.is_set():
                raise StoreError(STOPPED.format(database.target.text))
            try:
                connection = self._connected()
                with connection.transaction():
                    return work(PostgresTransaction(connection))
            except psycopg.Error as error:
                self._recover(error)
                if database.stop.is_set() or not may_pass(error) or not backoff.wait():
                    raise database.fault(error) from None

    def close(self) -> None:
        """Give the connection back, as it was when it was taken."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.execute("DISCARD TEMP; RESET application_name")
            except psycopg.Error:
                connection.close()
            self._database.give_back(connection)

    def _connected(self) -> LimitedConnection:
        """Return the session's connection, or prepare a new one."""
        if self._connection is None:
            connection = self._database.take()
            try:
                name = f"feedmill/{self._role}".encode()[:APPLICATION_NAME_BYTES].decode(errors="ignore")
                connection.execute("SELECT set_config('application_name', %s, false)", (name,))
                if self._prepare is not None:
                    with connection.transaction():
                        self._prepare(PostgresTransaction(connection))
            except BaseException:
                # Half prepared, it would fail whoever takes it next.
                connection.close()
                self._database.give_back(connection)
                raise
            self._connection = connection
        return self._connection

    def _recover(self, error: psycopg.Error) -> None:
        """Part with a connection that is lost, and have the pool look for others that are."""
        if isinstance(error, psycopg.OperationalError) and (
            self._connection is None or self._connection.closed
        ):
            if self._connection is not None:
                connection, self._connection = self._connection, None
                self._database.give_back(connection)
            # The pool may be closed by now: abort() can be faster than this thread.
            with suppress(psycopg.OperationalError):
                self._database.pool.check()


def may_pass(error: psycopg.Error) -> bool:
    """Tell whether the same transaction may work on another try."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return verdict(error.sqlstate) is Verdict.RETRY
