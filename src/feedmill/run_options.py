"""How feeds are read and run: the options that all runs have, whatever they run over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from feedmill.dialect import Dialect
from feedmill.errors import UsageError
from feedmill.keys import DUPLICATES, Duplicates
from feedmill.pipeline import FailureLimit, Pipeline, Progress, Transform
from feedmill.stores.url import Place

AUTO_LANES: Final = 8
"""Lanes of a run that is tuned: what a server with a disk of its own may keep busy; not all have to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How to read and run; what to run is said by the functions of `runs`.

    Parameters
    ----------
    dialect : Dialect, optional
        How the feeds are written; CSV in UTF-8 by default.
    progress : Progress, optional
        Told how it goes; the log by default. Give it an ``expect`` method and it is told the bytes there are.
    workers : int or "auto", optional
        Threads that parse; the number of CPUs by default. "auto" begins with that, and changes it, and the
        number of lanes that write at once, by who waits for whom; the logger ``feedmill.tuner`` says why.
    lanes : int, optional
        Writers, each with a connection of its own; by the store's own default, or 8 with ``workers="auto"``.
    job_buffer, result_buffer : int
        Chunks that may wait for a worker, and batches that may wait to be put in order.
    chunk_size : int
        Bytes of a chunk, about.
    rejects : str or PathLike, optional
        Where findings are written: .csv or .jsonl.
    failed : str or PathLike, optional
        Where failed records are written as the feed has them, to be mended; see `feedmill.failed`.
    failure_limit : FailureLimit, optional
        When to give up.
    log_every : int
        Records of a worker between two log lines.
    resume : bool
        Continue the last unfinished run of these feeds into this store.
    duplicates : {"last", "first", "reject"}
        Which record of a primary key stays: the last one, as tables have it, the first one, or the first one
        with the others as rejects; `feedmill.pipeline.duplicates` says what it means for unique values.
    references : mapping of resource to place, str or PathLike
        Where foreign keys find their resources, if not by the resources' names: a file, or a table of a
        database, ``URL#table``.
    mapping : mapping of field to column
        Fields whose column has another name in the feed.
    transform : callable, optional
        Given each good record (a `Record`), in the workers, several at a time; it returns that record, a
        mapping in its place, which is held to the schema again, or None to drop it. What it raises, or a name
        that the schema does not have, makes the record a reject, ``callback``; so does a value set in a
        column that the feed lacks, where a store keeps what it has of that.
    on_start : callable, optional
        Given the `Pipeline` before it runs, for `Pipeline.stop` and `Pipeline.cancel` from other threads.
    handle_signals : bool
        Whether SIGINT and SIGTERM stop the run in order while it lasts: for programs, not for libraries.
    stall_timeout_s : float, optional
        End the run with a `StallError`, which says who waits for whom, when nothing has moved for so many
        seconds. It has to be more than the longest transaction takes, and a feed that comes slowly may be
        silent. None: wait for ever.

    Raises
    ------
    UsageError
        `duplicates` is none of the three words; `stall_timeout_s` is not more than 0, or more than a thread
        can wait, some 290 years.
    """

    dialect: Dialect | None = None
    progress: Progress | None = None
    workers: int | Literal["auto"] | None = None
    lanes: int | None = None
    job_buffer: int = 100
    result_buffer: int = 100
    chunk_size: int = 1 << 20
    rejects: Place | None = None
    failed: Place | None = None
    failure_limit: FailureLimit | None = None
    log_every: int = 100_000
    resume: bool = False
    duplicates: Duplicates = "last"
    references: Mapping[str, Place] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    transform: Transform | None = None
    on_start: Callable[[Pipeline], None] | None = None
    handle_signals: bool = False
    stall_timeout_s: float | None = None

    def __post_init__(self) -> None:
        if self.duplicates not in DUPLICATES:
            raise UsageError(f"duplicates is {self.duplicates!r}; it can be {', '.join(DUPLICATES)}.")
        limit_s = self.stall_timeout_s
        if limit_s is not None and not 0 < limit_s <= threading.TIMEOUT_MAX:
            raise UsageError(
                f"--stall-timeout {limit_s:g}: give seconds, more than 0 and less than "
                f"{threading.TIMEOUT_MAX:.0e}; leave it out to wait for ever."
            )

    @property
    def first_workers(self) -> int | None:
        """The workers to begin with; None for one each CPU."""
        return None if self.workers == "auto" else self.workers

    @property
    def most_lanes(self) -> int | None:
        """The lanes to ask the store for; None for its own default."""
        return AUTO_LANES if self.lanes is None and self.workers == "auto" else self.lanes


DEFAULT_OPTIONS: Final = RunOptions()
