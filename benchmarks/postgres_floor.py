r"""Record what `feedmill process` asks of PostgreSQL, for psql to ask the same: the floor under a load.

::

    python benchmarks/postgres_floor.py DIRECTORY process FEED --to URL --lanes 1 …
    psql -f DIRECTORY/replay.sql …          the same statements, and ``\copy`` of the same rows

What the replay lacks is what feedmill is measured for: reading the feed, parsing and checking its records,
encoding them, looking up what is known. The server does the same work in both, so the CPU time of client and
server together says what that costs. One lane, as psql has one connection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TextIO

import psycopg

from feedmill.cli import main
from feedmill.stores.postgres import PostgresSession
from feedmill.stores.postgres_connection import SETTINGS
from feedmill.stores.postgres_transaction import COPY_HEADER, COPY_TRAILER, PostgresTransaction
from feedmill.stores.transaction import Given, Value

SCRIPT = "replay.sql"


class Recorder:
    """Write down what transactions do, as a script for psql.

    Parameters
    ----------
    directory : Path
        Where the script and the copied rows go.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._script: TextIO = (directory / SCRIPT).open("w", encoding="utf-8")
        self._files = count(1)
        for name, value in SETTINGS.items():
            self._say(f"SET {name} = '{value}'")
        self._say("SET client_min_messages = warning")

    def install(self) -> None:
        """Record all that this process asks of a database from now on."""
        execute, transact = PostgresTransaction.execute, PostgresSession.transact
        copy, savepoint = PostgresTransaction.copy, PostgresTransaction.savepoint
        recorder = self

        def recorded_execute(
            transaction: PostgresTransaction, statement: str, parameters: Sequence[Given] = ()
        ) -> list[tuple[Value, ...]]:
            recorder._say(recorder._literal(transaction, statement, parameters))
            return execute(transaction, statement, parameters)

        def recorded_copy(transaction: PostgresTransaction, table: str, blocks: Iterable[bytes]) -> None:
            copy(transaction, table, recorder._copied(table, blocks))

        def recorded_transact[R](session: PostgresSession, work: Callable[[PostgresTransaction], R]) -> R:
            def recorded(transaction: PostgresTransaction) -> R:
                with recorder._between("BEGIN", "COMMIT", "ROLLBACK"):
                    return work(transaction)

            return transact(session, recorded)

        @contextmanager
        def recorded_savepoint(transaction: PostgresTransaction) -> Iterator[None]:
            with (
                savepoint(transaction),
                recorder._between("SAVEPOINT one", "RELEASE one", "ROLLBACK TO one"),
            ):
                yield

        for name, method in (
            ("execute", recorded_execute),
            ("copy", recorded_copy),
            ("savepoint", recorded_savepoint),
        ):
            setattr(PostgresTransaction, name, method)
        setattr(PostgresSession, "transact", recorded_transact)  # noqa: B010 - a method is no attribute to mypy

    def close(self) -> None:
        """End the script."""
        self._script.close()

    def _say(self, statement: str) -> None:
        self._script.write(f"{statement.rstrip().rstrip(';')};\n")

    def _literal(self, transaction: PostgresTransaction, statement: str, parameters: Sequence[Given]) -> str:
        """Write parameters into their statement."""
        if not parameters:
            return statement
        cursor = psycopg.ClientCursor(transaction.connection)
        return cursor.mogrify(statement.replace("?", "%s").encode(), parameters)

    def _copied(self, table: str, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Keep rows while they are sent."""
        path = self._directory / f"rows-{next(self._files)}"
        with path.open("wb") as file:
            file.write(COPY_HEADER)
            for block in blocks:
                file.write(block)
                yield block
            file.write(COPY_TRAILER)
        self._script.write(f"\\copy {table} FROM '{path}' WITH (FORMAT binary)\n")

    @contextmanager
    def _between(self, first: str, last: str, otherwise: str) -> Iterator[None]:
        self._say(first)
        try:
            yield
        except BaseException:
            self._say(otherwise)
            raise
        self._say(last)


if __name__ == "__main__":
    recorder = Recorder(Path(sys.argv[1]))
    recorder.install()
    code = main(sys.argv[2:])
    recorder.close()
    sys.exit(code)
