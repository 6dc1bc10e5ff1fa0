"""feedmill as its users have it: a command, in a process of its own or in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pytest

PRODUCT_SCHEMA = Path(__file__).parents[1] / "src" / "feedmill" / "products" / "product.schema.json"
COMMAND = [sys.executable, "-X", "faulthandler", "-m", "feedmill"]
# Not forced either way: what a build does on its own is tested.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHON_GIL" and not name.startswith("PG")
}
TIMEOUT_S = 170
"""A little less than pytest's own limit, so that the command's output is shown."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def last_lines(self) -> list[str]:
        return self.out.splitlines()[-2:]


@dataclass(frozen=True, slots=True)
class Command:
    """Run commands in one directory.

    Parameters
    ----------
    directory : Path
        Files are named relative to it.
    capture : pytest.CaptureFixture
        Of the test, for commands that are run in this process.
    """

    directory: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: object, **options: object) -> Finished:
        """Run a command in this process: `main`, as the installed script calls it."""
        # Here, because tests of the kernel alone should not need all of feedmill.
        from feedmill import cli

        self.capture.readouterr()
        code = cli.main(words(arguments, options))
        return Finished(code, *self.capture.readouterr())

    def apart(
        self, *arguments: object, stdin: bytes = b"", stdout: BinaryIO | None = None, **options: object
    ) -> Finished:
        """Run a command in a process of its own, with its own interpreter."""
        with self.start(*arguments, stdout=stdout, **options) as process:
            out, err = process.communicate(stdin, timeout=TIMEOUT_S)
        return Finished(process.returncode, (out or b"").decode(), err.decode())

    def start(
        self, *arguments: object, stdout: BinaryIO | None = None, **options: object
    ) -> subprocess.Popen[bytes]:
        """Start a command whose input and output are pipes of the test's."""
        return subprocess.Popen(
            [*COMMAND, *words(arguments, options)],
            stdin=subprocess.PIPE,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.directory,
            env=ENVIRONMENT,
        )

    def report(self, name: str = "report.json") -> dict[str, Any]:
        """Read the report that a command wrote."""
        return json.loads((self.directory / name).read_text("utf-8"))

    def write(self, name: str, content: str | bytes | object) -> Path:
        """Write a file: text, bytes, or anything else as JSON."""
        path = self.directory / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether a command has ended; give it the processor for a moment if not."""
    try:
        process.wait(0.02)
    except subprocess.TimeoutExpired:
        return False
    return True


def words(arguments: Sequence[object], options: dict[str, object]) -> list[str]:
    """Write ``chunk_size="64KiB", quiet=True`` as a shell's words."""
    line = [str(argument) for argument in arguments]
    for name, value in options.items():
        flag = "--" + name.rstrip("_").replace("_", "-")
        if value is True:
            line.append(flag)
        elif value is not False:
            for each in value if isinstance(value, list) else [value]:
                line += [flag, str(each)]
    return line


@pytest.fixture
def feedmill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run feedmill in an empty directory."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("PG"):
            monkeypatch.delenv(name)
    return Command(tmp_path, capsys)
