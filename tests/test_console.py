"""What a run shows on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress

from tests.command import COMMAND, ENVIRONMENT, TIMEOUT_S, Command
from tests.test_cli import MIXED, SCHEMA


def test_a_terminal_shows_a_bar_and_a_pipe_gets_the_lines(feedmill: Command) -> None:
    """Standard error is a terminal of the test's, standard output a file, as in ``feedmill … > log``."""
    feedmill.write("items.json", SCHEMA)
    feedmill.write("mixed.csv", MIXED)
    terminal, end = pty.openpty()
    with (feedmill.directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "validate", "mixed.csv", "--schema", "items.json"],
            cwd=feedmill.directory,
            env={**ENVIRONMENT, "TERM": "xterm"},
            stdout=log,
            stderr=end,
        )
        os.close(end)
        shown = b""
        # Linux says that the other end was closed by an error.
        with suppress(OSError):
            while data := os.read(terminal, 4096):
                shown += data
        os.close(terminal)
        assert process.wait(TIMEOUT_S) == 1
    size = len(MIXED)
    assert f"{size}/{size} bytes" in shown.decode()
    assert "records/s" in shown.decode()
    assert (feedmill.directory / "log").read_text().splitlines()[-2:] == [
        "Processing complete: 4 records processed",
        "Successes: 2, Failures: 2",
    ]
