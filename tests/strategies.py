"""Random schemas, dialects and feeds for the property tests: mostly right, wrong at the edges.

A feed of random bytes hardly ever gets past its first check, so cells are made of what their field wants,
written as the dialect wants it, and then some of it is spoiled.
"""

from dataclasses import replace

from hypothesis import strategies as st

from feedmill.dialect import Dialect
from feedmill.schema import Constraints, Field, Schema

DATE_PATTERNS = ("%d/%m/%Y", "%b %d, %Y", "%Y%m%d", "%d. %B %y", "%Y-%j", "%m%d%y%%")
TIME_PATTERNS = ("%H:%M", "%I:%M %p", "%H%M%S", "%H:%M:%S.%f")
DATETIME_PATTERNS = ("%Y-%m-%d %H:%M:%S", "%d/%m/%Y %I:%M%p", "%Y-%m-%dT%H:%M:%S.%f%z", "%b %d %Y %H:%M %z")
SIZES = ((None, None), (5, 2), (18, 0), (18, 18), (3, 0), (19, 4), (38, 10))

SPACES = st.sampled_from([" ", "\t", "\u00a0", "\u2003", "\x1c", "\n", "  "])


def one_of(*lists: str) -> st.SearchStrategy[str]:
    """Choose among the texts of some lists, in which a bar stands between two texts."""
    return st.sampled_from("|".join(lists).split("|"))


WORDS = one_of("|a|ab|Abc|x y|  x  y |ÉCOLE|ǅ|ΣΑΣ|ß|İ|日本語|😀|N/A|null|10|a.c|-")
NUMBERS = one_of(
    "0|-0|+1|00|1.5|.5|5.|.|-.5e1|1e2|1E-2|1e|e1|12.34|12.345|999.99|1000|1e400|1e-400|0e999999999999",
    "1e99999999999999999999|4.9e-324|2.4703282292062327e-324|2.47e-324|1.7976931348623158e308",
    "1.7976931348623159e308|NaN|nan|INF|-inf|+INF|Infinity|0x10|1_000|１|1e131071|1e131072|1e-16383|1e-16384",
    "123456789012345678|0.000000000000000001|9007199254740993|8.5|-1|1,5|1 |--1|1.2.3",
)
INTEGERS = st.one_of(
    st.integers(-20, 20),
    st.integers(-(2**63) - 3, -(2**63) + 3),
    st.integers(2**63 - 3, 2**63 + 3),
).map(str) | one_of("+7|007|-0|1.0||+|-|1 2|٣|99999999999999999999999|0000000000000000000000000000005")
MOMENTS = one_of(
    "2024-02-29|2023-02-29|0001-01-01|0000-01-01|9999-12-31|2024-13-01|2024-1-01|24-01-01|2024-02-30",
    "00:00:00|23:59:59|24:00:00|23:59:60|12:34:56.7|12:34:56.|12:34:56.1234560|12:34:56.1234567",
    "2024-02-29T12:34:56|2024-02-29 12:34:56|2024-02-29T12:34:56Z|2024-02-29T12:34:56.5+02:30",
    "0001-01-01T00:00:00+00:01|9999-12-31T23:59:59-00:01|2024-02-29T12:34:56+16:00|2024-02-29T12:34:56-15:59",
    "2024-02-29t12:34:56z|2024-02-29T12:34:56+0200|2024-02-29T12:34:56+00:60|29/02/2024|9/2/2024",
    "2024-02-29T12:34|Feb 29, 2024|feb 9, 2024|May 1, 2024|20240229|29. February 24|1. may 69|2024-366",
    "2023-366|2024-000|022924%",
    "12:30 PM|12:30 am|0:30 AM|13:00 PM|7:5|07:05|123456|12:34:56.000001|29/02/2024 1:30PM",
    "2024-02-29 1:2:3|2024-02-29T12:34:56.123456+0130|2024-02-29T12:34:56.1Z|Feb 29 2024 12:34 -15:59",
)
EMAILS = one_of(
    "a@b.c|a.b+c@d-e.f|a..b@c|.a@b|a@-b.c|a@b-|a@b_c|a@[127.0.0.1]|a@[IPv6:::1]|a@[1.2.3]|é@ü.de|a@b@c|@b|a@|a@b.",
    '"a b"@c|"a\\"b"@c|"a"b"@c|"a@c|a b@c|(a)@c',
) | st.sampled_from(
    [f"{'a' * 64}@b", f"{'a' * 65}@b", f"a@{'b' * 63}", f"a@{'b' * 64}", "a@" + "b." * 127 + "b"]
)
URIS = one_of(
    "http://a.b/c?d#e|http://a b|mailto:a@b|//a|a:|http:|http://[::1]:80/|http://[::1|http://a/%4|http://a/%41",
    "http://é|x:/a//b|1x:a|http://a:b@c:1/|http://a:x/|urn:a:b|http://a/?[|http://a/#a#b|http://[v1.a:b]/",
    "http://a\\b|http://|notaurl",
)
FORMATTED = one_of(
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11|a0eebc999c0b4ef8bb6d6bb9bd380a11",
    "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}|g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|4006381333931|4006381333932",
    "96385074|036000291452|00012345600012|123456789012|00o27000382493|12345670|1234567|٤006381333931",
)
BOOLEANS = st.sampled_from(
    ["true", "True", "TRUE", "1", "false", "0", "FALSE", "tRue", "yes", "sim", "não", "2", ""]
)

