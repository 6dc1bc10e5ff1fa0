"""Measure what `feedmill validate` costs: CPU seconds for a million records, stage by stage.

::

    python benchmarks/validate.py                     a feed of 200,000 records, made for the occasion
    python benchmarks/validate.py FEED --schema S     your own
    python benchmarks/validate.py --json              for a program that compares

Three stages, each with what comes before it:

========  =====================================================================================
reading   cut the feed at record ends, in one thread; nothing is parsed
parsing   the kernel makes batches of the chunks, in one thread; reading is left out
validate  the whole command's work: reader, workers, collector, settler, in all their threads
========  =====================================================================================

CPU seconds are of the thread for the first two (`time.thread_time`) and of the process for the third
(`time.process_time`), so that other work on the machine counts as little as may be. Each stage is run several
times, and the least is taken: noise only adds.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from time import perf_counter, process_time, thread_time

from feedmill import kernel
from feedmill.kernel import Plan
from feedmill.readers import BufferPool, open_feed
from feedmill.runs import RunOptions, validate
from feedmill.schema import Schema

if __package__:
    from benchmarks.feeds import write_feed
else:
    from feeds import write_feed

RECORDS = 200_000
"""Records of the feed that is made: 65 MB, enough for start-up to vanish, and soon done."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a stage took, at best."""

    stage: str
    records: int
    nbytes: int
    cpu_s: float
    elapsed_s: float

    @property
    def cpu_s_per_million(self) -> float:
        """CPU seconds for a million records."""
        return self.cpu_s / self.records * 1e6

    @property
    def megabytes_per_cpu_s(self) -> float:
        """Megabytes (10**6) of the feed in a CPU second."""
        return self.nbytes / self.cpu_s / 1e6


def best(runs: int, clock: Callable[[], float], work: Callable[[], object]) -> tuple[float, float]:
    """Return the least CPU seconds and the least elapsed seconds of several runs."""
    cpu, elapsed = [], []
    for _ in range(runs):
        started, cpu_started = perf_counter(), clock()
        work()
        cpu.append(clock() - cpu_started)
        elapsed.append(perf_counter() - started)
    return min(cpu), min(elapsed)


def measure(feed: Path, schema: Schema, runs: int, workers: int | None) -> list[Cost]:
    """Measure the three stages."""
    buffers = BufferPool()
    name = str(feed)

    def read() -> int:
        with open_feed(name, buffers=buffers) as reader:
            total = 0
            for chunk in reader:
                total += chunk.size
                buffers.release(chunk)
        return total

    with open_feed(name) as reader:
        plan = Plan(schema, reader.dialect, reader.bind(schema))
        chunks = [(bytes(chunk.data[: chunk.size]), chunk.damage) for chunk in reader]

    def parse() -> int:
        return sum(plan.parse(data, damage=damage).records for data, damage in chunks)

    nbytes, records = read(), parse()
    options = RunOptions(workers=workers)
    stages: Sequence[tuple[str, Callable[[], float], Callable[[], object]]] = (
        ("reading", thread_time, read),
        ("parsing", thread_time, parse),
        ("validate", process_time, lambda: validate(name, schema, options=options)),
    )
    return [Cost(stage, records, nbytes, *best(runs, clock, work)) for stage, clock, work in stages]


def show(costs: Sequence[Cost]) -> None:
    """Print a table."""
    gil = "on" if sys._is_gil_enabled() else "off"
    build = f"CPython {platform.python_version()}, GIL {gil}, kernel {kernel.simd()}"
    print(f"{build}; {costs[0].records:,} records")
    print(f"{'stage':<10}{'CPU s / million':>17}{'MB / CPU s':>12}{'records / s':>14}")
    for cost in costs:
        rate = cost.records / cost.elapsed_s
        print(
            f"{cost.stage:<10}{cost.cpu_s_per_million:>17.3f}{cost.megabytes_per_cpu_s:>12.0f}{rate:>14,.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the CPU seconds that validating a feed takes.")
    parser.add_argument("feed", type=Path, nargs="?", help="a CSV feed; one is made by default")
    parser.add_argument("--schema", type=Path, help="its Table Schema; that of products by default")
    parser.add_argument("--records", type=int, default=RECORDS, help="of the feed that is made")
    parser.add_argument("--workers", type=int, help="threads that parse; as many as CPUs by default")
    parser.add_argument("--runs", type=int, default=5, help="of each stage, of which the best counts")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    schema = Schema.load(given.schema or Path(str(files("feedmill.products") / "product.schema.json")))
    with tempfile.TemporaryDirectory() as folder:
        feed = given.feed
        if feed is None:
            feed = Path(folder) / "feed.csv"
            write_feed(feed, given.records)
        costs = measure(feed, schema, given.runs, given.workers)
    if given.json:
        print(json.dumps([asdict(cost) | {"cpu_s_per_million": cost.cpu_s_per_million} for cost in costs]))
    else:
        show(costs)


if __name__ == "__main__":
    main()
