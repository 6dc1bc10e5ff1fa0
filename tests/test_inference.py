"""What is inferred accepts the feed it was inferred from, and is the same however many look."""

import json
from pathlib import Path

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


def test_columns_without_names_are_refused(feed: str) -> None:
    for dialect in (Dialect(header=False), Dialect(format="jsonl")):
        with pytest.raises(UsageError, match="no names"):
            infer(feed, options=RunOptions(dialect=dialect))


def test_the_command_prints_a_schema_that_loads(
    feed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["infer", feed]) == 0
    (tmp_path / "s.json").write_text(capsys.readouterr().out)
    assert Schema.load(tmp_path / "s.json").names == infer(feed).schema.names
