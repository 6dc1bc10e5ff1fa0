"""A batch some of whose records may not stay, for what the kernel could not know when it read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, cast

from feedmill.kernel import WrappedBatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feedmill.codes import Code
    from feedmill.kernel import Batch, Finding


@dataclass(slots=True)
class Verdict:
    """What was found against a batch's records."""

    batch: Batch
    findings: list[Finding] = field(default_factory=list)
    notes: dict[tuple[int, int, int], str] = field(default_factory=dict)  # by code, field and record
    failed: set[int] = field(default_factory=set)
    duplicates: set[int] = field(default_factory=set)

    def find(self, record: int, code: Code, fields: Sequence[int], note: str) -> None:
        """Reject a record for its values of some fields; the note stands before them."""
        line, byte = self.batch.place(record)
        value = self.batch.key_text(record, fields)
        column = fields[0] if len(fields) == 1 else -1
        self.findings.append((int(code), column, record, line, byte, len(value), value))
        # A record may share two keys of several fields, which are one kind of finding.
        before = self.notes.get((int(code), column, record))
        self.notes[int(code), column, record] = f"{before}; {note}" if before else note
        self.failed.add(record)

    def batch_that_stays(self) -> Batch:
        """Take out what was found; the batch itself if nothing was."""
        if not self.failed and not self.duplicates:
            return self.batch
        # It answers everything a Batch is asked.
        return cast("Batch", JudgedBatch(self))


class JudgedBatch(WrappedBatch):
    """A batch without the records that were found to fail, or to be superfluous.

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

    def __init__(self, verdict: Verdict) -> None:
        before = verdict.batch
        rows = before.without(sorted(verdict.failed | verdict.duplicates))
        super().__init__(rows)
        self._before = before
        self._findings = list(merge(before.rejects(), verdict.findings, key=itemgetter(2)))
        self.duplicates = len(verdict.duplicates - verdict.failed)
        self.dropped: int = getattr(before, "dropped", 0)
        self.errors: Mapping[int, str] = getattr(before, "errors", {})
        self.notes = {**getattr(before, "notes", {}), **verdict.notes}
        self.records, self.lines = before.records, before.lines
        self.failures = before.failures + len(verdict.failed)
        self.nbytes = before.nbytes + rows.nbytes

    def rejects(self) -> list[Finding]:
        """List the findings, those before and those of now."""
        return self._findings

    def reject_counts(self) -> dict[tuple[int, int], int]:
        """Count the findings by code and field."""
        return dict(Counter((finding[0], finding[1]) for finding in self._findings))

    def place(self, record: int) -> tuple[int, int]:
        """Say where a record stands."""
        return self._before.place(record)
