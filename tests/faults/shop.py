"""A database that a run loads while something happens to it, and what has to be in it in the end.

The oracle is an undisturbed run of the same command on the same feed. Six things have to be equal, three of
which only ever grow, so that nothing done twice can hide: products, offers, outcomes, events, the ledger, and
the bytes of the reject file. What the report counts has to be equal, too.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg

from tests.acceptance.truth import PARTS, WRITTEN_BY_PROCESS
from tests.command import ENVIRONMENT, TIMEOUT_S, has_ended

JOB = Path(__file__).with_name("job.py")
CHUNK = "32KiB"
COUNTED = ("records", "successes", "failures", "rejects_by_code", "outcomes", "discontinued", "bytes")
FINISHED = "SELECT count(*) FROM feedmill_runs WHERE finished_at IS NOT NULL"

type Rows = list[tuple[object, ...]]
type State = dict[str, object]


class Database(Protocol):
    """One of the two databases, emptied before each run."""

    url: str

    def reset(self) -> None: ...
    def rows(self, statement: str) -> Rows:
        """Run a query; nothing where its tables are not there yet."""


class SqliteShop:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def reset(self) -> None:
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def rows(self, statement: str) -> Rows:
        with closing(sqlite3.connect(self.path, timeout=60)) as connection:
            try:
                return connection.execute(statement).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise


class PostgresShop:
    def __init__(self, url: str) -> None:
        self.url = url

    def reset(self) -> None:
        # A crash of the server may undo what was committed without waiting for the disk; not this.
        with psycopg.connect(self.url, options="-c synchronous_commit=on") as connection:
            # What was killed a moment ago may still be at work in there.
            connection.execute(
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")

    def rows(self, statement: str) -> Rows:
        with psycopg.connect(self.url, options="-c timezone=UTC") as connection:
            try:
                return connection.execute(statement).fetchall()
            except psycopg.errors.UndefinedTable:
                return []


@dataclass(slots=True)
class Shop:
    """A run of `feedmill process`, started as often as it takes.

    Parameters
    ----------
    database : Database
    directory : Path
        Where the reject file and the report go.
    feed : Path
    """

    database: Database
    directory: Path
    feed: Path

    def start(self, *options: str, under: Sequence[str] = (), meddling: str = "") -> subprocess.Popen[bytes]:
        """Start the command, under another program if one is named."""
        command = [*under, sys.executable, "-X", "faulthandler", str(JOB), "process", str(self.feed)]
        settings = ["--create-dealers", "--quiet", "--chunk-size", CHUNK, "--workers", "2"]
        outputs = ["--to", self.database.url, "--rejects", "rejects.csv", "--report", "report.json"]
        return subprocess.Popen(
            [*command, *settings, *outputs, *options],
            cwd=self.directory,
            env=ENVIRONMENT | {"FEEDMILL_TEST_MEDDLING": meddling},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def reset(self) -> None:
        """Forget all runs."""
        self.database.reset()
        for file in self.directory.iterdir():
            file.unlink()

    def parts(self) -> int:
        """Count what is committed."""
        return len(self.database.rows(PARTS))

    def complete(self, *, meddling: str = "") -> State:
        """Bring a run that was broken off to its end, and tell what is there then."""
        code, err = ended(self.start("--resume", meddling=meddling))
        if code == 2 and self.database.rows(FINISHED) != [(1,)]:
            # It had not begun when it was broken off.
            assert "no unfinished run" in err, err
            assert self.parts() == 0
            code, err = ended(self.start(meddling=meddling))
        return self.state() | {"exit code": 1 if code == 2 else code, "said": "" if code == 2 else err}

    def state(self) -> State:
        """Tell all that a run leaves behind; of the files, those that are there."""
        told: State = {
            what: sorted(self.database.rows(statement), key=repr)
            for what, statement in WRITTEN_BY_PROCESS.items()
        }
        rejects, report = self.directory / "rejects.csv", self.directory / "report.json"
        if rejects.exists():
            told["rejects"] = rejects.read_bytes()
        if report.exists():
            counts = json.loads(report.read_text("utf-8"))
            told["report"] = {name: counts[name] for name in COUNTED}
        return told


def ended(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end; give the exit code and what was said."""
    with process:
        _, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, err.decode()


def begun(shop: Shop, process: subprocess.Popen[bytes]) -> None:
    """Wait until something is committed, or it has ended."""
    while not shop.parts() and not has_ended(process):
        continue


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Kill a process after some time; False if it had ended before."""
    with process:
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return True
    return False


def differences(state: State, undisturbed: State) -> list[str]:
    """Name what is not as an undisturbed run leaves it.

    A run that was killed after its end has told its report to nobody; everything else is there.
    """
    names = undisturbed.keys() - ({"report"} if "report" not in state else set())
    return sorted(name for name in names if state.get(name) != undisturbed[name])
