"""Who waited for what, and when: one row a thread over the time of a run, and the sums of its report beneath.

::

    python profiling/timeline.py [-- feedmill arguments]
    python profiling/timeline.py --report run.json      # of a run in the past: the sums only

Runs in this process, on any build. The stage that hardly waits is the bottleneck.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from feedmill.errors import UsageError
from feedmill.report import read_report
from job import FINISHED, Job, ProfilingError, finish, fresh_store, parser, read_arguments, stop
from recorder import Recording, recording
from svg import FAINT, INK, RULE, Drawing, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feedmill.report import Report

BUSY: Final = "#3a9d8f"
GETTING: Final = "#cfe0f4"
PUTTING: Final = "#f2a65a"
LEGEND: Final = {
    "at work (its own code, and the disk or database it calls)": BUSY,
    "waits for input: a channel is empty": GETTING,
    "waits for room: a channel is full": PUTTING,
}
ORDER: Final = ("reader", "worker", "collector", "lane", "settler")
ONLOOKERS: Final = {"run", "watchdog", "opening"}
"""They wait for threads and not at channels, so they would look busy all the time."""
WIDTH: Final = 1500
LEFT: Final = 120
PLOT: Final = 930
ROW: Final = 26


def main(argv: Sequence[str] | None = None) -> int:
    """Run, draw, say what was made."""
    made = parser(__doc__ or "", "timeline")
    made.add_argument(
        "--report", type=Path, metavar="RUN.json", help="draw the sums of this report; run nothing"
    )
    given, job = read_arguments(made, argv)
    try:
        if given.report is not None:
            report, seen, title = read_report(str(given.report)), None, f"Who waited: {given.report.name}"
        else:
            job = with_report(job)
            report, seen = run_recorded(job)
            title = f"Who waited for what: {shorten(job.line, 95)}"
        picture = job.file(".svg")
        picture.write_text(render(report, seen, title), encoding="utf-8")
        print("\n".join(sentences(report)))
        return finish([picture])
    except (ProfilingError, UsageError) as error:
        return stop(error)


def with_report(job: Job) -> Job:
    """See that the job writes a report: what the picture's lower half is made from."""
    if job.option("--report") is not None:
        return job
    return Job((*job.command, "--report", str(job.file(".report.json"))), job.out, job.name)


def run_recorded(job: Job) -> tuple[Report, Recording]:
    """Run the job here, and record its waits."""
    from feedmill.cli import main as feedmill

    with fresh_store(job), recording() as seen:
        code = feedmill(job.command)
    if code not in FINISHED:
        raise ProfilingError(f"feedmill ended with exit code {code}")
    return read_report(job.option("--report") or ""), seen


def sentences(report: Report) -> list[str]:
    """Say what the report says, and which stage is the bottleneck."""
    lines = [
        f"{stage.stage:10} at work {stage.busy_s:8.3f} s, waiting {stage.waiting_s:8.3f} s "
        f"(at work {100 * report.busy_share(stage):3.0f} % of the run)"
        for stage in report.stages
    ]
    return [*lines, report.bottleneck] if report.bottleneck else lines


def render(report: Report, seen: Recording | None, title: str) -> str:
    """Draw a run."""
    threads = order_threads(seen.lives) if seen else []
    top = 108
    middle = top + ROW * len(threads) + (70 if threads else 0)
    drawing = Drawing(WIDTH, middle + 36 + ROW * len(report.stages) + 56, title)
    drawing.text((12, 28), title, size=18, style="bold")
    drawing.text((12, 50), facts(report), fill=FAINT)
    drawing.legend((12, 76), LEGEND)
    if seen is not None and threads:
        _draw_threads(drawing, seen, threads, top)
    _draw_stages(drawing, report, middle)
    return drawing.render()


