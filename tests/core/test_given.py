"""Records of Python values are judged as the same records in a feed."""

import datetime as dt
import enum
import json
import threading
from collections import ChainMap
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill import read
from feedmill.dialect import Dialect
from feedmill.kernel import Builder, Checked, Plan, record_plan
from feedmill.records import Base, Reject, rejects_of
from feedmill.schema import Constraints, Field, Schema
from feedmill.transforms import Default, Map, Replace
from tests import strategies

SCHEMA = Schema(
    (
        Field("sku", transforms=("trim",), constraints=Constraints(required=True, max_length=8)),
        Field("stock", "integer", constraints=Constraints(minimum="0")),
        Field("price", "number", precision=12, scale=2),
        Field("exact", "number"),
        Field("weight", "number", storage="float64"),
        Field("sold", "boolean"),
        Field("day", "date", "%d/%m/%Y"),
        Field("at", "time"),
        Field("seen", "datetime"),
        Field("tags", "list"),
        Field("more", "object"),
        Field("id", "string", "uuid"),
        Field("made", "year"),
    )
)
UTC = dt.UTC
GOOD = {
    "sku": " A-1 ",
    "stock": 3,
    "price": Decimal("12.5"),
    "exact": 10**30,
    "weight": 1.25,
    "sold": True,
    "day": dt.date(2024, 2, 29),
    "at": dt.time(23, 59, 59, 999999),
    "seen": dt.datetime(2024, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    "tags": ["a", "b"],
    "more": {"é": [1]},
    "id": UUID(int=7),
    "made": 987,
}
KEPT = {
    **GOOD,
    "sku": "A-1",
    "price": Decimal("12.50"),
    "exact": Decimal(10**30),
    "seen": dt.datetime(2023, 12, 31, 23, tzinfo=UTC),
    "tags": "a,b",
    "more": '{"é": [1]}',
    "id": str(UUID(int=7)),
}

NO_NUMBERS = [
    *map(float, ("nan", "inf", "-inf")),
    *map(Decimal, ("NaN", "-NaN7", "sNaN", "Infinity", "-Infinity")),
]


def codes(checked: Checked) -> list[tuple[str, str, str]]:
    return [(each.column, each.code, each.value) for each in checked.rejects]


def only(name: str, value: object) -> Checked:
    return SCHEMA.validate({"sku": "A", name: value})


def test_values_of_the_fields_own_types() -> None:
    record = SCHEMA.validate(GOOD).record
    assert record is not None
    assert dict(record) == KEPT
    assert str(record.price) == "12.50"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (2**70, str(2**70)),
        (-0.5, "-0.5"),
        (Decimal("1.50"), "1.50"),
        (True, "true"),
        (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00"),
        (dt.time(1, tzinfo=UTC), "01:00:00+00:00"),
        (dt.timedelta(hours=-1), "-P0DT3600S"),
        (UUID(int=7), str(UUID(int=7))),
        (
            {"a": [Decimal("1.50"), {"b": dt.date(2024, 2, 29)}, None, True]},
            '{"a": [1.50, {"b": "2024-02-29"}, null, true]}',
        ),
        (b"A", None),
        (object, None),
        ([b"A"], None),
        ({None: 1, True: 2, 3: 0.5}, '{"null": 1, "true": 2, "3": 0.5}'),
        ({None: 1, True: 2, 3: dt.date(2024, 2, 29)}, '{"null": 1, "true": 2, "3": "2024-02-29"}'),
        ({b"k": 1}, None),
        ({(1, 2): 3}, None),
        ({dt.date(2024, 2, 29): 1}, None),
        *((value, None) for value in NO_NUMBERS),
        *(([value], None) for value in NO_NUMBERS),
        *(({"a": [value, Decimal(1)]}, None) for value in NO_NUMBERS),
        ({float("inf"): 1}, None),
        ({float("nan"): Decimal(1)}, None),
    ],
)
def test_any_takes_whatever_a_feed_could_have(value: object, text: str | None) -> None:
    schema = Schema((Field("v", "any"),))
    record = schema.validate({"v": value}).record
    assert (None if record is None else record.v) == text
    if record is not None:
        assert schema.validate(record).record == record


