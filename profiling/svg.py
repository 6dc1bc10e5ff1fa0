"""A drawing in SVG, with nothing that is not needed here: boxes, text, tooltips."""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape, quoteattr

INK: Final = "#1f2933"
FAINT: Final = "#66727f"
RULE: Final = "#d9dee3"
FONT: Final = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"


class Drawing:
    """Collect shapes, then render them.

    Parameters
    ----------
    width, height : int
        In pixels; a browser scales the picture to its window's width.
    title : str
        What the browser's tab shows.
    """

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width = width
        self.height = height
        self.title = title
        self._parts: list[str] = []

    def add(self, markup: str) -> None:
        """Add markup as it is."""
        self._parts.append(markup)

    def box(self, corner: tuple[float, float], size: tuple[float, float], fill: str, tip: str = "") -> None:
        """Draw a filled box; `tip` shows while the pointer is on it."""
        (x, y), (width, height) = corner, size
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self.add(
            f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(0.0, width):.2f}" height="{height:.2f}" '
            f"fill={quoteattr(fill)}>{inside}</rect>"
        )

    def line(self, begin: tuple[float, float], end: tuple[float, float], stroke: str = RULE) -> None:
        """Draw a thin line."""
        self.add(
            f'<line x1="{begin[0]:.2f}" y1="{begin[1]:.2f}" x2="{end[0]:.2f}" y2="{end[1]:.2f}" '
            f"stroke={quoteattr(stroke)}/>"
        )

    def text(
        self, place: tuple[float, float], text: str, *, size: int = 13, fill: str = INK, style: str = ""
    ) -> None:
        """Write a line; `style` may hold the words "end", "middle", "bold" and "mono"."""
        words = style.split()
        anchor = next((each for each in words if each in {"end", "middle"}), "start")
        weight = ' font-weight="600"' if "bold" in words else ""
        family = " font-family=\"'DejaVu Sans Mono', monospace\"" if "mono" in words else ""
        self.add(
            f'<text x="{place[0]:.2f}" y="{place[1]:.2f}" font-size="{size}" fill={quoteattr(fill)} '
            f'text-anchor="{anchor}"{weight}{family}>{escape(text)}</text>'
        )

    def legend(self, place: tuple[float, float], entries: dict[str, str]) -> None:
        """Draw a row of colours with their names."""
        x, y = place
        for name, colour in entries.items():
            self.box((x, y - 10), (11, 11), colour)
            self.text((x + 16, y), name, size=12, fill=FAINT)
            # Some seven pixels a letter at this size.
            x += 16 + 6.6 * len(name) + 22

    def render(self) -> str:
        """Write the picture; it stands on white, whatever the browser's theme is."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="100%" preserveAspectRatio="xMidYMin" font-family="{FONT}">\n'
            f"<title>{escape(self.title)}</title>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>\n'
            + "\n".join(self._parts)
            + "\n</svg>\n"
        )


def shorten(text: str, letters: int) -> str:
    """Cut a text to so many letters, an ellipsis being one; nothing remains of it below three.

    Examples
    --------
    >>> shorten("LaneStage.run", 8), shorten("LaneStage.run", 2)
    ('LaneSta…', '')
    """
    if len(text) <= letters:
        return text
    return text[: letters - 1] + "…" if letters >= 3 else ""
