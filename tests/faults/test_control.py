"""The negative control: were the ledger not in the transaction it is about, these tests would be red."""

from __future__ import annotations

import signal

import pytest

from tests.faults.conftest import Undisturbed
from tests.faults.shop import Shop, differences, ended


@pytest.mark.parametrize("part", [1, 2, 7])
def test_a_checkpoint_apart_is_found_out(shop: Shop, undisturbed: Undisturbed, part: int) -> None:
    shop.reset()
    code, err = ended(shop.start(meddling=f"apart:{part}"))
    assert code == -signal.SIGKILL, err
    found = differences(shop.complete(meddling="apart"), undisturbed.state)
    assert found, "the oracle saw no difference where there has to be one"


def test_the_control_is_right_while_nothing_happens(shop: Shop, undisturbed: Undisturbed) -> None:
    """So that it is the fault that the oracle sees, and not the control."""
    shop.reset()
    code, err = ended(shop.start(meddling="apart"))
    assert not differences(shop.state() | {"exit code": code, "said": err}, undisturbed.state)
