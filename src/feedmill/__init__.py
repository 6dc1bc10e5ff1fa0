"""Validate, transform and load record files in parallel threads, and tell the truth about every record.

`load` and `validate` run feeds; `products` has the main job. `WorkerPool` and `Plan` are useful on their own.
"""

from feedmill.dialect import Dialect
from feedmill.errors import FeedmillError, RunError, StallError, TooManyFailuresError, UsageError
from feedmill.evidence import Inference
from feedmill.inference import infer
from feedmill.kernel import Batch, Checked, Plan, Record, parse
from feedmill.pipeline import FailureLimit, Progress, report_of
from feedmill.pool import WorkerPool
from feedmill.reading import Records, read
from feedmill.records import Position, Reject
from feedmill.report import Outcomes, Report
from feedmill.rules import Rule
from feedmill.runs import RunOptions, load, validate
from feedmill.schema import Constraints, Field, Schema
from feedmill.watchdog import Watchdog

__all__ = [
    "Batch",
    "Checked",
    "Constraints",
    "Dialect",
    "FailureLimit",
    "FeedmillError",
    "Field",
    "Inference",
    "Outcomes",
    "Plan",
    "Position",
    "Progress",
    "Record",
    "Records",
    "Reject",
    "Report",
    "Rule",
    "RunError",
    "RunOptions",
    "Schema",
    "StallError",
    "TooManyFailuresError",
    "UsageError",
    "Watchdog",
    "WorkerPool",
    "infer",
    "load",
    "parse",
    "read",
    "report_of",
    "validate",
]
