"""Contention: how long threads waited at each channel, and at each lock that was taken when they wanted it.

::

    python profiling/locks.py [-- feedmill arguments]

Runs in this process, on any build. Locks are those that Python code makes with `threading.Lock`:
feedmill's counters and state, and the queues inside its channels. The interpreter's own, the GIL among
them, are not seen: for these, compare "at work" with "on a CPU" in timeline.py. A recorded lock costs a
microsecond more, so do not look at the speed.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import platform
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from job import FINISHED, Job, ProfilingError, finish, fresh_store, parser, read_arguments, stop
from svg import FAINT, RULE, Drawing, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import FrameType

    from feedmill.channel import Channel

GETTING: Final = "#6f9fd8"
PUTTING: Final = "#f2a65a"
LEGEND: Final = {
    "takers waited: it was empty, its putters are slow": GETTING,
    "putters waited: it was full, its takers are slow": PUTTING,
}
WIDTH: Final = 1300
LEFT: Final = 190
PLOT: Final = 560
ROW: Final = 26
MOST_LOCKS: Final = 14


class WatchedLock:
    """A `threading.Lock` that counts who had to wait for it.

    What it counts is guarded by itself: it is written while it is held.
    """

    made: Final[list[WatchedLock]] = []

    def __init__(self) -> None:
        self._lock = _Lock()
        self.site = site_of(sys._getframe(1))
        self.taken = 0
        self.contended = 0
        self.waited_s = 0.0
        self.longest_s = 0.0
        WatchedLock.made.append(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, as `threading.Lock.acquire` does."""
        if self._lock.acquire(blocking=False):
            self.taken += 1
            return True
        if not blocking:
            return False
        begin = perf_counter()
        if not self._lock.acquire(timeout=timeout):
            return False
        waited = perf_counter() - begin
        self.taken += 1
        self.contended += 1
        self.waited_s += waited
        self.longest_s = max(self.longest_s, waited)
        return True

    def release(self) -> None:
        """Let it go."""
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exc: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a lock has
        return getattr(self._lock, name)


_Lock = threading.Lock


@dataclass(frozen=True, slots=True)
class LockSite:
    """All locks made in one place."""

    site: str
    locks: int
    taken: int
    contended: int
    waited_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class ChannelWaits:
    """One channel's statistics at the end."""

    channel: str
    capacity: int
    items: int
    high_water: int
    get_waiting_s: float
    put_waiting_s: float


def site_of(frame: FrameType | None) -> str:
    """Name the place where a lock was made, and who asked for it, where one class makes it for many."""
    places: list[str] = []
    while frame is not None and len(places) < 2:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(_package()):
            place = f"{file.name}:{frame.f_lineno}"
            # A channel's two locks are made by one line; its owner tells which channel it is.
            if file.name not in {"channel.py", "counters.py"}:
                return place + (f" ({', '.join(places)})" if places else "")
            places = places or [f"{file.name} {frame.f_code.co_qualname.partition('.')[0]}"]
        frame = frame.f_back
    return places[0] if places else "Python's library"


@functools.cache
def _package() -> Path:
    """Find feedmill without importing it."""
    found = importlib.util.find_spec("feedmill")
    return Path(found.origin or "").parent if found else Path("feedmill")


def main(argv: Sequence[str] | None = None) -> int:
    """Run, draw, say what was made."""
    _, job = read_arguments(parser(__doc__ or "", "locks"), argv)
    try:
        channels, locks, elapsed_s = run_watched(job)
    except ProfilingError as error:
        return stop(error)
    title = f"Contention: {shorten(job.line, 90)}"
    taken, made = sum(each.taken for each in locks), sum(each.locks for each in locks)
    notes = (
        f"CPython {platform.python_version()}, GIL {'on' if sys._is_gil_enabled() else 'off'}; "
        f"{elapsed_s:.2f} s, {taken:,} acquisitions of {made:,} locks"
    )
    picture, numbers = job.file(".svg"), job.file(".json")
    picture.write_text(render(channels, locks, title, notes), encoding="utf-8")
    told = {"channels": [asdict(each) for each in channels], "locks": [asdict(each) for each in locks]}
    numbers.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for each in locks[:5]:
        print(
            f"{each.site}: taken {each.taken:,} times, contended {each.contended:,}, "
            f"waited {1000 * each.waited_s:.2f} ms"
        )
    return finish([picture, numbers])


