"""A batch some of whose records may not stay, for what the kernel could not know when it read them."""

from __future__ import annotations

from collections import Counter
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, cast

from feedmill.kernel import WrappedBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from feedmill.kernel import Batch, Finding

    type Note = Callable[[int, int, bytes], str]


class JudgedBatch(WrappedBatch):
    """A batch without the records that were found to fail, or to be superfluous.

    Nothing is made of a single record before somebody asks for its finding: a feed may have nothing but such.

    Parameters
    ----------
    before : Batch
        What was judged.
    rows : Batch
        What the kernel leaves of it, with its findings: of `Batch.claim_keys` or `Batch.miss_keys`.
    note : callable
        What is said of a finding: of which key it is, of the record that has that key, and of its value.

    Attributes
    ----------
    duplicates : int
        Records that another record stands for: neither rows nor failures.
    dropped : int
        Records that a callback dropped.
    errors, notes : mappings
        What findings say that the kernel's words do not; see `feedmill.records.rejects_of`.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, before: Batch, rows: Batch, note: Note) -> None:
        super().__init__(rows)
        self._before = before
        self._note = note
        out = before.rows - rows.rows
        # Either each record that is out has a finding, or none has.
        failed = out if rows.reject_counts() else 0
        self.duplicates = out - failed
        self.dropped: int = getattr(before, "dropped", 0)
        self.errors: Mapping[int, str] = getattr(before, "errors", {})
        self.records, self.lines = before.records, before.lines
        self.failures = before.failures + failed
        self.nbytes = before.nbytes + rows.nbytes

    @classmethod
    def of(cls, before: Batch, rows: Batch | None, note: Note) -> Batch:
        """Make one; without rows, all of them stay, and the batch is what it was."""
        # It answers everything a Batch is asked.
        return before if rows is None else cast("Batch", cls(before, rows, note))

    @property
    def notes(self) -> dict[tuple[int, int, int], str]:
        """What findings say, by code, field and record."""
        notes: dict[tuple[int, int, int], str] = {}
        claims = zip(self.inner.rejects(), self.inner.claims(), strict=True)
        for (code, column, record, _line, _byte, _length, value), (key, holder) in claims:
            said = self._note(key, holder, value)
            # A record may share two keys of several fields, which are one kind of finding.
            before = notes.get((code, column, record))
            notes[code, column, record] = f"{before}; {said}" if before else said
        return {**getattr(self._before, "notes", {}), **notes}

    def rejects(self) -> list[Finding]:
        """List the findings, those before and those of now."""
        place = self._before.place
        # Where a record stands may be known to a reader only.
        found = [
            (code, column, record, *place(record), length, value)
            for code, column, record, _line, _byte, length, value in self.inner.rejects()
        ]
        return list(merge(self._before.rejects(), found, key=itemgetter(2)))

    def reject_counts(self) -> dict[tuple[int, int], int]:
        """Count the findings by code and field."""
        return dict(Counter(self._before.reject_counts()) + Counter(self.inner.reject_counts()))

    def place(self, record: int) -> tuple[int, int]:
        """Say where a record stands."""
        return self._before.place(record)
