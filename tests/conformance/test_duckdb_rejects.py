"""DuckDB's rejects tables: the same records, kinds and bytes, in feedmill's way of counting.

DuckDB counts bytes and columns from 1, except that of a missing cell; an extra cell starts at its delimiter.
"""

from pathlib import Path
from typing import Any, Final

import pytest

from feedmill.dialect import Dialect
from feedmill.schema import Field, Schema
from tests import shared_data
from tests.conformance import oracle
from tests.readers.feedfiles import Read, read_all

type Told = tuple[int, int, str, int]  # line, byte, code, field

DEVIATIONS = oracle.deviations("DuckDB's rejects")
CASES = {
    f"{each['test'].removesuffix('.test')}/{each['file'].removeprefix('data/csv/')}": each
    for each in shared_data.vectors("duckdb_rejects.jsonl")
}
FIELDS: Final = {
    "VARCHAR": Field("text"),
    # DuckDB drops blanks around what it casts.
    "INTEGER": Field("number", "integer", transforms=("trim",)),
    "DATE": Field("day", "date", transforms=("trim",)),
}
CODES: Final = {"CAST": "type", "UNQUOTED VALUE": "bad_quote", "INVALID ENCODING": "encoding"}


def told(reject: dict[str, Any]) -> Told:
    line, byte, column = reject["line"], reject["byte_position"], reject["column_idx"]
    match reject["error_type"]:
        case "LINE SIZE OVER MAXIMUM":
            return line, byte - 1, "record_too_long", -1
        case "TOO MANY COLUMNS":
            return line, byte, "extra_cell", -1
        case "MISSING COLUMNS":
            return line, byte - 1, "missing_cell", column
        case kind:
            return line, byte - 1, CODES[kind], column - 1


def expected(rejects: list[dict[str, Any]]) -> set[Told]:
    """Leave out what feedmill does not tell: further extra cells, and cells of a record that is too long."""
    found = sorted(map(told, rejects))
    too_long = {line for line, _, code, _ in found if code == "record_too_long"}
    extra: dict[int, Told] = {}
    for each in found:
        if each[2] == "extra_cell":
            extra.setdefault(each[0], each)
    return {
        each
        for each in found
        if (each[0] not in too_long or each[2] == "record_too_long")
        and (each[2] != "extra_cell" or extra[each[0]] == each)
    }


def read(vector: dict[str, Any], path: Path) -> Read:
    options = vector["options"]
    fields = [FIELDS[kind] for kind in vector["columns"].values()]
    schema = Schema(
        tuple(
            Field(name, field.type, transforms=field.transforms)
            for name, field in zip(vector["columns"], fields, strict=True)
        )
    )
    dialect = Dialect(
        header=False,
        skip_rows=int(options.get("header", 0)),
        max_record_bytes=int(options.get("max_line_size", 1 << 20)),
    )
    return read_all(path, dialect, schema=schema)


@pytest.mark.parametrize("case", shared_data.params({name: name for name in CASES}))
def test_rejects(case: str) -> None:
    vector = CASES[case]
    paths = sorted(shared_data.path("duckdb").glob(vector["file"]))
    files = sorted({int(each["file_id"]) for each in vector["rejects"]})
    good: list[list[str]] = []
    for path, file in zip(paths, files, strict=True):
        found = read(vector, path)
        rejects = {(place[1], place[2], code, index) for place, code, index, _ in found.rejects}
        theirs = expected([each for each in vector["rejects"] if int(each["file_id"]) == file])
        if case in DEVIATIONS:
            assert DEVIATIONS[case] == "reject `extra_cell`"
            assert {each for each in rejects if each[2] != "extra_cell"} == theirs
            assert {each[0] for each in rejects if each[2] == "extra_cell"} == set(range(1, 4))
            assert found.rows == []
            continue
        assert rejects == theirs
        good += [[str(value) for value in row[1:]] for row in found.rows]
    if vector["good_rows"] is not None and case not in DEVIATIONS:
        assert good == vector["good_rows"]


def test_every_deviation_is_about_a_case() -> None:
    shared_data.path("vectors")
    assert len(CASES) == 20
    assert DEVIATIONS.keys() <= CASES.keys()
