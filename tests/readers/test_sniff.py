"""Guesses, and the evidence they come with."""

import gzip
import os
from pathlib import Path

import pytest

from feedmill.dialect import Dialect
from feedmill.errors import FeedError
from feedmill.readers.sniff import sniff, sniff_feed


def table(delimiter: str, rows: int = 20) -> str:
    lines = [delimiter.join(("sku", "title", "price", "note"))]
    lines += [delimiter.join((f"A{n}", f'"item {n}"', f"{n}.50", "so, so")) for n in range(rows)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "~", "^"])
def test_the_delimiter_most_records_agree_on(delimiter: str) -> None:
    guess = sniff(table(delimiter).encode())
    assert (guess.dialect.delimiter, guess.dialect.header, guess.dialect.quote) == (delimiter, True, '"')
    assert f"delimiter {delimiter!r}: 21 of 21 records have 4 cells" in guess.evidence


def test_a_spreadsheets_word_on_the_delimiter_is_taken() -> None:
    guess = sniff(b"sep=#\r\nsku#price\r\nA,1#1;50\r\nB,2#2;50\r\n")
    assert guess.dialect == Dialect(delimiter="#", skip_rows=1)
    assert guess.evidence[1] == "skip rows: the first says sep=#, as spreadsheets write it"
    below = sniff(b"a title\nsep=;\na;b\n1;2\n", Dialect(skip_rows=1))
    assert (below.dialect.delimiter, below.dialect.skip_rows, below.dialect.header) == (";", 2, True)
    for other in ("sep=x", "sep=§", "sep=\N{NO-BREAK SPACE}", "sep= ", "sep=_", 'sep="'):
        assert sniff(f"{other}\n1;2\n3;4\n".encode()).dialect.skip_rows == 0, other
    assert "no candidate" in sniff(b"sep=;\na;b\n", Dialect(comment=";")).evidence[2]


def test_commas_inside_quotes_do_not_count() -> None:
    data = b"name,size\n" + b'"Doe, Jane",3\n"Roe, R",4\n' * 5
    assert sniff(data).evidence[1] == "delimiter ',': 11 of 11 records have 2 cells"


def test_decimal_commas_lose_against_semicolons() -> None:
    data = b"a;b;c\n" + b"1,5;2,5;3,5\n" * 9
    assert sniff(data).dialect.delimiter == ";"


def test_a_line_cut_by_the_sample_does_not_count() -> None:
    guess = sniff(b"a;b\n1;2\n3;4\n5", is_whole=False)
    assert guess.evidence[1] == "delimiter ';': 3 of 3 records have 2 cells"


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("sku,price", True),
        ("A-1,12.50", False),
        ("x,x", False),
        (",price", True),  # row names, as R and pandas write them
        ("sku,", False),
        ("id,2024-01-05", False),
    ],
)
def test_the_first_record_names_columns_or_holds_values(first: str, header: bool) -> None:
    guess = sniff(f"{first}\nB-1,13.50\nB-2,14.50\n".encode())
    assert guess.dialect.header is header
    assert guess.evidence[3].startswith("header yes" if header else "header no")


def test_a_delimiter_at_the_end_of_every_record_is_no_value() -> None:
    assert sniff(b"sku|price|\nB-1|13.50|\nB-2|14.50|\n").dialect.header is True
    assert (
        sniff(b"B-0|x|\nB-1|y|note\nB-2|z|\n")
        .evidence[3]
        .startswith("header no: the first record has an empty")
    )


def test_the_header_is_the_first_record_also_where_it_has_other_cells_than_those_below() -> None:
    for first in (b"sku,size,price,note", b"sku,size"):
        guess = sniff(first + b"\nA-1,3,1.50\nA-2,4,2.50\n")
        assert guess.evidence[1] == "delimiter ',': 2 of 3 records have 3 cells"
        assert guess.dialect.header is True
        assert (
            guess.evidence[3]
            == f"header yes: the first record holds {len(first.split(b','))} different words"
        )
    assert sniff(b"1.50,x\nsku,size,price\na,b,c\n").dialect.header is False


def test_a_first_record_without_a_word_is_no_header() -> None:
    guess = sniff(b",,\nA-1,,\nA-2,,\n")
    assert guess.dialect.header is False
    assert guess.evidence[3] == "header no: the first record holds no word"


