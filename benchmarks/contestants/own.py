"""feedmill itself: every record checked, and every good one as Arrow columns."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from feedmill import Schema, read, validate

SCHEMA = Schema.load(Path(str(files("feedmill.products") / "product.schema.json")))


def validated(path: Path) -> int:
    """Do what `feedmill validate` does."""
    report = validate(str(path), SCHEMA)
    return report.successes


def to_arrow(path: Path) -> int:
    """Do the same and keep all good records, as Polars, DuckDB and pyarrow keep theirs."""
    batches = list(read(str(path), SCHEMA).batches())
    return sum(batch.rows for batch in batches)
