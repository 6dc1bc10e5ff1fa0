"""Records that share a key: which stay, whatever the number of workers and however the feed is cut."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill import Constraints, Dialect, Field, Reject, RunOptions, Schema, load, parse, read, validate
from feedmill.codes import Code
from feedmill.kernel import KeyIndex

if TYPE_CHECKING:
    from feedmill.keys import Duplicates

PLAIN = Dialect(header=False)
ITEMS = Schema(
    (
        Field("sku"),
        Field("code", constraints=Constraints(unique=True)),
        Field("n", "number"),
        Field("x", "integer"),
    ),
    primary_key=("sku",),
    unique_keys=(("n", "x"),),
    name="items",
)
FEED = (
    "sku,code,n,x\n"
    "A,1,1.50,7\n"  # 1
    "B,1,2,7\n"  # 2: code of 1
    "A,3,,\n"  # 3: key of 1
    "C,,1.5,7\n"  # 4: n, x of 1
    "D,,1.5,\n"  # 5: a missing value is shared with none
    "E,9,bad,7\n"  # 6: no record has its keys
    "E,3,3,3\n"  # 7
    "A,3,1.50,7\n"  # 8: all of them
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("feed.csv").write_text(FEED)
    return tmp_path


def rejects() -> list[str]:
    return [
        ",".join(line.split(",")[i] for i in (0, 3, 4)) for line in Path("r.csv").read_text().splitlines()[1:]
    ]


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("chunk_size", [1, 30, 1 << 20])
@pytest.mark.parametrize(
    ("policy", "stays", "found"),
    [
        ("last", "AAD", "2,code,unique 4,,unique 6,n,type 7,code,unique 8,code,unique 8,,unique"),
        ("first", "ADE", "6,n,type"),
        (
            "reject",
            "ADE",
            (
                "2,code,unique 3,sku,duplicate_key 4,,unique 6,n,type 8,sku,duplicate_key"
                " 8,code,unique 8,,unique"
            ),
        ),
    ],
)
def test_who_stays(workers: int, chunk_size: int, policy: Duplicates, stays: str, found: str) -> None:
    options = RunOptions(workers=workers, chunk_size=chunk_size, duplicates=policy, rejects="r.csv")
    report = validate("feed.csv", ITEMS, valid="v.csv", options=options)
    # By the policy "last", the third record stays beside the first: only a table can take that one back.
    assert rejects() == found.split()
    assert [line[0] for line in Path("v.csv").read_text().splitlines()[1:]] == list(stays)
    assert report.records == 8 == report.successes + report.failures
    assert report.outcomes.duplicate == (4 if policy == "first" else 0)
    assert report.failures == len({line.split(",")[0] for line in found.split()})
    again = validate("feed.csv", ITEMS, options=options)
    assert (again.successes, again.rejects_by_code) == (report.successes, report.rejects_by_code)


def test_both_records_are_named() -> None:
    Path("b.csv").write_text("sku,code,n,x\nZ,z,,\nA,1,,\n")
    found: list[Reject] = []
    options = RunOptions(duplicates="reject", workers=2)
    with read(["feed.csv", "b.csv"], ITEMS, rejects=found.append, options=options) as records:
        list(records)
    assert [(each.position.record, each.message, each.value) for each in found[-2:]] == [
        (2, "expected a new sku, record 1 of feed.csv has it", "A"),
        (2, "expected a new code, record 1 of feed.csv has it", "1"),
    ]
    assert found[2].message == "expected a new n, x, record 1 of feed.csv has it"
    assert found[2].value == "n=1.5, x=7"


def test_keys_of_texts_are_compared_and_values_shown_as_docs_schema_says() -> None:
    Path("days.csv").write_text("day,age\n31/01/2024,P1Y\n01/02/2024,P12M\n31/01/2024,P2Y\n")
    fields = (Field("day", "date", "%d/%m/%Y"), Field("age", "duration"))
    schema = Schema(fields, unique_keys=(("day",), ("age",)))
    found: list[Reject] = []
    with read("days.csv", schema, rejects=found.append) as records:
        assert [record.age for record in records] == ["P1Y", "P12M"]
    assert [(each.column, each.value) for each in found] == [("day", "2024-01-31")]


@pytest.mark.parametrize("policy", ["last", "first", "reject"])
def test_a_table_has_the_record_that_stays(policy: Duplicates) -> None:
    schema = replace(ITEMS, unique_keys=(), fields=(Field("sku"), Field("n", "integer")))
    rows = [(f"k{n * 7919 % 500}", n) for n in range(3_000)]
    Path("feed.csv").write_text("sku,n\n" + "".join(f"{key},{n}\n" for key, n in rows))
    tables = []
    for workers in (1, 3):
        options = RunOptions(workers=workers, lanes=workers, chunk_size=1_000, duplicates=policy)
        report = load("feed.csv", f"sqlite:///{workers}.db", schema, options=options)
        with closing(sqlite3.connect(f"{workers}.db")) as database:
            tables.append(sorted(database.execute("SELECT sku, n FROM items")))
        assert report.successes == (500 if policy == "reject" else 3_000)
    winners = dict(rows if policy == "last" else rows[::-1])
    assert tables[0] == tables[1] == sorted(winners.items())


def test_records_a_callback_changes_are_judged_as_changed() -> None:
    schema = Schema((Field("sku"), Field("n", "integer")), primary_key=("sku",))
    Path("feed.csv").write_text("sku,n\na,1\nA,2\nb,3\n")
    options = RunOptions(
        duplicates="reject",
        transform=lambda record: None if record["n"] == 3 else dict(record, sku=str(record["sku"]).upper()),
        rejects="r.csv",
    )
    report = validate("feed.csv", schema, valid="v.csv", options=options)
    assert rejects() == ["2,sku,duplicate_key"]
    assert (report.successes, report.failures, report.dropped) == (2, 1, 1)
    assert Path("v.csv").read_text() == "sku,n\nA,1\n"


def test_lines_of_json_have_their_places() -> None:
    Path("feed.jsonl").write_text('{"sku":"A","n":1}\n\n{"n":2,"sku":"A"}\n')
    schema = Schema((Field("sku"), Field("n", "integer")), primary_key=("sku",))
    found: list[Reject] = []
    options = RunOptions(duplicates="reject", dialect=Dialect(format="jsonl"))
    with read("feed.jsonl", schema, rejects=found.append, options=options) as records:
        assert len(list(records)) == 1
    assert [(each.position.record, each.position.line, each.position.byte) for each in found] == [(2, 3, 19)]


KEYS = {
    "string": ["a", "b", "ab", "é", "a" * 40, "a" * 41, "0", "00000000"],
    "integer": ["1", "-1", "0", "9223372036854775807"],
    "number": ["1", "1.0", "1e0", "-1", "0", "-0.0", "1e40", "12345678901234567", "12345678901234567.5"],
    "date": ["2024-01-01", "2024-01-02"],
    "boolean": ["true", "false"],
}
ROW = st.tuples(*(st.sampled_from(["", *cells]) for cells in KEYS.values()))


@given(st.lists(ROW, max_size=12), st.sets(st.integers(0, 4), min_size=1), st.integers(1, 12))
def test_keys_are_equal_where_their_values_are(
    rows: list[tuple[str, ...]], fields: set[int], middle: int
) -> None:
    """The index agrees with a dictionary of Python's values."""
    schema = Schema(tuple(Field(kind, kind) for kind in KEYS))
    key = sorted(fields)
    index = KeyIndex([key])
    held: dict[tuple[object, ...], int] = {}
    expected, found, before = [], [], 0
    for part in (rows[:middle], rows[middle:]):
        batch = parse("".join(",".join(row) + "\n" for row in part if any(row)).encode(), schema, PLAIN)
        assert batch.rows == batch.records
        stays = batch.claim_keys(index, before, [Code.UNIQUE])
        if stays is not None:
            records = [before + finding[2] for finding in stays.rejects()]
            found += [(record, *claim) for record, claim in zip(records, stays.claims(), strict=True)]
            assert stays.records - stays.rows == len(set(records))
        for number, values in enumerate(batch.tuples(), before):
            own = tuple(values[field] for field in key)
            if None not in own and held.setdefault(own, number + 1) != number + 1:
                expected.append((number, 0, held[own]))
        before += batch.records
    assert found == expected
    assert len(index) == len(held)


