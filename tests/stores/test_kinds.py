"""Kinds that PostgreSQL has a type of its own for: stored, compared by value, and equal the second time."""

from __future__ import annotations

import pytest

from feedmill.schema import Field, Schema
from tests.stores.feeding import load, run_info
from tests.stores.rigs import PostgresRig

KINDS = Schema(
    (Field("sku"), Field("facts", "object"), Field("year", "year"), Field("lasts", "duration")),
    primary_key=("sku",),
)


@pytest.mark.postgres
def test_postgres_stores_json_as_jsonb(postgres_url: str) -> None:
    rig = PostgresRig(postgres_url)
    first = load(
        rig.sink(KINDS), KINDS, [[[("a", '{"x": 1, "y": [1.50]}', 2024, "P1Y"), ("b", None, None, None)]]]
    )
    assert first.counts() == (2, 0, 0, 0)
    # The same value, written in another way, changes nothing.
    again = [[[("a", '{"y":[1.5],"x":1}', 2024, "P1Y"), ("b", '{"x": 2}', 1999, None)]]]
    assert load(rig.sink(KINDS), KINDS, again, run_info("run-2")).counts() == (0, 1, 1, 0)
    assert rig.query("SELECT sku, facts->>'x', year, lasts FROM items ORDER BY sku") == [
        ("a", "1", 2024, "P1Y"),
        ("b", "2", 1999, None),
    ]
