"""The outbox as a relay sees it: claim events, mark them sent, put them off, or give them up.

::

    waiting      sent_at and dead_at are NULL        due_at, if any, says when it is tried again
    sent         sent_at                             the broker has confirmed it
    dead         dead_at, reason                     given up; `revive` makes it wait again

Events are locked as they are claimed, in the transaction that marks them: another relay passes them over, and
those of one that dies are free at once. An id that was passed says nothing about lower ones, whose
transactions may commit later; so what is waiting is asked for every time.

Order is kept for each key: an event is claimed only when all earlier ones of its key are sent, dead, or
claimed with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feedmill.products.database import SqlDatabase
from feedmill.stores.transaction import Transaction, Value, count, text

CHANNEL: Final = "feedmill_outbox"
"""What PostgreSQL notifies about when events are committed; the migrations have the trigger."""

MAX_REASON_CHARACTERS: Final = 1_000

MAX_DELAY_S: Final = 3_600.0
"""Seconds that an event is put off, at most. One that seems to be put off for longer is due: what has changed
is the clock, which was set back."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change that others are to be told of.

    Attributes
    ----------
    id : int
        Its place in the outbox.
    event_id : str
        Names the record that caused it; the same however often a run is resumed or an event sent.
    key : str
        The product's sku.
    op : str
        What happened, such as inserted or updated.
    payload : str
        JSON, as it is stored.
    attempts : int
        How often it was tried before.
    reason : str
        Why the last attempt failed.
    """

    id: int
    event_id: str
    key: str
    op: str
    payload: str
    attempts: int = 0
    reason: str = ""


class SqlOutbox[T: Transaction]:
    """Events in the table ``outbox``.

    Parameters
    ----------
    database : SqlDatabase

    Thread safety
    -------------
    any thread
    """

    def __init__(self, database: SqlDatabase[T]) -> None:
        self._database = database

    def claim(self, transaction: T, limit: int) -> list[Event]:
        """Lock the oldest events that may be sent now, in their order.

        Returns
        -------
        list of Event
            At most `limit`; fewer, or none, while others have locked earlier events of the same keys.
        """
        now, latest = self._database.moment(), self._database.moment(MAX_DELAY_S)

        def is_put_off(alias: str) -> str:
            return f"{alias}.due_at > {now} AND {alias}.due_at <= {latest}"

        with self._database.probing(transaction):
            rows = transaction.execute(
                f"SELECT {_columns('o')} FROM outbox AS o WHERE {_waiting('o')}"
                f" AND (o.due_at IS NULL OR NOT ({is_put_off('o')}))"
                f" AND NOT EXISTS (SELECT 1 FROM outbox AS e WHERE e.key = o.key AND e.id < o.id"
                f" AND {is_put_off('e')} AND {_waiting('e')})"
                f" ORDER BY o.id LIMIT {int(limit)} {self._database.skipping_locked('o')}"
            )
            events = [_event(row) for row in rows]
            blocked = self._blocked(transaction, events)
        return [event for event in events if event.id < blocked.get(event.key, event.id + 1)]

    def mark_sent(self, transaction: T, ids: Sequence[int]) -> None:
        """Note that the broker has confirmed events."""
        if ids:
            transaction.execute(
                f"UPDATE outbox SET sent_at = {self._database.moment()}, attempts = attempts + 1,"
                f" due_at = NULL, reason = NULL WHERE id IN ({self._database.json_rows([('id', 'bigint')])})",
                (json.dumps([[number] for number in ids]),),
            )

    def put_off(self, transaction: T, event: Event, reason: str, delay_s: float) -> None:
        """Note a failed attempt; the event is tried again after `delay_s`, and later ones of its key wait."""
        due_at = self._database.moment(min(delay_s, MAX_DELAY_S))
        self._fail(transaction, event, reason, f"due_at = {due_at}")

    def give_up(self, transaction: T, event: Event, reason: str) -> None:
        """Note a failed attempt that was the last; later events of the key may be sent."""
        self._fail(transaction, event, reason, f"due_at = NULL, dead_at = {self._database.moment()}")

    def dead(self) -> list[Event]:
        """List the events that were given up."""
        rows = self._transact(
            f"SELECT {_columns('o')} FROM outbox AS o WHERE o.dead_at IS NOT NULL ORDER BY o.id"
        )
        return [_event(row) for row in rows]

    def revive(self) -> int:
        """Let all dead events wait again, with no attempt counted; return how many."""
        return len(
            self._transact(
                "UPDATE outbox SET dead_at = NULL, due_at = NULL, attempts = 0"
                " WHERE dead_at IS NOT NULL RETURNING id"
            )
        )

    def waiting(self) -> int:
        """Count the events that are neither sent nor dead."""
        [(number,)] = self._transact(f"SELECT count(*) FROM outbox AS o WHERE {_waiting('o')}")
        return count(number)

    def _blocked(self, transaction: T, events: Sequence[Event]) -> dict[str, int]:
        """Find the first waiting event of each key that stands before a claimed one and is not claimed."""
        if not events:
            return {}
        given = self._database.json_rows([("id", "bigint"), ("key", "text")])
        claimed = json.dumps([[event.id, event.key] for event in events])
        rows = transaction.execute(
            f"SELECT e.key, min(e.id) FROM outbox AS e WHERE {_waiting('e')} AND e.id < {events[-1].id}"
            f" AND e.id NOT IN (SELECT id FROM ({given}) AS a) AND e.key IN (SELECT key FROM ({given}) AS b)"
            " GROUP BY e.key",
            (claimed, claimed),
        )
        return {text(key): count(first) for key, first in rows}

    def _fail(self, transaction: T, event: Event, reason: str, change: str) -> None:
        storable = reason.replace("\0", "")[:MAX_REASON_CHARACTERS]
        transaction.execute(
            f"UPDATE outbox SET attempts = attempts + 1, reason = ?, {change} WHERE id = {event.id}",
            (storable,),
        )

    def _transact(self, statement: str) -> list[tuple[Value, ...]]:
        session = self._database.session("outbox")
        try:
            return session.transact(lambda transaction: transaction.execute(statement))
        finally:
            session.close()


def _waiting(table: str) -> str:
    return f"{table}.sent_at IS NULL AND {table}.dead_at IS NULL"


def _columns(table: str) -> str:
    # As text: read as JSON and written again, a number might not be the same.
    names = ("id", "event_id", "key", "op", "payload", "attempts", "reason")
    return ", ".join(
        f"CAST({table}.{name} AS text)" if name == "payload" else f"{table}.{name}" for name in names
    )


def _event(row: tuple[Value, ...]) -> Event:
    number, event_id, key, op, payload, attempts, reason = row
    return Event(
        count(number), text(event_id), text(key), text(op), text(payload), count(attempts), text(reason)
    )
