"""The main job's repositories on PostgreSQL: what `sql` leaves open."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, repeat

import psycopg

from feedmill.errors import UsageError
from feedmill.products.database import WRITTEN_TABLES, Written
from feedmill.products.rehearsal import RehearsalSession, rehearsal_tables
from feedmill.products.staged import LISTED, LISTED_COLUMNS, empty, fields_fed, staging_tables
from feedmill.stores.postgres import PostgresDatabase, PostgresOptions
from feedmill.stores.postgres_ring import PostgresRing
from feedmill.stores.postgres_table import CREATION_LOCK, MAX_DEFAULT_LANES
from feedmill.stores.postgres_transaction import FREE_PLANS, PIN_PLANS, PostgresTransaction, sql
from feedmill.stores.protocol import RangePart
from feedmill.stores.transaction import Session
from feedmill.stores.url import Target

TYPES = {"price": "numeric", "stock": "bigint", "weight_kg": "double precision", "updated_at": "timestamptz"}
# As the kernel's COPY names them.
COPY_TYPES = {**TYPES, "stock": "int8", "weight_kg": "float8"}

MEMORY_LOCK = 0x6665_6564_6D69_6C6D
"""Key of the advisory lock that transactions with hashes share; "feedmilm" in ASCII."""

PATIENCE = "3s"


class PostgresProducts:
    """A PostgreSQL database with the tables of the main job; see `database.SqlDatabase`.

    Parameters
    ----------
    target : Target
        Of a ``postgresql://`` URL.
    lanes : int, optional
        One a core by default, at most 4.
    rehearses : bool
        Whether everything takes place in one transaction, on one lane, that is rolled back in the end.
    options : PostgresOptions, optional

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    dialect = "postgres"

    def __init__(
        self,
        target: Target,
        lanes: int | None = None,
        options: PostgresOptions | None = None,
        *,
        rehearses: bool = False,
    ) -> None:
        self.lanes = 1 if rehearses else lanes or min(os.process_cpu_count() or 1, MAX_DEFAULT_LANES)
        self.rehearses = rehearses
        self._rehearsal: PostgresTransaction | None = None
        self.database = PostgresDatabase(target, options)
        most = self.database.options.max_size
        if self.lanes > most:
            raise UsageError(
                f"{self.lanes} lanes need as many connections and the pool may have {most}; lower --lanes."
            )

    def open(self) -> None:
        """Connect, or say why not."""
        self.database.open()
        if self.rehearses:
            self._rehearsal = PostgresTransaction(self.database.take())
            # It is idle for as long as it takes to parse a range.
            self._rehearsal.execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0")
            for name, columns in chain(staging_tables(TYPES), rehearsal_tables(TYPES)):
                self._rehearsal.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DROP")

    def session(self, role: str, *, staged: bool = False) -> Session[PostgresTransaction]:
        """Make a session for the calling thread, with the temporary tables or without."""
        if self._rehearsal is not None:
            return RehearsalSession(self._rehearsal, psycopg.Error, self.database.fault)
        return self.database.session(role, _create_staged if staged else None)

    def fill(
        self, transaction: PostgresTransaction, part: RangePart, chosen: Sequence[bytes] | None = None
    ) -> None:
        """Bring a part's rows into feedmill_feed; a commit has emptied the tables, and so has a rollback."""
        if self.rehearses:
            empty(transaction)
            for name, _ in rehearsal_tables(TYPES):
                transaction.execute(f"DELETE FROM {name}")
        fed = fields_fed(part)
        columns = ", ".join(("r", *(name for name, _ in fed)))
        numbers = [number for _, number in fed]
        # Said for each, as the kernel would send a string of the format uuid as such.
        types = [COPY_TYPES.get(name, "text") for name, _ in fed]
        blocks = (
            piece.batch.copy_binary(
                part.lane,
                part.lanes,
                fields=numbers,
                record_base=piece.record_base,
                pg_types=types,
                chosen=mask,
            )
            for piece, mask in zip(part.slices, chosen or repeat(None), strict=False)
        )
        transaction.copy(f"feedmill_feed ({columns})", chain.from_iterable(blocks))

    def list_keys(self, transaction: PostgresTransaction, blocks: Iterable[bytes]) -> None:
        """Make a temporary table of keys, and tell the planner how many there are."""
        transaction.execute(
            f"DROP TABLE IF EXISTS {LISTED}; CREATE TEMPORARY TABLE {LISTED} {LISTED_COLUMNS}"
        )
        transaction.copy(LISTED, blocks)
        transaction.execute(f"ANALYZE {LISTED}")

    @contextmanager
    def probing(self, transaction: PostgresTransaction) -> Iterator[None]:
        """Let look-ups in the block use indexes only."""
        transaction.execute(PIN_PLANS)
        yield
        transaction.execute(FREE_PLANS)

    def upsert(self, transaction: PostgresTransaction, insert: str, written: Written, follow_up: str) -> None:
        """Run an upsert and a statement about what it wrote, in one."""
        # A row version that nobody has locked or updated yet was inserted; source: ExecOnConflictUpdate locks
        # the stored row first, which leaves this transaction's id in the new version's xmax.
        returned = f"{written.key}, CASE WHEN xmax = 0 THEN 1 ELSE 0 END AS is_new"
        # Nobody has analysed the temporary tables, and each row of one against all of another takes minutes.
        transaction.execute(
            "SET LOCAL enable_nestloop = off;"
            f" WITH written AS ({insert} RETURNING {returned}) {follow_up};"
            " SET LOCAL enable_nestloop = on"
        )

    def json_rows(self, columns: Sequence[tuple[str, str]]) -> str:
        """Write the query for rows of a JSON parameter."""
        listed = ", ".join(
            f"CAST(item ->> {index} AS {kind}) AS {name}" for index, (name, kind) in enumerate(columns)
        )
        return f"SELECT {listed} FROM json_array_elements(CAST(? AS json)) AS items (item)"

    def json_object(self, pairs: Sequence[tuple[str, str]]) -> str:
        """Write the expression for a JSON object."""
        return f"json_build_object({', '.join(f"'{key}', {value}" for key, value in pairs)})"

    def moment(self, later_s: float = 0.0) -> str:
        """Write the expression for the clock."""
        return f"clock_timestamp() + interval '{later_s:.3f} seconds'"

    def skipping_locked(self, table: str) -> str:
        """Write the clause that locks what nobody has locked."""
        return f"FOR UPDATE OF {table} SKIP LOCKED"

    def ring(self, channel: str) -> PostgresRing:
        """Listen for what is committed."""
        return PostgresRing(self.database, channel)

    def has_rules(self, transaction: PostgresTransaction) -> bool:
        """Look for triggers, rules and row level security."""
        tables = ", ".join(f"to_regclass('{table}')" for table in WRITTEN_TABLES)
        return bool(
            transaction.execute(
                f"SELECT 1 FROM pg_class AS c WHERE c.oid IN ({tables})"
                " AND (c.relhasrules OR c.relrowsecurity OR EXISTS (SELECT 1 FROM pg_trigger AS t"
                " WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgname NOT LIKE 'feedmill%')) LIMIT 1"
            )
        )

    def await_memory(self, transaction: PostgresTransaction) -> bool:
        """Wait for the transactions of other runs, those of one that was killed included."""
        return _locks(transaction, f"SELECT pg_advisory_xact_lock({MEMORY_LOCK})")

    def exclude_writers(self, transaction: PostgresTransaction) -> bool:
        """Wait for all that write to the tables of products, and hold up others."""
        return _locks(transaction, "LOCK TABLE products, product_dealers, dealers IN SHARE MODE")

    def open_memory(self, transaction: PostgresTransaction, owner: str) -> bool:
        """Let the transaction change products without a note, until `close_memory` or its end."""
        transaction.execute(f"SELECT pg_advisory_xact_lock_shared({MEMORY_LOCK})")
        return bool(
            transaction.execute(
                "SELECT set_config('feedmill.remembers', 'on', true) FROM feedmill_memory WHERE owner = ?",
                (owner,),
            )
        )

    def close_memory(self, transaction: PostgresTransaction) -> None:
        """Take notes again, of what else the transaction does."""
        transaction.execute("SELECT set_config('feedmill.remembers', 'off', true)")

    def blobs(self, transaction: PostgresTransaction, query: str) -> Iterator[bytes]:
        """Read a column of bytes, as they are and not in hexadecimal digits."""
        with transaction.connection.cursor(binary=True) as cursor:
            for (blob,) in cursor.stream(sql(query)):
                yield blob

    def lock_migrations(self, transaction: PostgresTransaction) -> None:
        """Let one process at a time create tables, of `load` and of this job."""
        # A rehearsal would hold it to its end, and no other run could begin.
        if not self.rehearses:
            transaction.execute(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")

    def run_script(self, transaction: PostgresTransaction, script: str) -> None:
        """Run several statements."""
        transaction.execute(script)

    def close(self) -> None:
        """Close all connections."""
        if self._rehearsal is not None:
            connection, self._rehearsal = self._rehearsal.connection, None
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")
            self.database.give_back(connection)
        self.database.close()

    def hurry(self) -> None:
        """Wait less for what does not answer."""
        self.database.hurry()

    def abort(self) -> None:
        """Cancel what runs."""
        self.database.abort()


def _locks(transaction: PostgresTransaction, statement: str) -> bool:
    """Take a lock; False if that takes long."""
    try:
        with transaction.savepoint():
            # More than the second after which an autovacuum gives way, less than a shop would notice.
            transaction.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            transaction.execute(statement)
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def _create_staged(transaction: PostgresTransaction) -> None:
    for name, columns in staging_tables(TYPES):
        transaction.execute(f"CREATE TEMPORARY TABLE {name} ({columns}) ON COMMIT DELETE ROWS")
