# Which texts stand for "no value" in a field.

from _core.plan cimport MISSING_EMPTY, MISSING_WORDS, field_t
from _core.span cimport span_t
from _core.wordset cimport wordset_find


cdef inline bint value_is_missing(const field_t* op, span_t text) noexcept nogil:
    if op.missing == MISSING_EMPTY:
        return text.n == 0
    return op.missing == MISSING_WORDS and wordset_find(op.missing_words, text) >= 0
