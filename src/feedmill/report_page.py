"""A run's report as a page for people: one HTML file that needs no other, no script and no network.

`report_page.html` is the page, with a ``$name`` where something of the run goes; here that is made.
"""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from feedmill.report import Report

__all__ = ["report_page"]

NOTHING: Final = '<p class="faint">None.</p>'


def report_page(report: Report) -> str:
    """Write a run's report as an HTML page.

    Parameters
    ----------
    report : Report
        Of this run or of an old one, read by `Report.from_json`.

    Returns
    -------
    str
        The page. What a feed or schema is called appears in it as text, whatever it is.
    """
    page = files("feedmill").joinpath("report_page.html").read_text("utf-8")
    mood, verdict = _verdict(report)
    return Template(page).substitute(
        title=escape(f"feedmill: {report.feed}"),
        feed=escape(report.feed),
        run_id=escape(report.run_id),
        mood=mood,
        verdict=escape(verdict),
        figures=_figures(report),
        records=_records(report),
        findings=_findings(report),
        stages=_stages(report),
        bottleneck=escape(report.bottleneck or ""),
        workers=_workers(report),
        facts=escape(_facts(report)),
    )


def _verdict(report: Report) -> tuple[str, str]:
    """Say in a sentence how it ended, and how that is to be taken: "good", "some" or "bad"."""
    if report.stopped == "interrupted":
        return "bad", "Interrupted: the counts are of what was finished; --resume goes on from there."
    if report.stopped == "max_failures":
        return "bad", "Stopped, as too many records failed: the counts are of what was finished."
    if report.stopped is not None:
        return "bad", "Stopped on a fault: the counts are of what was finished; --resume goes on from there."
    if report.failures:
        share = _percent(report.failures, report.records)
        return "some", f"{_number(report.failures)} of {counted(report.records, 'record')} failed ({share})."
    return "good", f"{counted(report.records, 'record')}, and each of them is good."


def _figures(report: Report) -> str:
    figures = (
        ("records", _number(report.records)),
        ("successes", _number(report.successes)),
        ("failures", _number(report.failures)),
        ("records a second", _number(round(report.records_per_s))),
        ("elapsed", f"{report.elapsed_s:,.2f} s"),
        ("of all CPUs", f"{report.cpu_s:,.2f} s"),
        ("read", _bytes(report.bytes)),
        ("memory at most", _bytes(report.peak_rss_bytes)),
    )
    return "\n".join(
        f"<div><b>{escape(value)}</b><span>{escape(name)}</span></div>" for name, value in figures
    )


def _records(report: Report) -> str:
    """Show what became of each record: the parts add up to all of them."""
    parts = [("failed", report.failures, "bad")]
    if report.dropped:
        parts.append(("dropped by the callback", report.dropped, "faint"))
    if report.stored:
        outcomes = report.outcomes
        parts += [
            ("inserted", outcomes.inserted, "new"),
            ("updated", outcomes.updated, "changed"),
            ("unchanged", outcomes.unchanged, "same"),
            ("duplicate", outcomes.duplicate, "faint"),
        ]
    else:
        parts.append(("good", report.successes - report.dropped, "new"))
    rows = [(escape(name), number, mood) for name, number, mood in parts]
    table = _bars(rows, report.records)
    if report.discontinued is not None:
        gone = counted(report.discontinued, "offer")
        table += f"<p>{gone} discontinued: the feed did not list them any more.</p>"
    return table


def _findings(report: Report) -> str:
    """Show what was wrong with the records that failed; one may have several findings."""
    found = sorted(report.rejects_by_code.items(), key=lambda item: (-item[1], item[0]))
    if not found:
        return NOTHING
    return _bars([(f"<code>{escape(code)}</code>", number, "bad") for code, number in found], found[0][1])


def _bars(rows: Iterable[tuple[str, int, str]], whole: int) -> str:
    """Make a table of names, numbers and bars; `whole` is the number of a bar in full length."""
    cells = "\n".join(
        f"<tr><th>{name}</th><td>{_number(number)}</td>"
        f'<td class="plot"><i class="{mood}" style="width:{_percent(number, whole)}"></i></td></tr>'
        for name, number, mood in rows
    )
    return f"<table>{cells}</table>"


def _stages(report: Report) -> str:
    if not report.stages:
        return NOTHING
    rows = []
    for stage in report.stages:
        busy, waiting = report.busy_share(stage), report.waiting_share(stage)
        rows.append(
            f"<tr><th>{escape(stage.stage)}</th><td>{counted(stage.items, 'item')}</td>"
            f"<td>{stage.busy_s:,.3f} s</td><td>{stage.waiting_s:,.3f} s</td>"
            f'<td class="plot"><i class="new" style="width:{_percent(busy, 1)}"></i>'
            f'<i class="same" style="width:{_percent(min(waiting, 1 - min(busy, 1)), 1)}"></i></td></tr>'
        )
    return _table(("stage", "", "at work", "waiting"), rows, '<th class="plot">of each thread\'s run</th>')


def _workers(report: Report) -> str:
    if not report.per_worker:
        return NOTHING
    rows = [
        f"<tr><th>{worker.worker}</th><td>{_number(worker.jobs)}</td><td>{_number(worker.records)}</td>"
        f"<td>{worker.busy_s:,.3f} s</td><td>{worker.waiting_s:,.3f} s</td></tr>"
        for worker in report.per_worker
    ]
    return _table(("worker", "jobs", "records", "at work", "waiting"), rows)


def _table(heads: Sequence[str], rows: Iterable[str], last_head: str = "") -> str:
    head = "".join(f"<th>{each}</th>" for each in heads)
    body = "\n".join(rows)
    return f"<table><thead><tr>{head}{last_head}</tr></thead><tbody>{body}</tbody></table>"


def _facts(report: Report) -> str:
    failed = f", {report.failed_jobs:,} of them taken apart" if report.failed_jobs else ""
    return (
        f"schema {report.schema}; CPython {report.python}, GIL {'on' if report.gil_enabled else 'off'}; "
        f"{counted(report.workers, 'worker')}, {counted(report.lanes, 'lane')}, "
        f"{counted(report.jobs, 'job')}{failed}"
    )


def counted(number: int, noun: str) -> str:
    """Write "1 lane" or "2,000 lanes"."""
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _number(number: int) -> str:
    return f"{number:,}"


def _bytes(number: int) -> str:
    """Write a size in the unit in which it has up to three digits before the point."""
    size, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"


def _percent(part: float, whole: float) -> str:
    return f"{100 * min(max(part / whole, 0.0), 1.0) if whole else 0:.2f}%"
