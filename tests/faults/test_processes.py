"""Runs that are told to end, that meet another over the same feed, or that wake up when it is too late."""

from __future__ import annotations

import signal
import subprocess
from contextlib import suppress
from random import Random

import pytest

from tests.faults.conftest import FAULTS, Undisturbed
from tests.faults.shop import FINISHED, Shop, begun, differences, ended, kill_after

ENDS = max(1, FAULTS // 20)
INTERRUPTED = 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["term", "int"])
def test_told_to_end_at_random(shop: Shop, undisturbed: Undisturbed, number: signal.Signals) -> None:
    """It finishes what it has begun and ends in order; what it did not come to is done when it is resumed."""
    random = Random(number)
    for _ in range(ENDS):
        shop.reset()
        process = shop.start()
        begun(shop, process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(random.uniform(0.0, 0.3) * undisturbed.elapsed_s)
        process.send_signal(number)
        code, err = ended(process)
        # At the very end of the process nobody waits for signals any more.
        assert code in {INTERRUPTED, 1, -number}, err
        assert not differences(shop.complete(), undisturbed.state)


@pytest.mark.parametrize("seed", range(max(1, FAULTS // 25)))
def test_two_processes_resume_one_run(shop: Shop, undisturbed: Undisturbed, seed: int) -> None:
    """Each part is applied by one of them, and both come to the same end."""
    shop.reset()
    process = shop.start()
    begun(shop, process)
    kill_after(process, Random(seed).uniform(0.0, 0.2) * undisturbed.elapsed_s)
    pair = [shop.start("--resume"), shop.start("--resume", "--rejects", "b.csv", "--report", "b.json")]
    codes, said = zip(*map(ended, pair), strict=True)
    # One of them, or both where the run was at its end when it was killed, may find it finished.
    assert set(codes) <= {1, 2}, said
    if codes[0] == 2:
        assert "no unfinished run" in said[0]
        for name in ("rejects.csv", "report.json"):
            other = shop.directory / f"b{name[name.index('.') :]}"
            if other.exists():
                other.replace(shop.directory / name)
    state = shop.state() | {"exit code": 1, "said": ""}
    assert not differences(state, undisturbed.state), said
    assert codes == (2, 2) or state["report"] == undisturbed.state["report"]


@pytest.mark.parametrize("seed", range(max(1, FAULTS // 25)))
def test_a_gated_run_that_is_killed(shop: Shop, undisturbed: Undisturbed, seed: int) -> None:
    """It is no accepted one until it has come to its end."""
    shop.reset()
    process = shop.start("--gate")
    begun(shop, process)
    kill_after(process, Random(seed).uniform(0.0, 0.2) * undisturbed.elapsed_s)
    was_finished = shop.database.rows(FINISHED) == [(1,)]
    accepted = "SELECT count(*) FROM feedmill_profiles"
    if not was_finished:
        assert shop.database.rows(accepted) == [(0,)]
        code, err = ended(shop.start("--gate", "--resume"))
        assert code == 1, err
    assert not differences(shop.state() | {"exit code": 1, "said": ""}, undisturbed.state)
    assert shop.database.rows(accepted) == shop.database.rows("SELECT count(*) FROM dealers")


@pytest.mark.postgres
@pytest.mark.parametrize("shop", ["postgresql"], indirect=True)
def test_a_process_that_wakes_up_too_late(shop: Shop, undisturbed: Undisturbed) -> None:
    """A machine is suspended and its connections are closed; another one has finished the run meanwhile."""
    shop.reset()
    sleeper = shop.start("--rejects", "b.csv", "--report", "b.json")
    begun(shop, sleeper)
    sleeper.send_signal(signal.SIGSTOP)
    shop.database.rows(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE application_name LIKE 'feedmill/%' AND datname = current_database()"
    )
    code, err = ended(shop.start("--resume"))
    assert code == 1, err
    state = shop.state() | {"exit code": code, "said": err}
    assert not differences(state, undisturbed.state), err
    sleeper.send_signal(signal.SIGCONT)
    code, err = ended(sleeper)
    assert code == 1, err
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state), err
    assert (shop.directory / "b.csv").read_bytes() == undisturbed.state["rejects"]
