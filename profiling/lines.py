"""Which lines use CPU, and which memory: scalene's profile, as a page (HTML) and as data (JSON).

::

    python profiling/lines.py [--cpu-only] [-- feedmill arguments]

On a free-threaded build that has scalene: CPU only and without the GIL, which scalene would switch on.
Where it has none, as on 3.13t: the same job on .venv-gil.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interpreters import Choice, choose_scalene, other, own
from job import ROOT, Job, ProfilingError, finish, parser, read_arguments, run, stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Profile, make the page, say what was made."""
    made = parser(__doc__ or "", "lines")
    made.add_argument("--cpu-only", action="store_true", help="no memory: less than half the cost")
    given, job = read_arguments(made, argv)
    try:
        choice = choose_scalene(own(), other())
        for note in choice.notes:
            print(f"note: {note}")
        return finish(profile(choice, job, cpu_only=given.cpu_only))
    except ProfilingError as error:
        return stop(error)


def profile(choice: Choice, job: Job, *, cpu_only: bool) -> list[Path]:
    """Run the job under scalene."""
    data = job.file(".json").resolve()
    data.unlink(missing_ok=True)
    run(command(choice, job, data, cpu_only=cpu_only), job, environment(choice))
    if not data.exists():
        raise ProfilingError("scalene has written no profile; the job may be too short")
    page = job.file(".html")
    # scalene names its page itself, and leaves it in the current folder.
    viewed = [str(choice.interpreter.python), "-m", "scalene", "view", "--standalone", str(data)]
    left = Path("scalene-profile.html")
    if left.exists():
        raise ProfilingError(f"{left.resolve()} is in the way: scalene would write over it")
    run(viewed, Job((), job.out, f"{job.name}-view"))
    left.replace(page)
    for line in top_lines(json.loads(data.read_text("utf-8")), 8):
        print(line)
    return [page, data]


def command(choice: Choice, job: Job, data: Path, *, cpu_only: bool) -> list[str]:
    """Write the command line of scalene."""
    program = str(Path(__file__).with_name("shown.py"))
    only = ["--cpu-only"] if cpu_only or choice.interpreter.is_free_threaded else []
    return [
        *(
            str(choice.interpreter.python),
            "-m",
            "scalene",
            "run",
            *only,
            "--profile-only",
            "src/feedmill,shown.py",
        ),
        *("--program-path", str(ROOT)),
        *("-o", str(data), program, "---", *job.command),
    ]


def environment(choice: Choice) -> Mapping[str, str]:
    """Keep the GIL off where that is possible; a build that has one would not even start."""
    return {"PYTHON_GIL": "0"} if choice.interpreter.is_free_threaded else {}


def top_lines(data: Mapping[str, Any], most: int) -> list[str]:
    """Name the lines that use most of the CPU."""
    rows = sorted(_lines(data), reverse=True)[:most]
    return [f"{share:5.1f} %  {place}  {text}" for share, place, text in rows if share >= 0.5]


def _lines(data: Mapping[str, Any]) -> Iterator[tuple[float, str, str]]:
    for name, file in data.get("files", {}).items():
        for line in file["lines"]:
            share = line["n_cpu_percent_python"] + line["n_cpu_percent_c"] + line["n_sys_percent"]
            yield share, f"{name.rpartition('src/')[2]}:{line['lineno']}", line["line"].strip()


if __name__ == "__main__":
    sys.exit(main())
