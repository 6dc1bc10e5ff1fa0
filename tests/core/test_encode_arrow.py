"""The Arrow C data interface: pyarrow takes batches, and the memory lives exactly as long as it is needed."""

import ctypes
import gc
import resource
from collections.abc import Iterator

import pytest

from feedmill.kernel import Batch, Plan
from feedmill.schema import Field, Schema
from tests.core import batches
from tests.core.batches import batch_of, numbered

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")

MIB = 1 << 20


def taken(batch: Batch) -> "pa.RecordBatch":
    """Import a batch and check every offset, bit and byte of it."""
    imported = pa.record_batch(batch)
    imported.validate(full=True)
    return imported


def schema() -> "pa.Schema":
    """Tell the types that `batches.FIELDS` are handed over as."""
    decimal, moment = pa.decimal128(12, 2), pa.timestamp("us", "UTC")
    text = pa.string()
    numbers = (pa.int64(), decimal, text, pa.float64(), pa.bool_())
    types = (text, text, *numbers, pa.date32(), pa.time64("us"), moment)
    return pa.schema(list(zip(batches.NAMES, types, strict=True)))


def values(batch: Batch) -> list[dict[str, object]]:
    """Tell what an import has to give: decimals without a precision are texts."""
    texts = [row[batches.NAMES.index("numeric")] for row in batch.tuples(style="sqlite")]
    return [{**row, "numeric": text} for row, text in zip(batch.dicts(), texts, strict=True)]


@pytest.fixture
def sample() -> Batch:
    return batch_of(batches.SAMPLE * 11)


def test_types_are_the_schemas(sample: Batch) -> None:
    assert pa.schema(sample) == schema()
    assert taken(sample).schema == schema()


def test_values_are_the_batchs(sample: Batch) -> None:
    imported = taken(sample)
    assert imported.to_pylist() == values(sample)
    assert [column.null_count for column in imported.columns] == [11] * 10


@pytest.mark.parametrize("rows", [0, 1, 7, 8, 9])
def test_any_number_of_rows_is_taken(rows: int) -> None:
    batch = batch_of((batches.SAMPLE * 3)[:rows])
    assert taken(batch).num_rows == rows
    assert taken(batch).to_pylist() == values(batch)


def test_bad_records_leave_no_trace() -> None:
    plan = Plan(Schema((Field("n", "integer"), Field("text"))), batches.DIALECT)
    batch = plan.parse(b"1,a\nx,b\n,c\n4,\ny,z\n")
    assert taken(batch).to_pydict() == {"n": [1, None, 4], "text": ["a", "c", None]}


def test_columns_are_not_copied(sample: Batch) -> None:
    first, second = taken(sample), taken(sample)
    for name in set(batches.NAMES) - {"scaled"}:
        ours = [buffer and buffer.address for buffer in first.column(name).buffers()]
        assert ours == [buffer and buffer.address for buffer in second.column(name).buffers()], name


def test_narrow_decimals_are_not_copied_for_those_who_ask() -> None:
    batch = batch_of(
        [("1.50", "a"), (None, "b")], [Field("price", "number", precision=12, scale=2), Field("x")]
    )
    asked = pa.schema([("price", pa.decimal64(12, 2)), ("x", pa.string())])
    first, second = (pa.record_batch(batch, schema=asked) for _ in range(2))
    first.validate(full=True)
    assert first.schema == asked
    assert [str(value) for value in first.column("price")] == ["1.50", "None"]
    assert first.column("price").buffers()[1].address == second.column("price").buffers()[1].address


def test_other_wishes_are_left_to_the_consumer(sample: Batch) -> None:
    asked = schema().set(0, pa.field("text", pa.large_string()))
    described, _ = sample.__arrow_c_array__(asked.__arrow_c_schema__())
    assert pa.Schema._import_from_c_capsule(described) == schema()


def test_a_wish_for_other_fields_is_refused(sample: Batch) -> None:
    with pytest.raises(ValueError, match="requested_schema has 1 fields, the batch has 10"):
        sample.__arrow_c_array__(pa.schema([("text", pa.string())]).__arrow_c_schema__())


