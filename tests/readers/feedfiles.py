"""Feeds in real files, and what is read of them."""

from dataclasses import dataclass, field
from pathlib import Path

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.readers import BufferPool, open_feed
from feedmill.schema import Field, Schema

type Place = tuple[int, int, int]  # record, line, byte


@dataclass(slots=True)
class Read:
    """All that was read of a feed, with places in the feed."""

    columns: tuple[str, ...] | None = None
    rows: list[tuple[object, ...]] = field(default_factory=list)
    rejects: list[tuple[Place, str, int, bytes]] = field(default_factory=list)
    chunks: list[tuple[int, int, str, int]] = field(default_factory=list)  # offset, size, damage, skipped


def texts(*names: str) -> Schema:
    """Make a schema of text fields, with no text that means a missing value."""
    return Schema(tuple(Field(name) for name in names), missing_values=())


def read_all(
    path: str | Path, dialect: Dialect | None = None, chunk_size: int = 1 << 20, schema: Schema | None = None
) -> Read:
    """Read a feed to its end the way a run does: chunks in order, each parsed, places added up."""
    dialect = dialect or Dialect()
    found = Read()
    buffers = BufferPool()
    with open_feed(str(path), dialect, chunk_size, buffers) as reader:
        found.columns = reader.columns
        names = [f"c{number}" for number in range(len(reader.columns or "ab"))]
        plan = Plan(schema or texts(*names), reader.dialect)
        record = line = 0
        for seq, chunk in enumerate(reader):
            assert (chunk.seq, chunk.is_first, chunk.feed) == (seq, seq == 0, reader.name)
            found.chunks.append((chunk.offset, chunk.size, chunk.damage, chunk.skipped))
            line += chunk.lines_before
            batch = reader.parse(chunk, plan)
            for row in batch.tuples(record_base=record):
                found.rows.append(row)
            for code, index, at_record, at_line, at_byte, _length, raw in batch.rejects():
                place = (record + at_record + 1, line + at_line + 1, chunk.offset + at_byte)
                found.rejects.append((place, Code(code).word, index, raw))
            record += batch.records
            line += batch.lines
            buffers.release(chunk)
    return found
