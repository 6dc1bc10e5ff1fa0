"""What is inferred accepts the feed it was inferred from, and is the same however many look."""

import json
import os
from pathlib import Path
from threading import Thread

import pytest

from feedmill import Dialect, RunOptions, Schema, UsageError, infer, validate
from feedmill.cli import main
from tests import shared_data

FEED = """sku,code,stock,price,sold,day,seen,site,mail,note,none
A-1,007,1,1.50,true,2024-01-31,2024-01-31T10:00:00Z,https://a.example,a@b.example,yes,
A-2,010,-20,3,false,2023-12-01,2024-01-31T10:00:00,https://b.example,c@d.example,no,
A-3,1,300,1e2,true,2024-02-01,2024-01-31T10:00:00+02:00,http://c.example/x,e@f.example,yes,
A-4,2,,2,true,2024-02-01,2024-01-31T10:00:00Z,http://c.example/y,g@h.example,yes,
"""


@pytest.fixture
def feed(tmp_path: Path) -> str:
    path = tmp_path / "feed.csv"
    path.write_text(FEED + "too,few\n")
    return str(path)


def test_types_and_evidence(feed: str) -> None:
    found = infer(feed)
    assert {each.name: (each.type, each.format) for each in found.schema.fields} == {
        "sku": ("string", "default"),
        "code": ("string", "default"),
        "stock": ("integer", "default"),
        "price": ("number", "default"),
        "sold": ("boolean", "default"),
        "day": ("date", "default"),
        "seen": ("datetime", "default"),
        "site": ("string", "uri"),
        "mail": ("string", "email"),
        "note": ("string", "default"),
        "none": ("string", "default"),
    }
    assert (found.records, found.unreadable) == (5, 1)
    assert found.evidence["stock"].to_dict() == {
        "values": 3,
        "missing": 1,
        "missingRate": 0.25,
        "minimum": "-20",
        "maximum": "300",
        "minLength": 1,
        "maxLength": 3,
        "examples": ["1", "-20", "300"],
    }
    assert found.evidence["note"].values == ("no", "yes")
    assert (found.evidence["day"].minimum, found.evidence["day"].maximum) == ("2023-12-01", "2024-02-01")
    assert [each.name for each in found.schema.fields if each.constraints.required] == [
        *("sku", "code", "price", "sold", "day", "seen", "site", "mail", "note")
    ]


def test_what_a_number_would_lose_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("phone,code,delta\n+551199999,1,-1\n551188888,02,1\n")
    assert [each.type for each in infer(str(path)).schema.fields] == ["string", "string", "integer"]


