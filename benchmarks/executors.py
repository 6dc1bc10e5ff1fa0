"""The executors that benchmarks compare: feedmill's pool, those of the standard library, joblib's.

Each is opened once with so many workers and then handed passes: a function and its items, at once. What
starting threads or processes costs is left out, as every pass finds them warm.

joblib is the extra `bench`; `InterpreterPoolExecutor` came with CPython 3.14. What is absent is left out, and
named.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

from feedmill import WorkerPool

type Pass = Callable[[Callable[[int], object], Sequence[int]], object]
"""Call a function with every item, and wait for all results."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to have jobs done.

    Parameters
    ----------
    name : str
        What a caller writes.
    open : callable
        Start so many workers; the block gets the pass.
    share : float
        Of the jobs of a pass, how many it is given: what is a hundred times slower would keep all waiting.
    """

    name: str
    open: Callable[[int], AbstractContextManager[Pass]]
    share: float = 1.0


def submit_all(executor: Executor, fn: Callable[[int], object], items: Sequence[int]) -> None:
    futures = [executor.submit(fn, item) for item in items]
    for future in futures:
        future.result()


def map_all(executor: Executor, fn: Callable[[int], object], items: Sequence[int], **options: object) -> None:
    for _ in executor.map(fn, items, **options):  # type: ignore[arg-type]
        pass


@contextmanager
def inline(_workers: int) -> Iterator[Pass]:
    """No executor at all: what the jobs themselves cost."""
    yield lambda fn, items: [fn(item) for item in items]


@contextmanager
def pool_map(workers: int) -> Iterator[Pass]:
    with WorkerPool(workers) as pool:
        yield lambda fn, items: map_all(pool, fn, items)


@contextmanager
def pool_map_unordered(workers: int) -> Iterator[Pass]:
    with WorkerPool(workers) as pool:
        yield lambda fn, items: map_all(pool, fn, items, ordered=False)


@contextmanager
def pool_submit(workers: int) -> Iterator[Pass]:
    with WorkerPool(workers) as pool:
        yield lambda fn, items: submit_all(pool, fn, items)


@contextmanager
def threads_map(workers: int) -> Iterator[Pass]:
    with ThreadPoolExecutor(workers) as pool:
        yield lambda fn, items: map_all(pool, fn, items)


@contextmanager
def threads_submit(workers: int) -> Iterator[Pass]:
    with ThreadPoolExecutor(workers) as pool:
        yield lambda fn, items: submit_all(pool, fn, items)


def processes_map(chunksize: int) -> Callable[[int], AbstractContextManager[Pass]]:
    @contextmanager
    def opened(workers: int) -> Iterator[Pass]:
        # A process that has threads must not be forked.
        context = multiprocessing.get_context("forkserver")
        with ProcessPoolExecutor(workers, context) as pool:
            yield lambda fn, items: map_all(pool, fn, items, chunksize=chunksize)

    return opened


@contextmanager
def interpreters_map(workers: int) -> Iterator[Pass]:
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined]

    with InterpreterPoolExecutor(workers) as pool:
        yield lambda fn, items: map_all(pool, fn, items)


def joblib_parallel(backend: str) -> Callable[[int], AbstractContextManager[Pass]]:
    @contextmanager
    def opened(workers: int) -> Iterator[Pass]:
        from joblib import Parallel, delayed

        with Parallel(n_jobs=workers, backend=backend) as parallel:
            yield lambda fn, items: parallel(delayed(fn)(item) for item in items)
        if backend == "loky":
            from joblib.externals.loky import get_reusable_executor

            get_reusable_executor().shutdown(wait=True)

    return opened


def has_interpreters() -> bool:
    import concurrent.futures

    return hasattr(concurrent.futures, "InterpreterPoolExecutor")


def available(ways: Sequence[Way], asked: Sequence[str] | None = None) -> tuple[list[Way], list[str]]:
    """Part what can be run here from what cannot, and say why; only those asked for, if any are."""
    found, absent = [], []
    for way in ways:
        if asked and way.name not in asked:
            continue
        if way.name.startswith("joblib") and find_spec("joblib") is None:
            absent.append(f"{way.name}: joblib is not installed (pip install joblib)")
        elif way.name.startswith("Interpreter") and not has_interpreters():
            absent.append(f"{way.name}: needs CPython 3.14")
        else:
            found.append(way)
    return found, absent
