"""Measure what an executor adds to a tiny job: feedmill's pool against those that Python has, and joblib.

::

    python benchmarks/pool.py            on both builds, those of .venv and .venv-gil
    python benchmarks/pool.py --save     and keep the result in benchmarks/results/

The job is ``n + 1``. Its own cost, measured in a plain loop, is taken off; what remains is the executor's.
All ways take turns, several rounds, and of each the cheapest round counts: what else runs on the machine only
adds. CPU time is of all threads and processes; elapsed time is shown, too, and is worth as much as the
machine is idle.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Final

if __package__:
    from benchmarks import builds, executors
    from benchmarks.executors import Pass, Way
    from benchmarks.processors import look, since
else:
    import builds
    import executors
    from executors import Pass, Way
    from processors import look, since

WAYS: Final = (
    Way("WorkerPool.map", executors.pool_map),
    Way("WorkerPool.map, unordered", executors.pool_map_unordered),
    Way("WorkerPool.submit", executors.pool_submit),
    Way("ThreadPoolExecutor.map", executors.threads_map),
    Way("ThreadPoolExecutor.submit", executors.threads_submit),
    Way("ProcessPoolExecutor.map", executors.processes_map(1), share=0.05),
    Way("ProcessPoolExecutor.map, chunksize=100", executors.processes_map(100)),
    Way("InterpreterPoolExecutor.map", executors.interpreters_map, share=0.05),
    Way("joblib, threading", executors.joblib_parallel("threading"), share=0.25),
    Way("joblib, loky", executors.joblib_parallel("loky"), share=0.25),
)
JUDGE: Final = {"map": "ThreadPoolExecutor.map", "submit": "ThreadPoolExecutor.submit"}
"""What each of ours is held against: the same call of the standard library."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """What one way adds to a job, in microseconds."""

    way: str
    cpu_us: float
    elapsed_us: float


def tiny(number: int) -> int:
    return number + 1


@dataclass
class Least:
    """The cheapest pass so far, in seconds a job."""

    cpu_s: float = float("inf")
    elapsed_s: float = float("inf")

    def run(self, run: Pass, jobs: int) -> None:
        """Run one pass, and keep what was cheaper than before."""
        items = range(jobs)
        before, started = look(), perf_counter()
        run(tiny, items)
        elapsed = perf_counter() - started
        cpu_s = sum(use.cpu_s for use in since(before, look()))
        self.cpu_s = min(self.cpu_s, cpu_s / jobs)
        self.elapsed_s = min(self.elapsed_s, elapsed / jobs)


def measure(given: argparse.Namespace) -> builds.Result:
    """Give each way its turns."""
    ways, absent = executors.available(WAYS, given.way)
    ways = [Way("inline", executors.inline, share=25), *ways]
    least = {way.name: Least() for way in ways}
    for _ in range(given.rounds):
        for way in ways:
            jobs = max(1, int(given.jobs * way.share))
            # One at a time: idle threads of the others would wake now and then.
            with way.open(given.workers) as run:
                run(tiny, range(jobs // 4))
                least[way.name].run(run, jobs)
    own = least.pop("inline")
    overheads = [
        Overhead(name, (each.cpu_s - own.cpu_s) * 1e6, (each.elapsed_s - own.elapsed_s) * 1e6)
        for name, each in least.items()
    ]
    return {
        "workers": given.workers,
        "job_us": own.cpu_s * 1e6,
        "overheads": [asdict(each) for each in overheads],
        "absent": absent,
    }


def show(result: builds.Result) -> None:
    """Print a table."""
    overheads = {each["way"]: each for each in result["overheads"]}  # type: ignore[attr-defined]
    print(f"{result['workers']} workers; the job itself takes {result['job_us']:.2f} µs")
    print(f"{'':<42}{'CPU µs':>9}{'µs':>9}{'of ThreadPoolExecutor':>24}")
    for name, each in overheads.items():
        judge = overheads.get(JUDGE["submit" if name.endswith("submit") else "map"])
        ratio = f"{each['cpu_us'] / judge['cpu_us']:.2f}" if judge else ""
        print(f"{name:<42}{each['cpu_us']:>9.2f}{each['elapsed_us']:>9.2f}{ratio:>24}")
    for line in result["absent"]:  # type: ignore[attr-defined]
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what an executor adds to a tiny job.")
    parser.add_argument("--workers", type=int, default=2, help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=20_000, help="of a pass; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="of which the cheapest counts; default: 5")
    parser.add_argument("--way", action="append", help="this one only; may be repeated")
    builds.main(parser, measure, show)


if __name__ == "__main__":
    main()
