"""The tables of the main job, brought up to date by numbered files.

``sql/<dialect>/NNN_name.sql`` each change the tables once, in one transaction with the note that they did. To
change a table add the next number, in both dialects; never change a file that was released.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files

from feedmill.products.database import SqlDatabase
from feedmill.stores import ledger
from feedmill.stores.transaction import Transaction

NOTES = "CREATE TABLE IF NOT EXISTS feedmill_migrations (name text PRIMARY KEY, applied_at text NOT NULL)"


def migrate_tables[T: Transaction](database: SqlDatabase[T]) -> list[str]:
    """Apply the migrations that the database lacks.

    Returns
    -------
    list of str
        The names of those applied now, such as ``001_products``; empty if it was up to date.
    """
    session = database.session("migrate")
    try:
        return [name for name in migration_names(database.dialect) if session.transact(_step(database, name))]
    finally:
        session.close()


def migration_names(dialect: str) -> list[str]:
    """List a dialect's migrations in their order."""
    folder = files("feedmill.products").joinpath("sql", dialect)
    return sorted(
        entry.name.removesuffix(".sql") for entry in folder.iterdir() if entry.name.endswith(".sql")
    )


def _step[T: Transaction](database: SqlDatabase[T], name: str) -> Callable[[T], bool]:
    script = files("feedmill.products").joinpath("sql", database.dialect, f"{name}.sql").read_text("utf-8")

    def apply(transaction: T) -> bool:
        database.lock_migrations(transaction)
        transaction.execute(NOTES)
        ledger.create(transaction)
        if transaction.execute("SELECT 1 FROM feedmill_migrations WHERE name = ?", (name,)):
            return False
        database.run_script(transaction, script)
        transaction.execute("INSERT INTO feedmill_migrations VALUES (?, ?)", (name, ledger.now()))
        return True

    return apply
