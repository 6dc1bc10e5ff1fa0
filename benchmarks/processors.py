"""What a program's threads and processes get of the processors, and how long they wait for one.

Linux keeps two sums for every thread: how long it ran, and how long it was ready to run and had no processor.
The first is what the work costs. The second is the part of elapsed time that belongs to other programs, so
that a busy machine, too, can tell how two ways of doing something compare.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Use:
    """Seconds that a thread ran, and that it was ready to run and could not."""

    cpu_s: float = 0.0
    ready_s: float = 0.0

    def __sub__(self, earlier: Use) -> Use:
        return Use(self.cpu_s - earlier.cpu_s, self.ready_s - earlier.ready_s)


type Uses = dict[tuple[int, int], Use]
"""By process and thread."""


def look(roots: Iterable[int] = ()) -> Uses:
    """Read what each thread of this process has used so far, with those of its descendants.

    Parameters
    ----------
    roots : iterable of int
        Processes that work for this one and are not its children: a database server.
    """
    found: Uses = {}
    for pid in {own for root in (os.getpid(), *roots) for own in (root, *descendants(root))}:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                cpu_ns, ready_ns, _ = map(int, task.read_text().split())
            except OSError:  # it has ended
                continue
            found[pid, int(task.parent.name)] = Use(cpu_ns / 1e9, ready_ns / 1e9)
    return found


def since(before: Uses, after: Uses) -> list[Use]:
    """Say what each thread used between two looks, the busiest first; those that ended meanwhile are lost."""
    uses = [use - before.get(task, Use()) for task, use in after.items()]
    return sorted(uses, key=lambda use: use.cpu_s, reverse=True)


def descendants(pid: int) -> list[int]:
    """List the processes that a process started and those they started."""
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = tasks.read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            found += [child, *descendants(child)]
    return found
