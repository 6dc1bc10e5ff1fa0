"""Foreign keys: values that have to be those of a record in another file, a table, or the feeds themselves.

The file is read before the run: of each of its records that can be read, the digest of the fields referred to
is kept, 18 to 37 bytes. Its values are read as the types of the fields that refer to them, so `007` is `7`
where the field is an integer. From then on every worker may look into it.

A table is read in the same way, by a stream. It has values in their plain notation (`_as_stored`): a date is
a date there, however the feed writes dates.

A key with a missing value refers to nothing, and is not looked for, as in SQL (MATCH SIMPLE).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import FeedmillError, UsageError
from feedmill.kernel import KeyIndex, Plan
from feedmill.pipeline.judged import JudgedBatch
from feedmill.readers import CHUNK_BYTES, Source, find_feeds, open_source
from feedmill.readers.blocks import STDIN
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.table_text import TableAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from feedmill.kernel import Batch
    from feedmill.keys import ForeignKey
    from feedmill.stores.url import Place

_TEXTS: Final = frozenset({"string", "any", "list", "yearmonth", "duration", "geopoint"})
"""Types whose values a table has as they were written."""


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key and the keys that there are."""

    fields: tuple[int, ...]
    expected: str
    index: KeyIndex


class References:
    """The foreign keys of a schema, with what they refer to.

    Parameters
    ----------
    schema : Schema
    places : mapping of str to str or PathLike
        Files of resources, for those that are not found by their names, or tables, ``URL#table``.
    feeds : sequence of str
        What keys without a resource refer to.
    dialect : Dialect, optional
        How the feeds are written; other files are written as their names say, in UTF-8.

    Raises
    ------
    UsageError
        A file or table is not there, cannot be read, or lacks a column; or the feeds cannot be read twice.

    Thread safety
    -------------
    immutable
    """

    def __init__(
        self, schema: Schema, places: Mapping[str, Place], feeds: Sequence[Source], dialect: Dialect | None
    ) -> None:
        self._references = [
            _Reference(
                tuple(schema.names.index(name) for name in key.fields),
                f"expected a {', '.join(key.fields)} that {key.resource or 'a record of the feed'} has, got ",
                _index_of(key, schema, _place(key, schema, places, feeds), dialect),
            )
            for key in schema.foreign_keys
        ]

    @classmethod
    def wanted(
        cls, schema: Schema, places: Mapping[str, Place], feeds: Sequence[Source], dialect: Dialect | None
    ) -> Self | None:
        """Make them if there are any; a place of a resource that no key names is refused."""
        if stray := places.keys() - {key.resource for key in schema.foreign_keys}:
            raise UsageError(
                f"--reference {min(stray)}=…: no foreign key of the schema refers to {min(stray)!r}."
            )
        return cls(schema, places, feeds, dialect) if schema.foreign_keys else None

    @staticmethod
    def files(schema: Schema, places: Mapping[str, Place]) -> list[str]:
        """List the files that would be read; one that only the schema names may not be there.

        Raises
        ------
        FeedError
            No file is where a place says.
        """
        unplaced = {key.resource for key in schema.foreign_keys} - {"", *places}
        beside = [str(_resource_file(schema, each)) for each in unplaced if "://" not in each]
        given = [os.fspath(place) for place in places.values()]
        return beside + find_feeds(place for place in given if "://" not in place)

    def checked(self, batch: Batch) -> Batch:
        """Judge a batch; give what stays of it."""
        keys = [(each.index, each.fields) for each in self._references]
        return JudgedBatch.of(batch, batch.miss_keys(keys, Code.FOREIGN_KEY), self._note)

    def _note(self, key: int, _holder: int, value: bytes) -> str:
        return f'{self._references[key].expected}"{value.decode("utf-8", "replace")[:80]}"'


def _resource_file(schema: Schema, resource: str) -> Path:
    """Say where a resource is that no place was given for: beside its schema."""
    path = Path(schema.folder, resource)
    return path if path.exists() or path.suffix else path.with_suffix(".csv")


