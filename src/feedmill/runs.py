"""Runs: feeds, a schema and a store put together, executed, and reported.

`load` writes to any store, `validate` to none (or to a file of the good records). Both, and the products'
main job, are `run_feeds`: open the feeds, bind their headers, compile a plan each, let the pipeline run.

Everything that can be refused is refused here, before the store is touched: a feed that cannot be opened, a
header that does not fit, a run that cannot be resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Protocol, Self, runtime_checkable

from feedmill.errors import ReadError, StallError, UsageError
from feedmill.failed import FailedRecords, check_exportable
from feedmill.kernel import Plan
from feedmill.pipeline import (
    Callback,
    DuplicateCheck,
    Pipeline,
    PipelineConfig,
    PlannedFeed,
    Progress,
    References,
    RejectWriter,
    signals,
)
from feedmill.readers import BufferPool, Reader, Source, find_sources, is_stream, open_source
from feedmill.readers.blocks import STDIN, Fingerprint
from feedmill.report import Report
from feedmill.run_options import DEFAULT_OPTIONS, RunOptions
from feedmill.schema import Schema
from feedmill.stores.opening import open_sink
from feedmill.stores.outfile import refuse_overwriting
from feedmill.stores.protocol import RunInfo, Sink
from feedmill.stores.rejects import RejectFile
from feedmill.stores.url import FILE_KINDS, Place, file_kind, parse_url

__all__ = ["RunOptions", "check_feeds", "load", "run_feeds", "run_planned", "validate"]


def load(
    feeds: Sequence[Source] | Source,
    to: Place,
    schema: Schema,
    *,
    table: str | None = None,
    mode: str | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Report:
    """Load feeds into one table, or into a file.

    Parameters
    ----------
    feeds : str or object, or a sequence of them
        Paths, globs, or ``-``; objects that offer an Arrow stream (``__arrow_c_stream__``).
    to : str or PathLike
        ``sqlite:///file.db``, ``postgresql://…``, or a file name ending in .csv, .jsonl, .parquet or .arrow.
    schema : Schema
        What the records have to be; also the table's definition, if it does not exist.
    table : str, optional
        The schema's name by default, else the first feed's name without its ending.
    mode : str, optional
        upsert, insert, ignore, append or replace; upsert where there is a primary key, else append.

    Raises
    ------
    UsageError
        Something about the call, a feed or its header does not fit; nothing was written.
    RunError
        The run stopped on a fault. What is committed stays; the same call with ``resume`` goes on.
    TooManyFailuresError
        The failure limit was passed.
    """
    sources = find_sources(feeds)
    _check_outputs(sources, schema, options, {"--to": parse_url(to).path, "--rejects": options.rejects})
    name = table or schema.name or _table_name(sources[0])
    sink = open_sink(to, schema, name, mode=mode, lanes=options.most_lanes)
    return run_feeds(sources, schema, sink, options=options, lane_key=schema.primary_key)


def validate(
    feeds: Sequence[Source] | Source,
    schema: Schema,
    *,
    valid: Place | None = None,
    options: RunOptions = DEFAULT_OPTIONS,
) -> Report:
    """Hold feeds against a schema; no database.

    Parameters
    ----------
    feeds, schema, options
        As for `load`.
    valid : str or PathLike, optional
        A .csv, .jsonl, .parquet or .arrow file for the good records, or a device, as CSV.
    """
    sources = find_sources(feeds)
    if options.resume:
        raise UsageError("validate has nothing to resume: it keeps no state; leave --resume out.")
    if valid and file_kind(valid) is None:
        raise UsageError(
            f"{valid}: good records are written to a file; name one ending in {', '.join(FILE_KINDS)}."
        )
    _check_outputs(sources, schema, options, {"--valid": valid, "--rejects": options.rejects})
    sink = open_sink(valid, schema, "", mode="replace") if valid else None
    return run_feeds(sources, schema, sink, options=options)


def check_feeds(feeds: Sequence[str], schema: Schema, options: RunOptions = DEFAULT_OPTIONS) -> None:
    """Refuse files that cannot be read, or whose header does not fit, before anything is made for a run.

    Streams, which can be read once only, are left to the run. Raises what `load` does.
    """
    for path in feeds:
        if is_stream(path):
            continue
        with open_source(path, options.dialect, options.chunk_size) as reader:
            reader.bind(schema, options.mapping)


def run_feeds(
    feeds: Sequence[Source],
    schema: Schema,
    sink: Sink | None,
    *,
    options: RunOptions = DEFAULT_OPTIONS,
    lane_key: Sequence[str] = (),
) -> Report:
    """Run feeds through the kernel into a sink.

    Parameters
    ----------
    feeds : sequence of Source
        As `feedmill.readers.find_sources` gives them.
    sink : Sink or None
        Where good records go; None checks them only.
    lane_key : sequence of str
        The fields that decide a record's lane.

    Raises
    ------
    UsageError, RunError, TooManyFailuresError
        As `load`.
    """
    _check_outputs(feeds, schema, options, {"--rejects": options.rejects, "--failed": options.failed})
    buffers = BufferPool()
    with ExitStack() as stack:
        opened = []
        references = References.wanted(schema, options.references, feeds, options.dialect)
        for source in feeds:
            opened.append(_opened(source, schema, options, buffers, lane_key))
            opened[-1].references = references
            stack.callback(opened[-1].close)
        run = _run_info(opened, schema, options)
        if isinstance(options.progress, SizedProgress):
            options.progress.expect(_total_bytes(opened))
        transform, fed_only = options.transform, bool(getattr(sink, "fed_only", False))
        callback = Callback(transform, schema, lane_key, fed_only=fed_only) if transform else None
        planned = (feed.planned(callback) for feed in opened)
        check = DuplicateCheck.wanted(schema, options.duplicates, run.feeds)
        work = partial(
            run_planned, planned, run, schema.name, sink, options=options, buffers=buffers, duplicates=check
        )
        if options.failed is None:
            return work()
        check_exportable(feeds, opened[0].columns, can_reread=opened[0].fingerprint is not None)
        with FailedRecords(options.failed) as failed:
            report = work(failed=failed)
            failed.export(opened[0].planned(), opened[0].columns or (), buffers, report.run_id)
        return report


def run_planned(  # noqa: PLR0913 - what was opened for it, and how to run
    feeds: Iterable[PlannedFeed],
    run: RunInfo,
    schema: str,
    sink: Sink | None,
    *,
    options: RunOptions = DEFAULT_OPTIONS,
    buffers: BufferPool | None = None,
    failed: FailedRecords | None = None,
    duplicates: DuplicateCheck | None = None,
) -> Report:
    """Run feeds that are open and have their plans, whatever they are read from.

    Parameters
    ----------
    feeds : iterable of PlannedFeed
        As `PipelineConfig.feeds`.
    run : RunInfo
        The run's name, and its feeds'.
    schema : str
        The schema's name, for the report.
    sink, options
        As for `run_feeds`; options that say how to read are for whoever made `feeds`.
    buffers : BufferPool, optional
        Where chunks' buffers go back to.
    failed : FailedRecords, optional
        Given all findings, too.
    duplicates
        As for `PipelineConfig`.

    Raises
    ------
    UsageError, RunError, TooManyFailuresError
        As `load`.
    """
    rejects: RejectWriter | None = RejectFile(options.rejects, run.feeds) if options.rejects else None
    config = PipelineConfig(
        feeds=feeds,
        run=run,
        sink=sink,
        rejects=rejects if failed is None else failed.beside(rejects),
        schema=schema,
        workers=options.first_workers,
        is_tuned=options.workers == "auto",
        job_buffer=options.job_buffer,
        result_buffer=options.result_buffer,
        max_bytes=_bytes_under_way(options),
        failure_limit=options.failure_limit,
        duplicates=duplicates,
        log_every=options.log_every,
        progress=options.progress,
        buffers=buffers,
        stall_timeout_s=options.stall_timeout_s,
    )
    pipeline = Pipeline(config)
    if options.on_start is not None:
        options.on_start(pipeline)
    with signals(pipeline) if options.handle_signals else nullcontext():
        return pipeline.run()


@runtime_checkable
class SizedProgress(Progress, Protocol):
    """A `Progress` that wants to know how much there is to do."""

    def expect(self, nbytes: int | None) -> None:
        """Take note of the bytes of all feeds; None if a stream is among them."""


@dataclass(slots=True)
class _OpenedFeed:
    """A feed that was opened and bound, so that all are known to fit before the first one is processed.

    A file is closed again until its turn comes, as there may be more than a process can hold open. A stream
    stays open.
    """

    plan: Plan
    columns: tuple[str, ...] | None
    fingerprint: Fingerprint | None
    bytes_total: int | None
    name: str
    reader: Reader | None
    reopen: Callable[[], Reader]
    references: References | None = None

    @classmethod
    def open(
        cls,
        source: Source,
        schema: Schema,
        options: RunOptions,
        buffers: BufferPool,
        lane_key: Sequence[str],
    ) -> Self:
        def bound() -> tuple[Reader, tuple[str, ...] | None]:
            reader = open_source(source, options.dialect, options.chunk_size, buffers)
            try:
                return reader, reader.bind(schema, options.mapping)
            except BaseException:
                reader.close()
                raise

        reader, columns = bound()
        try:
            feed = cls(
                plan=Plan(schema, reader.dialect, columns, lane_key),
                columns=reader.columns,
                fingerprint=reader.fingerprint,
                bytes_total=reader.bytes_total,
                name=reader.name,
                reader=reader,
                reopen=lambda: bound()[0],
            )
        except BaseException:
            reader.close()
            raise
        if feed.fingerprint is not None:
            feed.close()
        return feed

    def planned(self, callback: Callback | None = None) -> PlannedFeed:
        """Open it for the run."""
        reader = self.reader or self.reopen()
        self.reader = None
        if reader.fingerprint != self.fingerprint:
            reader.close()
            raise ReadError(f"feed {self.name} was changed while the run was starting; start it again")
        return PlannedFeed(reader, self.plan, callback, self.references)

    def close(self) -> None:
        """Close it, if it is open and not the pipeline's."""
        reader, self.reader = self.reader, None
        if reader is not None:
            reader.close()


