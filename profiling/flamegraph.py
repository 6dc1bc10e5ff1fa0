"""A flame graph as one SVG file that works by itself: click a box to zoom in, the ground to zoom out.

Width is CPU time; what a function calls stands on top of it; the order from left to right is the alphabet
and means nothing. Boxes under a third of a pixel are left out, as nobody could see them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from svg import FAINT, Drawing, shorten

if TYPE_CHECKING:
    from stacks import Profile

COLOURS: Final = {
    "feedmill": "#8fd0c4",
    "kernel": "#f6a54c",
    "python": "#bcd6f2",
    "library": "#d9c8ec",
    "interpreter": "#e3e6e9",
    "system": "#f3c3bf",
    "thread": "#f0ead2",
}
MEANINGS: Final = {
    "thread": "thread",
    "feedmill": "feedmill, Python",
    "kernel": "feedmill, kernel",
    "python": "other Python",
    "library": "native libraries",
    "interpreter": "CPython itself",
    "system": "operating system",
}
WIDTH: Final = 1500
MARGIN: Final = 12
ROW: Final = 18
LETTER: Final = 6.7
"""Pixels a letter of the boxes' text is wide."""


@dataclass(slots=True)
class Node:
    """A function, called by those beneath it."""

    label: str
    kind: str
    seconds: float = 0.0
    calls: dict[str, Node] = field(default_factory=dict)

    def enter(self, label: str, kind: str, seconds: float) -> Node:
        """Add time to one that this one calls."""
        node = self.calls.setdefault(label, Node(label, kind))
        node.seconds += seconds
        return node

    @property
    def depth(self) -> int:
        """How many stand on each other from here."""
        return 1 + max((node.depth for node in self.calls.values()), default=0)


def tree_of(profile: Profile) -> Node:
    """Put stacks that begin alike on one another."""
    root = Node("all threads", "thread")
    for thread, samples in profile.threads.items():
        for stack, seconds in samples:
            root.seconds += seconds
            node = root.enter(thread, "thread", seconds)
            for frame in stack:
                node = node.enter(frame.label, frame.kind, seconds)
    return root


def render(profile: Profile, title: str, notes: str) -> str:
    """Draw a profile.

    Parameters
    ----------
    profile : Profile
        May be empty.
    title, notes : str
        Two lines above the picture.
    """
    root = tree_of(profile)
    drawn = _visible_depth(root, root.seconds)
    top, bottom = 92, 24
    drawing = Drawing(WIDTH, top + drawn * ROW + bottom, title)
    drawing.text((MARGIN, 28), title, size=18, style="bold")
    drawing.text((MARGIN, 50), notes, fill=FAINT)
    kinds = _kinds(root)
    drawing.legend((MARGIN, 74), {MEANINGS[each]: COLOURS[each] for each in MEANINGS if each in kinds})
    drawing.add(
        f'<text id="search" x="{WIDTH - MARGIN}" y="28" font-size="13" text-anchor="end">search…</text>'
    )
    drawing.add('<g id="flames">')
    if root.seconds:
        _draw(drawing, root, root.seconds, (MARGIN, top + (drawn - 1) * ROW))
    drawing.add("</g>")
    drawing.add(f"<style>{_STYLE}</style><script><![CDATA[{_SCRIPT}]]></script>")
    return drawing.render()


def _visible_depth(node: Node, total: float) -> int:
    if not total or _width(node, total) < 0.33:
        return 0
    return 1 + max((_visible_depth(each, total) for each in node.calls.values()), default=0)


def _width(node: Node, total: float) -> float:
    return node.seconds / total * (WIDTH - 2 * MARGIN)


def _kinds(node: Node) -> set[str]:
    return {node.kind}.union(*(_kinds(each) for each in node.calls.values()))


def _draw(drawing: Drawing, node: Node, total: float, corner: tuple[float, float]) -> None:
    x, y = corner
    width = _width(node, total)
    if width < 0.33:
        return
    letters = int((width - 4) / LETTER)
    share = f"{node.seconds:.3f} s, {100 * node.seconds / total:.1f} %"
    drawing.add(
        f'<g class="f" data-n={quoteattr(node.label)}><title>{escape(f"{node.label}: {share}")}</title>'
        f'<rect x="{x:.2f}" y="{y:.1f}" width="{width:.2f}" height="{ROW - 1}" rx="1" '
        f'fill="{COLOURS[node.kind]}"/>'
        f'<text x="{x + 3:.2f}" y="{y + ROW - 6:.1f}">{escape(shorten(node.label, letters))}</text>'
        "</g>"
    )
    for _, each in sorted(node.calls.items()):
        _draw(drawing, each, total, (x, y - ROW))
        x += _width(each, total)


_STYLE: Final = (
    ".f{cursor:pointer}.f text{font:11px 'DejaVu Sans Mono',monospace;pointer-events:none;fill:#1f2933}"
    ".f:hover rect{stroke:#1f2933;stroke-width:.8}.f.found rect{fill:#e45bd0}"
    "#search{cursor:pointer;fill:#3568b8}"
)
_SCRIPT: Final = """
const boxes = [...document.querySelectorAll('.f')].map(g => {
  const r = g.querySelector('rect'), t = g.querySelector('text');
  const number = name => +r.getAttribute(name);
  return {g, r, t, x: number('x'), w: number('width'), y: number('y'), n: g.dataset.n};
});
const left = boxes.length ? boxes[0].x : 0, full = boxes.length ? boxes[0].w : 1;
function zoom(on) {
  const scale = full / on.w;
  for (const b of boxes) {
    const beneath = b.y > on.y && b.x <= on.x + .01 && b.x + b.w >= on.x + on.w - .01;
    const inside = b.y <= on.y && b.x >= on.x - .01 && b.x + b.w <= on.x + on.w + .01;
    b.g.style.display = beneath || inside ? '' : 'none';
    b.g.style.opacity = beneath ? .5 : 1;
    const x = beneath ? left : left + (b.x - on.x) * scale, w = beneath ? full : b.w * scale;
    b.r.setAttribute('x', x); b.r.setAttribute('width', w); b.t.setAttribute('x', x + 3);
    const letters = Math.floor((w - 4) / 6.7);
    b.t.textContent = b.n.length <= letters ? b.n : letters < 3 ? '' : b.n.slice(0, letters - 1) + '\\u2026';
  }
}
for (const b of boxes) b.g.addEventListener('click', () => zoom(b));
document.getElementById('search').addEventListener('click', () => {
  const text = (prompt('Part of a name:') || '').toLowerCase();
  for (const b of boxes) b.g.classList.toggle('found', !!text && b.n.toLowerCase().includes(text));
});
"""