def test_a_name_that_arrow_cannot_write_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL character"):
        batch_of([("a",)], [Field("a\0b")]).__arrow_c_schema__()


def test_the_import_outlives_batch_and_plan(sample: Batch) -> None:
    expected = values(sample)
    imported = taken(sample)
    column = imported.column("text")
    del sample
    gc.collect()
    # The plan's next batches would write over the memory, had it been given back.
    for _ in range(3):
        batch_of(numbered(3), batches.NUMBERED)
    imported.validate(full=True)
    assert imported.to_pylist() == expected
    del imported
    gc.collect()
    assert column.to_pylist() == [row["text"] for row in expected]


def test_a_shared_batch_is_not_written_over_by_its_plan() -> None:
    plan = Plan(Schema((Field("a"), Field("b"))), batches.DIALECT)
    imported = taken(plan.parse(b"first,1\n"))
    others = [taken(plan.parse(b"x,%d\n" % number)) for number in range(20)]
    assert imported.to_pydict() == {"a": ["first"], "b": ["1"]}
    assert [other.to_pydict() for other in others] == [{"a": ["x"], "b": [str(n)]} for n in range(20)]


def test_a_capsule_is_taken_once(sample: Batch) -> None:
    described, array = sample.__arrow_c_array__()
    pa.RecordBatch._import_from_c_capsule(described, array)
    with pytest.raises(ValueError, match="released"):
        pa.RecordBatch._import_from_c_capsule(*(sample.__arrow_c_schema__(), array))


def test_a_schema_that_was_taken_cannot_be_asked_for(sample: Batch) -> None:
    described = sample.__arrow_c_schema__()
    pa.Schema._import_from_c_capsule(described)
    with pytest.raises(ValueError, match="requested_schema was released"):
        sample.__arrow_c_array__(described)


def kept_bytes() -> int:
    """Tell the peak of resident memory, which a leak can only raise."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def exports(batch: Batch, times: int) -> Iterator[tuple[object, object]]:
    for _ in range(times):
        yield batch.__arrow_c_array__()


@pytest.mark.parametrize("consume", [True, False], ids=["taken", "dropped"])
def test_nothing_is_leaked(consume: bool) -> None:
    """Each export copies 160 KB of decimals, so 5,000 leaked ones would be 800 MB.

    The limit lies above what the address sanitizer keeps of freed memory.
    """
    rows = [(str(number), None) for number in range(10_000)]
    batch = batch_of(rows, [Field("price", "number", precision=12, scale=2), Field("x")])
    for described, array in exports(batch, 20):
        pa.RecordBatch._import_from_c_capsule(described, array)
    before = kept_bytes()
    for described, array in exports(batch, 5_000):
        if consume:
            pa.RecordBatch._import_from_c_capsule(described, array)
    assert kept_bytes() - before < 400 * MIB


def test_threads_take_and_release_one_batch_at_once() -> None:
    rows = [*batches.SAMPLE] * 50
    batch = batch_of(rows)
    expected = values(batch)

    def take_often() -> bool:
        return all(taken(batch).to_pylist() == expected for _ in range(5))

    assert all(batches.in_threads(take_often))


def test_the_last_release_may_come_from_any_thread() -> None:
    """The batch is gone, and four threads drop its columns at the same moment."""
    for _ in range(50):
        batch = batch_of(batches.SAMPLE)
        imports = [taken(batch) for _ in range(4)]
        del batch
        batches.in_threads(lambda imports=imports: imports.pop().num_rows)  # type: ignore[misc]
        assert not imports


def test_a_foreign_thread_without_python_may_release() -> None:
    """The release callback is called with the interpreter let go, as Arrow's own threads would."""
    _, array = batch_of(batches.SAMPLE).__arrow_c_array__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer(array, b"arrow_array")
    # struct ArrowArray: five int64, three pointers, then release.
    slot = ctypes.c_void_p.from_address(address + 8 * 8)
    assert slot.value
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(slot.value)(address)
    assert slot.value is None
