"""What the conformance tests share: dialects and rows as the shared data describes them."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from tests import kernel_feed, shared_data

type Rows = list[tuple[str | None, ...]]

DEVIATIONS = Path(__file__).parents[2] / "docs" / "deviations.md"


@cache
def deviations(section: str) -> dict[str, str]:
    """Read a section of docs/deviations.md: what feedmill does, by case."""
    _, _, rest = DEVIATIONS.read_text("utf-8").partition(f"\n## {section}\n")
    assert rest, f"docs/deviations.md has no section {section!r}"
    table = rest.partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[2] for row in rows}


def dialect_of(fact: dict[str, Any]) -> Dialect:
    """Make the dialect that a file of facts.json is written in; its header is read as data."""
    said = fact["dialect"]
    return Dialect(
        delimiter=said["delimiter"],
        quote=said["quote"],
        escape=said["escape"],
        null=said["null_token"],
        header=False,
    )


@cache
def rows_of(name: str) -> Rows:
    """Read a file of facts.json whole, through the kernel, every cell as it stands."""
    fact = shared_data.document("facts.json")[name]
    (width,) = map(int, fact["widths"])
    data = shared_data.path(fact["file"].removeprefix("open/")).read_bytes()
    outcome = kernel_feed.parse(Plan(kernel_feed.text_schema(width), dialect_of(fact)), data)
    assert not outcome.findings
    return [row.values for row in outcome.rows]  # type: ignore[misc]


def records_of(name: str) -> Rows:
    """Leave out the header, if the file has one."""
    rows = rows_of(name)
    return rows[1:] if shared_data.document("facts.json")[name]["header"] else rows


def digest(rows: Iterable[Sequence[str | None]]) -> str:
    """Sum rows up as the shared data's manifest does."""
    total = hashlib.sha256()
    for row in rows:
        total.update(json.dumps(list(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return total.hexdigest()


def csv_of(cells: Iterable[str]) -> bytes:
    """Write one column, every cell quoted, so that each cell's text reaches its field as it is."""
    return b"".join(b'"%s"\n' % cell.encode().replace(b'"', b'""') for cell in cells)
