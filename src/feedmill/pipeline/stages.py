"""The stages around the workers: reader, collector and lanes; the settler has its own file.

Each is the body of one thread. What it raises is the run's first error; `ChannelClosed` is none, it says that
another stage has ended. However it ends, it cancels what it reads from and closes what it writes to.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

from feedmill.channel import ChannelClosed
from feedmill.counters import Counter
from feedmill.pipeline.jobs import ChunkJob
from feedmill.pipeline.ranges import RangeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from feedmill.kernel import Batch
    from feedmill.pipeline.config import PipelineConfig, PlannedFeed, Progress
    from feedmill.pipeline.flow import Flow
    from feedmill.pipeline.parsed import ParsedChunk
    from feedmill.pipeline.ranges import Range
    from feedmill.pool import WorkerPool
    from feedmill.stores.protocol import LaneWriter, Sink

_log = logging.getLogger("feedmill.pipeline")


class ReaderStage:
    """Make a job of each chunk.

    A fault of a feed lets everything be finished that was read before it.
    """

    def __init__(self, config: PipelineConfig, flow: Flow, pool: WorkerPool) -> None:
        self._config = config
        self._flow = flow
        self._pool = pool
        self._prepare: Callable[[Batch], None] | None = getattr(config.sink, "prepare", None)

    def run(self) -> None:
        """Read all feeds."""
        try:
            for number, feed in enumerate(self._config.feeds):
                self._read(number, feed)
            self._flow.all_is_read()
        except ChannelClosed:
            return
        except BaseException as error:
            self._flow.note(error, "reading")
        finally:
            self._flow.parsed.close()

    def _read(self, number: int, feed: PlannedFeed) -> None:
        self._flow.begin(f"reads feed {number + 1} from its start")
        try:
            for chunk in feed.reader:
                self._flow.begin(f"hands on bytes {chunk.offset} to {chunk.end} of {chunk.feed}")
                read_to = chunk.end
                try:
                    future = self._pool.submit(
                        ChunkJob(feed, number, chunk, self._config.buffers, self._flow.pace, self._prepare)
                    )
                except RuntimeError:  # the pool is shut down: the run has ended
                    raise ChannelClosed from None
                try:
                    self._flow.parsed.put(future, chunk.size)
                except ChannelClosed:
                    future.cancel()
                    raise
                self._flow.begin(f"reads {chunk.feed} from byte {read_to} on")
        except BaseException:
            # What broke the reading off says more than what goes wrong in closing after it.
            try:
                feed.reader.close()
            except Exception:
                _log.exception("closing feed %d raised after a fault", number)
            raise
        feed.reader.close()


class CollectorStage:
    """Put what workers made into ranges, and hand these to the lanes."""

    def __init__(self, config: PipelineConfig, flow: Flow, progress: Progress) -> None:
        self._config = config
        self._flow = flow
        self._progress = progress
        self._ranges = RangeBuilder()
        self._takes_failures = bool(getattr(config.sink, "takes_failures", False))
        self._failures = 0
        self._records = 0
        self.chunks = Counter()
        self.waiting_s = 0.0  # for workers; read when this has ended

    def run(self) -> None:
        """Collect until there is no more, or no more is wanted."""
        try:
            if self._collect():
                self._dispatch(self._ranges.flush())
                self._flow.all_is_dispatched()
        except ChannelClosed:
            return
        except BaseException as error:
            self._flow.fail(error, "putting results in order")
        finally:
            for future in self._flow.parsed.cancel():
                future.cancel()
            for inbox in self._flow.inboxes:
                inbox.close()
            self._flow.ranges.close()

    def _collect(self) -> bool:
        """Form ranges; return whether the chunks that are left over make one."""
        can_cut = self._config.may_cut_anywhere
        while True:
            try:
                future = self._next()
            except ChannelClosed:
                return self._is_rest_wanted()
            if future is None:
                self._dispatch(self._ranges.flush())
                continue
            chunk = self._result(future)
            finished = self._ranges.add(chunk)
            self._flow.pace.collected(chunk, self._ranges.records)
            if finished is not None:
                self._dispatch(finished)
                if self._flow.stopped and not can_cut:
                    return False
                # Of the next range no more than its first chunk is held before it has a place.
                self._flow.ranges.wait_for_room()
            self._progress.advanced(chunk.stored, chunk.records)
            if self._are_too_many(chunk):
                self._flow.stop("max_failures")
            if self._flow.stopped == "max_failures" and can_cut:
                return True

    def _next(self) -> Future[ParsedChunk] | None:
        """Wait for a chunk; None if none comes for long and what has come should not wait for it."""
        config = self._config
        may_time_out = config.may_cut_anywhere and self._ranges.is_open
        try:
            return self._flow.parsed.get(config.stall_s if may_time_out else None)
        except TimeoutError:
            return None

    def _result(self, future: Future[ParsedChunk]) -> ParsedChunk:
        self._flow.begin(f"waits for a worker, at {self._ranges.place}", is_waiting=True)
        started = perf_counter()
        chunk = future.result()
        self._flow.begin(f"puts {self._ranges.place} in order")
        self.waiting_s += perf_counter() - started
        self.chunks.add()
        check = self._config.duplicates
        return chunk if check is None else check.checked(chunk)

    def _is_rest_wanted(self) -> bool:
        """Whether the chunks after the last whole range are to be applied, now that no more come.

        After the feeds' end they are. Cut short, they would be a range that no other run has.
        """
        if self._flow.is_cut_short:
            return False
        return self._flow.is_read or self._config.may_cut_anywhere

    def _are_too_many(self, chunk: ParsedChunk) -> bool:
        self._failures += chunk.failures
        self._records += chunk.records
        limit = self._config.failure_limit
        return limit is not None and limit.is_passed(self._failures, self._records)

    def _dispatch(self, finished: Range | None) -> None:
        if finished is None:
            return
        parts = finished.parts(len(self._flow.inboxes), with_failures=self._takes_failures)
        self._flow.ranges.put(finished, finished.nbytes)
        for part in parts:
            self._flow.inboxes[part.lane].put(part)


class LaneStage:
    """Apply one lane's parts, one after the other."""

    def __init__(self, sink: Sink, number: int, flow: Flow) -> None:
        self._sink = sink
        self._number = number
        self._flow = flow
        self.parts = Counter()

    def run(self) -> None:
        """Open the lane, apply what comes, close it."""
        inbox, outbox = self._flow.inboxes[self._number], self._flow.outboxes[self._number]
        writer: LaneWriter | None = None
        try:
            self._flow.begin("opens its lane of the store")
            writer = self._sink.lane(self._number)
            for part in inbox:
                self._flow.begin("waits to be let write", is_waiting=True)
                with self._flow.writers:
                    self._flow.begin(f"applies {part}")
                    outcome = writer.apply(part)
                outbox.put(outcome, force=True)
                self.parts.add()
                # Its batches must not wait for the next one.
                del part
        except ChannelClosed:
            return
        except BaseException as error:
            self._flow.fail(error, f"lane {self._number}")
        finally:
            self._close(writer)
            inbox.cancel()
            outbox.close()

    def _close(self, writer: LaneWriter | None) -> None:
        try:
            if writer is not None:
                self._flow.begin("closes its lane of the store")
                writer.close()
        except BaseException as error:
            self._flow.fail(error, f"lane {self._number}")
