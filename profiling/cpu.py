"""Where the CPU time goes: a flame graph (SVG) and a speedscope profile, threads apart, kernel included.

::

    python profiling/cpu.py [--tool auto|py-spy|perf] [--rate HZ] [--start-up] [-- feedmill arguments]

py-spy on a build with the GIL; on a free-threaded one, which it cannot read, perf with Python's perf
trampoline; else the same job on .venv-gil. Only time on a CPU is seen: for waiting, see timeline.py and
locks.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import flamegraph
import stacks
from interpreters import Choice, choose_sampler, other, own, perf_works
from job import Job, ProfilingError, finish, parser, positive, read_arguments, run, stop
from svg import shorten

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Record, draw, say what was made."""
    made = parser(__doc__ or "", "cpu")
    made.add_argument(
        "--tool", choices=("auto", "py-spy", "perf"), default="auto", help="default: %(default)s"
    )
    # Not 100: a sampler in step with a timer of the program would always see the same.
    made.add_argument(
        "--rate", type=positive, default=199, metavar="HZ", help="samples a second; default: %(default)s"
    )
    made.add_argument("--start-up", action="store_true", help="show imports and the interpreter's end, too")
    given, job = read_arguments(made, argv)
    try:
        choice = choose_sampler(own(), other(), has_perf=perf_works(), asked=given.tool)
        for note in choice.notes:
            print(f"note: {note}")
        record = record_py_spy if choice.tool == "py-spy" else record_perf
        profile = record(choice, job, given.rate)
        if not profile.samples:
            raise ProfilingError(f"{choice.tool} took no sample: the job is too short")
        return finish(draw(profile if given.start_up else profile.without_start_up(), choice, job))
    except ProfilingError as error:
        return stop(error)


def record_py_spy(choice: Choice, job: Job, rate: int) -> stacks.Profile:
    """Sample with py-spy, which starts the job: its own children it may read without privileges."""
    recorded = job.file(".py-spy.json")
    run(
        [
            *(choice.interpreter.py_spy or "py-spy", "record", "--native", "--threads", "--full-filenames"),
            *("--rate", str(rate), "--format", "speedscope", "--output", str(recorded), "--"),
            *(str(choice.interpreter.python), "-m", "feedmill", *job.command),
        ],
        job,
    )
    try:
        return stacks.read_py_spy(recorded.read_text("utf-8"))
    finally:
        recorded.unlink()


def record_perf(choice: Choice, job: Job, rate: int) -> stacks.Profile:
    """Sample with perf, unwinding copies of the stacks: neither CPython nor libpq keeps frame pointers."""
    with tempfile.TemporaryDirectory(prefix="feedmill-perf-") as folder:
        raw, whole, pid = (Path(folder, name) for name in ("perf.data", "perf.jit.data", "pid"))
        try:
            run(
                [
                    *("perf", "record", "-q", "-k", "1", "-e", "cpu-clock", "-F", str(rate)),
                    *("--call-graph", "dwarf,16384", "-o", str(raw), "--"),
                    *("sh", "-c", 'echo $$ >"$0"; exec "$@"', str(pid)),
                    *(str(choice.interpreter.python), "-X", "perf_jit"),
                    *(str(Path(__file__).with_name("named.py")), *job.command),
                ],
                job,
            )
            _perf("inject", "--jit", "-i", str(raw), "-o", str(whole))
            fields = "comm,tid,period,ip,sym,dso"
            return stacks.read_perf(_perf("script", "--no-inline", "-F", fields, "-i", str(whole)))
        finally:
            _remove_jit_files(pid)


def _perf(*arguments: str) -> str:
    done = subprocess.run(["perf", *arguments], check=False, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise ProfilingError(f"perf {arguments[0]} failed: {done.stderr.strip()[-500:]}")
    return done.stdout


def _remove_jit_files(pid: Path) -> None:
    """Remove what CPython and perf leave in /tmp, where else nobody can have it: a file a function."""
    if not pid.exists():
        return
    number = pid.read_text("ascii").strip()
    for pattern in (f"jit-{number}.dump", f"jitted-{number}-*.so", f"perf-{number}.map"):
        for left in Path("/tmp").glob(pattern):
            left.unlink()


def draw(profile: stacks.Profile, choice: Choice, job: Job) -> list[Path]:
    """Write the pictures."""
    command = job.line
    # perf counts time on a CPU; py-spy asks for a thread's state, which is the same while it waits for one.
    counted = "on a CPU" if choice.tool == "perf" else "on a CPU or ready for one"
    notes = (
        f"{choice.interpreter}; {choice.tool}: {profile.samples:,} samples, {profile.seconds:.2f} s {counted}"
    )
    title = f"Where the CPU time goes: {shorten(command, 90)}"
    made = {
        job.file(".svg"): flamegraph.render(profile, title, notes),
        job.file(".speedscope.json"): stacks.speedscope(profile, command),
        job.file(".folded.txt"): stacks.folded(profile),
    }
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    _print_top(profile)
    return list(made)


def _print_top(profile: stacks.Profile) -> None:
    """Print who uses the most: by thread, and by whose code it is."""
    by_thread = {name: sum(weight for _, weight in rows) for name, rows in profile.threads.items()}
    by_kind = dict.fromkeys(stacks.KINDS, 0.0)
    for rows in profile.threads.values():
        for stack, weight in rows:
            by_kind[stack[-1].kind] += weight
    for what, sums in (("thread", by_thread), ("code", by_kind)):
        shares = sorted(sums.items(), key=lambda entry: -entry[1])
        listed = ", ".join(
            f"{name} {100 * each / profile.seconds:.0f} %" for name, each in shares[:8] if each
        )
        print(f"by {what}: {listed}")


if __name__ == "__main__":
    os.environ.pop("PYTHON_GIL", None)
    sys.exit(main())
