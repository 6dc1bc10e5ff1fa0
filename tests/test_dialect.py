"""What a dialect may say, and what it refuses."""

import dataclasses

import pytest

from feedmill.dialect import MAX_RECORD_BYTES, Dialect
from feedmill.errors import DialectError


def test_the_default_is_rfc_4180() -> None:
    dialect = Dialect()
    assert (dialect.delimiter, dialect.quote, dialect.double_quote) == (",", '"', True)
    assert (dialect.header, dialect.header_rows, dialect.encoding) == (True, (1,), "utf-8")
    assert dialect.row_end == b"\n"


def test_a_tsv_has_tabulators_unless_told_otherwise() -> None:
    assert Dialect(format="tsv").delimiter == "\t"
    assert Dialect(format="tsv", delimiter="|").delimiter == "|"


@pytest.mark.parametrize("terminator", [None, "\n", "\r\n"])
def test_forms_with_a_line_feed_are_one(terminator: str | None) -> None:
    assert Dialect(line_terminator=terminator).row_end == b"\n"


def test_a_lone_carriage_return_can_end_rows() -> None:
    assert Dialect(line_terminator="\r").row_end == b"\r"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ""}, "delimiter is ''"),
        ({"delimiter": ";;"}, "one ASCII character"),
        ({"delimiter": "é"}, "one ASCII character"),
        ({"delimiter": "\n"}, "not a row end"),
        ({"delimiter": "\0"}, "not a row end"),
        ({"quote": "“"}, "quote is"),
        ({"delimiter": '"'}, "quote and delimiter are both"),
        ({"escape": ","}, "escape and delimiter are both"),
        ({"comment": "#", "escape": "#"}, "comment and escape are both"),
        ({"delimiter": " ", "skip_initial_space": True}, "skip_initial_space would drop"),
        ({"line_terminator": "\n\r"}, "line_terminator is"),
        ({"header_rows": ()}, "header_rows is"),
        ({"header_rows": (2, 1)}, "ascending"),
        ({"header_rows": (0,)}, "from 1"),
        ({"skip_rows": -1}, "cannot be negative"),
        ({"max_record_bytes": 0}, "at least 1 byte"),
        ({"encoding": "klingon"}, "encoding 'klingon' is not known"),
        ({"encoding": "hex"}, "encoding 'hex' is none that text is written in"),
        ({"encoding": "undefined"}, "encoding 'undefined' is none that text is written in"),
        ({"encoding": "idna"}, "encoding 'idna' cannot be read in pieces"),
        ({"encoding": "punycode"}, "encoding 'punycode' cannot be read in pieces"),
        ({"format": "xml"}, "format is 'xml'; it can be csv, tsv, jsonl"),
        ({"format": "jsonl", "delimiter": ";"}, "delimiter has no meaning for JSON Lines"),
    ],
)
def test_what_is_ambiguous_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(DialectError, match=message) as caught:
        Dialect(**options)  # type: ignore[arg-type]
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("name", "known"),
    [("UTF8", "utf-8"), ("utf-8-sig", "utf-8"), ("Latin1", "iso8859-1"), ("ms949", "cp949")],
)
def test_names_of_one_encoding_are_one(name: str, known: str) -> None:
    assert Dialect(encoding=name).encoding == known


def test_json_lines_settles_what_the_kernel_is_handed() -> None:
    dialect = Dialect(format="jsonl", max_record_bytes=99)
    assert (dialect.header, dialect.null) == (False, "null")
    assert dataclasses.replace(dialect, encoding="utf-16").encoding == "utf-16"


class TestDescriptor:
    def test_all_that_concerns_delimited_text_is_taken(self) -> None:
        descriptor = {
            "$schema": "https://datapackage.org/profiles/2.0/tabledialect.json",
            "delimiter": "|",
            "quoteChar": "'",
            "doubleQuote": False,
            "escapeChar": "\\",
            "commentChar": "#",
            "skipInitialSpace": True,
            "lineTerminator": "\r\n",
            "header": True,
            "headerRows": [1, 2],
            "headerJoin": "-",
            "nullSequence": "\\N",
        }
        assert Dialect.from_descriptor(descriptor) == Dialect(
            delimiter="|",
            quote="'",
            double_quote=False,
            escape="\\",
            comment="#",
            skip_initial_space=True,
            line_terminator="\r\n",
            header_rows=(1, 2),
            header_join="-",
            null="\\N",
        )

    def test_nothing_is_the_default(self) -> None:
        assert Dialect.from_descriptor({}) == Dialect()
        assert Dialect().max_record_bytes == MAX_RECORD_BYTES

    def test_version_1_and_unknown_properties_pass(self) -> None:
        assert Dialect.from_descriptor({"csvddfVersion": 1.2, "x-owner": "us", "sheetName": "a"}) == Dialect()

    def test_leading_comment_rows_are_skipped_and_header_rows_counted_behind_them(self) -> None:
        dialect = Dialect.from_descriptor({"commentRows": [1, 2], "headerRows": [3, 4]})
        assert (dialect.skip_rows, dialect.header_rows) == (2, (1, 2))

    def test_comment_rows_elsewhere_are_refused(self) -> None:
        with pytest.raises(DialectError, match="commentRows is \\[5\\]"):
            Dialect.from_descriptor({"commentRows": [5]})

    def test_no_header_rows_mean_no_header(self) -> None:
        assert Dialect.from_descriptor({"headerRows": []}) == Dialect(header=False)

    @pytest.mark.parametrize("value", [None, ""])
    def test_no_quote_character_means_none(self, value: str | None) -> None:
        assert Dialect.from_descriptor({"quoteChar": value}).quote is None

    @pytest.mark.parametrize(
        ("descriptor", "message"),
        [
            ({"header": "yes"}, "header is 'yes'; it has to be true or false"),
            ({"delimiter": 7}, "delimiter is 7; it has to be a string"),
            ({"maxRecordBytes": True}, "has to be an integer"),
            ({"headerRows": 1}, "list of row numbers"),
            ({"headerRows": [True]}, "list of row numbers"),
            ({"quotechar": "'"}, "did you mean 'quoteChar'"),
            ({"skip_initial_space": True}, "did you mean 'skipInitialSpace'"),
        ],
    )
    def test_slips_are_named(self, descriptor: dict[str, object], message: str) -> None:
        with pytest.raises(DialectError, match=message):
            Dialect.from_descriptor(descriptor)
