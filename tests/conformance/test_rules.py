"""Rules on columns of real files: which records pass, to the record, against an independent judge."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import kernel_feed, shared_data
from tests.conformance import oracle

ORACLE = shared_data.document("rules_oracle.json")
SOURCES = {
    "datakick": ["datakick"],
    "goodbooks": ["goodbooks"],
    "orange_patent": ["orange_patent"],
    "harmonized_system": ["harmonized_system"],
    "aw_PurchaseOrderDetail": ["aw_PurchaseOrderDetail"],
}

TEXT = Field("value")
NUMBER = Field("value", "number")


def matching(pattern: str) -> Field:
    return replace(TEXT, constraints=Constraints(pattern=pattern))


# The oracle's rules, as a schema would put them.
RULES = {
    "gtin": replace(TEXT, format="gtin"),
    "maxlen40": replace(TEXT, constraints=Constraints(max_length=40)),
    "maxlen255": replace(TEXT, constraints=Constraints(max_length=255)),
    "ascii": matching(r"[\x00-\x7f]*"),
    "no_edge_space": matching(r"(?s)(?!\s).*(?<!\s)"),
    "plain_decimal": matching(r"[+-]?\d+(\.\d+)?"),
    "int_dot0": matching(r"\d+\.0"),
    "invoice": matching(r"C?\d{6}"),
    "stock": matching(r"\d{5}[A-Z]{0,2}"),
    "url": matching(r"https?://[^\s/?#]+\S*"),
    "decimal": NUMBER,
    "nonneg_dec": replace(NUMBER, constraints=Constraints(minimum="0")),
    "rating_0_5": replace(NUMBER, constraints=Constraints(minimum="0", maximum="5")),
    "integer": Field("value", "integer"),
    "pos_int": Field("value", "integer", constraints=Constraints(minimum="1")),
    "iso_ts": Field("value", "datetime", "%Y-%m-%d %H:%M:%S"),
    "date_b": Field("value", "date", "%b %d, %Y"),
    "isbn10": replace(TEXT, format="isbn"),
}
CASES = {
    f"{source}-{rule['column']}-{rule['rule']}": (source, rule)
    for source, said in ORACLE.items()
    for rule in said["rules"]
}


def cells_of(source: str, column: str) -> list[str]:
    if source == "uci_2010_12":
        return [row[ORACLE[source]["header"].index(column)] for row in uci_rows()]
    fact = shared_data.document("facts.json")[source]
    place = fact["header"].index(column) if fact["header"] else int(column.removeprefix("c"))
    return [row[place] or "" for row in oracle.records_of(source)]


def uci_rows() -> list[tuple[str, ...]]:
    plan = Plan(kernel_feed.text_schema(8), Dialect(header=False))
    rows: list[tuple[str, ...]] = []
    for path in sorted(shared_data.path("real/uci_online_retail").glob("2010-12-*.csv")):
        rows += [row.values for row in kernel_feed.parse(plan, path.read_bytes()).rows][1:]  # type: ignore[misc]
    return rows


@pytest.mark.parametrize("case", shared_data.params(CASES))
def test_rule_fails_exactly_the_records_the_oracle_fails(case: tuple[str, dict[str, Any]]) -> None:
    source, rule = case
    cells = cells_of(source, rule["column"])
    outcome = kernel_feed.parse(
        Plan(Schema((RULES[rule["rule"]],)), Dialect(header=False)), oracle.csv_of(cells)
    )
    failing = {each.record for each in outcome.findings}
    empty = sum(row.values[0] is None for row in outcome.rows)
    first = sorted(failing)[: len(rule["first_failing_records"])]
    got = {
        "empty": empty,
        "pass": len(cells) - empty - len(failing),
        "fail": len(failing),
        "first_failing_records": first,
        "first_failing_values": [cells[place][:60] for place in first[:3]],
        "failing_records_sha256": hashlib.sha256(",".join(map(str, sorted(failing))).encode()).hexdigest(),
    }
    assert got == {name: rule[name] for name in got}
