"""What to do about a database's error, and how long to wait before trying again.

The SQLSTATE decides, never the text of a message. After 40001 or a lost connection the whole part is tried
again: the ledger says whether the first try had been committed. 22xxx and 23xxx are about rows: the part is
halved until the row is found. The rest is a fault of the run, because no number of tries mends a missing
privilege.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from feedmill.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event


class Verdict(Enum):
    """What an error calls for."""

    RETRY = "the same again may work"
    DATA = "a row is at fault"
    FATAL = "the run cannot go on"


# serialization_failure, deadlock_detected, lock_not_available; admin_shutdown, crash_shutdown,
# cannot_connect_now; too_many_connections; idle_in_transaction_session_timeout.
RETRIED = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "25P03"})
# raise_exception is what a trigger's plain RAISE gives; cardinality_violation: two rows of a statement met
# one stored row; program_limit_exceeded: a value too large for an index.
ABOUT_ROWS = frozenset({"P0001", "21000", "54000"})


def verdict(sqlstate: str | None) -> Verdict:
    """Judge an operational error by its SQLSTATE; None is a connection that broke without a word.

    Examples
    --------
    >>> [verdict(state).name for state in ("40P01", "23514", "42501")]
    ['RETRY', 'DATA', 'FATAL']
    """
    if sqlstate is None or sqlstate.startswith("08") or sqlstate in RETRIED:
        return Verdict.RETRY
    if sqlstate.startswith(("22", "23")) or sqlstate in ABOUT_ROWS:
        return Verdict.DATA
    return Verdict.FATAL


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Full-jitter back-off: each wait is a random part of a bound that doubles.

    Parameters
    ----------
    first_s : float
        Bound of the first wait. 50 ms: a deadlock's victim gets through at once.
    cap_s : float
        The bound grows no further. 5 s: a server that restarts is met soon after.
    give_up_s : float
        Time from the first failure after which the error stands. Time and not a count: twenty quick refusals
        say less than five minutes of them.
    """

    first_s: float = 0.05
    cap_s: float = 5.0
    give_up_s: float = 300.0


DRAIN_S: Final = 10.0
"""Seconds for which a run that was told to end waits for a database that does not answer, refuses it or is
locked. A server is started again in that time; a service manager has not lost its patience."""

CANCEL_S: Final = 5.0
"""Seconds for a server to say that what was cancelled is; a live one takes milliseconds."""


class Haste:
    """Whether a run is to come to its end, and so how long its database is still waited for.

    Thread safety
    -------------
    any thread, signal handlers included: it has no lock
    """

    def __init__(self) -> None:
        self._told_at: float | None = None
        self._cancelled_at: float | None = None

    @property
    def is_told(self) -> bool:
        """Whether it was told to end."""
        return self._told_at is not None or self._cancelled_at is not None

    def hurry(self) -> None:
        """Come to an end in order."""
        if self._told_at is None:
            self._told_at = time.monotonic()

    def cancel(self) -> None:
        """Come to an end at once."""
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()

    def is_over(self, since: float) -> bool:
        """Tell whether something has been waited for long enough, since then by the monotonic clock."""
        now = time.monotonic()
        limits = ((self._told_at, DRAIN_S), (self._cancelled_at, CANCEL_S))
        return any(at is not None and now - max(at, since) >= limit_s for at, limit_s in limits)


class Backoff:
    """The waits of one part's tries.

    Parameters
    ----------
    policy : RetryPolicy
    stop : threading.Event
        Set from anywhere, it ends a wait at once.
    haste : Haste, optional
        Of the run: told to end, it waits less.
    fraction : callable, default random.random
        Part of the bound to wait, from 0 to 1.

    Thread safety
    -------------
    one thread; `stop` may be set by any
    """

    def __init__(
        self,
        policy: RetryPolicy,
        stop: Event,
        haste: Haste | None = None,
        fraction: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._stop = stop
        self._haste = haste or Haste()
        self._fraction = fraction
        self._failed_at: float | None = None
        self.tries = 0

    def wait(self) -> bool:
        """Wait before the next try; False when the time is up.

        Raises
        ------
        StoreError
            The run was stopped meanwhile.
        """
        now = time.monotonic()
        if self._failed_at is None:
            self._failed_at = now
        if now - self._failed_at >= self._policy.give_up_s or self._haste.is_over(self._failed_at):
            return False
        # 2 ** 30 × any first bound is past any cap; a larger exponent only overflows.
        bound = min(self._policy.cap_s, self._policy.first_s * 2 ** min(self.tries, 30))
        self.tries += 1
        if self._stop.wait(bound * self._fraction()):
            raise StoreError(
                "The run was stopped while it waited for the database; continue it with --resume."
            )
        return True
