"""What a pipeline is told, and what it tells while it runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from feedmill.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from feedmill.kernel import Batch, Plan
    from feedmill.pipeline.callbacks import Callback
    from feedmill.pipeline.duplicates import DuplicateCheck
    from feedmill.pipeline.pace import ChunkPace
    from feedmill.pipeline.references import References
    from feedmill.readers import BufferPool, Chunk
    from feedmill.records import Reject
    from feedmill.stores.protocol import RunInfo, Sink

MIN_RECORDS_FOR_PERCENT: Final = 10_000
"""Records before a percentage is taken: at the head of a feed a few bad ones would be "half of all"."""

_log = logging.getLogger("feedmill.pipeline")


class ChunkReader(Protocol):
    """Where chunks come from; the readers of `feedmill.readers` are such."""

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks of the feed, in order; in one thread."""
        ...

    def parse(self, chunk: Chunk, plan: Plan) -> Batch:
        """Make a batch of a chunk; in any thread."""
        ...

    def close(self) -> None:
        """Let go of the feed."""


class RejectWriter(Protocol):
    """Where rejects go; `feedmill.stores.rejects.RejectFile` is one.

    Thread safety
    -------------
    one thread at a time
    """

    def write(self, rejects: Iterable[Reject], feed: int) -> None:
        """Add rejects of a feed, by its index in the run."""

    def finish(self) -> None:
        """Keep what was written: it covers what the report counts."""

    def abort(self) -> None:
        """Throw it away."""


class Progress(Protocol):
    """What a run tells while it works.

    Notes
    -----
    Called in the threads of the pipeline, several at a time. What it raises stops the run.
    """

    def worker_progress(self, worker: int, records: int) -> None:
        """Take note that a worker has passed another `log_every` records; `records` is a multiple of that."""

    def worker_finished(self, worker: int, records: int) -> None:
        """Take note that a worker has ended, and how many records it has processed in total."""

    def advanced(self, nbytes: int, records: int) -> None:
        """Take note of so many more bytes, as they are stored, and records of the input, in input order."""


class LoggedProgress:
    """Tell the log ``feedmill.pipeline`` about the workers."""

    def worker_progress(self, worker: int, records: int) -> None:
        """Log it."""
        _log.info("Worker %d: processed %d records", worker, records)

    def worker_finished(self, worker: int, records: int) -> None:
        """Log it."""
        _log.info("Worker %d finished: processed %d records in total", worker, records)

    def advanced(self, nbytes: int, records: int) -> None:
        """Say nothing: it happens once a chunk."""


@dataclass(frozen=True, slots=True)
class FailureLimit:
    """How many failures a run may have.

    Parameters
    ----------
    count : int, optional
        The most failed records.
    percent : float, optional
        The most failed records of a hundred. It is applied from 10,000 records on, and at the end.

    Raises
    ------
    UsageError
        The percentage is not from 0 to 100.

    Examples
    --------
    >>> FailureLimit.parse("5%")
    FailureLimit(count=None, percent=5.0)
    >>> FailureLimit.parse("100").is_passed(failures=101, records=5_000_000)
    True
    """

    count: int | None = None
    percent: float | None = None

    def __post_init__(self) -> None:
        if self.percent is not None and not 0 <= self.percent <= 100:
            raise UsageError(f"--max-failures {self.percent:g}%: give a percentage from 0% to 100%")

    def __str__(self) -> str:
        return f"{self.percent:g}%" if self.percent is not None else str(self.count)

    @classmethod
    def parse(cls, text: str) -> FailureLimit:
        """Read ``N`` or ``P%``.

        Raises
        ------
        UsageError
            It is neither.
        """
        try:
            if text.endswith("%"):
                return cls(percent=float(text[:-1]))
            if text.isascii() and text.isdigit():
                return cls(count=int(text))
        except ValueError:
            pass
        raise UsageError(f"--max-failures {text}: give a number of records, or a percentage from 0% to 100%")

    def is_passed(self, failures: int, records: int, *, is_final: bool = False) -> bool:
        """Whether that is more than allowed."""
        if self.count is not None and failures > self.count:
            return True
        if self.percent is None or not (is_final or records >= MIN_RECORDS_FOR_PERCENT):
            return False
        return failures * 100 > self.percent * records


@dataclass(frozen=True, slots=True)
class PlannedFeed:
    """A feed and the plan its records are held to.

    Parameters
    ----------
    reader : ChunkReader
        Closed by the pipeline when it is read to its end, or when reading stops in it.
    plan : Plan
        Made for this feed's columns.
    callback : Callback, optional
        What good records go through.
    references : References, optional
        What good records, and those that come out of the callback, have to refer to.
    """

    reader: ChunkReader
    plan: Plan
    callback: Callback | None = None
    references: References | None = None

    def parse(self, chunk: Chunk, pace: ChunkPace) -> Batch:
        """Make a batch of a chunk, in any thread; a callback tells which record it is at."""
        batch = self.reader.parse(chunk, self.plan)
        if self.callback is not None:
            batch = self.callback.applied(batch, chunk, self.plan, pace)
        return batch if self.references is None else self.references.checked(batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """What to run, and how.

    Parameters
    ----------
    feeds : iterable of PlannedFeed
        In order, as `RunInfo.feeds` names them. Taken one by one in the reader's thread. Feeds that the run
        does not come to are for the caller to close.
    run : RunInfo
        The run's name and what its ranges depend on. Without a ``source`` it cannot be resumed.
    sink : Sink, optional
        Where good records go. None: they are only checked.
    rejects : RejectWriter, optional
        Where findings go. None: they are only counted, which is cheaper.
    schema : str
        The schema's name, for the report.
    workers : int, optional
        Threads that parse; `os.process_cpu_count` by default.
    is_tuned : bool
        Whether the numbers of workers and of lanes that write at once are changed by who waits for whom.
    job_buffer, result_buffer : int
        Chunks that may wait for a worker, and that may be under way from reader to collector.
    max_bytes : int
        Bytes of input and batches under way, about.
    failure_limit : FailureLimit, optional
        When to give up.
    duplicates : DuplicateCheck, optional
        Finds records that share a key. None: records may.
    log_every : int
        Records of a worker from one `Progress.worker_progress` to the next.
    progress : Progress, optional
        Told how it goes; the log by default.
    buffers : BufferPool, optional
        Where chunks' buffers go back to.
    stall_s : float, optional
        In a run that cannot be resumed: apply what has come when no chunk has come for so long.
    stall_timeout_s : float, optional
        End the run with a `StallError` when nothing has moved for so long. None: wait for ever.
    """

    feeds: Iterable[PlannedFeed]
    run: RunInfo
    sink: Sink | None = None
    rejects: RejectWriter | None = None
    schema: str = ""
    workers: int | None = None
    is_tuned: bool = False
    job_buffer: int = 100
    result_buffer: int = 100
    max_bytes: int = 64 << 20
    failure_limit: FailureLimit | None = None
    duplicates: DuplicateCheck | None = None
    log_every: int = 100_000
    progress: Progress | None = None
    buffers: BufferPool | None = None
    stall_s: float | None = 2.0
    stall_timeout_s: float | None = None

    @property
    def may_cut_anywhere(self) -> bool:
        """Whether ranges may end at any chunk, as nobody will have to find them again."""
        return self.sink is None or not self.run.source
