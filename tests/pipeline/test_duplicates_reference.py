"""Keys of any shape, by any policy: the same records stay, and the same are named, as in the reference."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from hypothesis import given, note
from hypothesis import strategies as st

from feedmill import Constraints, Dialect, Field, Plan, Schema
from feedmill.codes import Code
from feedmill.keys import DUPLICATES
from feedmill.pipeline import DuplicateCheck
from feedmill.pipeline.parsed import ParsedChunk, Piece
from tests import reference_kernel, reference_keys

if TYPE_CHECKING:
    from feedmill.kernel import Batch

PLAIN = Dialect(header=False)
# Cells that are few, so that records meet, and of which some look different and are equal.
CELLS = {
    "s": (Field("s"), "a|b|ab|é|a,b"),
    "i": (Field("i", "integer"), "1|01|-1|9223372036854775807"),
    "d": (Field("d", "number", precision=9, scale=2), "1|1.0|1.50|1.5|-0"),
    "n": (Field("n", "number"), "1|1.0|1e0|1e40|12345678901234567.5|0|-0.0"),
    "f": (Field("f", "number", storage="float64"), "0|-0.0|1|1e0|NaN|INF"),
    "u": (Field("u", format="uuid"), "{0}|{1}|6ba7b810-9dad-11d1-80b4-00c04fd430c9"),
    "t": (Field("t", "date"), "2024-02-29|2024-03-01"),
    "m": (Field("m", "datetime"), "2024-02-29T12:00:00Z|2024-02-29T13:00:00+01:00|2024-02-29T13:00:00Z"),
    "b": (Field("b", "boolean"), "true|1|false"),
}
UUID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=4)


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    names = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, max_size=4, unique=True))
    keys = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)
    unique = draw(st.sets(st.sampled_from(names), max_size=2))
    fields = [
        Field(**{**_declared(name), "constraints": Constraints(unique=name in unique)})  # type: ignore[arg-type]
        for name in names
    ]
    return Schema(
        tuple(fields),
        primary_key=draw(st.just(()) | keys),
        unique_keys=tuple(draw(st.lists(keys, max_size=2))),
    )


def _declared(name: str) -> dict[str, object]:
    field = CELLS[name][0]
    words = ("name", "type", "format", "precision", "scale", "storage")
    return {word: getattr(field, word) for word in words}


@st.composite
def feeds(draw: st.DrawFn, schema: Schema) -> bytes:
    cells = [
        st.sampled_from([*2 * CELLS[name][1].format(UUID, UUID.upper()).split("|"), "", "bad\0"])
        for name in schema.names
    ]
    rows = draw(st.lists(st.tuples(*cells), max_size=12))
    return "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows).encode()


@given(st.data(), st.sampled_from(DUPLICATES), SIZES)
def test_policies_equal_the_reference(data: st.DataObject, policy: str, sizes: list[int]) -> None:
    schema = data.draw(schemas())
    feed = data.draw(feeds(schema))
    note(f"{policy}\n{schema}\n{feed!r}")
    outcome = reference_kernel.parse(feed, schema, PLAIN)
    expected = reference_keys.judge(outcome.rows, schema, policy)  # type: ignore[arg-type]
    check = DuplicateCheck(schema, policy, ["feed.csv"])  # type: ignore[arg-type]
    got = reference_keys.Judgement()
    notes: dict[tuple[int, Code, int], str] = {}
    records = failures = 0
    for batch in cut(Plan(schema, PLAIN), feed, sizes):
        judged = check.checked(chunk_of(batch))
        [piece] = judged.pieces
        content = piece.content
        got.stays += [records + number for number in content.numbers()]
        if judged.duplicates:
            taken = {number for number in batch.numbers() if number not in content.numbers()}
            got.duplicates += sorted(records + number for number in taken)
        for (code, column, record), said in getattr(content, "notes", {}).items():
            notes[records + record, Code(code), column] = said
        failures += judged.failures
        records += batch.records
    assert (records, got.stays) == (outcome.records, expected.stays)
    assert got.duplicates == expected.duplicates
    assert notes == said_of(expected, schema)
    assert failures == outcome.records - len(expected.stays) - len(expected.duplicates)


def cut(plan: Plan, feed: bytes, sizes: list[int]) -> list[Batch]:
    """Parse a feed in pieces of whole records."""
    batches, start, rest = [], 0, cycle(sizes)
    while start < len(feed):
        size = next(rest)
        while not (end := plan.last_record_end(feed[start : start + size], len(feed[start : start + size]))):
            size += next(rest)
        batches.append(plan.parse(feed[start : start + end]))
        start += end
    return batches


def chunk_of(batch: Batch) -> ParsedChunk:
    return ParsedChunk(
        feed=0,
        offset=0,
        end=0,
        lines_before=0,
        stored=0,
        pieces=(Piece(0, batch),),
        has_failed=False,
        records=batch.records,
        failures=batch.failures,
        nbytes=batch.nbytes,
    )


def said_of(judged: reference_keys.Judgement, schema: Schema) -> dict[tuple[int, Code, int], str]:
    """Say what is found as a reject does; several keys of several fields are one finding."""
    said: dict[tuple[int, Code, int], str] = {}
    for record, code, names, holder in judged.findings:
        column = schema.names.index(names[0]) if len(names) == 1 else -1
        words = f"expected a new {', '.join(names)}, record {holder + 1} has it"
        before = said.get((record, code, column))
        said[record, code, column] = f"{before}; {words}" if before else words
    return said
