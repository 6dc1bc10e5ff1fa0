"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_python_example_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})  # noqa: S102 - it is the README that runs
    promised = [line.partition("  # ")[2] for line in example.splitlines() if line.startswith("print(")]
    assert capsys.readouterr().out.splitlines() == promised


def test_the_command_prints_what_it_says(tmp_path: Path) -> None:
    [shown] = re.findall(r"\$ feedmill (process .*?)\n(.*?)\n\n", README, re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        [sys.executable, "-m", "feedmill", *shown[0].split()],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    # Which worker gets which chunk is chance; what comes out is not.
    results = [line for line in done.stdout.splitlines() if not line.startswith("Worker")]
    assert results == [line for line in shown[1].splitlines() if not line.startswith("Worker")]
    [head] = re.findall(r"\$ head -2 rejects.csv\n(.*?)```", README, re.DOTALL)
    assert (tmp_path / "rejects.csv").read_text("utf-8").startswith(head)
