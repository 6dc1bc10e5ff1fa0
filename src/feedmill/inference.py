"""Inferring: what a feed's columns hold, from all of its records, as a schema that accepts them.

::

    reader ─chunks─▶ worker 1…N: the kernel reads each chunk once a candidate ─▶ summaries, merged in order

A type is a column's if the kernel finds no cell that does not read as it: the schema is right about the feed
by the rules that will judge it. Of the candidates the first one that fits is taken, and text fits always.
Everything else that was seen, such as the least and the greatest value or the few values that occur, is told
as evidence and not made a constraint: the next feed may well have others.

Columns of Parquet and Arrow have types. What is no text there stays what it is, and only text is asked what
else it reads as.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from feedmill.codes import Code
from feedmill.errors import UsageError
from feedmill.evidence import CANDIDATES, Inference, Summary, declared_as
from feedmill.kernel import Plan
from feedmill.pool import WorkerPool
from feedmill.readers import BufferPool, Source, find_sources, is_stream, open_source
from feedmill.readers.arrow import ArrowReader
from feedmill.readers.jsonlines import JsonLinesReader
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.schema import Field, Schema

if TYPE_CHECKING:
    from feedmill.dialect import Dialect
    from feedmill.kernel import Batch
    from feedmill.readers import Chunk, Reader

__all__ = ["infer"]

MOST_KEYS: Final = 10_000
"""Different keys of JSON Lines: a feed with more has data in its keys."""

_JSON_KINDS: Final[dict[type, str]] = {list: "array", dict: "object"}
_UNFIT: Final = frozenset({Code.TYPE, Code.FORMAT, Code.CHECK_DIGIT})


def infer(feeds: Sequence[Source] | Source, *, options: RunOptions = DEFAULT_OPTIONS) -> Inference:
    """Find a schema that accepts a feed, or several of the same columns, from all of their records.

    Parameters
    ----------
    feeds : str or object, or a sequence of them
        Paths, globs, or ``-``: delimited text, or JSON Lines. Columns without a name are called ``field1``,
        ``field2`` and so on, by their place (``field1_`` if another column is called so); those of JSON Lines
        are all the keys there are, in the order in which they come. Parquet and Arrow files, and objects that
        offer an Arrow stream.
    options : RunOptions
        Its dialect, workers and chunk_size count.

    Raises
    ------
    UsageError
        A feed cannot be opened, has no columns or others than the first; or it is JSON Lines, which are read
        twice, and a stream.
    RunError
        Reading it broke off.

    Notes
    -----
    Costs a pass of the kernel for each candidate type, and about 100 ns a cell for the evidence.

    Examples
    --------
    >>> found = infer("examples/dealers.csv")
    >>> [(each.name, each.type, each.constraints.required) for each in found.schema.fields]
    [('code', 'integer', True), ('name', 'string', True)]
    """
    sources = find_sources(feeds)
    buffers = BufferPool()
    first: tuple[str, tuple[Field, ...]] = "", ()
    total = Summary.empty(0)
    with WorkerPool(options.first_workers, job_buffer=8, result_buffer=8) as pool:
        for source in sources:
            with open_source(source, options.dialect, options.chunk_size, buffers) as reader:
                fields, chunks = _columns(reader, first[1], sources, options, pool)
                if not first[1]:
                    first, total = (reader.name, fields), Summary.empty(len(fields))
                if fields != first[1]:
                    raise UsageError(
                        f"feed {reader.name} has other columns than {first[0]}; infer them one by one."
                    )
                scan = _Scan(Schema(fields), reader)
                for summary in pool.map(partial(_summed, scan, buffers), chunks):
                    total = total.merged(summary)
    return total.concluded(first[1])


def _columns(
    reader: Reader,
    known: tuple[Field, ...],
    sources: Sequence[Source],
    options: RunOptions,
    pool: WorkerPool,
) -> tuple[tuple[Field, ...], Iterator[Chunk]]:
    """Declare the columns of a feed as what they are, and give its chunks; all JSON Lines have the same."""
    chunks: Iterator[Chunk] = iter(reader)
    if isinstance(reader, ArrowReader):
        fields = reader.fields()
    elif reader.columns is not None:
        fields = _named(reader.columns, reader)
    elif reader.dialect.format == "jsonl":
        fields = known or _keys(sources, options, pool)
    else:
        first = list(islice(chunks, 1))
        fields = tuple(map(Field, _numbered(first, reader.dialect)))
        chunks = chain(first, chunks)
    if not fields:
        raise UsageError(f"feed {reader.name}: it has no records, so nothing is known of its columns.")
    return fields, chunks


def _named(columns: Sequence[str], reader: Reader) -> tuple[Field, ...]:
    """Declare the columns of a header, which have to differ."""
    fields = {name: Field(name) for name in columns}
    if len(fields) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        dialect = reader.dialect
        above = dialect.skip_rows + dialect.header_rows[-1]
        raise UsageError(
            f"feed {reader.name}: the header has {columns.count(twice)} columns named {twice!r}; rename all "
            f"but one, or leave the header out: --skip-rows {above} --no-header"
        )
    return tuple(fields.values())


def _numbered(first: Sequence[Chunk], dialect: Dialect) -> tuple[str, ...]:
    """Name the columns of a feed without a header, as many as its first records have cells most often.

    Of numbers that are as frequent, the highest counts.
    """
    width = 1
    while first:
        plan = Plan(Schema(tuple(Field(f"field{number + 1}") for number in range(width))), dialect)
        batch = plan.parse(first[0].data, first[0].size, damage=first[0].damage)
        found = [(code, record) for code, _, record, *_ in batch.rejects()]
        wider = {record for code, record in found if code == Code.EXTRA_CELL}
        missing = Counter(record for code, record in found if code == Code.MISSING_CELL)
        fitting = (record for record in range(batch.records) if record not in wider)
        widths = Counter(width - missing[record] for record in fitting)
        usual = max(widths, key=lambda each: (widths[each], each), default=0)
        if not wider or len(wider) < widths[usual]:  # no other can be as frequent
            return plan.names[:usual]
        width *= 2
    return ()


def _keys(feeds: Sequence[Source], options: RunOptions, pool: WorkerPool) -> tuple[Field, ...]:
    """List the keys of JSON Lines; one whose values are all arrays, or all objects, is such a field.

    Where an array or an object is among other values, it is a field of any.
    """
    if any(isinstance(feed, str) and is_stream(feed) for feed in feeds):
        raise UsageError(
            "JSON Lines are read twice, for their keys and for their values; save them to a file."
        )
    buffers = BufferPool()
    keys: dict[str, set[str]] = {}
    for feed in feeds:
        with open_source(feed, options.dialect, options.chunk_size, buffers) as reader:
            for found in pool.map(partial(_keys_in, buffers), reader):
                for key, kinds in found.items():
                    keys.setdefault(key, set()).update(kinds)
                if len(keys) > MOST_KEYS:
                    raise UsageError(f"feed {reader.name}: it has more than {MOST_KEYS:,} different keys.")
                if "" in keys:
                    raise UsageError(f"feed {reader.name}: a record has a key without a name; give it one.")
    return tuple(
        Field(key, kinds.pop() if len(kinds) == 1 else "any" if kinds else "string")
        for key, kinds in keys.items()
    )


def _keys_in(buffers: BufferPool, chunk: Chunk) -> dict[str, set[str]]:
    """Find the keys of a chunk's lines, and what sorts of values there are, null aside."""
    keys: dict[str, set[str]] = {}
    try:
        for line in bytes(memoryview(chunk.data)[: chunk.size]).split(b"\n"):
            try:
                record: object = json.loads(line) if line.strip() else None
            except (ValueError, RecursionError):
                continue
            for key, value in record.items() if isinstance(record, dict) else ():
                kinds = keys.setdefault(key, set())
                if value is not None:
                    kinds.add(_JSON_KINDS.get(type(value), "string"))
    finally:
        buffers.release(chunk)
    return keys


