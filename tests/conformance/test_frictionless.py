"""frictionless-py's own validation tests, as far as they are about files and schemas: [row, field, error]."""

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

import pytest

from feedmill import Dialect, Field, RunOptions, Schema, validate
from feedmill.errors import FeedmillError
from feedmill.readers import open_feed
from tests import shared_data
from tests.conformance import oracle

type Told = tuple[int, int | None, str]  # row with the header's counted, field from 1, kind of error

DEVIATIONS = oracle.deviations("frictionless")
CASES = {
    each["id"].partition("::test_resource_validate_")[2]: each
    for each in shared_data.vectors("frictionless_validate.jsonl")
}
CONSTRAINTS: Final = ("min_length", "max_length", "minimum", "maximum", "required")
KINDS: Final = {
    **dict.fromkeys(CONSTRAINTS, "constraint-error"),
    "missing_cell": "missing-cell",
    "extra_cell": "extra-cell",
    "type": "type-error",
    "unique": "unique-error",
    "duplicate_key": "primary-key",
}
# What is about frictionless itself, or about what feedmill does not do.
UNUSED: Final = {
    "bound_checklist": "blank rows as errors",
    "compression": "zip",
    "compression_invalid": "zip",
    "custom_check_with_arguments": "checks in Python",
    "detector_patch_schema": "detector",
    "detector_patch_schema_fields": "detector",
    "fields_only_distinguished_by_case_are_rejected": "header_case",
    "newline_inside_label_issue_811": "guessed encoding",
    "resource_from_json_format_issue_827": "JSON arrays",
    "scheme_invalid": "schemes",
    "source_invalid": "Python data",
    "source_invalid_many_rows": "Python data",
    "stats_hash_invalid": "hashes",
}


def told(errors: list[list[Any]]) -> list[Told]:
    """Take rows and fields; a blank row is no record, and a label is no cell."""
    return [
        (row, column, kind)
        for row, column, kind, *_ in errors
        if kind not in {"blank-row", "blank-label", "extra-label"}
    ]


def resource_of(vector: dict[str, Any]) -> dict[str, Any]:
    said = vector["resource"]
    resource: dict[str, Any] = said["kw"] or said["args"][0]
    return resource


def feed_of(resource: dict[str, Any], folder: Path) -> str:
    if "path" in resource:
        return str(shared_data.path(f"frictionless/{resource['path']}"))
    text = io.StringIO(newline="")
    csv.writer(text).writerows(resource["data"])
    path = folder / "feed.csv"
    path.write_bytes(text.getvalue().encode())
    return str(path)


def dialect_of(resource: dict[str, Any]) -> Dialect:
    said = resource.get("dialect", {}).get("kw", {})
    return Dialect(
        header=said.get("header", True),
        header_rows=tuple(said.get("header_rows", (1,))),
        header_join=said.get("header_join", " "),
    )


def schema_of(resource: dict[str, Any], feed: str, dialect: Dialect) -> Schema:
    """Read the resource's schema; where there is none, any text will do in the columns that are there."""
    said = resource.get("schema")
    if said is None:
        with open_feed(feed, dialect) as reader:
            columns = reader.columns or ("first", "second")
        return Schema(tuple(Field(f"c{number}") for number in range(len(columns))), missing_values=())
    descriptor = (
        json.loads(shared_data.path(f"frictionless/{said}").read_text("utf-8"))
        if isinstance(said, str)
        else said["args"][0]
    )
    match_by_name = resource.get("detector", {}).get("kw", {}).get("schema_sync")
    return Schema.from_descriptor(descriptor | ({"fieldsMatch": "partial"} if match_by_name else {}))


def judge(name: str, folder: Path) -> list[Told]:
    resource = resource_of(CASES[name])
    feed, dialect = feed_of(resource, folder), dialect_of(resource)
    schema = schema_of(resource, feed, dialect)
    if "schema" not in resource and dialect.header:
        # Labels may be empty or stand twice: then the header says nothing, and is passed over.
        dialect = Dialect(header=False, skip_rows=max(dialect.header_rows))
    rejects = folder / "rejects.jsonl"
    options = RunOptions(dialect=dialect, rejects=str(rejects), duplicates="reject")
    validate(feed, schema, options=options)
    with open_feed(feed, dialect) as reader:
        labels = list(reader.columns or schema.names)
    header = max(dialect.header_rows) if dialect.header else dialect.skip_rows
    found = []
    for line in rejects.read_text("utf-8").splitlines():
        reject = json.loads(line)
        column = labels.index(reject["column"]) + 1 if reject["column"] else len(labels) + 1
        found.append((reject["record"] + header, column, KINDS[reject["code"]]))
    return found


@pytest.mark.parametrize("name", shared_data.params({name: name for name in CASES if name not in UNUSED}))
def test_case(tmp_path: Path, name: str) -> None:
    vector = CASES[name]
    if name in DEVIATIONS or "rowNumber" not in (vector["expect_keys"] or ["rowNumber"]):
        with pytest.raises(FeedmillError) as caught:
            judge(name, tmp_path)
        assert DEVIATIONS.get(name, "`HeaderError`") == f"`{type(caught.value).__name__}`"
        return
    found, expected = judge(name, tmp_path), told(vector["expect"])
    if "constraint" in name:  # the case picks this kind of error
        found = [each for each in found if each[2] == "constraint-error"]
    if name == "schema_primary_key_error":  # so does this one, which names no field
        found = [(row, None, kind) for row, _, kind in found if kind == "primary-key"]
    if name == "skip_errors_tags":  # frictionless counts the blank row before the last one
        found = [(row + (row == 4), column, kind) for row, column, kind in found]
    assert found == expected


def test_no_case_is_forgotten() -> None:
    shared_data.path("vectors")
    assert len(CASES) == 33
    assert UNUSED.keys() | DEVIATIONS.keys() <= CASES.keys()
