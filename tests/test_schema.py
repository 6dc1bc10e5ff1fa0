"""Schemas: what may be declared, what is refused and how that is said, and Table Schema files in and out."""

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from feedmill.errors import SchemaError
from feedmill.schema import Constraints, Field, Schema
from tests import strategies


def field_of(**properties: object) -> Field:
    """Read one field from its descriptor."""
    return Schema.from_descriptor({"fields": [{"name": "f", **properties}]}).fields[0]


def limits_of(kind: str, **constraints: object) -> Constraints:
    return field_of(type=kind, constraints=constraints).constraints


def refused(**properties: object) -> str:
    with pytest.raises(SchemaError) as caught:
        field_of(**properties)
    return str(caught.value)


# Files ——————————————————————————————————————————————————————————————————————————————————————————————————————


@given(strategies.schemas())
def test_a_schema_survives_its_descriptor(schema: Schema) -> None:
    descriptor = json.loads(json.dumps(schema.to_descriptor()))
    assert Schema.from_descriptor(descriptor) == schema


def test_json_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(
        '{"fields": [{"name": "n", "type": "number", "constraints":'
        ' {"minimum": 0.10, "maximum": 12345678901234567890.000000000000000001, "enum": [1e2, 5, "7"]}}]}'
    )
    limits = Schema.load(path).fields[0].constraints
    assert limits.minimum == "0.10"
    assert limits.maximum == "12345678901234567890.000000000000000001"
    assert limits.enum == ("1E+2", "5", "7")


def test_toml_is_read_as_json_is(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'primaryKey = "sku"\n[[fields]]\nname = "sku"\n[[fields]]\nname = "day"\ntype = "date"\n'
        "constraints = {minimum = 2024-01-01}\n[[fields]]\nname = 'price'\ntype = 'number'\n"
        "constraints = {minimum = 0.10}\n"
    )
    schema = Schema.load(path)
    assert schema.name == "s"
    assert schema.primary_key == ("sku",)
    assert schema.field("day").constraints.minimum == "2024-01-01"
    assert schema.field("price").constraints.minimum == "0.10"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("s.json", b"{", "not valid JSON"),
        ("s.toml", b"fields = ", "not valid TOML"),
        ("s.json", b"[]", "object"),
        ("s.json", b"{}", '"fields"'),
        ("s.json", b'{"fields": []}', "no fields"),
        ("s.json", b'{"fields": ["a"]}', '"fields"'),
        ("s.json", b'{"fields": [{"name": "a\xff"}]}', "UTF-8"),
        ("s.json", b'{"fields": [{"name": "a", "constraints": {"minimum": NaN}}]}', "NaN"),
        ("s.json", b'{"fields": [{"name": "a", "type": "money"}]}', "field 'a': unknown type 'money'"),
        (
            "s.json",
            b'{"fields": [{"name": "a", "type": "date", "constraints": {"minimum": "2024-02-30"}}]}',
            "field 'a': constraint value",
        ),
        (
            "s.json",
            b'{"fields": [{"name": "a", "type": "year", "transforms": [{"default": "x"}]}]}',
            "'x' is no",
        ),
        (
            "twice.json",
            b'{"fields": [{"name": "a", "constraints": {"required": true}, "constraints": {}}]}',
            "'constraints' stands twice",
        ),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SchemaError) as caught:
        Schema.load(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="cannot read it"):
        Schema.load(tmp_path / "absent.json")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b'\xef\xbb\xbf{"fields": [{"name": "a"}]}')
    assert Schema.load(path).names == ("a",)


# Both versions of the standard —————————————————————————————————————————————————————————————————————————————


def test_missing_values_with_labels_are_version_two() -> None:
    values = [{"value": "", "label": "none"}, {"value": "-99", "label": "refused"}]
    assert field_of(missingValues=values).missing_values == ("", "-99")
    document = {"fields": [{"name": "a"}], "missingValues": ["NA"]}
    assert Schema.from_descriptor(document).missing_values == ("NA",)


