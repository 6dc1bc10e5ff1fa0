"""Formats of strings: gtin, uuid, uri, email."""

import json
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from feedmill.codes import Code
from feedmill.schema import Field
from tests import shared_data
from tests.core.cells import assert_as_reference, readings
from tests.core.test_temporal import damaged

GTIN, UUIDS, URI, EMAIL = (Field("t", format=name) for name in ("gtin", "uuid", "uri", "email"))
FORMAT, CHECK_DIGIT = [Code.FORMAT], [Code.CHECK_DIGIT]

IP6 = (
    st.ip_addresses(v=6).map(str)
    | st.lists(st.text("0123456789abcdefABCDEF", min_size=1, max_size=5), min_size=1, max_size=9).map(
        ":".join
    )
    | st.sampled_from(
        [
            "::",
            "::1",
            "1::",
            "1::2::3",
            ":::",
            ":1",
            "1:",
            "1:2:3:4:5:6:7::",
            "::1:2:3:4:5:6:7:8",
            "::1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::01.2.3.4",
            "::1.2.3",
            "::256.1.1.1",
            "1.2.3.4",
            "::1.2.3.4:5",
        ]
    )
)
IP4 = st.ip_addresses(v=4).map(str) | st.sampled_from(
    ["1.2.3", "1.2.3.4.5", "01.002.3.4", "1.2.3.0004", "256.1.1.1", ""]
)


def vectors(name: str) -> list[dict[str, object]]:
    groups = json.loads(shared_data.path(f"json-schema/optional/format/{name}.json").read_text("utf-8"))
    return [test for group in groups for test in group["tests"] if isinstance(test["data"], str)]


@pytest.mark.parametrize("field", [EMAIL, UUIDS], ids=["email", "uuid"])
def test_vectors_of_json_schema(field: Field) -> None:
    for test in vectors(field.format):
        text = str(test["data"])
        assert readings(field, [text.encode()]) == [text if test["valid"] else FORMAT], test


# GTIN ———————————————————————————————————————————————————————————————————————————————————————————————


@given(st.lists(damaged(st.text("0123456789", max_size=16)), max_size=8))
@example(["١2345670", "1234567 ", "-1234567", "", "96385074", "96385075"])
def test_gtins(texts: list[str]) -> None:
    assert_as_reference(GTIN, texts)


@given(st.sampled_from([8, 12, 13, 14]), st.integers(0, 10**13 - 1))
def test_one_last_digit_of_ten_is_right(length: int, number: int) -> None:
    head = f"{number % 10 ** (length - 1):0{length - 1}}"
    found = readings(GTIN, [f"{head}{last}".encode() for last in range(10)])
    assert found.count(CHECK_DIGIT) == 9
    assert_as_reference(GTIN, [f"{head}{last}" for last in range(10)])


def test_vectors_of_gs1() -> None:
    cases = [each for each in shared_data.vectors("gs1_lint.jsonl") if each["linter"] == "csum"]
    cases = [each for each in cases if each["input"].isdecimal() and len(each["input"]) in {8, 12, 13, 14}]
    if not shared_data.ROOT:
        pytest.skip(shared_data.WHY_ABSENT)
    assert len(cases) == 3
    for case in cases:
        assert readings(GTIN, [case["input"].encode()]) == [case["input"] if case["valid"] else CHECK_DIGIT]


# UUID ———————————————————————————————————————————————————————————————————————————————————————————————


@given(st.lists(damaged(st.uuids().map(str) | st.uuids().map(lambda uuid: str(uuid).upper())), max_size=8))
@example(
    [
        UUID(int=0).hex,
        f"{{{UUID(int=0)}}}",
        "-" * 36,
        f"{UUID(int=5)}-",
        "0000000g-0000-0000-0000-000000000000",
    ]
)
def test_uuids(texts: list[str]) -> None:
    assert_as_reference(UUIDS, texts)


# URI ————————————————————————————————————————————————————————————————————————————————————————————————

URIS = st.builds(
    "{}{}{}{}{}{}{}{}".format,
    st.sampled_from(["http", "https", "a+b.c-1", "urn", "1a", "", "é"]),
    st.sampled_from([":", ":", ":", "", "::"]),
    st.sampled_from(["//", "//", "//", "/", "", "///"]),
    st.sampled_from(["", "", "u@", "u:p%40@", "a@b@", "%4@"]),
    st.sampled_from(
        ["h.com", "%c3%a9", "", "[v1.a:b]", "[v.a]", "[vg.a]", "[v1.]", "[", "[]", "h_~!$&'()*+,;="]
    )
    | IP6.map("[{}]".format),
    st.sampled_from(["", "", ":", ":80", ":8a"]),
    st.sampled_from(["", "/", "//", "/a/b;c=1@:", "/%zz", "/a%20b", "a", "/a b", '/"', "/é", "/|"]),
    st.sampled_from(["", "?", "?q=1&r=/?", "?[", "?é", "#", "#f/?", "#a#b", "?%2", "?#"]),
)


@given(st.lists(damaged(URIS) | URIS, max_size=8))
def test_uris(texts: list[str]) -> None:
    assert_as_reference(URI, texts)


def test_inputs_of_the_url_standard() -> None:
    """Their verdicts are another standard's, which repairs much; but strange they are."""
    texts = [each["input"] for each in shared_data.vectors("url_wpt.jsonl")]
    if not texts:
        pytest.skip(shared_data.WHY_ABSENT)
    texts = [text for text in texts if "\0" not in text and text.isprintable()]
    assert_as_reference(URI, texts)
    assert_as_reference(EMAIL, texts)


# Mail addresses —————————————————————————————————————————————————————————————————————————————————————

ATOMS = st.lists(st.text("ab0!#$%&'*+/=?^_`{|}~-é漢", min_size=1, max_size=6), min_size=1, max_size=3).map(
    ".".join
)
QUOTED = st.lists(
    st.sampled_from(["a", " ", "@", ".", '\\"', "\\\\", "é", "\\", '"', "\t", "\x7f"]), max_size=6
).map(lambda parts: f'"{"".join(parts)}"')
LONG = st.integers(62, 66).map("a".__mul__) | st.integers(31, 33).map("é".__mul__)
NAMES = st.lists(st.text("ab0-é_", min_size=1, max_size=5), min_size=1, max_size=3).map(".".join)
DOMAINS = (
    NAMES
    | LONG.map("{}.b".format)
    | st.integers(60, 63).map(lambda n: ".".join(["a" * n] * 4))
    | st.builds("[{}{}]".format, st.sampled_from(["", "IPv6:", "ipv6:", "IPv4:", "x:"]), IP4 | IP6)
)


@given(st.lists(damaged(st.builds("{}@{}".format, ATOMS | QUOTED | LONG, DOMAINS)), max_size=8))
@example(
    [
        "",
        "@",
        "a@",
        "@a",
        "a@b",
        "a@b.",
        "a@.b",
        "a@-b",
        "a@b-",
        ".a@b",
        "a.@b",
        '""@b',
        '"@b',
        "a@[",
        "a@[]",
        "a@]",
    ]
)
@example(
    [f"{'a' * 64}@b", f"{'a' * 65}@b", f"a@{'b' * 63}.c", f"a@{'b' * 64}.c", "a@" + ".".join(["b" * 63] * 4)]
)
def test_mail_addresses(texts: list[str]) -> None:
    assert_as_reference(EMAIL, texts)
