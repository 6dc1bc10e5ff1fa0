"""Killed, or out of disk space, at the first, second, third … call of each kind that leaves something behind.

strace does it: it counts a thread's calls of one kind, and ends the process at, or fails, the one asked for.
Random moments are many but miss what takes no time; these do not. `make torture` takes every call up to
`DENSE`, a plain run of the tests some of them.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import pytest

from tests.faults.conftest import FAULTS, Undisturbed
from tests.faults.shop import Shop, differences, ended

IS_TORTURE = FAULTS >= 100
DENSE = 120
"""Calls of one kind that are each taken; of those after them every third or so."""

HOW_TO_INSTALL = "strace is not installed: on Debian, apt-get install strace"

# What ends up in a file or at the server. rename and unlink are of the reject file and of SQLite's journals.
KILLED_AT = [
    *(("sqlite", call) for call in ("pwrite64", "fdatasync", "write", "rename", "unlink")),
    *(("postgresql", call) for call in ("sendto", "write", "rename")),
]
# A disk that is full or breaks, a file that may not grow; what a signal interrupts is to be called again.
FAILS_AT = [
    ("sqlite", "pwrite64", "ENOSPC"),
    ("sqlite", "write", "ENOSPC"),
    ("postgresql", "write", "ENOSPC"),
    ("postgresql", "fsync", "ENOSPC"),
    ("sqlite", "pwrite64", "EIO"),
    ("sqlite", "fdatasync", "EIO"),
    ("postgresql", "write", "EFBIG"),
    ("postgresql", "write", "EINTR"),
]
TOLD = [("sqlite", "pwrite64"), ("postgresql", "sendto")]


def moments() -> Iterator[int]:
    """Count calls: every one, then ever fewer; strace counts to 65,535."""
    call = 1
    while call < 1 << 16:
        yield call
        call = call + 1 if IS_TORTURE and call < DENSE else call * (2 if IS_TORTURE else 20)


def strace(call: str, what: str) -> list[str]:
    """Run the program that follows, and do something to a system call of its."""
    if shutil.which("strace") is None:
        pytest.skip(HOW_TO_INSTALL)
    # Not with --seccomp-bpf: there strace 6.1 does not count.
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}"]


@pytest.mark.parametrize(("shop", "call"), KILLED_AT, indirect=["shop"])
def test_killed_at_a_call(shop: Shop, undisturbed: Undisturbed, call: str) -> None:
    for number in moments():
        shop.reset()
        code, err = ended(shop.start(under=strace(call, f"signal=SIGKILL:when={number}")))
        if code != -signal.SIGKILL:
            # No thread calls it that often.
            assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state)
            return
        found = differences(shop.complete(), undisturbed.state)
        assert not found, f"killed at a thread's {call} number {number}: {found} differ"


@pytest.mark.parametrize(("shop", "call", "error"), FAILS_AT, indirect=["shop"])
def test_a_call_that_fails(shop: Shop, undisturbed: Undisturbed, call: str, error: str) -> None:
    """The run stops and says so, or does not need the call; it is continued when there is room."""
    harmless = 0
    for number in moments():
        shop.reset()
        code, err = ended(shop.start(under=strace(call, f"error={error}:when={number}")))
        assert "Traceback" not in err, (number, err)
        assert code in {1, 3}, (number, err)
        found = differences(shop.complete(), undisturbed.state)
        assert not found, f"{error} at a thread's {call} number {number}: {found} differ"
        harmless = harmless + 1 if code == 1 else 0
        # Once may be a call that does not matter; again, and no thread calls it that often.
        if harmless == (2 if IS_TORTURE else 1):
            return


@pytest.mark.parametrize(("shop", "call"), TOLD, indirect=["shop"])
def test_strace_does_what_it_is_told(shop: Shop, call: str) -> None:
    """Or the tests above would see undisturbed runs."""
    shop.reset()
    code, _ = ended(shop.start(under=strace(call, "signal=SIGKILL:when=20")))
    assert code == -signal.SIGKILL
