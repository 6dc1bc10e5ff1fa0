"""A connection that does not wait for ever for a server that is silent.

The server itself ends a statement after statement_timeout, and says so. If it has not, some seconds later,
then nobody is there: the host has lost its power, a firewall has forgotten the connection, a proxy takes all
and gives nothing. The system's own probes (`PROBES`) find the first two, a minute later; nothing but a limit
of the client's finds the third. What was lost is a connection like any other that broke: the transaction is
tried again, and the ledger tells whether a COMMIT had been heard.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.abc import RV, PQGen

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

    Thread safety
    -------------
    one thread
    """

    limit_s: float | None = NEW_S
    statement_limit_s: float | None = None

    def configure(self, settings: Mapping[str, str], grace_s: float) -> None:
        """Give a new connection the session settings, and find out its limit."""
        given = json.dumps(settings)
        self.execute(SESSION_SETTINGS)
        self.execute(APPLY_SETTINGS, (given, given))
        shown = self.execute("SELECT setting::bigint FROM pg_settings WHERE name = 'statement_timeout'")
        [(timeout_ms,)] = shown.fetchall()
        self.statement_limit_s = timeout_ms / 1000 + grace_s if timeout_ms else None
        self.limit_s = IDLE_S

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server; all that a connection does comes through here.

        Raises
        ------
        SilentServerError
            It did not answer. The connection is closed: what it said later would be about something else.
        """
        limit_s = self.limit_s if timeout is None else None
        try:
            return super().wait(gen, interval, timeout if limit_s is None else limit_s)
        except psycopg.errors._WaitTimeout:
            if limit_s is None:
                raise
            self.close()
            raise SilentServerError(f"the server has not answered for {limit_s:g} s") from None
