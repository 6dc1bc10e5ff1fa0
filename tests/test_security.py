"""SECURITY.md and docs/faults.md tell the truth: the tests they name exist, what is never done is not."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "feedmill").rglob("*.py"))
MODULES = {"pickle", "marshal", "shelve", "yaml", "dill"}
FUNCTIONS = {"eval", "exec", "compile", "__import__"}


def table() -> list[tuple[str, str]]:
    """Read the table: a weakness, and the test that it names."""
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    rows = [line.split("|") for line in text.splitlines() if re.match(r"\| \d", line)]
    return [(row[2].strip(), name) for row in rows for name in re.findall(r"`(test_\w+)`", row[4])]


NAMED = table()
DEFINED = set(
    re.findall(r"def (test_\w+)", "\n".join(path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py")))
)


@pytest.mark.parametrize(("weakness", "name"), NAMED, ids=[": ".join(row) for row in NAMED])
def test_each_weakness_is_held_by_a_test_that_exists(weakness: str, name: str) -> None:
    assert name in DEFINED, f"SECURITY.md names {name} for {weakness!r}, which does not exist"


def test_every_row_names_a_test() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    weaknesses = {line.split("|")[2].strip() for line in text.splitlines() if re.match(r"\| \d", line)}
    assert weaknesses == {weakness for weakness, _ in NAMED}


def test_every_fault_is_caused_by_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "faults.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|") and "**" not in line][2:]
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row)
        assert names, f"no test is named: {row}"
        assert set(names) <= DEFINED, row


@pytest.mark.parametrize("path", SOURCES, ids=[str(each.relative_to(ROOT / "src")) for each in SOURCES])
def test_nothing_is_unpickled_or_evaluated(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not {name.partition(".")[0] for name in names} & MODULES, ast.dump(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in FUNCTIONS, f"{path.name}:{node.lineno}"
