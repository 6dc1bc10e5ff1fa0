"""New inputs out of old ones."""

from random import Random
from typing import Final

from tests import samples

LONGEST: Final = 1_500
"""Bytes of an input: enough for some records, few enough that hundreds are tried in a second."""

TOKENS: Final = (
    *(
        b'"',
        b'""',
        b",",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"\\",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\xc0\xaf",
        b"\xed\xa0\x80",
    ),
    *(
        b" ",
        b"\t",
        b"\xc2\xa0",
        b"-",
        b".",
        b"e",
        b"0",
        b"9" * 19,
        b"9223372036854775808",
        b"2026-02-29",
        b"T",
        b"Z",
    ),
    *(b"{", b"[", b"}", b"]", b'{"a":', b"NaN", b"-INF", b"#", b";", b"'", b"a" * 64, b"\xc3\xa9" * 40),
    *(text.encode("utf-8", "surrogatepass") for text in samples.EVERYTHING),
)


def mutated(random: Random, data: bytes, other: bytes) -> bytes:
    """Change an input in a few places; `other` is another one, to take a piece of."""
    made = bytearray(data)
    for _ in range(1 + int(random.random() ** 3 * 12)):
        place = random.randrange(len(made) + 1)
        end = min(len(made), place + int(random.random() ** 3 * 40) + 1)
        match random.randrange(7):
            case 0 if place < len(made):
                made[place] ^= 1 << random.randrange(8)
            case 1 if place < len(made):
                made[place] = random.randrange(256)
            case 2:
                del made[place:end]
            case 3:
                made[place:place] = made[place:end]
            case 4:
                made[place:place] = random.choice(TOKENS)
            case 5:
                made[place:end] = random.choice(TOKENS)
            case _:
                start = random.randrange(len(other) + 1)
                made[place:end] = other[start : start + 1 + int(random.random() ** 2 * 200)]
    return bytes(made[:LONGEST])
