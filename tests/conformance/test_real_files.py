"""Real files, read whole, against what other programs found in them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import kernel_feed, shared_data
from tests.conformance import oracle

FACTS = {name: fact for name, fact in shared_data.document("facts.json").items() if "file" in fact}
UCI_SCHEMA = Schema(
    (
        Field("InvoiceNo", constraints=Constraints(pattern=r"C?\d{6}")),
        Field("StockCode"),
        Field("Description"),
        Field("Quantity", "integer"),
        Field("InvoiceDate", "datetime", "%Y-%m-%d %H:%M:%S"),
        Field("UnitPrice", "number"),
        Field("CustomerID", "number"),
        Field("Country"),
    )
)


@pytest.mark.parametrize("name", shared_data.params({name: name for name in FACTS}))
def test_every_cell_is_read_as_it_stands(name: str) -> None:
    fact, rows = FACTS[name], oracle.records_of(name)
    assert len(rows) == fact["records"]
    assert fact["widths"] == {str(len(rows[0])): len(rows)}
    if fact["header"]:
        assert list(oracle.rows_of(name)[0]) == fact["header"]
    expected = fact.get("rows_digest_sha256") or fact["rows_digest_sha256_with_null"]
    assert oracle.digest(rows) == expected
    assert sum("\n" in (cell or "") for row in rows for cell in row) == fact["cells_with_newline"]
    assert sum('"' in (cell or "") for row in rows for cell in row) == fact["cells_with_quote"]
    assert len(rows) - len(set(rows)) == fact["exact_duplicate_rows"]
    nulls = [sum(cell is None for cell in column) for column in zip(*rows, strict=True)]
    assert nulls == fact.get("nulls_per_column", [0] * len(nulls))


@pytest.mark.parametrize("name", shared_data.params({name: name for name in FACTS}))
def test_columns_hold_what_was_counted(name: str) -> None:
    fact, rows = FACTS[name], oracle.records_of(name)
    for said, cells in zip(fact["columns"], kernel_feed.columns(rows), strict=True):
        present = [cell for cell in cells if cell is not None]
        got: dict[str, Any] = {
            "name": said["name"],
            "empty": present.count(""),
            "distinct": len(set(cells)),
            "maxlen": max(map(len, present)),
        }
        if "sum" in said:
            got |= decimals([cell for cell in present if cell])
        assert got == said


def decimals(cells: Sequence[str]) -> dict[str, Any]:
    """Read cells as numbers, in the words of facts.json."""
    outcome = kernel_feed.parse(
        Plan(Schema((Field("n", "number"),)), Dialect(header=False)), oracle.csv_of(cells)
    )
    values = [row.values[0] for row in outcome.rows]
    assert all(isinstance(value, Decimal) for value in values)
    return {
        "decimal_ok": len(values),
        "decimal_bad": len(outcome.findings),
        "sum": str(sum(values)),
        "min": str(min(values)),
        "max": str(max(values)),
    }


def test_a_month_of_orders_adds_up() -> None:
    files = sorted(shared_data.path("real/uci_online_retail").glob("2010-12-*.csv"))
    fact = shared_data.document("facts.json")["uci_2010_12_open"]
    assert len(files) == fact["files"]
    records = quantity = 0
    price = Decimal(0)
    for file in files:
        header, _, body = file.read_bytes().partition(b"\n")
        plan = Plan(UCI_SCHEMA, Dialect(), header.decode().split(","))
        outcome = kernel_feed.parse(plan, body)
        assert not outcome.findings
        records += outcome.records
        quantity += sum(row.values[3] for row in outcome.rows)  # type: ignore[misc]
        price += sum(row.values[5] for row in outcome.rows)  # type: ignore[misc]
    assert (records, quantity, str(price)) == (fact["records"], fact["sum_quantity"], fact["sum_unit_price"])
