# Lists: items with a delimiter between, each of the declared item type.
#
# White space is part of an item. The empty text is the list of no items.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp

from _core.number cimport integer_parse, numeric_check
from _core.plan cimport (
    KIND_BOOLEAN, KIND_DATE, KIND_DATETIME, KIND_INTEGER, KIND_NUMERIC, KIND_STRING, KIND_TIME, field_t,
)
from _core.span cimport span_of, span_t
from _core.temporal cimport date_parse, datetime_parse, time_parse
from _core.wordset cimport wordset_find


cdef inline bint list_check(const field_t* op, span_t s, int64_t* count) noexcept nogil:
    """Check all items, and count them."""
    cdef span_t delimiter = op.delimiter
    cdef Py_ssize_t at = 0, start = 0
    count[0] = 0
    if s.n == 0:
        return True
    while at + delimiter.n <= s.n:
        if memcmp(s.p + at, delimiter.p, <size_t> delimiter.n):
            at += 1
            continue
        if not list_item_check(op, span_of(s.p + start, at - start)):
            return False
        count[0] += 1
        start = at = at + delimiter.n
    count[0] += 1
    return list_item_check(op, span_of(s.p + start, s.n - start))


cdef inline bint list_item_check(const field_t* op, span_t item) noexcept nogil:
    cdef int64_t whole
    cdef int32_t days
    if op.item_kind == KIND_STRING:
        return True
    elif op.item_kind == KIND_INTEGER:
        return integer_parse(item, &whole) == 0
    elif op.item_kind == KIND_NUMERIC:
        return numeric_check(item) == 0
    elif op.item_kind == KIND_BOOLEAN:
        return wordset_find(op.booleans, item) >= 0
    elif op.item_kind == KIND_DATE:
        return date_parse(item, NULL, &days) == 0
    elif op.item_kind == KIND_TIME:
        return time_parse(item, NULL, &whole) == 0
    return datetime_parse(item, NULL, &whole) == 0
