"""The relay: events from the outbox to a broker, at least once, in order for each key.

::

    claim a batch ─▶ publish, each confirmed ─▶ mark what was sent ─▶ commit ─▶ …
         │                 │ refused: attempt + 1, put off; the key's later events stay
         │                 │ refused for the last time: dead, with the reason
         │                 └ the broker is gone: mark what was sent, wait, connect again
         └ nothing to do: wait for the database to ring

Events are published some together, of each key one at a time, so that none overtakes an earlier one that the
broker has refused; what is not confirmed then is published by itself.

A relay that dies between publishing and committing leaves its events waiting, and they are sent again with
the same ids: never lost, at times doubled. Consumers that must not see one twice keep the ids.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Final

from feedmill.errors import UsageError
from feedmill.pipeline import signals
from feedmill.products.broker import Broker, BrokerError, EventRefusedError
from feedmill.products.database import SqlDatabase
from feedmill.products.doorbell import Doorbell
from feedmill.products.opening import with_products
from feedmill.products.outbox import CHANNEL, Event, SqlOutbox
from feedmill.products.sqlite import SqliteProducts
from feedmill.stores.retry import RetryPolicy
from feedmill.stores.transaction import Transaction

BATCH_S: Final = 10.0
"""Seconds after which a batch is marked, whatever is left of it: events are locked so long, at most."""

SQLITE_BATCH_S: Final = 0.5
SQLITE_PAUSE_S: Final = 0.1
"""A batch keeps the whole file from its other writers, so it is short, and they get their turn after it."""

TOGETHER: Final = 100
"""Events that are published before their confirms are waited for; more would bring little more."""

MAX_REFUSED: Final = 20
"""Refusals of a batch after which the broker is taken to be at fault, and left alone for a while."""

RETRY: Final = RetryPolicy(first_s=1.0, cap_s=300.0)
"""Ten attempts take about nine minutes, in which a full queue may be emptied."""

PATIENCE_S: Final = 30.0
"""Seconds without a broker after which a relay that was to run once ends with that fault."""

_log = logging.getLogger("feedmill.relay")


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """How to relay.

    Parameters
    ----------
    once : bool
        End when nothing is left that could be sent now; else wait for more.
    batch : int
        Events claimed at a time.
    max_attempts : int
        An event that was refused so often is dead.
    retry : RetryPolicy
        The waits between an event's attempts, about. `give_up_s` means nothing here, attempts are counted.
    handle_signals : bool
        Whether SIGINT and SIGTERM let the relay mark what it has sent, and end: for programs.
    """

    once: bool = False
    batch: int = 500
    max_attempts: int = 10
    retry: RetryPolicy = RETRY
    handle_signals: bool = False


@dataclass(frozen=True, slots=True)
class Relayed:
    """What a relay has done.

    Attributes
    ----------
    sent : int
        Events the broker has confirmed.
    refused : int
        Attempts that failed.
    dead : int
        Events given up.
    """

    sent: int = 0
    refused: int = 0
    dead: int = 0

    def __add__(self, other: Relayed) -> Relayed:
        return Relayed(self.sent + other.sent, self.refused + other.refused, self.dead + other.dead)


def relay_events(
    url: str, broker: str, *, queue: str = "feedmill", options: RelayOptions | None = None
) -> Relayed:
    """Relay the events of a database to a broker.

    Parameters
    ----------
    url : str
        ``sqlite:///file.db`` or ``postgresql://…``.
    broker : str
        ``amqp://…``, ``redis://…`` or what else kombu knows.
    queue : str
        The exchange and the queue.
    options : RelayOptions, optional

    Raises
    ------
    UsageError
        Something about the call does not fit; an SQLite file is not there.
    RunError
        The database cannot go on; or, with `once`, the broker cannot.
    """
    chosen = options or RelayOptions()
    to = Broker(broker, queue)

    def run[T: Transaction](database: SqlDatabase[T]) -> Relayed:
        relay = Relay(database, to, chosen)
        if not chosen.handle_signals:
            return relay.run()
        with signals(relay):
            return relay.run()

    return with_products(url, run, lanes=1, must_exist=True)


def dead_events(url: str) -> list[Event]:
    """List the events of a database that were given up."""

    def read[T: Transaction](database: SqlDatabase[T]) -> list[Event]:
        return SqlOutbox(database).dead()

    return with_products(url, read, lanes=1, must_exist=True)


def revive_events(url: str) -> int:
    """Let a database's dead events wait again; return how many there were."""

    def revive[T: Transaction](database: SqlDatabase[T]) -> int:
        return SqlOutbox(database).revive()

    return with_products(url, revive, lanes=1, must_exist=True)


@dataclass(slots=True)
class _Batch:
    """What has become of the events that were claimed together, and the keys of those that were refused."""

    until_s: float
    sent: list[int] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    refused: int = 0
    dead: int = 0
    lost: str = ""


