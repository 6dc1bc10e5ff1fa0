"""Run feedmill so that scalene sees which of its threads work and which wait.

::

    scalene run profiling/shown.py --- FEEDMILL ARGUMENTS

scalene looks at all threads when a signal comes to the main thread, so that one must not be busy waiting
for others; and it takes a thread for busy unless it waits in a lock of scalene's own. So feedmill runs in
a second thread, and conditions wait in such locks. Without this, nine tenths of a picture are the lines
in which threads wait.
"""

from __future__ import annotations

import queue
import sys
import threading


def main() -> int:
    """Take the command line as feedmill does."""
    # scalene has put its own class in the place of this name.
    threading._allocate_lock = threading.Lock  # type: ignore[attr-defined]  # what Condition.wait takes
    queue.SimpleQueue = queue._PySimpleQueue  # type: ignore[attr-defined,misc]  # the one in C waits in C
    from feedmill.cli import main as feedmill

    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(feedmill(sys.argv[1:])), name="feedmill-main")
    thread.start()
    thread.join()
    return codes[0] if codes else 70


if __name__ == "__main__":
    sys.exit(main())
