"""A message broker behind kombu: RabbitMQ, Redis and what else it knows. The only module that imports kombu.

An event becomes one persistent message: its body is the payload, its ``message_id`` the event's id, its
headers ``key`` and ``op``. It goes to a durable direct exchange, and a durable queue of the same name is
bound to that; whoever needs more binds more queues to the exchange.

A message counts as sent when the broker says so: RabbitMQ by a publisher confirm, and a message that no queue
takes comes back as a fault (``mandatory``); Redis by its reply. RabbitMQ is sent many before it is waited
for, as each confirm is an answer from far away. What is not confirmed then is sent again by itself, which
says what is wrong with it.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from feedmill.errors import FeedmillError, RunError, UsageError, one_line
from feedmill.stores.url import MIN_SCRUBBED, redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

    import kombu

    from feedmill.products.outbox import Event

EXAMPLES: Final = "amqp://user@host//, redis://host/0"
CONNECT_TIMEOUT_S: Final = 5.0
PUBLISH_TIMEOUT_S: Final = 10.0
"""Well below PostgreSQL's 60 s for an idle transaction, in which events stay locked."""

PERSISTENT: Final = 2
"""AMQP's delivery mode of what survives the broker."""

_AMQP_SCHEMES: Final = frozenset({"amqp", "amqps", "pyamqp"})
_AMQP_OPTIONS: Final = {"confirm_publish": True}
_REDIS_OPTIONS: Final = {"socket_timeout": PUBLISH_TIMEOUT_S, "socket_connect_timeout": CONNECT_TIMEOUT_S}


class BrokerError(RunError):
    """The broker cannot be reached, or does not answer; no event is at fault."""


class EventRefusedError(FeedmillError):
    """The broker did not take an event, or broke off over it twice; others may pass."""