def counted(number: int, noun: str) -> str:
    """Write "1 lane" or "2 lanes"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def facts(report: Report) -> str:
    """Write the run in one line."""
    return (
        f"CPython {report.python}, GIL {'on' if report.gil_enabled else 'off'}; "
        f"{counted(report.workers, 'worker')}, "
        f"{counted(report.lanes, 'lane')}; {report.records:,} records in {report.elapsed_s:.2f} s, "
        f"{report.records_per_s:,.0f} a second; {report.cpu_s:.2f} s of CPU"
    )


def order_threads(names: Iterable[str]) -> list[str]:
    """Put threads in the order of the flow; those that only wait for the others are left out."""

    def place(name: str) -> tuple[int, int]:
        role, _, number = name.rpartition("-")
        return (ORDER.index(role) if role in ORDER else len(ORDER), int(number) if number.isdigit() else 0)

    return sorted((name for name in names if name.rpartition("-")[0] not in ONLOOKERS), key=place)


def _draw_threads(drawing: Drawing, seen: Recording, threads: Sequence[str], top: int) -> None:
    begin = min(life.begin_s for life in seen.lives.values())
    end = max(life.end_s for life in seen.lives.values())
    scale = PLOT / max(end - begin, 1e-9)
    waits = defaultdict(list)
    for wait in seen.waits:
        waits[wait.thread].append(wait)
    for number, thread in enumerate(threads):
        life, y = seen.lives[thread], top + ROW * number
        drawing.text((12, y + 14), thread, style="bold")
        x = LEFT + (life.begin_s - begin) * scale
        alive = f"{thread}: alive {life.end_s - life.begin_s:.3f} s, of these on a CPU {life.cpu_s:.3f} s"
        drawing.box((x, y), ((life.end_s - life.begin_s) * scale, ROW - 7), BUSY, alive)
        for wait in waits[thread]:
            what = "empty" if wait.side == "get" else "full"
            length = wait.end_s - wait.begin_s
            drawing.box(
                (LEFT + (wait.begin_s - begin) * scale, y),
                (length * scale, ROW - 7),
                GETTING if wait.side == "get" else PUTTING,
                f"{thread} waited {1000 * length:.1f} ms: {wait.channel} ({what})",
            )
        drawing.text((LEFT + PLOT + 16, y + 14), told(seen, thread), size=12, fill=FAINT)
    _draw_axis(drawing, end - begin, top + ROW * len(threads))


def told(seen: Recording, thread: str) -> str:
    """Say in words what a thread waited for most."""
    life = seen.lives[thread]
    alive = max(life.end_s - life.begin_s, 1e-9)
    sums = {(channel, side): total[0] for (name, channel, side), total in seen.sums.items() if name == thread}
    waited = sum(sums.values())
    parts = [
        f"at work {max(0.0, 100 * (1 - waited / alive)):.0f} %, on a CPU {100 * life.cpu_s / alive:.0f} %"
    ]
    for (channel, _), seconds in sorted(sums.items(), key=lambda entry: -entry[1])[:2]:
        if seconds / alive >= 0.01:
            parts.append(f"{channel} {100 * seconds / alive:.0f} %")
    return "; ".join(parts)


def _draw_axis(drawing: Drawing, length_s: float, y: int) -> None:
    step = next(
        (each for power in range(-3, 5) for each in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
         if length_s / each <= 10),
        length_s,
    )  # fmt: skip
    drawing.line((LEFT, y + 4), (LEFT + PLOT, y + 4), RULE)
    tick = 0
    while tick * step <= length_s:
        x = LEFT + tick * step / max(length_s, 1e-9) * PLOT
        drawing.line((x, y + 4), (x, y + 9), FAINT)
        drawing.text((x, y + 24), f"{tick * step:g} s", size=12, fill=FAINT, style="middle")
        tick += 1


def _draw_stages(drawing: Drawing, report: Report, top: int) -> None:
    drawing.text((12, top + 8), "The report's sums, by stage, as a part of the run", size=15, style="bold")
    verdict = sentences(report)[-1] if report.stages else ""
    drawing.text((12, top + 48 + ROW * len(report.stages)), verdict, fill=INK)
    for number, stage in enumerate(report.stages):
        y = top + 26 + ROW * number
        # Threads may outlive what the report calls the run by a moment.
        busy = min(PLOT, PLOT * report.busy_share(stage))
        waiting = min(PLOT - busy, PLOT * report.waiting_share(stage))
        drawing.text((12, y + 14), stage.stage, style="bold")
        tip = f"{stage.stage}: at work {stage.busy_s:.3f} s, waiting {stage.waiting_s:.3f} s"
        drawing.box((LEFT, y), (busy, ROW - 7), BUSY, tip)
        drawing.box((LEFT + busy, y), (waiting, ROW - 7), GETTING, tip)
        count = report.threads_of(stage)
        drawing.text(
            (LEFT + PLOT + 16, y + 14),
            f"at work {stage.busy_s:.3f} s, waiting {stage.waiting_s:.3f} s; {counted(stage.items, 'item')}, "
            f"{counted(count, 'thread')}",
            size=12,
            fill=FAINT,
        )


if __name__ == "__main__":
    sys.exit(main())
