"""The options every command takes, and how their texts become the library's values.

An option here says what it is called, what it is for, and which value of the library it fills; whoever reads
``feedmill load --help`` reads this file. If you add an option, add it to one of the two lists and to
`run_options_of` or `dialect_of`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import PurePath
from types import SimpleNamespace
from typing import Final, cast

import click

from feedmill.console import say, warn
from feedmill.dialect import Dialect
from feedmill.errors import UsageError
from feedmill.keys import DUPLICATES
from feedmill.pipeline import FailureLimit, Progress, References
from feedmill.readers import find_feeds
from feedmill.readers.arrow import is_columnar
from feedmill.readers.blocks import STDIN
from feedmill.readers.sniff import sniff_feed
from feedmill.runs import RunOptions
from feedmill.schema import Schema
from feedmill.stores.outfile import refuse_overwriting
from feedmill.stores.url import parse_url

type Decorator = Callable[[Callable[..., None]], Callable[..., None]]
type Arguments = Mapping[str, object]

_SIZE: Final = re.compile(r"(\d+)\s*([kmg]?)(i?)b?", re.IGNORECASE)


def _byte_size(text: str) -> int:
    """Read ``1MiB`` as 1048576."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"{text!r} is not a number of bytes such as 65536, 512KiB or 1MiB")
    power = " kmg".index(match[2].lower() or " ")
    return int(match[1]) * int(1024**power if match[3] else 1000**power)


def failure_limit(text: str) -> FailureLimit:
    """Read ``100`` and ``2.5%``."""
    try:
        return FailureLimit.parse(text)
    except UsageError:
        raise click.BadParameter(
            f"{text!r} is neither a number of records nor a percentage from 0% to 100%"
        ) from None