def test_a_key_is_a_name_or_a_list_and_makes_its_fields_required() -> None:
    for key in ("a", ["a"]):
        schema = Schema.from_descriptor({"fields": [{"name": "a"}, {"name": "b"}], "primaryKey": key})
        assert schema.primary_key == ("a",)
        assert [each.constraints.required for each in schema.fields] == [True, False]


def test_fields_match_is_a_word_or_a_list_of_one() -> None:
    for match in ("subset", ["subset"]):
        assert (
            Schema.from_descriptor({"fields": [{"name": "a"}], "fieldsMatch": match}).fields_match == "subset"
        )


def test_properties_without_effect_and_strangers_are_let_be() -> None:
    document = {
        "$schema": "x",
        "title": "T",
        "fields": [{"name": "a", "rdfType": "x", "example": 1, "x-own": 2}],
    }
    assert Schema.from_descriptor(document) == Schema((Field("a"),))


# What is refused ———————————————————————————————————————————————————————————————————————————————————————————


def reference(fields: object, columns: object, resource: str = "x.csv") -> dict[str, object]:
    return {"fields": fields, "reference": {"resource": resource, "fields": columns}}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"feilds": []}, "did you mean 'fields'"),
        ({"fields": [{"name": "a"}], "primary_key": "a"}, "did you mean 'primaryKey'"),
        ({"fields": [{"name": "a", "Type": "integer"}]}, "did you mean 'type'"),
        ({"fields": [{"name": "a", "constraints": {"requird": True}}]}, "did you mean 'required'"),
        ({"fields": [{"name": "a", "constraints": {"min_length": 1}}]}, "did you mean 'minLength'"),
        ({"fields": [{"name": "a", "required": True}]}, "'required' would do nothing here; put it under"),
        ({"fields": [{"name": "a", "jsonSchema": {}}]}, "field 'a': 'jsonSchema' would do nothing here"),
        ({"fields": [{"name": "a", "requird": True}]}, "did you mean 'required', under \"constraints\"?"),
        ({"fields": [{"name": "a", "max_length": 2}]}, "did you mean 'maxLength', under \"constraints\"?"),
        ({"fields": [{"name": "a", "primaryKey": True}]}, 'put it beside "fields", in the schema'),
        ({"fields": [{"name": "a", "constraints": {"format": "uuid"}}]}, "in the field, beside"),
        ({"fields": [{"name": "a", "constraints": {"trueValue": ["y"]}}]}, "did you mean 'trueValues'"),
        ({"fields": [{"name": "a"}], "required": ["a"]}, 'put it in a field, under "constraints"'),
        ({"fields": [{"name": "a"}], "decimal_char": ","}, "did you mean 'decimalChar', in a field?"),
        ({"fields": [{"name": "a"}], "foreignKeys": [{}]}, "foreignKeys: each must be an object"),
        ({"fields": [{"name": "a"}], "foreignKeys": {}}, "foreignKeys must be a list"),
        ({"fields": [{"name": "a"}], "foreignKeys": [reference(["a"], ["b", "c"])]}, "1 fields refer to 2"),
        ({"fields": [{"name": "a"}], "foreignKeys": [reference("b", "c")]}, "no field is named 'b'"),
        ({"fields": [{"name": "a"}], "foreignKeys": [reference("a", "b", "")]}, "the feed itself"),
        ({"fields": [{"name": "a"}], "foreignKeys": [reference([], [])]}, "one at least"),
        ({"fields": [{"name": "a"}], "uniqueKeys": ["a", 1]}, "list of names"),
        ({"fields": [{"name": "a"}], "uniqueKeys": "a"}, "uniqueKeys must be a list"),
        ({"fields": [{"name": "a"}], "uniqueKeys": [["a", "b"]]}, "no field is named 'b'"),
        ({"fields": [{"name": "a", "type": "array"}], "uniqueKeys": [["a"]]}, "equal JSON"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, "field 'a': declared twice"),
        ({"fields": [{"name": "a"}], "primaryKey": "b"}, "no field is named 'b'"),
        ({"fields": [{"name": "a"}], "primaryKey": ["a", "a"]}, "twice"),
        ({"fields": [{"name": "a"}], "fieldsMatch": "same"}, "use one of exact, equal"),
        ({"fields": [{"name": "a"}], "missingValues": "NA"}, "missingValues must be a list"),
        ({"fields": [{"type": "string"}]}, "needs a name"),
    ],
)
def test_a_wrong_schema_is_refused(document: dict[str, object], words: str) -> None:
    with pytest.raises(SchemaError) as caught:
        Schema.from_descriptor(document)
    assert words in str(caught.value)


