"""Faults: one root, and the exit status each ends the command with."""

import inspect

import pytest

from feedmill import errors
from feedmill.errors import (
    FeedHeldError,
    FeedmillError,
    RunError,
    TooManyDiscontinuedError,
    TooManyFailuresError,
    UsageError,
)

FAULTS = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, FeedmillError)]
HELD = (FeedHeldError, TooManyDiscontinuedError, TooManyFailuresError)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_be_caught_as_one_of_feedmills(fault: type[FeedmillError]) -> None:
    assert fault.__name__.endswith("Error")
    with pytest.raises(FeedmillError, match="where: what"):
        raise fault("where: what; how to put it right")


@pytest.mark.parametrize("fault", FAULTS)
def test_exit_codes_say_who_can_help(fault: type[FeedmillError]) -> None:
    if issubclass(fault, UsageError):
        assert fault.exit_code == 2
    elif issubclass(fault, HELD):
        assert fault.exit_code == 4
    else:
        assert fault.exit_code == 3


def test_kinds_of_faults_do_not_overlap() -> None:
    kinds = (UsageError, RunError, TooManyFailuresError)
    assert all(sum(issubclass(fault, kind) for kind in kinds) <= 1 for fault in FAULTS)
