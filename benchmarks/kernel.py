"""Measure what the kernel itself costs: thread CPU seconds a million records, for feeds of every shape.

::

    python benchmarks/kernel.py                       every feed, on the best instruction set
    python benchmarks/kernel.py --every-set           and on each of the others
    python benchmarks/kernel.py --save FILE.json      keep the figures

=========  ===================================================================
products   14 columns, 330 bytes a record, 3 records in 100 bad; to columns
COPY       the same, and from the columns to PostgreSQL's COPY BINARY
file       the products, read from a file, chunk by chunk into one buffer
file COPY  the same, and to COPY BINARY
bad        the same columns, every record bad
quoted     the products, every cell in quotes
wide       200 columns: texts, whole numbers and decimals
narrow     2 columns
long       2 columns, one of them a text of 100 kB
=========  ===================================================================

Reading is left out but for the two of a file: chunks lie in memory. CPU seconds are the thread's own
(`time.thread_time`), the least of several runs. With two threads, each takes every other chunk; their gain is
how much sooner they are done than one, and says little on a machine that has other work.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from itertools import accumulate
from pathlib import Path
from threading import Barrier
from time import perf_counter, thread_time

from feedmill import kernel
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Schema

if __package__:
    from benchmarks.feeds import write_feed
else:
    from feeds import write_feed

RECORDS = 100_000
"""Of the products: 33 MB, far beyond any cache."""

CHUNK_BYTES = 512 * 1024
INSTRUCTION_SETS = ("scalar", "sse2", "avx2", "avx512")
LONG_TEXT = 100_000
"""Bytes of a long text."""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that is cut into chunks, in memory or in a file, and the plan that reads it."""

    name: str
    plan: Plan
    chunks: Sequence[bytes]
    to_copy: bool = False
    file: Path | None = None

    def every(self, step: int, first: int) -> Iterator[tuple[bytes | bytearray, int]]:
        """Yield every `step`th chunk, and how many of its bytes count."""
        if self.file is None:
            yield from ((chunk, len(chunk)) for chunk in self.chunks[first::step])
            return
        sizes = [len(chunk) for chunk in self.chunks]
        ends = list(accumulate(sizes, initial=self.file.stat().st_size - sum(sizes)))
        buffer = bytearray(max(sizes))
        with self.file.open("rb", buffering=0) as file, memoryview(buffer) as view:
            for place, size in list(zip(ends, sizes, strict=False))[first::step]:
                os.preadv(file.fileno(), [view[:size]], place)
                yield buffer, size


@dataclass(frozen=True, slots=True)
class Cost:
    """What a feed took, at best."""

    feed: str
    simd: str
    records: int
    nbytes: int
    cpu_s_per_million: float
    megabytes_per_cpu_s: float
    two_threads: float


