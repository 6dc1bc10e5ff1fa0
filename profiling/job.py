"""The job that is profiled: the sample by default, or any feedmill command line after ``--``.

Each script takes the same three options, from here. ``{feed}`` in a command line stands for the sample
feed, which is ``examples/dealer_feed.csv`` over and over, with SKUs of its own each time, so that every
record has work to do.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[1]
FEED: Final = ROOT / "examples" / "dealer_feed.csv"
DEALERS: Final = ROOT / "examples" / "dealers.csv"
SCHEMA: Final = ROOT / "src" / "feedmill" / "products" / "product.schema.json"

COPIES: Final = 6
"""70,000 records, three seconds: at 100 samples a second enough to see what takes one percent."""

FINISHED: Final = (0, 1)
"""feedmill's exit codes of a run that came to its end, without and with bad records."""


class ProfilingError(Exception):
    """There is no picture; the text says what to do about it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A feedmill command line.

    Attributes
    ----------
    command : tuple of str
        The arguments of ``feedmill``.
    out : Path
        The folder of the pictures, which exists.
    name : str
        What the pictures' names begin with.
    """

    command: tuple[str, ...]
    out: Path
    name: str

    def file(self, ending: str) -> Path:
        """Name one of its outputs."""
        return self.out / f"{self.name}{ending}"

    @property
    def line(self) -> str:
        """The command line for people, without the project's folder."""
        return " ".join(["feedmill", *map(shown, self.command)])

    def option(self, name: str) -> str | None:
        """Look up what the command line gives for an option such as ``--report``."""
        for place, argument in enumerate(self.command):
            if argument == name and place + 1 < len(self.command):
                return self.command[place + 1]
            if argument.startswith(f"{name}="):
                return argument.partition("=")[2]
        return None


def parser(purpose: str, name: str) -> argparse.ArgumentParser:
    """Make a script's parser, with the options that all scripts have."""
    made = argparse.ArgumentParser(
        description=purpose.partition("\n")[0],
        usage="%(prog)s [options] [-- feedmill arguments]",
        epilog="{feed} in the feedmill arguments stands for the sample feed.",
    )
    made.add_argument(
        "--out", type=Path, default=Path("build/profile"), metavar="DIR", help="default: %(default)s"
    )
    made.add_argument("--name", default=name, help="what the files' names begin with; default: %(default)s")
    made.add_argument(
        "--copies",
        type=positive,
        default=COPIES,
        metavar="N",
        help="the sample feed is N times examples/dealer_feed.csv; default: %(default)s",
    )
    return made


def positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part a script's own arguments from feedmill's, which stand after the first ``--``."""
    arguments = list(argv)
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def read_arguments(
    made: argparse.ArgumentParser, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, Job]:
    """Read a script's command line."""
    given_words = sys.argv[1:] if argv is None else argv
    own, command = split(given_words)
    given = made.parse_args(own)
    if not command and "--" in given_words:
        made.error("there is nothing after --; give a feedmill command line, or leave the -- out")
    given.out.mkdir(parents=True, exist_ok=True)
    job = Job(tuple(command) or sample_command(given.out, given.name), given.out, given.name)
    return given, with_feed(job, given.copies)


def sample_command(out: Path, name: str) -> tuple[str, ...]:
    """Write the command line of the sample job: the main job, into an SQLite database of its own."""
    return (
        *("process", "{feed}", "--dealers", str(DEALERS)),
        *("--to", f"sqlite:///{out / name}.db", "--rejects", str(out / f"{name}.rejects.csv")),
        *("--report", str(out / f"{name}.report.json"), "--quiet", "--no-progress"),
    )


def with_feed(job: Job, copies: int) -> Job:
    """Put a sample feed of so many copies in the place of ``{feed}``."""
    if not any("{feed}" in argument for argument in job.command):
        return job
    feed = job.out / f"sample-{copies}.csv"
    if not feed.exists():
        write_feed(feed, copies)
    command = tuple(argument.replace("{feed}", str(feed)) for argument in job.command)
    return Job(command, job.out, job.name)


def write_feed(path: Path, copies: int) -> int:
    """Write the example feed `copies` times, under one header; return how many records that is."""
    with FEED.open(encoding="utf-8", newline="") as file:
        header, *records = csv.reader(file)
    sku = header.index("sku")
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for copy in range(copies):
            for record in records:
                # The first copy is as it is; an empty SKU stays a missing one.
                own = f"{record[sku]}-{copy}" if copy and record[sku] else record[sku]
                writer.writerow([*record[:sku], own, *record[sku + 1 :]])
    part.replace(path)
    return copies * len(records)


@contextmanager
def fresh_store(job: Job) -> Iterator[None]:
    """Remove the sample job's database, before the block and after it: old records would be unchanged."""
    try:
        _remove_store(job)
        yield
    finally:
        _remove_store(job)


def _remove_store(job: Job) -> None:
    for database in job.out.glob(f"{job.name}.db*"):
        database.unlink()


def run(argv: Sequence[str], job: Job, environment: Mapping[str, str] | None = None) -> None:
    """Run a profiler over the job, in a clean state.

    Raises
    ------
    ProfilingError
        It did not come to its end.
    """
    print("$", " ".join(map(shown, argv)), flush=True)
    with fresh_store(job):
        done = subprocess.run(argv, check=False, env={**os.environ, **(environment or {})})
    if done.returncode not in FINISHED:
        raise ProfilingError(f"{Path(argv[0]).name} ended with exit code {done.returncode}")


def shown(argument: str) -> str:
    """Shorten an argument below the project's folder."""
    return argument.removeprefix(f"{ROOT}/")


def finish(made: Sequence[Path]) -> int:
    """Say what was made."""
    for path in made:
        print(f"made {path} ({path.stat().st_size:,} bytes)")
    return 0


def stop(error: Exception) -> int:
    """Say why there is no picture."""
    print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
    return 2
