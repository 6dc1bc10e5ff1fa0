"""A connection that does not wait for ever for a server that is silent.

The server itself ends a statement after statement_timeout, and says so. If it has not, some seconds later,
then nobody is there: the host has lost its power, a firewall has forgotten the connection, a proxy takes all
and gives nothing. The system's own probes (`PROBES`) find the first two, a minute later; nothing but a limit
of the client's finds the third. What was lost is a connection like any other that broke: the transaction is
tried again, and the ledger tells whether a COMMIT had been heard.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.abc import RV, PQGen

    from feedmill.stores.retry import Haste

# Set only where neither the URL, the role nor the database says otherwise.
SETTINGS: Final = {
    # A lane waits for an outsider's lock this long, then the part is tried again.
    "lock_timeout": "10s",
    "statement_timeout": "120s",
    # A stopped feedmill gives its locks back.
    "idle_in_transaction_session_timeout": "60s",
    # A part is at most about 16 MB, and so are its staging table and its sort.
    "temp_buffers": "32MB",
    "work_mem": "64MB",
}
APPLY_SETTINGS: Final = """SELECT set_config(name, %s::json ->> name, false) FROM pg_settings
WHERE name IN (SELECT json_object_keys(%s::json)) AND source IN ('default', 'configuration file')"""
SESSION_SETTINGS: Final = """SET client_encoding TO 'UTF8'; SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO';
SET default_transaction_isolation TO 'read committed'"""

# Of libpq, where the URL does not say otherwise: a host that is gone is noticed after a minute, be it silent
# (three probes, ten seconds apart, after thirty) or be it deaf to what is sent to it.
PROBES: Final = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}

NEW_S: Final = 30.0
"""Seconds for what a new connection is set up with."""

GRACE_S: Final = 5.0
"""Seconds after statement_timeout for the server to say that it has passed."""

IDLE_S: Final = 5.0
"""Seconds for what is done with a connection in the pool, which is to ask whether it lives."""


class SilentServerError(psycopg.OperationalError):
    """The server has not answered within the limit."""


class LimitedConnection(psycopg.Connection[TupleRow]):
    """A connection whose server has so many seconds to answer.

    Attributes
    ----------
    limit_s : float or None
        For each statement, each block of a COPY and each COMMIT. None: for ever.
    statement_limit_s : float or None
        The limit for statements of a run: a little more than statement_timeout, None where there is none.
    haste : Haste or None
        Of the run that has the connection in hand; when it is told to end, the server has less time.

    Thread safety
    -------------
    one thread
    """

    limit_s: float | None = NEW_S
    statement_limit_s: float | None = None
    haste: Haste | None = None

    def configure(self, settings: Mapping[str, str], grace_s: float) -> None:
        """Give a new connection the session settings, and find out its limit."""
        given = json.dumps(settings)
        self.execute(SESSION_SETTINGS)
        self.execute(APPLY_SETTINGS, (given, given))
        shown = self.execute("SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'")
        [(timeout_ms,)] = shown.fetchall()
        self.statement_limit_s = timeout_ms / 1000 + grace_s if timeout_ms else None
        self.limit_s = IDLE_S

    def cancel_safe(self, *, timeout: float = NEW_S) -> None:
        """Ask the server to end what runs, in a thread: libpq before 17 waits for its answer for ever.

        Raises
        ------
        CancellationTimeout
            The server has not answered.
        """

        def ask() -> None:
            # It may have ended by itself.
            with suppress(psycopg.Error):
                ask_server(timeout=timeout)

        ask_server = super().cancel_safe
        thread = threading.Thread(target=ask, name="feedmill-cancel-1", daemon=True)
        thread.start()
        thread.join(timeout)
        if thread.is_alive():
            raise psycopg.errors.CancellationTimeout("the server has not answered")

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server; all that a connection does comes through here.

        Raises
        ------
        SilentServerError
            It did not answer. The connection is closed: what it said later would be about something else.
        """
        limit_s = self.limit_s if timeout is None else None
        if self.haste is not None:
            gen = _hurried(gen, self.haste)
        try:
            return super().wait(gen, interval, timeout if limit_s is None else limit_s)
        except SilentServerError:
            self.close()
            raise
        except psycopg.errors._WaitTimeout:
            if limit_s is None:
                raise
            self.close()
            raise SilentServerError(f"the server has not answered for {limit_s:g} s") from None


def _hurried[R](gen: PQGen[R], haste: Haste) -> PQGen[R]:
    """Pass on what psycopg and libpq say to each other, unless the run is to end and there is nothing to say.

    psycopg wakes its generator every tenth of a second, with nothing if nothing has come.
    """
    since = monotonic()
    try:
        state = next(gen)
        while True:
            ready = yield state
            if not ready and haste.is_over(since):
                raise SilentServerError("the server does not answer")
            state = gen.send(ready)
    except StopIteration as done:
        result: R = done.value
        return result
