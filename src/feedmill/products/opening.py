"""From a URL to a database of the main job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from feedmill.errors import UrlError, UsageError
from feedmill.products.database import SqlDatabase
from feedmill.products.migrations import migrate_tables
from feedmill.products.sqlite import SqliteProducts
from feedmill.stores.opening import loading_client
from feedmill.stores.transaction import Transaction
from feedmill.stores.url import parse_url

if TYPE_CHECKING:
    from feedmill.products.postgres import PostgresProducts

type ProductDatabase = SqliteProducts | PostgresProducts


@contextmanager
def open_products(
    url: str, *, lanes: int | None = None, rehearses: bool = False, must_exist: bool = False
) -> Iterator[ProductDatabase]:
    """Open a database, bring its tables up to date, and close it at the end of the block.

    Parameters
    ----------
    url : str
        ``sqlite:///file.db`` or ``postgresql://…``.
    lanes : int, optional
        For PostgreSQL; SQLite has one.
    rehearses : bool
        Whether all of it takes place in one transaction that is rolled back in the end.
    must_exist : bool
        Whether a file that is not there is a mistake: for what only takes from it. Else it is made.

    Raises
    ------
    UsageError
        The URL names neither; or the file has to exist, and does not.
    StoreError
        The database cannot be reached, or its tables cannot be made.
    """
    database = products_at(url, lanes=lanes, rehearses=rehearses, must_exist=must_exist)
    try:
        _migrate(database)
        yield database
    finally:
        database.close()


class DatabaseWork[R](Protocol):
    """What is done with a database of either kind."""

    def __call__[T: Transaction](self, database: SqlDatabase[T]) -> R:
        """Do it."""
        ...


def with_products[R](
    url: str,
    work: DatabaseWork[R],
    *,
    lanes: int | None = None,
    rehearses: bool = False,
    must_exist: bool = False,
) -> R:
    """Do something with the database behind a URL, as `open_products` opens it, whatever its kind."""
    with open_products(url, lanes=lanes, rehearses=rehearses, must_exist=must_exist) as database:
        # The same call for each kind: their transactions are of different types.
        if isinstance(database, SqliteProducts):
            return work(database)
        return work(database)


def products_at(
    url: str, *, lanes: int | None = None, rehearses: bool = False, must_exist: bool = False
) -> ProductDatabase:
    """Make the database behind a URL, without connecting; as `open_products`."""
    target = parse_url(url)
    if target.kind == "sqlite":
        if must_exist and not Path(target.path).exists():
            raise UsageError(
                f"{target.text}: there is no such file, so nothing waits in it; check its name. What makes "
                "one is feedmill process, and feedmill worker."
            )
        return SqliteProducts(target, rehearses=rehearses)
    if target.kind != "postgresql":
        raise UrlError(
            f"{target.text}: products are kept in a database; use sqlite:///file.db or postgresql://… "
            "(feedmill load writes files)"
        )
    with loading_client(target):
        from feedmill.products.postgres import PostgresProducts

    return PostgresProducts(target, lanes, rehearses=rehearses)


def migrate(url: str) -> list[str]:
    """Create the tables of the main job, or bring them up to date.

    Returns
    -------
    list of str
        The migrations applied now, such as ``001_products``; empty if it was up to date.
    """
    database = products_at(url)
    try:
        return _migrate(database)
    finally:
        database.close()


def _migrate(database: ProductDatabase) -> list[str]:
    database.open()
    # The same call for each kind of database, as their transactions are of different types.
    if isinstance(database, SqliteProducts):
        return migrate_tables(database)
    return migrate_tables(database)
