"""Apache Commons CSV's files with their control files: a row a line, `size:[its cells]`."""

from dataclasses import replace
from typing import Final

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from tests import kernel_feed, shared_data
from tests.conformance import oracle
from tests.readers.feedfiles import read_all

FOLDER: Final = "commons-csv/CSVFileParser"
DEVIATIONS = oracle.deviations("Commons CSV")
CONTROLS: Final = (
    "testCSV246_checkWithNoComment",
    "testCSV85_default",
    "testCSV85_ignoreEmpty",
    "test_default",
    "test_default_comment",
    "test_rfc4180",
    "test_rfc4180_trim",
)
EMPTY: Final = "1:[]"
NO_RECORD: Final = "no record"
BAD_QUOTE: Final = "reject `bad_quote`"


@pytest.mark.parametrize("control", CONTROLS)
def test_a_file(control: str) -> None:
    lines = shared_data.path(f"{FOLDER}/{control}.txt").read_text("utf-8").splitlines()
    name, *settings = lines[0].split()
    expected = [line.partition("]#")[0].removesuffix("]") + "]" for line in lines[2:] if line[0] != "#"]
    data = shared_data.path(f"{FOLDER}/{name}").read_bytes()
    blanks = "IgnoreSpaces=true" in settings
    dialect = Dialect(
        header=False, comment="#" if "CommentStart=#" in settings else None, skip_initial_space=blanks
    )
    said = DEVIATIONS.get(control, "").split(", ")
    assert set(said) <= {"", NO_RECORD, BAD_QUOTE}
    assert (NO_RECORD in said) == (EMPTY in expected)
    expected = [line for line in expected if line != EMPTY]
    bad = [
        finding.record
        for finding in kernel_feed.parse(Plan(kernel_feed.text_schema(5), dialect), data).findings
        if finding.code == Code.BAD_QUOTE
    ]
    assert bool(bad) == (BAD_QUOTE in said)
    rows = kernel_feed.table(data, replace(dialect, keep_bad_quotes=True))
    found = [
        f"{len(row)}:[{', '.join(str(cell).strip() if blanks else str(cell) for cell in row)}]"
        for row in rows
    ]
    for record in sorted(set(bad), reverse=True):
        assert found.pop(record) != expected.pop(record)
    assert found == expected


def test_a_byte_order_mark_is_no_part_of_the_header() -> None:
    found = read_all(shared_data.path(f"{FOLDER}/bom.csv"))
    assert found.columns == ("Date", " Open", " High", " Low", " Close", " Volume")
    assert (len(found.rows), found.rejects) == (251, [])


def test_every_deviation_is_about_a_file() -> None:
    assert DEVIATIONS.keys() <= set(CONTROLS)
