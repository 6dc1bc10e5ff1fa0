"""Every wait is recorded under its channel's name, and everything is as before afterwards."""

import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

from feedmill.channel import Channel
from feedmill.crew import Crew
from feedmill.pipeline.flow import Flow
from feedmill.pool import WorkerPool
from recorder import recording
from tests.profiling.conftest import FOLDER

ROOT = FOLDER.parent


def wrapped() -> list[object]:
    return [Channel.put, Channel.get, Flow.__init__, Crew.__init__, Future.result, threading.Thread.run]


def test_a_pools_waits_have_names() -> None:
    before = wrapped()
    with recording() as seen, WorkerPool(2) as pool:
        assert pool.submit(pow, 2, 10).result() == 1024
    assert wrapped() == before
    assert list(seen.channels) == ["job channel"]
    assert {name for name, channel, side in seen.sums if (channel, side) == ("job channel", "get")} == {
        *("worker-1", "worker-2")
    }
    assert sorted(seen.lives) == ["worker-1", "worker-2"]
    for life in seen.lives.values():
        assert life.begin_s <= life.end_s
    for wait in seen.waits:
        assert wait.begin_s <= wait.end_s


def test_contention_of_a_whole_run_is_counted(tmp_path: Path) -> None:
    """In a process of its own: it watches every lock that is made from its begin on."""
    done = subprocess.run(
        [
            *(sys.executable, FOLDER / "locks.py", "--out", tmp_path, "--", "validate"),
            *(ROOT / "examples" / "dealer_feed.csv", "--schema"),
            *(ROOT / "src" / "feedmill" / "products" / "product.schema.json", "--quiet"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    picture = (tmp_path / "locks.svg").read_text("utf-8")
    assert "job channel" in picture
    assert "result channel" in picture
    numbers = json.loads((tmp_path / "locks.json").read_text("utf-8"))
    assert {each["channel"]: each["capacity"] for each in numbers["channels"]}["job channel"] == 100
    assert "flow.py:" in picture


def test_a_run_is_drawn_with_all_its_threads(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / "timeline.py", "--out", tmp_path, "--copies", "1"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "The bottleneck: " in done.stdout
    picture = (tmp_path / "timeline.svg").read_text("utf-8")
    for thread in ("reader-1", "worker-1", "collector-1", "lane-0", "settler-1"):
        assert f">{thread}</text>" in picture
