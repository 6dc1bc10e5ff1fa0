"""PostgreSQL's own answers: which texts are values, and the bytes of each in COPY BINARY."""

import re
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import shared_data
from tests.conformance import oracle

INTEGER_BITS = {"int2": 16, "int4": 32, "int8": 64}
FLOAT4 = Constraints(minimum="-3.4028234663852886e38", maximum="3.4028234663852886e38")
TEMPORAL = {"date": "date", "time": "time", "timestamp": "datetime", "timestamptz": "datetime"}


def field_of(pg_type: str) -> Field | None:
    """Declare a field for a PostgreSQL type; None if this version has none for it."""
    name, _, size = pg_type.rstrip(")").partition("(")
    sizes = [int(part) for part in size.split(",") if part] or [None, None]
    match name:
        case "int2" | "int4" | "int8":
            limit = 2 ** (INTEGER_BITS[name] - 1)
            return Field("v", "integer", constraints=Constraints(minimum=str(-limit), maximum=str(limit - 1)))
        case "numeric":
            fits = 0 <= (sizes[1] or 0) <= (sizes[0] or 0)
            return Field("v", "number", precision=sizes[0], scale=sizes[1]) if fits else None
        case "float8":
            return Field("v", "number", storage="float64")
        case "float4":
            return Field("v", "number", storage="float64", constraints=FLOAT4)
        case "bool":
            return Field("v", "boolean")
        case "date" | "time" | "timestamp" | "timestamptz":
            return Field("v", TEMPORAL[name], format="any")
        case "uuid":
            return Field("v", format="uuid")
        case "text" | "varchar":
            return Field("v", constraints=Constraints(max_length=sizes[0]))
    return None


VALUES = shared_data.vectors("pg15_values.jsonl")
# Short inputs make readable names; some are thousands of characters.
CASES = {f"{place}-{each['type']}-{each['input'][:30]!r}": each for place, each in enumerate(VALUES)}
COMPARED = {name: case for name, case in CASES.items() if field_of(case["type"])}


def sent(case: dict[str, Any]) -> bytes | None:
    """Send one value through the kernel; None if it is rejected."""
    declared = field_of(case["type"])
    assert declared is not None
    plan = Plan(Schema((declared,), missing_values=()), Dialect(header=False))
    batch = plan.parse(oracle.csv_of([case["input"]]))
    assert batch.records == 1
    if not batch.rows:
        return None
    tuples = b"".join(batch.copy_binary(pg_types=[case["type"].partition("(")[0]]))
    fields, length = struct.unpack_from("!hi", tuples)
    assert (fields, length) == (1, len(tuples) - 6)
    return tuples[6:]


OFFSET = re.compile(r"[+-]\d\d:\d\d$")
"""PostgreSQL's timestamp drops an offset; feedmill sends the instant in UTC (docs/deviations.md)."""


@pytest.mark.parametrize("case", shared_data.params(COMPARED))
def test_same_bytes_as_postgres_or_refused(case: dict[str, Any]) -> None:
    value = sent(case)
    if case["type"] == "timestamp" and OFFSET.search(case["input"]):
        assert value == sent(case | {"type": "timestamptz"})
    elif case["ok"]:
        assert value is None or value.hex() == case["binary_hex"]
    else:
        assert value is None


# feedmill may refuse what PostgreSQL takes, but not so much that the test above compares nothing.
TAKEN = {
    "int2": 33, "int4": 35, "int8": 31, "float8": 202, "float4": 1, "bool": 2, "uuid": 2, "text": 13,
    "numeric": 755, "numeric(5,0)": 9, "numeric(10,2)": 16, "numeric(12,2)": 19, "numeric(18,4)": 38,
    "numeric(38,10)": 36, "date": 142, "time": 1, "timestamp": 209, "timestamptz": 216,
}  # fmt: skip


@pytest.mark.parametrize("pg_type", shared_data.params({name: name for name in TAKEN} if VALUES else {}))
def test_plain_values_are_taken(pg_type: str) -> None:
    answers = [sent(case) for case in VALUES if case["type"] == pg_type and case["ok"]]
    assert len(answers) - answers.count(None) >= TAKEN[pg_type]


GOLDEN = {
    "uci_2010-12-01": (
        "uci_orders",
        Dialect(),
        ["text", "text", "text", "int4", "timestamp", "numeric", "numeric", "text"],
    ),
    "aw_purchase_order_detail": (
        "purchase_orders",
        Dialect(delimiter="\t", quote=None, header=False),
        ["int4", "int4", "timestamp", "int2", "int4", *["numeric"] * 5, "timestamptz"],
    ),
}
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


@pytest.mark.parametrize("name", shared_data.params({name: name for name in GOLDEN} if VALUES else {}))
def test_a_table_byte_for_byte(name: str) -> None:
    schema_name, dialect, pg_types = GOLDEN[name]
    schema = Schema.load(Path(__file__).parents[1] / "data" / f"{schema_name}.schema.json")
    folder = shared_data.path(f"copy_binary_golden/{name}")
    golden = shared_data.document(f"copy_binary_golden/{name}/golden.json")
    data = (folder / golden["source_file"]).read_bytes()
    if dialect.header:
        data = data.partition(b"\n")[2]
    batch = Plan(schema, dialect).parse(data)
    blocks = batch.copy_binary(pg_types=pg_types)
    made = SIGNATURE + b"".join(blocks) + TRAILER
    assert batch.rows == golden["rows"]
    assert made == (folder / "rows.copybin").read_bytes()
    assert (len(made), sha256(made).hexdigest()) == (golden["bytes"], golden["copy_binary_sha256"])


def test_a_value_out_of_the_target_type_is_not_sent() -> None:
    """The schema says what fits; without its limits, the encoder has to notice."""
    declared = Field("v", "integer")
    batch = Plan(Schema((declared,)), Dialect(header=False)).parse(b"32768\n")
    with pytest.raises(OverflowError, match="32768 does not fit int2"):
        batch.copy_binary(pg_types=["int2"])
