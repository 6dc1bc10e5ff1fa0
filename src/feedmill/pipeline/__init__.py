"""From feeds to a store: read, parse, put in order, write, account for every record.

::

                   job channel         parsed, in             inboxes        outboxes
    reader ─chunks─▶ worker 1…n ─┐   input order            ┌▶ lane 0 ─outcomes─┐        ┌▶ rejects
      │                          ▼                          │                   ▼        │
      └─────── futures ────▶ ════════▶ collector ───parts───┼▶ lane 1 ─────▶ settler ────┤
                                           │                └▶ …                ▲        │
                                           └──────────── ranges ────────────────┘        └▶ report

=========  ============================================================================  =====================
stage      does                                                                          threads
=========  ============================================================================  =====================
reader     takes chunks from the feeds, makes a job of each                              feedmill-reader-1
worker     lets the kernel make a batch of a chunk; gives the buffer back                feedmill-worker-1 … n
collector  takes batches in input order, says what stands before each, forms ranges      feedmill-collector-1
lane       applies its part of each range in one transaction                             feedmill-lane-0 … m-1
settler    takes ranges in order, when all lanes have applied them; writes their         feedmill-settler-1
           rejects, counts their records
run        begins and finishes or aborts the store, starts all others and waits for      feedmill-run-1
           them; the caller's thread waits for it, and for signals
=========  ============================================================================  =====================

*Order.* The reader puts the future of each job into ``parsed`` as it submits it, so the collector meets
batches in input order however the workers finish, and what is under way is bounded: by count, and by bytes.
From there on everything is a function of the input alone: where ranges begin and end, what each lane gets, in
which order outcomes are read (lane by lane, range by range) and rejects written. No number of threads and no
timing changes a result.

*Ending.* A stage that ends, for whatever reason, cancels the channels it reads from and closes those it
writes to. So the end of any of them reaches all: upstream by `ChannelClosed` from the next put, downstream
when what is under way is done. The first error is kept. Nothing is interrupted within a transaction, and a
range counts when all its lanes have it.

*Stopping* (`Pipeline.stop`, or too many failures) happens at the end of a range, as ranges have to be the
same when the run is resumed; where nothing can be resumed, it happens at once.

A run over records that exist only in the transaction that applies them has no stages: `serial`.

If you add a stage: give it the same two duties at its end, and a line in this table.
"""

from feedmill.pipeline.callbacks import Callback, Transform
from feedmill.pipeline.config import (
    FailureLimit,
    LoggedProgress,
    PipelineConfig,
    PlannedFeed,
    Progress,
    RejectWriter,
)
from feedmill.pipeline.duplicates import DuplicateCheck
from feedmill.pipeline.references import References
from feedmill.pipeline.run import Pipeline, report_of, run_pipeline
from feedmill.pipeline.serial import SerialRun
from feedmill.pipeline.signals import signals

__all__ = [
    "Callback",
    "DuplicateCheck",
    "FailureLimit",
    "LoggedProgress",
    "Pipeline",
    "PipelineConfig",
    "PlannedFeed",
    "Progress",
    "References",
    "RejectWriter",
    "SerialRun",
    "Transform",
    "report_of",
    "run_pipeline",
    "signals",
]
