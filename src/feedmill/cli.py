"""The command line: arguments, exit codes, printing; no logic.

::

    feedmill process  FEED… --to URL              products, offers, outcomes, events
    feedmill load     FEED… --to URL --schema S   any schema into any store
    feedmill validate FEED… --schema S            no database
    feedmill infer    FEED…                       a Table Schema of feeds, with its evidence
    feedmill retry    FILE --to URL               what `process --failed FILE` wrote, mended
    feedmill migrate  URL                         create or update the tables of `process`
    feedmill report   REPORT.json --html OUT      what --report wrote, as a page for people
    feedmill worker   URL                         `process --from-staging`, for ever; see `services`
    feedmill relay    URL --broker B              events to a message broker; see `services`

A command turns its arguments into the values the library takes, calls one function of the library, and prints
what came back. An option of every command belongs into `options`; what a run shows, into `console`.

Exit codes: 0 all records good; 1 the run finished and some records failed; 2 wrong usage, schema or dialect,
a feed that cannot be opened, a header that does not fit; 3 stopped on a fault, can be resumed; 4
``--max-failures`` or ``--max-discontinue`` was passed, or ``--gate`` held the feed; 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import click

from feedmill import console
from feedmill.errors import NO_MEMORY, FeedmillError, RunError, UsageError
from feedmill.inference import infer
from feedmill.options import (
    BATCH_OPTION,
    COMMON_OPTIONS,
    DIALECT_OPTIONS,
    Arguments,
    add_options,
    check_files,
    dialect_of,
    failure_limit,
    in_file,
    out_file,
    run_options_of,
)
from feedmill.pipeline import FailureLimit, report_of
from feedmill.products import Gate, plan_feeds, process_feeds, process_staged, retry_failed
from feedmill.products import migrate as migrate_database
from feedmill.report import Report, read_report
from feedmill.report_page import report_page
from feedmill.runs import RunOptions, load, validate
from feedmill.schema import Schema
from feedmill.services import relay_command, worker_command
from feedmill.stores.merge import MODES
from feedmill.stores.outfile import OutFile, is_device, refuse_overwriting

ALL_GOOD: Final = 0
SOME_FAILED: Final = 1
INTERRUPTED: Final = 130
OUT_OF_MEMORY: Final = f"feedmill: {NO_MEMORY}\n".encode()
DEFAULT_URL: Final = "sqlite:///feedmill.db"

_feeds = click.argument("feeds", nargs=-1, required=True, metavar="FEED…")
_schema = click.option(
    "--schema", callback=in_file, required=True, metavar="S", help="A Table Schema, JSON or TOML."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(message=console.version_line())
def cli() -> None:
    """Validate, transform and load record files in parallel threads.

    FEED is a path, a glob, or - for standard input. URL is sqlite:///file.db, postgresql://…, or a file name
    ending in .csv, .jsonl, .parquet or .arrow.
    """


@cli.command("process")
@click.argument("feeds", nargs=-1, metavar="FEED…")
@click.option("--to", "url", default=DEFAULT_URL, show_default=True, metavar="URL", help="Where to load.")
@click.option(
    "--schema",
    callback=in_file,
    metavar="S",
    help="A Table Schema instead of the built-in one of products.",
)
@click.option(
    "--dealers", callback=in_file, metavar="CSV", help="Known dealers, code,name: added before the run."
)
@click.option("--create-dealers", is_flag=True, help="Create dealers the database does not know.")
@click.option(
    "--every-outcome", is_flag=True, help="An outcome row for unchanged and duplicate records, too."
)
@click.option(
    "--from-staging",
    "staged",
    metavar="URL",
    help="Process what waits in URL's staging table, instead of feeds.",
)
@click.option("--verify", is_flag=True, help="Compare every record with the database, unchanged ones, too.")
@click.option(
    "--snapshot", is_flag=True, help="The feed lists all its dealers offer: discontinue their other offers."
)
@click.option(
    "--max-discontinue",
    type=failure_limit,
    metavar="N|P%",
    help="With --snapshot, discontinue nothing if it were more than this.",
)
@click.option("--plan", is_flag=True, help="Only tell what would change; write nothing.")
@click.option("--gate", is_flag=True, help="Hold a feed that is not like its dealers' last accepted ones.")
@click.option("--accept", is_flag=True, help="With --gate: let it in all the same, from now on.")
@click.option(
    "--gate-limit",
    "limits",
    multiple=True,
    metavar="NAME=N",
    help="How far a feed may be: volume=2 and price=5 times, empty=20 and currency=20 points.",
)
@add_options((BATCH_OPTION, *COMMON_OPTIONS, *DIALECT_OPTIONS))
def process_command(
    feeds: tuple[str, ...], url: str, staged: str | None, schema: str | None, **arguments: object
) -> None:
    """Load dealers' product feeds: products, offers, outcomes and events."""
    dealers = arguments["dealers"]
    gate = _gate_of(arguments)
    limit = cast("FailureLimit | None", arguments["max_discontinue"])
    _check_process(feeds, staged, gate, arguments)

    def plan(options: RunOptions) -> Report:
        report, changes = plan_feeds(
            feeds,
            url,
            schema=Schema.load(Path(schema)) if schema else None,
            dealers=None if dealers is None else Path(str(dealers)),
            create_dealers=bool(arguments["create_dealers"]),
            snapshot=bool(arguments["snapshot"]),
            max_discontinue=limit,
            options=options,
        )
        console.show_plan(changes)
        return report

    def run(options: RunOptions) -> Report:
        rules = Schema.load(Path(schema)) if schema else None
        known = None if dealers is None else Path(str(dealers))
        flags = {name: bool(arguments[name]) for name in ("create_dealers", "every_outcome")}
        if staged:
            page_rows = int(str(arguments["batch"]))
            return process_staged(
                staged, schema=rules, dealers=known, page_rows=page_rows, options=options, **flags
            )
        return process_feeds(
            feeds,
            url,
            schema=rules,
            dealers=known,
            verify=bool(arguments["verify"]),
            snapshot=bool(arguments["snapshot"]),
            max_discontinue=limit,
            gate=gate,
            options=options,
            **flags,
        )

    _run(plan if arguments["plan"] else run, feeds, {**arguments, "schema": schema, "to": staged or url})


