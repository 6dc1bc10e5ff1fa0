"""The fuzzer itself: it steers, it keeps what is new, and a finding does not get lost."""

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import __main__ as fuzz
from tests.fuzz import mutation, targets
from tests.fuzz.edges import Edges


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "under-way"


@pytest.mark.parametrize("name", targets.TARGETS)
def test_every_target_takes_its_seeds_and_their_mutants(name: str, file: Path) -> None:
    loop = fuzz.Loop([name], 1, file)
    left = iter(range(5))
    loop.go_on(lambda: next(left, None) is None)
    assert loop.runs[name] == len(targets.seeds(name)) + 5


def test_what_takes_a_new_way_is_kept(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = fuzz.Loop(["feed"], 1, file)
    monkeypatch.setattr(loop.edges, "add", lambda: loop.runs["feed"] % 2 == 0)
    before = len(loop.corpus["feed"])
    left = iter(range(20))
    loop.go_on(lambda: next(left, None) is None)
    assert len(loop.corpus["feed"]) == before + 10


def test_a_finding_is_under_way_when_it_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def raising(data: bytes) -> None:
        raise AssertionError

    monkeypatch.setitem(targets.TARGETS, "feed", raising)
    with pytest.raises(AssertionError):
        fuzz.Loop(["feed"], 1, file).run("feed", b"\0\1a,b")
    assert file.read_bytes() == b"feed\0\0\1a,b"


def test_mutants_are_a_function_of_the_seed() -> None:
    first, second = ([mutation.mutated(Random(n), b"a,b\n" * 9, b'"x"') for n in range(50)] for _ in range(2))
    assert first == second
    assert len(set(first)) > 40
    assert max(map(len, first)) <= mutation.LONGEST


def test_a_plain_kernel_has_no_edges() -> None:
    edges = Edges()
    edges.clear()
    assert edges.add() is False or edges.is_traced


def test_the_command_says_that_it_found_nothing() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--minutes=0", "--seed=1", "--target=feed"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=fuzz.ROOT)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "no finding"), done.stderr
