"""The page of a report: whole HTML, nothing in it that acts, and what the report says."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from feedmill.report import Outcomes, Report
from feedmill.report_page import report_page
from tests.command import Command
from tests.test_report import REPORT

NEVER_CLOSED = {"meta", "br"}


class Page(HTMLParser):
    """Read a page; what is opened has to be closed, in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in NEVER_CLOSED:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def after(self, text: str) -> str:
        """Give the text that follows another."""
        return next(text for text in self.texts[self.texts.index(text) + 1 :] if text)


def test_it_says_what_the_report_says() -> None:
    page = Page(report_page(REPORT))
    for name, number in (
        ("failed", "3"), ("inserted", "4"), ("updated", "1"), ("unchanged", "1"), ("duplicate", "1"),
        ("price.type", "2"), ("callback", "1"), ("reader", "3 items"),
    ):  # fmt: skip
        assert page.after(name) == number
    assert any(text.startswith("Interrupted") for text in page.texts)
    assert REPORT.bottleneck in page.texts


@pytest.mark.parametrize(
    ("report", "verdict"),
    [
        (replace(REPORT, stopped=None), "3 of 10 records failed (30.00%)."),
        (replace(REPORT, stopped="fault"), "Stopped on a fault"),
        (replace(REPORT, stopped="max_failures"), "Stopped, as too many records failed"),
        (
            replace(REPORT, stopped=None, records=7, failures=0, rejects_by_code={}),
            "7 records, and each of them is good.",
        ),
        (REPORT.before_all(), "Interrupted"),
        (replace(REPORT, stopped=None, records=0, successes=0, failures=0), "0 records"),
    ],
)
def test_the_verdict(report: Report, verdict: str) -> None:
    page = Page(report_page(report))
    assert any(text.startswith(verdict) for text in page.texts)


def test_without_a_store_there_are_no_outcomes() -> None:
    page = Page(report_page(replace(REPORT, stored=False, outcomes=Outcomes(), dropped=2)))
    assert page.after("good") == "5"
    assert page.after("dropped by the callback") == "2"
    assert "inserted" not in page.texts


def test_a_snapshot_tells_what_it_discontinued() -> None:
    page = Page(report_page(replace(REPORT, discontinued=1)))
    assert any(text.startswith("1 offer discontinued") for text in page.texts)


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>.csv", '"><img src=x onerror=a()>', "$title ${x} $", "\udcff"]
)
def test_names_are_text_whatever_they_are(hostile: str) -> None:
    text = report_page(
        replace(REPORT, feed=hostile, schema=hostile, run_id=hostile, rejects_by_code={f"{hostile}.type": 1})
    )
    page = Page(text)
    assert {hostile, f"{hostile}.type"} <= set(page.texts)
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert not any(name.startswith("on") or name in {"src", "href"} for name in page.attributes)


def test_by_the_command(feedmill: Command, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(REPORT.to_json())
    told = feedmill("report", tmp_path / "run.json", "--html", tmp_path / "run.html")
    assert told.code == 0
    assert (tmp_path / "run.html").read_text("utf-8") == report_page(REPORT)
    words = feedmill("report", tmp_path / "run.json")
    assert words.last_lines == ["Processing complete: 10 records processed", "Successes: 7, Failures: 3"]
    assert "Outcomes: inserted 4, updated 1, unchanged 1, duplicate 1" in words.out
    assert "The bottleneck: reader, at work 20 % of the run." in words.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"records": "many"}, "records is 'many', and should be int"),
        ({"elapsed_s": None}, "elapsed_s is None, and should be float"),
        ({"rejects_by_code": {"price.type": "2"}}, "'price.type' is counted as '2'"),
        ({"rejects_by_code": [1]}, "rejects_by_code is [1]"),
        ({"stages": [{"stage": 1}]}, "stage is 1, and should be str"),
        ({"outcomes": None}, "not a feedmill report"),
    ],
)
def test_what_is_no_report_is_said(
    feedmill: Command, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**json.loads(REPORT.to_json()), **change}))
    told = feedmill("report", path, "--html", tmp_path / "run.html")
    assert told.code == 2
    assert f"{path}: " in told.err
    assert said in told.err
    assert not (tmp_path / "run.html").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"3", b'{"elapsed_s": NaN}'])
def test_nor_is_anything_else(feedmill: Command, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    told = feedmill("report", path)
    assert (told.code, "name a file that --report wrote" in told.err) == (2, True)


def test_files_that_cannot_be(feedmill: Command, tmp_path: Path) -> None:
    assert "No such file" in feedmill("report", tmp_path / "none.json").err
    path = tmp_path / "run.json"
    path.write_text(REPORT.to_json())
    told = feedmill("report", path, "--html", path)
    assert (told.code, "would overwrite" in told.err) == (2, True)
    assert Report.from_json(path.read_text()) == REPORT
