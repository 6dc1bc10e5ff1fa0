"""Single values through the kernel: one field, a text a record, and for each its value or its code."""

from collections.abc import Iterable, Sequence

from feedmill.codes import Code
from feedmill.dialect import Dialect
from feedmill.kernel import Batch, Plan
from feedmill.schema import Field, Schema
from tests.kernel_feed import exact
from tests.reference_values import Value, WrongError, transformed, value_of, violations

DIALECT = Dialect(header=False)


def batch_of(field: Field, texts: Iterable[bytes], simd: str | None = None) -> Batch:
    """Parse a feed of one column in which each text is quoted, so that it arrives as it is."""
    data = b"".join(b'"' + text.replace(b'"', b'""') + b'"\n' for text in texts)
    return Plan(Schema((field,), missing_values=()), DIALECT, simd=simd).parse(data)


def readings(field: Field, texts: Sequence[bytes], simd: str | None = None) -> list[Value | list[Code]]:
    """Read each text; the value, or all the codes it gets."""
    batch = batch_of(field, texts, simd)
    codes: dict[int, list[Code]] = {}
    for code, _, record, *_ in batch.rejects():
        codes.setdefault(record, []).append(Code(code))
    values = {number - 1: value for number, value in batch.tuples(record_base=0)}
    assert batch.records == len(texts) == len(values) + len(codes)
    return [codes[i] if i in codes else values[i] for i in range(len(texts))]


def expected(field: Field, text: str) -> Value | list[Code]:
    """Tell what the reference makes of a text."""
    found = transformed(text, field, ())
    assert found is not None
    try:
        value = value_of(found, field)
    except WrongError as wrong:
        return [wrong.code]
    return violations(value, found, field) or value


def assert_as_reference(field: Field, texts: Sequence[str]) -> None:
    """Hold the kernel to the reference, text by text."""
    for text, found in zip(texts, readings(field, [text.encode() for text in texts]), strict=True):
        assert plain(found) == plain(expected(field, text)), text


def plain(found: Value | list[Code]) -> object:
    """Put a reading in a form in which NaN equals NaN and 1 is not True."""
    return found if isinstance(found, list) else exact(found)


def sent(field: Field, texts: Sequence[str]) -> list[bytes]:
    """Give each value as COPY BINARY sends it; none may be refused."""
    batch = batch_of(field, [text.encode() for text in texts])
    assert batch.rejects() == []
    stream = b"".join(batch.copy_binary())
    found, at = [], 0
    for _ in texts:
        size = int.from_bytes(stream[at + 2 : at + 6])
        found.append(stream[at + 6 : at + 6 + size])
        at += 6 + size
    assert at == len(stream)
    return found


def written(field: Field, texts: Sequence[str]) -> list[str]:
    """Give each value as CSV has it; none may be refused."""
    batch = batch_of(field, [text.encode() for text in texts])
    assert batch.rejects() == []
    return batch.csv().decode().splitlines()