def test_one_cell_at_the_end_decides(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("n,m\n" + "1,2\n" * 5_000 + "x,3\n")
    for workers in (1, 3):
        found = infer(str(path), options=RunOptions(chunk_size=1_000, workers=workers))
        assert [each.type for each in found.schema.fields] == ["string", "integer"]
        assert found.evidence["m"].maximum == "3"


@pytest.mark.parametrize(
    ("name", "dialect"),
    [
        ("adventureworks/Product.csv", None),
        ("datakick/items.csv", None),
        ("goodbooks/books.csv", None),
        ("harmonized_system/harmonized-system.csv", None),
        ("orange_book/patent.txt", Dialect(delimiter="~", quote=None)),
        ("uci_online_retail/2010-12-01.csv", None),
    ],
)
def test_real_files_are_accepted_by_what_is_inferred_from_them(name: str, dialect: Dialect | None) -> None:
    path = str(shared_data.path(f"real/{name}"))
    options = RunOptions(dialect=dialect, chunk_size=1 << 16)
    found = [infer(path, options=RunOptions(dialect=dialect, chunk_size=1 << 16, workers=n)) for n in (1, 4)]
    assert found[0] == found[1]
    schema = Schema.from_descriptor(json.loads(json.dumps(found[0].to_descriptor())))
    report = validate(path, schema, options=options)
    assert (report.records, report.failures) == (found[0].records, found[0].unreadable)


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_text('1,"x,""\n",2024-01-01\n2,y,2024-02-02\n3\n')
    dialect = Dialect(header=False)
    for workers in (1, 4):
        found = infer(str(path), options=RunOptions(dialect=dialect, workers=workers, chunk_size=1))
        assert [(each.name, each.type) for each in found.schema.fields] == [
            ("field1", "integer"),
            ("field2", "string"),
            ("field3", "date"),
        ]
        assert (found.records, found.unreadable) == (3, 1)
    path.write_text(",".join(map(str, range(200))) + "\n")
    assert infer(str(path), options=RunOptions(dialect=dialect)).schema.names[-1] == "field200"


def test_columns_of_json_lines_are_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text('{"id":1,"p":1.5,"t":"x"}\n\n{"id":2,"d":"2024-01-01","p":null}\n[]\n{"é":true}\nno\n')
    for workers in (1, 4):
        options = RunOptions(dialect=Dialect(format="jsonl"), workers=workers, chunk_size=10)
        found = infer(str(path), options=options)
        assert [(each.name, each.type) for each in found.schema.fields] == [
            ("id", "integer"),
            ("p", "number"),
            ("t", "string"),
            ("d", "date"),
            ("é", "boolean"),
        ]
        assert (found.records, found.unreadable) == (5, 2)
        assert found.evidence["p"].missing == 2
    report = validate(str(path), found.schema, options=options)
    assert (report.records, report.failures) == (5, 2)


@pytest.mark.parametrize("dialect", [Dialect(header=False), Dialect(format="jsonl")])
def test_a_feed_without_records_has_no_columns(tmp_path: Path, dialect: Dialect) -> None:
    (tmp_path / "feed").write_text("")
    with pytest.raises(UsageError, match="no records"):
        infer(str(tmp_path / "feed"), options=RunOptions(dialect=dialect))


def test_json_lines_are_no_stream_to_infer_from() -> None:
    with pytest.raises(UsageError, match="read twice"):
        infer("-", options=RunOptions(dialect=Dialect(format="jsonl")))


def test_nor_is_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "feed.jsonl"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=['{"a": 1}\n'])
    writer.start()
    with pytest.raises(UsageError, match="read twice"):
        infer(str(pipe), options=RunOptions(dialect=Dialect(format="jsonl")))
    writer.join()


