"""The report of a run: what became of every record, and what it took."""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from feedmill.counters import WorkerCounts
from feedmill.errors import RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import UnionType

__all__ = ["Outcomes", "Report", "Stage", "peak_rss_bytes", "read_report"]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the store did with the good records; each is counted once."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0

    @property
    def total(self) -> int:
        """The good records there were."""
        return self.inserted + self.updated + self.unchanged + self.duplicate

    def __add__(self, other: Outcomes) -> Outcomes:
        return Outcomes(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.duplicate + other.duplicate,
        )


@dataclass(frozen=True, slots=True)
class Stage:
    """How one kind of thread spent the run.

    Attributes
    ----------
    stage : str
        "reader", "workers", "collector", "lanes" or "settler".
    items : int
        What passed through it: chunks, or ranges, or parts of ranges.
    busy_s, waiting_s : float
        Seconds in its own work and on its channels, over all its threads. The stage that hardly waits is the
        bottleneck.
    """

    stage: str
    items: int = 0
    busy_s: float = 0.0
    waiting_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run has done.

    Attributes
    ----------
    run_id, feed, schema : str
        Which run, over what, by which rules; several feeds are separated by blanks.
    python : str
        The interpreter's version.
    gil_enabled : bool
        Whether its threads took turns.
    workers, lanes : int
        How many threads parsed, how many wrote.
    jobs : int
        Chunks parsed.
    failed_jobs : int
        Those of them whose parsing raised; they were taken apart, and records that raise on their own are
        rejects.
    records, successes, failures : int
        Every record is exactly one success or one failure.
    dropped : int
        Successes that a callback wanted nowhere.
    rejects_by_code : dict
        Findings by "column.code", or "code" for findings on whole records. A failed record has at least one.
    outcomes : Outcomes
        What the store did with the successes that were not dropped; in a run without a store all are zero but
        the duplicates.
    stored : bool
        Whether the run had a store.
    discontinued : int or None
        Offers of the feed's dealers that it did not list any more; None if it was no snapshot.
    bytes : int
        Bytes of the feed, decompressed, that all this came from.
    elapsed_s, cpu_s : float
        Seconds by the clock, and of all CPUs together.
    records_per_s : float
        Records by elapsed seconds.
    peak_rss_bytes : int
        The most memory the process ever had.
    per_worker : tuple of WorkerCounts
        In the order of their numbers.
    stages : tuple of Stage
        In the order of the flow.
    stopped : str or None
        None if the whole input was processed, else why not: "interrupted", "max_failures" or "fault". The
        counts are then of what was finished.

    Thread safety
    -------------
    immutable
    """

    run_id: str
    feed: str
    schema: str
    python: str
    gil_enabled: bool
    workers: int
    lanes: int
    jobs: int = 0
    failed_jobs: int = 0
    records: int = 0
    successes: int = 0
    failures: int = 0
    dropped: int = 0
    rejects_by_code: Mapping[str, int] = field(default_factory=dict)
    outcomes: Outcomes = Outcomes()
    stored: bool = False
    discontinued: int | None = None
    bytes: int = 0
    elapsed_s: float = 0.0
    cpu_s: float = 0.0
    records_per_s: float = 0.0
    peak_rss_bytes: int = 0
    per_worker: tuple[WorkerCounts, ...] = ()
    stages: tuple[Stage, ...] = ()
    stopped: str | None = None

    def check(self) -> None:
        """Hold the counts against each other.

        Raises
        ------
        RunError
            They do not add up: records were lost or counted twice, so nothing this report says can be relied
            on.
        """
        if self.records != self.successes + self.failures:
            raise RunError(
                f"the report of run {self.run_id} does not add up: {self.records} records, but "
                f"{self.successes} successes + {self.failures} failures"
            )
        if self.stored and self.successes != self.outcomes.total + self.dropped:
            raise RunError(
                f"the report of run {self.run_id} does not add up: {self.successes} successes, but the store "
                f"accounts for {self.outcomes.total} and {self.dropped} were dropped: {asdict(self.outcomes)}"
            )

    def before_all(self) -> Report:
        """Make the report of a run that was stopped before its first record."""
        return Report(
            run_id=self.run_id,
            feed=self.feed,
            schema=self.schema,
            python=self.python,
            gil_enabled=self.gil_enabled,
            workers=self.workers,
            lanes=self.lanes,
            stopped=self.stopped,
        )

    def busy_share(self, stage: Stage) -> float:
        """Tell which part of the run each of a stage's threads was at work: from 0 to 1."""
        return self._share(stage, stage.busy_s)

    def waiting_share(self, stage: Stage) -> float:
        """Tell which part of the run each of a stage's threads waited; before, or after, it was not there."""
        return self._share(stage, stage.waiting_s)

    def threads_of(self, stage: Stage) -> int:
        """Tell how many threads a stage's seconds are of."""
        return {"workers": self.workers, "lanes": self.lanes}.get(stage.stage, 1) or 1

    def _share(self, stage: Stage, seconds: float) -> float:
        return seconds / self.threads_of(stage) / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def bottleneck(self) -> str | None:
        """The stage that was at work for most of the run, in a sentence; None if none was."""
        if not any(stage.busy_s for stage in self.stages):
            return None
        slowest = max(self.stages, key=self.busy_share)
        return f"The bottleneck: {slowest.stage}, at work {100 * self.busy_share(slowest):.0f} % of the run."

    def to_json(self) -> str:
        """Write it as JSON, one key a line."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote; keys that it does not know are left out.

        Raises
        ------
        ValueError
            It is no JSON, or not a report.
        """
        try:
            known = {item.name for item in fields(cls)}
            values = {
                key: value for key, value in json.loads(text, parse_constant=_refuse).items() if key in known
            }
            values["outcomes"] = Outcomes(**values["outcomes"])
            values["per_worker"] = tuple(WorkerCounts(**row) for row in values["per_worker"])
            values["stages"] = tuple(Stage(**row) for row in values["stages"])
            report = cls(**values)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a feedmill report: {error!r}") from error
        parts: list[Report | Outcomes | WorkerCounts | Stage] = [report, report.outcomes]
        for part in (*parts, *report.per_worker, *report.stages):
            _check_types(part)
        return report


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"not a feedmill report: {constant} is no number of JSON")


