"""What a run shows on a terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from contextlib import suppress

from tests.command import COMMAND, ENVIRONMENT, TIMEOUT_S, Command
from tests.test_cli import GOOD, MIXED, SCHEMA


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


def run(feedmill: Command, shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell's line in which ``$F`` is the command."""
    return subprocess.run(
        ["sh", "-c", shell],
        cwd=feedmill.directory,
        env={**ENVIRONMENT, "F": " ".join(COMMAND), **environment},
        capture_output=True,
        check=False,
        timeout=TIMEOUT_S,
    )


def test_characters_that_the_output_lacks_are_escaped(feedmill: Command) -> None:
    feedmill.write("feed.csv", "이름;😀\n사과;1\n")
    shown = run(feedmill, "$F infer feed.csv --delimiter ';'", PYTHONIOENCODING="latin-1")
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert [field["name"] for field in json.loads(shown.stdout)["fields"]] == ["이름", "😀"]
    # An ellipsis is in the help, and in no ISO 8859.
    assert b"COMMAND" in run(feedmill, "$F --help", PYTHONIOENCODING="latin-1").stdout


def test_streams_may_be_closed(feedmill: Command) -> None:
    feedmill.write("items.json", SCHEMA)
    feedmill.write("good.csv", GOOD)
    command = "$F validate good.csv --schema items.json"
    assert [run(feedmill, f"{command} {closed}").returncode for closed in ("2>&-", ">&-", "<&-")] == [0, 0, 0]
    assert run(feedmill, "$F validate no.csv --schema items.json 2>&-").returncode == 2
    assert run(feedmill, "$F infer good.csv >&-").returncode == 3
