"""The kernel against the reference: the same rows and the same findings, for any feed, cut anywhere."""

from hypothesis import given, note
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import kernel_feed, reference_kernel, strategies
from tests.kernel_feed import comparable


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, Dialect, bytes]:
    schema, dialect = draw(strategies.schemas()), draw(strategies.dialects())
    return schema, dialect, draw(strategies.feeds(schema, dialect))


@given(cases())
def test_kernel_equals_reference(case: tuple[Schema, Dialect, bytes]) -> None:
    schema, dialect, data = case
    note(f"{dialect}\n{schema}\n{data!r}")
    got = kernel_feed.parse(Plan(schema, dialect), data)
    assert comparable(got) == comparable(reference_kernel.parse(data, schema, dialect))


@given(cases(), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_cutting_changes_nothing(case: tuple[Schema, Dialect, bytes], sizes: list[int]) -> None:
    schema, dialect, data = case
    note(f"{dialect}\n{schema}\n{data!r}")
    plan = Plan(schema, dialect)
    assert comparable(kernel_feed.parse_in_blocks(plan, data, sizes)) == comparable(
        kernel_feed.parse(plan, data)
    )


@given(strategies.dialects(), strategies.RAW | st.binary(max_size=60))
def test_last_record_end_is_where_the_reference_ends_a_record(dialect: Dialect, data: bytes) -> None:
    plan = Plan(kernel_feed.text_schema(1), dialect)
    note(f"{dialect}\n{data!r}")
    assert plan.last_record_end(data, len(data)) == reference_kernel.last_record_end(data, dialect)


@given(st.data())
def test_columns_are_bound_by_name(data: st.DataObject) -> None:
    """Columns in another order, and columns the schema does not have."""
    schema, dialect = data.draw(strategies.schemas()), data.draw(strategies.dialects())
    names = data.draw(st.permutations([*schema.names, "unbound"]))
    as_read = Schema(tuple(schema.field(name) if name in schema.names else Field(name) for name in names))
    feed = data.draw(strategies.feeds(as_read, dialect))
    note(f"{dialect}\n{schema}\n{names}\n{feed!r}")
    got = kernel_feed.parse(Plan(schema, dialect, names), feed)
    assert comparable(got) == comparable(reference_kernel.parse(feed, schema, dialect, names))


@given(strategies.dialects(), strategies.RAW, st.sampled_from([Code.RECORD_TOO_LONG, Code.UNCLOSED_QUOTE]))
def test_a_damaged_chunk_is_one_record_with_one_finding(dialect: Dialect, data: bytes, code: Code) -> None:
    """What a reader could not cut into records is handed over as it is, to be reported and left behind."""
    outcome = kernel_feed.parse(Plan(kernel_feed.text_schema(2), dialect), data, damage=code.word)
    assert (outcome.records, outcome.lines, outcome.rows) == (1, data.count(dialect.row_end), [])
    (finding,) = outcome.findings
    text = data.removesuffix(dialect.row_end)
    if dialect.row_end == b"\n" and text != data:
        text = text.removesuffix(b"\r")
    assert finding == reference_kernel.Finding(code, -1, 0, 0, 0, text)