def read_report(path: str) -> Report:
    """Read the file that ``--report`` wrote.

    Raises
    ------
    UsageError
        It cannot be read, or is something else.
    """
    try:
        return Report.from_json(Path(path).read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a file that --report wrote.") from None
    except ValueError as error:
        raise UsageError(f"{path}: {error}; name a file that --report wrote.") from None


# JSON has one kind of number, so what is declared as a float may read as an int.
_TYPES: Final[Mapping[str, type | UnionType]] = {
    "str": str,
    "str | None": str | None,
    "int": int,
    "int | None": int | None,
    "float": int | float,
    "bool": bool,
    "Mapping[str, int]": dict,
}


def _check_types(part: Report | Outcomes | WorkerCounts | Stage) -> None:
    """Hold what was read against what is declared."""
    for item in fields(part):
        value, declared = getattr(part, item.name), str(item.type)
        if declared in _TYPES and not isinstance(value, _TYPES[declared]):
            raise ValueError(f"not a feedmill report: {item.name} is {value!r}, and should be {declared}")
    if isinstance(part, Report):
        for code, number in part.rejects_by_code.items():
            if not isinstance(number, int):
                raise ValueError(f"not a feedmill report: {code!r} is counted as {number!r}")


def peak_rss_bytes() -> int:
    """Ask the operating system for the most memory this process ever had resident."""
    try:
        status = Path("/proc/self/status").read_bytes()
        return int(status.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) * 1024
    except (OSError, IndexError):  # not Linux
        # On Linux this figure would be at least what the process that started this one held when it did.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # The BSDs count in KiB, macOS in bytes.
    return peak if sys.platform == "darwin" else peak * 1024
