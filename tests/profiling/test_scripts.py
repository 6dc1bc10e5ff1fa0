"""The scripts choose a tool for every interpreter, and say what is wrong with their arguments."""

import csv
import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import callgrind
import cpu
import everything
import instructions
import job
import lines
from interpreters import Choice, Interpreter, choose_sampler, choose_scalene
from job import Job, ProfilingError
from tests.profiling.conftest import FOLDER

FREE = Interpreter(Path("t/python"), "3.13.15", is_free_threaded=True)
FREE_SPY = Interpreter(Path("t/python"), "3.13.15", is_free_threaded=True, py_spy="py-spy")
FREE_SCALENE = Interpreter(Path("t/python"), "3.14.0", is_free_threaded=True, has_scalene=True)
GIL = Interpreter(Path("g/python"), "3.13.5", is_free_threaded=False, has_scalene=True, py_spy="py-spy")
BARE = Interpreter(Path("g/python"), "3.13.5", is_free_threaded=False)


@pytest.mark.parametrize(
    ("mine", "gil", "has_perf", "asked", "tool", "runs_on"),
    [
        (GIL, GIL, True, "auto", "py-spy", GIL),
        (GIL, None, True, "perf", "perf", GIL),
        (BARE, None, True, "auto", "perf", BARE),
        (FREE, GIL, True, "auto", "perf", FREE),
        (FREE_SPY, None, True, "auto", "perf", FREE_SPY),
        (FREE_SPY, GIL, False, "auto", "py-spy", GIL),
        (FREE, GIL, True, "py-spy", "py-spy", GIL),
    ],
)
def test_there_is_a_sampler_for_every_interpreter(
    mine: Interpreter, gil: Interpreter | None, has_perf: bool, asked: str, tool: str, runs_on: Interpreter
) -> None:
    choice = choose_sampler(mine, gil, has_perf=has_perf, asked=asked)
    assert (choice.tool, choice.interpreter) == (tool, runs_on)
    # Whoever gets something else than asked for is told so.
    assert bool(choice.notes) == (mine.is_free_threaded)
    if runs_on is not mine:
        assert "the same job on CPython 3.13.5, with the GIL instead" in choice.notes


@pytest.mark.parametrize(
    ("mine", "asked"), [(FREE, "auto"), (BARE, "auto"), (FREE_SPY, "py-spy"), (GIL, "perf")]
)
def test_without_a_sampler_the_command_that_helps_is_named(mine: Interpreter, asked: str) -> None:
    with pytest.raises(ProfilingError, match=r"apt-get install linux-perf|make setup-gil"):
        choose_sampler(mine, None, has_perf=False, asked=asked)


def test_scalene_runs_where_it_is_installed() -> None:
    assert choose_scalene(GIL, None) == Choice("scalene", GIL)
    assert choose_scalene(FREE_SCALENE, GIL).interpreter is FREE_SCALENE
    assert choose_scalene(FREE, GIL).interpreter is GIL
    with pytest.raises(ProfilingError, match="make setup-gil"):
        choose_scalene(FREE, BARE)


def test_scalene_measures_no_memory_and_no_gil_where_there_is_none(tmp_path: Path) -> None:
    work = Job(("validate", "x.csv"), tmp_path, "lines")
    free, gil = choose_scalene(FREE_SCALENE, None), choose_scalene(GIL, None)
    assert "--cpu-only" in lines.command(free, work, tmp_path, cpu_only=False)
    assert lines.environment(free) == {"PYTHON_GIL": "0"}
    assert "--cpu-only" not in lines.command(gil, work, tmp_path, cpu_only=False)
    # A build with the GIL does not start when told to do without.
    assert lines.environment(gil) == {}