def test_json_may_hold_decimals_days_and_identifiers() -> None:
    held = [Decimal("1.50"), dt.date(2024, 2, 29), UUID(int=7), ChainMap({"a": (1,)})]
    record = only("more", ChainMap({"x": held})).record
    assert record is not None
    assert record.more == f'{{"x": [1.50, "2024-02-29", "{UUID(int=7)}", {{"a": [1]}}]}}'
    assert codes(only("more", {"x": Decimal("NaN")}))[0][1] == "type"


class Size(int, enum.Enum):
    LARGE = 3


class Colour(enum.StrEnum):
    RED = "vermelhão"


class Told(str):
    __slots__ = ()


class Speaks:
    def __str__(self) -> str:
        return Told("spoken")


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        (Field("v"), Colour.RED, "vermelhão"),
        (Field("v"), Told("a"), "a"),
        (Field("v", transforms=("upper",)), Told("a"), "A"),
        (Field("v", "any"), Colour.RED, "vermelhão"),
        (Field("v", "list"), [Told("a"), Size.LARGE], "a,3"),
        (Field("v", "array"), [Colour.RED, Size.LARGE, True], '["vermelhão", 3, true]'),
        (Field("v", "integer"), Size.LARGE, 3),
        (Field("v", "integer"), Told("4"), 4),
        (Field("v", "number"), Size.LARGE, Decimal(3)),
        (Field("v", "number", storage="float64"), Size.LARGE, 3.0),
        (Field("v", "year"), Size.LARGE, 3),
        (Field("v", "any"), Size.LARGE, "3"),
    ],
)
def test_members_of_enums_are_what_they_stand_for(field: Field, value: object, kept: object) -> None:
    record = Schema((field,)).validate({"v": value}).record
    assert record is not None
    assert (record.v, type(record.v)) == (kept, type(kept))


@pytest.mark.parametrize("kind", ["integer", "number", "year", "date"])
@pytest.mark.parametrize(
    "value", [10**5000, -(10**5000), Speaks(), Colour.RED], ids=["many", "minus", "speaks", "red"]
)
def test_what_has_odd_notation_is_a_finding(kind: str, value: object) -> None:
    [(column, code, _)] = codes(Schema((Field("v", kind),)).validate({"v": value}))
    assert (column, code) == ("v", "type")


def test_a_year_before_the_first_is_shown_as_it_is() -> None:
    assert codes(only("made", -5)) == [("made", "type", "-5")]


def test_a_record_that_was_kept_is_kept_again_as_it_is() -> None:
    record = SCHEMA.validate(GOOD).record
    assert record is not None
    again = SCHEMA.validate(record).record
    assert again == record
    assert [type(value) for value in again.values()] == [type(value) for value in record.values()]


def test_texts_are_cells() -> None:
    texts = {"sku": " A", "stock": "7", "day": "29/02/2024", "sold": "TRUE", "weight": "", "price": "1.5"}
    record = SCHEMA.validate(texts).record
    assert record is not None
    assert [record.sku, record.stock, record.day, record.sold, record.weight, str(record.price)] == [
        "A",
        7,
        dt.date(2024, 2, 29),
        True,
        None,
        "1.50",
    ]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("sku", 7, "type"),
        ("sku", b"A", "type"),
        ("sku", "  ", "required"),
        ("sku", None, "required"),
        ("sku", "123456789", "max_length"),
        ("sku", "\ud800", "encoding"),
        ("sku", "a\0", "nul"),
        ("stock", -1, "minimum"),
        ("stock", 2**63, "type"),
        ("stock", True, "type"),
        ("stock", 3.0, "type"),
        ("stock", Decimal(3), "type"),
        ("price", Decimal("0.001"), "type"),
        ("price", 0.1 + 0.2, "type"),
        ("price", Decimal("NaN"), "type"),
        ("price", "1,5", "type"),
        ("sold", 1, "type"),
        ("day", dt.datetime(2024, 1, 1, tzinfo=UTC), "type"),
        ("seen", dt.date(2024, 1, 1), "type"),
        ("seen", dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1))), "type"),
        ("at", dt.time(1, tzinfo=UTC), "type"),
        ("tags", ["a,b"], "type"),
        ("tags", [float("nan")], "type"),
        ("more", [1], "type"),
        ("more", {"a": object()}, "type"),
        ("more", {"a": float("inf")}, "type"),
        ("more", {b"a": 1}, "type"),
        ("id", UUID, "type"),
        ("made", 2.0, "type"),
    ],
)
def test_what_is_wrong(name: str, value: object, code: str) -> None:
    checked = only(name, value)
    assert checked.record is None
    assert [each[:2] for each in codes(checked)] == [(name, code)]