def _check_process(feeds: Sequence[str], staged: str | None, gate: Gate | None, arguments: Arguments) -> None:
    """Refuse options of `process` that do not go together."""
    if bool(feeds) == bool(staged):
        raise UsageError("Name feeds, or --from-staging URL; not both.")
    if gate and staged:
        raise UsageError("--gate reads the feed twice, and rows of the staging table are claimed once.")
    if gate and arguments["plan"]:
        raise UsageError("--plan writes nothing that --gate could hold back; leave one of them out.")
    for name in ("plan", "snapshot"):
        if staged and arguments[name]:
            raise UsageError(f"--{name} is for feeds; leave it or --from-staging out.")
    if arguments["max_discontinue"] is not None and not arguments["snapshot"]:
        raise UsageError("--max-discontinue is a limit for --snapshot; give both.")


def _gate_of(arguments: Arguments) -> Gate | None:
    given = SimpleNamespace(**arguments)
    if given.gate:
        return Gate(accept=given.accept).limited(given.limits)
    if given.accept or given.limits:
        raise UsageError("--accept and --gate-limit are about --gate; add it.")
    return None


@cli.command("retry")
@click.argument("file", metavar="FILE")
@click.option("--to", "url", default=DEFAULT_URL, show_default=True, metavar="URL", help="Where to load.")
@click.option("--schema", callback=in_file, metavar="S", help="The schema that `process` was given, if any.")
@click.option("--create-dealers", is_flag=True, help="Create dealers the database does not know.")
@add_options(COMMON_OPTIONS + DIALECT_OPTIONS)
def retry_command(file: str, url: str, schema: str | None, **arguments: object) -> None:
    """Process failed records again that were written by --failed and mended."""

    def run(options: RunOptions) -> Report:
        return retry_failed(
            file,
            url,
            schema=Schema.load(Path(schema)) if schema else None,
            create_dealers=bool(arguments["create_dealers"]),
            options=options,
        )

    _run(run, [file], {**arguments, "schema": schema, "to": url})


@cli.command("load")
@_feeds
@click.option("--to", "url", required=True, metavar="URL", help="A database, or a file; see feedmill --help.")
@_schema
@click.option("--table", metavar="T", help="The table; by default the schema's name, or the feed's.")
@click.option("--mode", type=click.Choice(MODES), help="By default upsert with a primary key, else append.")
@add_options(COMMON_OPTIONS + DIALECT_OPTIONS)
def load_command(feeds: tuple[str, ...], url: str, schema: str, **arguments: object) -> None:
    """Load feeds of any schema into a table or a file."""
    table, mode = arguments["table"], arguments["mode"]

    def run(options: RunOptions) -> Report:
        return load(
            feeds,
            url,
            Schema.load(Path(schema)),
            table=None if table is None else str(table),
            mode=None if mode is None else str(mode),
            options=options,
        )

    _run(run, feeds, {**arguments, "schema": schema, "to": url})


