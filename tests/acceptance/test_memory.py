"""Memory is bounded by what is under way: neither the length of a feed nor its bad records count.

Each run is a process of its own, and the most memory it ever had is what its report says. A run of three
times the records may not need noticeably more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.feeds import FIELDS, Generator, csv_line
from tests.command import PRODUCT_SCHEMA, TIMEOUT_S, Command

BLOCK = 5_000
"""Records that are generated once and then written again and again: it is memory that is looked at."""

SHORT, LONG = 100_000, 300_000
SLACK_BYTES = 40 << 20
"""What two runs of the same command differ by: threads that allocate at other moments."""

LIMIT_BYTES = 300 << 20
"""What a million records may need at most, however bad."""


def feed_of(records: int, bad: float) -> Iterator[bytes]:
    """Write a feed piece by piece, so that the test itself does not hold it."""
    yield csv_line(FIELDS)
    block = b"".join(csv_line(record.cells) for record in Generator(bad=bad).records(BLOCK))
    for _ in range(records // BLOCK):
        yield block


def peak(feedmill: Command, records: int, bad: float, *arguments: object, **options: object) -> int:
    """Run a command over standard input; return the most memory it had."""
    with feedmill.start(
        *arguments, "-", schema=PRODUCT_SCHEMA, report="report.json", quiet=True, workers=2, **options
    ) as process:
        assert process.stdin is not None
        for piece in feed_of(records, bad):
            process.stdin.write(piece)
        _, err = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == (1 if bad else 0), err
    report = feedmill.report()
    assert report["records"] == records
    assert report["failures"] == (records if bad else 0)
    return int(report["peak_rss_bytes"])


@pytest.mark.slow
@pytest.mark.parametrize("bad", [0.0, 1.0], ids=["clean", "bad"])
@pytest.mark.parametrize(
    "command", [("validate",), ("load", "--to", "sqlite:///store.db", "--table", "offers")]
)
def test_more_records_need_no_more_memory(feedmill: Command, command: tuple[str, ...], bad: float) -> None:
    short, long = (peak(feedmill, records, bad, *command, rejects="rejects.csv") for records in (SHORT, LONG))
    assert long < short + SLACK_BYTES
    assert long < LIMIT_BYTES
