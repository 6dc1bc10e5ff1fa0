"""csvlint's scenarios: which files are valid, and what is wrong, and where, with the others."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from feedmill import Dialect, RunOptions, Schema, validate
from feedmill.errors import FeedmillError
from tests import shared_data
from tests.conformance import oracle
from tests.readers.feedfiles import read_all

DEVIATIONS = oracle.deviations("csvlint")
CASES = {each["id"]: each for each in shared_data.vectors("csvlint_scenarios.jsonl")}
CODES: Final = {"unclosed_quote": "unclosed_quote", "ragged_rows": "missing_cell", "whitespace": "bad_quote"}
# What feedmill does not do: guess about options and encodings, read CSVW metadata, warn.
UNUSED: Final = {
    "csv_options.feature::Warn if options seem to return invalid data": "check_options",
    "csvupload.feature::Warn if options seem to return invalid data": "check_options",
    "csvw_schema_validation.feature::CSV with incorrect header": "CSVW metadata",
    "csvw_schema_validation.feature::Schema with invalid regex": "CSVW metadata",
    "validation_errors.feature::Successfully report a CSV with multiple trailing empty rows": "blank_rows",
    "validation_warnings.feature::ISO-8859-1 Encoding": "encoding of the content type",
    "validation_warnings.feature::User doesn't supply encoding": "encoding of the content type",
}


def dialect_of(settings: list[str]) -> Dialect:
    said = dict(re.findall(r'I set (?:the )?(delimiter|quotechar) to "(.)"', "\n".join(settings)))
    return Dialect(delimiter=said.get("delimiter", ","), quote=said.get("quotechar", '"'))


def judge(vector: dict[str, Any], folder: Path) -> str:
    """Say what feedmill finds: `valid`, the fault's name, or the first finding and its line."""
    path = folder / "feed.csv"
    path.write_bytes(vector["csv"].encode())
    dialect = dialect_of(vector["settings"])
    try:
        if vector["schema"] is None:
            found = [(code, place[1]) for place, code, _, _ in read_all(path, dialect).rejects]
        else:
            options = RunOptions(dialect=dialect, rejects=str(folder / "rejects.jsonl"))
            validate(str(path), Schema.from_descriptor(vector["schema"]), options=options)
            lines = (folder / "rejects.jsonl").read_text("utf-8").splitlines()
            found = [(each["code"], each["line"]) for each in map(json.loads, lines)]
    except FeedmillError as fault:
        return type(fault).__name__
    return "{} in line {}".format(*found[0]) if found else "valid"


def expected(vector: dict[str, Any]) -> str:
    """Say what csvlint finds, in the same words; `invalid` where it does not say what is wrong."""
    then = "\n".join(vector["then"])
    if said := re.search(r'the type "(\w+)"\nthat error should have the row "(\d+)"', then):
        return f"{CODES[said[1]]} in line {said[2]}"
    return "valid" if re.search(r"value of true|is VALID|0 warnings", then) else "invalid"


@pytest.mark.parametrize("name", shared_data.params({name: name for name in CASES if name not in UNUSED}))
def test_scenario(tmp_path: Path, name: str) -> None:
    found, theirs = judge(CASES[name], tmp_path), expected(CASES[name])
    if name in DEVIATIONS:
        assert f"`{found}`" == DEVIATIONS[name]
    elif theirs == "invalid":
        assert found != "valid"
    else:
        assert found == theirs


def test_no_scenario_is_forgotten() -> None:
    shared_data.path("vectors")
    assert len(CASES) == 26
    assert UNUSED.keys() | DEVIATIONS.keys() <= CASES.keys()
    assert not UNUSED.keys() & DEVIATIONS.keys()
