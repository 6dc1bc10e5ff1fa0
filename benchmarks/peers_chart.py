"""Draw what `peers.py` kept: the megabytes that each peer checks in a CPU second.

::

    python benchmarks/peers_chart.py benchmarks/results/DATE-peers.json        makes .svg and .png beside it
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

# The pictures of `make profile` and these are drawn with the same pen.
sys.path.append(str(Path(__file__).resolve().parents[1] / "profiling"))
from svg import FAINT, Drawing

if __package__:
    from benchmarks.chart import draw_beside
else:
    from chart import draw_beside

WIDTH: Final = 960
LEFT: Final = 350
BAR: Final = 20
ROOM: Final = 440
"""Pixels for the longest bar."""
OWN: Final = "#2a9d8f"
OTHER: Final = "#9aa5b1"


def draw(result: dict[str, object]) -> str:
    """Draw a bar a peer, the fastest first."""
    builds: list[dict[str, list[dict[str, object]]]] = result["builds"]  # type: ignore[assignment]
    peers = builds[0]["peers"]
    speeds = [float(str(each["nbytes"])) / float(str(each["cpu_s"])) / 1e6 for each in peers]
    machine: dict[str, object] = result["machine"]  # type: ignore[assignment]
    drawing = Drawing(WIDTH, 90 + len(peers) * (BAR + 8), "Checking a product feed")
    drawing.text((12, 26), "Checking and transforming a product feed: MB a CPU second", size=18, style="bold")
    drawing.text((12, 48), f"{result['date']}; {machine['cpus']} CPUs, {machine['cpu']}", fill=FAINT)
    for row, (each, speed) in enumerate(zip(peers, speeds, strict=True)):
        top = 70.0 + row * (BAR + 8)
        name, left_out = str(each["peer"]), str(each["left_out"])
        width = max(speed / max(speeds) * ROOM, 1.0)
        drawing.text((LEFT - 10, top + 15), f"{name}, {each['on']}", style="end")
        colour = OWN if name.startswith("feedmill") else OTHER
        drawing.box((LEFT, top), (width, BAR), colour, f"does not find: {left_out}")
        note = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
        drawing.text((LEFT + width + 8, top + 15), note, fill=FAINT)
    return drawing.render()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit((__doc__ or "").strip())
    draw_beside(Path(sys.argv[1]), draw)