@pytest.mark.parametrize("workers", [1, 3])
def test_arrays_and_objects_of_json_lines_are_such_fields(tmp_path: Path, workers: int) -> None:
    path = tmp_path / "feed.jsonl"
    rows = [{"tags": ["a"], "more": {"a": 1}, "n": n, "none": None, "flag": True} for n in range(50)]
    rows += [{"tags": None, "more": {}, "n": 7}, {}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = RunOptions(chunk_size=300, workers=workers, dialect=Dialect(format="jsonl"))
    found = infer(str(path), options=options)
    assert {each.name: each.type for each in found.schema.fields} == {
        "tags": "array",
        "more": "object",
        "n": "integer",
        "none": "string",
        "flag": "boolean",
    }
    assert (found.records, found.unreadable, found.evidence["tags"].examples) == (52, 0, ('["a"]',))
    assert validate(str(path), found.schema, options=options).failures == 0
    # What is an array here and an object there may be anything.
    path.write_text('{"mixed": [1], "n": 1}\n{"mixed": {}, "n": 2}\n{"n": 3, "mixed": "x"}\n')
    found = infer(str(path), options=options)
    assert [each.type for each in found.schema.fields] == ["any", "integer"]
    assert (found.unreadable, found.evidence["mixed"].examples[0]) == (0, "[1]")
    assert validate(str(path), found.schema, options=options).failures == 0


def test_several_feeds_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("n,m\n1,2\n")
    (tmp_path / "b.csv").write_text("n,m\n3.5,\n")
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n')
    (tmp_path / "b.jsonl").write_text('{"m": [], "n": "x"}\n')
    found = infer(str(tmp_path / "*.csv"))
    assert [(each.type, each.constraints.required) for each in found.schema.fields] == [
        ("number", True),
        ("integer", False),
    ]
    assert (found.records, found.evidence["n"].examples) == (2, ("1", "3.5"))
    lines = RunOptions(dialect=Dialect(format="jsonl"))
    of_lines = infer([str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")], options=lines)
    assert [(each.name, each.type) for each in of_lines.schema.fields] == [("n", "string"), ("m", "array")]
    assert main(["infer", *map(str, sorted(tmp_path.glob("*.csv")))]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_descriptor()
    (tmp_path / "b.csv").write_text("m,n\n3,4\n")
    with pytest.raises(UsageError, match=r"b\.csv has other columns than .*a\.csv"):
        infer(str(tmp_path / "*.csv"))


def test_keys_of_json_lines_have_a_bound(tmp_path: Path) -> None:
    path = tmp_path / "feed.jsonl"
    path.write_text("".join(f'{{"k{number}": 1}}\n' for number in range(10_001)))
    with pytest.raises(UsageError, match="more than 10,000 different keys"):
        infer(str(path), options=RunOptions(dialect=Dialect(format="jsonl")))


def test_the_command_prints_a_schema_that_loads(
    feed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["infer", feed]) == 0
    (tmp_path / "s.json").write_text(capsys.readouterr().out)
    assert Schema.load(tmp_path / "s.json").names == infer(feed).schema.names


def test_what_is_sniffed_does_not_stand_in_the_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("이름\t값\n한국어\t1\n".encode("cp949"))
    assert main(["infer", str(path), "--sniff"]) == 0
    told = capsys.readouterr()
    assert [each["name"] for each in json.loads(told.out)["fields"]] == ["이름", "값"]
    assert told.err.startswith("encoding cp949: ")


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"  # as R's write.csv writes it, and pandas' to_csv
    path.write_text('"","width","kind"\n"1",5.1,"a"\n"2",4.9,"b"\n')
    found = infer(str(path))
    assert [(each.name, each.type) for each in found.schema.fields] == [
        ("field1", "integer"),
        ("width", "number"),
        ("kind", "string"),
    ]
    assert validate(str(path), found.schema).successes == 2
    path.write_text(",field1\n1,a\n2,b\n")
    found = infer(str(path))
    assert [(each.name, each.type) for each in found.schema.fields] == [
        ("field1_", "integer"),
        ("field1", "string"),
    ]
    assert validate(str(path), found.schema).successes == 2


def test_columns_that_cannot_be_told_apart_are_refused_by_the_feeds_name(tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text("a,b,a\n1,2,3\n")
    with pytest.raises(UsageError, match=r"twice\.csv: the header has 2 columns named 'a'.*--no-header"):
        infer(str(path))
    path = tmp_path / "nameless.jsonl"
    path.write_text('{"a": 1, "": 2}\n')
    with pytest.raises(UsageError, match=r"nameless\.jsonl: a record has a key without a name"):
        infer(str(path), options=RunOptions(dialect=Dialect(format="jsonl")))


@pytest.mark.parametrize("first", ["3,2,a title", "1,2,3,4,5,6,7,8,9,10,11,12", "one"])
def test_without_a_header_the_first_record_does_not_say_how_many_columns_there_are(
    tmp_path: Path, first: str
) -> None:
    path = tmp_path / "feed.csv"
    path.write_text(first + "\n" + "1,2.5,x,y,z\n" * 3)
    found = infer(str(path), options=RunOptions(dialect=Dialect(header=False)))
    assert (len(found.schema.fields), found.records, found.unreadable) == (5, 4, 1)
    assert found.schema.fields[1].type == "number"


@pytest.mark.parametrize(
    ("widths", "usual"),
    [
        ([1, 2, 3, 3, 3, 3, 2, 2, 1, 1], 3),  # the most frequent, though most have fewer
        ([2, 2, 3, 3, 5, 9, 12], 3),  # of equals the highest
        ([1, 12, 12, 1], 12),
        ([1, 1, 1, 12, 12], 1),
    ],
)
def test_without_a_header_the_most_frequent_number_of_cells_counts(
    tmp_path: Path, widths: list[int], usual: int
) -> None:
    path = tmp_path / "feed.csv"
    path.write_text("".join(",".join("x" * width) + "\n" for width in widths))
    found = infer(str(path), options=RunOptions(dialect=Dialect(header=False)))
    assert len(found.schema.fields) == usual
