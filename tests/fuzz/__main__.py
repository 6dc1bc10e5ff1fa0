"""``python -m tests.fuzz``: the loop, in a process of its own, since what is found may end it."""

import argparse
import faulthandler
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from typing import Final

from tests.fuzz.edges import Edges
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import TARGETS, seeds

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "build" / "fuzz"
HANG_S: Final = 60
"""Seconds after which an input is said to hang: they take milliseconds, or tens of them when sanitized."""


class Loop:
    """Mutate, run, keep what is new.

    Parameters
    ----------
    names : list of str
        The targets; each gets the same time.
    seed : int
    under_way : Path
        Where each input is written before it is run, so that it is there if the process is not any more.
    """

    def __init__(self, names: list[str], seed: int, under_way: Path) -> None:
        self.under_way = under_way
        self.random = Random(seed)
        self.edges = Edges()
        self.corpus = {name: list(seeds(name)) for name in names}
        self.spent_s = dict.fromkeys(names, 0.0)
        self.runs = dict.fromkeys(names, 0)

    def go_on(self, is_over: Callable[[], bool]) -> None:
        """Run until it is over: the seeds first, then what comes of them."""
        for name, inputs in self.corpus.items():
            for data in inputs:
                self.run(name, data)
        while not is_over():
            self._one_of(min(self.spent_s, key=self.spent_s.__getitem__))

    def run(self, name: str, data: bytes) -> bool:
        """Run a target; whether the kernel went a way it never had gone."""
        self.under_way.write_bytes(name.encode() + b"\0" + data)
        self.edges.clear()
        faulthandler.dump_traceback_later(HANG_S, exit=True)
        started = monotonic()
        TARGETS[name](data)
        self.spent_s[name] = self.spent_s.get(name, 0.0) + monotonic() - started
        faulthandler.cancel_dump_traceback_later()
        self.runs[name] = self.runs.get(name, 0) + 1
        return self.edges.add()

    def _one_of(self, name: str) -> None:
        corpus, random = self.corpus[name], self.random
        # The newest are the least explored.
        place = max(random.randrange(len(corpus)), random.randrange(len(corpus)))
        data = mutated(random, corpus[place], random.choice(corpus))
        if self.run(name, data):
            corpus.append(data)


def work(given: argparse.Namespace) -> int:
    """Do it here; 1 if there is a finding."""
    faulthandler.enable()
    loop = Loop(given.target or list(TARGETS), given.seed, given.here)
    end, told = monotonic() + given.minutes * 60, monotonic()

    def is_over() -> bool:
        nonlocal told
        if monotonic() - told > 30:
            told = monotonic()
            report(loop)
        return monotonic() >= end

    try:
        if given.again:
            name, _, data = given.again.read_bytes().partition(b"\0")
            loop.run(name.decode(), data)
        else:
            loop.go_on(is_over)
    except Exception:
        traceback.print_exc()
        return 1
    report(loop)
    return 0


def report(loop: Loop) -> None:
    """Say how far it is."""
    kept = sum(map(len, loop.corpus.values()))
    edges = (
        f"{len(loop.edges):,} classes of edges"
        if loop.edges.is_traced
        else "no edges: the kernel is not traced"
    )
    print(f"{sum(loop.runs.values()):,} inputs, {kept:,} kept, {edges}", flush=True)


def main() -> int:
    """Read the command line; be, or watch, the process that works."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description="Fuzz the kernel.")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=None, help="of what is tried; chosen and told by default")
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="only this; may be repeated")
    parser.add_argument("--again", type=Path, metavar="FILE", help="repeat one finding")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        return work(given)
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(4))
    print(f"seed {seed}, {len(given.target or TARGETS)} targets, {given.minutes:g} minutes", flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    under_way = FOLDER / f"under-way-{os.getpid()}"
    command = [sys.executable, "-m", "tests.fuzz", *sys.argv[1:], f"--seed={seed}", f"--here={under_way}"]
    code = subprocess.run(command, check=False, cwd=ROOT).returncode
    if code and under_way.exists():
        kept = under_way.replace(FOLDER / f"finding-{seed}")
        print(
            f"a finding: exit code {code}; again with: python -m tests.fuzz --again {kept.relative_to(ROOT)}"
        )
        return 1
    under_way.unlink(missing_ok=True)
    print("no finding" if code == 0 else f"it could not run: exit code {code}")
    return 1 if code else 0


if __name__ == "__main__":
    sys.exit(main())
