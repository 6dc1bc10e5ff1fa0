"""Foreign keys: values that have to be those of a record in another file, or in the feeds themselves.

The file is read before the run: of each of its records that can be read, the digest of the fields referred to
is kept, 18 to 37 bytes. Its values are read as the types of the fields that refer to them, so `007` is `7`
where the field is an integer. From then on every worker may look into it.

A key with a missing value refers to nothing, and is not looked for, as in SQL (MATCH SIMPLE).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import FeedmillError, UsageError
from feedmill.kernel import KeyIndex, Plan
from feedmill.pipeline.judged import Verdict
from feedmill.readers import Source, find_feeds, open_source
from feedmill.readers.blocks import STDIN
from feedmill.schema import Constraints, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from feedmill.kernel import Batch
    from feedmill.keys import ForeignKey


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
    files : mapping of str to str
        Files of resources, for those that are not found by their names.
    feeds : sequence of str
        What keys without a resource refer to.
    dialect : Dialect, optional
        How the feeds are written; other files are written as their names say, in UTF-8.

    Raises
    ------
    UsageError
        A file is not there, cannot be read, or lacks a column; or the feeds cannot be read twice.

    Thread safety
    -------------
    immutable
    """

    def __init__(
        self, schema: Schema, files: Mapping[str, str], feeds: Sequence[Source], dialect: Dialect | None
    ) -> None:
        self._references = [
            _Reference(
                tuple(schema.names.index(name) for name in key.fields),
                f"expected a {', '.join(key.fields)} that {key.resource or 'a record of the feed'} has, got ",
                _index_of(key, schema, _sources(key, schema, files, feeds), dialect),
            )
            for key in schema.foreign_keys
        ]

    @classmethod
    def wanted(
        cls, schema: Schema, files: Mapping[str, str], feeds: Sequence[Source], dialect: Dialect | None
    ) -> Self | None:
        """Make them if there are any; a file for a resource that no key names is refused."""
        if stray := files.keys() - {key.resource for key in schema.foreign_keys}:
            raise UsageError(
                f"--reference {min(stray)}=…: no foreign key of the schema refers to {min(stray)!r}."
            )
        return cls(schema, files, feeds, dialect) if schema.foreign_keys else None

    def checked(self, batch: Batch) -> Batch:
        """Judge a batch; give what stays of it."""
        verdict = Verdict(batch)
        for each in self._references:
            for record in batch.lacking_keys(each.index, each.fields):
                shown = batch.key_text(record, each.fields).decode("utf-8", "replace")
                verdict.find(record, Code.FOREIGN_KEY, each.fields, f'{each.expected}"{shown[:80]}"')
        verdict.findings.sort(key=lambda finding: finding[2])
        return verdict.batch_that_stays()


def _sources(key: ForeignKey, schema: Schema, files: Mapping[str, str], feeds: Sequence[Source]) -> list[str]:
    """Say which files a key refers to."""
    if not key.resource:
        own = [each for each in feeds if isinstance(each, str) and each != STDIN]
        if len(own) < len(feeds):
            raise UsageError(
                "foreignKeys: a key that refers to the feed itself needs a file: a stream can be read once."
            )
        return own
    if key.resource in files:
        return find_feeds([files[key.resource]])
    path = Path(schema.folder, key.resource)
    if not path.exists() and not path.suffix:
        path = path.with_suffix(".csv")
    if not path.exists():
        raise UsageError(
            f"foreignKeys: {path} is not there; say where it is: --reference {key.resource}=FILE."
        )
    return [str(path)]


def _index_of(key: ForeignKey, schema: Schema, paths: Sequence[str], dialect: Dialect | None) -> KeyIndex:
    """Read the keys that there are."""
    columns = tuple(dict.fromkeys(key.columns))
    declared = Schema(
        tuple(_read_as(schema.field(key.fields[key.columns.index(name)]), name) for name in columns),
        missing_values=schema.missing_values,
        fields_match="subset",
    )
    index = KeyIndex([[columns.index(name) for name in key.columns]])
    before = 0
    for path in paths:
        own = dialect if not key.resource else None
        try:
            with open_source(path, own or _dialect_of(path)) as reader:
                plan = Plan(declared, reader.dialect, reader.bind(declared))
                for chunk in reader:
                    batch = reader.parse(chunk, plan)
                    batch.claim_keys(index, before)
                    before += batch.records
        except FeedmillError as error:
            raise UsageError(f"foreignKeys: {error}") from error
    index.freeze()
    return index


def _read_as(field: Field, name: str) -> Field:
    """Declare a field as another one is, but let every value of its type pass."""
    return replace(field, name=name, constraints=Constraints())


def _dialect_of(path: str) -> Dialect:
    endings = Path(path.lower()).suffixes
    return Dialect(format="jsonl" if ".jsonl" in endings else "tsv" if ".tsv" in endings else "csv")
