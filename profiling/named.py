"""Run feedmill with its threads named for the operating system, so that perf can tell them apart.

::

    python profiling/named.py FEEDMILL ARGUMENTS

CPython names them itself from 3.14 on, but cuts "feedmill-collector-1" to fifteen letters, which hides
the number.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Final

PR_SET_NAME: Final = 15
"""From <linux/prctl.h>; the name is cut to 15 bytes."""


def name_thread(name: str) -> None:
    """Name the thread that calls this, for the operating system."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.removeprefix("feedmill-").encode()[:15], 0, 0, 0)


class NamedThread(threading.Thread):
    """A thread that tells its name when it begins."""

    def run(self) -> None:
        """Name it, then do its work."""
        name_thread(self.name)
        super().run()


def main() -> int:
    """Take the command line as feedmill does."""
    name_thread("main")
    threading.Thread = NamedThread  # type: ignore[misc]  # before feedmill is imported
    from feedmill.cli import main as feedmill

    return feedmill(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
