"""The commands that keep running beside a database, until SIGTERM lets them finish what they have begun.

::

    feedmill worker URL               records of the staging table through the main job
    feedmill relay URL --broker B     events of the outbox to a message broker

They end with 0 when they were told to end and have drained; what they exit with otherwise stands in `cli`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import click

from feedmill import console
from feedmill.errors import UsageError
from feedmill.options import BATCH_OPTION, add_options, mapping_of
from feedmill.products import process_staged
from feedmill.products.outbox import Event
from feedmill.products.relay import RelayOptions, dead_events, relay_events, revive_events
from feedmill.runs import RunOptions
from feedmill.schema import Schema

SOME_FAILED: Final = 1

_count = click.IntRange(min=1)


@click.command("worker")
@click.argument("url", metavar="URL")
@click.option("--schema", metavar="S", help="A Table Schema instead of the built-in product schema.")
@click.option("--create-dealers", is_flag=True, help="Create dealers the database does not know.")
@click.option(
    "--every-outcome", is_flag=True, help="An outcome row for unchanged and duplicate records, too."
)
@click.option("--map", "mapping", multiple=True, metavar="FIELD=COLUMN", help="The table's name for a field.")
@click.option("--rejects", metavar="OUT", help="Write every finding here when it ends: .csv, or .jsonl.")
@add_options((BATCH_OPTION,))
def worker_command(url: str, schema: str | None, **arguments: object) -> None:
    """Process what is put into URL's staging table, beside any number of others, until told to end."""
    given = SimpleNamespace(**arguments)
    with console.run_display(is_quiet=False, with_bar=False) as display:
        report = process_staged(
            url,
            schema=Schema.load(Path(schema)) if schema else None,
            create_dealers=given.create_dealers,
            every_outcome=given.every_outcome,
            page_rows=given.batch,
            keep_on=True,
            options=RunOptions(
                rejects=given.rejects,
                mapping=mapping_of(given.mapping),
                progress=display,
                handle_signals=True,
            ),
        )
    console.show_outcomes(report)
    console.show_last_lines(report)


@click.command("relay")
@click.argument("url", metavar="URL")
@click.option(
    "--broker",
    envvar="FEEDMILL_BROKER",
    metavar="B",
    help="amqp://user@host//, redis://host/0, …; also taken from FEEDMILL_BROKER, out of sight of `ps`.",
)
@click.option(
    "--queue", default="feedmill", show_default=True, metavar="NAME", help="The exchange and queue."
)
@click.option("--once", is_flag=True, help="End when nothing is left to send, instead of waiting for more.")
@click.option(
    "--batch", type=_count, default=500, show_default=True, metavar="N", help="Events claimed at a time."
)
@click.option(
    "--max-attempts",
    type=_count,
    default=10,
    show_default=True,
    metavar="N",
    help="An event the broker has refused so often is dead.",
)
@click.option("--dead", is_flag=True, help="List the dead events, with their reasons, and end.")
@click.option("--revive", is_flag=True, help="Let all dead events wait again first.")
def relay_command(url: str, broker: str | None, queue: str, **arguments: object) -> None:
    """Send the events of URL to a message broker, at least once, in order for each product."""
    if arguments["dead"]:
        _show_dead(url)
        return
    if not broker:
        raise UsageError("Name the broker: --broker amqp://user@host// or redis://host/0")
    if arguments["revive"]:
        console.say(f"Revived: {revive_events(url)}")
    done = relay_events(
        url,
        broker,
        queue=queue,
        options=RelayOptions(
            once=bool(arguments["once"]),
            batch=int(str(arguments["batch"])),
            max_attempts=int(str(arguments["max_attempts"])),
            handle_signals=True,
        ),
    )
    console.say(f"Sent: {done.sent}, refused: {done.refused}, dead: {done.dead}")
    sys.exit(SOME_FAILED if done.refused else 0)


def _show_dead(url: str) -> None:
    dead = dead_events(url)
    for event in dead:
        console.say(_line(event))
    console.say(f"Dead: {len(dead)}")


def _line(event: Event) -> str:
    """Write an event on one line; what a broker or a feed wrote stays text on a terminal."""
    texts = (event.event_id, event.key, event.op, event.reason)
    return "  ".join(text if text.isprintable() else ascii(text) for text in texts)
