"""The reference for the kinds beside text, numbers, booleans and times: JSON, places, durations.

Written from RFC 8259, RFC 7946, XML Schema and Table Schema, with Python's json module as second opinion.
"""

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from feedmill.codes import Code
from feedmill.schema import Field

DEPTH = 512
GEOMETRY_DEPTH = 16
JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class NotOfKindError(Exception):
    """The text is nothing of its kind."""


class Number(str):
    """A JSON number, as written."""

    __slots__ = ()


def json_value(text: str, is_decimal: Callable[[str], bool]) -> object:
    """Read JSON that a database takes; numbers keep their text."""
    if nesting(text) > DEPTH:
        raise NotOfKindError
    try:
        value = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise NotOfKindError from None
    check_storable(value, is_decimal)
    return value


def refuse(word: str) -> None:
    raise ValueError(word)


def nesting(text: str) -> int:
    """Count how deep brackets nest outside strings."""
    depth = deepest = 0
    for mark in re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL):
        depth += (mark in "[{") - (mark in "]}")
        deepest = max(deepest, depth)
    return deepest


def check_storable(value: object, is_decimal: Callable[[str], bool]) -> None:
    if isinstance(value, Number):
        if not is_decimal(value):
            raise NotOfKindError
    elif isinstance(value, str):
        if "\0" in value or re.search("[\ud800-\udfff]", value):
            raise NotOfKindError
    elif isinstance(value, dict):
        for name, member in value.items():
            check_storable(name, is_decimal)
            check_storable(member, is_decimal)
    elif isinstance(value, list):
        for item in value:
            check_storable(item, is_decimal)


def equal_json(a: str, b: str) -> bool:
    return comparable_json(json.loads(a, parse_int=Decimal, parse_float=Decimal)) == comparable_json(
        json.loads(b, parse_int=Decimal, parse_float=Decimal)
    )


def comparable_json(value: object) -> object:
    match value:
        case bool():
            return ("bool", str(value))
        case list():
            return [comparable_json(each) for each in value]
        case dict():
            return {name: comparable_json(each) for name, each in value.items()}
    return value


# GeoJSON —————————————————————————————————————————————————————————————————————————————————————————————

GEOMETRIES = {
    "Point": lambda at: at == [] or is_position(at),
    "MultiPoint": lambda at: all(map(is_position, at)),
    "LineString": lambda at: at == [] or is_line(at),
    "MultiLineString": lambda at: all(map(is_line, at)),
    "Polygon": lambda at: all(map(is_ring, at)),
    "MultiPolygon": lambda at: all(isinstance(each, list) and all(map(is_ring, each)) for each in at),
}


def is_position(value: object) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(isinstance(each, Number) for each in value)


def is_line(value: object) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(map(is_position, value))


def is_ring(value: object) -> bool:
    if not isinstance(value, list) or len(value) < 4 or not all(map(is_position, value)):
        return False
    return [Decimal(each) for each in value[0]] == [Decimal(each) for each in value[-1]]


def is_geometry(value: object, depth: int = 0) -> bool:
    if not isinstance(value, dict) or depth > GEOMETRY_DEPTH:
        return False
    kind = value.get("type")
    if kind == "GeometryCollection" and not isinstance(kind, Number):
        parts = value.get("geometries")
        return isinstance(parts, list) and all(is_geometry(each, depth + 1) for each in parts)
    at = value.get("coordinates")
    return isinstance(kind, str) and kind in GEOMETRIES and isinstance(at, list) and GEOMETRIES[kind](at)


def is_feature(value: object) -> bool:
    if not isinstance(value, dict) or value.get("type") != "Feature":
        return False
    if "properties" not in value or not isinstance(value["properties"], dict | None):
        return False
    return "geometry" in value and (value["geometry"] is None or is_geometry(value["geometry"]))


