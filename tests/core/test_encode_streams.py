"""Batches as an Arrow stream: taken one after the other, ended in good order, and by a fault that is told."""

import ctypes
import gc
import threading
import weakref
from collections.abc import Iterator

import pytest

from feedmill.kernel import Batch, arrow_stream, empty_batch
from feedmill.schema import Field, Schema
from tests.core import batches
from tests.core.batches import batch_of
from tests.core.test_encode_arrow import MIB, kept_bytes, schema, values

pa = pytest.importorskip("pyarrow", reason="on this interpreter pyarrow has no wheel")

PRICE = [Field("price", "number", precision=12, scale=2), Field("x")]


def reader_of(capsule: object) -> "pa.RecordBatchReader":
    return pa.RecordBatchReader._import_from_c_capsule(capsule)


def test_a_stream_has_the_batches_in_order() -> None:
    made = [batch_of(batches.SAMPLE * times) for times in (1, 3, 2)]
    reader = reader_of(arrow_stream(made[0], made))
    assert reader.schema == schema()
    table = reader.read_all()
    table.validate(full=True)
    assert table.to_pylist() == [row for batch in made for row in values(batch)]
    assert [len(batch) for batch in table.to_batches()] == [batch.rows for batch in made]


def test_a_batch_is_a_stream_of_one() -> None:
    batch = batch_of(batches.SAMPLE)
    reader = pa.RecordBatchReader.from_stream(batch)
    assert reader.read_all().to_pylist() == values(batch)
    assert pa.table(batch).to_pylist() == values(batch)


def test_no_batches_are_a_stream_with_columns() -> None:
    columns = Schema(batches.FIELDS)
    table = reader_of(arrow_stream(empty_batch(columns), ())).read_all()
    assert (table.num_rows, table.schema) == (0, schema())


def test_a_wish_holds_for_all_batches_and_the_schema() -> None:
    made = [batch_of([("1.50", "a")], PRICE), batch_of([(None, "b")], PRICE)]
    asked = pa.schema([("price", pa.decimal64(12, 2)), ("x", pa.string())])
    reader = reader_of(arrow_stream(made[0], made, asked.__arrow_c_schema__()))
    assert reader.schema == asked
    table = reader.read_all()
    table.validate(full=True)
    assert [str(value) for value in table.column("price")] == ["1.50", "None"]


def test_a_wish_for_other_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="requested_schema has 1 fields"):
        batch_of(batches.SAMPLE).__arrow_c_stream__(pa.schema([("a", pa.string())]).__arrow_c_schema__())


def test_what_is_raised_is_the_streams_error_and_stays_it() -> None:
    batch = batch_of(batches.SAMPLE)

    def breaks_off() -> Iterator[Batch]:
        yield batch
        raise RuntimeError("the feed broke off: \udc80é")

    reader = reader_of(arrow_stream(batch, breaks_off()))
    assert reader.read_next_batch().num_rows == batch.rows
    for _ in range(2):
        with pytest.raises(OSError, match=r"RuntimeError: the feed broke off: \\udc80é"):
            reader.read_next_batch()


def test_what_is_no_batch_is_an_error() -> None:
    reader = reader_of(arrow_stream(batch_of(batches.SAMPLE), [object()]))  # type: ignore[list-item]
    with pytest.raises(OSError, match="__arrow_c_array__"):
        reader.read_all()


@pytest.mark.parametrize("consume", [True, False], ids=["taken", "dropped"])
def test_the_iterator_is_let_go_of_by_whoever_had_it_last(consume: bool) -> None:
    class Source:
        def __iter__(self) -> Iterator[Batch]:
            return self

        def __next__(self) -> Batch:
            raise StopIteration

    source = Source()
    watched = weakref.ref(source)
    capsule = arrow_stream(batch_of(batches.SAMPLE), source)
    del source
    if consume:
        reader = reader_of(capsule)
        del capsule
        assert watched() is not None
        reader.close()
        del reader
    else:
        del capsule
    gc.collect()
    assert watched() is None


def test_a_stream_is_taken_once() -> None:
    capsule = batch_of(batches.SAMPLE).__arrow_c_stream__()
    reader_of(capsule)
    with pytest.raises(ValueError, match="released"):
        reader_of(capsule)


def test_a_foreign_thread_without_python_may_ask_and_release() -> None:
    """Every callback is called with the interpreter let go, as Arrow's own threads would."""
    batch = batch_of(batches.SAMPLE)
    capsule = batch.__arrow_c_stream__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    address = pointer(capsule, b"arrow_array_stream")
    slots = (ctypes.c_void_p * 5).from_address(address)
    ask = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(slots[1] or 0)
    # struct ArrowArray: five int64, three pointers, then release.
    out = (ctypes.c_int64 * 10)()

    def work() -> None:
        assert ask(address, ctypes.addressof(out)) == 0
        assert out[0] == batch.rows
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(out[8])(ctypes.addressof(out))
        assert ask(address, ctypes.addressof(out)) == 0
        assert out[8] == 0
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(slots[3] or 0)(address)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert slots[3] is None


def test_threads_may_ask_one_stream_at_once() -> None:
    """Nobody should; each batch is handed out once all the same."""
    made = [batch_of(batches.SAMPLE)] * 200
    reader = reader_of(arrow_stream(made[0], (batch for batch in made)))
    counts: list[int] = []

    def take() -> bool:
        while True:
            try:
                counts.append(reader.read_next_batch().num_rows)
            except StopIteration:
                return True

    assert all(batches.in_threads(take))
    assert sum(counts) == 200 * len(batches.SAMPLE)


@pytest.mark.parametrize("consume", [True, False], ids=["taken", "dropped"])
def test_nothing_is_leaked(consume: bool) -> None:
    """Each batch copies 160 KB of decimals, so 4,000 leaked ones would be 640 MB."""
    batch = batch_of([(str(number), None) for number in range(10_000)], PRICE)

    def stream(times: int) -> None:
        reader = reader_of(arrow_stream(batch, (batch for _ in range(times))))
        for _ in range(times if consume else 1):
            reader.read_next_batch()

    stream(20)
    allocated, before = pa.total_allocated_bytes(), kept_bytes()
    for _ in range(1 if consume else 4_000):
        stream(4_000 if consume else 2)
    assert kept_bytes() - before < 400 * MIB
    assert pa.total_allocated_bytes() == allocated
