"""The reference for formats of strings: which texts are good, and the code of those that are not.

As in `reference_values`, the rules are written down anew, from their sources and with the standard library.
"""

import base64
import binascii
import ipaddress
import re

from feedmill import iso_639, iso_3166, iso_4217
from feedmill.codes import Code


class WrongError(Exception):
    """The text is no value of the field; carries the code."""

    def __init__(self, code: Code) -> None:
        super().__init__(code.word)
        self.code = code


def check(text: str, name: str) -> None:
    """Raise WrongError with FORMAT or CHECK_DIGIT if a text is not of a format."""
    if code := wrong(text, name):
        raise WrongError(code)


def wrong(text: str, name: str) -> Code | None:
    """Give the code of what is wrong with a text of a format, if anything is."""
    match name:
        case "email":
            good = is_email(text)
        case "uri":
            good = bool(URI.fullmatch(text)) and is_host(URI.fullmatch(text))
        case "uuid":
            good = bool(UUID.fullmatch(text))
        case "gtin" | "isbn" | "vin":
            return {"gtin": wrong_gtin, "isbn": wrong_isbn, "vin": wrong_vin}[name](text)
        case "currency":
            good = text in iso_4217.CURRENCIES
        case "country":
            good = text in iso_3166.COUNTRIES
        case "language":
            good = is_language(text)
        case "binary":
            good = is_base64(text)
        case _:
            good = True
    return None if good else Code.FORMAT


UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

# RFC 3986, appendix A.
PCT = r"%[0-9A-Fa-f]{2}"
SUB_DELIMS = r"!$&'()*+,;="
UNRESERVED = r"A-Za-z0-9._~\-"
REG_NAME = rf"(?:[{UNRESERVED}{SUB_DELIMS}]|{PCT})*"
PCHAR = rf"(?:[{UNRESERVED}{SUB_DELIMS}:@]|{PCT})"
REST = rf"(?:[{UNRESERVED}{SUB_DELIMS}:@/?]|{PCT})*"
AUTHORITY = rf"(?:(?:[{UNRESERVED}{SUB_DELIMS}:]|{PCT})*@)?(?P<host>\[[^\[\]/?#@]*\]|{REG_NAME})(?::[0-9]*)?"
HIER_PART = rf"(?://{AUTHORITY}(?:/{PCHAR}*)*|/(?:{PCHAR}+(?:/{PCHAR}*)*)?|{PCHAR}+(?:/{PCHAR}*)*|)"
URI = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:{HIER_PART}(?:\?{REST})?(?:#{REST})?", re.ASCII)
IP_FUTURE = re.compile(rf"[vV][0-9A-Fa-f]+\.[{UNRESERVED}{SUB_DELIMS}:]+")


def is_host(found: re.Match[str] | None) -> bool:
    assert found is not None
    host = found["host"]
    if not host or not host.startswith("["):
        return True
    return bool(IP_FUTURE.fullmatch(host[1:-1])) or is_ipv6(host[1:-1])


def is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text


def is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(re.fullmatch(r"[0-9]{1,3}", part) and int(part) < 256 for part in parts)


ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\x80-\U0010FFFF]+"
LOCAL = re.compile(rf"{ATOM}(?:\.{ATOM})*|\"(?:[ !#-\[\]-~\x80-\U0010FFFF]|\\[ -~])*\"")
LABEL = re.compile(r"[A-Za-z0-9\x80-\U0010FFFF](?:[A-Za-z0-9\-\x80-\U0010FFFF]*[A-Za-z0-9\x80-\U0010FFFF])?")


def is_email(text: str) -> bool:
    """Hold an address to RFC 5321 (with RFC 6531's letters); lengths count octets."""
    local, at, domain = text.rpartition("@")
    if not at or not LOCAL.fullmatch(local) or len(local.encode()) > 64:
        return False
    if domain.startswith("[") and domain.endswith("]"):
        literal = domain[1:-1]
        return is_ipv6(literal[5:]) if literal[:5].upper() == "IPV6:" else is_ipv4(literal)
    labels = domain.split(".")
    fits = len(domain.encode()) <= 255 and all(len(label.encode()) <= 63 for label in labels)
    return fits and all(LABEL.fullmatch(label) for label in labels)


def wrong_gtin(text: str) -> Code | None:
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", text):
        return Code.FORMAT
    # GS1: from the right, digits weigh 1 and 3 in turn, and the sum is a multiple of ten.
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text)))
    return Code.CHECK_DIGIT if total % 10 else None


def wrong_isbn(text: str) -> Code | None:
    if re.fullmatch("97[89][0-9]{10}", text):
        return wrong_gtin(text)
    if not re.fullmatch("[0-9]{9}[0-9X]", text):
        return Code.FORMAT
    digits = [10 if digit == "X" else int(digit) for digit in text]
    total = sum(weight * digit for weight, digit in zip(range(10, 0, -1), digits, strict=True))
    return Code.CHECK_DIGIT if total % 11 else None


# 49 CFR 565.15: the letters from A on, and what they are worth.
VIN_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True))


def wrong_vin(text: str) -> Code | None:
    if not re.fullmatch("[0-9A-HJ-NPR-Z]{17}", text):
        return Code.FORMAT
    values = [VIN_LETTERS.get(letter) or int(letter) for letter in text]
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
    return None if text[8] == "0123456789X"[rest] else Code.CHECK_DIGIT


# RFC 5646 §2.1. Languages of four letters and more do not exist; those of two are ISO 639's.
LANGUAGE = re.compile(
    r"(?:(?P<language>[a-z]{2,3})(?:-[a-z]{3}){0,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[a-wyz0-9](?:-[a-z0-9]{2,8})+)*"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+)",
    re.ASCII | re.IGNORECASE,
)


def is_language(text: str) -> bool:
    found = LANGUAGE.fullmatch(text)
    if not found:
        return False
    language = (found["language"] or "").lower()
    return len(language) != 2 or language in iso_639.LANGUAGES


def is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.encode(), validate=True)
    except binascii.Error:
        return False
    return True