@given(st.lists(ROW, min_size=1, max_size=20), st.data())
def test_rows_that_stay_are_as_they_were(rows: list[tuple[str, ...]], data: st.DataObject) -> None:
    schema = Schema((Field("place", "integer"), *(Field(kind, kind) for kind in KEYS)))
    lines = [",".join((str(number), *row)) + "\n" for number, row in enumerate(rows)]
    batch = parse("".join(lines).encode(), schema, PLAIN)
    out = data.draw(st.sets(st.sampled_from(range(len(rows))), min_size=1))
    index = KeyIndex([[0]])
    kept_lines = [line for number, line in enumerate(lines) if number not in out]
    assert parse("".join(kept_lines).encode(), schema, PLAIN).claim_keys(index, 0) is None
    index.freeze()
    copy = batch.miss_keys([(index, [0])], Code.FOREIGN_KEY)
    assert copy is not None
    assert [(each[0], each[2], each[6]) for each in copy.rejects()] == [
        (Code.FOREIGN_KEY, number, str(number).encode()) for number in sorted(out)
    ]
    kept = [number for number in range(len(rows)) if number not in out]
    assert copy.tuples(record_base=0) == [batch.tuples(record_base=0)[number] for number in kept]
    assert copy.numbers() == kept
    assert [copy.place(number) for number in kept] == [batch.place(number) for number in kept]
    assert (copy.records, copy.lines, copy.rows) == (batch.records, batch.lines, len(kept))


