"""The benchmarks run, and what they find can be drawn; how fast anything is, is not tested."""

import json
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from benchmarks import builds, chart, peers_chart, postgres, postgres_loaders, processors
from benchmarks.contestants import CONTESTANTS, check_of
from benchmarks.feeds import write_feed
from benchmarks.processors import Use
from feedmill.products import migrate
from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[1]


def measured(script: str, *arguments: str) -> dict[str, object]:
    command = [sys.executable, f"benchmarks/{script}.py", "--measure", "--rounds=1", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_what_a_tiny_job_costs_is_measured() -> None:
    ways = ["WorkerPool.map", "WorkerPool.submit", "ThreadPoolExecutor.map", "joblib, threading"]
    result = measured("pool", "--jobs=40", *(f"--way={way}" for way in ways))
    assert [each["way"] for each in result["overheads"]] == ways
    assert result["gil"] == sys._is_gil_enabled()
    assert result["absent"] == []


def test_speed_ups_are_measured_and_drawn() -> None:
    ways = ["--way=WorkerPool", "--way=ThreadPoolExecutor", "--job=kernel", "--job=callback"]
    result = measured("scaling", "--jobs=3", "--threads=1,2", *ways)
    scales = {(each["job"], each["way"], each["workers"]): each for each in result["scales"]}
    assert {("kernel", "WorkerPool", 2), ("callback", "ThreadPoolExecutor", 1)} <= scales.keys()
    assert all(each["elapsed_ms"] > 0 < each["cpu_ms"] for each in scales.values())
    machine = {"cpus": 2, "cpu": "any"}
    picture = chart.draw({"date": "2026-11-25", "machine": machine, "builds": [result, result]})
    assert picture.count("WorkerPool: ") == 2 * 2


def test_a_chart_is_drawn_as_png() -> None:
    pytest.importorskip("resvg_py", reason="on this interpreter it has no wheel")
    png = chart.as_png('<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"></svg>')
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    # Its first chunk says how wide and how high it is.
    assert png[16:24] == (60).to_bytes(4) + (40).to_bytes(4)


def test_peers_are_measured_and_drawn() -> None:
    given = ["--records=100", "--rounds=1", "--peer=feedmill", "--peer=csv, plain Python"]
    command = [sys.executable, "benchmarks/peers.py", *given]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    assert {row[0] for row in rows[1:]} <= {"| feedmill", "| csv, plain Python"}
    assert {row[7] for row in rows[1:]} <= {"0"}
    bars = [{"peer": "feedmill", "on": "3.13", "left_out": "nothing", "nbytes": 10**8, "cpu_s": 0.3}] * 2
    machine = {"cpus": 2, "cpu": "any"}
    picture = peers_chart.draw({"date": "2026-11-26", "machine": machine, "builds": [{"peers": bars}]})
    assert picture.count(">333<") == 2


@pytest.mark.parametrize("name", CONTESTANTS)
def test_peers_do_the_same_job_but_for_what_is_said(name: str, tmp_path: Path) -> None:
    try:
        check = check_of(name)
    except ImportError:
        pytest.skip(f"on this interpreter {CONTESTANTS[name].library} has no wheel, or was not asked for")
    feed = tmp_path / "feed.csv"
    expected = write_feed(feed, 500, bad=0.3)
    passed = check(feed) - expected.good
    assert passed >= 0
    assert (passed == 0) == (CONTESTANTS[name].left_out == "nothing")


def test_the_floor_of_loading_is_the_same_work(
    postgres_server: PostgresServer, postgres_url: str, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.csv"
    lines = (ROOT / "examples/dealer_feed.csv").read_bytes().splitlines(keepends=True)
    feed.write_bytes(b"".join(lines[:800]))
    floor = f"{postgres_url}_floor"
    with postgres_server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{floor.rpartition("/")[2]}"')
    migrate(postgres_url)
    migrate(floor)
    postgres_loaders.recorded(postgres_url, feed, tmp_path / "first")
    postgres_loaders.recorded(postgres_url, feed, tmp_path / "verify", "--verify")
    assert postgres_loaders.replayed(tmp_path / "first")(floor, feed) > 0
    postgres_loaders.replayed(tmp_path / "verify")(floor, feed)
    counts = []
    for url in (postgres_url, floor):
        with psycopg.connect(url) as connection:
            tables = ("products", "product_dealers", "product_integration", "outbox", "feedmill_hashes")
            counts.append([connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in tables])
    assert counts[0] == counts[1]
    assert counts[0][0] != (0,)
    assert postgres.server_cpu_s(postgres_server.postmaster) > 0


def test_waiting_for_a_processor_is_no_work() -> None:
    before = {(1, 1): Use(1.0, 5.0), (1, 2): Use(2.0, 0.0)}
    after = {(1, 1): Use(1.5, 9.0), (1, 2): Use(4.0, 0.5), (1, 3): Use(1.0, 0.0)}
    assert processors.since(before, after) == [Use(2.0, 0.5), Use(1.0, 0.0), Use(0.5, 4.0)]
    assert sum(use.cpu_s for use in processors.look().values()) > 0


def test_a_result_is_kept_with_its_day_and_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "RESULTS", tmp_path)
    kept = json.loads(builds.save("pool", [{"build": "CPython"}]).read_text("utf-8"))
    assert kept["builds"] == [{"build": "CPython"}]
    assert kept["machine"]["cpus"] >= 1
    assert builds.cpu_model()


def test_the_soak_runs() -> None:
    command = [sys.executable, "-m", "tests.soak", "--minutes=0.03", "--seed=1"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert "without a hang, a leaked thread or a wrong count" in done.stdout
