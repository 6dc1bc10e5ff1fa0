"""Read what callgrind wrote: how many instructions each function executed itself.

A line of its file is a cost, where in the source it is left aside, or names the function that the next
costs belong to. A call is two lines: ``calls=``, and a cost that is the callee's, which has its own lines
elsewhere. Names are written out once, as ``(7) name``, and are ``(7)`` from then on.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from stacks import frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAME = re.compile(r"^(?P<what>fn|ob|cfn|cob)=\((?P<number>\d+)\)(?: (?P<name>.*))?$")
_RECURSION = re.compile(r"'\d+$")
_COST = re.compile(r"^(?:[+-]?\d+|\*) (?P<cost>\d+)$")


@dataclass(frozen=True, slots=True)
class Function:
    """A function, and the binary it is in."""

    name: str
    binary: str

    @property
    def frame_label(self) -> str:
        """Its name as in the flame graphs."""
        return frame_of(self.name, self.binary).label

    @property
    def is_kernel(self) -> bool:
        """Whether it is feedmill's own."""
        return PurePath(self.binary).name.startswith("_core.")


def read(lines: Iterable[str]) -> Counter[Function]:
    """Add up the instructions of each function, those of the functions it calls left out.

    Examples
    --------
    >>> lines = ["ob=(1) /x/_core.so", "fn=(1) parse", "7 100", "cfn=(2) copy", "calls=3 9", "7 900"]
    >>> lines += ["fn=(2)", "9 900"]
    >>> {function.name: count for function, count in read(lines).items()}
    {'parse': 100, 'copy': 900}
    """
    names: dict[tuple[str, str], str] = {}
    current = {"fn": "", "ob": ""}
    costs: Counter[Function] = Counter()
    is_call = False
    for line in lines:
        if matched := _NAME.match(line.rstrip("\n")):
            what = matched["what"].removeprefix("c")
            if matched["name"] is not None:
                names[what, matched["number"]] = _RECURSION.sub("", matched["name"])
            if what == matched["what"]:
                current[what] = names.get((what, matched["number"]), "")
        elif line.startswith("calls="):
            is_call = True
        elif matched := _COST.match(line.rstrip("\n")):
            if not is_call:
                costs[Function(current["fn"], current["ob"])] += int(matched["cost"])
            is_call = False
    return costs


def a_record(small: Counter[Function], large: Counter[Function], records: int) -> dict[Function, float]:
    """Tell what each function costs a record: start-up is in both runs alike, and cancels out.

    Parameters
    ----------
    small, large : Counter
        Of the two runs.
    records : int
        How many more the larger one had.
    """
    grown = {
        function: (large[function] - small[function]) / records for function in large.keys() | small.keys()
    }
    return dict(sorted(grown.items(), key=lambda entry: -entry[1]))