def test_a_first_record_that_cannot_be_read_says_nothing_about_the_header() -> None:
    guess = sniff(b"s\0ku,price\nA-1,x\nA-2,y\n", Dialect(header=False))
    assert guess.dialect.header is False
    assert guess.evidence[3] == "header as it was: the first record cannot be read"


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding(encoding: str, found: str) -> None:
    guess = sniff("sku;größe\nA;10\nB;20\n".encode(encoding))
    assert (guess.dialect.encoding, guess.dialect.delimiter) == (found, ";")
    assert guess.evidence[0].startswith(f"encoding {found}: ")


def test_korean_is_told_from_accents() -> None:
    korean = "상품;값\n한국어 설명 · 10㎖;1\n".encode("cp949")
    guess = sniff(korean)
    assert (guess.dialect.encoding, guess.dialect.delimiter) == ("cp949", ";")
    assert guess.evidence[0] == "encoding cp949: as such, 8 of 10 characters beyond ASCII are Hangul"
    # Cut in the middle of a character, as by the end of the sample.
    assert sniff(korean[:4] + korean[4:7], is_whole=False).dialect.encoding == "cp949"
    for text in ("Ärmel;Öl\nÜber;ÉTÉ\n", "São;Paulo\nnão;12°C\n", "½¾;x\n"):
        assert sniff(text.encode("cp1252")).dialect.encoding == "cp1252", text
    chinese = "商品名称;价格\n中文说明书电子产品;1\n".encode("gbk")
    assert sniff(chinese).dialect.encoding == "cp1252"


def test_a_character_cut_by_the_sample_is_no_other_encoding() -> None:
    assert sniff("a;b\n1;é".encode()[:-1], is_whole=False).dialect.encoding == "utf-8"


def test_quotes_that_do_not_quote() -> None:
    data = b"name|size\n" + b'"tall" one|3\n"wide" one|4\n' * 5
    guess = sniff(data)
    assert guess.dialect.quote is None
    assert guess.evidence[2] == "quote none: as quotes, they would damage 10 of 11 records"


def test_rows_that_end_with_a_carriage_return() -> None:
    data = table(";").encode().replace(b"\n", b"\r")
    guess = sniff(data, Dialect(skip_rows=1))
    assert guess.dialect == Dialect(delimiter=";", line_terminator="\r", skip_rows=1, header=False)
    assert guess.evidence[1:3] == (
        "row end: a carriage return; the sample has no line feed",
        "delimiter ';': 20 of 20 records have 4 cells",
    )
    assert sniff(data.replace(b"\r", b"\r\n")).dialect == Dialect(delimiter=";")


def test_single_quotes() -> None:
    guess = sniff(b"name|size\n'a one'|3\n'b one'|4\n")
    assert guess.dialect.quote == "'"
    assert guess.evidence[2] == 'quote "\'": 2 cells are enclosed in it'


def test_nothing_to_go_by_leaves_what_was_said() -> None:
    guess = sniff(b"one\ntwo\n", Dialect(delimiter=";"))
    assert guess.dialect.delimiter == ";"
    assert "no candidate" in guess.evidence[1]


def test_what_is_known_is_no_candidate() -> None:
    guess = sniff(b"|a remark\na;b\n1;2\n", Dialect(comment="|"))
    assert guess.dialect == Dialect(delimiter=";", comment="|")


def test_of_json_lines_only_the_encoding_is_guessed() -> None:
    guess = sniff('{"a": "é"}\n'.encode("utf-16"), Dialect(format="jsonl"))
    assert guess.dialect == Dialect(format="jsonl", encoding="utf-16")
    assert len(guess.evidence) == 1


def test_a_compressed_file_is_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(gzip.compress(table(";", 5_000).encode()))
    assert sniff_feed(str(path)).dialect.delimiter == ";"


def test_what_can_be_read_once_only_cannot_be_guessed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for feed in ("-", str(tmp_path / "pipe")):
        with pytest.raises(FeedError, match=r"once only, .*name the delimiter"):
            sniff_feed(feed)


def test_an_empty_file_has_no_dialect(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(b"")
    guess = sniff_feed(str(path), Dialect(delimiter=";"))
    assert (guess.dialect, guess.is_empty) == (Dialect(delimiter=";"), True)
    assert guess.evidence == ("the feed is empty; taken as it was",)
