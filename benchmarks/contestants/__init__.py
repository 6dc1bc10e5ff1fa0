"""Who takes part in `peers.py`: each module checks and transforms the products' feed in its library's way.

A contestant is a function of a path that gives back how many records were good. It reads the feed, holds
every record to the rules of ``product.schema.json``, or to those of them that it can, and ends up with typed
values, which it drops. `Contestant.left_out` says what it does not find.

If you add one: put it into `CONTESTANTS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

type Check = Callable[[Path], int]


@dataclass(frozen=True, slots=True)
class Contestant:
    """Where a contestant is, what it needs, and what it leaves out."""

    module: str
    function: str
    library: str
    left_out: str
    share: float = 1.0
    """Of the records that it is given, where all of them would take too long."""


CONTESTANTS: Final = {
    "csv, plain Python": Contestant("rows", "plain", "csv", "nothing"),
    "csv + pydantic": Contestant("rows", "pydantic_models", "pydantic", "nothing"),
    "csv + msgspec": Contestant("rows", "msgspec_structs", "msgspec", "nothing"),
    "frictionless": Contestant(
        "frictionless_report", "check", "frictionless", "GTIN, transforms, UTF-8", 0.02
    ),
    "Polars": Contestant("frames", "polars_frame", "polars", "records with too few or too many cells"),
    "DuckDB": Contestant(
        "frames",
        "duckdb_table",
        "duckdb",
        "surplus cells that are empty; what it cannot read is dropped, and never told",
    ),
    "pyarrow": Contestant("frames", "pyarrow_table", "pyarrow", "UTF-8, 29 February; lengths are in bytes"),
    "feedmill": Contestant("own", "validated", "feedmill", "nothing"),
    "feedmill, to Arrow": Contestant("own", "to_arrow", "feedmill", "nothing"),
}


def check_of(name: str) -> Check:
    """Import a contestant's function; ImportError if its library is not there."""
    contestant = CONTESTANTS[name]
    if contestant.library not in {"csv", "feedmill"}:
        importlib.import_module(contestant.library)
    module = importlib.import_module(f"benchmarks.contestants.{contestant.module}")
    function: Check = getattr(module, contestant.function)
    return function