def is_geojson(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    if value.get("type") == "FeatureCollection":
        features = value.get("features")
        return isinstance(features, list) and all(map(is_feature, features))
    return is_feature(value) or is_geometry(value)


def is_topojson(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") == "Topology"
        and isinstance(value.get("objects"), dict)
        and isinstance(value.get("arcs"), list)
    )


# Places, durations, months ———————————————————————————————————————————————————————————————————————————


def point(text: str, style: str, is_decimal: Callable[[str], bool]) -> tuple[Decimal, Decimal]:
    """Read a point as longitude and latitude."""
    parts: object
    if style == "default":
        parts = [part.strip() for part in text.split(",")]
        if not all(map(is_decimal, parts)):
            raise NotOfKindError
    else:
        parts = json_value(text, is_decimal)
        if style == "object":
            if not isinstance(parts, dict) or set(parts) != {"lon", "lat"}:
                raise NotOfKindError
            parts = [parts["lon"], parts["lat"]]
        if not isinstance(parts, list) or not all(isinstance(each, Number) for each in parts):
            raise NotOfKindError
    if len(parts) != 2:
        raise NotOfKindError
    lon, lat = map(Decimal, parts)
    if abs(lon) > 180 or abs(lat) > 90:
        raise NotOfKindError
    return lon, lat


DURATION = re.compile(
    r"(?P<sign>-?)P(?=.)(?:([0-9]+)Y)?(?:([0-9]+)M)?(?:([0-9]+)D)?"
    r"(?:T(?=.)(?:([0-9]+)H)?(?:([0-9]+)M)?(?:([0-9]+)(?:\.([0-9]+))?S)?)?"
)


def duration(text: str) -> tuple[int, Fraction]:
    """Read a duration as months and seconds."""
    found = DURATION.fullmatch(text)
    if not found:
        raise NotOfKindError
    sign, *counts, decimals = found.groups()
    years, months, days, hours, minutes, seconds = (int(each or 0) for each in counts)
    if max(years, months, days, hours, minutes, seconds) >= 10**10 or (decimals or "")[9:].strip("0"):
        raise NotOfKindError
    clock = ((days * 24 + hours) * 60 + minutes) * 60 + seconds + Fraction(f"0.{decimals or 0}")
    factor = -1 if sign else 1
    return factor * (12 * years + months), factor * clock


def moments(value: tuple[int, Fraction]) -> list[Fraction]:
    """Add a duration to the four dates of XML Schema, appendix E.; as seconds."""
    months, seconds = value
    return [day_number(year, month + months) * 86400 + seconds for year, month in STARTS]


STARTS = ((1696, 8), (1697, 1), (1903, 2), (1903, 6))


def day_number(year: int, month: int) -> int:
    """Number the first of a month (from 0), in years of any size: the calendar repeats after 400."""
    year, month = year + month // 12, month % 12
    return date(year % 400 + 400, month + 1, 1).toordinal() + (year // 400 - 1) * 146_097


class Duration:
    """A duration with XML Schema's partial order: what is undecided is neither less nor more."""

    def __init__(self, text: str) -> None:
        self.at = moments(duration(text))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.at == other.at

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: "Duration") -> bool:
        return all(a < b for a, b in zip(self.at, other.at, strict=True))

    def __gt__(self, other: "Duration") -> bool:
        return other < self

    def __le__(self, other: "Duration") -> bool:
        return self < other or self == other

    def __ge__(self, other: "Duration") -> bool:
        return other <= self


# Numbers in local dress ——————————————————————————————————————————————————————————————————————————————


def undressed(text: str, field: Field, currencies: tuple[str, ...]) -> str | Code:
    """Write a field's number plainly, or say what is wrong with how it is written."""
    if field.format == "price":
        found = re.fullmatch(r"(.{3}) ?(.+)|(.+?) ?([A-Za-z]{3})", text, re.DOTALL)
        if not found:
            return Code.FORMAT
        if re.search(r"[A-Za-z]\Z", text):
            currency, text = text[-3:], text[:-3].removesuffix(" ")
        else:
            currency, text = text[:3], text[3:].removeprefix(" ")
        if currency not in currencies or (field.currency and currency != field.currency) or not text:
            return Code.FORMAT
    point = field.decimal_char if field.type == "number" else ""
    group = field.group_char or ""
    if not field.bare_number and re.search("[0-9]", text):
        stripped = bare(text, point, group)
        if stripped is None:
            return Code.TYPE
        text = stripped
    if (field.decimal_char, group) == (".", ""):
        return text
    return plain(text, point, group)


def bare(text: str, point: str, group: str) -> str | None:
    """Take off what is no number at both ends; None where that could change the number."""
    inner = re.search(r"[0-9](?:.*[0-9])?", text, re.DOTALL)
    assert inner
    start, end = inner.span()
    if point and text.startswith(point, end):
        end += 1
    if point and text[:start].endswith(point):
        start -= 1
        if start and text[start - 1] not in "+-":
            return None
    if start and text[start - 1] in "+-":
        start -= 1
    if set(text[:start] + text[end:]) & set("+-()"):
        return None
    if group == "." and text[:start].endswith("."):
        return None
    return text[start:end]


def plain(text: str, point: str, group: str) -> str | Code:
    mark = re.escape(group)
    digits = rf"[0-9]+(?:{mark}[0-9]+)*" if group else "[0-9]+"
    decimals = rf"(?:{re.escape(point)}(?P<decimals>[0-9]*))?" if point else "(?P<decimals>)"
    found = re.fullmatch(
        rf"(?P<sign>[+-]?)(?P<whole>(?:{digits})?){decimals}(?P<rest>[eE][+-]?[0-9]+)?", text
    )
    if not found:
        # NaN and the like, which have neither digits nor marks.
        return text if text.isalpha() or text.lstrip("+-").isalpha() else Code.TYPE
    decimals = found["decimals"]
    whole = found["whole"].replace(group, "") if group else found["whole"]
    has_point = point and text.find(point) >= 0
    groups = found["whole"].split(group) if group else []
    if group in {".", ","} and not has_point and len(groups) == 2 and len(groups[1]) != 3:
        return Code.TYPE  # it might be the decimal point
    return found["sign"] + whole + ("." + decimals if has_point else "") + (found["rest"] or "")
