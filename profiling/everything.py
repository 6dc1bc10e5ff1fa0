"""All pictures of the sample job in one go, and a page that shows them.

::

    python profiling/everything.py [--out DIR] [--copies N]

A picture that cannot be made is named on the page with what to do about it, and the others are made all
the same.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from interpreters import other, own
from job import parser, split

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Picture:
    """One script's work.

    Attributes
    ----------
    name : str
        What its files' names begin with.
    script : str
        Who makes it.
    question : str
        What it answers.
    ending : str
        Of the file to look at first.
    beside : tuple of str
        Endings of the other files.
    """

    name: str
    script: str
    question: str
    ending: str = ".svg"
    beside: tuple[str, ...] = ()


_STACKS: Final = (".speedscope.json", ".folded.txt")
PICTURES: Final = (
    Picture("timeline", "timeline.py", "Who waited for what, and when?", beside=(".report.json",)),
    Picture("locks", "locks.py", "Where do threads wait for each other?", beside=(".json",)),
    Picture("cpu", "cpu.py", "Where does the CPU time go?", beside=_STACKS),
    Picture("cpu-gil", "cpu.py", "The same on the build with the GIL", beside=_STACKS),
    Picture("lines", "lines.py", "Which lines use CPU and memory?", ".html", (".json",)),
    Picture("instructions", "instructions.py", "How many instructions does a record cost the kernel?"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Make all, then the page; the exit code tells whether all could be made."""
    given = parser(__doc__ or "", "all").parse_args(split(sys.argv[1:] if argv is None else argv)[0])
    given.out.mkdir(parents=True, exist_ok=True)
    gil = other()
    failures: dict[str, str] = {}
    pictures = [each for each in PICTURES if each.name != "cpu-gil" or (gil and own().is_free_threaded)]
    for picture in pictures:
        print(f"\n=== {picture.name}: {picture.question}", flush=True)
        python = str(gil.python) if picture.name == "cpu-gil" and gil else sys.executable
        options = ["--out", str(given.out), "--copies", str(given.copies), "--name", picture.name]
        done = subprocess.run(
            [python, str(HERE / picture.script), *options], check=False, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            failures[picture.name] = done.stderr.strip()[-1500:] or f"exit code {done.returncode}"
            print(failures[picture.name])
    index = given.out / "index.html"
    index.write_text(page(pictures, failures), encoding="utf-8")
    print(f"\n{len(pictures) - len(failures)} of {len(pictures)} pictures; open {index.resolve().as_uri()}")
    return 1 if failures else 0


def page(pictures: Sequence[Picture], failures: dict[str, str]) -> str:
    """Write the page; it refers to the files beside it."""
    parts = [_HEAD]
    for each in pictures:
        parts.append(f'<section id="{each.name}"><h2>{escape(each.question)}</h2>')
        if each.name in failures:
            parts.append(f"<pre>{escape(failures[each.name])}</pre></section>")
            continue
        first = f"{each.name}{each.ending}"
        links = [
            f'<a href="{each.name}{ending}">{each.name}{ending}</a>' for ending in (each.ending, *each.beside)
        ]
        parts.append(f"<p>{escape(each.script)}: {', '.join(links)}</p>")
        # scalene's page is a program of its own, too large for a place on this one.
        if each.ending == ".svg":
            parts.append(f'<a href="{first}"><img src="{first}" alt="{escape(each.question)}"></a>')
        parts.append("</section>")
    return "\n".join([*parts, "</body></html>\n"])


_HEAD: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>feedmill: profiles</title><style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff; max-width: 1500px;
  margin: 2em auto; padding: 0 1em }
h2 { margin: 2em 0 0 } p { color: #66727f; margin: .2em 0 .8em }
img { width: 100%; border: 1px solid #d9dee3 }
pre { background: #f6f1e3; padding: 1em; white-space: pre-wrap }
</style></head><body><h1>Profiles of the sample job</h1>
<p>Open a picture by itself to zoom into it and to see numbers under the pointer.
A file that ends in .speedscope.json opens in <a href="https://www.speedscope.app">speedscope</a>,
which keeps it in your browser.</p>"""

if __name__ == "__main__":
    sys.exit(main())
