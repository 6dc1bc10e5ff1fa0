"""`kill -9` at any moment, and again while it recovers: in the end nobody can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.conftest import FAULTS, Undisturbed
from tests.faults.shop import Shop, differences, kill_after

BEGUN = "SELECT 1 FROM feedmill_runs"

KILLS = 5
"""Of one test."""

MID_LOAD_SHARE = 0.4
"""Of many kills, those that have to hit while parts are being committed; of a few, one."""


@pytest.fixture(scope="module")
def tally() -> Iterator[Counter[str]]:
    """Count kills; in the end, enough of them must have hit a run at work."""
    counts: Counter[str] = Counter()
    yield counts
    print(f"\n{counts['kills']} kills, {counts['mid-load']} of them in mid-load")
    assert counts["mid-load"] >= (MID_LOAD_SHARE * counts["kills"] if counts["kills"] >= 200 else 1)


@pytest.mark.parametrize("seed", range(FAULTS // KILLS))
def test_killed_at_random(shop: Shop, undisturbed: Undisturbed, tally: Counter[str], seed: int) -> None:
    """One to three kills a run; each comes at another moment of an undisturbed run's time."""
    random = Random(seed)
    left = KILLS
    while left:
        shop.reset()
        for _ in range(min(left, random.choice([1, 1, 2, 3]))):
            before = shop.parts()
            # Or one that had begun, and committed nothing, would be left for `complete` to load once more.
            process = shop.start(*(["--resume"] if shop.database.rows(BEGUN) else []))
            if not kill_after(process, random.uniform(0.2, 1.0) * undisturbed.elapsed_s):
                break
            after = shop.parts()
            assert after >= before, "a kill took back what was committed"
            left -= 1
            tally["kills"] += 1
            tally["mid-load"] += 0 < after < undisturbed.parts
        assert not differences(shop.complete(), undisturbed.state)
