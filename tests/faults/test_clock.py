"""The clock is set while a run is at work: a day forward, then two days back; nothing depends on it.

libfaketime shows it to the command, to SQLite in it too, and leaves the monotonic clock alone, as the system
does. The server of PostgreSQL keeps its own time.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.shop import Shop, differences, ended

HOW_TO_INSTALL = "libfaketime is not installed: on Debian, apt-get install libfaketime"
SPAN = "SELECT started_at, finished_at FROM feedmill_runs ORDER BY started_at"


def faked(moment: Path) -> list[str]:
    """Run the program that follows by a clock that a file sets."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip(HOW_TO_INSTALL)
    only_the_calendar = ("DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_NO_CACHE=1")
    return ["env", f"LD_PRELOAD={found[0]}", f"FAKETIME_TIMESTAMP_FILE={moment}", *only_the_calendar]


def test_a_clock_that_jumps(shop: Shop, undisturbed: Undisturbed, tmp_path: Path) -> None:
    shop.reset()
    moment = tmp_path / "moment"
    moment.write_text("+0", "ascii")
    code, err = ended(shop.start(under=faked(moment), meddling="clock"))
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state), err
    [(started_at, finished_at)] = shop.database.rows(SPAN)
    assert str(finished_at) < str(started_at), "the clock was not set back"


def test_a_run_of_tomorrow_is_resumed_today(shop: Shop, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """It broke off when the clock was a day ahead; since then somebody has put it right."""
    shop.reset()
    moment = tmp_path / "moment"
    moment.write_text("+1d", "ascii")
    code, _ = ended(shop.start(under=faked(moment), meddling="clock:3"))
    assert code == -signal.SIGKILL
    assert not differences(shop.complete(), undisturbed.state)
    [(started_at, finished_at)] = shop.database.rows(SPAN)
    assert str(finished_at) < str(started_at), "the clock was not put right"
