"""What is between a run and its server breaks, at random places of what is sent, or just behind a COMMIT."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from time import monotonic

import pytest

from tests.command import has_ended
from tests.faults.conftest import FAULTS, Undisturbed
from tests.faults.shop import PostgresShop, Shop, differences, ended
from tests.postgres_server import PostgresServer
from tests.stores.proxy import Proxy
from tests.stores.test_postgres_faults import every

pytestmark = [pytest.mark.postgres, pytest.mark.parametrize("shop", ["postgresql"], indirect=True)]

RUNS = max(1, FAULTS // 10)
CUTS = 4
"""Of one run."""

SENT_BYTES = 2 << 20
"""What a run sends, about."""


@contextmanager
def proxied(
    shop: Shop, server: PostgresServer, is_last: Callable[[bytes], bool], *, is_silent: bool = False
) -> Iterator[tuple[str, Proxy]]:
    """Put a proxy in the way; give the URL that leads through it."""
    assert isinstance(shop.database, PostgresShop)
    proxy = Proxy(server.port, is_last, is_silent=is_silent)
    try:
        yield shop.database.url.replace(f":{server.port}/", f":{proxy.port}/") + "?sslmode=disable", proxy
    finally:
        proxy.close()


def at_bytes(places: list[int]) -> Callable[[bytes], bool]:
    """Tell the blocks with which so many bytes have been sent, over all connections."""
    left, sent = sorted(places), 0

    def is_last(block: bytes) -> bool:
        nonlocal sent
        sent += len(block)
        if not left or sent < left[0]:
            return False
        left.pop(0)
        return True

    return is_last


@pytest.mark.parametrize("seed", range(RUNS))
def test_cut_at_random(
    shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer, seed: int
) -> None:
    """The run goes on by itself, over new connections."""
    random = Random(seed)
    shop.reset()
    # The first connection tells whether the URL is right: what happens to it is not tried again.
    places = [random.randrange(20_000, SENT_BYTES) for _ in range(CUTS)]
    with proxied(shop, postgres_server, at_bytes(places)) as (url, proxy):
        code, err = ended(shop.start("--to", url))
        assert proxy.cuts, "nothing was cut"
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state), err


@pytest.mark.parametrize("turn", [3, 8])
def test_replies_to_commit_that_are_lost(
    shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer, turn: int
) -> None:
    """What was committed, and nobody heard of it, is not done again."""
    shop.reset()
    with proxied(shop, postgres_server, every(b"COMMIT\0", turn, 5)) as (url, proxy):
        code, err = ended(shop.start("--to", url))
        assert proxy.cuts >= 3
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state), err


@pytest.mark.parametrize(
    ("is_silent", "signals"), [(True, 1), (True, 2), (False, 1)], ids=["silent", "silent-twice", "refusing"]
)
def test_told_to_end_while_the_server_is_gone(
    shop: Shop, undisturbed: Undisturbed, postgres_server: PostgresServer, signals: int, is_silent: bool
) -> None:
    """A drain, or a cancelled run, does not wait for it; what is committed stays, and the run is resumed."""
    shop.reset()
    seen = 0

    def is_gone(block: bytes) -> bool:
        # From the middle of the run on, for ever.
        nonlocal seen
        seen += b"COMMIT\0" in block
        return seen > 20

    with proxied(shop, postgres_server, is_gone, is_silent=is_silent) as (url, proxy):
        process = shop.start("--to", url, meddling="hasty")
        while not proxy.cuts:
            assert not has_ended(process)
        if not is_silent:
            proxy.refuse()
        started = monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            # Two that come at once are one.
            has_ended(process)
        code, err = ended(process)
        elapsed_s = monotonic() - started
    # Statements have two minutes, and another try five.
    assert elapsed_s < 60, err
    assert "Traceback" not in err
    if signals == 1:
        assert (code, "the run was told to end, and waits for it no longer" in err) == (3, True), err
    else:
        assert code == 130, err
    assert not differences(shop.complete(), undisturbed.state)
