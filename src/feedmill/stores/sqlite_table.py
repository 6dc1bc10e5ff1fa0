"""Load an SQLite table: rows go into temporary tables, then three statements."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, Final

from feedmill.errors import StoreError, UsageError
from feedmill.stores.ddl import TableName, ascii_lower, check_names, create_table, quote, quoted, sqlite_type
from feedmill.stores.merge import Column, Layout, Merge, Mode, Tally
from feedmill.stores.sqlite import SqliteDatabase, SqliteSession, SqliteTransaction
from feedmill.stores.transaction import count, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from feedmill.schema import Schema
    from feedmill.stores.protocol import RangePart
    from feedmill.stores.retry import RetryPolicy
    from feedmill.stores.url import Target

STAGE = "temp.feedmill_stage"
PARKED = "temp.feedmill_parked"
# In table_xinfo's column "hidden": generated columns, virtual and stored; 1 is a hidden column of a virtual
# table.
ORDINARY = 0
# Texts of these formats never read as a number, which is what a column with numbers would make of them.
NEVER_NUMBERS = {"email", "uri", "uuid"}


class SqliteTables:
    """An SQLite table as `table.TableSink` sees it.

    Parameters
    ----------
    target : Target
    schema : Schema
    table : TableName
        Without a schema, or in ``main``.
    retry : RetryPolicy, optional

    Thread safety
    -------------
    any thread, but a session belongs to one
    """

    lanes = 1

    def __init__(
        self, target: Target, schema: Schema, table: TableName, retry: RetryPolicy | None = None
    ) -> None:
        check_names(table, schema.names, "sqlite")
        if table.namespace not in {"", "main"}:
            raise UsageError(
                f"{table}: an SQLite file has no schemas; put the name in double quotes if the dot is meant."
            )
        self.database = SqliteDatabase(target.path, retry)
        self.schema = schema
        self.table = table
        # Which texts are one key, by field; set by `layout`, before any session has a stage.
        self._collations: dict[str, str] = {}
        # How texts of keys are written, by their places in a row of the stage: SQLite compares texts, and 1.5
        # is 1.50. Those with a scale have all its digits.
        in_keys = _names_in_keys(schema)
        self._texts = {
            place: _TEXTS[kind]
            for place, field in enumerate(schema.fields, start=1)
            if field.name in in_keys and sqlite_type(field) == "TEXT" and field.precision is None
            for kind in {field.type, field.format} & _TEXTS.keys()
        }

    def open(self) -> None:
        """Do nothing: each session opens the file."""

    def session(self, role: str, *, staged: bool) -> SqliteSession:  # noqa: ARG002 - SQLite has no name for a session
        """Make a session for the calling thread, with staging tables or without."""
        return self.database.session(self._create_stage if staged else None)

    def lock_creation(self, transaction: SqliteTransaction) -> None:
        """Do nothing: BEGIN IMMEDIATE has locked the file."""

    def layout(self, transaction: SqliteTransaction, key: tuple[str, ...], mode: Mode) -> Layout:
        """Create the table or check the one there is, and lay the staging tables out before it."""
        transaction.execute(create_table(self.table, self.schema, self.schema.primary_key, "sqlite"))
        self._check_fit(transaction, key)
        columns = tuple(
            Column(field.name, quote(field.name), f"c{index}")
            for index, field in enumerate(self.schema.fields)
        )
        return Layout(
            self.table.sql,
            STAGE,
            PARKED,
            columns,
            tuple(column for name in key for column in columns if column.name == name),
            mode,
            self._constraint_names(),
        )

    def empty(self, transaction: SqliteTransaction) -> None:
        """Remove all rows."""
        transaction.execute(f"DELETE FROM {self.table.sql}")

    def fill(self, transaction: SqliteTransaction, part: RangePart) -> None:
        """Bring a part's rows into the stage."""
        # Not needed after a commit, but a rollback brings the rows of the try before back.
        transaction.execute(f"DELETE FROM {STAGE}")
        transaction.execute(f"DELETE FROM {PARKED}")
        marks = ", ".join("?" * (len(self.schema.fields) + 1))
        rows = (
            piece.batch.tuples(part.lane, part.lanes, record_base=piece.record_base, style="sqlite")
            for piece in part.slices
        )
        staged: Iterator[tuple[object, ...]] = chain.from_iterable(rows)
        if self._texts:
            staged = map(self._with_texts, staged)
        transaction.insert(f"INSERT INTO {STAGE} VALUES ({marks})", staged)

    def merge(self, layout: Layout) -> Merge[SqliteTransaction]:
        """Return the statements for a layout."""
        return SqliteMerge(layout)

    def close(self) -> None:
        """Do nothing: each session closes the file."""

    def hurry(self) -> None:
        """Wait less for what does not answer."""
        self.database.hurry()

    def abort(self) -> None:
        """Interrupt what runs."""
        self.database.abort()

    def _with_texts(self, row: tuple[object, ...]) -> tuple[object, ...]:
        """Write values of keys so that those that are the same are the same text."""
        values = list(row)
        for place, written in self._texts.items():
            value = values[place]
            values[place] = written(value) if isinstance(value, str) else value
        return tuple(values)

    def _create_stage(self, transaction: SqliteTransaction) -> None:
        columns = ", ".join(
            f"c{index} {sqlite_type(field)} COLLATE {quote(self._collations.get(field.name, 'BINARY'))}"
            for index, field in enumerate(self.schema.fields)
        )
        for name in (STAGE, PARKED):
            transaction.execute(
                f"CREATE TEMPORARY TABLE {name.removeprefix('temp.')} (r INTEGER PRIMARY KEY, {columns})"
            )

    def _check_fit(self, transaction: SqliteTransaction, key: Sequence[str]) -> None:
        """Hold the table to the schema: all columns there and ours to fill, a unique index on the key."""
        found = {}
        for name, required, default, place, hidden, declared in transaction.execute(
            'SELECT name, "notnull", dflt_value, pk, hidden, type FROM pragma_table_xinfo(?)',
            (self.table.name,),
        ):
            found[ascii_lower(text(name))] = (
                bool(required) and default is None and not place,
                hidden == ORDINARY,
                text(declared),
            )
        self._check_fields(found)
        fields = {ascii_lower(name) for name in self.schema.names}
        if unfilled := [name for name, (needed, *_) in found.items() if needed and name not in fields]:
            raise StoreError(
                f"{self.table}: column {unfilled[0]!r} must have a value and the schema has no such field; "
                "give the column a "
                "default."
            )
        names = {ascii_lower(name): name for name in key}
        index = next((each for each in self._keys(transaction) if each.keys() == names.keys()), None)
        if key and index is None:
            raise StoreError(
                f"{self.table} has no unique index on its key: CREATE UNIQUE INDEX "
                f"{quote(self.table.name + '_key')} ON "
                f"{self.table.sql} ({quoted(key)}), or load with --mode append."
            )
        self._collations = {names[folded]: how for folded, how in index.items()} if key and index else {}

    def _check_fields(self, found: dict[str, tuple[bool, bool, str]]) -> None:
        """Hold each field to its column: that it is there, ours to fill, and keeps texts as they are."""
        for field in self.schema.fields:
            name = field.name
            column = found.get(ascii_lower(name))
            if column is None:
                raise StoreError(
                    f"{self.table} has no column {name!r}: add it (ALTER TABLE {self.table.sql} ADD COLUMN "
                    f"{quote(name)}), or "
                    "take the field out of the schema."
                )
            if not column[1]:
                raise StoreError(
                    f"{self.table}: SQLite generates {name!r} itself; take the field out of the schema."
                )
            if field.type == "string" and field.format not in NEVER_NUMBERS and makes_numbers(column[2]):
                raise StoreError(
                    f"{self.table}: column {name!r} is {column[2]}, and the field is a string: SQLite "
                    "would make 007 the number 7; change the field's type, or the column's to TEXT."
                )

    def _keys(self, transaction: SqliteTransaction) -> list[dict[str, str]]:
        """List the column sets that an ON CONFLICT can name, each column with its collation."""
        primary = transaction.execute(
            "SELECT name FROM pragma_table_info(?) WHERE pk > 0", (self.table.name,)
        )
        keys = []
        for (index,) in transaction.execute(
            'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (self.table.name,)
        ):
            members = transaction.execute(
                "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", (index,)
            )
            # An index on an expression has no name for it.
            keys.append({ascii_lower(text(name or "")): text(how) for name, how in members})
        # Last: an INTEGER PRIMARY KEY has no index, and no collation; others have been listed with theirs.
        return [*keys, {ascii_lower(text(name)): "BINARY" for (name,) in primary}]

    def _constraint_names(self) -> dict[str, tuple[str, ...]]:
        """Map what SQLite says after "constraint failed:" to columns: one, or the key's."""
        primary_key = self.schema.primary_key
        names: dict[str, tuple[str, ...]] = {
            self._said((field.name,)): (field.name,) for field in self.schema.fields
        }
        return {**names, self._said(primary_key): primary_key} if primary_key else names

    def _said(self, columns: Sequence[str]) -> str:
        return ", ".join(f"{self.table.name}.{column}" for column in columns)


