"""Values of the kinds kept as text, out of every encoder, and what PostgreSQL must never be sent."""

import json
import struct

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.records import Base, rejects_of
from feedmill.schema import Constraints, Field, Schema
from feedmill.stores.ddl import TableName, create_table
from tests import shared_data
from tests.conformance import oracle

FIELDS = (
    Field("o", "object"),
    Field("l", "list", item_type="integer"),
    Field("y", "year"),
    Field("p", "number", "price", precision=8, scale=2),
)
ROW = [' {"a":\r\n [1, "\\n"]}', "1,2", "2024", "EUR 15.00"]


def plan_of(*fields: Field) -> Plan:
    return Plan(Schema(fields), Dialect(header=False))


def one_row() -> bytes:
    return ",".join('"' + each.replace('"', '""') + '"' for each in ROW).encode() + b"\n"


def test_python_values() -> None:
    [(text, items, year, amount)] = plan_of(*FIELDS).parse(one_row()).tuples()
    assert (text, items, year, str(amount)) == (ROW[0], "1,2", 2024, "15.00")


def test_json_lines_have_json_itself_on_one_line() -> None:
    lines = bytes(plan_of(*FIELDS).parse(one_row()).jsonl())
    assert lines.count(b"\n") == 1
    assert json.loads(lines) == {"o": {"a": [1, "\n"]}, "l": "1,2", "y": 2024, "p": 15.0}


def test_copy_sends_jsonb_with_its_version() -> None:
    batch = plan_of(*FIELDS).parse(one_row())
    sent = b"".join(batch.copy_binary(fields=[0], pg_types=["jsonb"]))
    text = ROW[0].encode()
    assert sent == struct.pack("!hi", 1, len(text) + 1) + b"\1" + text
    assert b"".join(batch.copy_binary(fields=[2], pg_types=["int4"])) == struct.pack("!hii", 1, 4, 2024)


def test_columns_of_a_table() -> None:
    schema = Schema(FIELDS)
    made = create_table(TableName("t"), schema, (), "postgresql")
    assert all(words in made for words in ('"o" jsonb', '"l" text', '"y" bigint', '"p" numeric(8,2)'))
    made = create_table(TableName("t"), schema, (), "sqlite")
    assert all(words in made for words in ('"o" TEXT', '"l" TEXT', '"y" INTEGER'))


REFUSED = {
    f"{place}-{each['input'][:30]!r}": each["input"]
    for place, each in enumerate(shared_data.vectors("pg15_values.jsonl"))
    if each["type"] in {"json", "jsonb"} and not each["ok"]
}


@pytest.mark.parametrize("text", shared_data.params(REFUSED))
def test_what_jsonb_refuses_is_refused(text: str) -> None:
    for kind in ("object", "array"):
        assert plan_of(Field("v", kind, missing_values=())).parse(oracle.csv_of([text])).rows == 0


def test_messages_say_what_was_expected() -> None:
    fields = (
        Field("v", "geopoint"),
        Field("v2", "list", item_type="date", constraints=Constraints(max_length=1)),
        Field("v3", "number", "price", currency="EUR"),
        Field("v4", categories=("a", "b")),
    )
    batch = plan_of(*fields).parse(b'"200,1","2024-01-01,2024-01-02",5 USD,c\n')
    found = [each.message for each in rejects_of(batch, tuple(each.name for each in fields), Base())]
    assert [each.code for each in rejects_of(batch, tuple(f.name for f in fields), Base())] == [
        "type",
        "max_length",
        "format",
        "enum",
    ]
    assert found
