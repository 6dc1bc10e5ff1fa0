"""What a run shows on a terminal: a progress bar, the workers' log lines, what became of the records.

Results go to standard output, so that they can be piped; the bar and errors go to standard error.
"""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from feedmill import kernel
from feedmill.errors import RunError
from feedmill.products import Changes
from feedmill.report import Report

if TYPE_CHECKING:
    from rich.progress import Progress


def version_line() -> str:
    """Say what runs: version, interpreter, whether it has its GIL, kernel, what matches patterns."""
    # Here, as it takes a while to import.
    from importlib.metadata import version

    build = "free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "with the GIL"
    gil = "on" if sys._is_gil_enabled() else "off"
    return (
        f"feedmill {version('feedmill')} ({platform.python_implementation()} {platform.python_version()} "
        f"{build}, GIL {gil}, kernel {kernel.simd()}, patterns {kernel.pattern_engine()})"
    )


class RunDisplay:
    """The progress of a run: worker lines on standard output, and a bar on a terminal.

    Parameters
    ----------
    is_quiet : bool
        Show nothing while the run lasts.
    bar : rich.progress.Progress or None
        None where standard error is no terminal.

    Thread safety
    -------------
    any thread
    """

    def __init__(self, *, is_quiet: bool, bar: Progress | None) -> None:
        self._is_quiet = is_quiet
        self._bar = bar
        self._task = bar.add_task("", total=None, rate="") if bar else None
        self._lock = threading.Lock()  # guards what follows, and keeps lines whole
        self._records = 0

    def expect(self, nbytes: int | None) -> None:
        """Take note of how much there is to read."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, total=nbytes)

    def worker_progress(self, worker: int, records: int) -> None:
        """Print a worker's line."""
        self._say(f"Worker {worker}: processed {records} records")

    def worker_finished(self, worker: int, records: int) -> None:
        """Print a worker's last line."""
        self._say(f"Worker {worker} finished: processed {records} records in total")

    def advanced(self, nbytes: int, records: int) -> None:
        """Move the bar."""
        if self._bar is None or self._task is None:
            return
        with self._lock:
            self._records += records
            total = self._records
        self._bar.advance(self._task, nbytes)
        elapsed_s = self._bar.tasks[0].elapsed or 0.0
        if elapsed_s:
            self._bar.update(self._task, rate=f"{total / elapsed_s:,.0f} records/s")

    def _say(self, line: str) -> None:
        if self._is_quiet:
            return
        with self._lock:
            if self._bar:
                # Above the bar, which is drawn again below it.
                self._bar.console.print(line, highlight=False)
            else:
                say(line)


@contextmanager
def run_display(*, is_quiet: bool, with_bar: bool) -> Iterator[RunDisplay]:
    """Show a run's progress while the block lasts."""
    if is_quiet or not with_bar or sys.stderr is None or not sys.stderr.isatty():
        yield RunDisplay(is_quiet=is_quiet, bar=None)
        return
    # Here, as rich takes a tenth of the time in which all of feedmill is imported.
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(bar_width=None),
        DownloadColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        yield RunDisplay(is_quiet=False, bar=bar)


def say(line: str) -> None:
    """Print a line; that its reader has left, or that its disk is full, is no reason to stop a run."""
    if reason := _print(line):
        warn(f"feedmill: standard output cannot be written: {reason}")


def escape_what_cannot_be_shown() -> None:
    """Have characters escaped that standard output's encoding lacks, as they are on standard error."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def hand_out(value: object) -> None:
    """Print the JSON that a command is for.

    Raises
    ------
    RunError
        It cannot be written, and its reader has not left.
    """
    if sys.stdout is None:
        raise RunError("standard output is closed; name a file or a program for it.")
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    if reason := _print(text):
        raise RunError(f"standard output cannot be written: {reason}; what is there is not all of it.")


def warn(line: str) -> None:
    """Print a line that is no result."""
    click.echo(line, err=True)


def _print(text: str) -> str:
    """Write to standard output; say what was in the way, and then write no more."""
    try:
        click.echo(text)
    except OSError as error:
        # What is still in its buffer would raise again when the interpreter ends.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, by its name
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return "" if error.errno == errno.EPIPE else f"{error.strerror}"
    return ""


def show_outcomes(report: Report) -> None:
    """Print what became of the records, and which findings there were."""
    if report.stored:
        outcomes = report.outcomes
        say(
            f"Outcomes: inserted {outcomes.inserted}, updated {outcomes.updated}, "
            f"unchanged {outcomes.unchanged}, duplicate {outcomes.duplicate}"
            + ("" if report.discontinued is None else f", discontinued {report.discontinued}")
        )
    if report.rejects_by_code:
        say("Rejects:")
        for code, count in sorted(report.rejects_by_code.items(), key=lambda item: (-item[1], item[0])):
            say(f"  {count:>9}  {code}")


def show_stages(report: Report) -> None:
    """Print who worked, who waited, and which stage the others waited for."""
    for stage in report.stages:
        say(f"{stage.stage:10} at work {stage.busy_s:8.3f} s, waiting {stage.waiting_s:8.3f} s")
    if report.bottleneck:
        say(report.bottleneck)


def show_plan(changes: Changes) -> None:
    """Print what a run would change; what becomes of the records is printed as ever."""
    say("Plan: nothing was written. What a run would do:")
    # Without those that no record would change.
    columns = +changes.columns
    if columns:
        say("Changes:")
        for name, number in sorted(columns.items(), key=lambda item: (-item[1], item[0])):
            say(f"  {number:>9}  {name}")
    if changes.moves:
        say("Largest price moves:")
        for move in changes.moves:
            dealer, sku = printable(move.dealer_code), printable(move.sku)
            say(f"  {dealer}  {sku}  {move.old:.2f} → {move.new:.2f}  (× {move.factor:.3g})")


def printable(value: str) -> str:
    """Escape what would end a line, or move a terminal's cursor."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in value)


def show_last_lines(report: Report) -> None:
    """Print the two lines every run ends with."""
    say(f"Processing complete: {report.records} records processed")
    say(f"Successes: {report.successes}, Failures: {report.failures}")


def show_fault(error: Exception) -> None:
    """Print what went wrong, on standard error."""
    click.echo(f"feedmill: {error}", err=True)


def show_usage_fault(error: click.ClickException) -> None:
    """Print what is wrong about the arguments, and where to read on; the help where there are none."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "feedmill"
    click.echo(f"{command}: {error.format_message()}\nSee {command} --help.", err=True)