class SqliteMerge:
    """The statements of one layout.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def run(self, transaction: SqliteTransaction, between: tuple[int, int] | None) -> Tally:
        """Merge staged rows; see `merge.Merge`."""
        layout = self.layout
        where = f"WHERE r BETWEEN {between[0]} AND {between[1]}" if between else "WHERE true"
        [(staged,)] = transaction.execute(f"SELECT count(*) FROM {layout.stage} {where}")
        if not layout.key:
            transaction.execute(self.insert(where))
            written = transaction.changes()
            return Tally(inserted=written, unchanged=count(staged) - written)
        best = "max" if layout.mode == "upsert" else "min"
        where += f" AND r IN (SELECT {best}(r) FROM {layout.stage} {where} GROUP BY {layout.stage_key})"
        winners, stored = self.stored(transaction, where)
        transaction.execute(self.insert(where))
        written = transaction.changes()
        inserted = winners - stored
        if written < inserted:
            # A trigger's RAISE(IGNORE) left rows out; only a look at the table tells which.
            inserted = self.stored(transaction, where)[1] - stored
        return Tally(inserted, written - inserted, winners - written, count(staged) - winners)

    def prepare_pieces(self, transaction: SqliteTransaction) -> None:
        """Do nothing: the stage is in record order."""

    def stored(self, transaction: SqliteTransaction, where: str) -> tuple[int, int]:
        """Count winners, and those whose key the table has."""
        layout = self.layout
        [(winners, stored)] = transaction.execute(
            f"SELECT count(*), coalesce(sum(EXISTS (SELECT 1 FROM {layout.table} AS t"
            f" WHERE {layout.same_key('t', 's')})), 0) FROM {layout.stage} AS s {where}"
        )
        return count(winners), count(stored)

    def insert(self, where: str) -> str:
        """Write the statement that writes what is new or changed."""
        layout = self.layout
        names = ", ".join(column.sql for column in layout.columns)
        stage = ", ".join(column.stage for column in layout.columns)
        source = f"SELECT {stage} FROM {layout.stage} {where} ORDER BY r"
        return f"INSERT INTO {layout.table} AS t ({names}) {source} {self.on_conflict()}"

    def on_conflict(self) -> str:
        """Write what happens to a key the table has."""
        layout = self.layout
        key = ", ".join(column.sql for column in layout.key)
        if layout.mode in {"append", "insert"}:
            return ""
        if layout.mode == "ignore" or not layout.others:
            return f"ON CONFLICT ({key}) DO NOTHING"
        assignments = ", ".join(f"{column.sql} = excluded.{column.sql}" for column in layout.others)
        # One comparison of rows: a thousand with OR between them are deeper than SQLite parses. BINARY:
        # a column that takes A for a would never become it.
        stored = ", ".join(f"t.{column.sql} COLLATE BINARY" for column in layout.others)
        offered = ", ".join(f"excluded.{column.sql}" for column in layout.others)
        return f"ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE ({stored}) IS NOT ({offered})"


def makes_numbers(declared: str) -> bool:
    """Whether SQLite turns texts that read as numbers into such, in a column of that declared type.

    Source
    ------
    "Datatypes in SQLite", 3.1, "Determination of column affinity".

    Examples
    --------
    >>> [makes_numbers(declared) for declared in ("INTEGER", "STRING", "REAL", "varchar(20)", "")]
    [True, True, True, False, False]
    """
    upper = declared.upper()
    if "INT" in upper:
        return True
    return bool(upper) and not any(word in upper for word in ("CHAR", "CLOB", "TEXT", "BLOB"))


def _names_in_keys(schema: Schema) -> set[str]:
    """Name the fields that are in a key, or refer to one."""
    keys = [schema.primary_key, *schema.unique_keys, *(key.fields for key in schema.foreign_keys)]
    unique = (field.name for field in schema.fields if field.constraints.unique)
    return set(chain(unique, *keys))


def plain_number(text: str) -> str:
    """Write a number without zeros that say nothing.

    Examples
    --------
    >>> [plain_number(text) for text in ("1.50", "-0.0", "1E+2", "0.05", "NaN")]
    ['1.5', '0', '100', '0.05', 'NaN']
    """
    value = Decimal(text)
    if not value.is_finite():
        return text
    digits = f"{value:f}"
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) if value else "0"


_TEXTS: Final[dict[str, Callable[[str], str]]] = {"number": plain_number, "uuid": str.lower}
"""By type or format of a field."""