def _place(
    key: ForeignKey, schema: Schema, places: Mapping[str, Place], feeds: Sequence[Source]
) -> list[str] | TableAddress:
    """Say which files, or which table, a key refers to."""
    if not key.resource:
        own = [each for each in feeds if isinstance(each, str) and each != STDIN]
        if len(own) < len(feeds):
            raise UsageError(
                "foreignKeys: a key that refers to the feed itself needs a file: a stream can be read once."
            )
        return own
    if key.resource in places:
        place = os.fspath(places[key.resource])
        return _table(key, place) if "://" in place else find_feeds([place])
    if "://" in key.resource:
        # Not repeated: it may hold a password.
        raise UsageError(
            "foreignKeys: a schema does not say where a database is; give the resource a name, and the run "
            "its place: --reference NAME=URL#table."
        )
    path = _resource_file(schema, key.resource)
    if not path.exists():
        raise UsageError(
            f"foreignKeys: {path} is not there; say where it is: --reference {key.resource}=FILE, or "
            f"{key.resource}=URL#table."
        )
    return [str(path)]


def _table(key: ForeignKey, place: str) -> TableAddress:
    try:
        return TableAddress.parse(place)
    except UsageError as error:
        raise UsageError(f"--reference {key.resource}: {error}") from None


def _index_of(
    key: ForeignKey, schema: Schema, place: list[str] | TableAddress, dialect: Dialect | None
) -> KeyIndex:
    """Read the keys that there are."""
    columns = tuple(dict.fromkeys(key.columns))
    fields = [schema.field(key.fields[key.columns.index(name)]) for name in columns]
    wanted = [[columns.index(name) for name in key.columns]]
    if isinstance(place, TableAddress):
        index = _index_of_table(place, columns, fields, wanted, schema.missing_values)
    else:
        declared = Schema(
            tuple(map(_read_as, fields, columns)),
            missing_values=schema.missing_values,
            fields_match="subset",
        )
        index = _index_of_files(place, declared, wanted, None if key.resource else dialect)
    index.freeze()
    return index


def _index_of_files(
    paths: Sequence[str], declared: Schema, wanted: list[list[int]], dialect: Dialect | None
) -> KeyIndex:
    index = KeyIndex(wanted)
    before = 0
    for path in paths:
        try:
            with open_source(path, dialect or _dialect_of(path)) as reader:
                plan = Plan(declared, reader.dialect, reader.bind(declared))
                for chunk in reader:
                    batch = reader.parse(chunk, plan)
                    batch.claim_keys(index, before)
                    before += batch.records
        except FeedmillError as error:
            raise UsageError(f"foreignKeys: {error}") from error
    return index


def _index_of_table(
    address: TableAddress,
    columns: Sequence[str],
    fields: Sequence[Field],
    wanted: list[list[int]],
    missing_values: tuple[str, ...],
) -> KeyIndex:
    declared = Schema(tuple(map(_as_stored, fields, columns)), missing_values=missing_values)
    plan = Plan(declared, Dialect(header=False, null=""))

    def claimed(blocks: Iterator[bytes]) -> KeyIndex:
        index = KeyIndex(wanted)
        for rows in _whole_rows(plan, blocks):
            # Nobody will ask which row it was that has a key, so none is numbered.
            plan.parse(rows).claim_keys(index, 0)
        return index

    try:
        return address.read(columns, fields, claimed)
    except FeedmillError as error:
        raise UsageError(f"foreignKeys: {error}") from error


def _whole_rows(plan: Plan, blocks: Iterator[bytes]) -> Iterator[bytearray]:
    """Gather blocks until there are rows for a chunk."""
    rest = bytearray()
    for block in blocks:
        rest += block
        if len(rest) >= CHUNK_BYTES and (end := plan.last_record_end(rest, len(rest))):
            yield rest[:end]
            del rest[:end]
    if rest:
        yield rest


def _read_as(field: Field, name: str) -> Field:
    """Declare a field as another one is, but let every value of its type pass."""
    return replace(field, name=name, constraints=Constraints())


def _as_stored(field: Field, name: str) -> Field:
    """Declare a column of a table that a field refers to: of its type, in the plain notation."""
    if field.type in _TEXTS:
        return _read_as(field, name)
    return Field(
        name,
        "integer" if field.type == "year" else field.type,  # without zeros before it
        missing_values=(),
        precision=field.precision,
        scale=field.scale,
        storage=field.storage,
    )


def _dialect_of(path: str) -> Dialect:
    endings = Path(path.lower()).suffixes
    return Dialect(format="jsonl" if ".jsonl" in endings else "tsv" if ".tsv" in endings else "csv")
