"""Random schemas, dialects and feeds for the property tests: mostly right, wrong at the edges.

A feed of random bytes hardly ever gets past its first check, so cells are made of what their field wants,
written as the dialect wants it, and then some of it is spoiled.
"""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import strategies as st

from feedmill import declaration, declared_kinds, transforms
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.json_values import JSON_TYPES
from feedmill.kernel import record_plan
from feedmill.schema import Constraints, Field, Schema
from feedmill.transforms import Default, Map, Replace
from tests import samples

SPACES = st.sampled_from([" ", "\t", "\u00a0", "\u2003", "\x1c", "\n", "  "])
EVERYTHING = st.sampled_from(samples.EVERYTHING)
INTEGERS = st.integers(-20, 20).map(str) | st.integers(-(2**63) - 9, 2**63 + 9).map(str)
DECIMALS = st.decimals(-(10**19), 10**19, allow_nan=False, places=3).map(str)
FLOATS = st.floats(allow_nan=False, allow_infinity=False).map(repr)
MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=UTC),
        datetime(2024, 2, 29, 0, 5, 9, tzinfo=UTC),
    ]
)
ZONES = st.sampled_from(["", "Z", "+00:00", "-02:30", "+15:59", "-15:59", "+16:00", "+0130", "+00:60", " Z"])
SLIPS = st.sampled_from(["", "0", "1", "9", " ", "-", "T", "é"])
FRACTIONS = st.sampled_from(["", "", ".5", ".123456", ".1234560", ".1234567", "."])


@st.composite
def texts(draw: st.DrawFn, field: Field) -> str:
    """Make a text that is mostly what a field wants, or nearly."""
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(EVERYTHING)
    match field.type:
        case "string":
            return draw(st.sampled_from(samples.STRING_FORMATS.get(field.format, samples.WORDS)))
        case "integer":
            return draw(INTEGERS if kind < 6 else st.sampled_from(samples.INTEGERS))
        case "number":
            return draw(INTEGERS | DECIMALS | FLOATS if kind < 6 else st.sampled_from(samples.NUMBERS))
        case "boolean":
            return draw(st.sampled_from(samples.BOOLEANS))
        case "date" | "time" | "datetime":
            pass
        case _:
            return draw(st.sampled_from(samples.KINDS.get(field.type, samples.WORDS)))
    return draw(moments(field) if kind < 8 else st.sampled_from(samples.MOMENTS))


@st.composite
def moments(draw: st.DrawFn, field: Field) -> str:
    """Write a moment as a field wants it, and sometimes not quite so."""
    moment = draw(MOMENTS)
    year = f"{moment.year:04}"
    if "%" in field.format:
        pattern = field.format.replace("%Y", year)
        text = moment.strftime(pattern.replace("%z", draw(ZONES).replace("%", "%%")))
    else:
        iso = {"date": "%m-%d", "time": "%H:%M:%S", "datetime": "%m-%dT%H:%M:%S"}[field.type]
        text = (f"{year}-" if field.type != "time" else "") + moment.strftime(iso)
        text += (draw(FRACTIONS) if field.type != "date" else "") + (
            draw(ZONES) if field.type == "datetime" else ""
        )
    match draw(st.integers(0, 9)):
        case 0:
            place = draw(st.integers(0, len(text)))
            return (
                text[:place]
                + draw(st.sampled_from(["", "0", "1", "9", " ", "-", "T", "é"]))
                + text[place + 1 :]
            )
        case 1:
            return text.replace("/0", "/").replace(" 0", " ").lstrip("0")
        case 2:
            return text.swapcase()
    return text


