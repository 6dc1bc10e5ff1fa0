"""From a URL to the sink behind it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from feedmill.errors import StoreError, UsageError, one_line
from feedmill.stores.arrow import ArrowSink
from feedmill.stores.ddl import TableName
from feedmill.stores.files import FileSink
from feedmill.stores.merge import MODES, Mode
from feedmill.stores.table import TableSink
from feedmill.stores.url import Place, Target, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from feedmill.schema import Schema
    from feedmill.stores.protocol import Sink


def open_sink(
    url: Place, schema: Schema, table: str = "", *, mode: str | None = None, lanes: int | None = None
) -> Sink:
    """Make the sink that `load` writes to; it is connected by its `begin`.

    Parameters
    ----------
    url : str or PathLike
        See `url.parse_url`.
    schema : Schema
        What the records hold.
    table : str
        ``table`` or ``schema.table``; files have none.
    mode : str, optional
        One of `merge.MODES`. Default: upsert by primary key, append without one; replace for files.
    lanes : int, optional
        For PostgreSQL; others have one.

    Raises
    ------
    UsageError
        The URL, table name or mode cannot be used.
    """
    target = parse_url(url)
    if target.kind in {"csv", "jsonl"}:
        return FileSink(target, schema, mode)
    if target.kind in {"parquet", "arrow"}:
        return ArrowSink(target, schema, mode)
    if not table:
        raise UsageError(f"{target.text}: name the table to load, as in --table items.")
    name = TableName.parse(table)
    if target.kind == "sqlite":
        from feedmill.stores.sqlite_table import SqliteTables

        return TableSink(SqliteTables(target, schema, name), checked(mode))
    with loading_client(target):
        from feedmill.stores.postgres_table import PostgresTables

    return TableSink(PostgresTables(target, schema, name, lanes), checked(mode))


@contextmanager
def loading_client(target: Target) -> Iterator[None]:
    """Import what imports psycopg: it takes a while and needs libpq, which only PostgreSQL's URLs do.

    Raises
    ------
    StoreError
        It cannot be loaded: libpq is not there, or the system gives no memory for it.
    """
    try:
        yield
    except ImportError as error:
        raise StoreError(
            f"{target.text}: PostgreSQL's client cannot be loaded: {one_line(error)}; install libpq, or free "
            "some memory."
        ) from None


def checked(mode: str | None) -> Mode | None:
    """Take a word for a mode."""
    for known in MODES:
        if mode == known:
            return known
    if mode is not None:
        raise UsageError(f"There is no mode {mode!r}; use one of {', '.join(MODES)}.")
    return None
