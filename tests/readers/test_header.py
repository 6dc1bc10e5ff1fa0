"""Headers against schemas: what fits, what does not, and what the message advises."""

import pytest

from feedmill.dialect import Dialect
from feedmill.errors import HeaderError
from feedmill.readers.header import MAX_COLUMNS, bind, read_columns
from feedmill.schema import Constraints, Field, Schema


def schema(mode: str = "exact", *, required: tuple[str, ...] = ()) -> Schema:
    names = ("sku", "title", "price")
    fields = tuple(Field(name, constraints=Constraints(required=name in required)) for name in names)
    return Schema(fields, fields_match=mode)


FITS = {
    # the header, and the modes it fits
    "sku title price": {"exact", "equal", "subset", "superset", "partial"},
    "price sku title": {"equal", "subset", "superset", "partial"},
    "sku title price size": {"subset", "partial"},
    "sku title": {"superset", "partial"},
    "sku size": {"partial"},
    "size weight": set(),
    "size sku title price": {"subset", "partial"},
    "price": {"superset", "partial"},
}


@pytest.mark.parametrize("mode", ["exact", "equal", "subset", "superset", "partial"])
@pytest.mark.parametrize("header", FITS)
def test_the_five_ways_to_match(header: str, mode: str) -> None:
    columns = header.split()
    if mode in FITS[header]:
        assert bind(schema(mode), columns) == tuple(columns)
    else:
        with pytest.raises(HeaderError):
            bind(schema(mode), columns)


@pytest.mark.parametrize("mode", ["superset", "partial"])
def test_a_required_field_needs_its_column_in_every_mode(mode: str) -> None:
    with pytest.raises(HeaderError, match="the header has no column for sku"):
        bind(schema(mode, required=("sku",)), ["title", "price"])


def test_no_header_binds_by_position() -> None:
    assert bind(schema(), None) is None
    with pytest.raises(HeaderError, match="there is no header"):
        bind(schema(), None, {"sku": "code"})


class TestMapping:
    def test_a_mapped_column_takes_the_fields_name(self) -> None:
        assert bind(schema(), ["Item", "title", "price"], {"sku": "Item"}) == ("sku", "title", "price")

    def test_a_mapping_binds_by_name_whatever_the_order(self) -> None:
        assert bind(schema(), ["price", "Item", "title"], {"sku": "Item"}) == ("price", "sku", "title")

    def test_the_column_whose_name_was_given_away_feeds_nothing(self) -> None:
        columns = ["sku", "title", "price", "name"]
        assert bind(schema("subset"), columns, {"title": "name"}) == ("sku", "", "price", "title")

    def test_the_column_whose_name_was_given_away_is_told_by_it(self) -> None:
        with pytest.raises(HeaderError) as caught:
            bind(schema(), ["sku", "title", "price", "name"], {"title": "name"})
        assert str(caught.value) == (
            "the header has columns that no field knows: title; --map takes another column for title\n"
            '"fieldsMatch": "subset" in the schema ignores columns it does not know'
        )

    def test_two_columns_can_change_places(self) -> None:
        columns = ["sku", "title", "price"]
        assert bind(schema(), columns, {"title": "sku", "sku": "title"}) == ("title", "sku", "price")

    @pytest.mark.parametrize(
        ("mapping", "message"),
        [
            ({"titel": "name"}, "no field 'titel'; did you mean 'title'"),
            ({"zzz": "name"}, "no field 'zzz'; there are sku, title, price"),
            ({"title": "nam"}, "no column 'nam'; did you mean 'name'"),
            ({"title": "name", "sku": "name"}, "mapped to both 'title' and 'sku'"),
            ({"title": "twice"}, "has 2 columns of this name"),
        ],
    )
    def test_what_cannot_be_mapped(self, mapping: dict[str, str], message: str) -> None:
        with pytest.raises(HeaderError, match=message):
            bind(schema("subset"), ["sku", "name", "price", "twice", "twice"], mapping)


