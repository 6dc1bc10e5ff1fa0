# Constraints: each one a value breaks is a finding of its own, in the order of the catalogue.
#
# A value of the right type that breaks nothing pays for one comparison with the narrowest limits.
# As everywhere in the kernel, False stops the call; a finding does not.

from libc.stdint cimport int64_t

from _core.codes cimport CODE_ENUM, CODE_MAX_LENGTH, CODE_MIN_LENGTH, CODE_PATTERN
from _core.limits cimport LIMIT_COUNT, LIMIT_NEVER, LIMIT_NONE, limit_code, limit_is_exclusive, limit_is_lower, limit_t
from _core.number cimport numeric_compare
from _core.patterns cimport pcre2_matches
from _core.plan cimport field_t
from _core.reader cimport READER_CALL_FAILED, READER_NO_MEMORY, cell_t, reader_fail, reader_find, reader_t
from _core.span cimport span_t
from _core.text cimport utf8_length
from _core.wordset cimport wordset_find


# Strings

cdef inline bint check_text(reader_t* r, const field_t* op, cell_t* cell, span_t text) noexcept nogil:
    cdef int matches
    if not check_length(r, op, cell, text):
        return False
    if op.has_pattern:
        if op.pattern != NULL:
            matches = pcre2_matches(op.pattern, &r.scratch.matcher, text.p, <size_t> text.n)
        else:
            matches = r.plan.match(r.context, op.field, text)
        if matches < 0:
            return reader_fail(r, READER_NO_MEMORY if op.pattern != NULL else READER_CALL_FAILED)
        if not matches and not reader_find(r, CODE_PATTERN, op, cell):
            return False
    if op.has_enum and wordset_find(op.words, text) < 0:
        return reader_find(r, CODE_ENUM, op, cell)
    return True


cdef inline bint check_length(reader_t* r, const field_t* op, cell_t* cell, span_t text) noexcept nogil:
    """Hold a text to its length in characters, which are counted only where bytes leave it open."""
    cdef int64_t length
    # A character has one to four bytes.
    if op.max_length >= 0 and text.n > op.max_length or op.min_length > 0 and text.n < 4 * op.min_length:
        length = utf8_length(text.p, text.n)
        if op.min_length > length and not reader_find(r, CODE_MIN_LENGTH, op, cell):
            return False
        if 0 <= op.max_length < length and not reader_find(r, CODE_MAX_LENGTH, op, cell):
            return False
    return True


# What is stored as an int64: integers, scaled decimals, dates and times, and booleans

cdef inline bint check_whole(reader_t* r, const field_t* op, cell_t* cell, int64_t value) noexcept nogil:
    cdef const limit_t* limit
    cdef int i
    if value < op.low or value > op.high:
        for i in range(LIMIT_COUNT):
            limit = &op.limits[i]
            if limit.state == LIMIT_NONE:
                continue
            if limit.state != LIMIT_NEVER and (
                value >= limit.whole if limit_is_lower(i) else value <= limit.whole
            ):
                continue
            if not reader_find(r, limit_code(i), op, cell):
                return False
    if op.has_enum and not whole_is_member(op, value):
        return reader_find(r, CODE_ENUM, op, cell)
    return True


cdef inline bint whole_is_member(const field_t* op, int64_t value) noexcept nogil:
    """Search the members, which are sorted."""
    cdef int low = 0, high = op.nmembers, middle
    while low < high:
        middle = (low + high) >> 1
        if op.members[middle].whole < value:
            low = middle + 1
        else:
            high = middle
    return low < op.nmembers and op.members[low].whole == value


# Doubles

cdef inline bint check_real(reader_t* r, const field_t* op, cell_t* cell, double value) noexcept nogil:
    cdef int i
    if op.has_limits:
        for i in range(LIMIT_COUNT):
            if op.limits[i].state != LIMIT_NONE and not real_is_within(value, op.limits[i].real, i):
                if not reader_find(r, limit_code(i), op, cell):
                    return False
    if op.has_enum:
        for i in range(op.nmembers):
            if op.members[i].real == value:
                return True
        return reader_find(r, CODE_ENUM, op, cell)
    return True


cdef inline bint real_is_within(double value, double limit, int index) noexcept nogil:
    # A NaN compares false with everything, so it is within nothing.
    if limit_is_lower(index):
        return value > limit if limit_is_exclusive(index) else value >= limit
    return value < limit if limit_is_exclusive(index) else value <= limit


# Decimals kept as text

cdef inline bint check_written(reader_t* r, const field_t* op, cell_t* cell, span_t text) noexcept nogil:
    cdef int i
    if op.has_limits:
        for i in range(LIMIT_COUNT):
            if op.limits[i].state != LIMIT_NONE and not written_is_within(text, op.limits[i].text, i):
                if not reader_find(r, limit_code(i), op, cell):
                    return False
    if op.has_enum:
        for i in range(op.nmembers):
            if numeric_compare(op.members[i].text, text) == 0:
                return True
        return reader_find(r, CODE_ENUM, op, cell)
    return True


cdef inline bint written_is_within(span_t text, span_t limit, int index) noexcept nogil:
    cdef int order = numeric_compare(text, limit)
    if limit_is_lower(index):
        return order > 0 if limit_is_exclusive(index) else order >= 0
    return order < 0 if limit_is_exclusive(index) else order <= 0
