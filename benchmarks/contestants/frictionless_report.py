"""frictionless, which reads the same Table Schema; it has no GTIN and no transforms."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path


def check(path: Path) -> int:
    """Validate a resource, and count the rows that have findings."""
    from frictionless import Resource, Schema

    document = json.loads((files("feedmill.products") / "product.schema.json").read_text("utf-8"))
    del document["primaryKey"]
    for field in document["fields"]:
        # What is feedmill's own; the cases of a condition, which it could not lower, are all allowed.
        for name in ("transforms", "storage", "precision", "scale"):
            field.pop(name, None)
        if field.get("format") == "gtin":
            del field["format"]
        if field["name"] == "condition":
            field["constraints"]["enum"] += ["New", "USED", "Refurbished"]
        # A limit without its bound itself is a thing of the second version, which it reads in part.
        least = field.get("constraints", {}).pop("exclusiveMinimum", None)
        if least is not None:
            field["constraints"]["minimum"] = "0.000001"
    del document["$schema"]
    # In UTF-8 one bad byte would end it.
    schema = Schema.from_descriptor(document)
    resource = Resource(path=path.name, basepath=str(path.parent), schema=schema, encoding="latin-1")
    task = resource.validate(limit_errors=1_000_000).task
    bad = {error.row_number for error in task.errors if hasattr(error, "row_number")}
    return int(task.stats["rows"] or 0) - len(bad)
