"""The reference for single values: text in, Python value or code out.

Written from the rules, with the standard library as second opinion wherever it has one (Decimal, float,
datetime, ipaddress, re, str). Nothing here is fast, and nothing here looks at the kernel.
"""

import calendar
import json
import math
import re
import unicodedata
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, localcontext
from typing import Any

from feedmill.codes import Code
from feedmill.iso_4217 import CURRENCIES
from feedmill.schema import Field
from feedmill.transforms import Default, Map, Replace, Transform
from tests import reference_formats as formats
from tests import reference_kinds as kinds
from tests.reference_formats import WrongError

type Value = str | int | Decimal | float | bool | date | time | datetime

INT64 = range(-(2**63), 2**63)
# PostgreSQL's numeric: https://www.postgresql.org/docs/current/datatype-numeric.html
DIGITS_BEFORE_POINT = 131_072
DIGITS_AFTER_POINT = 16_383
# PostgreSQL's numeric_in refuses exponents from here on, whatever the digits are.
EXPONENT_LIMIT = (2**31 - 1) // 2

INTEGER = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?:[eE](?P<exponent>[+-]?[0-9]+))?"
)


def transformed(text: str | None, field: Field, missing: tuple[str, ...]) -> str | None:
    """Apply a field's transforms to a text, or to None, which is a missing value; None if it ends as one."""
    for transform in field.transforms:
        if isinstance(transform, Default):
            text = transform.text if text is None or text in missing else text
        elif text is not None:
            text = changed(text, transform)
    return None if text in missing else text


def changed(text: str, transform: Transform) -> str:
    match transform:
        case "trim":
            return text.strip()
        case "collapse":
            return " ".join(text.split())
        case "lower":
            return text.lower()
        case "upper":
            return text.upper()
        case "nfc":
            return unicodedata.normalize("NFC", text)
        case Map(pairs):
            return dict(pairs).get(text, text)
        case Replace(pattern, replacement):
            return re.sub(pattern, replacement, text)
    raise AssertionError(transform)


def value_of(text: str, field: Field) -> Value:
    """Read a present, transformed text as the field's type; WrongError with TYPE, FORMAT or CHECK_DIGIT."""
    if field.type in {"integer", "number"}:
        written = kinds.undressed(text, field, CURRENCIES)
        if isinstance(written, Code):
            raise WrongError(written)
        text = written
    match field.type:
        case "string":
            formats.check(text, field.format)
            return text
        case "integer":
            return integer(text)
        case "number":
            return (
                float64(text) if field.storage == "float64" else decimal(text, field.precision, field.scale)
            )
        case "boolean":
            return boolean(text, field)
        case "date":
            return moment(text, field).date()
        case "time":
            return moment(text, field).time()
        case "datetime":
            return moment(text, field)
        case "year":
            if not re.fullmatch("[0-9]{4}", text):
                raise WrongError(Code.TYPE)
            return int(text)
    try:
        check_kind(text, field)
    except kinds.NotOfKindError:
        raise WrongError(Code.TYPE) from None
    return text


def check_kind(text: str, field: Field) -> None:
    """Hold a text to a kind that is kept as text; NotOfKindError if it is nothing of the kind."""
    match field.type:
        case "any":
            good = True
        case "yearmonth":
            good = bool(re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])", text))
        case "duration":
            good = bool(kinds.duration(text))
        case "geopoint":
            good = bool(kinds.point(text, field.format, is_decimal))
        case "list":
            good = all(is_item(item, field) for item in items_of(text, field))
        case "object":
            good = isinstance(kinds.json_value(text, is_decimal), dict)
        case "array":
            good = isinstance(kinds.json_value(text, is_decimal), list)
        case _:
            value = kinds.json_value(text, is_decimal)
            good = kinds.is_topojson(value) if field.format == "topojson" else kinds.is_geojson(value)
    if not good:
        raise kinds.NotOfKindError


def items_of(text: str, field: Field) -> list[str]:
    return text.split(field.delimiter) if text else []


def is_item(item: str, field: Field) -> bool:
    try:
        value_of(item, replace(PLAIN, type=field.item_type))
    except WrongError:
        return False
    return True


PLAIN = Field("item")


def is_decimal(text: str) -> bool:
    try:
        decimal(text, None, None)
    except WrongError:
        return False
    return True


