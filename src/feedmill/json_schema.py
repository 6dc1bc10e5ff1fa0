"""JSON Schema as a constraint of objects, arrays and GeoJSON: the `jsonSchema` of Table Schema.

fastjsonschema turns a JSON Schema into a Python function once, when a plan is made. It knows drafts 4, 6 and
7; what later drafts added is refused, since ignoring it would let bad records in. `format` is a remark, as
the standard has it, and checks nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from feedmill import patterns
from feedmill.errors import SchemaError

_TOO_NEW: Final = frozenset(
    {"prefixItems", "dependentSchemas", "dependentRequired", "unevaluatedItems", "unevaluatedProperties"}
    | {
        "minContains",
        "maxContains",
        "$dynamicRef",
        "$dynamicAnchor",
        "$recursiveRef",
        "$anchor",
        "$vocabulary",
    }
)


class JsonSchema:
    """A compiled JSON Schema.

    Parameters
    ----------
    text : str
        The JSON Schema, as JSON.
    name : str
        Whose it is, for messages.

    Raises
    ------
    SchemaError
        It is no JSON Schema, or says what feedmill does not support, or fastjsonschema is not installed.

    Thread safety
    -------------
    immutable
    """

    def __init__(self, text: str, name: str) -> None:
        document = json.loads(text)
        for complaint in complaints(document):
            raise SchemaError(f"{name}: {complaint}")
        try:
            import fastjsonschema
        except ImportError:
            raise SchemaError(
                f"{name}: jsonSchema needs fastjsonschema; install feedmill[jsonschema]"
            ) from None
        try:
            self._check: Callable[[object], object] = fastjsonschema.compile(
                document, use_default=False, use_formats=False, detailed_exceptions=False
            )
        except (fastjsonschema.JsonSchemaDefinitionException, TypeError, ValueError, RecursionError) as error:
            raise SchemaError(f"{name}: jsonSchema is none that can be compiled: {error}") from None
        self._refusal = fastjsonschema.JsonSchemaValueException

    def accepts(self, text: str) -> bool:
        """Tell whether a valid JSON text is good."""
        try:
            self._check(json.loads(text))
        except self._refusal:
            return False
        return True


def complaints(document: object) -> Iterator[str]:
    """Say what is wrong with a JSON Schema, as far as it can be seen without compiling it."""
    if not isinstance(document, Mapping | bool):
        yield "jsonSchema must be an object, or true or false"
    for name, value in _entries(document):
        if name in _TOO_NEW:
            yield f"jsonSchema: {name} is not supported; drafts 4, 6 and 7 are"
        if name == "$ref" and isinstance(value, str) and not value.startswith("#"):
            yield f"jsonSchema: the reference {value!r} leads elsewhere; only # references are supported"
        texts = list(value) if name == "patternProperties" and isinstance(value, Mapping) else []
        for text in [value] if name == "pattern" and isinstance(value, str) else texts:
            if complaint := patterns.complaint(text):
                yield f"jsonSchema: pattern {text!r} {complaint}"
            # Whatever engine matches the constraint `pattern`, Python's re matches these.
            elif complaint := patterns.endless(text):
                yield f"jsonSchema: {complaint}"


def _entries(value: object) -> Iterator[tuple[str, object]]:
    """List all entries of all objects in a document, but for what is a value and no schema."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name, inner
            if name not in {"enum", "const", "default", "examples"}:
                yield from _entries(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _entries(inner)
