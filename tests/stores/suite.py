"""What every database store has to do; `test_sqlite_table` and `test_postgres_table` run it."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from feedmill.errors import StoreError, UsageError
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.ddl import quote
from tests.stores.feeding import Ranges, Row, load, run_info
from tests.stores.model import Model

if TYPE_CHECKING:
    from feedmill.stores.merge import Mode
    from tests.stores.rigs import Rig

ITEMS = Schema(
    (Field("sku"), Field("size", "integer"), Field("stock", "integer")), primary_key=("sku", "size")
)
KEYLESS = Schema((Field("sku"), Field("stock", "integer")))
SMALL = Schema((Field("sku"), Field("stock", "integer")), primary_key=("sku",))
TYPES = Schema(
    (
        Field("id", "integer"),
        Field("string"),
        Field("uuid", format="uuid"),
        Field("number", "number"),
        Field("small", "number", precision=12, scale=2),
        Field("large", "number", precision=30, scale=6),
        Field("float", "number", storage="float64"),
        Field("boolean", "boolean"),
        Field("date", "date"),
        Field("time", "time"),
        Field("datetime", "datetime"),
    ),
    primary_key=("id",),
)
EVERY_TYPE: list[Row] = [
    (
        1,
        'naïve, "quoted"\nand \U0001f600 \\.',
        "123e4567-e89b-12d3-a456-426614174000",
        Decimal("12345678901234567890.123456789"),
        Decimal("-1234567890.12"),
        Decimal("123456789012345678901234.000001"),
        1.1e-300,
        True,
        date(1, 1, 1),
        time(23, 59, 59, 999999),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ),
    (
        2,
        "",
        None,
        Decimal(0),
        Decimal("0.00"),
        Decimal("0.000000"),
        0.0,
        False,
        date(2024, 2, 29),
        time(),
        None,
    ),
    (3, *(None,) * 10),
]
ODD_NAMES = (
    "select",
    'five" nails',
    "Größe in cm",
    "%s ?",
    "r",
    "c0",
    "x; drop table items --",
    "\U0001f600",
    "'",
)


def random_ranges(seed: random.Random, width: int) -> Ranges:
    """Make ranges full of repeated keys, with missing values and records without a row."""

    def row() -> Row | None:
        if seed.random() < 0.1:
            return None
        values = [None, 1, 2]
        return (
            seed.choice("abcdefgh"),
            *(seed.choice([1, 2]) for _ in range(width - 2)),
            seed.choice(values),
        )

    return [
        [[row() for _ in range(seed.randrange(12))] for _ in range(seed.randrange(1, 3))]
        for _ in range(seed.randrange(1, 5))
    ]


class Suite:
    """The tests; `rig` is a fixture of the module that runs them."""

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("mode", ["upsert", "insert", "ignore", "replace"])
    def test_mode_means_what_it_says(self, rig: Rig, mode: Mode, seed: int) -> None:
        random_source = random.Random(f"{mode} {seed}")
        lanes = seed % rig.max_lanes + 1
        first, second = (random_ranges(random_source, 3) for _ in range(2))
        model = Model("upsert", 2).load(first)
        load(rig.sink(ITEMS, mode="upsert", lanes=lanes), ITEMS, first)
        expected = Model(mode, 2, model.rows).load(second)
        result = load(rig.sink(ITEMS, mode=mode, lanes=lanes), ITEMS, second, run_info("run-2"))
        assert set(rig.query("SELECT * FROM items")) == set(expected.rows)
        assert len(rig.query("SELECT * FROM items")) == len(expected.rows)
        assert result.counts() == expected.counts()
        assert [(reject.record, reject.code) for reject in result.rejects()] == [
            (record, "duplicate_key") for record in expected.rejected
        ]

    def test_append_keeps_every_row_in_order(self, rig: Rig) -> None:
        rows: Ranges = [[[("a", 1), ("a", 1)], [None, ("b", None)]], [[("a", 1)]]]
        load(rig.sink(KEYLESS), KEYLESS, rows)
        result = load(rig.sink(KEYLESS), KEYLESS, rows, run_info("run-2"))
        assert rig.query("SELECT * FROM items") == [("a", 1), ("a", 1), ("b", None), ("a", 1)] * 2
        assert result.counts() == (4, 0, 0, 0)

    def test_replace_without_key(self, rig: Rig) -> None:
        load(rig.sink(KEYLESS), KEYLESS, [[[("old", 1)]]])
        load(rig.sink(KEYLESS, mode="replace"), KEYLESS, [[[("new", 1)], [("new", 1)]]], run_info("run-2"))
        assert rig.query("SELECT * FROM items") == [("new", 1), ("new", 1)]

    def test_key_that_is_the_whole_row(self, rig: Rig) -> None:
        schema = Schema((Field("a"), Field("b")), primary_key=("a", "b"))
        result = load(rig.sink(schema), schema, [[[("x", "y"), ("x", "z"), ("x", "y")]], [[("x", "y")]]])
        assert result.counts() == (2, 0, 1, 1)

    def test_every_type_comes_back_as_it_was(self, rig: Rig) -> None:
        load(rig.sink(TYPES), TYPES, [[EVERY_TYPE]])
        expected = [
            tuple(rig.stored(field, value) for field, value in zip(TYPES.fields, row, strict=True))
            for row in EVERY_TYPE
        ]
        names = [f"CAST({n} AS text)" if n == "uuid" else quote(n) for n in TYPES.names]
        assert rig.query(f"SELECT {', '.join(names)} FROM items ORDER BY id") == expected

    def test_every_type_is_seen_as_unchanged(self, rig: Rig) -> None:
        load(rig.sink(TYPES), TYPES, [[EVERY_TYPE]])
        assert load(rig.sink(TYPES), TYPES, [[EVERY_TYPE]], run_info("run-2")).counts() == (0, 0, 3, 0)

    def test_empty_text_and_missing_value_differ(self, rig: Rig) -> None:
        schema = Schema((Field("id", "integer"), Field("text")), primary_key=("id",))
        load(rig.sink(schema), schema, [[[(1, ""), (2, None)]]])
        result = load(rig.sink(schema), schema, [[[(1, None), (2, "")]]], run_info("run-2"))
        assert result.counts() == (0, 2, 0, 0)
        assert rig.query("SELECT text FROM items ORDER BY id") == [(None,), ("",)]

    def test_odd_names(self, rig: Rig) -> None:
        schema = Schema(tuple(Field(name) for name in ODD_NAMES), primary_key=(ODD_NAMES[1], ODD_NAMES[3]))
        table = '"order ""items"" 100%?"'
        row: Row = tuple(str(number) for number in range(len(ODD_NAMES)))
        for mode in ("upsert", "insert", "ignore", "append", "replace"):
            load(rig.sink(schema, table, mode), schema, [[[row, row]]], run_info(mode))
        assert rig.query(f"SELECT {', '.join(map(quote, ODD_NAMES))} FROM {table}") == [row]

    @pytest.mark.parametrize("table", ["s", "d", "u", "t", "x", "w", "e", "ranked", "excluded"])
    def test_names_of_statements(self, rig: Rig, table: str) -> None:
        names = ("r", "c1", "c0", "found", "is_new", "place", "value", "t", "s", "xmax1", "excluded")
        schema = Schema(tuple(Field(name) for name in names), primary_key=("c1", "r"))
        row = tuple(str(number) for number in range(len(names)))
        for mode in ("upsert", "insert", "ignore", "append", "replace"):
            load(rig.sink(schema, table, mode), schema, [[[row, row]]], run_info(mode))
        changed: Row = (*row[:-1], "new")
        load(rig.sink(schema, table), schema, [[[changed]]], run_info("changed"))
        assert rig.query(f"SELECT {', '.join(map(quote, names))} FROM {quote(table)}") == [changed]

    def test_wide_table(self, rig: Rig) -> None:
        schema = Schema(tuple(Field(f"column {n}") for n in range(1_500)), primary_key=("column 0",))
        row: Row = ("key", *(None for _ in range(1_499)))
        load(rig.sink(schema), schema, [[[row]]])
        result = load(rig.sink(schema), schema, [[[(*row[:-1], "last")]]], run_info("run-2"))
        assert result.counts() == (0, 1, 0, 0)

    @pytest.mark.parametrize("name", ["a\0b", "x" * 64, "é" * 32])
    def test_names_that_become_other_names_are_refused(self, rig: Rig, name: str) -> None:
        schema = Schema((Field("sku"), Field(name)))
        if "\0" in name or rig.name == "postgresql":
            with pytest.raises(UsageError, match=r"rename it|shorten it"):
                rig.sink(schema)
            with pytest.raises(UsageError, match=r"rename it|shorten it"):
                rig.sink(KEYLESS, table=name)
        else:
            load(rig.sink(schema), schema, [[[("a", "b")]]])

    def test_required_becomes_not_null(self, rig: Rig) -> None:
        schema = Schema((Field("a", constraints=Constraints(required=True)), Field("b")))
        rig.sink(schema).begin(run_info())
        with pytest.raises(Exception, match=r"(?i)not.null"):
            rig.execute("INSERT INTO items (b) VALUES ('x')")

    def test_mode_needs_key(self, rig: Rig) -> None:
        with pytest.raises(UsageError, match="primaryKey"):
            rig.sink(KEYLESS, mode="upsert")

    @pytest.mark.parametrize(
        ("statement", "complaint"),
        [
            ("CREATE TABLE items (sku text PRIMARY KEY)", "ADD COLUMN"),
            ("CREATE TABLE items (sku text, stock bigint)", "CREATE UNIQUE INDEX"),
            ("CREATE TABLE items (sku text PRIMARY KEY, stock bigint, more text NOT NULL)", "default"),
            (
                "CREATE TABLE items (sku text PRIMARY KEY, stock bigint GENERATED ALWAYS AS (1) STORED)",
                "generates",
            ),
        ],
    )
    def test_table_that_does_not_fit(self, rig: Rig, statement: str, complaint: str) -> None:
        rig.execute(statement)
        with pytest.raises(StoreError, match=complaint):
            rig.sink(SMALL).begin(run_info())
        assert rig.query("SELECT count(*) FROM items") == [(0,)]

    def test_more_columns_than_fields_keep_their_values(self, rig: Rig) -> None:
        rig.execute(
            "CREATE TABLE items (note text DEFAULT 'none', stock bigint, sku varchar(20) UNIQUE)",
            "INSERT INTO items VALUES ('mine', 1, 'a'), ('mine', 5, 'b')",
        )
        result = load(rig.sink(SMALL), SMALL, [[[("a", 2), ("b", 5), ("c", 3)]]])
        assert result.counts() == (1, 1, 1, 0)
        rows = rig.query("SELECT sku, stock, note FROM items ORDER BY sku")
        assert rows == [("a", 2, "mine"), ("b", 5, "mine"), ("c", 3, "none")]

    def test_store_that_cannot_be_reached(self, rig: Rig) -> None:
        rig.execute("CREATE TABLE items (sku text)", "CREATE VIEW items_view AS SELECT * FROM items")
        with pytest.raises(StoreError):
            rig.sink(KEYLESS, "items_view").begin(run_info())
