"""Faults: what stops a call or a run. A bad record is no fault, it is a reject (see `codes`).

A message says where, what, and how to put it right, in one or two lines, so the command line can print it
as it stands. The class says who can help, and with which status the command ends.
"""

from typing import ClassVar, Final

NO_MEMORY: Final = (
    "the system gives no more memory; free some, or take fewer --workers, then continue with --resume"
)
"""What Python's own error says by nothing but its name."""


class FeedmillError(Exception):
    """Everything feedmill raises on purpose.

    Attributes
    ----------
    report : feedmill.report.Report or None
        What the run had done that this ended; None if it ended none.
    """

    exit_code: ClassVar[int] = 3
    report: object = None


class UsageError(FeedmillError):
    """What was asked for cannot be done as it was asked; nothing has been written yet."""

    exit_code: ClassVar[int] = 2


class SchemaError(UsageError):
    """A schema that contradicts itself, or that declares what feedmill does not know."""


class DialectError(UsageError):
    """A dialect that cannot be read unambiguously."""


class HeaderError(UsageError):
    """A feed whose header does not fit its schema."""


class UrlError(UsageError):
    """A store's URL that names no store."""


class FeedError(UsageError):
    """A feed that cannot be opened."""


class RunError(FeedmillError):
    """A fault of the run: it stopped, what is committed stays, and it can be resumed."""

    exit_code: ClassVar[int] = 3


class StoreError(RunError):
    """The store refused, or went away."""


class ReadError(RunError):
    """The feed broke off after it had been opened."""


class RejectFileError(RunError):
    """Rejects cannot be written down, so the run may not go on dropping records."""


class StallError(RunError):
    """Nothing has moved for longer than the caller was ready to wait.

    Attributes
    ----------
    stall : feedmill.watchdog.Stall or None
        Who waited for whom, with all threads' stacks; None if the run had not begun.
    """

    stall: object = None


class FeedHeldError(FeedmillError):
    """A feed is not like its dealers' last accepted ones; nothing has been written.

    Attributes
    ----------
    findings : tuple of str
        What is different, a line each; the message shows the first of them.
    """

    exit_code: ClassVar[int] = 4
    findings: tuple[str, ...] = ()


class TooManyDiscontinuedError(RunError):
    """A feed does not list more of its dealers' offers than the caller was ready to discontinue."""

    exit_code: ClassVar[int] = 4


class TooManyFailuresError(FeedmillError):
    """More records failed than the caller was ready to accept."""

    exit_code: ClassVar[int] = 4


def one_line(error: BaseException) -> str:
    """Say in one line what was raised: its class, which may be all that it says, and its words."""
    try:
        words = str(error) or (NO_MEMORY if isinstance(error, MemoryError) else "")
    except Exception as worse:  # an exception of a callback's own may raise when it is asked
        words = f"<{type(worse).__name__} in its words>"
    return " ".join(f"{type(error).__name__}: {words}".split())
