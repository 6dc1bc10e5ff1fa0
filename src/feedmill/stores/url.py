"""What a store's URL says, and how to show one without its secrets.

A PostgreSQL URL is taken apart here and handed to libpq as keywords, never as a URL. Two shapes of a mistyped
password end up in libpq's own messages: a bad percent escape (``s3cr%zz``) and an unescaped ``@``, ``/`` or
``?``. Both are found here first, and no message of this module repeats any part of a URL but its scheme. What
the URL leaves out libpq takes from PGHOST, PGPASSWORD, PGSERVICE, the password file and so on, as it always
does.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal
from urllib.parse import unquote

from feedmill.errors import UrlError

type Place = str | os.PathLike[str]
"""A URL or a file's path, as callers may give it."""

Kind = Literal["sqlite", "postgresql", "csv", "jsonl", "parquet", "arrow"]

EXAMPLES = (
    "sqlite:///file.db, postgresql://user@host/database, or a file ending in .csv, .jsonl, .parquet or .arrow"
)
FILE_KINDS: dict[str, Kind] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",  # version 2 of Feather is Arrow's file format
}
# libpq's keywords that hold a secret.
SECRET_WORDS = ("password", "sslpassword")
SECRET_PARAMETER = re.compile(r"(?i)([?&](?:ssl)?password=)[^&]*")
PASSWORD_IN_AUTHORITY = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://[^:/?@]*):.*@")
# Shorter ones occur in any text by chance; masking each occurrence would tell where they are.
MIN_SCRUBBED = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL points.

    Parameters
    ----------
    kind : str
        ``sqlite``, ``postgresql``, ``csv``, ``jsonl``, ``parquet`` or ``arrow``.
    path : str
        The file; "" for PostgreSQL.
    settings : dict of str to str
        libpq's keywords, secrets included; empty for files. Not shown by `repr`.
    text : str
        The URL with its secrets masked, for messages.

    Thread safety
    -------------
    immutable
    """

    kind: Kind
    path: str
    settings: dict[str, str] = field(default_factory=dict, repr=False)
    text: str = ""

    def scrub(self, message: str) -> str:
        """Mask this target's secrets in a message of the driver."""
        for word in SECRET_WORDS:
            secret = self.settings.get(word, "")
            if len(secret) >= MIN_SCRUBBED:
                message = message.replace(secret, "***")
        return message


def parse_url(url: Place) -> Target:
    """Read a store's URL.

    Parameters
    ----------
    url : str or PathLike
        ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``postgresql://…``, ``postgres://…``, or the
        name of a file ending in ``.csv``, ``.jsonl``, ``.parquet``, ``.arrow`` or ``.feather``;
        ``/dev/stdout`` and other devices are CSV.

    Raises
    ------
    UrlError
        It is none of these, or cannot be read. The message holds no part of the URL that could be secret.

    Examples
    --------
    >>> parse_url("sqlite:///shop.db").path
    'shop.db'
    >>> parse_url("postgresql://ann:s3cret@db/shop").text
    'postgresql://ann:***@db/shop'
    """
    url = os.fspath(url)
    scheme, separator, rest = url.partition("://")
    if "\0" in url:
        raise UrlError("The URL holds a NUL character; remove it.")
    if not separator:
        return parse_file_name(url)
    if scheme == "sqlite":
        return parse_sqlite(url, rest)
    if scheme in {"postgresql", "postgres"}:
        return Target("postgresql", "", parse_postgres(rest), redacted(url))
    raise UrlError(f"No store is called {scheme!r}; use {EXAMPLES}.")


def redacted(url: str) -> str:
    """Show a URL without its secrets, however malformed it is.

    Examples
    --------
    >>> redacted("postgresql://ann:p@ss/w@db/shop?sslpassword=x&connect_timeout=3")
    'postgresql://ann:***@db/shop?sslpassword=***&connect_timeout=3'
    """
    masked = PASSWORD_IN_AUTHORITY.sub(r"\1:***@", url)
    return SECRET_PARAMETER.sub(r"\1***", masked)


