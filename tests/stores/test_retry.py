import threading
from collections.abc import Callable

import pytest

from feedmill.errors import StoreError
from feedmill.stores.retry import CANCEL_S, DRAIN_S, Backoff, Haste, RetryPolicy, Verdict, verdict


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (
            ["40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "25P03", "08006", "08000", None],
            Verdict.RETRY,
        ),
        (
            ["22001", "22P02", "23502", "23503", "23505", "23514", "23P01", "54000", "P0001", "21000"],
            Verdict.DATA,
        ),
        (
            ["28P01", "3D000", "42501", "42P01", "42703", "53100", "0A000", "57014", "XX000", ""],
            Verdict.FATAL,
        ),
    ],
)
def test_verdicts(states: list[str | None], expected: Verdict) -> None:
    assert [verdict(state) for state in states] == [expected] * len(states)


class Recorder(threading.Event):
    """An event that takes note of how long it was to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        return self.is_set()


def test_waits_double_up_to_the_cap() -> None:
    stop = Recorder()
    backoff = Backoff(RetryPolicy(first_s=0.05, cap_s=1.0), stop, fraction=lambda: 1.0)
    assert all(backoff.wait() for _ in range(8))
    assert stop.waits == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0])


def test_a_wait_is_a_random_part_of_its_bound() -> None:
    stop = Recorder()
    backoff = Backoff(RetryPolicy(), stop)
    assert all(backoff.wait() for _ in range(200))
    assert all(0 <= wait < 5.0 for wait in stop.waits)
    assert len(set(stop.waits)) == 200


def test_gives_up_by_time() -> None:
    assert not Backoff(RetryPolicy(give_up_s=0.0), threading.Event()).wait()


@pytest.mark.parametrize("tell", [Haste.hurry, Haste.cancel])
def test_a_run_that_is_told_to_end_waits_less(
    monkeypatch: pytest.MonkeyPatch, tell: Callable[[Haste], None]
) -> None:
    now = 1_000.0
    monkeypatch.setattr("feedmill.stores.retry.time.monotonic", lambda: now)
    haste = Haste()
    backoff = Backoff(RetryPolicy(give_up_s=300.0), Recorder(), haste)
    assert backoff.wait()
    now += 200
    tell(haste)
    limit_s = DRAIN_S if tell is Haste.hurry else CANCEL_S
    # Told to end when the time is nearly up, it still has some: what is gone may come back.
    for _ in range(2):
        now += limit_s / 2 - 0.1
        assert backoff.wait()
    now += 0.3
    assert not backoff.wait()
    # Told again, it is not given more.
    tell(haste)
    assert not backoff.wait()
    # What begins to fail later has its own time.
    assert Backoff(RetryPolicy(), Recorder(), haste).wait()


def test_stop_ends_the_wait() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoreError, match="--resume"):
        Backoff(RetryPolicy(first_s=3600.0, cap_s=3600.0), stop, fraction=lambda: 1.0).wait()
