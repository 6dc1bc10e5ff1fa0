"""PostgreSQL's notifications: a connection that listens, for whoever waits for what others commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from feedmill.stores.postgres_transaction import sql

if TYPE_CHECKING:
    from feedmill.stores.postgres import PostgresDatabase
    from feedmill.stores.postgres_connection import LimitedConnection


class PostgresRing:
    """A connection that listens for notifications; made again when it is lost.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, database: PostgresDatabase, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._connection: LimitedConnection | None = None

    def fileno(self) -> int | None:
        """Name the connection's socket; None when the server cannot be reached now."""
        if self._connection is None:
            try:
                self._connection = self._database.take()
                self._connection.execute(sql(f"LISTEN {self._channel}"))
            except psycopg.Error:
                self.close()
        return None if self._connection is None else self._connection.fileno()

    def silence(self) -> None:
        """Read what has come."""
        try:
            if self._connection is not None:
                for _ in self._connection.notifies(timeout=0):
                    pass
        except psycopg.Error:
            self.close()

    def close(self) -> None:
        """Close the connection: nobody else would know that it listens."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            self._database.give_back(connection)