@cli.command("validate")
@_feeds
@_schema
@click.option(
    "--valid", callback=out_file, metavar="OUT", help="Write the good records here, a file as for load."
)
@add_options(COMMON_OPTIONS + DIALECT_OPTIONS)
def validate_command(feeds: tuple[str, ...], schema: str, valid: str | None, **arguments: object) -> None:
    """Hold feeds against a schema, without a database."""

    def run(options: RunOptions) -> Report:
        return validate(feeds, Schema.load(Path(schema)), valid=valid, options=options)

    _run(run, feeds, {**arguments, "schema": schema, "valid": valid})


@cli.command("infer")
@_feeds
@click.option(
    "--workers", type=click.IntRange(1, 1024), metavar="N", help="Worker threads; one a CPU by default."
)
@add_options(DIALECT_OPTIONS)
def infer_command(feeds: tuple[str, ...], workers: int | None, **arguments: object) -> None:
    """Print a Table Schema that accepts feeds, with what was seen in each column."""
    dialect = dialect_of(arguments, feeds, is_output_taken=True)
    options = RunOptions(dialect=dialect, workers=workers)
    console.hand_out(infer(feeds, options=options).to_descriptor())


@cli.command("migrate")
@click.argument("url", metavar="URL")
def migrate_command(url: str) -> None:
    """Create the tables of `process`, or bring them up to date."""
    applied = migrate_database(url)
    for name in applied:
        console.say(f"applied {name}")
    if not applied:
        console.say("up to date")


@cli.command("report")
@click.argument("file", callback=in_file, metavar="REPORT.json")
@click.option("--html", "page", callback=out_file, metavar="OUT", help="Write it as a page for a browser.")
def report_command(file: str, page: str | None) -> None:
    """Show what --report wrote: in words, or as a page that can be kept and passed on."""
    report = read_report(file)
    if page is None:
        console.show_outcomes(report)
        console.show_stages(report)
        console.show_last_lines(report)
        return
    refuse_overwriting({"--html": page}, [file])
    html = report_page(report).encode("utf-8", "backslashreplace")
    out = OutFile(page, RunError)
    with ExitStack() as at_end:
        at_end.callback(out.discard)
        out.write(html)
        out.commit()
    if not is_device(page):
        console.say(f"{console.printable(page)}: open it in a browser")


cli.add_command(relay_command)
cli.add_command(worker_command)


def _run(run: Callable[[RunOptions], Report], feeds: Sequence[str], arguments: Arguments) -> None:
    """Run a command's job, print what became of it, and leave with its exit code."""
    is_quiet = bool(arguments["quiet"])
    check_files(arguments, feeds)
    # What --workers auto chose, and why; how many dealers --gate has compared.
    for name in ("feedmill.tuner", "feedmill.gate"):
        logging.getLogger(name).setLevel(logging.WARNING if is_quiet else logging.INFO)
    report: Report | None
    fault: FeedmillError | None
    with ExitStack() as at_end:
        # Opened before the run, so that what cannot be written is known before it.
        report_file = OutFile(str(arguments["report"]), RunError) if arguments["report"] else None
        if report_file is not None:
            at_end.callback(report_file.discard)
        with console.run_display(is_quiet=is_quiet, with_bar=not arguments["no_progress"]) as display:
            options = run_options_of(arguments, feeds, display)
            try:
                report, fault = run(options), None
            except FeedmillError as error:
                report, fault = report_of(error), error
        if report is not None:
            _tell(report, report_file, is_quiet=is_quiet)
    if fault is not None:
        raise fault
    if report is not None and report.stopped == "interrupted":
        sys.exit(INTERRUPTED)
    sys.exit(SOME_FAILED if report is not None and report.failures else ALL_GOOD)


def _tell(report: Report, file: OutFile | None, *, is_quiet: bool) -> None:
    if not is_quiet:
        console.show_outcomes(report)
    console.show_last_lines(report)
    if file is not None:
        # The name of a feed may be no UTF-8; the escapes are JSON's own.
        file.write(report.to_json().encode("utf-8", "backslashreplace"))
        file.commit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        The exit code. Faults of usage and of the run are one or two lines on standard error, no traceback.
    """
    console.escape_what_cannot_be_shown()
    logging.basicConfig(format="feedmill: %(message)s", level=logging.WARNING)
    # What it warns of, a lost connection, feedmill deals with itself and tells if that fails.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    try:
        cli.main(args=argv, prog_name="feedmill", standalone_mode=False)
    except FeedmillError as error:
        console.show_fault(error)
        return error.exit_code
    except click.ClickException as error:
        console.show_usage_fault(error)
        return error.exit_code
    except MemoryError:
        # Written at once: there may not be enough for more.
        os.write(sys.stderr.fileno(), OUT_OF_MEMORY)
        return RunError.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else ALL_GOOD
    return ALL_GOOD
