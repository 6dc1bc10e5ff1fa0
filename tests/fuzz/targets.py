"""What is fuzzed: functions of bytes that raise if the kernel is wrong about them.

If you add one: `TARGETS` gives it its share of the time, and `seeds` what to start from.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from random import Random
from typing import Final

from feedmill.dialect import Dialect
from feedmill.kernel import Plan
from feedmill.schema import Constraints, Field, Schema
from tests import kernel_feed, reference_kernel, samples, test_reference
from tests.core import (
    test_encode_python,
    test_encode_text,
    test_given,
    test_rules,
    test_scan,
    test_shortcuts,
)
from tests.kernel_feed import comparable
from tests.pipeline import test_duplicates, test_duplicates_reference

type Target = Callable[[bytes], object]

# A field of each type and format, and a limit of each sort somewhere.
_LIMITED: Final = Constraints(required=True, min_length=1, max_length=5)
SCHEMAS: Final = (
    Schema(
        (
            Field("text", transforms=("collapse",), constraints=_LIMITED),
            Field("whole", "integer", constraints=Constraints(minimum="-5", maximum="2000000")),
            Field("price", "number", precision=9, scale=2, constraints=Constraints(minimum="0.01")),
            Field("real", "number", storage="float64", constraints=Constraints(exclusive_minimum="0")),
            Field("exact", "number"),
            Field("moment", "datetime"),
            Field("flag", "boolean"),
            Field("word", transforms=("lower",), constraints=Constraints(enum=("new", "used"))),
        ),
        missing_values=("", "-"),
    ),
    Schema(tuple(Field(f"s{n}", format=each) for n, each in enumerate(sorted(samples.STRING_FORMATS)))),
    Schema(
        (
            *(Field(f"k{n}", each) for n, each in enumerate(sorted(samples.KINDS))),
            *(Field(each, each) for each in ("date", "time")),
            Field("day", "date", format="%d/%m/%Y"),
            Field("any", "datetime", format="any"),
        )
    ),
)
DIALECTS: Final = (
    Dialect(header=False),
    Dialect(header=False, delimiter=";", quote="'", null="NULL"),
    Dialect(header=False, delimiter="\t", quote=None, escape="\\", comment="#"),
)
PLANS: Final = [(Plan(schema, dialect), schema, dialect) for schema in SCHEMAS for dialect in DIALECTS]


def feed(data: bytes) -> None:
    """Read bytes as a feed; the first byte says by which plan, the second how it is cut."""
    if len(data) < 2:
        return
    plan, schema, dialect = PLANS[data[0] % len(PLANS)]
    size, text = data[1] + 1, data[2:]
    whole = kernel_feed.parse(plan, text)
    assert comparable(whole) == comparable(reference_kernel.parse(text, schema, dialect))
    assert comparable(kernel_feed.parse_in_blocks(plan, text, [size])) == comparable(whole)


def encoded(data: bytes) -> None:
    """Write what was read in every notation, and read the text again."""
    if not data:
        return
    plan, schema, _ = PLANS[data[0] % len(PLANS)]
    batch = plan.parse(data[1:])
    batch.copy_binary()
    batch.jsonl()
    batch.dicts()
    batch.__arrow_c_array__()
    again = Plan(schema, Dialect(header=False, null="")).parse(batch.csv())
    assert again.records == batch.rows


MODULES: Final = [
    test_reference,
    test_encode_python,
    test_encode_text,
    test_given,
    test_rules,
    test_scan,
    test_shortcuts,
    test_duplicates,
    test_duplicates_reference,
]
if find_spec("pyarrow") is not None:
    from tests.readers import test_arrow_properties

    MODULES.append(test_arrow_properties)


def _properties() -> Iterator[tuple[str, Target]]:
    for module in MODULES:
        for name, test in vars(module).items():
            property_test = getattr(test, "hypothesis", None)
            if name.startswith("test_") and property_test is not None:
                yield f"{module.__name__.rpartition('.')[2]}.{name}", property_test.fuzz_one_input


TARGETS: Final[dict[str, Target]] = {"feed": feed, "encoded": encoded, **dict(_properties())}


def seeds(name: str) -> list[bytes]:
    """Give what to start from."""
    random = Random(name)
    if name not in {"feed", "encoded"}:
        # Hypothesis takes bytes as choices: nearly all small, so that its texts are short.
        return [
            bytes(random.choice((0, 1, 2, random.randrange(256))) for _ in range(size))
            for size in (16, 80, 300)
        ]
    words = [text.encode("utf-8", "surrogatepass") for text in samples.EVERYTHING]
    made = []
    for number in range(len(PLANS)):
        _, schema, dialect = PLANS[number]
        delimiter = dialect.delimiter.encode()
        lines = [delimiter.join(random.choice(words) for _ in schema.fields) for _ in range(4)]
        made.append(bytes([number, 7]) + b"\n".join(lines))
    return made