def test_properties_that_resemble_nothing_are_left_alone() -> None:
    own = {"unit": "kg", "evidence": {"minimum": 1}, "dc:source": "x", "x": 1}
    field = {"name": "a", "example": "1", "rdfType": "y", **own, "constraints": {"required": True, **own}}
    assert Schema.from_descriptor({"fields": [field], "currency": "EUR", **own}).names == ("a",)


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"type": "point"}, "unknown type 'point'; use one of string, integer"),
        ({"type": "geojson", "format": "wkt"}, "use default or topojson"),
        ({"type": "list", "itemType": "list"}, "unknown itemType 'list'"),
        ({"type": "list", "delimiter": ""}, "delimiter is empty"),
        ({"delimiter": ";"}, "itemType and delimiter are for lists"),
        ({"type": "duration", "constraints": {"minLength": 1}}, "its type is duration"),
        ({"type": "geojson", "constraints": {"minimum": 1}}, "its type is geojson"),
        ({"type": "object", "constraints": {"enum": ["{"]}}, "no JSON text"),
        ({"format": "hex"}, "use one of default, email, uri, uuid, binary, gtin, isbn"),
        ({"type": "integer", "format": "hex"}, "only the format default"),
        ({"type": "date", "format": "dd/mm/yyyy"}, "a pattern of % directives"),
        ({"type": "date", "format": "%d/%m"}, "does not tell a day"),
        ({"type": "date", "format": "%Y-%m-%d %H"}, "%H cannot stand in a date"),
        ({"type": "datetime", "format": "%Y-%m-%d %Q"}, "%Q cannot stand"),
        ({"type": "datetime", "format": "%Y-%m-%d%"}, "% cannot stand"),
        ({"type": "date", "format": "%Y-%m-%d-%m"}, "only one of"),
        ({"type": "time", "format": "%M:%S"}, "does not tell an hour"),
        ({"type": "time", "format": "%I:%M"}, "%I and %p"),
        ({"type": "time", "format": "%H.%f"}, "%f"),
        ({"transforms": ["strip"]}, "use trim, collapse, lower, upper"),
        ({"transforms": [{"map": {}}]}, "map is empty"),
        ({"type": "integer", "transforms": ["lower"]}, "for strings"),
        ({"type": "integer", "precision": 5}, "for numbers"),
        ({"type": "number", "scale": 2}, "without precision"),
        ({"type": "number", "precision": 5, "scale": 6}, "from 0 to the precision"),
        ({"type": "number", "precision": 0}, "from 1 to 1000"),
        ({"type": "number", "precision": 5, "storage": "float64"}, "exact numbers"),
        ({"type": "number", "storage": "float32"}, "use one of decimal, float64"),
        ({"type": "integer", "decimalChar": ","}, "decimalChar is for numbers"),
        ({"type": "date", "groupChar": " "}, "groupChar and bareNumber are for numbers"),
        ({"type": "number", "groupChar": "."}, "are both '.'"),
        ({"type": "number", "decimalChar": "e"}, "no digit, letter or sign"),
        ({"type": "number", "currency": "EUR"}, "of the format price"),
        ({"type": "number", "format": "price", "currency": "XYZ"}, "no code of ISO 4217"),
        ({"type": "boolean", "trueValues": ["1"], "falseValues": ["1"]}, "'1'"),
        ({"type": "boolean", "trueValues": []}, "at least one"),
        ({"categories": []}, "categories is empty"),
        ({"categories": ["a", "a"]}, "'a' twice"),
        ({"categories": [{"label": "A"}]}, "categories must be texts"),
        ({"type": "number", "categories": ["1"]}, "its type is number"),
        ({"categories": ["a"], "constraints": {"enum": ["b"]}}, "none of the categories"),
        ({"categoriesOrdered": True}, "without categories"),
        ({"precision": "many"}, "whole number"),
        ({"title": 5}, "must be a text"),
        ({"constraints": []}, "must be an object"),
        ({"constraints": {"required": "yes"}}, "true or false"),
        ({"type": "array", "constraints": {"unique": True}}, "equal JSON"),
        ({"constraints": {"jsonSchema": {"type": "object"}}}, "jsonSchema is for array, geojson, object"),
        ({"constraints": {"minimum": 1}}, "its type is string"),
        ({"constraints": {"minLength": 3, "maxLength": 2}}, "nothing fits"),
        ({"constraints": {"minLength": -1}}, "0 or more"),
        ({"constraints": {"minLength": 1.5}}, "whole number"),
        ({"constraints": {"pattern": "("}}, "no regular expression"),
        ({"constraints": {"pattern": "(" * 5_000 + ")" * 5_000}}, "write it shorter"),
        ({"constraints": {"pattern": "a{99999999999}"}}, "write it shorter"),
        ({"constraints": {"enum": []}}, "enum is empty"),
        ({"constraints": {"enum": "ab"}}, "enum must be a list"),
        ({"constraints": {"enum": [None]}}, "number or a text"),
        ({"type": "integer", "constraints": {"pattern": "a"}}, "its type is integer"),
        ({"type": "boolean", "constraints": {"maximum": 1}}, "its type is boolean"),
        ({"type": "integer", "constraints": {"minimum": 0.5}}, "no integer"),
        ({"type": "number", "constraints": {"minimum": "1,5"}}, "no number"),
        ({"type": "number", "constraints": {"enum": ["NaN"]}}, "no number"),
        ({"type": "boolean", "constraints": {"enum": ["yes"]}}, "none of true"),
    ],
)
def test_a_wrong_field_is_refused_by_name(properties: dict[str, Any], words: str) -> None:
    message = refused(**properties)
    assert message.startswith("field 'f'")
    assert words in message
    assert "\n" not in message


