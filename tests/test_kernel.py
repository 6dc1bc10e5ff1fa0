"""Plans and batches as objects: what they refuse, what threads see, what happens when Python fails inside."""

import mmap
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from feedmill import patterns
from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.kernel import Batch, Plan, parse, simd
from feedmill.records import Base, Position, rejects_of
from feedmill.schema import Constraints, Field, Schema

PLAIN = Dialect()
ONE = Schema((Field("a"),))


# Plans ——————————————————————————————————————————————————————————————————————————————————————————————


def test_a_plan_tells_what_it_was_made_of() -> None:
    schema = Schema((Field("a"), Field("b")))
    plan = Plan(schema, PLAIN, ["b", "x", "a"], ["b"])
    assert (plan.schema, plan.dialect) == (schema, PLAIN)
    assert (plan.names, plan.columns, plan.lane_key) == (("a", "b"), ("b", "x", "a"), ("b",))
    assert plan.simd == simd()
    assert Plan(schema, PLAIN).columns == ("a", "b")
    assert repr(plan) == f"<Plan: 2 fields, 3 columns, {plan.simd}>"


@pytest.mark.parametrize("name", ["plan", "schema", "names", "other"])
def test_a_plan_cannot_be_changed(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Plan(ONE, PLAIN), name, None)


def test_the_instruction_set_can_be_forced() -> None:
    assert Plan(ONE, PLAIN, simd="scalar").simd == "scalar"
    with pytest.raises(ValueError, match="instruction set 'mmx': expected one of scalar, sse2, avx2, avx512"):
        Plan(ONE, PLAIN, simd="mmx")


def test_what_is_kept_for_the_next_calls_is_bounded() -> None:
    """However large the batches were, and however many there were at a time."""
    plan = Plan(ONE, Dialect(max_record_bytes=8 << 20))
    data = b"x" * (7 << 20) + b"\n"
    batches = [plan.parse(data) for _ in range(16)]
    held = sum(batch.nbytes for batch in batches)
    assert held > 96 << 20
    scratch = plan.nbytes
    while batches:
        del batches[-1]
        assert plan.nbytes - scratch <= 64 << 20
    kept = plan.nbytes
    assert kept - scratch > 32 << 20
    plan.parse(data)
    assert plan.nbytes == kept


def test_a_lane_key_names_fields() -> None:
    with pytest.raises(SchemaError, match="lane key: no field is named 'x'; the fields are a"):
        Plan(ONE, PLAIN, lane_key=["x"])


def test_a_required_field_needs_a_column() -> None:
    schema = Schema((Field("a", constraints=Constraints(required=True)), Field("b")))
    with pytest.raises(SchemaError, match="field 'a': it is required, and the feed has no such column"):
        Plan(schema, PLAIN, ["b"])


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (Field("a", "date", constraints=Constraints(minimum="2023-02-29")), "2023-02-29"),
        (Field("a", "time", constraints=Constraints(enum=("24:00:00",))), "24:00:00"),
        (Field("a", "number", storage="float64", constraints=Constraints(maximum="1e999")), "1e999"),
    ],
)
def test_constants_have_to_read_as_the_type(field: Field, text: str) -> None:
    with pytest.raises(
        SchemaError, match=f"field 'a': constraint value '{text}' does not read as a {field.type}"
    ):
        Plan(Schema((field,)), PLAIN)


def test_neither_plans_nor_batches_are_pickled() -> None:
    plan = Plan(ONE, PLAIN)
    for each in (plan, plan.parse(b"a\n")):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(each)


# Chunks —————————————————————————————————————————————————————————————————————————————————————————————


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))[:]])
def test_any_buffer_will_do(make: Callable[[bytes], bytes]) -> None:
    data = make(b"a\nb\n")
    assert Plan(ONE, PLAIN).parse(data).tuples() == [("a",), ("b",)]
    assert Plan(ONE, PLAIN).last_record_end(data, 3) == 2


def test_the_buffer_is_let_go() -> None:
    data = bytearray(b"a\nb\n")
    plan = Plan(ONE, PLAIN)
    batch = plan.parse(data)
    plan.last_record_end(data, len(data))
    data.extend(b"more")
    data[:2] = b"x\n"
    assert batch.tuples() == [("a",), ("b",)]


def test_only_so_many_bytes_count() -> None:
    data = b'a\nb\n"'
    plan = Plan(ONE, PLAIN)
    assert plan.parse(data, 4).tuples() == [("a",), ("b",)]
    assert plan.parse(data, 3).tuples() == [("a",), ("b",)]
    assert plan.parse(data, 0).records == 0
    assert plan.parse(data).failures == 1


