"""The URL standard's test cases against `format: "uri"`, which is RFC 3986's: where they differ.

The standard says what a browser makes of any input; RFC 3986 says what a URI looks like. What the reference
makes of each input is what feedmill has to make of it; where the two rules differ is counted, so that nobody
changes it without seeing it.
"""

import re
from typing import Any, Final

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Field, Schema
from tests import kernel_feed, reference_formats, shared_data
from tests.conformance import oracle

DEVIATIONS = oracle.deviations("URLs")
SCHEMA: Final = Schema((Field("url", format="uri"),), missing_values=())
# RFC 3986 has no such characters, nor a per cent sign without two hexadecimal digits.
NO_URI: Final = re.compile(r'[\\|^`{}<>" \[\]]|%(?![0-9A-Fa-f]{2})|#.*#')


def taken(texts: list[str]) -> list[bool]:
    outcome = kernel_feed.parse(Plan(SCHEMA, Dialect(header=False)), oracle.csv_of(texts))
    assert outcome.records == len(texts)
    assert {each.code for each in outcome.findings} <= {Code.FORMAT}
    good = {row.record for row in outcome.rows}
    return [number in good for number in range(len(texts))]


def vectors() -> list[dict[str, Any]]:
    """Read the cases; what holds half a surrogate pair cannot be written, and NUL is no text."""
    shared_data.path("vectors")
    return [
        each
        for each in shared_data.vectors("url_wpt.jsonl")
        if not re.search("[\ud800-\udfff\0]", each["input"])
    ]


def test_every_input_and_every_url_is_what_rfc_3986_makes_of_it() -> None:
    cases = vectors()
    texts = [each["input"] for each in cases] + [each["href"] for each in cases if "href" in each]
    assert len(cases) == 406
    assert taken(texts) == [reference_formats.wrong(text, "uri") is None for text in texts]


def test_a_url_is_a_uri_unless_a_character_is_none() -> None:
    hrefs = [each["href"] for each in vectors() if "href" in each]
    refused = [href for href, good in zip(hrefs, taken(hrefs), strict=True) if not good]
    assert [href for href in refused if not NO_URI.search(href)] == []
    assert f"{len(refused)} refused" == DEVIATIONS["href"]


def test_what_no_browser_opens_can_be_a_uri() -> None:
    inputs = [each["input"] for each in vectors() if each.get("failure")]
    accepted = sum(taken(inputs))
    assert f"{accepted} accepted" == DEVIATIONS["failure"]
