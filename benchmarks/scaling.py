"""Measure what more threads bring: four kinds of jobs, on 1 to N workers, in feedmill's pool and in others.

::

    python benchmarks/scaling.py                        on both builds, those of .venv and .venv-gil
    python benchmarks/scaling.py --save                 and keep the result in benchmarks/results/
    python benchmarks/scaling.py --postgres URL         a server of your own; by default one is started

`scaling_jobs.py` says what the jobs are. All ways take turns, several rounds, and of each the best pass
counts.

The speed-up of a way is its time on one worker by that on N. Time is elapsed time without that in which the
workers were ready to run and other programs had the processors (`processors.py`): on an idle machine that is
elapsed time itself. On a busy one it is rather too long, since who waits for a worker that waits for a
processor waits, too: with the GIL, and for a server. Beside it stands what a job costs in CPU time: if that
grows with the workers, they are in each other's way.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

# The database server of the tests serves here, too.
sys.path.append(str(Path(__file__).resolve().parents[1]))
from tests import postgres_server

if __package__:
    from benchmarks import builds, executors
    from benchmarks.executors import Way
    from benchmarks.processors import look, since
    from benchmarks.scaling_jobs import JOBS, POSTGRES
else:
    import builds
    import executors
    from executors import Way
    from processors import look, since
    from scaling_jobs import JOBS, POSTGRES

WAYS: Final = (
    Way("WorkerPool", executors.pool_map),
    Way("ThreadPoolExecutor", executors.threads_map),
    Way("InterpreterPoolExecutor", executors.interpreters_map),
    Way("ProcessPoolExecutor", executors.processes_map(1)),
    Way("joblib, loky", executors.joblib_parallel("loky")),
)


@dataclass(frozen=True, slots=True)
class Pass:
    """What a job cost in one pass, in milliseconds: of CPU, elapsed, and elapsed without other programs."""

    cpu_ms: float
    elapsed_ms: float
    ms: float


def run_pass(run: executors.Pass, job: str, jobs: int, workers: int, servers: Sequence[int]) -> Pass:
    before, started = look(servers), perf_counter()
    run(JOBS[job], range(jobs))
    elapsed_s = perf_counter() - started
    uses = since(before, look(servers))
    # Of all the threads there are, the workers are those that work.
    at_work = uses[:workers]
    ready_s = sum(use.ready_s for use in at_work) / workers
    least_s = sum(use.cpu_s for use in at_work) / workers
    cpu_s = sum(use.cpu_s for use in uses)
    return Pass(*(each / jobs * 1e3 for each in (cpu_s, elapsed_s, max(least_s, elapsed_s - ready_s))))


@dataclass(frozen=True, slots=True)
class Scale:
    """What a job costs one way, on so many workers: the median of all passes; of elapsed time, the least."""

    job: str
    way: str
    workers: int
    cpu_ms: float
    ms: float
    elapsed_ms: float


def scale_of(case: tuple[str, str, int], passes: Sequence[Pass]) -> Scale:
    return Scale(
        *case,
        cpu_ms=median(each.cpu_ms for each in passes),
        ms=median(each.ms for each in passes),
        elapsed_ms=min(each.elapsed_ms for each in passes),
    )


@contextmanager
def postgres(url: str | None, jobs: list[str]) -> Iterator[tuple[list[str], list[int]]]:
    """Let the jobs find a server; the block gets those that can be run, and the server's process."""
    binaries = postgres_server.find_binaries()
    if url is not None or "PostgreSQL" not in jobs:
        os.environ[POSTGRES] = url or ""
        yield jobs, []
    elif binaries is None:
        yield [job for job in jobs if job != "PostgreSQL"], []
    else:
        with postgres_server.running(binaries) as server:
            os.environ[POSTGRES] = server.url("postgres")
            yield jobs, [server.postmaster]


def measure(given: argparse.Namespace) -> builds.Result:
    """Give every job, way and number of workers its turns."""
    ways, absent = executors.available(WAYS, given.way)
    with postgres(given.postgres, given.job or list(JOBS)) as (jobs, servers):
        passes: dict[tuple[str, str, int], list[Pass]] = {
            (job, way.name, n): [] for job in jobs for way in ways for n in given.threads
        }
        opened = {way.name: way.open for way in ways}
        for _ in range(given.rounds):
            for (job, way, workers), done in passes.items():
                with opened[way](workers) as run:
                    # Every worker starts, and makes what it needs: a plan, a connection.
                    run(JOBS[job], range(given.jobs))
                    done.append(run_pass(run, job, given.jobs, workers, servers))
    scales = [asdict(scale_of(case, done)) for case, done in passes.items()]
    return {"jobs": given.jobs, "scales": scales, "absent": absent}


def show(result: builds.Result) -> None:
    """Print a table."""
    scales = [Scale(**each) for each in result["scales"]]  # type: ignore[attr-defined]
    ones = {(each.job, each.way): each for each in scales if each.workers == 1}
    print(f"{'job':<12}{'':<26}{'workers':>8}{'CPU ms':>9}{'ms':>9}{'elapsed':>9}{'speed-up':>10}")
    for each in scales:
        gained = ones[each.job, each.way].ms / each.ms
        print(
            f"{each.job:<12}{each.way:<26}{each.workers:>8}{each.cpu_ms:>9.2f}{each.ms:>9.2f}"
            f"{each.elapsed_ms:>9.2f}{gained:>10.2f}"
        )
    for line in result["absent"]:  # type: ignore[attr-defined]
        print(line)


def thread_counts(text: str) -> list[int]:
    counts = sorted({int(each) for each in text.split(",")})
    if not counts or counts[0] != 1:
        raise argparse.ArgumentTypeError("has to begin with 1, which the others are compared with")
    return counts


def default_threads() -> str:
    """Count up in powers of two to the number of CPUs."""
    cpus = os.process_cpu_count() or 1
    return ",".join(str(n) for n in sorted({cpus, *(1 << k for k in range(cpus.bit_length()))}))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what more threads bring.")
    parser.add_argument("--threads", type=thread_counts, default=default_threads(), metavar="1,2,4")
    parser.add_argument("--job", choices=JOBS, action="append", help="this one only; may be repeated")
    parser.add_argument("--jobs", type=int, default=40, help="of a pass; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--postgres", metavar="URL", help="a database; by default a server is started")
    parser.add_argument("--way", action="append", help="this one only; may be repeated")
    builds.main(parser, measure, show)


if __name__ == "__main__":
    main()