def test_every_finding_has_its_value() -> None:
    checked = SCHEMA.validate({"sku": 7, "stock": -1, "price": 0.001, "sold": [1]})
    assert codes(checked) == [
        ("sku", "type", "7"),
        ("stock", "minimum", "-1"),
        ("price", "type", "0.001"),
        ("sold", "type", "[1]"),
    ]


def test_a_value_that_cannot_be_shown_is_still_a_finding() -> None:
    class Sullen:
        def __str__(self) -> str:
            raise RuntimeError

    assert codes(only("stock", Sullen())) == [("stock", "type", "<Sullen: RuntimeError>")]


def test_a_text_too_long_for_its_replacement_is_a_finding_as_in_a_feed(tmp_path: Path) -> None:
    schema = Schema((Field("a", transforms=(Replace("(x+)(x+)", r"\1"),)), Field("b")))
    long = "x" * 500_000
    (reject,) = schema.validate({"a": long, "b": "1"}).rejects
    path = tmp_path / "feed.csv"
    path.write_text(f"a,b\n{long},1\nxx,2\n")
    found: list[Reject] = []
    assert [record.b for record in read(str(path), schema, rejects=found.append)] == ["2"]
    assert (reject.code, reject.message) == (found[0].code, found[0].message)
    assert reject.message.endswith(
        "TextTooLongError: a text of 500000 characters is too long for the pattern"
    )
    assert schema.validate({"a": "xx"}).record is not None


def test_floats_count_by_the_digits_that_python_shows() -> None:
    record = SCHEMA.validate({"sku": "A", "price": 0.1, "exact": 1e-7}).record
    assert record is not None
    assert (str(record.price), format(record.exact, "f")) == ("0.10", "0.0000001")


def test_any_mapping_will_do_and_nothing_else() -> None:
    assert SCHEMA.validate(ChainMap({"sku": "A"})).record is not None
    assert SCHEMA.validate({"sku": "A", "stranger": 1}).record is not None
    for wrong in (None, 3, ["sku"], "sku"):
        with pytest.raises(TypeError, match="mapping"):
            SCHEMA.validate(wrong)  # type: ignore[arg-type]


def test_records_are_mappings() -> None:
    record = SCHEMA.validate(GOOD).record
    assert record is not None
    assert isinstance(record, Mapping)
    assert (len(record), "sku" in record, record.get("x", 1), record["stock"]) == (13, True, 1, 3)
    assert {**record} == record.asdict() == record | {}
    assert (record | {"stock": 9})["stock"] == 9
    assert repr(record).startswith("Record(sku='A-1', stock=3, price=Decimal('12.50')")
    with pytest.raises(KeyError):
        record["x"]
    with pytest.raises(AttributeError, match="no field 'x'"):
        record.x  # noqa: B018
    with pytest.raises(TypeError):
        hash(record)


@given(st.data())
def test_texts_are_judged_as_in_a_feed(data: st.DataObject) -> None:
    schema = data.draw(strategies.schemas())
    cells = [data.draw(strategies.texts(field)) for field in schema.fields]
    quoted = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"
    batch = Plan(schema, Dialect(header=False)).parse(quoted.encode())
    found = [(each.column, each.code, each.value) for each in rejects_of(batch, schema.names, Base())]
    checked = schema.validate(dict(zip(schema.names, cells, strict=True)))
    assert codes(checked) == found
    if not found:
        assert checked.record is not None
        assert json.dumps(checked.record.values(), default=repr) == json.dumps(
            batch.tuples()[0], default=repr
        )
        # A good record's own values are good, and stay what they are.
        again = schema.validate(checked.record)
        assert again.rejects == ()
        assert repr(again.record) == repr(checked.record)


DEFAULTS = Schema(
    (
        Field("n", "integer", missing_values=("-",), transforms=(Default("7"),)),
        Field("t", transforms=("upper", Default("x"), Map.of({"x": "é" * 40}))),
        Field("r", "date", transforms=(Default("2024-02-29"),), constraints=Constraints(required=True)),
    )
)


@pytest.mark.parametrize(
    "record", [{}, dict.fromkeys("ntr"), {"n": "-", "t": "", "r": ""}, {"n": None, "t": ""}]
)
def test_a_default_is_for_what_is_missing_however_it_comes(record: dict[str, object]) -> None:
    made = DEFAULTS.validate(record).record
    assert made is not None
    assert made.values() == (7, "é" * 40, dt.date(2024, 2, 29))