_CHARACTERS: Final = {"tab": "\t", r"\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}
"""Names for characters that a shell makes hard to write."""


def _character(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    return value if value is None else _CHARACTERS.get(value, value)


def in_file(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Take the name of a file to read."""
    return _file_name(value, "/dev/stdin")


def out_file(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Take the name of a file to write."""
    return _file_name(value, "/dev/stdout")


def _file_name(value: str | None, stream: str) -> str | None:
    """Refuse an empty name, which a shell's unset variable leaves, and one that is a stream elsewhere."""
    if value == "":
        raise click.BadParameter("the name of a file is empty")
    if value == "-":
        raise click.BadParameter(f"- is a feed's name alone; write {stream}, or ./- for a file called so")
    return value


def _option(*names: str, **settings: object) -> Decorator:
    return cast("Decorator", click.option(*names, **settings))  # type: ignore[arg-type]


_COMPRESSED: Final = frozenset({".gz", ".bz2", ".xz", ".zst"})
_FORMATS: Final = {".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_SAME_NAMES: Final = ("encoding", "delimiter", "escape", "comment", "null", "max_record_bytes")
_ABOUT_TEXT: Final = (*_SAME_NAMES, "format", "quote", "no_header", "skip_rows")
_COUNT: Final = click.IntRange(min=1)
MAX_THREADS: Final = 1024
_THREADS: Final = click.IntRange(min=1, max=MAX_THREADS)
"""A mistyped number of threads should not take the machine's memory for their stacks."""
_SECONDS: Final = click.FloatRange(min=0, min_open=True)


def _worker_number(text: str) -> int | str:
    """Read ``4`` and ``auto``."""
    if text == "auto":
        return text
    if text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_THREADS:
        return int(text)
    raise click.BadParameter(f"{text!r} is neither auto nor a number from 1 to {MAX_THREADS}")


_OUTPUTS: Final = ("valid", "rejects", "failed", "report")
_INPUTS: Final = ("schema", "dealers")
_SQLITE: Final = "sqlite:///"

BATCH_OPTION: Final = _option(
    "--batch",
    type=_COUNT,
    default=8_000,
    show_default=True,
    metavar="N",
    help="Rows of the staging table a transaction takes.",
)

COMMON_OPTIONS: Final[tuple[Decorator, ...]] = (
    _option(
        "--workers",
        type=_worker_number,
        metavar="N|auto",
        help="Worker threads; the number of CPUs by default; auto changes it by who waits for whom.",
    ),
    _option(
        "--lanes", type=_THREADS, metavar="N", help="Writers, each with its connection; up to 4 by default."
    ),
    _option(
        "--job-buffer", type=_COUNT, default=100, show_default=True, metavar="N", help="Chunks that may wait."
    ),
    _option(
        "--result-buffer", type=_COUNT, default=100, show_default=True, metavar="N", help="Batches under way."
    ),
    _option(
        "--chunk-size",
        type=_byte_size,
        metavar="SIZE",
        default="1MiB",
        show_default=True,
        help="Bytes of input a job gets.",
    ),
    _option("--rejects", callback=out_file, metavar="OUT", help="Write every finding here: .csv, or .jsonl."),
    _option(
        "--failed",
        callback=out_file,
        metavar="OUT",
        help="Write failed records here as the feed has them, to be mended.",
    ),
    _option(
        "--max-failures",
        type=failure_limit,
        metavar="N|P%",
        help="Stop when more records than this have failed.",
    ),
    _option("--report", callback=out_file, metavar="OUT", help="Write the run's report here, as JSON."),
    _option(
        "--log-every",
        type=_COUNT,
        default=100_000,
        show_default=True,
        metavar="N",
        help="Records a log line.",
    ),
    _option(
        "--stall-timeout",
        type=_SECONDS,
        metavar="SECONDS",
        help="Give up when nothing has moved for so long, and say who waits for whom.",
    ),
    _option(
        "--duplicates",
        type=click.Choice(DUPLICATES),
        default="last",
        show_default=True,
        help="Which record of a primary key stays; with `reject` the others are rejects.",
    ),
    _option(
        "--reference",
        "references",
        multiple=True,
        metavar="RESOURCE=FILE|URL#TABLE",
        help="The file, or the table of a database, that foreign keys refer to by this name.",
    ),
    _option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="The feed's name for a field."),
    _option("--resume", is_flag=True, help="Continue the unfinished run of these feeds."),
    _option("--no-progress", is_flag=True, help="No progress bar, even on a terminal."),
    _option("--quiet", is_flag=True, help="Print the last lines only."),
)

DIALECT_OPTIONS: Final[tuple[Decorator, ...]] = (
    _option("--format", type=click.Choice(["csv", "tsv", "jsonl"]), help="By default what the name ends in."),
    _option("--encoding", metavar="E", help="The feed's character encoding; utf-8 by default."),
    _option("--delimiter", callback=_character, help="What separates cells; a comma by default."),
    _option(
        "--quote", callback=_character, help="What encloses cells, or `none`; a double quote by default."
    ),
    _option("--escape", callback=_character, help="What makes the next character data."),
    _option("--comment", callback=_character, help="Lines that begin with it are no records."),
    _option(
        "--no-header",
        is_flag=True,
        help="The first row is a record; columns are the schema's fields in order.",
    ),
    _option(
        "--skip-rows",
        type=click.IntRange(min=0),
        default=0,
        metavar="N",
        help="Lines to skip before the header.",
    ),
    _option("--null", metavar="TEXT", help="An unquoted cell with this text is a missing value."),
    _option(
        "--max-record-bytes",
        type=_byte_size,
        metavar="SIZE",
        help="The longest record that is read; 1MiB by default.",
    ),
    _option(
        "--sniff", is_flag=True, help="Find out row end, delimiter, quote, header and encoding; say why."
    ),
)


def add_options(options: tuple[Decorator, ...]) -> Decorator:
    """Put `options` on a command, in their order."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def run_options_of(
    arguments: Arguments, feeds: Sequence[str], progress: Progress | None = None
) -> RunOptions:
    """Take what every command is given."""
    given = SimpleNamespace(**arguments)
    return RunOptions(
        dialect=dialect_of(arguments, feeds) if feeds else None,
        progress=progress,
        workers=given.workers,
        lanes=given.lanes,
        job_buffer=given.job_buffer,
        result_buffer=given.result_buffer,
        chunk_size=given.chunk_size,
        rejects=given.rejects,
        failed=given.failed,
        failure_limit=given.max_failures,
        log_every=given.log_every,
        resume=given.resume,
        mapping=mapping_of(given.mapping),
        duplicates=given.duplicates,
        references=_references_of(given.references),
        handle_signals=True,
        stall_timeout_s=given.stall_timeout,
    )


def check_files(arguments: Arguments, feeds: Sequence[str]) -> None:
    """Refuse outputs that would overwrite a file of the run.

    Raises
    ------
    UsageError
        That is so, or no file matches a feed.
    """
    outputs = {f"--{name}": str(arguments[name]) for name in _OUTPUTS if arguments.get(name)}
    target = parse_url(str(arguments["to"])) if arguments.get("to") else None
    loaded = {"--to": target.path} if target is not None and target.path else {}
    inputs = [str(arguments[name]) for name in _INPUTS if arguments.get(name)]
    paths = find_feeds(feeds) if feeds else []
    refuse_overwriting({**loaded, **outputs}, [*inputs, *(feed for feed in paths if feed != STDIN)])
    places = _references_of(cast("Sequence[str]", arguments["references"]))
    if arguments.get("schema"):
        files = References.files(Schema.load(str(arguments["schema"])), places)
        refuse_overwriting({**loaded, **outputs}, files)
    if target is not None and target.kind == "sqlite":
        # What is loaded may refer to other tables of the same database.
        loaded = {}
    tables = [place.rpartition("#")[0] for place in places.values()]
    databases = [url.removeprefix(_SQLITE) for url in tables if url.startswith(_SQLITE)]
    refuse_overwriting({**loaded, **outputs}, databases)


def mapping_of(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``--map`` options.

    Examples
    --------
    >>> mapping_of(["title=Product name"])
    {'title': 'Product name'}
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise UsageError(f"--map {pair}: write FIELD=COLUMN, as in --map title=name")
        if mapping.get(name, column) != column:
            raise UsageError(f"--map gives field {name!r} two columns, {mapping[name]!r} and {column!r}")
        mapping[name] = column
    return mapping


def _references_of(pairs: Sequence[str]) -> dict[str, str]:
    """Read ``--reference`` options; messages repeat no place, as a URL may hold a password."""
    places: dict[str, str] = {}
    for pair in pairs:
        name, equals, place = pair.partition("=")
        if not (name and equals and place) or "://" in name:
            raise UsageError(
                "--reference: write RESOURCE=FILE or RESOURCE=URL#TABLE, as in --reference "
                "dealers=dealers.csv"
            )
        if places.get(name, place) != place:
            raise UsageError(f"--reference gives resource {name!r} two places; give it one.")
        places[name] = place
    return places


def dialect_of(arguments: Arguments, feeds: Sequence[str], *, is_output_taken: bool = False) -> Dialect:
    """Make the dialect of a command's feeds; with ``--sniff``, from what they look like.

    What was given counts, whatever a feed looks like. What was found is printed with its evidence: on
    standard error, if standard output is for something else.

    Raises
    ------
    UsageError
        The feeds do not look alike: what is right for the first would lose or change records of another. An
        option would do nothing, as it is about text and all feeds are columns.
    """
    given = SimpleNamespace(**arguments)
    told = [name for name in _ABOUT_TEXT if getattr(given, name) not in {None, False}]  # 0 is False
    if told and all(map(is_columnar, find_feeds(feeds))):
        raise UsageError(
            f"--{told[0].replace('_', '-')} has no meaning for Parquet and Arrow files, which say themselves "
            "what they hold; leave it out."
        )
    dialect = Dialect(format=given.format or _format_of(feeds))
    if not given.sniff:
        return _as_given(dialect, given)
    found = [(feed, sniff_feed(feed, dialect)) for feed in find_feeds(feeds)]
    (first, guess), *others = [each for each in found if not each[1].is_empty] or found[:1]
    for line in guess.evidence if not arguments.get("quiet") else ():
        (warn if is_output_taken else say)(line)
    chosen = _as_given(guess.dialect, given)
    for other, guess in others:
        its = _as_given(guess.dialect, given)
        if its != chosen:
            raise UsageError(
                f"feed {other} looks otherwise than {first}: {_difference(its, chosen)}; run them one by "
                "one, or say what holds for all of them"
            )
    return chosen


def _difference(its: Dialect, chosen: Dialect) -> str:
    """Say what differs between the dialects of two feeds."""
    pairs = ((each.name, getattr(its, each.name), getattr(chosen, each.name)) for each in fields(Dialect))
    return ", ".join(
        f"{name.replace('_', ' ')} {own!r} and not {first!r}" for name, own, first in pairs if own != first
    )


def _as_given(dialect: Dialect, given: SimpleNamespace) -> Dialect:
    """Put what was said about the dialect in the place of what was not."""
    if given.no_header and dialect.format == "jsonl":
        raise UsageError("--no-header has no meaning for JSON Lines; leave it out, or name another format")
    options: dict[str, object] = {name: getattr(given, name) for name in _SAME_NAMES}
    options |= {"skip_rows": given.skip_rows or None, "header": False if given.no_header else None}
    options = {name: value for name, value in options.items() if value is not None}
    if given.quote is not None:
        options["quote"] = None if given.quote == "none" else given.quote
    return replace(dialect, **options)  # type: ignore[arg-type]  # the options' types are theirs


def _format_of(feeds: Sequence[str]) -> str:
    """Tell the format by what the feeds' names end in, compression aside."""
    formats = set()
    for feed in feeds:
        endings = [ending for ending in PurePath(feed.lower()).suffixes if ending not in _COMPRESSED]
        formats.add(_FORMATS.get(endings[-1] if endings else "", "csv"))
    if len(formats) > 1:
        raise UsageError(f"the feeds are of different formats: {', '.join(sorted(formats))}; say --format")
    return formats.pop()