class Broker:
    """A connection to a broker, opened when it is needed.

    Parameters
    ----------
    url : str
        As kombu reads it: ``amqp://…``, ``redis://…``, ``memory://`` and others.
    queue : str
        The name of exchange and queue.

    Raises
    ------
    UsageError
        kombu is not installed, or knows no such broker.

    Thread safety
    -------------
    one thread
    """

    def __init__(self, url: str, queue: str = "feedmill") -> None:
        self.text = redacted(url)
        self._url = url
        self._queue = queue
        self._connection: kombu.Connection | None = None
        self._producer: kombu.Producer | None = None
        self._bulk: _Bulk | None = None
        self._transport_errors: tuple[type[BaseException], ...] = ()
        # What it logs about lost connections can hold a URL; feedmill tells of them itself.
        for name in ("kombu", "amqp", "redis"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._make().release()

    def connect(self) -> None:
        """Connect and declare exchange and queue, if that is not done.

        Raises
        ------
        BrokerError
            That fails.
        """
        if self._producer is not None:
            return
        from kombu import Exchange, Producer, Queue

        self._connection = connection = self._make()
        try:
            connection.connect()
            self._transport_errors = tuple(connection.connection_errors)
            channel = connection.channel()
            exchange = Exchange(self._queue, "direct", durable=True)
            Queue(self._queue, exchange, self._queue, durable=True)(channel).declare()
            self._producer = Producer(channel, exchange, self._queue, auto_declare=False)
            if self._scheme in _AMQP_SCHEMES:
                self._bulk = _Bulk(connection, self._queue)
        except Exception as error:
            self.close()
            raise BrokerError(f"{self.text}: {self._words(error)}") from None

    def publish_together(self, events: Sequence[Event]) -> set[int]:
        """Send events, and then wait until the broker has them.

        Parameters
        ----------
        events : sequence of Event
            Of different keys: one may be confirmed and another not.

        Returns
        -------
        set of int
            The ids of those that are confirmed. Of the others nothing is known: `publish` them. None are,
            where the broker can only be waited for one by one, or cannot be reached.
        """
        try:
            self.connect()
        except BrokerError:
            return set()
        bulk = self._bulk
        if bulk is None:
            return set()
        try:
            bulk.publish(events)
        except Exception:
            # Whatever it is, it will be seen again with the event that it is about.
            self.close()
        return bulk.confirmed

    def publish(self, event: Event) -> None:
        """Send an event and wait until the broker has it.

        Raises
        ------
        BrokerError
            The broker cannot be reached, or did not answer in time.
        EventRefusedError
            It did not take this one.
        """
        try:
            self._publish(event)
        except self._transport_errors as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise BrokerError(f"{self.text}: no answer within {PUBLISH_TIMEOUT_S:g} s") from None
            # Connections die while they are idle, of which only their next use tells.
            try:
                self._publish(event)
            except self._transport_errors as again:
                self.close()
                raise EventRefusedError(self._words(again)) from None

    def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        self._producer = self._bulk = None
        if connection is not None:
            # It may be dead, and some transports say so by any exception.
            with suppress(Exception):
                connection.release()

    def _publish(self, event: Event) -> None:
        self.connect()
        assert self._producer is not None
        try:
            self._producer.publish(
                event.payload,
                content_type="application/json",
                content_encoding="utf-8",
                headers=_headers(event),
                message_id=event.event_id,
                mandatory=True,
                timeout=PUBLISH_TIMEOUT_S,
                confirm_timeout=PUBLISH_TIMEOUT_S,
            )
        except self._transport_errors:
            raise
        except Exception as error:
            # A channel that was answered with a fault cannot be used again.
            self.close()
            raise EventRefusedError(self._words(error)) from None

    def _make(self) -> kombu.Connection:
        try:
            import kombu
        except ImportError:
            raise UsageError(
                "A relay needs kombu, which is not installed: pip install 'feedmill[queue]'"
            ) from None
        scheme = self._scheme
        options: dict[str, Any] = {}
        if scheme in _AMQP_SCHEMES:
            options = dict(_AMQP_OPTIONS)
        elif scheme in {"redis", "rediss"}:
            options = dict(_REDIS_OPTIONS)
        try:
            if "://" not in self._url:
                raise KeyError
            connection = kombu.Connection(
                self._url, connect_timeout=CONNECT_TIMEOUT_S, transport_options=options
            )
            connection.get_transport_cls()
        except ImportError as error:
            raise UsageError(f"{scheme}://: its client is not installed: {error.name}") from None
        except Exception:
            # Not repeated: what cannot be read may hold a password anywhere.
            raise UsageError(f"That is no broker's URL, or of no kind known here; use {EXAMPLES}.") from None
        return connection

    @property
    def _scheme(self) -> str:
        return self._url.partition("://")[0]

    def _words(self, error: BaseException) -> str:
        """Quote an error without the URL's secrets, on one line."""
        words = one_line(error)
        authority = self._url.partition("://")[2].rpartition("@")[0]
        secret = authority.partition(":")[2]
        for hidden in (secret, unquote(secret)):
            if len(hidden) >= MIN_SCRUBBED:
                words = words.replace(hidden, "***")
        return words


class _Bulk:
    """A channel on which messages are sent without waiting for each.

    Attributes
    ----------
    confirmed : set of int
        The ids of the events last published that the broker has confirmed.
    """

    def __init__(self, connection: kombu.Connection, queue: str) -> None:
        self._connection = connection
        self._queue = queue
        self._channel = channel = connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._acknowledged)
        channel.events["basic_nack"].add(self._refused)
        channel.events["basic_return"].add(self._returned)
        self._tags = count(1)
        self._waiting: dict[int, Event] = {}  # by delivery tag
        self._came_back: set[str] = set()
        self.confirmed: set[int] = set()

    def publish(self, events: Sequence[Event]) -> None:
        """Send events and wait for all of them; raises what the connection does."""
        self.confirmed, self._came_back = set(), set()
        channel = self._channel
        for event in events:
            message = channel.prepare_message(
                event.payload,
                content_type="application/json",
                content_encoding="utf-8",
                headers=_headers(event),
                properties={"delivery_mode": PERSISTENT, "message_id": event.event_id},
            )
            self._waiting[next(self._tags)] = event
            # The class's own: the channel's waits for a confirm.
            type(channel).basic_publish(
                channel,
                message,
                exchange=self._queue,
                routing_key=self._queue,
                mandatory=True,
                timeout=PUBLISH_TIMEOUT_S,
            )
        until = monotonic() + PUBLISH_TIMEOUT_S
        while self._waiting:
            self._connection.drain_events(timeout=max(0.001, until - monotonic()))

    def _acknowledged(self, tag: int, multiple: bool) -> None:
        for event in self._settled(tag, multiple=multiple):
            # What no queue took comes back first, and is acknowledged all the same.
            if event.event_id not in self._came_back:
                self.confirmed.add(event.id)

    def _refused(self, tag: int, multiple: bool) -> None:
        self._settled(tag, multiple=multiple)

    def _returned(self, _error: Exception, _exchange: str, _routing_key: str, message: kombu.Message) -> None:
        self._came_back.add(message.properties["message_id"])

    def _settled(self, tag: int, *, multiple: bool) -> list[Event]:
        tags = [each for each in self._waiting if each <= tag] if multiple else [tag]
        return [self._waiting.pop(each) for each in tags if each in self._waiting]


def _headers(event: Event) -> dict[str, str]:
    return {"key": event.key, "op": event.op}
