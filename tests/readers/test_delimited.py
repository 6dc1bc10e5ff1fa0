"""Delimited feeds from the head to the last record, with places in the file."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.readers import open_feed
from tests.readers.feedfiles import Read, read_all, texts

BOM = b"\xef\xbb\xbf"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.csv"


def read(path: Path, data: bytes, dialect: Dialect | None = None, chunk_size: int = 1 << 20) -> Read:
    path.write_bytes(data)
    return read_all(path, dialect, chunk_size)


class TestHead:
    @pytest.mark.parametrize(
        ("data", "dialect"),
        [
            (b"a,b\n1,2\n", Dialect()),
            (BOM + b"a,b\n1,2\n", Dialect()),
            (b"a,b\r\n1,2\r\n", Dialect()),
            (b"a,b\r1,2\r", Dialect(line_terminator="\r")),
            (b"\n\r\na,b\n\n1,2", Dialect()),
            (b"# made by us\n#\na,b\n1,2\n", Dialect(comment="#")),
            (b'Report of today\n"\na,b\n1,2\n', Dialect(skip_rows=2)),
            (BOM + b"x" * 100_000 + b"\na,b\n1,2\n", Dialect(skip_rows=1, max_record_bytes=50)),
            (b"junk,junk\na,b\n1,2\n", Dialect(header_rows=(2,))),
            (b"1,2\n", Dialect(header=False)),
            (BOM + b"1,2", Dialect(header=False)),
            (b"not this\n1,2\n", Dialect(header=False, skip_rows=1)),
        ],
    )
    @pytest.mark.parametrize("chunk_size", [1, 5, 1 << 20])
    def test_all_before_the_records_is_passed_over(
        self, path: Path, data: bytes, dialect: Dialect, chunk_size: int
    ) -> None:
        found = read(path, data, dialect, chunk_size)
        assert found.columns == (("a", "b") if dialect.header else None)
        assert (found.rows, found.rejects) == ([(1, "1", "2")], [])

    def test_several_header_rows(self, path: Path) -> None:
        found = read(path, b"size,size,price\nignored\nw,h,\n1,2,3\n", Dialect(header_rows=(1, 3)))
        assert found.columns == ("size w", "size h", "price")
        assert found.rows == [(1, "1", "2", "3")]

    def test_a_header_with_line_breaks_counts_its_lines(self, path: Path) -> None:
        found = read(path, b'"a\n1",b\n1,2\n3\n')
        assert found.columns == ("a\n1", "b")
        assert [place for place, _, _, _ in found.rejects] == [(2, 4, 13)]

    @pytest.mark.parametrize("data", [b"", BOM])
    def test_an_empty_feed_has_no_header(self, path: Path, data: bytes) -> None:
        with pytest.raises(HeaderError, match="has no header: the feed is empty"):
            read(path, data)

    @pytest.mark.parametrize("data", [b"\n\n", b"#a\n", b"#a"])
    def test_a_feed_of_empty_lines_and_comments_has_none_either(self, path: Path, data: bytes) -> None:
        with pytest.raises(HeaderError, match="has no header: the feed ends before row 1"):
            read(path, data, Dialect(comment="#"))

    def test_an_empty_feed_without_a_header_is_no_fault(self, path: Path) -> None:
        assert read(path, b"", Dialect(header=False)).chunks == []

    @pytest.mark.parametrize("data", [b"a,b\n", b"a,b", BOM + b"a,b\r\n", b"a,b\n\n\n"])
    def test_a_header_alone_is_a_feed_of_no_records(self, path: Path, data: bytes) -> None:
        found = read(path, data)
        assert (found.columns, found.rows, found.rejects) == (("a", "b"), [], [])

    def test_too_few_header_rows(self, path: Path) -> None:
        with pytest.raises(HeaderError, match="ends before row 2"):
            read(path, b"a,b\n", Dialect(header_rows=(1, 2)))

    def test_more_lines_to_skip_than_there_are(self, path: Path) -> None:
        with pytest.raises(HeaderError, match="ends before row 1"):
            read(path, b"a,b\n1,2\n", Dialect(skip_rows=10**20))
        assert read(path, b"1,2\n", Dialect(header=False, skip_rows=10**20)).rows == []

    @pytest.mark.parametrize("data", [b'"a,b\n1,2\n', b"a" * 2000])
    def test_a_header_that_never_ends(self, path: Path, data: bytes) -> None:
        with pytest.raises(HeaderError, match="the header at byte 0 never ends"):
            read(path, data, Dialect(max_record_bytes=1000))

    def test_binary_rubbish_is_refused_in_two_lines(self, path: Path) -> None:
        with pytest.raises(HeaderError) as caught:
            read(path, bytes(range(256)) * 1000)
        assert str(caught.value).count("\n") <= 1
        assert "is no text in utf-8" in str(caught.value)


class TestPlaces:
    DATA = b'\xef\xbb\xbf# c\na,b\n1,2\n"x\ny",3,4\n\n5\n6,"7\n8"\n9,"open\n10,11\n'

    @pytest.mark.parametrize("chunk_size", [1, 4, 16, 1 << 20])
    def test_record_line_and_byte_are_the_files(self, path: Path, chunk_size: int) -> None:
        found = read(path, self.DATA, Dialect(comment="#"), chunk_size)
        assert [row[0] for row in found.rows] == [1, 4, 6]
        assert [(place, code) for place, code, _, _ in found.rejects] == [
            ((2, 4, self.DATA.index(b",4") + 1), "extra_cell"),
            ((3, 7, self.DATA.index(b"\n5\n") + 2), "missing_cell"),
            ((5, 10, self.DATA.index(b'9,"open')), "unclosed_quote"),
        ]

    @pytest.mark.parametrize("chunk_size", [1, 7, 1 << 20])
    def test_a_line_too_long_keeps_the_places_behind_it(self, path: Path, chunk_size: int) -> None:
        data = b"a,b\n1,2\n3," + b"x" * 5000 + b"\n4\n5,6\n"
        found = read(path, data, Dialect(max_record_bytes=100), chunk_size)
        assert [(place, code) for place, code, _, _ in found.rejects] == [
            ((2, 3, 8), "record_too_long"),
            ((3, 4, 5012), "missing_cell"),
        ]
        assert found.rejects[0][3].rstrip(b"\n") == b"3," + b"x" * 98
        assert [row[0] for row in found.rows] == [1, 4]

    def test_an_unclosed_quote_costs_one_line(self, path: Path) -> None:
        data = b"a,b\n" + b"1,2\n" * 1000 + b'3,"4\n' + b"5,6\n" * 1000
        found = read(path, data)
        assert len(found.rows) == 2000
        ((place, code, index, raw),) = found.rejects
        assert (place, code, index) == ((1001, 1002, 4004), "unclosed_quote", -1)
        assert raw.rstrip(b"\n") == b'3,"4'


@pytest.mark.parametrize("length", [99, 100, 101, 102, 103])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("quoted", [True, False])
def test_the_longest_record_is_counted_without_its_row_end(
    path: Path, length: int, end: bytes, quoted: bool
) -> None:
    record = b'"' + b"x" * (length - 2) + b'"' if quoted else b"x" * length
    found = read(path, b"a\n" + record + end, Dialect(max_record_bytes=100))
    expected = [] if length <= 100 else ["record_too_long"]
    assert [code for _, code, _, _ in found.rejects] == expected


_CELLS = st.sampled_from(
    [b"1", b"", b'"a""b"', b'"x\ny"', b'"q"z', b'o"o', b"\xff", b'"', b"#", b" ", b"0123456789" * 3]
)
_LINES = st.lists(_CELLS, min_size=1, max_size=3).map(b",".join)


@given(
    lines=st.lists(_LINES, max_size=12),
    end=st.sampled_from([b"\n", b"\r\n"]),
    chunk_size=st.integers(1, 60),
    limit=st.sampled_from([20, 40, 1 << 20]),
)
def test_any_chunk_size_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes, chunk_size: int, limit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / f"property-{threading.get_ident()}.csv"
    path.write_bytes(b"a,b" + end + end.join(lines))
    dialect = Dialect(max_record_bytes=limit, comment="#")
    whole, cut = read_all(path, dialect), read_all(path, dialect, chunk_size)
    assert (cut.columns, cut.rows, cut.rejects) == (whole.columns, whole.rows, whole.rejects)


def test_the_plan_binds_by_the_header(path: Path) -> None:
    path.write_bytes(b"b,x,a\n2,-,1\n")
    with open_feed(str(path)) as reader:
        schema = texts("a", "b")
        with pytest.raises(HeaderError, match=f"feed {path}: "):
            reader.bind(schema)
        assert reader.bind(texts("b", "t", "a"), {"t": "x"}) == ("b", "t", "a")


def test_chunks_are_numbered_from_where_the_caller_is(path: Path) -> None:
    path.write_bytes(b"a\n" + b"1\n" * 100)
    with open_feed(str(path), chunk_size=50) as reader:
        assert [chunk.seq for chunk in reader.chunks(first_seq=7)] == [7, 8, 9, 10]


def test_closing_twice_is_harmless(path: Path) -> None:
    path.write_bytes(b"a\n1\n")
    reader = open_feed(str(path))
    reader.close()
    reader.close()