def test_a_default_is_not_for_values() -> None:
    made = DEFAULTS.validate({"n": 0, "t": "x", "r": dt.date(1, 1, 1)}).record
    assert made is not None
    assert made.values() == (0, "X", dt.date(1, 1, 1))
    assert codes(DEFAULTS.validate({"n": ""})) == [("n", "type", "")]


ONCE = Schema(
    (
        Field("a", transforms=(Replace("^", "0"),)),
        Field("b", transforms=(Map.of({"x": "y", "y": "z"}),)),
        Field("c", transforms=(Default("d"), "trim")),
        Field("n", "integer"),
    )
)


def test_a_record_goes_through_its_transforms_once() -> None:
    record = ONCE.validate({"a": "1", "b": "x", "c": "  ", "n": 1}).record
    assert record is not None
    assert record.values() == ("01", "y", None, 1)
    assert ONCE.validate(record).record == record
    builder = Builder(record_plan(ONCE), 2)
    assert builder.add(record | {"n": 2}, 0, 0, 0, record)
    assert builder.add(record | {"a": "2", "c": "e "}, 1, 1, 9, record)
    assert builder.finish(2, 2).tuples() == [("01", "y", None, 2), ("02", "y", "e", 1)]


def test_a_builder_makes_one_batch_of_many() -> None:
    builder = Builder(record_plan(SCHEMA), 3)
    assert builder.add(GOOD, 2, 5, 70)
    assert not builder.add({"sku": 1}, 4, 9, 90)
    assert builder.add({"sku": "B"}, 7, 11, 110)
    with pytest.raises(TypeError, match="mapping"):
        builder.add(3, 8, 12, 120)  # type: ignore[arg-type]
    batch = builder.finish(10, 12)
    assert [record.sku for record in batch] == ["A-1", "B"]
    assert (batch.numbers(), batch.records, batch.rows, batch.lines) == ([2, 7], 10, 2, 12)
    assert batch.place(7) == (11, 110)
    assert batch.rejects() == [(12, 0, 4, 9, 90, 1, b"1")]
    with pytest.raises(ValueError, match="finished"):
        builder.add(GOOD, 9, 9, 9)


def test_a_value_cannot_come_back_to_the_builder_that_reads_it() -> None:
    builder = Builder(record_plan(SCHEMA), 3)
    raised: list[BaseException] = []

    class Again(dict[str, object]):
        def __str__(self) -> str:
            for call in (lambda: builder.add({"sku": "inner"}, 1, 1, 1), lambda: builder.finish(1, 1)):
                with pytest.raises(RuntimeError, match="being read") as caught:
                    call()
                raised.append(caught.value)
            return "odd"

    assert not builder.add({"sku": "A", "stock": Again()}, 0, 0, 0)
    assert builder.add({"sku": "B"}, 1, 1, 1)
    assert len(raised) == 2
    assert [record.sku for record in builder.finish(2, 2)] == ["B"]


@pytest.mark.parametrize("kind", ["array", "object", "any", "list"])
def test_a_value_that_another_thread_changes_is_a_value_or_a_finding(kind: str) -> None:
    schema = Schema((Field("v", kind),))
    items: list[object] = []
    members: dict[str, object] = {}
    nested = {"v": [items, members]} if kind != "object" else {"v": {"items": items, "members": members}}
    is_over = threading.Event()

    def change(_: object) -> None:
        while not is_over.is_set():
            items[:] = [str(number) for number in range(300)]
            members.update(dict.fromkeys(items[:50], 1))
            items.clear()
            members.clear()

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change, None)
        try:
            for _ in range(400):
                checked = schema.validate(nested)
                assert (checked.record is None) == bool(checked.rejects)
        finally:
            is_over.set()
        changing.result()


def test_many_threads_share_a_schema() -> None:
    def work(number: int) -> bool:
        record = SCHEMA.validate({"sku": f"é{number}", "stock": number}).record
        return record is not None and (record.sku, record.stock) == (f"é{number}", number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(4_000)))


def test_records_outlive_their_batch() -> None:
    plan = Plan(SCHEMA, Dialect(header=False), ("sku", "stock"))
    [record] = list(plan.parse(b"A-1,4\n"))
    del plan
    assert (record.sku, record.stock, record.price) == ("A-1", 4, None)
