"""Run feedmill with random faults for a long time: no hang, no thread left, no wrong count.

::

    python -m tests.soak                      thirty minutes (`make soak`)
    python -m tests.soak --minutes 1 --seed 7

Round after round, three things in turn, everything about them random: whole runs in memory in which reader,
parser, store, reject file and progress raise; a pool whose jobs raise, nest, cancel and resize it; a feed
loaded into SQLite, interrupted by faults as often as they come, resumed until it is through, and compared
with the feed.

A round that takes more than two minutes ends the program with every thread's stack. What fails names its
seed: the same one makes the same choices again, though never the same timing.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import random
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Final

from feedmill import RunError, RunOptions, WorkerPool, load, report_of
from feedmill.counters import Counter as Shared
from feedmill.errors import FeedmillError, StoreError
from feedmill.pipeline import ranges
from feedmill.report import Report
from tests.pipeline.rigs import SCHEMA, Faults, make_lines
from tests.threads.test_pipeline_faults import FAULTS, RECORDS, Rig

HANG_S: Final = 120
ERRORS: Final = (StoreError("x"), OSError(5, "x"), MemoryError(), SystemExit(1), KeyboardInterrupt())

type Dice = random.Random


def run_in_memory(dice: Dice) -> None:
    """Run a pipeline between stand-ins that raise."""
    places = sorted({place for place, _ in FAULTS if place != "reader_close"} | {"abort", "parse"})
    chosen = dice.sample(places, dice.randint(0, 4))
    faults = Faults(**{place: (dice.randint(1, 60), dice.choice(ERRORS)) for place in chosen})
    rig = Rig(faults, lanes=dice.randint(1, 4), workers=dice.randint(1, 6))
    rig.settings |= {"job_buffer": dice.randint(1, 5), "result_buffer": dice.randint(1, 8)}
    try:
        report = rig.run()
    except FeedmillError as error:
        found = report_of(error)
        assert found is not None
        report = found
    else:
        assert report.records == RECORDS
        rig.sink.calls.append("abort")
    rig.is_consistent(report)


class JobError(Exception):
    """What a job raises on purpose."""


def use_pool(dice: Dice) -> None:
    """Submit jobs of all kinds to a pool that changes its size; each runs once, or is cancelled."""
    ran = Shared()

    def job(number: int) -> int:
        ran.add()
        if number % 5 == 0:
            raise JobError(number)
        return number

    def nested(pool: WorkerPool, number: int) -> int:
        return 1 + pool.submit(job, number).result() + sum(pool.map(job, [number] * 3))

    jobs = dice.randint(1, 300)
    inner = 0
    futures: list[Future[int]] = []
    with WorkerPool(dice.randint(1, 6), dice.randint(1, 20), dice.randint(1, 20)) as pool:
        for number in range(1, jobs):
            if dice.random() < 0.1 and number % 5:
                inner += 3
                futures.append(pool.submit(nested, pool, number))
            else:
                futures.append(pool.submit(job, number))
            if dice.random() < 0.05:
                pool.set_max_workers(dice.randint(1, 8))
            if dice.random() < 0.05:
                dice.choice(futures).cancel()
        numbers = range(1, dice.randint(1, 400))
        results = list(pool.map(job, numbers, ordered=dice.random() < 0.5, return_exceptions=True))
        ends = Counter(map(end_of, futures))
    values = sorted(each.args[0] if isinstance(each, JobError) else each for each in results)
    assert values == [*numbers]
    assert ends.total() == len(futures)
    assert ran.value >= ends["done"] + ends["failed"] + len(numbers)
    counts = pool.worker_counts()
    assert sum(count.failed for count in counts) <= sum(count.jobs for count in counts)
    if dice.random() < 0.3:
        leave_unfinished(dice)


def end_of(future: Future[int]) -> str:
    """Wait for a job and say how it ended."""
    try:
        future.result()
    except CancelledError:
        return "cancelled"
    except JobError:
        return "failed"
    return "done"


def leave_unfinished(dice: Dice) -> None:
    """Leave an endless map, and cancel a pool with jobs in it: nothing stays behind."""
    pool = WorkerPool(dice.randint(1, 4), 3, 3)
    endless = pool.map(abs, iter(int, 1), ordered=dice.random() < 0.5)
    for _ in range(dice.randint(0, 50)):
        next(endless)
    if dice.random() < 0.5:
        endless.close()
    pool.shutdown(wait=dice.random() < 0.5, cancel_futures=True)
    pool.shutdown()


class Interrupting:
    """A progress that raises now and then."""

    def __init__(self, dice: Dice) -> None:
        self.left = dice.randint(1, 60)
        self.lock = threading.Lock()  # guards left

    def worker_progress(self, worker: int, records: int) -> None:
        self.advanced(0, 0)

    def worker_finished(self, worker: int, records: int) -> None:
        self.advanced(0, 0)

    def advanced(self, nbytes: int, records: int) -> None:
        with self.lock:
            self.left -= 1
            is_now = self.left == 0
        if is_now:
            raise OSError(5, "of the progress")


def load_and_resume(dice: Dice) -> None:
    """Load a feed into SQLite, resume it after every fault, and compare the table with the feed."""
    lines = make_lines(dice.randint(1, 3_000), bad_every=dice.randint(2, 9), keys=dice.randint(1, 2_000))
    wanted = {
        sku: int(stock) for sku, stock in (line.decode().split(",") for line in lines) if int(stock) >= 0
    }
    good = sum(int(line.split(b",")[1]) >= 0 for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        feed, database = Path(folder, "feed.csv"), Path(folder, "soak.db")
        feed.write_bytes(b"sku,stock\n" + b"".join(lines))
        report = until_through(feed, database, dice)
        with closing(sqlite3.connect(database)) as connection:
            stored = dict(connection.execute("SELECT sku, stock FROM items"))
    assert stored == wanted
    assert (report.records, report.successes) == (len(lines), good)
    assert report.outcomes is not None
    assert report.outcomes.total == good


def until_through(feed: Path, database: Path, dice: Dice) -> Report:
    """Run until a run comes to its end."""
    is_resumed = False
    while True:
        options = RunOptions(
            workers=dice.randint(1, 4),
            chunk_size=4096,
            job_buffer=dice.randint(1, 10),
            log_every=100,
            progress=Interrupting(dice) if dice.random() < 0.8 else None,
            resume=is_resumed,
        )
        try:
            return load(str(feed), f"sqlite:///{database}", SCHEMA, options=options)
        except RunError as error:
            found = report_of(error)
            assert found is not None
            found.check()
            is_resumed = True


SCENES: Final[tuple[Callable[[Dice], None], ...]] = (run_in_memory, use_pool, load_and_resume)


def feedmill_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("feedmill-")]


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def soak(minutes: float, seed: int) -> Counter[str]:
    """Play rounds until the time is over; return how many of each scene."""
    # Small ranges: many of them in a short run.
    ranges.MAX_RECORDS = 40
    logging.disable(logging.CRITICAL)
    ends_at = monotonic() + minutes * 60
    rounds: Counter[str] = Counter()
    files = 0
    while monotonic() < ends_at:
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        scene = SCENES[rounds.total() % len(SCENES)]
        try:
            scene(random.Random(f"{seed} {rounds.total()}"))
            for thread in feedmill_threads():
                thread.join(HANG_S / 4)
            assert feedmill_threads() == [], "threads are left"
            files = files or open_files()
            assert open_files() <= files + 2, "files are left open"
        except BaseException:
            print(f"in round {rounds.total()} of seed {seed}: {scene.__name__}", file=sys.stderr)
            raise
        finally:
            faulthandler.cancel_dump_traceback_later()
        rounds[scene.__name__] += 1
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(description="Run feedmill with random faults for a long time.")
    parser.add_argument("--minutes", type=float, default=30, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="random by default")
    given = parser.parse_args()
    gil = "on" if sys._is_gil_enabled() else "off"
    print(f"seed {given.seed}, GIL {gil}, {given.minutes:g} minutes", flush=True)
    rounds = soak(given.minutes, given.seed)
    print(f"{rounds.total()} rounds without a hang, a leaked thread or a wrong count: {dict(rounds)}")


if __name__ == "__main__":
    main()
