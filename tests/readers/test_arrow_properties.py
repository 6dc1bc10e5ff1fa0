"""Any columns: texts are judged as in a feed, values as `Schema.validate` does, however they are stored."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.readers.arrow import ArrowReader
from feedmill.schema import Constraints, Field, Schema
from tests import kernel_feed, reference_kernel, strategies
from tests.kernel_feed import exact

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")

# How a column of texts may be stored.
TEXTS = {
    "string": pa.string(),
    "large": pa.large_string(),
    "bytes": pa.binary(),
    "view": pa.string_view(),
    "dictionary": None,
}
# How values may be stored, and what they are.
VALUES = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int64": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "uint64": (pa.uint64(), st.integers(0, 2**64 - 1)),
    "float64": (pa.float64(), st.floats()),
    "decimal": (pa.decimal128(20, 4), st.decimals(-(10**15), 10**15, places=4)),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates()),
    "clock": (pa.time64("us"), st.times()),
    "moment": (
        pa.timestamp("us", "UTC"),
        st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    "text": (pa.string(), st.text(max_size=9)),
}
FIELDS = (
    Field("v"),
    Field("v", transforms=("trim",), constraints=Constraints(max_length=3)),
    Field("v", "integer", constraints=Constraints(minimum="-5")),
    Field("v", "number", precision=9, scale=2),
    Field("v", "number"),
    Field("v", "number", storage="float64", constraints=Constraints(maximum="1e6")),
    Field("v", "boolean", true_values=("sim",)),
    Field("v", "date", format="%d/%m/%Y"),
    Field("v", "date", constraints=Constraints(minimum="2000-01-01")),
    Field("v", "time"),
    Field("v", "datetime"),
    Field("v", "year"),
    Field("v", "any"),
)
type Found = tuple[int, int, str, bytes]


def read(table: "pa.Table", schema: Schema, chunk_size: int) -> tuple[list[object], list[Found]]:
    """Read columns by a schema: good rows, and findings by record, field, code and value."""
    rows: list[object] = []
    found: list[Found] = []
    records = 0
    with ArrowReader(table, chunk_size) as reader:
        reader.bind(schema)
        plan = Plan(schema, reader.dialect)
        for chunk in reader:
            batch = reader.parse(chunk, plan)
            rows += [
                (number - 1, *map(exact, values))
                for number, *values in batch.tuples(record_base=records)  # type: ignore[arg-type]
            ]
            found += [
                (records + record, field, Code(code).word, value)
                for code, field, record, _line, _byte, _length, value in batch.rejects()
            ]
            records += batch.records
    assert records == table.num_rows
    return rows, found


@given(st.data(), st.integers(1, 200))
def test_texts_are_judged_as_in_a_feed(data: st.DataObject, chunk_size: int) -> None:
    schema = data.draw(strategies.schemas())
    count = data.draw(st.integers(1, 4))
    columns = [
        data.draw(st.lists(st.none() | strategies.texts(field), min_size=count, max_size=count))
        for field in schema.fields
    ]
    stored = [data.draw(st.sampled_from(sorted(TEXTS))) for _ in columns]
    note(f"{schema}\n{columns}\n{stored}")
    arrays = [stored_as(how, cells) for cells, how in zip(columns, stored, strict=True)]
    rows, found = read(pa.table(arrays, names=list(schema.names)), schema, chunk_size)
    lines = [",".join(map(written, cells)) + "\n" for cells in zip(*columns, strict=True)]
    outcome = reference_kernel.parse("".join(lines).encode(), schema, Dialect(header=False, null=r"\N"))
    assert rows == [(row.record, *map(exact, row.values)) for row in outcome.rows]
    values = [b"" if each.value == rb"\N" else each.value for each in outcome.findings]
    assert found == [
        (each.record, each.field, each.code.word, value[: kernel_feed.KEPT_BYTES])
        for each, value in zip(outcome.findings, values, strict=True)
    ]


def stored_as(how: str, cells: list[str | None]) -> "pa.Array":
    # Not by a cast: what pyarrow 24 makes of short texts as a view ends the process that exports it.
    return pa.array(cells).dictionary_encode() if how == "dictionary" else pa.array(cells, TEXTS[how])


def written(cell: str | None) -> str:
    return r"\N" if cell is None else '"' + cell.replace('"', '""') + '"'


@given(st.data(), st.integers(1, 200))
def test_values_are_judged_as_those_of_python(data: st.DataObject, chunk_size: int) -> None:
    count = data.draw(st.integers(1, 4))
    fields, arrays = [], []
    for number in range(data.draw(st.integers(1, 3))):
        fields.append(replace(data.draw(st.sampled_from(FIELDS)), name=f"v{number}"))
        kind, values = VALUES[data.draw(st.sampled_from(sorted(VALUES)))]
        cells = data.draw(st.lists(st.none() | values, min_size=count, max_size=count))
        array = pa.array(cells, kind)
        arrays.append(array.dictionary_encode() if data.draw(st.booleans()) else array)
    schema = Schema(tuple(fields), missing_values=data.draw(st.sampled_from([("",), (), ("", "0", "true")])))
    table = pa.table(arrays, names=list(schema.names))
    note(f"{schema}\n{table.schema}\n{table.to_pylist()}")
    rows, found = read(table, schema, chunk_size)
    good: list[object] = []
    bad: list[Found] = []
    for number, record in enumerate(table.to_pylist()):
        checked = schema.validate(record)
        if checked.record is not None:
            good.append((number, *map(exact, checked.record.values())))
        bad += [
            (number, schema.names.index(each.column), each.code, each.value.encode())
            for each in checked.rejects
        ]
    assert rows == good
    assert found == bad
