"""How many instructions the kernel executes a record, by function: for parsing, and for parsing and COPY.

::

    python profiling/instructions.py [--records N] [-- feedmill arguments with {feed}]

valgrind's callgrind counts the same job over two feeds, one three times as long; the difference by the
records between them has no start-up in it. Instructions are the same on a busy machine and on an idle
one, so two versions of the kernel can be compared to the last percent anywhere. They are no seconds: a
cache miss costs as much as a hundred of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import callgrind
from interpreters import own
from job import (
    FEED,
    FINISHED,
    Job,
    ProfilingError,
    finish,
    fresh_store,
    parser,
    positive,
    read_arguments,
    shown,
    stop,
)
from svg import FAINT, RULE, Drawing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

RECORDS: Final = 2_000
"""Of the shorter feed: ten seconds under callgrind, nearly all of them start-up."""

LONGER: Final = 3
KERNEL: Final = "#f6a54c"
OTHER: Final = "#d9c8ec"
LEGEND: Final = {"feedmill, kernel": KERNEL, "all else: libc, CPython, libraries": OTHER}
MOST: Final = 16
WIDTH: Final = 1300
LEFT: Final = 370
PLOT: Final = 640
ROW: Final = 22


@dataclass(frozen=True, slots=True)
class Cost:
    """What one job costs a record, in instructions, by function; the largest first."""

    what: str
    bytes_a_record: float
    functions: Mapping[callgrind.Function, float]

    @property
    def total(self) -> float:
        """All functions together."""
        return sum(self.functions.values())

    @property
    def kernel(self) -> float:
        """The kernel's own."""
        return sum(cost for function, cost in self.functions.items() if function.is_kernel)


def main(argv: Sequence[str] | None = None) -> int:
    """Count, draw, say what was made."""
    made = parser(__doc__ or "", "instructions")
    made.add_argument(
        "--records",
        type=positive,
        default=RECORDS,
        metavar="N",
        help="of the shorter feed; default: %(default)s",
    )
    own_arguments = sys.argv[1:] if argv is None else list(argv)
    if "--" in own_arguments and not any("{feed}" in each for each in own_arguments):
        made.error("write {feed} where the feed stands: two of different length take its place")
    # The two feeds are made here, so {feed} has to stay what it is.
    given, job = read_arguments(made, [each.replace("{feed}", MARK) for each in own_arguments])
    try:
        if shutil.which("valgrind") is None:
            raise ProfilingError("valgrind is missing; run: apt-get install valgrind")
        costs = count(job, given.records, is_sample="--" not in own_arguments)
    except ProfilingError as error:
        return stop(error)
    picture = job.file(".svg")
    notes = f"{own()}; callgrind; {LONGER * given.records:,} records less {given.records:,}"
    picture.write_text(render(costs, notes), encoding="utf-8")
    for cost in costs:
        print(
            f"{cost.what}: {cost.total:,.0f} instructions a record, {cost.kernel:,.0f} of them the kernel's; "
            f"{cost.total / cost.bytes_a_record:.1f} a byte of {cost.bytes_a_record:.0f}"
        )
    return finish([picture])


MARK: Final = "{the feed}"


def count(job: Job, records: int, *, is_sample: bool) -> list[Cost]:
    """Count what each job costs over both feeds."""
    feeds = [cut(job.out / f"{job.name}-{size}.csv", size) for size in (records, LONGER * records)]
    if is_sample:
        child = [str(Path(__file__).with_name("kernel_job.py"))]
        jobs = {"parse": [*child, "parse", MARK], "parse + COPY": [*child, "copy", MARK]}
    else:
        jobs = {job.line.replace(MARK, "{feed}"): ["-m", "feedmill", *job.command]}
    grown = feeds[1].stat().st_size - feeds[0].stat().st_size
    more = (LONGER - 1) * records
    costs = []
    for what, arguments in jobs.items():
        small, large = (run_under(arguments, feed, job) for feed in feeds)
        costs.append(Cost(what, grown / more, callgrind.a_record(small, large, more)))
    return costs


def cut(path: Path, records: int) -> Path:
    """Write the first records of the example feed, which has none of more than one line among them."""
    with FEED.open("rb") as file:
        lines = file.readlines()
    header, rest = lines[0], lines[1:]
    repeated = rest * (records // len(rest) + 1)
    path.write_bytes(header + b"".join(islice(repeated, records)))
    return path


def run_under(arguments: Sequence[str], feed: Path, job: Job) -> Counter[callgrind.Function]:
    """Run Python under callgrind."""
    out = job.file(".callgrind.out")
    command = [
        *("valgrind", "--tool=callgrind", "-q", f"--callgrind-out-file={out}", sys.executable),
        *(each.replace(MARK, str(feed)) for each in arguments),
    ]
    print("$", " ".join(map(shown, command)), flush=True)
    # Strings hash alike in each run, or dictionaries would differ by more than some functions cost.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with fresh_store(job):
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode not in FINISHED or not out.exists():
        raise ProfilingError(f"the job failed under valgrind: {done.stderr.strip()[-800:]}")
    try:
        with out.open(encoding="utf-8", errors="replace") as file:
            return callgrind.read(file)
    finally:
        out.unlink()


def render(costs: Sequence[Cost], notes: str) -> str:
    """Draw a bar a function, for each job."""
    shown = [(cost, [entry for entry in cost.functions.items() if entry[1] >= 1][:MOST]) for cost in costs]
    height = 96 + sum(74 + ROW * len(rows) for _, rows in shown) + 12
    drawing = Drawing(WIDTH, height, "Instructions a record")
    drawing.text((12, 28), "Instructions a record, by function", size=18, style="bold")
    drawing.text((12, 50), notes, fill=FAINT)
    drawing.legend((12, 76), LEGEND)
    most = max((cost for _, rows in shown for _, cost in rows), default=1.0)
    y = 112.0
    for cost, rows in shown:
        head = f"{cost.what}: {cost.total:,.0f} a record, {cost.kernel:,.0f} in the kernel"
        drawing.text((12, y), head, size=15, style="bold")
        drawing.line((12, y + 10), (WIDTH - 12, y + 10), RULE)
        for number, (function, each) in enumerate(rows):
            top = y + 22 + ROW * number
            drawing.text((LEFT - 10, top + 12), function.frame_label, size=12, style="mono end")
            drawing.box((LEFT, top), (PLOT * each / most, ROW - 6), KERNEL if function.is_kernel else OTHER)
            told = f"{each:,.0f}  ({100 * each / cost.total:.1f} %)"
            drawing.text((LEFT + PLOT * each / most + 8, top + 12), told, size=12, fill=FAINT)
        y += 74 + ROW * len(rows)
    return drawing.render()


if __name__ == "__main__":
    sys.exit(main())
