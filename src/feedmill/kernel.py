r"""The door to the compiled kernel: the one module that imports `feedmill._core`.

A `Plan` is a schema and a dialect compiled; a `Batch` is what it makes of one chunk of a feed. Both are plain
C beneath, let go of the GIL while they work, and never change once they exist, so any number of threads may
use one plan, and read one batch. How the kernel works inside stands at the head of ``src/_core.pyx``.

Examples
--------
>>> from feedmill.dialect import Dialect
>>> from feedmill.records import Base, rejects_of
>>> from feedmill.schema import Constraints, Field, Schema
>>> schema = Schema((Field("sku"), Field("stock", "integer", constraints=Constraints(minimum="0"))))
>>> batch = parse(b"A-1,12\nA-2,-3\n", schema, Dialect(header=False))
>>> batch.tuples()
[('A-1', 12)]
>>> [(each.position.record, each.column, each.code) for each in rejects_of(batch, schema.names, Base())]
[(2, 'stock', 'minimum')]
"""

from __future__ import annotations

from collections.abc import Buffer, Callable, Iterator, Mapping, Sequence

from feedmill._core import (
    Batch,
    Builder,
    Checked,
    Contents,
    KeyIndex,
    Known,
    Plan,
    Record,
    arrow_stream,
    pattern_engine,
)
from feedmill.dialect import Dialect
from feedmill.schema import Field, Schema

__all__ = [
    "Batch",
    "Builder",
    "Checked",
    "Contents",
    "Finding",
    "KeyIndex",
    "Known",
    "Plan",
    "Record",
    "WrappedBatch",
    "arrow_stream",
    "empty_batch",
    "kernel_batch",
    "parse",
    "pattern_engine",
    "record_plan",
    "simd",
]

type Finding = tuple[int, int, int, int, int, int, bytes]
"""What `Batch.rejects` lists: code, field, record, line, byte, length, value."""

Mapping.register(Record)


def parse(data: Buffer, schema: Schema, dialect: Dialect, columns: Sequence[str] | None = None) -> Batch:
    """Read whole records once, without keeping the plan.

    Parameters
    ----------
    data : buffer
        A feed, or a part of one that starts and ends with a record, without its header; at most 1 GiB.
    schema : Schema
        What the records are held to.
    dialect : Dialect
        How they are written.
    columns : sequence of str, optional
        The feed's columns, when they are not the schema's fields in the schema's order.

    Returns
    -------
    Batch

    Raises
    ------
    SchemaError
        See `Plan`.
    ValueError
        The data has more than 1 GiB.

    Thread safety
    -------------
    any thread

    Notes
    -----
    Compiling a plan takes some hundred microseconds, as long as parsing some hundred kilobytes.
    """
    return Plan(schema, dialect, columns).parse(data)


def record_plan(schema: Schema, lane_key: Sequence[str] = ()) -> Plan:
    """Compile a schema for records that are given and not read: `Plan.validate` and `Builder`."""
    return Plan(schema, Dialect(header=False), None, lane_key)


def empty_batch(schema: Schema) -> Batch:
    """Make a batch without a record, which has the schema's columns to tell of."""
    return Builder(record_plan(schema), 0).finish(0, 0)


def _checker(schema: Schema) -> Callable[[Mapping[str, object] | Record], Checked]:
    return record_plan(schema).validate


Schema.compiler = _checker


class WrappedBatch:
    """A batch around another, for what the kernel's own cannot answer; that class is closed to subclasses.

    Whatever a subclass does not answer itself, the batch inside answers: the rows are that one's.

    Parameters
    ----------
    inner : Batch
        The batch that has the rows; it may itself be such a wrapping, which passes for a batch.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, inner: Batch) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.inner)


def kernel_batch(batch: Batch | WrappedBatch) -> Batch:
    """Give the kernel's own batch of the rows, where a reader or the pipeline has put something around it."""
    while not isinstance(batch, Batch):
        batch = batch.inner
    return batch


def simd() -> str:
    """Name the instruction set that plans use on this machine.

    Examples
    --------
    >>> simd() in {"scalar", "sse2", "avx2", "avx512"}
    True
    """
    return Plan(Schema((Field("any"),)), Dialect()).simd