def size_of(text: str, field: Field) -> int:
    """Count what minLength and maxLength count."""
    if field.type == "list":
        return len(items_of(text, field))
    if field.type in {"object", "array"}:
        found = json.loads(text, object_pairs_hook=list)
        return len(found)
    return len(text)


def comparable(value: Value, field: Field) -> object:
    """Give what limits compare: a duration has an order of its own, months of years that of their text."""
    return kinds.Duration(str(value)) if field.type == "duration" else value


def is_listed(value: Value, field: Field, listed: tuple[str, ...]) -> bool:
    text = str(value)
    match field.type:
        case "duration":
            return any(kinds.Duration(text) == kinds.Duration(each) for each in listed)
        case "geopoint":
            here = kinds.point(text, field.format, is_decimal)
            return any(here == kinds.point(each, field.format, is_decimal) for each in listed)
        case "object" | "array" | "geojson":
            return any(kinds.equal_json(text, each) for each in listed)
    return value in [constant(each, field) for each in listed]


def violations(value: Value, text: str, field: Field) -> list[Code]:
    """List every constraint that a value of the right type breaks, in the order of the catalogue."""
    limits = field.constraints
    found = []
    listed = limits.enum if limits.enum is not None else field.categories
    ordered: Any = comparable(value, field)
    if limits.min_length is not None and size_of(text, field) < limits.min_length:
        found.append(Code.MIN_LENGTH)
    if limits.max_length is not None and size_of(text, field) > limits.max_length:
        found.append(Code.MAX_LENGTH)
    # Written as "not within", so a NaN, which is within nothing, breaks every bound.
    if limits.minimum is not None and not ordered >= bound(limits.minimum, field):
        found.append(Code.MINIMUM)
    if limits.maximum is not None and not ordered <= bound(limits.maximum, field):
        found.append(Code.MAXIMUM)
    if limits.exclusive_minimum is not None and not ordered > bound(limits.exclusive_minimum, field):
        found.append(Code.EXCLUSIVE_MINIMUM)
    if limits.exclusive_maximum is not None and not ordered < bound(limits.exclusive_maximum, field):
        found.append(Code.EXCLUSIVE_MAXIMUM)
    if limits.pattern is not None and not re.fullmatch(limits.pattern, text):
        found.append(Code.PATTERN)
    if listed is not None and not is_listed(value, field, listed):
        found.append(Code.ENUM)
    return found


def bound(text: str, field: Field) -> object:
    return comparable(constant(text, field), field)


def constant(text: str, field: Field) -> Value:
    """Read a text of the schema: of the field's type and format, or of ISO's; no precision binds it."""
    plain = replace(field, format="default", precision=None, scale=None)
    if field.type in {"string", "any", "list"}:
        return text
    if field.type == "integer":
        return Decimal(text)
    if field.type == "number":
        return value_of(text, Field("constant", "number", storage=field.storage))
    try:
        return value_of(text, replace(field, precision=None, scale=None))
    except WrongError:
        return value_of(text, plain)


def integer(text: str) -> int:
    if not INTEGER.fullmatch(text) or (value := int(text)) not in INT64:
        raise WrongError(Code.TYPE)
    return value


def decimal(text: str, precision: int | None, scale: int | None) -> Decimal:
    parts = NUMBER.fullmatch(text)
    if not parts or not (parts["whole"] or parts["fraction"]):
        raise WrongError(Code.TYPE)
    fraction = parts["fraction"] or ""
    exponent = int(parts["exponent"] or 0)
    digits = (parts["whole"] + fraction).lstrip("0")
    if abs(exponent) >= EXPONENT_LIMIT:
        raise WrongError(Code.TYPE)
    # The value is 0.digits × 10^point; without digits it is zero.
    point = len(digits) - len(fraction) + exponent
    if precision is not None:
        significant = digits.rstrip("0")
        if significant and (point > precision - (scale or 0) or len(significant) - point > (scale or 0)):
            raise WrongError(Code.TYPE)
    elif len(fraction) - exponent > DIGITS_AFTER_POINT or (digits and point > DIGITS_BEFORE_POINT):
        raise WrongError(Code.TYPE)
    if precision is None:
        return Decimal(text)
    # As numeric(precision, scale) has it: with all its decimals, and with no sign on zero.
    with localcontext(prec=precision + 1):
        return Decimal(text if digits else 0).quantize(Decimal(1).scaleb(-(scale or 0)))