TEXTS = {
    "string": WORDS | EMAILS | URIS | FORMATTED,
    "integer": INTEGERS,
    "number": NUMBERS | INTEGERS,
    "boolean": BOOLEANS,
    "date": MOMENTS,
    "time": MOMENTS,
    "datetime": MOMENTS,
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from(sorted(TEXTS)))
    field = Field(
        name,
        kind,
        missing_values=draw(st.none() | st.sampled_from([(), ("",), ("N/A", "-", "null"), ("", "0")])),
        transforms=tuple(draw(st.lists(st.sampled_from(["trim", "collapse"]), max_size=1))),
    )
    match kind:
        case "string":
            field = replace(
                field, format=draw(st.sampled_from(["default", "default", "email", "uri", "uuid", "gtin"]))
            )
            extra = tuple(draw(st.lists(st.sampled_from(["trim", "collapse", "lower", "upper"]), max_size=3)))
            field = replace(field, transforms=extra)
        case "number" if draw(st.booleans()):
            field = replace(field, storage="float64")
        case "number":
            precision, scale = draw(st.sampled_from(SIZES))
            field = replace(field, precision=precision, scale=scale)
        case "boolean" if draw(st.booleans()):
            field = replace(field, true_values=("sim", "1"), false_values=("não", ""))
        case "date":
            field = replace(field, format=draw(st.sampled_from(("default", "any", *DATE_PATTERNS))))
        case "time":
            field = replace(field, format=draw(st.sampled_from(("default", "any", *TIME_PATTERNS))))
        case "datetime":
            field = replace(field, format=draw(st.sampled_from(("default", "any", *DATETIME_PATTERNS))))
    return replace(field, constraints=draw(constraints(field)))


LIMITS = {
    "integer": ["0", "-5", "7", "9223372036854775807", "-9223372036854775808"],
    "number": ["0", "0.01", "-1e3", "1.50", "12.34", "999.99"],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "time": ["12:34:56", "00:00:00", "12:34:56.5"],
    "datetime": ["2024-02-29T12:34:56", "2024-02-29T10:04:56Z", "0001-01-01T00:00:00"],
    "string": ["a", "abc", "x y", "école"],
}


