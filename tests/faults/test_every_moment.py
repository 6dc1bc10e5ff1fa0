"""Killed, or out of disk space, at the first, second, third … call of each kind that leaves something behind.

strace does it: it counts a thread's calls of one kind, and ends the process at, or fails, the one asked for.
Random moments are many but miss what takes no time; these do not. How many calls there are is counted first.
`make torture` takes every call up to `DENSE`, a plain run of the tests the first, the last, and some between.
"""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from math import ceil, log
from pathlib import Path

import pytest

from benchmarks.feeds import write_feed
from tests.faults.conftest import FAULTS, RECORDS, Undisturbed
from tests.faults.shop import Shop, differences, ended

IS_TORTURE = FAULTS >= 100
DENSE = 120
"""Calls of one kind that are each taken; of those after them the 240th, 480th …, and the last."""

SPARSE = 20
"""From one call that a plain run takes to the next, at most so many times as far; the last is taken."""

SEEING_FEW = "--seccomp-bpf"
"""Stop the program at the calls that are watched only, and not at all; strace 6.1 then sends no signal."""

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
    ("sqlite", "pwrite64", "EIO"),
    ("sqlite", "fdatasync", "EIO"),
    ("postgresql", "write", "ENOSPC"),
    ("postgresql", "fsync", "ENOSPC"),
    ("postgresql", "write", "EFBIG"),
    ("postgresql", "write", "EINTR"),
]
CALLS = sorted({call for _, call, *_ in [*KILLED_AT, *FAILS_AT]})
CALL = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)


def strace(*options: str) -> list[str]:
    """Run the program that follows, and watch its system calls, or do something to one."""
    if shutil.which("strace") is None:
        pytest.skip(HOW_TO_INSTALL)
    return ["strace", "-f", "-qq", *options]


def told(call: str, what: str, *options: str) -> list[str]:
    return strace(*options, "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{what}")


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a feed of five ranges, or of twenty for torture: each point of it is two processes."""
    path = tmp_path_factory.mktemp("moments") / "offers.csv"
    write_feed(path, RECORDS if IS_TORTURE else RECORDS // 4, seed=11, bad=0.05, repeats=0.2)
    return path


@pytest.fixture(scope="module")
def counted(shop: Shop, undisturbed: Undisturbed, tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """Count the calls of a run, of each kind those of the thread that has most."""
    shop.reset()
    log = tmp_path_factory.mktemp("strace") / "calls"
    code, err = ended(shop.start(under=strace(SEEING_FEW, "-o", str(log), "-e", f"trace={','.join(CALLS)}")))
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state)
    most: Counter[str] = Counter()
    for (_, call), number in Counter(CALL.findall(log.read_text("utf-8", "replace"))).items():
        most[call] = max(most[call], number)
    return most


def moments(count: int) -> list[int]:
    """Choose among so many calls of one kind."""
    assert count, "there is no such call"
    if IS_TORTURE:
        doubled = [DENSE << times for times in range(1, count.bit_length()) if DENSE << times < count]
        return sorted({*range(1, min(count, DENSE) + 1), *doubled, count})
    steps = ceil(log(count, SPARSE)) or 1
    return sorted({round(count ** (step / steps)) for step in range(steps + 1)})


@pytest.mark.parametrize(("shop", "call"), KILLED_AT, indirect=["shop"], scope="module")
def test_killed_at_a_call(shop: Shop, undisturbed: Undisturbed, counted: Counter[str], call: str) -> None:
    killed = 0
    for number in moments(counted[call]):
        shop.reset()
        code, err = ended(shop.start(under=told(call, f"signal=SIGKILL:when={number}")))
        if code != -signal.SIGKILL:
            # This time no thread has called it that often.
            assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state)
            continue
        killed += 1
        found = differences(shop.complete(), undisturbed.state)
        assert not found, f"killed at a thread's {call} number {number}: {found} differ"
    assert killed, "strace does not do what it is told"


@pytest.mark.parametrize(("shop", "call", "error"), FAILS_AT, indirect=["shop"], scope="module")
def test_a_call_that_fails(
    shop: Shop, undisturbed: Undisturbed, counted: Counter[str], call: str, error: str
) -> None:
    """The run stops and says so, or does not need the call; it is continued when there is room."""
    stopped = 0
    for number in moments(counted[call]):
        shop.reset()
        code, err = ended(shop.start(under=told(call, f"error={error}:when={number}", SEEING_FEW)))
        assert "Traceback" not in err, (number, err)
        assert code in {1, 3}, (number, err)
        stopped += code == 3
        found = differences(shop.complete(), undisturbed.state)
        assert not found, f"{error} at a thread's {call} number {number}: {found} differ"
    # What a signal interrupts is called again.
    assert bool(stopped) == (error != "EINTR")
