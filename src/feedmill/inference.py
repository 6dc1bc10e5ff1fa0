"""Inferring: what a feed's columns hold, from all of its records, as a schema that accepts them.

::

    reader ─chunks─▶ worker 1…N: the kernel reads each chunk once a candidate ─▶ summaries, merged in order

A type is a column's if the kernel finds no cell that does not read as it: the schema is right about the feed
by the rules that will judge it. Of the candidates the first one that fits is taken, and text fits always.
Everything else that was seen, such as the least and the greatest value or the few values that occur, is told
as evidence and not made a constraint: the next feed may well have others.

Summaries are merged in the order of the input and hold a bounded number of values, so neither the number of
workers nor the length of the feed changes a result, or the memory it takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from feedmill.codes import Code
from feedmill.errors import UsageError
from feedmill.kernel import Plan
from feedmill.pool import WorkerPool
from feedmill.readers import BufferPool, open_feed
from feedmill.readers.blocks import STDIN
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.schema import Constraints, Field, Schema

if TYPE_CHECKING:
    from feedmill.dialect import Dialect
    from feedmill.readers import Chunk, Reader

__all__ = ["ColumnEvidence", "Inference", "infer"]

CANDIDATES: Final = (
    ("integer", "default"),
    ("number", "default"),
    ("boolean", "default"),
    ("date", "default"),
    ("datetime", "default"),
    ("time", "default"),
    ("string", "uuid"),
    ("string", "gtin"),
    ("string", "email"),
    ("string", "uri"),
)
"""Types and formats, in the order in which they are preferred."""

MOST_VALUES: Final = 20
"""Different values that are told as candidates for an enum; a column with more of them has no such list."""

EXAMPLES: Final = 3

MOST_KEYS: Final = 10_000
"""Different keys of JSON Lines: a feed with more has data in its keys."""

_UNFIT: Final = frozenset({Code.TYPE, Code.FORMAT, Code.CHECK_DIGIT})
_NUMBERS: Final = frozenset({"integer", "number"})
_SORTED_AS_TEXT: Final = frozenset({"date"})


@dataclass(frozen=True, slots=True)
class ColumnEvidence:
    """What was seen in one column.

    Attributes
    ----------
    cells, missing : int
        Cells with a value, and empty ones.
    minimum, maximum : str or None
        Of integers, numbers and dates.
    min_length, max_length : int
        Characters of the shortest and of the longest value.
    values : tuple of str or None
        All values there are, sorted, if they are few and occur twice and more on the average.
    examples : tuple of str
        The first different ones.
    """

    cells: int
    missing: int
    minimum: str | None
    maximum: str | None
    min_length: int
    max_length: int
    values: tuple[str, ...] | None
    examples: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Write it as JSON has it; what says nothing is left out."""
        total = self.cells + self.missing
        told: dict[str, object] = {
            "values": self.cells,
            "missing": self.missing,
            "missingRate": round(self.missing / total, 4) if total else None,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "minLength": self.min_length,
            "maxLength": self.max_length,
            "enumCandidates": None if self.values is None else list(self.values),
            "examples": list(self.examples),
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Inference:
    """A schema, and why it is that.

    Attributes
    ----------
    schema : Schema
    evidence : dict of str to ColumnEvidence
        By field.
    records, unreadable : int
        All records, and those whose cells did not count, as there were too few or too many of them, or one of
        them is no text.
    """

    schema: Schema
    evidence: dict[str, ColumnEvidence]
    records: int
    unreadable: int

    def to_descriptor(self) -> dict[str, object]:
        """Write a Table Schema with the evidence in it, which readers of Table Schemas ignore."""
        document = self.schema.to_descriptor()
        fields = document["fields"]
        assert isinstance(fields, list)
        for each in fields:
            each["evidence"] = self.evidence[each["name"]].to_dict()
        document["evidence"] = {"records": self.records, "unreadable": self.unreadable}
        return document


def infer(feed: str, *, options: RunOptions = DEFAULT_OPTIONS) -> Inference:
    """Find a schema that accepts a feed, from all of its records.

    Parameters
    ----------
    feed : str
        A path, or ``-``: delimited text, or JSON Lines. Without a header its columns are called ``field1``,
        ``field2`` and so on; those of JSON Lines are all the keys there are, in the order in which they come.
    options : RunOptions
        Its dialect, workers and chunk_size count.

    Raises
    ------
    UsageError
        The feed cannot be opened, or has no columns; or it is JSON Lines, which are read twice, and a stream.
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
    buffers = BufferPool()
    with (
        open_feed(feed, options.dialect, options.chunk_size, buffers) as reader,
        WorkerPool(options.first_workers, job_buffer=8, result_buffer=8) as pool,
    ):
        chunks: Iterator[Chunk] = iter(reader)
        names = reader.columns
        if names is None and reader.dialect.format == "jsonl":
            names = _keys(feed, options, pool)
        elif names is None:
            first = list(islice(chunks, 1))
            names = _numbered(first, reader.dialect)
            chunks = chain(first, chunks)
        if not names:
            raise UsageError(f"feed {reader.name}: it has no records, so nothing is known of its columns.")
        scan = _Scan(names, reader)
        total = _Summary.empty(len(names))
        for summary in pool.map(partial(_summed, scan, buffers), chunks):
            total = total.merged(summary)
    return total.concluded(names)


def _numbered(first: Sequence[Chunk], dialect: Dialect) -> tuple[str, ...]:
    """Name the columns of a feed without a header, as many as its first record has cells."""
    width = 1
    while first:
        plan = Plan(Schema(tuple(Field(f"field{number + 1}") for number in range(width))), dialect)
        batch = plan.parse(first[0].data, first[0].size, damage=first[0].damage)
        of_first = [code for code, _, record, *_ in batch.rejects() if record == 0]
        if Code.EXTRA_CELL not in of_first:
            return plan.names[: width - of_first.count(Code.MISSING_CELL)]
        width *= 2
    return ()


def _keys(feed: str, options: RunOptions, pool: WorkerPool) -> tuple[str, ...]:
    """List the keys of JSON Lines."""
    if feed == STDIN:
        raise UsageError(
            "JSON Lines are read twice, for their keys and for their values; save them to a file."
        )
    buffers = BufferPool()
    keys: dict[str, None] = {}
    with open_feed(feed, options.dialect, options.chunk_size, buffers) as reader:
        for found in pool.map(partial(_keys_in, buffers), reader):
            keys |= found
            if len(keys) > MOST_KEYS:
                raise UsageError(f"feed {reader.name}: it has more than {MOST_KEYS:,} different keys.")
    return tuple(keys)


def _keys_in(buffers: BufferPool, chunk: Chunk) -> dict[str, None]:
    keys: dict[str, None] = {}
    try:
        for line in bytes(memoryview(chunk.data)[: chunk.size]).split(b"\n"):
            try:
                value = json.loads(line) if line.strip() else None
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                keys |= dict.fromkeys(value)
    finally:
        buffers.release(chunk)
    return keys


class _Scan:
    """The plans that a chunk is read with: one of texts, and one a candidate in which every field is such.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, names: Sequence[str], reader: Reader) -> None:
        def plan(**declared: str) -> Plan:
            fields = tuple(Field(name, **declared) for name in names)  # type: ignore[arg-type]
            return Plan(Schema(fields), reader.dialect)

        self._parse = reader.parse
        self.texts = plan()
        self.candidates = [plan(type=kind, format=form) for kind, form in CANDIDATES]

    def summary(self, chunk: Chunk) -> _Summary:
        """Sum a chunk up."""
        texts = self._parse(chunk, self.texts)
        made = _Summary.empty(len(self.texts.names))
        made.records, made.unreadable = texts.records, texts.failures
        for column, values in zip(made.columns, zip(*texts.tuples(), strict=True), strict=False):
            column.take(values)
        for number, plan in enumerate(self.candidates):
            for code, place in self._parse(chunk, plan).reject_counts():
                if place >= 0 and code in _UNFIT:
                    made.columns[place].unfit.add(number)
        for column in made.columns:
            column.measure()
        return made


