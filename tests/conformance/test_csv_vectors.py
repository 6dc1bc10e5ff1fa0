"""Delimited text as other projects' test suites have it."""

from typing import Any

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import DialectError
from feedmill.kernel import Plan
from tests import kernel_feed, shared_data
from tests.conformance import oracle

BOM = b"\xef\xbb\xbf"
DEVIATIONS = oracle.deviations("Delimited text")
SPECTRUM = {each["id"]: each for each in shared_data.vectors("csv_spectrum.jsonl")}
RUST = {each["id"]: each for each in shared_data.vectors("csv_rustcsv.jsonl")}
PAPA = {
    each["id"]: each for each in shared_data.vectors("csv_papaparse.jsonl") if each["cpython_csv"] == "agree"
}
UTF8 = {each["id"]: each for each in shared_data.vectors("utf8_tests.jsonl")}


def dialect_of(said: dict[str, Any], *, keep_bad_quotes: bool = False) -> Dialect:
    names = ("delimiter", "quote", "escape", "double_quote", "comment")
    return Dialect(header=False, keep_bad_quotes=keep_bad_quotes, **{name: said[name] for name in names})


def read(vector: dict[str, Any], dialect: Dialect) -> list[list[str | None]]:
    return [list(row) for row in kernel_feed.table(shared_data.bytes_of(vector).removeprefix(BOM), dialect)]


@pytest.mark.parametrize("vector", shared_data.params(SPECTRUM))
def test_csv_spectrum(vector: dict[str, Any]) -> None:
    header, *rows = read(vector, dialect_of(vector["dialect"]))
    assert {"header": header, "rows": rows} == vector["expect"]


@pytest.mark.parametrize("vector", shared_data.params(RUST))
def test_rust_csv(vector: dict[str, Any]) -> None:
    expected = vector["expect"]["rows"]
    match DEVIATIONS.get(vector["id"]):
        case None:
            assert read(vector, dialect_of(vector["dialect"])) == expected
        case "`DialectError`":
            with pytest.raises(DialectError):
                dialect_of(vector["dialect"])
        case "only with `keep_bad_quotes`":
            plan = Plan(kernel_feed.text_schema(1), dialect_of(vector["dialect"]))
            outcome = kernel_feed.parse(plan, shared_data.bytes_of(vector))
            assert [each.code for each in outcome.findings] == [Code.BAD_QUOTE]
            assert read(vector, dialect_of(vector["dialect"], keep_bad_quotes=True)) == expected
        case other:
            pytest.fail(f"docs/deviations.md says {other!r}, which this test does not know")


@pytest.mark.parametrize("vector", shared_data.params(PAPA))
def test_papaparse(vector: dict[str, Any]) -> None:
    config = vector["config"]
    options = {"delimiter": config.get("delimiter", ","), "quote": config.get("quoteChar", '"')}
    assert config.keys() <= {"delimiter", "quoteChar"}
    dialect = Dialect(header=False, **options)
    match DEVIATIONS.get(vector["id"]):
        case None:
            assert read(vector, dialect) == vector["expect_data"]
        case r'only with `line_terminator: "\r"`':
            assert read(vector, dialect) != vector["expect_data"]
            assert (
                read(vector, Dialect(header=False, line_terminator="\r", **options)) == vector["expect_data"]
            )
        case other:
            pytest.fail(f"docs/deviations.md says {other!r}, which this test does not know")


@pytest.mark.parametrize("vector", shared_data.params(UTF8))
def test_utf8(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["hex"])
    feed = b'"' + raw.replace(b'"', b'""') + b'"\n'
    outcome = kernel_feed.parse(Plan(kernel_feed.text_schema(1), Dialect(header=False)), feed)
    if vector["valid"] and b"\0" in raw:
        assert DEVIATIONS["utf8/NUL"] == "reject `nul`"
        assert [(each.code, each.byte, each.value) for each in outcome.findings] == [(Code.NUL, 0, raw)]
    elif vector["valid"]:
        assert [row.values for row in outcome.rows] == [(raw.decode(),)]
        assert not outcome.findings
    else:
        assert [(each.code, each.byte, each.value) for each in outcome.findings] == [(Code.ENCODING, 0, raw)]
        assert not outcome.rows


def test_every_deviation_is_about_a_vector() -> None:
    if not RUST:
        pytest.skip(shared_data.WHY_ABSENT)
    assert DEVIATIONS.keys() - {"utf8/NUL"} <= RUST.keys() | PAPA.keys()