def test_a_key_takes_as_little_memory_as_is_said() -> None:
    schema = Schema((Field("sku"),))
    index = KeyIndex([[0]])
    for before in range(0, 200_000, 1_000):
        data = "".join(f"some long key of an item {n}\n" for n in range(before, before + 1_000))
        assert parse(data.encode(), schema, PLAIN).claim_keys(index, before, [0]) is None
        if before > 10_000:
            assert 18 <= index.nbytes / len(index) <= 37
    assert len(index) == 200_000


def test_what_an_index_refuses() -> None:
    batch = parse(b"a\n", Schema((Field("sku"),)), PLAIN)
    index = KeyIndex([[0]])
    with pytest.raises(ValueError, match="freeze the index first"):
        batch.miss_keys([(index, [0])], Code.FOREIGN_KEY)
    with pytest.raises(IndexError, match="field 1"):
        batch.claim_keys(KeyIndex([[1]]), 0)
    index.freeze()
    with pytest.raises(ValueError, match="frozen"):
        batch.claim_keys(index, 0)
    stays = batch.miss_keys([(index, [0])], Code.FOREIGN_KEY)
    assert stays is not None
    assert (stays.rows, stays.claims()) == (0, [(0, 0)])


def test_thousands_of_duplicates_are_left_out_at_once() -> None:
    """More findings than there is room for at first, of a key with several fields."""
    schema = Schema((Field("a"), Field("n", "integer")))
    data = "".join(f"{'x' * 200},{n % 10}\n" for n in range(5_000)).encode()
    index = KeyIndex([[0, 1]])
    stays = parse(data, schema, PLAIN).claim_keys(index, 0, [Code.UNIQUE])
    assert stays is not None
    assert (stays.rows, stays.records, len(index)) == (10, 5_000, 10)
    found = stays.rejects()
    assert [finding[2] for finding in found] == list(range(10, 5_000))
    assert all(finding[6] == f"a={'x' * 200}, n={finding[2] % 10}".encode() for finding in found)
    assert stays.claims() == [(0, record % 10 + 1) for record in range(10, 5_000)]
    assert stays.reject_counts() == {(Code.UNIQUE, -1): 4_990}
