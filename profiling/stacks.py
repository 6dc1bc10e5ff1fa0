"""Sampled stacks: read what py-spy and perf write, make them readable, write them for speedscope.

Both tools end here as a `Profile`, so their pictures look alike. What would only bury the story is left
out: the interpreter's own frames between two Python functions, the threading module's below a thread's
body, and addresses without a name, which become ``[library]``.

If you add a tool, write a reader that returns a `Profile`; nothing else changes.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KINDS: Final = ("feedmill", "kernel", "python", "library", "interpreter", "system")
"""feedmill's Python, its Cython, other Python, other native code, CPython itself, the operating system."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One function on a stack."""

    name: str
    kind: str
    file: str = ""
    line: int = 0

    @property
    def label(self) -> str:
        """What stands on it in a picture; the line is left out, or each would be a box of its own."""
        return f"{self.name} ({self.file})" if self.file else self.name


type Stack = tuple[Frame, ...]


@dataclass(slots=True)
class Profile:
    """Stacks by thread, the outermost frame first, each with its seconds, in the order of time."""

    threads: dict[str, list[tuple[Stack, float]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def seconds(self) -> float:
        """The CPU time of all samples."""
        return sum(weight for samples in self.threads.values() for _, weight in samples)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return sum(map(len, self.threads.values()))

    def without_start_up(self) -> Profile:
        """Leave out imports, and the interpreter's own begin and end: most of a short run, of no interest."""
        kept = Profile()
        for thread, samples in self.threads.items():
            for stack, weight in samples:
                is_ours = thread != "main" or any(frame.kind in {"feedmill", "python"} for frame in stack)
                if is_ours and not any("importlib" in frame.file for frame in stack):
                    kept.threads[thread].append((stack, weight))
        return kept


def collapse(profile: Profile) -> dict[tuple[str, ...], float]:
    """Add up equal stacks of labels, the thread's name being the outermost: the form flame graphs start from.

    Examples
    --------
    >>> profile = Profile()
    >>> profile.threads["lane-0"] += [((Frame("f", "python"),), 0.25), ((Frame("f", "python"),), 0.5)]
    >>> collapse(profile)
    {('lane-0', 'f'): 0.75}
    """
    sums: dict[tuple[str, ...], float] = defaultdict(float)
    for thread, samples in profile.threads.items():
        for stack, weight in samples:
            sums[thread, *(frame.label for frame in stack)] += weight
    return dict(sums)


def folded(profile: Profile) -> str:
    """Write collapsed stacks in the text form that other flame graph tools read, in milliseconds."""
    sums = sorted(collapse(profile).items())
    return "".join(f"{';'.join(stack)} {max(1, round(weight * 1000))}\n" for stack, weight in sums)


# py-spy.

_PY_SPY_THREAD = re.compile(r'Thread \S+ "(.*)"')


def read_py_spy(text: str) -> Profile:
    """Read what ``py-spy record --threads --format speedscope`` wrote."""
    given = json.loads(text)
    frames = [
        frame_of(each["name"], each["file"] or "", each["line"] or 0) for each in given["shared"]["frames"]
    ]
    profile = Profile()
    for thread in given["profiles"]:
        matched = _PY_SPY_THREAD.match(thread["name"])
        # The thread's own pseudo frame is the outermost; the name says the same.
        name = thread_name(matched[1] if matched else "")
        for indices, weight in zip(thread["samples"], thread["weights"], strict=True):
            stack = tuple(
                frames[each] for each in indices if not _is_thread(given["shared"]["frames"][each]["name"])
            )
            if stack and not is_waiting(stack):
                profile.threads[name].append((tidy(stack), weight))
    return profile


_WAITS: Final = ("Condition.wait", "Thread.join", "_queue_SimpleQueue_get")


def is_waiting(stack: Stack) -> bool:
    """Tell whether a thread waits for another: on a busy machine py-spy takes many that do for active."""
    return any(frame.name.startswith(_WAITS) and frame.kind != "feedmill" for frame in stack)


def _is_thread(name: str) -> bool:
    return name.startswith("thread (")


# perf.

_PERF_HEAD = re.compile(r"^(?P<comm>\S.*?)\s+(?P<tid>\d+)\s+(?:\d+\.\d+:\s+)?(?P<period>\d+)\s*(?:\S+:\s*)?$")
_PERF_FRAME = re.compile(
    r"^\s+[0-9a-f]+\s(?P<name>.*?)(?:\+0x[0-9a-f]+)?\s\((?P<object>[^()]*(?:\(deleted\))?)\)$"
)


def read_perf(text: str) -> Profile:
    """Read what ``perf script -F comm,tid,period,ip,sym,dso`` wrote of cpu-clock, in nanoseconds."""
    profile = Profile()
    for head, lines in _perf_samples(text.splitlines()):
        stack = tuple(frame for line in reversed(lines) if (frame := _perf_frame(line)))
        if stack:
            profile.threads[thread_name(head["comm"])].append((tidy(stack), int(head["period"]) / 1e9))
    return profile


def _perf_samples(lines: Iterable[str]) -> Iterator[tuple[re.Match[str], list[str]]]:
    """Yield each sample's head and its frames' lines, the innermost first."""
    head, frames = None, list[str]()
    for line in lines:
        if matched := _PERF_HEAD.match(line):
            head, frames = matched, []
        elif line.strip():
            frames.append(line)
        elif head is not None:
            yield head, frames
            head = None
    if head is not None:
        yield head, frames


def _perf_frame(line: str) -> Frame | None:
    matched = _PERF_FRAME.match(line)
    if matched is None:
        return None
    name, place = matched["name"], matched["object"]
    if name.startswith("py::"):
        function, _, file = name.removeprefix("py::").partition(":")
        return frame_of(function, file)
    return frame_of(name, place)


# What both have in common.

_MANGLED = re.compile(r"^__pyx_(?:f|pf|pw|fuse_\d+)_(?P<rest>\d+\w+)")
_CLONE = re.compile(r"\.(?:isra|constprop|part|cold|lto_priv)(?:\.\d+)*")
_UNNAMED = re.compile(r"^(?:0x[0-9a-f]+|\[unknown\]|\?)$")


def frame_of(name: str, place: str, line: int = 0) -> Frame:
    """Make a frame of a function's name and its source file, or the binary it is in.

    Examples
    --------
    >>> frame_of("LaneStage.run", "/src/feedmill/pipeline/stages.py", 190).label
    'LaneStage.run (pipeline/stages.py)'
    >>> frame_of("__pyx_f_5_core_4rows_rows_loop.cold", "/x/_core.cpython-313t.so")
    Frame(name='rows_loop', kind='kernel', file='_core/rows', line=0)
    >>> frame_of("0x7f89725e9b0a", "/usr/lib/libsqlite3.so.0.8.6").label
    '[libsqlite3]'
    """
    kind = kind_of(name, place)
    if _UNNAMED.match(name):
        return Frame(f"[{PurePath(place).name.partition('.so')[0].strip('[]') or 'unknown'}]", kind)
    name = _CLONE.sub("", name)
    if kind == "kernel":
        return _kernel_frame(name, place, line)
    if kind in {"feedmill", "python"}:
        return Frame(name, kind, short(place), line)
    if kind in {"interpreter", "system"}:
        return Frame(name, kind, "", line)
    return Frame(name, kind, PurePath(place).name.partition(".so")[0], line)


def kind_of(name: str, place: str) -> str:
    """Tell whose code a frame is."""
    if "_core." in PurePath(place).name or "_core/" in place or name.startswith("__pyx"):
        return "kernel"
    if place.endswith(".py") or place.startswith("<"):
        # A checkout, or an interpreter, may stand in a folder called feedmill, too.
        return "feedmill" if short(place) != place and "/feedmill/" in _below_libraries(place) else "python"
    if place.startswith(("[", "/proc")):
        return "system"
    if re.search(r"(^|/)(lib)?python3[^/]*$|/(Python|Objects|Include)/[^/]*\.[ch]$", place):
        return "interpreter"
    return "library"


def _kernel_frame(name: str, place: str, line: int) -> Frame:
    matched = _MANGLED.match(name)
    if matched is None:
        if not place.endswith((".pxd", ".pyx", ".pxi")):
            return Frame(name, "kernel", "_core", line)
        # py-spy has taken the name apart, and leaves its module's before it.
        part = short(place).rpartition(".")[0]
        return Frame(
            name.removeprefix(PurePath(part).name + "_").removeprefix("_core_"), "kernel", part, line
        )
    module, rest = [], matched["rest"]
    # Cython writes each part of a module's name after its length: 5_core4rows, with an underscore after each.
    while (length := re.match(r"\d+", rest)) and len(rest) > len(length[0]) + int(length[0]):
        end = length.end() + int(length[0])
        module.append(rest[length.end() : end])
        rest = rest[end:].removeprefix("_")
    # A method that Python can call has a number of its own.
    return Frame(rest.lstrip("0123456789"), "kernel", "/".join(module).removeprefix("feedmill/"), line)


def short(path: str) -> str:
    """Cut a source file's path down to what tells it from others.

    Examples
    --------
    >>> short("/home/x/.venv/lib/python3.13/site-packages/click/core.py")
    'click/core.py'
    >>> short("<frozen importlib._bootstrap>")
    '<importlib._bootstrap>'
    """
    if path.startswith("<"):
        return path.replace("frozen ", "")
    below = _below_libraries(path)
    for mark in ("/feedmill/", "/profiling/", "src/"):
        if mark in below:
            return below.rpartition(mark)[2]
    return below.removeprefix("/") if below != path else path


_LIBRARIES = re.compile(r"^.*/(?:lib/python3[^/]*(?:/site-packages)?)(?=/)")


def _below_libraries(path: str) -> str:
    """Cut off where an interpreter keeps its modules."""
    return _LIBRARIES.sub("", path)


def thread_name(name: str) -> str:
    """Name a thread as feedmill's log does; the main thread has no name of its own."""
    # Before it is named, a process is called after its program.
    return "main" if name.startswith("python") else name.removeprefix("feedmill-") or "main"


_BENEATH: Final = ("threading.py", "<runpy>", "named.py", "__main__.py")


def tidy(stack: Sequence[Frame]) -> Stack:
    """Leave out what every stack has in common, and what the interpreter does between two functions.

    Interpreter frames stay where they are innermost: there it is at work itself.
    """
    first = next((place for place, frame in enumerate(stack) if frame.kind in {"python", "feedmill"}), 0)
    inner = max((place for place, frame in enumerate(stack) if frame.kind != "interpreter"), default=-1)
    kept: list[Frame] = []
    system = 0
    for place, frame in enumerate(stack):
        system += frame.kind == "system"
        is_plumbing = frame.kind == "interpreter" and (place < inner or frame.name.startswith(_PLUMBING))
        is_beneath = place < first or (not kept and frame.file in _BENEATH)
        is_repeated = bool(kept) and kept[-1] == frame and frame.name.startswith("[")
        if not (is_plumbing or is_beneath or is_repeated or system > SYSTEM_FRAMES):
            kept.append(frame)
    return tuple(kept) or tuple(stack[:1])


SYSTEM_FRAMES: Final = 4
"""The entry, the call and its first steps; what the operating system does within is not ours to change."""

_PLUMBING: Final = (
    "_PyEval_",
    "py_trampoline",
    "_PyFunction_Vectorcall",
    "PyObject_Vectorcall",
    "_PyObject_Vectorcall",
)
"""How CPython calls functions; its time belongs to the function it interprets."""


def speedscope(profile: Profile, name: str) -> str:
    """Write a profile in speedscope's format, threads apart, in the order of time."""
    index: dict[Frame, int] = {}
    profiles = []
    for thread, samples in sorted(profile.threads.items()):
        profiles.append(
            {
                "type": "sampled",
                "name": thread,
                "unit": "seconds",
                "startValue": 0,
                "endValue": sum(weight for _, weight in samples),
                "samples": [[index.setdefault(frame, len(index)) for frame in stack] for stack, _ in samples],
                "weights": [weight for _, weight in samples],
            }
        )
    frames = [
        {
            key: value
            for key, value in (("name", each.name), ("file", each.file), ("line", each.line))
            if value
        }
        for each in index
    ]
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "name": name,
            "exporter": "feedmill",
            "activeProfileIndex": 0,
            "shared": {"frames": frames},
            "profiles": profiles,
        }
    )
