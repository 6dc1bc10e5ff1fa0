"""A user's callback on records: what it may do, and what becomes of each record it was given.

It runs in the workers, right after the kernel, on every good record. What it returns counts:

=====================  ===========================================================================
the record itself      it stays as it is
another mapping        it takes the record's place, held to the same schema; it may be rejected now
None                   the record is dropped: a success that no store is handed
it raises              the record is a reject, ``callback``; its neighbours know nothing of it
names no field has     the same: what is misspelt would be lost otherwise
sets what is not fed   the same, where a store keeps what it has of columns that the feed lacks
=====================  ===========================================================================

A batch in which nothing was changed stays the kernel's own. Otherwise a second one is built of what was
returned, each record under its old number and place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, cast

from feedmill.codes import Code
from feedmill.kernel import Builder, Record, WrappedBatch, record_plan
from feedmill.records import RAW_BYTES, reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feedmill.kernel import Batch, Finding, Plan
    from feedmill.pipeline.pace import ChunkPace
    from feedmill.readers import Chunk
    from feedmill.schema import Schema

type Returned = Mapping[str, object] | Record
type Transform = Callable[[Record], Returned | None]


class Callback:
    """A callback, and the plan that what it returns is held to.

    Parameters
    ----------
    transform : callable
        Given a `Record`; see above. Called in several threads at a time.
    schema : Schema
    lane_key : sequence of str
        The run's, as records may change their lane.
    fed_only : bool
        Nothing can be set in a column that the feed lacks: the store would not write it.

    Thread safety
    -------------
    any thread
    """

    def __init__(
        self, transform: Transform, schema: Schema, lane_key: Sequence[str] = (), *, fed_only: bool = False
    ) -> None:
        self._transform = transform
        self._fed_only = fed_only
        self._plan = record_plan(schema, lane_key)
        self._names = frozenset(schema.names)

    def applied(self, batch: Batch, chunk: Chunk, plan: Plan, pace: ChunkPace) -> Batch:
        """Put a batch's records through the callback."""
        made = _Made(errors={})
        returned: list[tuple[int, Record, Returned]] = []
        unfed = self._names.difference(plan.columns) if self._fed_only else frozenset()
        for number, record in zip(pace.enter(chunk, batch), batch, strict=True):
            try:
                result = self._transform(record)
                if result is None:
                    made.dropped += 1
                    continue
                if result is not record:
                    made.is_changed = True
                    self._check(result, record, unfed)
                returned.append((number, record, result))
            except MemoryError:
                raise
            except Exception as error:
                made.errors[number] = reason(error)
        pace.leave()
        if not (made.is_changed or made.dropped or made.errors):
            return batch
        built = self._build(returned, batch, made)
        for number in made.errors:
            line, byte = batch.place(number)
            raw = raw_record(plan, memoryview(chunk.data)[: chunk.size], byte)
            made.findings.append((int(Code.CALLBACK), -1, number, line, byte, len(raw), raw[:RAW_BYTES]))
        made.findings.sort(key=itemgetter(2))
        # It answers everything a Batch is asked; the kernel's class is closed to subclasses.
        return cast("Batch", ChangedBatch(built, batch, made))

    def _check(self, result: object, record: Record, unfed: frozenset[str]) -> None:
        if not isinstance(result, Mapping):
            raise TypeError(f"a callback returns a mapping or None, not {type(result).__name__}")
        if not self._names.issuperset(result):
            [name, *_] = (name for name in result if name not in self._names)
            raise ValueError(f"a callback returns the schema's fields, and {name!r} is none of them")
        for name in sorted(unfed.intersection(result)):
            if result[name] is not None and result[name] != record[name]:
                raise ValueError(f"the feed has no column {name!r}, so nothing can be set there")

    def _build(self, returned: list[tuple[int, Record, Returned]], batch: Batch, made: _Made) -> Batch:
        builder = Builder(self._plan, len(returned))
        for number, record, result in returned:
            line, byte = batch.place(number)
            try:
                builder.add(result, number, line, byte, record)
            except MemoryError:
                raise
            except Exception as error:  # a mapping of the user's own may raise
                made.errors[number] = reason(error)
        return builder.finish(batch.records, batch.lines)


@dataclass(slots=True)
class _Made:
    """What a callback has done to one batch."""

    errors: dict[int, str]  # by record
    findings: list[Finding] = field(default_factory=list)
    dropped: int = 0
    is_changed: bool = False


class ChangedBatch(WrappedBatch):
    """The batch of what a callback returned, with the findings of the batch it was given.

    Attributes
    ----------
    plan : Plan
        The one of the batch it was given: which columns the feed has is not changed by a callback.
    dropped : int
        Records that are neither rows nor failures.
    errors : mapping of int to str
        By record, what the callback raised.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, built: Batch, before: Batch, made: _Made) -> None:
        super().__init__(built)
        self._findings = list(merge(before.rejects(), built.rejects(), made.findings, key=itemgetter(2)))
        self.plan = before.plan
        self.dropped = made.dropped
        self.errors: Mapping[int, str] = {**getattr(before, "errors", {}), **made.errors}
        self.failures = built.records - built.rows - made.dropped

    def rejects(self) -> list[Finding]:
        """List the findings of all three: the kernel on the feed, the callback, the kernel on its results."""
        return self._findings

    def reject_counts(self) -> dict[tuple[int, int], int]:
        """Count the findings by code and field."""
        return dict(Counter((finding[0], finding[1]) for finding in self._findings))


def raw_record(plan: Plan, data: memoryview, start: int) -> bytes:
    """Cut a record out of its chunk, without its end."""
    rest = bytes(data[start : start + plan.dialect.max_record_bytes + 2])
    row_end = plan.dialect.row_end
    end = 0
    while True:
        end = rest.find(row_end, end) + 1 or len(rest)
        is_whole = plan.dialect.format == "jsonl" or plan.last_record_end(rest, end) == end
        if is_whole or end == len(rest):
            return rest[:end].rstrip(b"\r\n")
