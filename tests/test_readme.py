"""What the README shows is what happens, and what the pages refer to is there."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

from feedmill import declaration
from feedmill.codes import Code

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")]


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


def test_every_code_has_an_example_that_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "schema.md").read_text("utf-8")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    # The fence would be part of what is expected.
    shown = re.sub("^```.*$", "", page, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(shown, {}, "docs/schema.md", "docs/schema.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0
    examples = page.partition("\n## Codes\n")[2]
    told = {
        code.word
        for code in Code
        if re.search(rf"^{code.word}: |\b{code.word}\b,|\.{code.word}\b", examples, re.MULTILINE)
    }
    assert told == {code.word for code in Code}


def test_the_table_of_schemas_names_what_there_is() -> None:
    row = dict(re.findall(r"^\| (types|formats) \| (.*) \|$", README, re.MULTILINE))
    for name, words in {
        "types": declaration.TYPES,
        "formats": (*declaration.STRING_FORMATS, *declaration.FORMATS["number"]),
    }.items():
        assert [word for word in words if f"`{word}`" not in row[name]] == [], name


def test_the_list_of_codes_is_whole() -> None:
    [listed] = re.findall(r"^Every finding of a record .*?\n\n", README, re.DOTALL | re.MULTILINE)
    words = re.findall(r"`(\w+)`", listed)
    assert sorted(words) == sorted(code.word for code in Code)


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in PAGES))
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
