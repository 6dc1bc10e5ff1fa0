"""Which profiler can read which interpreter, and which one is at hand.

=================  ==============================  ====================================================
tool               build with the GIL              free-threaded build
=================  ==============================  ====================================================
py-spy             everything, native frames too   cannot read it: the objects are laid out in another way
perf               everything                      everything, with Python's perf trampoline
scalene            lines, native time, memory      lines only, where it has a wheel: memory profiling crashes
valgrind           everything                      everything
=================  ==============================  ====================================================

No sampler of our own: `sys._current_frames` in a thread crashes a free-threaded interpreter.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from job import ROOT, ProfilingError

OTHER: Final = ROOT / ".venv-gil" / "bin" / "python"
"""Where `make setup-gil` puts the build with the GIL."""

_PROBE: Final = """
import importlib.util, json, platform, sysconfig
print(json.dumps({
    "version": platform.python_version(),
    "is_free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "has_scalene": importlib.util.find_spec("scalene") is not None,
    "has_feedmill": importlib.util.find_spec("feedmill") is not None,
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter and the profilers installed beside it."""

    python: Path
    version: str
    is_free_threaded: bool
    has_scalene: bool = False
    py_spy: str | None = None

    def __str__(self) -> str:
        return f"CPython {self.version}, {'free-threaded' if self.is_free_threaded else 'with the GIL'}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool, the interpreter to run the job on, and what an engineer should know about it."""

    tool: str
    interpreter: Interpreter
    notes: tuple[str, ...] = ()


def own() -> Interpreter:
    """Describe the interpreter this runs on."""
    found = look_at(Path(sys.executable))
    if found is None:
        raise ProfilingError(f"feedmill is not installed for {sys.executable}; run: make build")
    return found


def other() -> Interpreter | None:
    """Describe the build with the GIL, if there is one."""
    return look_at(OTHER)


def look_at(python: Path) -> Interpreter | None:
    """Describe an interpreter; None if it does not run, or has no feedmill."""
    try:
        done = subprocess.run([python, "-c", _PROBE], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    found = json.loads(done.stdout)
    if not found["has_feedmill"]:
        return None
    return Interpreter(
        python,
        found["version"],
        found["is_free_threaded"],
        found["has_scalene"],
        shutil.which("py-spy", path=str(python.parent)) or shutil.which("py-spy"),
    )


def perf_works() -> bool:
    """Try perf: it may be absent, or forbidden, as in most containers."""
    if shutil.which("perf") is None:
        return False
    attempt = ["perf", "record", "-q", "-e", "cpu-clock", "-o", "/dev/null", "--", "true"]
    return subprocess.run(attempt, check=False, capture_output=True).returncode == 0


def choose_sampler(
    mine: Interpreter, gil: Interpreter | None, *, has_perf: bool, asked: str = "auto"
) -> Choice:
    """Choose who samples the stacks.

    Parameters
    ----------
    mine, gil : Interpreter
        The one asked for, and a build with the GIL to fall back on.
    has_perf : bool
        Whether perf works here.
    asked : str
        "py-spy" or "perf" to insist on one.

    Raises
    ------
    ProfilingError
        There is none.
    """
    notes: tuple[str, ...] = ()
    if asked == "perf" and not has_perf:
        raise ProfilingError(_PERF_MISSING)
    if asked in {"auto", "py-spy"}:
        if not mine.is_free_threaded and mine.py_spy:
            return Choice("py-spy", mine)
        if mine.is_free_threaded:
            notes = (f"py-spy cannot read a free-threaded build ({mine.version})",)
    if asked != "py-spy" and has_perf:
        return Choice("perf", mine, (*notes, "perf takes its place") if notes else ())
    if gil is not None and gil.py_spy:
        blind = () if asked == "py-spy" else ("perf is missing, or not permitted",)
        return Choice("py-spy", gil, (*notes, *blind, f"the same job on {gil} instead"))
    raise ProfilingError(
        f"no sampler for {mine}. Either of these helps:\n  {_PY_SPY_MISSING}\n  {_PERF_MISSING}"
    )


def choose_scalene(mine: Interpreter, gil: Interpreter | None) -> Choice:
    """Choose where scalene runs.

    Raises
    ------
    ProfilingError
        It is installed nowhere.
    """
    if mine.has_scalene and mine.is_free_threaded:
        return Choice("scalene", mine, ("CPU only: scalene's memory profiler crashes a free-threaded build",))
    if mine.has_scalene:
        return Choice("scalene", mine)
    if gil is not None and gil.has_scalene:
        return Choice(
            "scalene", gil, (f"scalene is not installed for {mine}", f"the same job on {gil} instead")
        )
    raise ProfilingError(f"scalene is not installed; it has no wheel for 3.13t. Run:\n  {_SCALENE_MISSING}")


_PY_SPY_MISSING: Final = "make setup-gil    # .venv-gil with py-spy and scalene, from the extra `profile`"
_SCALENE_MISSING: Final = _PY_SPY_MISSING
_PERF_MISSING: Final = (
    "apt-get install linux-perf    # and, if it is not permitted: sysctl kernel.perf_event_paranoid=1, or a "
    "container with --cap-add PERFMON"
)
