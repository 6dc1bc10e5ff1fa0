"""Draw what `scaling.py` kept: the speed-up of each job over the workers, without the GIL and with it.

::

    python benchmarks/chart.py benchmarks/results/DATE-scaling.json     makes an SVG and a PNG beside it

The PNG is made of the SVG by resvg, the extra `plot`. That has no wheel for CPython 3.13t: take `.venv-gil`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

# The pictures of `make profile` and these are drawn with the same pen.
sys.path.append(str(Path(__file__).resolve().parents[1] / "profiling"))
from svg import FAINT, RULE, Drawing

COLOURS: Final = {
    "WorkerPool": "#2a9d8f",
    "ThreadPoolExecutor": "#5b8fd6",
    "InterpreterPoolExecutor": "#c06bb3",
    "ProcessPoolExecutor": "#f4a24a",
    "joblib, loky": "#9aa5b1",
}
WIDTH: Final = 1_180
BAR: Final = 13
LEFT: Final = 250
ROOM: Final = 330
"""Pixels for the longest bar, in each of the two columns."""
ZOOM: Final = 2.0
"""Pixels of the PNG for one of the SVG, as many screens show it."""

type Speeds = dict[tuple[str, str, int], float]


def speeds_of(build: dict[str, list[dict[str, object]]]) -> Speeds:
    """Reckon the speed-ups: time on one worker by time on so many."""
    ms = {
        (str(s["job"]), str(s["way"]), int(str(s["workers"]))): float(str(s["ms"])) for s in build["scales"]
    }
    return {(job, way, n): ms[job, way, 1] / each for (job, way, n), each in ms.items()}


def draw(result: dict[str, object]) -> str:
    """Draw bars: a group for each job and number of workers, a column for each build."""
    builds: list[dict[str, list[dict[str, object]]]] = result["builds"]  # type: ignore[assignment]
    columns = [speeds_of(build) for build in builds]
    cases = list(dict.fromkeys((job, n) for speeds in columns for job, _, n in speeds if n > 1))
    ways = list(dict.fromkeys(way for speeds in columns for _, way, _ in speeds))
    longest = max([n for _, n in cases] + [speed for speeds in columns for speed in speeds.values()])
    scale = ROOM / longest
    drawing = Drawing(WIDTH, 110 + len(cases) * (len(ways) * (BAR + 2) + 18), "What more threads bring")
    machine: dict[str, object] = result["machine"]  # type: ignore[assignment]
    drawing.text((12, 26), "What more threads bring", size=18, style="bold")
    drawing.text((12, 46), f"{result['date']}; {machine['cpus']} CPUs, {machine['cpu']}", fill=FAINT)
    drawing.legend((12, 70), {way: COLOURS[way] for way in ways})
    for column, build in enumerate(builds):
        drawing.text((LEFT + column * (ROOM + 110), 94), str(build["build"]), style="bold")
    y = 106.0
    for job, n in cases:
        drawing.text((12, y + 12), job, style="bold")
        drawing.text((120, y + 12), f"{n} workers", fill=FAINT)
        height = len(ways) * (BAR + 2)
        for column, speeds in enumerate(columns):
            x = LEFT + column * (ROOM + 110)
            for mark in (1, n):
                drawing.line((x + mark * scale, y - 2), (x + mark * scale, y + height), RULE)
            for row, way in enumerate(ways):
                top = y + row * (BAR + 2)
                speed = speeds.get((job, way, n))
                if speed is not None:
                    drawing.box((x, top), (speed * scale, BAR), COLOURS[way], f"{way}: {speed:.2f}")
                    drawing.text((x + speed * scale + 6, top + 11), f"{speed:.2f}", size=11, fill=FAINT)
        y += height + 18
    return drawing.render()


def as_png(svg: str) -> bytes:
    """Draw an SVG on white, as a PNG."""
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=svg, background="white", zoom=ZOOM))


def draw_beside(source: Path, draw: Callable[[dict[str, object]], str]) -> None:
    """Draw what a file holds: as SVG and, where it can be, as PNG, in files beside it."""
    picture = source.with_suffix(".svg")
    picture.write_text(draw(json.loads(source.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"drew {picture}")
    if find_spec("resvg_py") is None:
        print("no PNG: resvg-py is not installed here; .venv-gil has it")
        return
    bitmap = source.with_suffix(".png")
    bitmap.write_bytes(as_png(picture.read_text(encoding="utf-8")))
    print(f"drew {bitmap}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit((__doc__ or "").strip())
    draw_beside(Path(sys.argv[1]), draw)