def formats(patterns: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(("default", "any", *patterns))


CHANGES = (
    Map.of({"a": "1", "N/A": "", "abc": "école", "  ": "x"}),
    Replace("[ab]", ""),
    Replace(r"([a-z])(\d*)", r"\2\1é"),
)
DEFAULTS = (Default("x"), Default("école"))


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    kind = draw(st.sampled_from(sorted(declaration.TYPES)))
    field = Field(
        name,
        kind,
        missing_values=draw(st.none() | st.sampled_from([(), ("",), ("N/A", "-", "null"), ("", "0")])),
        transforms=tuple(draw(st.lists(st.sampled_from(["trim", "collapse", *CHANGES]), max_size=2))),
    )
    match kind:
        case "string":
            names = ["default", "default", "default", *samples.STRING_FORMATS]
            field = replace(field, format=draw(st.sampled_from(names)))
            extra = [*transforms.WORDS, *CHANGES]
            field = replace(field, transforms=tuple(draw(st.lists(st.sampled_from(extra), max_size=3))))
        case "number" if draw(st.booleans()):
            field = replace(field, storage="float64")
        case "number":
            precision, scale = draw(st.sampled_from(samples.PRECISIONS))
            field = replace(field, precision=precision, scale=scale)
        case "boolean" if draw(st.booleans()):
            field = replace(field, true_values=("sim", "1"), false_values=("não", ""))
        case "date":
            field = replace(field, format=draw(formats(samples.DATE_PATTERNS)))
        case "time":
            field = replace(field, format=draw(formats(samples.TIME_PATTERNS)))
        case "datetime":
            field = replace(field, format=draw(formats(samples.DATETIME_PATTERNS)))
        case "geopoint":
            field = replace(field, format=draw(st.sampled_from(["default", "array", "object"])))
        case "list":
            item = draw(st.sampled_from(sorted(declared_kinds.ITEM_TYPES)))
            field = replace(field, item_type=item, delimiter=draw(st.sampled_from([",", ";", ", "])))
    field = replace(field, constraints=draw(constraints(field)))
    free = Constraints(required=field.constraints.required)
    if kind == "string" and field.format == "default" and field.constraints == free and draw(st.booleans()):
        # A default has to be a value of the field.
        place = draw(st.integers(0, len(field.transforms)))
        steps = [*field.transforms[:place], draw(st.sampled_from(DEFAULTS)), *field.transforms[place:]]
        field = replace(field, transforms=tuple(steps))
    return field


LIMITS = {
    "integer": ["0", "-5", "7", "9223372036854775807", "-9223372036854775808"],
    "number": ["0", "0.01", "-1e3", "1.50", "12.34", "999.99"],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "time": ["12:34:56", "00:00:00", "12:34:56.5"],
    "datetime": ["2024-02-29T12:34:56", "2024-02-29T10:04:56Z", "0001-01-01T00:00:00"],
    "string": ["a", "abc", "x y", "école"],
    "any": ["a", "1"],
    "year": ["0000", "1999", "2024"],
    "yearmonth": ["2024-02", "0000-01", "9999-12"],
    "duration": ["P1M", "P30D", "PT0S", "-P1Y", "PT1.5S"],
    "list": ["a,b", "1,2", ""],
    "geopoint": ["90.5, 45.5", "0,0"],
    "object": ["{}", '{"a": 1}', '{"a":[1,true,null]}'],
    "array": ["[]", "[1, 2]", '["a"]'],
    "geojson": ['{"type":"Point","coordinates":[1,2]}'],
}
ORDERED = ("integer", "number", "date", "time", "datetime", "year", "yearmonth", "duration")


def listed_of(field: Field) -> list[str]:
    """List values that an enum of the field may have."""
    if field.type == "geopoint" and field.format != "default":
        return {"array": ["[1, 2]"], "object": ['{"lon": 1, "lat": 2}']}[field.format]
    return LIMITS[field.type]


PATTERNS = ("[a-z]*", r"\d+", "a.c", "é+|x.*", r"(?i)abc|\w+", "a$")


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
                pattern=draw(st.sampled_from(PATTERNS)),
            )
    elif field.type in {"list", "array", "object"} and "length" in chosen:
        limits = replace(limits, min_length=draw(st.integers(0, 2)), max_length=draw(st.integers(2, 3)))
    elif field.type in ORDERED:
        for name, attribute in (
            ("low", "minimum"),
            ("high", "maximum"),
            ("above", "exclusive_minimum"),
            ("below", "exclusive_maximum"),
        ):
            if name in chosen:
                narrower = replace(limits, **{attribute: draw(st.sampled_from(LIMITS[field.type]))})
                # A range without a value is refused.
                limits = narrower if is_accepted(replace(field, constraints=narrower)) else limits
    if "enum" in chosen:
        listed = field.true_values if field.type == "boolean" else listed_of(field)
        limits = replace(
            limits, enum=tuple(draw(st.lists(st.sampled_from(listed), min_size=1, max_size=3, unique=True)))
        )
    return limits


def is_accepted(field: Field) -> bool:
    try:
        record_plan(Schema((field,)))
    except SchemaError:
        return False
    return True


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    made = tuple(draw(fields(f"f{number}")) for number in range(draw(st.integers(1, 4))))
    can_be_key = made[0].type not in JSON_TYPES
    key = (made[0].name,) if can_be_key and draw(st.integers(0, 4)) == 0 else ()
    return Schema(made, primary_key=key, missing_values=draw(st.sampled_from([("",), (), ("", "null")])))


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    if draw(st.integers(0, 9)) == 0:  # PostgreSQL's text format
        return Dialect(delimiter="\t", quote=None, escape="\\", null="\\N", header=False)
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
    text = draw(texts(field))
    if draw(st.integers(0, 5)) == 0:
        text = draw(SPACES) + text + draw(SPACES)
    if dialect.null is not None and draw(st.integers(0, 4)) == 0:
        text = draw(st.sampled_from(["", "", "\\"])) + dialect.null
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