def _opened(
    source: Source, schema: Schema, options: RunOptions, buffers: BufferPool, lane_key: Sequence[str]
) -> _OpenedFeed:
    """Open a feed; a pipe that nobody writes to may make that wait for ever, unless there is a limit."""
    limit_s = options.stall_timeout_s
    if limit_s is None:
        return _OpenedFeed.open(source, schema, options, buffers, lane_key)
    opened: Future[_OpenedFeed] = Future()

    def work() -> None:
        try:
            opened.set_result(_OpenedFeed.open(source, schema, options, buffers, lane_key))
        except BaseException as error:
            opened.set_exception(error)

    threading.Thread(target=work, name="feedmill-opening-1", daemon=True).start()
    if wait([opened], limit_s).done:
        return opened.result()
    raise StallError(f"nothing has moved for {limit_s:g} s: opening feed {source} waits for its header")


def _bytes_under_way(options: RunOptions) -> int:
    """Say how much input and how many batches may be on their way at once.

    Four chunks a worker keep all of them busy; what is more only waits in memory. Measured on two workers and
    a million records: 179 MB at 64 MiB, 90 MB at 16 MiB, 80 MB at 8 MiB, in the same time.
    """
    cpus = os.process_cpu_count() or 1
    workers = options.first_workers or cpus
    return min(max(4 * workers * options.chunk_size, 8 << 20), 64 << 20)


