"""What was seen in a feed's columns, and the schema that follows from it.

A `Summary` is of consecutive chunks, made by `inference` in any thread. Summaries are merged in the order of
the input and hold a bounded number of values, so neither the number of workers nor the length of the feed
changes a result, or the memory it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from feedmill.schema import Constraints, Field, Schema

__all__ = ["CANDIDATES", "ColumnEvidence", "Inference", "Summary", "declared_as"]

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

_NUMBERS: Final = frozenset({"integer", "number"})
_AS_NUMBERS: Final = frozenset(number for number, (kind, _) in enumerate(CANDIDATES) if kind in _NUMBERS)
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


@dataclass(slots=True)
class Column:
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
        texts = [_plainly(value) for value in different]
        self._seen = frozenset(texts)
        if not texts:
            return
        self.values = set(texts) if len(texts) <= MOST_VALUES else None
        self.examples = texts[:EXAMPLES]
        lengths = [len(text) for text in texts]
        self.lengths = (min(lengths), max(lengths))
        self.texts = (min(texts), max(texts))
        # Numbers lose the zeros in front, which codes need, and the plus, which telephone numbers do.
        if any(text[0] == "+" or (text[0] == "0" and text[1:2].isdigit()) for text in texts):
            self.unfit |= _AS_NUMBERS

    def measure(self) -> None:
        """Find the least and the greatest number, if the kernel reads all cells as numbers."""
        seen, self._seen = self._seen, frozenset()
        if seen and not self.unfit >= _AS_NUMBERS:
            numbers = [each for each in map(Decimal, seen) if each.is_finite()]
            self.numbers = (min(numbers), max(numbers)) if numbers else None

    def merged(self, later: Column) -> Column:
        """Add what was seen after it."""
        values = None if self.values is None or later.values is None else self.values | later.values
        return Column(
            cells=self.cells + later.cells,
            missing=self.missing + later.missing,
            unfit=self.unfit | later.unfit,
            values=values if values is None or len(values) <= MOST_VALUES else None,
            examples=list(dict.fromkeys(self.examples + later.examples))[:EXAMPLES],
            lengths=_wider(self.lengths, later.lengths),
            numbers=_wider(self.numbers, later.numbers),
            texts=_wider(self.texts, later.texts),
        )

    def concluded(self, own: Field) -> tuple[Field, ColumnEvidence]:
        """Choose the type, and tell why."""
        kind, form = own.type, own.format
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
        return replace(declared_as(own, kind, form), constraints=required), evidence


@dataclass(slots=True)
class Summary:
    """What was seen in consecutive chunks."""

    columns: list[Column]
    records: int = 0
    unreadable: int = 0

    @classmethod
    def empty(cls, width: int) -> Summary:
        """Begin with nothing."""
        return cls([Column() for _ in range(width)])

    def merged(self, later: Summary) -> Summary:
        """Add what was seen after it."""
        return replace(
            self,
            columns=[one.merged(other) for one, other in zip(self.columns, later.columns, strict=True)],
            records=self.records + later.records,
            unreadable=self.unreadable + later.unreadable,
        )

    def concluded(self, fields: Sequence[Field]) -> Inference:
        """Choose the types, given the fields as the columns are declared."""
        found = [column.concluded(own) for own, column in zip(fields, self.columns, strict=True)]
        return Inference(
            schema=Schema(tuple(each for each, _ in found)),
            evidence={each.name: evidence for each, evidence in found},
            records=self.records,
            unreadable=self.unreadable,
        )


def declared_as(own: Field, kind: str, form: str) -> Field:
    """Declare a column as a candidate; the rest of its declaration is about its own type."""
    return replace(own, format=form) if kind == own.type else Field(own.name, kind, form)


def _plainly(value: object) -> str:
    """Write a value as a feed would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _wider[T: (int, str, Decimal)](one: tuple[T, T] | None, other: tuple[T, T] | None) -> tuple[T, T] | None:
    """Join two spans."""
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
