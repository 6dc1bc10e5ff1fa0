"""What a field's text goes through before it is read: transforms that say more than a word.

`trim`, `collapse`, `lower`, `upper` and `nfc` are words. The others are one-entry objects in a schema file
and, in Python, the values below.

If you add a transform: here, in `declaration`, in the kernel (`transforms.pxd`), and in the reference.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from feedmill import patterns

WORDS: Final = ("trim", "collapse", "lower", "upper", "nfc")
"""Transforms that are written as a word."""


@dataclass(frozen=True, slots=True)
class Map:
    """Whole texts that become others; a text that is not listed stays.

    Examples
    --------
    >>> Map.of({"novo": "new", "usado": "used"})
    Map(pairs=(('novo', 'new'), ('usado', 'used')))
    """

    pairs: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, texts: Mapping[str, str]) -> "Map":
        """Make one of a dict."""
        return cls(tuple(texts.items()))


@dataclass(frozen=True, slots=True)
class Replace:
    r"""Every match of a pattern becomes a text, in which ``\1`` is what the first group matched.

    Examples
    --------
    >>> Replace("-", "")
    Replace(pattern='-', text='')
    """

    pattern: str
    text: str


@dataclass(frozen=True, slots=True)
class Default:
    """A missing value becomes this text, and is missing no more."""

    text: str


type Transform = str | Map | Replace | Default


def has_default(transforms: tuple[Transform, ...]) -> bool:
    """Tell whether a missing value gets a text on the way."""
    return any(isinstance(each, Default) for each in transforms)


def complaints(transforms: tuple[Transform, ...], kind: str) -> Iterator[str]:
    """Say what is wrong with the transforms of a field of a type."""
    for transform in transforms:
        match transform:
            case Map(pairs):
                if not pairs:
                    yield "transform map is empty; list at least one text, or leave it out"
            case Replace(pattern, text):
                if complaint := patterns.complaint(pattern):
                    yield f"transform replace: its pattern {complaint}"
                    return
                # Whatever engine matches the constraint `pattern`, Python's re matches this one.
                if complaint := patterns.endless(pattern):
                    yield f"transform replace: {complaint}"
                    return
                try:
                    # Even where nothing matches, the text is read.
                    re.sub(pattern, text, "")
                except (re.PatternError, IndexError) as error:
                    yield f"transform replace: its text does not go with its pattern: {error}"
            case Default():
                pass
            case "lower" | "upper" | "nfc" if kind != "string":
                yield f"transform {transform!r} is for strings; a {kind} can have trim and collapse"
            case str() if transform not in WORDS:
                known = ", ".join((*WORDS, "map", "replace", "default"))
                yield f"unknown transform {transform!r}; use {known}"


def read(value: object) -> Transform:
    """Read a transform of a descriptor; ValueError says how it should look."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping) or len(value) != 1:
        raise ValueError('must be a word, or an object with one entry like {"default": "0"}')
    ((name, given),) = value.items()
    match name, given:
        case "map", Mapping() if all(isinstance(each, str) for each in given.values()):
            return Map.of(given)
        case "map", _:
            raise ValueError('map must be an object of texts, like {"novo": "new"}')
        case "replace", [str(pattern), str(text)]:
            return Replace(pattern, text)
        case "replace", _:
            raise ValueError('replace must be a list of a pattern and a text, like ["-", ""]')
        case "default", str(text):
            return Default(text)
        case "default", _:
            raise ValueError('default must be a text as the feed would have it, like "0"')
    raise ValueError(f"{name} is unknown; use map, replace or default")


def written(transform: Transform) -> object:
    """Write a transform as a descriptor has it."""
    match transform:
        case Map(pairs):
            return {"map": dict(pairs)}
        case Replace(pattern, text):
            return {"replace": [pattern, text]}
        case Default(text):
            return {"default": text}
    return transform