def _run_info(feeds: Sequence[_OpenedFeed], schema: Schema, options: RunOptions) -> RunInfo:
    """Name a run and what its ranges depend on."""
    source = ""
    if all(feed.fingerprint for feed in feeds):
        source = _digest([[feed.name, str(feed.fingerprint)] for feed in feeds])
    elif options.resume:
        raise UsageError("a run over standard input cannot be resumed: what was read is gone; run it again.")
    # Of a callback only its name can be known.
    callback = getattr(options.transform, "__qualname__", str(type(options.transform)))
    plan = [
        schema.to_descriptor(),
        [repr(feed.plan.dialect) for feed in feeds],
        dict(options.mapping),
        callback,
        *({options.duplicates} - {"last"}),
    ]
    return RunInfo(
        run_id=str(uuid.uuid4()),
        source=source,
        feeds=tuple(feed.name for feed in feeds),
        chunk_size=options.chunk_size,
        plan=_digest(plan),
        resume=options.resume,
    )


def _check_outputs(
    feeds: Sequence[Source], schema: Schema, options: RunOptions, outputs: Mapping[str, Place | None]
) -> None:
    inputs = [feed for feed in feeds if isinstance(feed, str) and feed != STDIN]
    inputs += References.files(schema, options.references)
    refuse_overwriting({name: path for name, path in outputs.items() if path}, inputs)


def _total_bytes(feeds: Sequence[_OpenedFeed]) -> int | None:
    sizes = [feed.bytes_total for feed in feeds]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def _digest(content: object) -> str:
    """Make a short name of something: 128 bits, as nobody is to find another thing of the same name."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def _table_name(feed: Source) -> str:
    """Name a table after a feed: ``data/items.csv.gz`` fills ``items``."""
    return PurePath(feed).name.partition(".")[0] if isinstance(feed, str) and feed != STDIN else ""
