"""Run a benchmark on both builds of Python, one after the other, and keep what it found.

A benchmark hands its measuring function to `main`. Called plainly, it runs itself on ``.venv`` and on
``.venv-gil`` (those that exist, or ``--python``), shows a table for each, and with ``--save`` writes
``benchmarks/results/DATE-NAME.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
ENVIRONMENTS: Final = (ROOT / ".venv/bin/python", ROOT / ".venv-gil/bin/python")

type Result = dict[str, object]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what every such benchmark can be told."""
    parser.add_argument("--python", type=Path, action="append", help="run on this one; may be repeated")
    parser.add_argument("--save", action="store_true", help="keep the result in benchmarks/results/")
    parser.add_argument("--measure", action="store_true", help="this interpreter only; print JSON")


def main(
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], Result],
    show: Callable[[Result], None],
) -> list[Result]:
    """Measure here, or have each build measure; return what was found by build."""
    add_options(parser)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(about_build() | measure(given)))
        return []
    found = []
    for python in given.python or [each for each in ENVIRONMENTS if each.exists()] or [Path(sys.executable)]:
        command = [str(python), *sys.argv, "--measure"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment())
        # What a library prints comes before it.
        result: Result = json.loads(done.stdout.splitlines()[-1])
        print(f"\n{result['build']}")
        show(result)
        found.append(result)
    if given.save:
        print(f"\nkept {save(Path(sys.argv[0]).stem, found).relative_to(ROOT)}")
    return found


def environment() -> dict[str, str]:
    """Pass on the environment, but nothing that decides about the GIL."""
    return {name: value for name, value in os.environ.items() if name != "PYTHON_GIL"}


def about_build() -> Result:
    """Describe the interpreter."""
    gil = sys._is_gil_enabled()
    build = f"CPython {platform.python_version()}, {'with' if gil else 'without'} the GIL"
    return {"build": build, "gil": gil}


def save(name: str, builds: list[Result]) -> Path:
    """Write what was found, with the day and the machine."""
    today = datetime.now(UTC).date().isoformat()
    path = RESULTS / f"{today}-{name}.json"
    path.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.process_cpu_count(), "cpu": cpu_model(), "load": os.getloadavg()[0]}
    content = {"date": today, "machine": machine, "builds": builds}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def cpu_model() -> str:
    """Name the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