class TestMessages:
    def test_missing_extra_and_the_likely_mapping(self) -> None:
        with pytest.raises(HeaderError) as caught:
            bind(schema(), ["SKU", "Title text", "price"], feed="shop.csv")
        assert str(caught.value) == (
            "feed shop.csv: the header has no column for sku, title; it has columns that no field knows: "
            "SKU, Title text\nif these are meant: --map sku=SKU --map 'title=Title text'"
        )
        assert caught.value.exit_code == 2

    def test_a_suggested_column_with_blanks_is_quoted_for_the_shell(self) -> None:
        with pytest.raises(HeaderError, match=r"--map 'title=Title 1'"):
            bind(schema(), ["sku", "Title 1", "price"])

    def test_another_order_is_told_from_other_columns(self) -> None:
        with pytest.raises(HeaderError, match=r'in another order: title, sku, price\n"fieldsMatch": "equal"'):
            bind(schema(), ["title", "sku", "price"])

    def test_only_extra_columns_name_the_mode_that_takes_them(self) -> None:
        with pytest.raises(HeaderError, match=r'no field knows: size\n"fieldsMatch": "subset"'):
            bind(schema(), ["sku", "title", "price", "size"])

    def test_one_column_with_all_in_it_hints_at_the_delimiter(self) -> None:
        with pytest.raises(
            HeaderError, match=r"read as one column, 'sku;title;price': is the delimiter right\?"
        ):
            bind(schema(), ["sku;title;price"])

    def test_a_bound_name_must_not_repeat(self) -> None:
        with pytest.raises(HeaderError, match="2 columns named 'sku'"):
            bind(schema("subset"), ["sku", "title", "price", "sku"])

    def test_other_names_may_repeat_or_be_empty(self) -> None:
        columns = ["sku", "", "x", "title", "x", "", "price"]
        assert bind(schema("subset"), columns) == tuple(columns)

    def test_empty_names_can_be_read_in_a_message(self) -> None:
        with pytest.raises(HeaderError, match=r"no field knows: \(no name\)"):
            bind(schema(), ["sku", "title", "price", ""])

    def test_a_message_stays_short_and_leaves_the_terminal_alone(self) -> None:
        columns = ["sku", "title", "price", *(f"\x1b[31m{'x' * 100}{n}" for n in range(500))]
        with pytest.raises(HeaderError) as caught:
            bind(schema(), columns)
        assert len(str(caught.value)) < 700
        assert "\x1b" not in str(caught.value)


class TestReading:
    @pytest.mark.parametrize(
        ("row", "dialect", "columns"),
        [
            (b"a,b,c\n", Dialect(), ("a", "b", "c")),
            (b'"a,1","b ""2""","c\nd"\r\n', Dialect(), ("a,1", 'b "2"', "c\nd")),
            (b"a,,\n", Dialect(), ("a", "field2", "field3")),
            (b"a;b", Dialect(delimiter=";"), ("a", "b")),
            (b"a, b\n", Dialect(skip_initial_space=True), ("a", "b")),
            (b"a\\,b,c\n", Dialect(quote=None, escape="\\"), ("a,b", "c")),
            (b"NULL,b\n", Dialect(null="NULL"), ("NULL", "b")),
            (b'"a"x,b\n', Dialect(), ("ax", "b")),
            ("naïve,見出し\n".encode(), Dialect(), ("naïve", "見出し")),
        ],
    )
    def test_a_header_follows_the_rules_of_records(
        self, row: bytes, dialect: Dialect, columns: tuple[str, ...]
    ) -> None:
        assert read_columns([row], dialect, "f") == columns

    def test_rows_are_joined_column_by_column(self) -> None:
        rows = [b"size,,price\n", b"w,h,\n", b"cm,cm\n"]
        assert read_columns(rows, Dialect(header_join="-"), "f") == ("size-w-cm", "h-cm", "price")

    def test_a_column_without_a_name_is_called_by_its_place(self) -> None:
        assert read_columns([b',"",sku,'], Dialect(), "f") == ("field1", "field2", "sku", "field4")
        rows = [b"size,", b"w,"]
        assert read_columns(rows, Dialect(), "f") == ("size w", "field2")

    def test_a_place_takes_no_columns_name(self) -> None:
        columns = read_columns([b",field1,field2,field1_,"], Dialect(), "f")
        assert columns == ("field1__", "field1", "field2", "field1_", "field5")
        wanted = Schema((Field("field1"), Field("field2")), fields_match="subset")
        assert bind(wanted, columns) == columns

    def test_a_thousand_columns_are_columns(self) -> None:
        row = ",".join(f"c{n}" for n in range(MAX_COLUMNS)).encode()
        assert len(read_columns([row], Dialect(), "f")) == MAX_COLUMNS

    @pytest.mark.parametrize("width", [MAX_COLUMNS + 1, 1_000_000])
    def test_more_than_any_table_takes_is_refused(self, width: int) -> None:
        with pytest.raises(HeaderError, match="more than 1600 columns; is the delimiter right"):
            read_columns([b"," * (width - 1)], Dialect(), "f")

    def test_rows_that_end_with_carriage_returns_alone_are_told(self) -> None:
        with pytest.raises(
            HeaderError, match=r"more than 1600 columns; .*\n.*carriage returns alone: --sniff"
        ):
            read_columns([b"sku,price\r" * 2_000], Dialect(), "f")

    @pytest.mark.parametrize(("row", "code"), [(b"a,\xff\xfe\n", "encoding"), (b"a,b\0c\n", "nul")])
    def test_a_header_that_is_no_text(self, row: bytes, code: str) -> None:
        with pytest.raises(HeaderError, match=rf"no text in utf-8 \({code} at its byte 2\)"):
            read_columns([row], Dialect(), "f")
