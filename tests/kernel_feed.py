"""Feeds through the kernel, with results in the reference's terms, so that tests can compare the two."""

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import cycle

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Field, Schema
from tests.reference_kernel import Finding, Outcome, Row
from tests.reference_values import Value

KEPT_BYTES = 4_000
"""Bytes of a rejected value the kernel keeps: 1,000 characters, whatever their width."""

SLACK = b'"\n\xff\0' * 4
"""What stands behind the data in a reader's buffer; the kernel must not see it."""


def parse(plan: Plan, data: bytes, damage: str = "") -> Outcome:
    """Parse whole records, from a buffer that is longer than they are, as readers' buffers are."""
    outcome = Outcome()
    add(outcome, plan.parse(bytearray(data + SLACK), len(data), damage=damage), 0)
    return outcome


def parse_in_blocks(plan: Plan, data: bytes, sizes: Sequence[int]) -> Outcome:
    """Parse as a reader does that gets such blocks: cut behind the last whole record, keep the rest."""
    outcome = Outcome()
    start = stop = 0
    for size in cycle(sizes):
        stop = min(stop + size, len(data))
        block = bytearray(data[start:stop] + SLACK)
        cut = plan.last_record_end(block, stop - start)
        assert 0 <= cut <= stop - start
        if cut:
            add(outcome, plan.parse(block, cut), start)
            start += cut
        if stop == len(data):
            break
    if start < len(data):
        add(outcome, plan.parse(data[start:]), start)
    return outcome


def add(outcome: Outcome, batch: Batch, offset: int) -> None:
    """Count a batch on top of what came before it, as the pipeline does."""
    assert batch.failures == batch.records - batch.rows
    for number, *values in batch.tuples(record_base=outcome.records):
        outcome.rows.append(Row(number - 1, tuple(values)))
    for code, field, record, line, byte, _length, value in batch.rejects():
        outcome.findings.append(
            Finding(Code(code), field, outcome.records + record, outcome.lines + line, offset + byte, value)
        )
    outcome.records += batch.records
    outcome.lines += batch.lines


def comparable(outcome: Outcome) -> tuple[int, int, list[object], list[Finding]]:
    """Put an outcome in a form in which NaN equals NaN, 1 is not True, 1.0 not 1.00; cut long values."""
    rows: list[object] = [(row.record, *map(exact, row.values)) for row in outcome.rows]
    findings = [
        Finding(each.code, each.field, each.record, each.line, each.byte, each.value[:KEPT_BYTES])
        for each in outcome.findings
    ]
    return outcome.records, outcome.lines, rows, findings


def exact(value: Value | None) -> tuple[str, object]:
    if isinstance(value, float):
        return "float", (math.isnan(value) or value.hex())
    if isinstance(value, Decimal):
        return "Decimal", str(value)
    return type(value).__name__, value


def text_schema(width: int) -> Schema:
    """Make a schema of so many string fields in which every cell is as it stands, and none is missing."""
    return Schema(tuple(Field(f"c{number}") for number in range(width)), missing_values=())


def table(data: bytes, dialect: Dialect) -> list[tuple[str | None, ...]]:
    """Read all cells of a feed, header or not, whose records may differ in width."""
    found: dict[int, tuple[str | None, ...]] = {}
    for width in range(1, 100):
        outcome = parse(Plan(text_schema(width), dialect), data)
        found.update((row.record, row.values) for row in outcome.rows)  # type: ignore[misc]
        if len(found) == outcome.records:
            return [found[record] for record in range(outcome.records)]
        unread = [each for each in outcome.findings if each.code not in {Code.EXTRA_CELL, Code.MISSING_CELL}]
        assert not unread, unread
    raise AssertionError("a record has 100 cells or more")


def columns(rows: Sequence[Sequence[str | None]]) -> Iterator[list[str | None]]:
    """Turn rows of one width into columns."""
    return (list(column) for column in zip(*rows, strict=True))
