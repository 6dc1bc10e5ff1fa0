"""What callgrind counts: the kernel parses a feed in one chunk, and encodes it for COPY if asked to.

::

    python profiling/kernel_job.py parse|copy FEED
"""

from __future__ import annotations

import sys
from pathlib import Path

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Schema
from job import SCHEMA


def main(what: str, feed: Path) -> None:
    """Do it once, and say how many records and bytes it was."""
    data = feed.read_bytes()
    start = data.index(b"\n") + 1
    columns = data[: start - 1].decode("utf-8").split(",")
    plan = Plan(Schema.load(SCHEMA), Dialect(), columns)
    batch = plan.parse(memoryview(data)[start:])
    encoded = sum(map(len, batch.copy_binary())) if what == "copy" else 0
    print(f"{batch.records} {len(data) - start} {encoded} {plan.simd}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