class _Scan:
    """The plans that a chunk is read with: one of the columns as they are, and one a candidate.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, schema: Schema, reader: Reader) -> None:
        if isinstance(reader, ArrowReader):
            reader.bind(schema)
        self._reader = reader
        self.as_is = Plan(schema, reader.dialect)
        # By candidate, a plan in which the columns that may be such are, and the columns that may not.
        self.candidates: dict[int, Plan] = {}
        self.never: dict[int, set[int]] = {}
        for number, (kind, form) in enumerate(CANDIDATES):
            may_be = [_may_be(own, kind) for own in schema.fields]
            self.never[number] = {place for place, may in enumerate(may_be) if not may}
            if any(may_be):
                fields = (
                    declared_as(own, kind, form) if may else own
                    for own, may in zip(schema.fields, may_be, strict=True)
                )
                self.candidates[number] = Plan(Schema(tuple(fields)), reader.dialect)

    def summary(self, chunk: Chunk) -> Summary:
        """Sum a chunk up."""
        batches = self._parsed(chunk)
        cells = next(batches)
        made = Summary.empty(len(self.as_is.names))
        made.records, made.unreadable = cells.records, cells.failures
        for column, values in zip(made.columns, zip(*cells.tuples(), strict=True), strict=False):
            column.take(values)
        found = dict(zip(self.candidates, (batch.reject_counts() for batch in batches), strict=True))
        for number, never in self.never.items():
            for place in never | {place for code, place in found.get(number, {}) if code in _UNFIT}:
                if place >= 0:
                    made.columns[place].unfit.add(number)
        for column in made.columns:
            column.measure()
        return made

    def _parsed(self, chunk: Chunk) -> Iterator[Batch]:
        plans = [self.as_is, *self.candidates.values()]
        if isinstance(self._reader, JsonLinesReader):
            return self._reader.parse_each(chunk, plans)
        return (self._reader.parse(chunk, plan) for plan in plans)


def _may_be(own: Field, kind: str) -> bool:
    """Whether a column that is declared like this may turn out to be of a kind; text may be of any."""
    return own.type in {"string", kind} or (kind == "integer" and own.type == "number" and own.scale == 0)


def _summed(scan: _Scan, buffers: BufferPool, chunk: Chunk) -> Summary:
    try:
        return scan.summary(chunk)
    finally:
        buffers.release(chunk)