class Feeds:
    """Make the feeds, in a folder.

    Parameters
    ----------
    folder : Path
    records : int
        Of the products; feeds of other shapes have about as many bytes.
    """

    def __init__(self, folder: Path, records: int) -> None:
        self._folder, self._records = folder, records
        self._schema = Schema.load(Path(str(files("feedmill.products") / "product.schema.json")))

    def all(self, simd: str) -> Iterator[Feed]:
        """Yield each feed, for one instruction set."""
        usual, bad, quoted = self._products()
        yield self._feed("products", usual, self._schema, simd)
        yield (copied := self._feed("COPY", usual, self._schema, simd, to_copy=True))
        yield replace(copied, name="file", to_copy=False, file=usual)
        yield replace(copied, name="file COPY", file=usual)
        yield self._feed("bad", bad, self._schema, simd)
        yield self._feed("quoted", quoted, self._schema, simd)
        for name, rows, types in self._shapes():
            path = self._folder / f"{name}.csv"
            if not path.exists():
                write(path, [[f"c{i}" for i in range(len(types))], *rows])
            fields = [{"name": f"c{i}", **field} for i, field in enumerate(types)]
            yield self._feed(name, path, Schema.from_descriptor({"fields": fields}), simd)

    def _products(self) -> tuple[Path, Path, Path]:
        usual, bad, quoted = (self._folder / f"{name}.csv" for name in ("products", "bad", "quoted"))
        if not usual.exists():
            write_feed(usual, self._records)
            write_feed(bad, self._records, bad=1.0)
            with usual.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                write(quoted, csv.reader(file), is_quoted=True)
        return usual, bad, quoted

    def _shapes(self) -> Iterator[tuple[str, Iterator[list[str]], list[dict[str, object]]]]:
        text: dict[str, object] = {"type": "string", "constraints": {"maxLength": LONG_TEXT}}
        whole: dict[str, object] = {"type": "integer", "constraints": {"minimum": 0}}
        price: dict[str, object] = {"type": "number", "precision": 12, "scale": 2}
        n = self._records
        cells = [("front brake pad", str(i), f"{i}.50") for i in range(1000)]
        wide = ([cells[(row + i) % 1000][i % 3] for i in range(200)] for row in range(n // 6))
        yield "wide", wide, [(text, whole, price)[i % 3] for i in range(200)]
        yield "narrow", ([f"SKU-{i:08d}", str(i)] for i in range(10 * n)), [text, whole]
        long = ([str(i), "pastilha de freio " * (LONG_TEXT // 18)] for i in range(n // 300))
        yield "long", long, [whole, text]

    @staticmethod
    def _feed(name: str, path: Path, schema: Schema, simd: str, *, to_copy: bool = False) -> Feed:
        data = memoryview(path.read_bytes())
        start = bytes(data[:65536]).index(b"\n") + 1
        columns = bytes(data[: start - 1]).decode().replace('"', "").split(",")
        key = [schema.names[0]]
        plan = Plan(schema, Dialect(), columns, key, simd=simd)
        return Feed(name, plan, list(cut(plan, data[start:])), to_copy)


def write(path: Path, rows: Iterable[Sequence[str]], *, is_quoted: bool = False) -> None:
    """Write rows, each cell in quotes if it is to be."""
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if is_quoted:
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows(rows)


def cut(plan: Plan, data: memoryview) -> Iterator[bytes]:
    """Cut a feed into chunks of whole records."""
    start = 0
    while start < len(data):
        part = data[start : start + CHUNK_BYTES]
        size = plan.last_record_end(part, len(part)) or len(part)
        yield bytes(part[:size])
        start += size


def work(feed: Feed, first: int, step: int) -> int:
    """Parse every `step`th chunk; give back how many records there were."""
    records = 0
    for chunk, size in feed.every(step, first):
        batch = feed.plan.parse(chunk, size)
        if feed.to_copy:
            batch.copy_binary()
        records += batch.records
    return records


def measure(feed: Feed, runs: int) -> Cost:
    """Measure one feed, with one thread and with two."""
    cpu: list[float] = []
    alone: list[float] = []
    together: list[float] = []
    records = 0
    with ThreadPoolExecutor(2) as threads:
        for _ in range(runs):
            started, cpu_started = perf_counter(), thread_time()
            records = work(feed, 0, 1)
            cpu.append(thread_time() - cpu_started)
            alone.append(perf_counter() - started)
            together.append(elapsed_of_two(threads, lambda first: work(feed, first, 2)))
    nbytes = sum(map(len, feed.chunks))
    return Cost(
        feed.name,
        feed.plan.simd,
        records,
        nbytes,
        min(cpu) / records * 1e6,
        nbytes / min(cpu) / 1e6,
        min(alone) / min(together),
    )


def elapsed_of_two(threads: ThreadPoolExecutor, half: Callable[[int], object]) -> float:
    """Run both halves at once, and give the seconds from their common start to the later end.

    As in a run, the threads go on from one time to the next: without the GIL a thread's first allocations are
    of memory of its own, which the system has to give first.
    """
    barrier = Barrier(2)

    def run(first: int) -> tuple[float, float]:
        barrier.wait()
        started = perf_counter()
        half(first)
        return started, perf_counter()

    times = list(threads.map(run, range(2)))
    return max(end for _, end in times) - min(start for start, _ in times)


def main() -> None:
    """Read the command line, measure, print a table."""
    parser = argparse.ArgumentParser(description="Measure the CPU seconds that the kernel takes.")
    parser.add_argument("--records", type=int, default=RECORDS, help="of the product feeds")
    parser.add_argument("--runs", type=int, default=5, help="of each, of which the best counts")
    parser.add_argument("--every-set", action="store_true", help="measure each instruction set")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the figures as JSON, too")
    given = parser.parse_args()
    best = kernel.simd()
    sets = INSTRUCTION_SETS[: INSTRUCTION_SETS.index(best) + 1] if given.every_set else (best,)
    build = f"CPython {platform.python_version()}, GIL {'on' if sys._is_gil_enabled() else 'off'}"
    print(f"{build}\n{'feed':<10}{'set':<8}{'CPU s / million':>17}{'MB / CPU s':>12}{'2 threads':>11}")
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        feeds = Feeds(Path(folder), given.records)
        for simd in reversed(sets):
            for feed in feeds.all(simd):
                cost = measure(feed, given.runs)
                costs.append(cost)
                rate = f"{cost.cpu_s_per_million:>17.3f}{cost.megabytes_per_cpu_s:>12.0f}"
                print(f"{cost.feed:<10}{cost.simd:<8}{rate}{cost.two_threads:>10.2f}x", flush=True)
    if given.save:
        figures = {"build": build, "machine": platform.machine(), "costs": [asdict(cost) for cost in costs]}
        given.save.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