def _summed(scan: _Scan, buffers: BufferPool, chunk: Chunk) -> _Summary:
    try:
        return scan.summary(chunk)
    finally:
        buffers.release(chunk)


@dataclass(slots=True)
class _Column:
    """What was seen in a column so far."""

    cells: int = 0
    missing: int = 0
    unfit: set[int] = field(default_factory=set)
    values: set[str] | None = field(default_factory=set)
    examples: list[str] = field(default_factory=list)
    lengths: tuple[int, int] | None = None
    numbers: tuple[Decimal, Decimal] | None = None
    texts: tuple[str, str] | None = None
    _seen: frozenset[str] = frozenset()

    def take(self, values: tuple[object, ...]) -> None:
        """Take note of a chunk's cells."""
        different = dict.fromkeys(values)
        self.missing = values.count(None)
        self.cells = len(values) - self.missing
        different.pop(None, None)
        texts = [str(value) for value in different]
        self._seen = frozenset(texts)
        if not texts:
            return
        self.values = set(texts) if len(texts) <= MOST_VALUES else None
        self.examples = texts[:EXAMPLES]
        lengths = [len(text) for text in texts]
        self.lengths = (min(lengths), max(lengths))
        self.texts = (min(texts), max(texts))
        # Numbers lose the zeros in front, which codes need.
        if any(text[0] == "0" and text[1:2].isdigit() for text in texts):
            self.unfit |= {number for number, (kind, _) in enumerate(CANDIDATES) if kind in _NUMBERS}

    def measure(self) -> None:
        """Find the least and the greatest number, if the kernel reads all cells as numbers."""
        seen, self._seen = self._seen, frozenset()
        if seen and CANDIDATES.index(("number", "default")) not in self.unfit:
            numbers = [each for each in map(Decimal, seen) if each.is_finite()]
            self.numbers = (min(numbers), max(numbers)) if numbers else None

    def merged(self, later: _Column) -> _Column:
        """Add what was seen after it."""
        values = None if self.values is None or later.values is None else self.values | later.values
        return _Column(
            cells=self.cells + later.cells,
            missing=self.missing + later.missing,
            unfit=self.unfit | later.unfit,
            values=values if values is None or len(values) <= MOST_VALUES else None,
            examples=list(dict.fromkeys(self.examples + later.examples))[:EXAMPLES],
            lengths=_wider(self.lengths, later.lengths),
            numbers=_wider(self.numbers, later.numbers),
            texts=_wider(self.texts, later.texts),
        )

    def concluded(self, name: str) -> tuple[Field, ColumnEvidence]:
        """Choose the type, and tell why."""
        kind, form = "string", "default"
        if self.cells:
            fitting = (each for number, each in enumerate(CANDIDATES) if number not in self.unfit)
            kind, form = next(fitting, (kind, form))
        low, high = None, None
        if kind in _NUMBERS and self.numbers:
            low, high = map(str, self.numbers)
        elif kind in _SORTED_AS_TEXT and self.texts:
            low, high = self.texts
        are_few = self.values and kind == "string" and 2 * len(self.values) <= self.cells
        evidence = ColumnEvidence(
            cells=self.cells,
            missing=self.missing,
            minimum=low,
            maximum=high,
            min_length=self.lengths[0] if self.lengths else 0,
            max_length=self.lengths[1] if self.lengths else 0,
            values=tuple(sorted(self.values)) if self.values and are_few else None,
            examples=tuple(self.examples),
        )
        required = Constraints(required=self.cells > 0 and self.missing == 0)
        return Field(name, kind, form, constraints=required), evidence


@dataclass(slots=True)
class _Summary:
    """What was seen in consecutive chunks."""

    columns: list[_Column]
    records: int = 0
    unreadable: int = 0

    @classmethod
    def empty(cls, width: int) -> _Summary:
        return cls([_Column() for _ in range(width)])

    def merged(self, later: _Summary) -> _Summary:
        return replace(
            self,
            columns=[one.merged(other) for one, other in zip(self.columns, later.columns, strict=True)],
            records=self.records + later.records,
            unreadable=self.unreadable + later.unreadable,
        )

    def concluded(self, names: Sequence[str]) -> Inference:
        found = [column.concluded(name) for name, column in zip(names, self.columns, strict=True)]
        return Inference(
            schema=Schema(tuple(each for each, _ in found)),
            evidence={each.name: evidence for each, evidence in found},
            records=self.records,
            unreadable=self.unreadable,
        )


def _wider[T: (int, str, Decimal)](one: tuple[T, T] | None, other: tuple[T, T] | None) -> tuple[T, T] | None:
    """Join two spans."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
