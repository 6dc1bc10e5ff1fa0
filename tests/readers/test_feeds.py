"""From what was typed to feeds."""

from pathlib import Path

import pytest

from feedmill.dialect import Dialect
from feedmill.errors import FeedError
from feedmill.readers import find_feeds, open_feed
from feedmill.readers.jsonlines import JsonLinesReader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "a.csv", "c.txt", "[x].csv", "sub/d.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a\n1\n")
    (tmp_path / "folder.csv").mkdir()
    return tmp_path


def test_a_glob_gives_its_files_by_name(folder: Path) -> None:
    found = find_feeds([f"{folder}/*.csv"])
    assert [Path(path).name for path in found] == ["[x].csv", "a.csv", "b.csv"]


def test_two_stars_go_down(folder: Path) -> None:
    assert f"{folder}/sub/d.csv" in find_feeds([f"{folder}/**/*.csv"])


def test_the_order_asked_for_is_kept(folder: Path) -> None:
    assert find_feeds([f"{folder}/c.txt", f"{folder}/a*", "-"]) == [f"{folder}/c.txt", f"{folder}/a.csv", "-"]


def test_a_file_with_a_strange_name_is_a_file(folder: Path) -> None:
    assert find_feeds([f"{folder}/[x].csv"]) == [f"{folder}/[x].csv"]


def test_no_match_names_the_pattern(folder: Path) -> None:
    with pytest.raises(FeedError, match=r"no file matches '.*/\*\.parquet'"):
        find_feeds([f"{folder}/*.parquet"])


def test_a_plain_path_is_left_to_opening(folder: Path) -> None:
    assert find_feeds(["nothing.csv"]) == ["nothing.csv"]


def test_standard_input_only_once() -> None:
    with pytest.raises(FeedError, match="once only"):
        find_feeds(["-", "-"])


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04\x14\x00", "a zip archive"),
        (b"PAR1\x15\x00", "a Parquet file"),
        (b"%PDF-1.7", "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, head: bytes, what: str) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(head + bytes(100))
    with pytest.raises(FeedError, match=f"is {what}"):
        open_feed(str(path), Dialect(header=False))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_unicode_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes("sku\nA1\n".encode(encoding))
    with pytest.raises(FeedError, match=f"--encoding {encoding}$"):
        open_feed(str(path), Dialect(header=False))


def test_the_format_chooses_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(b'{"a": 1}\n')
    with open_feed(str(path), Dialect(format="jsonl")) as reader:
        assert isinstance(reader, JsonLinesReader)


def test_a_chunk_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="holds nothing"):
        open_feed(str(tmp_path), chunk_size=0)