def test_python_meets_the_same_checks_as_files() -> None:
    with pytest.raises(SchemaError, match="field 'price': unknown type 'money'"):
        Field("price", "money")
    with pytest.raises(SchemaError, match="precision"):
        replace(Field("price", "number", precision=5), precision=None)


# What is read ——————————————————————————————————————————————————————————————————————————————————————————————


def test_precision_alone_means_no_decimals() -> None:
    assert field_of(type="number", precision=5).scale == 0


def test_constants_are_texts_as_the_feed_writes_them() -> None:
    assert limits_of("integer", minimum=-5, maximum="7") == Constraints(minimum="-5", maximum="7")
    assert limits_of("number", exclusiveMinimum=0.1).exclusive_minimum == "0.1"
    assert limits_of("string", enum=["a", 1, True]).enum == ("a", "1", "true")
    assert limits_of("string", minLength="3").min_length == 3
    assert limits_of("boolean", enum=[True]).enum == ("true",)
    assert field_of(type="boolean", trueValues=["sim"], constraints={"enum": [True]}).constraints.enum == (
        "sim",
    )


def test_null_properties_have_their_defaults() -> None:
    assert field_of(format=None, missingValues=None, constraints=None) == Field("f")


def test_a_field_takes_the_schemas_missing_values_unless_it_has_its_own() -> None:
    schema = Schema((Field("a"), Field("b", missing_values=())), missing_values=("NA",))
    assert [schema.missing_values_of(each) for each in schema.fields] == [("NA",), ()]


def test_schemas_are_values() -> None:
    schema = Schema((Field("a"),), name="s")
    assert schema == Schema((Field("a"),), name="s")
    assert hash(schema) == hash(Schema((Field("a"),), name="s"))
    with pytest.raises(FrozenInstanceError):
        schema.name = "t"  # type: ignore[misc]
    with pytest.raises(KeyError):
        schema.field("b")


def test_a_repr_shows_what_was_said() -> None:
    field = Field("n", "number", scale=2, precision=5, constraints=Constraints(required=True))
    assert eval(repr(field)) == field  # noqa: S307
    assert "storage" not in repr(field)