@pytest.mark.parametrize("size", [-1, 3, 2**62])
def test_a_size_is_within_the_data(size: int) -> None:
    plan = Plan(ONE, PLAIN)
    with pytest.raises(ValueError, match=f"size {size}: the data has 2 bytes"):
        plan.parse(b"a\n", size)
    with pytest.raises(ValueError, match=f"size {size}: the data has 2 bytes"):
        plan.last_record_end(b"a\n", size)


def test_a_chunk_has_at_most_a_gibibyte(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb+") as file:
        file.truncate((1 << 30) + 1)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            with pytest.raises(ValueError, match="it can have 1073741824 at most; read the feed in pieces"):
                Plan(ONE, PLAIN).parse(data)
            with pytest.raises(ValueError, match="it can have 1073741824 at most; read the feed in pieces"):
                Plan(ONE, PLAIN).last_record_end(data, len(data))


@pytest.mark.parametrize("data", ["text", 5, None])
def test_text_is_no_buffer(data: object) -> None:
    with pytest.raises(TypeError):
        Plan(ONE, PLAIN).parse(data)  # type: ignore[arg-type]


def test_damage_is_one_of_two() -> None:
    with pytest.raises(
        ValueError, match="damage 'bad_quote': expected one of '', 'record_too_long', 'unclosed_quote'"
    ):
        Plan(ONE, PLAIN).parse(b"", damage="bad_quote")


def test_batches_are_made_by_plans() -> None:
    with pytest.raises(TypeError, match=r"batches are made by Plan\.parse"):
        Batch()
    assert repr(parse(b"a\n\xff\n", ONE, PLAIN)) == "<Batch: 1 rows, 1 failures>"


def test_rejects_become_readable() -> None:
    schema = Schema((Field("a", "integer", constraints=Constraints(maximum="5")), Field("b")))
    batch = Plan(schema, PLAIN).parse(b'1,x\n9,"\xe9"\n"x\n')
    found = list(rejects_of(batch, schema.names, Base(record=10, line=20, byte=300)))
    assert [(each.position, each.column, each.code, each.value) for each in found] == [
        (Position(12, 22, 304), "a", "maximum", "9"),
        (Position(12, 22, 306), "b", "encoding", "\\xe9"),
        (Position(13, 23, 310), "", "unclosed_quote", '"x\n'),
    ]


# Threads and memory —————————————————————————————————————————————————————————————————————————————————

THREADS = 8
FIELDS = (
    Field("sku", transforms=("trim", "upper"), constraints=Constraints(required=True, pattern="[A-ZÉ0-9-]+")),
    Field("title", transforms=("collapse",), constraints=Constraints(max_length=20)),
    Field("price", "number", precision=9, scale=2, constraints=Constraints(minimum="0.01")),
    Field("stock", "integer"),
)


def feed(start: int) -> bytes:
    """Make a feed of good and bad records, with quotes, nulls and letters beyond ASCII."""
    return "".join(
        f' é-{number},"two  words, ""{number % 7}""",{number % 100}.5,{number if number % 5 else "x"}\n'
        for number in range(start, start + 500)
    ).encode()


def told(batch: Batch) -> tuple[object, ...]:
    lanes = [batch.lane_rows(lane, 3) for lane in range(3)]
    return batch.tuples(record_base=0), batch.rejects(), batch.reject_counts(), batch.lines, lanes


def test_threads_share_a_plan() -> None:
    """Eight threads at the same moment, each with other feeds, on one plan and its recycled memory."""
    schema = Schema(FIELDS)
    feeds = [feed(100 * number) for number in range(THREADS)]
    expected = [told(Plan(schema, PLAIN, lane_key=("sku",)).parse(data)) for data in feeds]
    plan = Plan(schema, PLAIN, lane_key=("sku",))
    barrier = Barrier(THREADS)

    def run(number: int) -> list[tuple[object, ...]]:
        barrier.wait()
        return [told(plan.parse(feeds[(number + turn) % THREADS])) for turn in range(THREADS)]

    with ThreadPoolExecutor(THREADS, "feedmill-test") as executor:
        for number, results in enumerate(executor.map(run, range(THREADS))):
            assert results == [expected[(number + turn) % THREADS] for turn in range(THREADS)]


def test_threads_read_one_batch() -> None:
    batch = Plan(Schema(FIELDS), PLAIN, lane_key=("sku",)).parse(feed(0))
    barrier = Barrier(THREADS)

    def run(_: int) -> tuple[object, ...]:
        barrier.wait()
        return told(batch)

    with ThreadPoolExecutor(THREADS, "feedmill-test") as executor:
        results = list(executor.map(run, range(THREADS)))
    assert all(each == results[0] for each in results)


def test_batches_do_not_share_memory() -> None:
    """More batches at once than a plan keeps, all alive, then freed in another order."""
    plan = Plan(Schema(FIELDS), PLAIN, lane_key=("sku",))
    expected = [told(plan.parse(feed(number))) for number in range(20)]
    for _ in range(2):
        alive = [plan.parse(feed(number)) for number in range(20)]
        assert [told(batch) for batch in alive] == expected
        del alive[::2]
        assert [told(batch) for batch in alive] == expected[1::2]


def test_a_batch_outlives_its_plan() -> None:
    batch = Plan(ONE, PLAIN).parse(b"a\n")
    assert sys.getrefcount(batch.plan) >= 2
    assert batch.tuples() == [("a",)]


def test_memory_is_used_again() -> None:
    plan = Plan(ONE, PLAIN)
    sizes = []
    for _ in range(5):
        batch = plan.parse(b"some text\n" * 10_000)
        sizes.append(batch.nbytes)
        del batch
    assert len(set(sizes)) == 1


# Python within the kernel ———————————————————————————————————————————————————————————————————————————


class Failing:
    """A pattern that raises for one text."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def fullmatch(self, text: str) -> object:
        if text == "bad":
            raise KeyboardInterrupt(self.pattern)
        return True


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(patterns, "guarded", lambda pattern, _name: Failing(pattern))
    return Plan(Schema((Field("a", constraints=Constraints(pattern="x")),)), PLAIN, patterns="re")


def test_an_exception_in_a_pattern_is_that_of_the_call(plan: Plan) -> None:
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt, match="x"):
            plan.parse(b"good\nbad\n")
        assert plan.parse(b"good\ngood\n").rows == 2


def test_an_exception_in_one_thread_is_no_other_threads(plan: Plan) -> None:
    barrier = Barrier(THREADS)

    def run(number: int) -> str:
        barrier.wait()
        try:
            return f"{plan.parse(b'good\n' * 50 + (b'bad\n' if number % 2 else b'fine\n')).rows} rows"
        except KeyboardInterrupt as error:
            return f"raised {error}"

    with ThreadPoolExecutor(THREADS, "feedmill-test") as executor:
        assert list(executor.map(run, range(THREADS))) == ["51 rows", "raised x"] * (THREADS // 2)


def test_codes_are_counted_in_c() -> None:
    batch = Plan(Schema(FIELDS), PLAIN).parse(b"a,b,0,x\na,b,1\na,b,0,1,2\n")
    assert batch.reject_counts() == {
        (Code.MINIMUM, 2): 2, (Code.TYPE, 3): 1, (Code.MISSING_CELL, 3): 1, (Code.EXTRA_CELL, -1): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "limits"),
    [
        ("integer", {"minimum": "3", "maximum": "2"}),
        ("integer", {"exclusive_minimum": "2", "maximum": "2"}),
        ("integer", {"exclusive_minimum": "2", "exclusive_maximum": "3"}),
        ("number", {"minimum": "1e30", "exclusive_maximum": "1000000000000000000000000000000.0"}),
        ("number", {"exclusive_minimum": "0.1", "maximum": "0.05"}),
        ("date", {"minimum": "2024-03-01", "maximum": "2024-02-29"}),
        ("datetime", {"minimum": "2024-01-01T00:00:00Z", "exclusive_maximum": "2024-01-01T01:00:00+01:00"}),
        ("yearmonth", {"exclusive_minimum": "2024-01", "exclusive_maximum": "2024-02"}),
    ],
)
def test_limits_that_leave_no_value_are_refused(kind: str, limits: dict[str, str]) -> None:
    for storage in ("decimal", "float64") if kind == "number" else ("decimal",):
        field = Field("v", kind, storage=storage, constraints=Constraints(**limits))  # type: ignore[arg-type]
        with pytest.raises(SchemaError, match=r"field 'v': constraints \w+ \S+ and \w+ \S+ leave no value"):
            Plan(Schema((field,)), Dialect())


@pytest.mark.parametrize("kind", ["integer", "number"])
def test_limits_may_leave_one_value(kind: str) -> None:
    for limits in ({"minimum": "2", "maximum": "2"}, {"exclusive_minimum": "1", "maximum": "2"}):
        schema = Schema((Field("v", kind, constraints=Constraints(**limits)),))  # type: ignore[arg-type]
        assert Plan(schema, Dialect(header=False)).parse(b"2\n").rows == 1
