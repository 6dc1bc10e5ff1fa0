"""The test suite of JSON Schema, as far as `jsonSchema` reaches: objects and arrays, and no later drafts."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import shared_data
from tests.conformance import oracle

PLAIN = Dialect(header=False)
FILES = ("enum", "format", "minLength", "minimum", "multipleOf", "pattern", "properties", "required", "type")
DEVIATIONS = oracle.deviations("JSON Schema")


def cases() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    if not shared_data.ROOT:
        return
    for name in FILES:
        for group in json.loads(shared_data.path(f"json-schema/{name}.json").read_text("utf-8")):
            for test in group["tests"]:
                yield f"{name}: {group['description']}: {test['description']}", group["schema"], test


def codes(schema: object, text: str, kind: str) -> list[Code]:
    field = Field("v", kind, constraints=Constraints(json_schema=json.dumps(schema)))
    batch = Plan(Schema((field,)), PLAIN).parse(oracle.csv_of([text]))
    return [Code(code) for code, *_ in batch.rejects()]


CASES = {name: (schema, test) for name, schema, test in cases()}


@pytest.mark.parametrize("name", shared_data.params({name: name for name in CASES}))
def test_of_the_suite(name: str) -> None:
    schema, test = CASES[name]
    # A cell holds an object or an array; every other value is tested as the one item of an array.
    text = json.dumps([test["data"]])
    deviation = DEVIATIONS.get(name, DEVIATIONS.get(name.rpartition(": ")[0], ""))
    if "refused" in deviation:
        with pytest.raises(SchemaError):
            codes({"items": schema}, text, "array")
        return
    expected = [] if test["valid"] else [Code.JSON_SCHEMA]
    assert codes({"items": schema}, text, "array") == ([Code.TYPE] if "type" in deviation else expected)


def test_it_is_one_finding_among_others() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert codes(schema, '{"a": 1}', "object") == []
    assert codes(schema, '{"a": "x"}', "object") == [Code.JSON_SCHEMA]
    assert codes(schema, "[1]", "object") == [Code.TYPE]
    limits = Constraints(json_schema=json.dumps(schema), min_length=1, enum=("[1]", '{"a": 1}'))
    batch = Plan(Schema((Field("v", "object", constraints=limits),)), PLAIN).parse(oracle.csv_of(["{}"]))
    assert [each[0] for each in batch.rejects()] == [Code.MIN_LENGTH, Code.ENUM, Code.JSON_SCHEMA]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"prefixItems": []}, "prefixItems is not supported"),
        ({"$ref": "https://example.org/x"}, "leads elsewhere"),
        ({"properties": {"a": {"pattern": "(a+)+$"}}}, "^field 'v': jsonSchema: .* inside a repeat$"),
        ({"patternProperties": {"(": {}}}, "no regular expression"),
        ({"type": "nonsense"}, "none that can be compiled"),
        ([], "must be an object"),
    ],
)
def test_what_is_not_supported_is_refused(document: object, words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        codes(document, "{}", "object")


def test_in_a_descriptor_and_out_again() -> None:
    described = {
        "name": "v",
        "type": "object",
        "constraints": {"jsonSchema": {"required": ["a"], "maximum": 0.1}},
    }
    schema = Schema.from_descriptor({"fields": [described]})
    assert schema.to_descriptor()["fields"] == [described]