def file_kind(name: Place) -> Kind | None:
    """Tell a file's kind by its ending; a device, such as /dev/stdout or a shell's >(command), is CSV."""
    name = os.fspath(name)
    ending = PurePath(name).suffix.lower()
    return "csv" if not ending and name.startswith("/dev/") else FILE_KINDS.get(ending)


def parse_file_name(name: str) -> Target:
    """Take the name of a file that records can be written to."""
    kind = file_kind(name)
    if kind is not None:
        return Target(kind, name, text=name)
    if name == "-":
        raise UrlError("- is a feed's name alone; name a file, or /dev/stdout for CSV.")
    # Not repeated: libpq's other notation, "host=… password=…", is an easy mistake here.
    raise UrlError(f"That is no store's URL and no file name with an ending known here; use {EXAMPLES}.")


def parse_sqlite(url: str, rest: str) -> Target:
    """Read what follows ``sqlite://``: a slash, then the path."""
    if not rest.startswith("/"):
        raise UrlError(f"{url}: an SQLite URL has three slashes before a relative path: sqlite:///{rest}")
    path = rest[1:]
    if not path or path == ":memory:":
        raise UrlError(f"{url}: name a file, as in sqlite:///feedmill.db; each lane opens it by its name.")
    if "?" in path:
        raise UrlError(f"{url}: an SQLite URL takes no parameters; remove what follows the question mark.")
    return Target("sqlite", path, text=url)


def parse_postgres(rest: str) -> dict[str, str]:
    """Read what follows ``postgresql://`` into libpq's keywords."""
    location, _, query = rest.partition("?")
    authority, _, database = location.partition("/")
    if "@" in database or "@" in query:
        raise UrlError(
            "In the PostgreSQL URL an @ follows a / or ?: write those characters of user name and password "
            "as %2F and %3F, "
            "and an @ elsewhere as %40."
        )
    if authority.count("@") > 1:
        raise UrlError("The PostgreSQL URL has more than one @: write each in user name and password as %40.")
    user_info, _, hosts = authority.rpartition("@")
    user, colon, password = user_info.partition(":")
    settings = {"user": decode(user, "user name"), "dbname": decode(database, "database name")}
    if colon:
        settings["password"] = decode(password, "password")
    settings |= parse_hosts(hosts)
    settings |= parse_parameters(query)
    return {word: value for word, value in settings.items() if value}


def parse_hosts(hosts: str) -> dict[str, str]:
    """Read ``host:port,host:port`` into libpq's comma-separated lists; IPv6 addresses stand in brackets."""
    names, ports = [], []
    for item in hosts.split(","):
        match = re.fullmatch(
            r"(?:\[(?P<address>[0-9A-Fa-f:.%]+)\]|(?P<name>[^:\[\]]*))(?::(?P<port>[0-9]*))?", item
        )
        if match is None:
            raise UrlError(
                "The PostgreSQL URL's host or port cannot be read: it is host:port with a decimal port, and "
                "an @ has to part "
                "it from user and password."
            )
        names.append(match["address"] or decode(match["name"] or "", "host name"))
        ports.append(match["port"] or "")
    return {"host": ",".join(names).strip(","), "port": ",".join(ports) if any(ports) else ""}


def parse_parameters(query: str) -> dict[str, str]:
    """Read ``word=value&word=value``."""
    settings = {}
    for item in filter(None, query.split("&")):
        word, separator, value = item.partition("=")
        if not separator or not re.fullmatch("[a-z_]+", word):
            raise UrlError(
                "A parameter of the PostgreSQL URL is not word=value: write a ? in user name and password "
                "as %3F."
            )
        settings[word] = decode(value, f"parameter {word}")
    return settings


def decode(text: str, what: str) -> str:
    """Resolve percent escapes; what is no escape is a mistake here, as it is in libpq."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise UrlError(f"The PostgreSQL URL's {what} holds a % that is no escape: write it as %25.")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise UrlError(
            f"The PostgreSQL URL's {what} has percent escapes that are not UTF-8; write it in UTF-8."
        ) from None
    if "\0" in decoded:
        raise UrlError(f"The PostgreSQL URL's {what} holds %00; no PostgreSQL name or password can.")
    return decoded