def _groups(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut events, in their order, into groups that have each key once, and not too many."""
    group: dict[str, Event] = {}
    for event in events:
        if event.key in group or len(group) == TOGETHER:
            yield list(group.values())
            group = {}
        group[event.key] = event
    if group:
        yield list(group.values())


class Relay[T: Transaction]:
    """Events on their way from one database to one broker.

    Parameters
    ----------
    database : SqlDatabase
        Open and migrated.
    broker : Broker
    options : RelayOptions

    Thread safety
    -------------
    `run`: one thread, once. `stop`: any thread, signal handlers included.
    """

    def __init__(self, database: SqlDatabase[T], broker: Broker, options: RelayOptions) -> None:
        if options.batch < 1 or options.max_attempts < 1:
            raise UsageError("a relay needs at least one event a batch, and one attempt an event")
        self._database = database
        self._broker = broker
        self._options = options
        self._outbox = SqlOutbox(database)
        self._bell = Doorbell(None if options.once else database.ring(CHANNEL))
        self._is_sqlite = isinstance(database, SqliteProducts)
        self._batch_s = SQLITE_BATCH_S if self._is_sqlite else BATCH_S
        self._due_at = inf
        self._lost_at: float | None = None
        self._losses = 0

    def stop(self) -> None:
        """Finish the events under way, mark what was sent, and end."""
        self._database.hurry()
        self._bell.stop()

    def cancel(self) -> None:
        """End now; what is not marked will be sent again."""
        raise KeyboardInterrupt

    def run(self) -> Relayed:
        """Relay until stopped, or until nothing is left to send."""
        session = self._database.session("relay")
        total = Relayed()
        try:
            while not self._bell.is_stopped:
                if not self._has_broker():
                    continue
                done, lost, claimed = session.transact(self._batch)
                total += done
                if done.sent or not claimed:
                    self._lost_at, self._losses = None, 0
                if lost:
                    self._lose(lost)
                elif done.refused and not done.sent:
                    self._bell.pause(self._delay_s(1))
                elif not claimed and self._options.once:
                    break
                elif not claimed:
                    self._bell.wait(self._until_due())
                elif self._is_sqlite:
                    self._bell.pause(SQLITE_PAUSE_S)
        finally:
            session.close()
            self._broker.close()
            self._bell.close()
        return total

    def _batch(self, transaction: T) -> tuple[Relayed, str, int]:
        """Relay a batch; tell what was done, how the broker was lost if it was, how many were claimed."""
        events = self._outbox.claim(transaction, self._options.batch)
        batch = _Batch(monotonic() + self._batch_s)
        for group in _groups(events):
            if not self._publish(transaction, group, batch):
                break
        self._outbox.mark_sent(transaction, batch.sent)
        return Relayed(len(batch.sent), batch.refused, batch.dead), batch.lost, len(events)

    def _publish(self, transaction: T, group: Sequence[Event], batch: _Batch) -> bool:
        """Publish events of different keys; tell whether to go on with the next ones."""
        if self._is_over(batch):
            return False
        wanted = [event for event in group if event.key not in batch.held]
        confirmed = self._broker.publish_together(wanted)
        batch.sent += [event.id for event in wanted if event.id in confirmed]
        for event in wanted:
            if event.id in confirmed:
                continue
            if self._is_over(batch):
                return False
            try:
                self._broker.publish(event)
            except EventRefusedError as error:
                batch.refused += 1
                batch.dead += self._refuse(transaction, event, str(error))
                batch.held.add(event.key)
            except BrokerError as error:
                batch.lost = str(error)
                return False
            else:
                batch.sent.append(event.id)
        return True

    def _is_over(self, batch: _Batch) -> bool:
        return self._bell.is_stopped or monotonic() > batch.until_s or batch.refused >= MAX_REFUSED

    def _refuse(self, transaction: T, event: Event, reason: str) -> bool:
        """Put an event off, or give it up; tell which."""
        attempts = event.attempts + 1
        if attempts >= self._options.max_attempts:
            self._outbox.give_up(transaction, event, reason)
            return True
        delay_s = self._delay_s(attempts)
        self._outbox.put_off(transaction, event, reason, delay_s)
        self._due_at = min(self._due_at, monotonic() + delay_s)
        return False

    def _until_due(self) -> float | None:
        """Say how long until the first event that this relay has put off is due; None if none is."""
        due_at, self._due_at = self._due_at, inf
        return None if due_at == inf else max(0.0, due_at - monotonic())

    def _has_broker(self) -> bool:
        """Connect if need be; wait a while when that fails."""
        try:
            self._broker.connect()
        except BrokerError as error:
            self._lose(str(error))
            return False
        return True

    def _lose(self, why: str) -> None:
        """Take note that the broker is away, and wait before the next try."""
        if self._lost_at is None:
            self._lost_at = monotonic()
            _log.warning("%s; trying again", why)
        elif self._options.once and monotonic() - self._lost_at > PATIENCE_S:
            raise BrokerError(f"{why}; what was not sent stays in the outbox")
        self._losses += 1
        self._bell.pause(min(self._delay_s(self._losses), PATIENCE_S))

    def _delay_s(self, attempts: int) -> float:
        """Choose a wait: half of a bound that doubles, and a random part of the other half."""
        policy = self._options.retry
        # 2.0 ** 30 × any first bound is past any cap; a larger exponent only overflows.
        bound = min(policy.cap_s, policy.first_s * 2.0 ** min(attempts - 1, 30))
        return bound * (1 + random.random()) / 2