def test_the_busiest_lines_are_named() -> None:
    line = {
        "lineno": 80,
        "line": "  execute()\n",
        "n_cpu_percent_python": 1,
        "n_cpu_percent_c": 9,
        "n_sys_percent": 2,
    }
    data = {"files": {"/x/src/feedmill/stores/sqlite.py": {"lines": [{**line, "n_cpu_percent_c": 0}, line]}}}
    assert lines.top_lines(data, 1) == [" 12.0 %  feedmill/stores/sqlite.py:80  execute()"]


def test_arguments_after_two_dashes_are_feedmills() -> None:
    assert job.split(["--rate", "9", "--", "validate", "--", "x"]) == (
        ["--rate", "9"],
        ["validate", "--", "x"],
    )
    assert job.split(["--rate", "9"]) == (["--rate", "9"], [])


@pytest.mark.parametrize(
    ("main", "arguments", "complaint"),
    [
        (cpu.main, ["--rate", "0"], "has to be at least 1"),
        (cpu.main, ["--tool", "gprof"], "invalid choice"),
        (cpu.main, ["--"], "nothing after --"),
        (lines.main, ["validate", "x.csv"], "unrecognized arguments"),
        (instructions.main, ["--records", "many"], "invalid positive value"),
        (instructions.main, ["--", "validate", "x.csv"], "{feed}"),
    ],
)
def test_wrong_arguments_are_told(
    main: object, arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert callable(main)
    with pytest.raises(SystemExit, match="2"):
        main(["--out", str(tmp_path), *arguments])
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "script", sorted(path.name for path in FOLDER.glob("*.py") if "main(argv" in path.read_text("utf-8"))
)
def test_every_script_has_help_and_a_purpose(script: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / script, "--help"], check=True, capture_output=True, text=True
    )
    purpose = (FOLDER / script).read_text("utf-8").split("\n")[0].removeprefix('"""')
    assert purpose in " ".join(done.stdout.split())
    assert f"profiling/{script}" in (FOLDER / "README.md").read_text("utf-8")


def test_each_copy_of_the_sample_has_keys_of_its_own(tmp_path: Path) -> None:
    feed = tmp_path / "feed.csv"
    assert job.write_feed(feed, 2) == 2 * 11_685
    with feed.open(encoding="utf-8", newline="") as file:
        records = list(csv.DictReader(file))
    assert len(records) == 2 * 11_685
    first = {record["sku"] for record in records[:11_685]}
    second = {record["sku"] for record in records[11_685:]}
    assert first & second <= {""}


def test_the_feed_takes_its_place_in_a_command(tmp_path: Path) -> None:
    work = job.with_feed(Job(("validate", "{feed}", "--schema", "s.json"), tmp_path, "cpu"), 1)
    assert work.command == ("validate", str(tmp_path / "sample-1.csv"), "--schema", "s.json")
    assert work.option("--schema") == "s.json"
    assert work.option("--report") is None
    assert Path(work.command[1]).exists()


def test_callgrind_is_read_without_the_cost_of_calls() -> None:
    assert doctest.testmod(callgrind).failed == 0
    text = [
        "ob=(2) /x/_core.so",
        "fl=(1) x.c",
        "fn=(5) scan'2",
        "12 7",
        "+3 5",
        "* 1",
        "fn=(6) other",
        "0 3",
        "fn=(5)",
        "-2 9",
    ]
    assert {function.name: cost for function, cost in callgrind.read(text).items()} == {
        "scan": 22,
        "other": 3,
    }


def test_start_up_cancels_out() -> None:
    start, parse = callgrind.Function("main", "python"), callgrind.Function("parse", "_core.so")
    small = callgrind.Counter({start: 5_000_000, parse: 2_000})
    large = callgrind.Counter({start: 5_000_000, parse: 6_000})
    assert callgrind.a_record(small, large, 4) == {parse: 1_000, start: 0}


def test_the_page_shows_what_was_made_and_says_what_was_not() -> None:
    page = everything.page(everything.PICTURES, {"lines": "run: make setup-gil <now>"})
    assert '<img src="cpu.svg"' in page
    assert "run: make setup-gil &lt;now&gt;" in page
    assert "lines.html" not in page