@st.composite
def constraints(draw: st.DrawFn, field: Field) -> Constraints:
    chosen = draw(
        st.sets(
            st.sampled_from(["required", "low", "high", "above", "below", "enum", "length", "pattern"]),
            max_size=3,
        )
    )
    limits = Constraints(required="required" in chosen)
    if field.type == "string":
        if "length" in chosen:
            shortest = draw(st.integers(0, 4))
            limits = replace(limits, min_length=shortest, max_length=shortest + draw(st.integers(0, 6)))
        if "pattern" in chosen:
            limits = replace(
                limits,
                pattern=draw(st.sampled_from(["[a-z]*", r"\d+", "a.c", "é+|x.*", r"(?i)abc|\w+", "a$"])),
            )
    elif field.type != "boolean":
        for name, attribute in (
            ("low", "minimum"),
            ("high", "maximum"),
            ("above", "exclusive_minimum"),
            ("below", "exclusive_maximum"),
        ):
            if name in chosen:
                limits = replace(limits, **{attribute: draw(st.sampled_from(LIMITS[field.type]))})
    if "enum" in chosen:
        listed = field.true_values if field.type == "boolean" else LIMITS[field.type]
        limits = replace(
            limits, enum=tuple(draw(st.lists(st.sampled_from(listed), min_size=1, max_size=3, unique=True)))
        )
    return limits


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    made = tuple(draw(fields(f"f{number}")) for number in range(draw(st.integers(1, 4))))
    key = (made[0].name,) if draw(st.integers(0, 4)) == 0 else ()
    return Schema(made, primary_key=key, missing_values=draw(st.sampled_from([("",), (), ("", "null")])))


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    return Dialect(
        delimiter=draw(st.sampled_from([",", ",", ",", ";", "\t", "|"])),
        quote=draw(st.sampled_from(['"', '"', '"', "'", None])),
        double_quote=draw(st.sampled_from([True, True, False])),
        escape=draw(st.sampled_from([None, None, "\\"])),
        comment=draw(st.sampled_from([None, None, "#"])),
        skip_initial_space=draw(st.sampled_from([False, False, True])),
        line_terminator=draw(st.sampled_from([None, None, None, "\r"])),
        null=draw(st.sampled_from([None, None, "", "null", "\\N"])),
        keep_bad_quotes=draw(st.booleans()),
        max_record_bytes=draw(st.sampled_from([1 << 20, 1 << 20, 20])),
        header=False,
    )


RAW = st.text(alphabet=",;|\"'\\\n\r\t #a1é\0", max_size=40).map(str.encode)
SPOILS = st.sampled_from(
    [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b'"', b"'", b"\\", b"\r", b"\n", b"\r\n", b",", b"#", b" "]
)


@st.composite
def cells(draw: st.DrawFn, field: Field, dialect: Dialect) -> bytes:
    text = draw(TEXTS[field.type])
    if draw(st.integers(0, 5)) == 0:
        text = draw(SPACES) + text + draw(SPACES)
    data = text.encode()
    if draw(st.integers(0, 9)) == 0:
        data += draw(SPOILS)
    style = draw(st.sampled_from(["plain", "plain", "quoted", "quoted", "careless"]))
    if style == "plain" or dialect.quote is None:
        return data
    quote = dialect.quote.encode()
    if style == "quoted" and dialect.double_quote:
        data = data.replace(quote, quote * 2)
    elif style == "quoted" and dialect.escape:
        data = data.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote)
    rest = draw(SPOILS) if draw(st.integers(0, 19)) == 0 else b""
    return quote + data + quote + rest


@st.composite
def feeds(draw: st.DrawFn, schema: Schema, dialect: Dialect) -> bytes:
    """Make a feed without a header: a few records, most of the right width, and sometimes plain noise."""
    if draw(st.integers(0, 9)) == 0:
        return draw(RAW | st.binary(max_size=40))
    data = b""
    for _ in range(draw(st.integers(0, 6))):
        width = len(schema.fields) + draw(st.sampled_from([0, 0, 0, 0, 0, -1, 1]))
        row = [draw(cells(schema.fields[place % len(schema.fields)], dialect)) for place in range(width)]
        data += dialect.delimiter.encode().join(row) + draw(
            st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b"\n\n", b'\n#x"\n', b""])
        )
    return data
