"""``python -m feedmill`` is the command ``feedmill``: a process that does what `cli.main` does, and ends."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn

from feedmill.cli import main


def run() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    end(main())


def end(code: int) -> NoReturn:
    """End the process, with the threads that still hang.

    An interpreter that is taken down beside a thread that runs Python ends in a segmentation fault now and
    then, without the GIL. Where a run has left such a thread behind, everything else has been closed.
    """
    if not any(thread.name.startswith("feedmill-") for thread in threading.enumerate()):
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        # It may be closed, or never have been there.
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
