"""Every rule of reading delimited text, on every instruction set, anywhere in a vector, cut anywhere."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import kernel_feed, reference_kernel, strategies

SETS = ("scalar", "sse2", "avx2", "avx512")
BLOCK = 64
"""Bytes a vector machine reads at once: a case has to work wherever it lies in them."""

PLAIN = Dialect()
ESCAPED = Dialect(double_quote=False, escape="\\")
UNQUOTED = Dialect(quote=None, escape="\\")

type Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Case:
    """A feed, its good rows, and its findings as (code, record, line, byte, value)."""

    rule: str
    data: bytes
    rows: Sequence[Row] = ()
    findings: Sequence[tuple[Code, int, int, int, bytes]] = ()
    dialect: Dialect = PLAIN
    columns: int = 2


CASES = [
    Case("a line feed ends a row", b"a,b\nc,d\n", [("a", "b"), ("c", "d")]),
    Case("one CR before it belongs to the row end", b"a,b\r\nc,d\r\n", [("a", "b"), ("c", "d")]),
    Case("a second CR is data", b"a,b\r\r\n", [("a", "b\r")]),
    Case("a lone CR is data", b"a\rb,\rc\n", [("a\rb", "\rc")]),
    Case("a CR that the data ends with is data", b"a,b\r", [("a", "b\r")]),
    Case("the last row may lack its end", b"a,b\nc,d", [("a", "b"), ("c", "d")]),
    Case("an empty cell ends the data", b"a,", [("a", "")]),
    Case("only a delimiter", b",\n", [("", "")]),
    Case("no data, no record", b"", []),
    Case("where CR ends a row, LF is data", b"a,b\r\nc,d\r", [("a", "b"), ("\nc", "d")],
         dialect=Dialect(line_terminator="\r")),
    Case("where CR ends a row, a blank line is CR CR", b"a,b\r\rc,d", [("a", "b"), ("c", "d")],
         dialect=Dialect(line_terminator="\r")),
    Case("a NUL is not for cells", b"a,b\0c\nd,e\n", [("d", "e")], [(Code.NUL, 0, 0, 2, b"b\0c")]),

    Case("blank lines are no records, but lines", b"\n\r\na,b\n\nc\n\n", [("a", "b")],
         [(Code.MISSING_CELL, 1, 4, 9, b"")]),
    Case("a line of blanks is a record", b" \na,b\n", [("a", "b")], [(Code.MISSING_CELL, 0, 0, 1, b"")]),
    Case("a CR that the data ends with is a record", b"a,b\n\r", [("a", "b")],
         [(Code.MISSING_CELL, 1, 1, 5, b"")]),
    Case("a comment is no record", b'#x,"\na,b\n#\nc\n#"', [("a", "b")], [(Code.MISSING_CELL, 1, 3, 12, b"")],
         dialect=Dialect(comment="#")),
    Case("a comment starts with the line's first byte", b' #a,b\n"#",#\n', [(" #a", "b"), ("#", "#")],
         dialect=Dialect(comment="#")),
    Case("row ends inside quotes are lines", b'"a\n\r\nb",c\nd\n', [("a\n\r\nb", "c")],
         [(Code.MISSING_CELL, 1, 3, 11, b"")]),

    Case("quotes come off", b'"a","b"\r\n"",""\n', [("a", "b"), ("", "")]),
    Case("a doubled quote is one", b'"a""b",""""\n"""","""a"""\n', [('a"b', '"'), ('"', '"a"')]),
    Case("quotes hold delimiters and row ends", b'"a,b","c\r\nd"\n', [("a,b", "c\r\nd")]),
    Case("a quote in an unquoted cell is data", b'12" disco,a"b"\n"c",d"\n',
         [('12" disco', 'a"b"'), ("c", 'd"')]),
    Case("bare quotes hide no delimiter", b'a",b"\nc,d\n', [('a"', 'b"'), ("c", "d")]),
    Case("a blank before a quote makes it data", b'a, "b\nc,d\n', [("a", ' "b'), ("c", "d")]),
    Case("a quoted cell ends the data", b'a,"b"', [("a", "b")]),
    Case("text after a closing quote", b'"a"b,c\nd,"e" \nf,g\n', [("f", "g")],
         [(Code.BAD_QUOTE, 0, 0, 0, b"ab"), (Code.BAD_QUOTE, 1, 1, 9, b"e ")]),
    Case("it may hold quotes, but no delimiter", b'"a"b"c",d\n', [], [(Code.BAD_QUOTE, 0, 0, 0, b'ab"c"')]),
    Case("a lone CR after a closing quote", b'a,"b"\rc\na,"b"\r', [],
         [(Code.BAD_QUOTE, 0, 0, 2, b"b\rc"), (Code.BAD_QUOTE, 1, 1, 10, b"b\r")]),
    Case("bad quotes may be kept", b'"a"b,"c" "\nd,e\n', [("ab", 'c "'), ("d", "e")],
         dialect=Dialect(keep_bad_quotes=True)),
    Case("a pair is no quote where quotes are not doubled", b'"a""b",c\nd,e\n', [("d", "e")],
         [(Code.BAD_QUOTE, 0, 0, 0, b'a"b"')], dialect=Dialect(double_quote=False)),
    Case("an empty quoted cell where quotes are not doubled", b'"",""\n', [("", "")],
         dialect=Dialect(double_quote=False)),
    Case("without a quote character quotes are data", b'"a,b"\n"\n', [('"a', 'b"')],
         [(Code.MISSING_CELL, 1, 1, 7, b"")], dialect=Dialect(quote=None)),

    Case("the end of the data inside quotes", b'a,b\nc,"d\ne,f\n', [("a", "b")],
         [(Code.UNCLOSED_QUOTE, 1, 1, 4, b'c,"d\ne,f\n')]),
    Case("a pair is no end", b'a,"b""', [], [(Code.UNCLOSED_QUOTE, 0, 0, 0, b'a,"b""')]),
    Case("only a quote", b'"', [], [(Code.UNCLOSED_QUOTE, 0, 0, 0, b'"')]),
    Case("a row end after an unclosed quote", b'"\r\n', [], [(Code.UNCLOSED_QUOTE, 0, 0, 0, b'"\r\n')]),

    Case("an escaped byte inside quotes is data", rb'"a\"b","\\"' + b'\n"\\\n","c\\,"\n',
         [('a"b', "\\"), ("\n", "c,")], dialect=ESCAPED),
    Case("an escape outside quotes is data", b"a\\,b\\\n", [("a\\", "b\\")], dialect=ESCAPED),
    Case("an escape after a closing quote is data", b'"a"\\,b\n', [], [(Code.BAD_QUOTE, 0, 0, 0, b"a\\")],
         dialect=ESCAPED),
    Case("an escaped quote closes nothing", b'"a\\"', [], [(Code.UNCLOSED_QUOTE, 0, 0, 0, b'"a\\"')],
         dialect=ESCAPED),
    Case("doubled and escaped quotes together", b'"a""b\\"c",d\n', [('a"b"c', "d")],
         dialect=Dialect(escape="\\")),
    Case("without quotes it works everywhere", b"a\\,b,c\\\nd\n\\\\,e\n", [("a,b", "c\nd"), ("\\", "e")],
         dialect=UNQUOTED),
    Case("an escaped CR is no part of a row end", b"a,b\\\r\nc,d\r\n", [("a", "b\r"), ("c", "d")],
         dialect=UNQUOTED),
    Case("an escape that the data ends with is data", b"a,b\\", [("a", "b\\")], dialect=UNQUOTED),

    Case("blanks after a delimiter may go", b'a,  b\n  "c", "d"\n', [("a", "b"), ("c", "d")],
         dialect=Dialect(skip_initial_space=True)),
    Case("a cell's place is behind them", b'a,  "b"c\n', [], [(Code.BAD_QUOTE, 0, 0, 4, b"bc")],
         dialect=Dialect(skip_initial_space=True)),
    Case("blanks before a delimiter stay", b'a ,b \n', [("a ", "b ")],
         dialect=Dialect(skip_initial_space=True)),

    Case("fewer cells: a finding for each column", b"a\nb,c,d\n", [("b", "c", "d")],
         [(Code.MISSING_CELL, 0, 0, 1, b"")] * 2, columns=3),
    Case("more cells: the first is named", b'a,b,"x""y",z\nc,d\n', [("c", "d")],
         [(Code.EXTRA_CELL, 0, 0, 4, b'x"y')]),
    Case("a record may be too long", b"a,123456789\r\na,12345678\n", [("a", "12345678")],
         [(Code.RECORD_TOO_LONG, 0, 0, 0, b"a,123456789")], dialect=Dialect(max_record_bytes=10)),
    Case("a cell that is no UTF-8", b"\xff,\xc3\xa9\n\xc3,\xa9\n", [],
         [(Code.ENCODING, 0, 0, 0, b"\xff"), (Code.ENCODING, 1, 1, 5, b"\xc3"),
          (Code.ENCODING, 1, 1, 7, b"\xa9")]),
    Case("quotes come before bytes", b'"\xff"a,b\n', [], [(Code.BAD_QUOTE, 0, 0, 0, b"\xffa")]),
]  # fmt: skip


def outcome(case: Case, simd: str, before: int) -> tuple[list[Row], list[tuple[object, ...]], int]:
    """Read a case that starts `before` bytes into the data, behind blank lines, which are no records."""
    end = case.dialect.row_end
    plan = Plan(kernel_feed.text_schema(case.columns), case.dialect, simd=simd)
    got = kernel_feed.parse(plan, end * before + case.data)
    findings = [
        (each.code, each.record, each.line - before, each.byte - before, each.value) for each in got.findings
    ]
    return [row.values for row in got.rows], findings, got.lines - before  # type: ignore[misc]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
@pytest.mark.parametrize("simd", SETS)
def test_rule(case: Case, simd: str) -> None:
    expected = (list(case.rows), list(case.findings), case.data.count(case.dialect.row_end))
    for before in (0, *range(BLOCK - len(case.data) - 1, BLOCK + 2)):
        assert outcome(case, simd, max(before, 0)) == expected, before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
@pytest.mark.parametrize("simd", SETS)
def test_cut_anywhere(case: Case, simd: str) -> None:
    plan = Plan(kernel_feed.text_schema(case.columns), case.dialect, simd=simd)
    whole = kernel_feed.parse(plan, case.data)
    for size in range(1, len(case.data)):
        assert kernel_feed.parse_in_blocks(plan, case.data, [size, len(case.data)]) == whole, size
    assert kernel_feed.parse_in_blocks(plan, case.data, [1]) == whole


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_last_record_end_never_goes_back(case: Case) -> None:
    """Whoever reads more of a feed finds the same records and then more."""
    ends = {
        simd: [
            Plan(kernel_feed.text_schema(1), case.dialect, simd=simd).last_record_end(case.data, size)
            for size in range(len(case.data) + 1)
        ]
        for simd in SETS
    }
    assert all(ends[simd] == ends["scalar"] for simd in SETS)
    assert ends["scalar"] == sorted(ends["scalar"])
    assert all(end == 0 or case.data[end - 1 : end] == case.dialect.row_end for end in ends["scalar"])


@given(strategies.dialects(), st.lists(strategies.RAW | st.binary(max_size=150), max_size=6).map(b"".join))
def test_instruction_sets_agree(dialect: Dialect, data: bytes) -> None:
    plans = [Plan(kernel_feed.text_schema(2), dialect, simd=simd) for simd in SETS]
    first, *others = [kernel_feed.parse(plan, data) for plan in plans]
    assert all(other == first for other in others)
    assert len({plan.last_record_end(data, len(data)) for plan in plans}) == 1


@given(
    st.sampled_from([PLAIN, UNQUOTED, Dialect(quote="'", line_terminator="\r"), Dialect(double_quote=False)]),
    st.lists(
        st.sampled_from(
            [b"'", b'"', b'""', b',"', b'",', b'"\r', b"\n", b"\r", b"a,b\n" * 70, b"c" * 255, b"d" * 600]
        ),
        max_size=30,
    ),
)
def test_last_record_end_among_long_stretches_without_quotes(dialect: Dialect, parts: list[bytes]) -> None:
    """These are passed over by the stride."""
    data = b"".join(parts)
    ends = [
        Plan(kernel_feed.text_schema(2), dialect, simd=simd).last_record_end(data, len(data)) for simd in SETS
    ]
    assert len(set(ends)) == 1


@pytest.mark.parametrize("simd", SETS)
@pytest.mark.parametrize("mark", [b'"x,\n"', b'\n"x,\n",', b'"\n', b',"\n', b'\n"'])
def test_last_record_end_wherever_a_quote_is(simd: str, mark: bytes) -> None:
    plan = Plan(kernel_feed.text_schema(2), PLAIN, simd=simd)
    for place in range(700):
        data = b"a" * place + mark + b"b" * (700 - place)
        assert plan.last_record_end(data, len(data)) == reference_kernel.last_record_end(data, PLAIN), place


@given(
    st.lists(
        st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"a", b"abcdefg" * 9, b'",\n"']), max_size=60
    )
)
def test_instruction_sets_agree_on_quotes(parts: list[bytes]) -> None:
    data = b"".join(parts)
    first, *others = [
        kernel_feed.parse(Plan(kernel_feed.text_schema(2), PLAIN, simd=simd), data) for simd in SETS
    ]
    assert all(other == first for other in others)


@pytest.mark.parametrize("simd", SETS)
def test_rows_around_a_long_text(simd: str) -> None:
    """Of a text of many blocks nothing is written down; what stands around it is, wherever it ends."""
    plan = Plan(kernel_feed.text_schema(2), PLAIN, simd=simd)
    for length in range(400, 1200, 7):
        rows = [("a", "b" * length), ("c" * length, "d"), ("e", "f")] * 2
        batch = plan.parse("".join(f"{first},{second}\n" for first, second in rows).encode())
        assert batch.tuples() == rows, length


@pytest.mark.parametrize("simd", SETS)
def test_nothing_is_read_past_the_end(simd: str) -> None:
    """Data of every length with nothing behind it; the sanitizers see what equality does not."""
    plan = Plan(kernel_feed.text_schema(3), PLAIN, simd=simd)
    feed = 'é,"b""b,",c\r\n\n12",x y z,"\n"\n'.encode() * 6
    for size in range(len(feed)):
        data = bytes(bytearray(feed[:size]))
        alone = plan.parse(data)
        assert (alone.records, alone.rejects()) == (
            (among := plan.parse(feed, size)).records,
            among.rejects(),
        )
        assert plan.last_record_end(data, size) == plan.last_record_end(feed, size)


def test_index_grows_with_the_chunk() -> None:
    """A chunk of nothing but separators has a hundred times the separators and rows of a usual one."""
    plan = Plan(kernel_feed.text_schema(2), PLAIN)
    assert plan.parse(b",\n" * 100_000).rows == 100_000
    assert plan.parse(b"," * 200_000).reject_counts() == {(Code.EXTRA_CELL, -1): 1}
    assert plan.parse(b"\n" * 200_000).lines == 200_000


def test_a_bad_quote_costs_its_own_row_only() -> None:
    clean = b'"a","b"\n' * 100
    plan = Plan(Schema((Field("a"), Field("b"))), PLAIN)
    batch = plan.parse(clean + b'"a"x,"b"\n' + clean)
    assert (batch.rows, batch.reject_counts()) == (200, {(Code.BAD_QUOTE, 0): 1})