def float64(text: str) -> float:
    if text.upper() in {"NAN", "INF", "-INF"}:
        return float(text)
    parts = NUMBER.fullmatch(text)
    if not parts or not (parts["whole"] or parts["fraction"]):
        raise WrongError(Code.TYPE)
    value = float(text)
    is_zero = not (parts["whole"] + (parts["fraction"] or "")).strip("0")
    if math.isinf(value) or (value == 0 and not is_zero):
        raise WrongError(Code.TYPE)
    return value


def boolean(text: str, field: Field) -> bool:
    if text not in field.true_values + field.false_values:
        raise WrongError(Code.TYPE)
    return text in field.true_values


# Dates and times —————————————————————————————————————————————————————————————————————————————————————

ISO_FORMATS = {"date": "%Y-%m-%d", "time": "%H:%M:%S", "datetime": "%Y-%m-%dT%H:%M:%S"}
MONTHS = [name.lower() for name in calendar.month_name]
SHORT_MONTHS = [name.lower() for name in calendar.month_abbr]
ONE_OR_TWO = r"[0-9]{2}|[0-9](?![0-9])"
ZONE = r"Z|[+-][0-9]{2}:?[0-9]{2}"
FARTHEST_ZONE = timedelta(hours=15, minutes=59)
DIRECTIVES = {
    "Y": r"[0-9]{4}",
    "y": r"[0-9]{2}",
    "j": r"[0-9]{3}",
    "f": r"[0-9]+",
    "b": "|".join(SHORT_MONTHS[1:]),
    "B": "|".join(MONTHS[1:]),
    "p": "am|pm",
    "z": ZONE,
} | dict.fromkeys("mdHIMS", ONE_OR_TWO)


def moment(text: str, field: Field) -> datetime:
    """Read a date, time or datetime as a datetime in UTC; what the format leaves out is as in 1970."""
    if field.format in {"default", "any"}:
        pattern = directives_regex(ISO_FORMATS[field.type]).replace(ONE_OR_TWO, r"[0-9]{2}")
        if field.type != "date":
            pattern += r"(?:\.(?P<f>[0-9]+))?"
        if field.type == "datetime":
            pattern += r"(?P<z>Z|[+-][0-9]{2}:[0-9]{2})?"
        if field.format == "any" and field.type == "datetime":
            pattern = pattern.replace("T", "[T ]", 1)
        found = re.fullmatch(pattern, text)
    else:
        found = re.fullmatch(directives_regex(field.format), text)
    if not found:
        raise WrongError(Code.TYPE)
    try:
        return assembled({name: part for name, part in found.groupdict().items() if part is not None})
    except (ValueError, OverflowError):
        raise WrongError(Code.TYPE) from None


def directives_regex(pattern: str) -> str:
    """Turn a strptime pattern into a regular expression with a group a directive."""
    out = []
    for part in re.findall(r"%.|[^%]", pattern, re.DOTALL):
        if part == "%%":
            out.append("%")
        elif part[0] == "%":
            flags = "(?i:{})" if part[1] in "bBp" else "(?:{})"
            out.append(f"(?P<{part[1]}>{flags.format(DIRECTIVES[part[1]])})")
        else:
            out.append(re.escape(part))
    return "".join(out)


def assembled(parts: dict[str, str]) -> datetime:
    year = int(parts.get("Y", "1970"))
    if "y" in parts:
        # POSIX: 69 to 99 are of the twentieth century.
        year = int(parts["y"]) + (1900 if int(parts["y"]) >= 69 else 2000)
    month = int(parts.get("m", "1"))
    if "b" in parts:
        month = SHORT_MONTHS.index(parts["b"].lower())
    if "B" in parts:
        month = MONTHS.index(parts["B"].lower())
    day = date(year, month, int(parts.get("d", "1")))
    if "j" in parts:
        day += timedelta(days=int(parts["j"]) - 1)
        if day.year != year:
            raise ValueError
    hour = int(parts.get("H", "0"))
    if "I" in parts:
        hour = int(parts["I"])
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if parts["p"].lower() == "pm" else 0)
    fraction = parts.get("f", "")
    if fraction[6:].strip("0"):
        raise ValueError
    clock = time(hour, int(parts.get("M", "0")), int(parts.get("S", "0")), int(fraction[:6].ljust(6, "0")))
    return datetime.combine(day, clock, UTC) - offset(parts.get("z", "Z"))


def offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    ahead = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or ahead > FARTHEST_ZONE:
        raise ValueError
    return -ahead if zone[0] == "-" else ahead
