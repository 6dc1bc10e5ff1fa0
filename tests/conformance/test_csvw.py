"""The W3C's tests for CSV on the Web, those of its datatypes and keys that Table Schema can say too.

CSVW's metadata is another language: the tests about the metadata itself, and those of formats written in
Unicode's patterns, have nothing to say about feedmill. They are counted, so that none is forgotten.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from feedmill import RunOptions, Schema, validate
from feedmill.errors import SchemaError
from tests import shared_data
from tests.conformance import oracle

DEVIATIONS = oracle.deviations("CSV on the Web")
VECTORS = shared_data.vectors("csvw_validation.jsonl")
WITHOUT_METADATA: Final = ("test005", "test006", "test008")
DATATYPES: Final = (125, 162, 163, 169, 174, 175, 177, 186, 196, 197, 198, 199, 204, 206, 208, 212, 213, 214)
LIMITS: Final = (217, 221, 224, 225, 261, 280)
LISTS_AND_KEYS: Final = (228, 230, 231, 234)
USED: Final = {
    *WITHOUT_METADATA,
    *(f"test{number}" for number in (*DATATYPES, *LIMITS, *LISTS_AND_KEYS)),
}
CASES = {each["id"]: each for each in VECTORS if each["id"] in USED}
TYPES: Final[dict[str, dict[str, Any]]] = {
    "string": {"type": "string"},
    "NMTOKEN": {"type": "string"},
    "number": {"type": "number"},
    "float": {"type": "number", "storage": "float64"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer"},
    "unsignedShort": {"type": "integer", "constraints": {"minimum": 0, "maximum": 65_535}},
    "unsignedByte": {"type": "integer", "constraints": {"minimum": 0, "maximum": 255}},
    "negativeInteger": {"type": "integer", "constraints": {"maximum": -1}},
    "boolean": {"type": "boolean"},
    "date": {"type": "date"},
    "dayTimeDuration": {"type": "duration"},
}
CONSTRAINTS: Final = {
    "length": ("minLength", "maxLength"),
    "minimum": ("minimum",),
    "maximum": ("maximum",),
    "minInclusive": ("minimum",),
    "maxInclusive": ("maximum",),
    "minExclusive": ("exclusiveMinimum",),
    "maxExclusive": ("exclusiveMaximum",),
    "minLength": ("minLength",),
    "maxLength": ("maxLength",),
}


def field_of(column: dict[str, Any]) -> dict[str, Any]:
    """Say a column in Table Schema's words."""
    datatype = column.get("datatype", "string")
    if isinstance(datatype, str):
        datatype = {"base": datatype}
    field = {"name": column["titles"], **TYPES[datatype["base"]]}
    constraints = {**field.pop("constraints", {}), "required": column.get("required", False)}
    for name, ours in CONSTRAINTS.items():
        if name in datatype:
            constraints |= dict.fromkeys(ours, datatype[name])
    if "format" in datatype:
        field["groupChar"] = datatype["format"]["groupChar"]
    if "null" in column:
        field["missingValues"] = [column["null"]]
    if "separator" in column:
        # Length is about each item in CSVW, and about the list in Table Schema: items have a pattern.
        low, high = constraints.pop("minLength"), constraints.pop("maxLength", "")
        item, separator = rf"\S{{{low},{high}}}", column["separator"]
        constraints["pattern"] = rf"{item}({separator}{item})*"
    return {**field, "constraints": constraints}


def schema_of(vector: dict[str, Any]) -> tuple[str, Schema]:
    metadata = json.loads(shared_data.path(f"csvw/{vector['metadata']}").read_text("utf-8"))
    (table,) = metadata.get("tables", [metadata])
    said = table["tableSchema"]
    fields = [field_of(column) for column in said["columns"]]
    key = said.get("primaryKey", [])
    return table["url"], Schema.from_descriptor({"fields": fields, "primaryKey": key})


@pytest.mark.parametrize(
    "vector", shared_data.params({name: each for name, each in CASES.items() if each["metadata"]})
)
def test_datatypes_and_keys(vector: dict[str, Any]) -> None:
    try:
        url, schema = schema_of(vector)
        options = RunOptions(duplicates="reject")
        is_valid = not validate(str(shared_data.path("csvw") / url), schema, options=options).failures
    except SchemaError:
        is_valid = False
    said = DEVIATIONS.get(vector["id"])
    assert is_valid == (vector["valid"] if said is None else said == "valid")


@pytest.mark.parametrize(
    "vector", shared_data.params({name: each for name, each in CASES.items() if not each["metadata"]})
)
def test_files_without_metadata(tmp_path: Path, vector: dict[str, Any]) -> None:
    feed = shared_data.path("csvw") / vector["action"]
    header = feed.read_text("utf-8").splitlines()[0].split(",")
    schema = Schema.from_descriptor({"fields": [{"name": name.strip('"')} for name in header]})
    report = validate(str(feed), schema, options=RunOptions(rejects=str(tmp_path / "rejects.jsonl")))
    assert (report.failures, report.records > 0) == (0, True)


def test_no_test_is_forgotten() -> None:
    shared_data.path("vectors")
    assert (len(VECTORS), len(CASES)) == (139, len(USED))
    assert DEVIATIONS.keys() <= USED
