"""What is between a run and its server breaks, at random places of what is sent, or just behind a COMMIT."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest

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
    shop: Shop, server: PostgresServer, is_last: Callable[[bytes], bool]
) -> Iterator[tuple[str, Proxy]]:
    """Put a proxy in the way; give the URL that leads through it."""
    assert isinstance(shop.database, PostgresShop)
    proxy = Proxy(server.port, is_last)
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