def run_watched(job: Job) -> tuple[list[ChannelWaits], list[LockSite], float]:
    """Run the job here, with every lock that is made from now on watched."""
    if "feedmill" in sys.modules:
        raise ProfilingError("feedmill is imported already: its locks cannot be watched any more")
    threading.Lock = WatchedLock  # type: ignore[assignment]  # it looks like one
    try:
        from feedmill.cli import main as feedmill
        from recorder import recording

        begin = perf_counter()
        with fresh_store(job), recording() as seen:
            code = feedmill(job.command)
        elapsed_s = perf_counter() - begin
    finally:
        threading.Lock = _Lock
    if code not in FINISHED:
        raise ProfilingError(f"feedmill ended with exit code {code}")
    return channel_waits(seen.channels), lock_sites(WatchedLock.made), elapsed_s


def channel_waits(channels: dict[str, Channel[object]]) -> list[ChannelWaits]:
    """Read the channels' own statistics."""
    found = []
    for name, channel in channels.items():
        stats = channel.stats()
        found.append(
            ChannelWaits(
                name, stats.capacity, stats.items, stats.high_water, stats.get_waiting_s, stats.put_waiting_s
            )
        )
    return found


def lock_sites(locks: Iterable[WatchedLock]) -> list[LockSite]:
    """Add up the locks made in one place; those waited for longest come first."""
    sites: dict[str, list[WatchedLock]] = {}
    for lock in locks:
        if lock.taken:
            sites.setdefault(lock.site, []).append(lock)
    rows = [
        LockSite(
            site,
            len(group),
            sum(lock.taken for lock in group),
            sum(lock.contended for lock in group),
            sum(lock.waited_s for lock in group),
            max(lock.longest_s for lock in group),
        )
        for site, group in sites.items()
    ]
    return sorted(rows, key=lambda row: (-row.waited_s, -row.taken))


def render(channels: Sequence[ChannelWaits], locks: Sequence[LockSite], title: str, notes: str) -> str:
    """Draw channels as bars, and locks as a table."""
    shown = locks[:MOST_LOCKS]
    top = 132
    middle = top + ROW * len(channels) + 46
    drawing = Drawing(WIDTH, middle + 64 + 22 * len(shown) + 16, title)
    drawing.text((12, 28), title, size=18, style="bold")
    drawing.text((12, 50), notes, fill=FAINT)
    drawing.text((12, 82), "Channels", size=15, style="bold")
    drawing.legend((12, 108), LEGEND)
    _draw_channels(drawing, channels, top)
    drawing.text((12, middle), "Locks, those waited for longest first", size=15, style="bold")
    _draw_locks(drawing, shown, middle + 28)
    return drawing.render()


def _draw_channels(drawing: Drawing, channels: Sequence[ChannelWaits], top: int) -> None:
    most = max((each.get_waiting_s + each.put_waiting_s for each in channels), default=0.0) or 1.0
    for number, each in enumerate(channels):
        y = top + ROW * number
        drawing.text((12, y + 14), each.channel, style="bold")
        get, put = (PLOT * waited / most for waited in (each.get_waiting_s, each.put_waiting_s))
        tip = f"{each.channel}: takers waited {each.get_waiting_s:.3f} s, putters {each.put_waiting_s:.3f} s"
        drawing.box((LEFT, y), (get, ROW - 7), GETTING, tip)
        drawing.box((LEFT + get, y), (put, ROW - 7), PUTTING, tip)
        drawing.text(
            (LEFT + PLOT + 16, y + 14),
            f"takers {each.get_waiting_s:.3f} s, putters {each.put_waiting_s:.3f} s; {each.items:,} items, "
            f"at most {each.high_water} of {each.capacity} at once",
            size=12,
            fill=FAINT,
        )


_COLUMNS: Final = (
    ("taken", 620),
    ("contended", 740),
    ("waited, ms", 880),
    ("longest, ms", 1020),
    ("locks", 1120),
)


def _draw_locks(drawing: Drawing, locks: Sequence[LockSite], top: int) -> None:
    drawing.text((12, top), "made at", size=12, fill=FAINT)
    for name, x in _COLUMNS:
        drawing.text((x, top), name, size=12, fill=FAINT, style="end")
    drawing.line((12, top + 8), (_COLUMNS[-1][1], top + 8), RULE)
    for number, each in enumerate(locks):
        y = top + 26 + 22 * number
        drawing.text((12, y), each.site, size=12, style="mono")
        cells = (
            f"{each.taken:,}",
            f"{each.contended:,}  ({100 * each.contended / each.taken:.1f} %)",
            f"{1000 * each.waited_s:.2f}",
            f"{1000 * each.longest_s:.2f}",
            str(each.locks),
        )
        for (_, x), cell in zip(_COLUMNS, cells, strict=True):
            drawing.text((x, y), cell, size=12, style="end")


if __name__ == "__main__":
    sys.exit(main())
