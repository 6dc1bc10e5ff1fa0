# JSON texts (RFC 8259), checked and walked, never built.
#
# json_check reads one value with nothing but white space around it, in one pass, without recursion: a bit a
# level tells objects from arrays, JSON_DEPTH levels at most. It expects bytes that are UTF-8 already. Nothing is
# lenient: no comments, no trailing commas, no NaN.
#
# What is valid but no database takes (U+0000, half a surrogate pair, a number beyond PostgreSQL's numeric)
# clears `is_storable`; the caller decides what that means.
#
# The functions after it walk a text that json_check has passed, and so look at no end.

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcmp, memset

from _core.number cimport numeric_check
from _core.span cimport span_of, span_t

cdef enum:
    JSON_DEPTH_WORDS = 8          # of 64 bits
    JSON_DEPTH = 512              # levels: more than any feed means, less than any reader's stack holds
    JSON_PLAIN_NUMBER = 64        # bytes: shorter numbers without an exponent fit everywhere

ctypedef struct json_t:
    unsigned char kind            # first byte of the value: { [ " t f n, or 0 for a number
    int64_t count                 # members of an object, items of an array
    bint is_storable


cdef inline bint json_check(span_t s, json_t* found) noexcept nogil:
    """Check that a text is one JSON value, and say which."""
    cdef uint64_t is_object[JSON_DEPTH_WORDS]
    cdef const unsigned char* end = s.p + s.n
    cdef const unsigned char* p = json_space(s.p, end)
    cdef int depth = 0
    cdef bint in_object
    memset(is_object, 0, sizeof(is_object))
    found.count, found.is_storable = 0, True
    if p == end:
        return False
    found.kind = p[0] if p[0] != c'-' and not json_digit(p[0]) else 0
    while True:
        # A value starts here.
        if p < end and (p[0] == c'{' or p[0] == c'['):
            if depth == JSON_DEPTH:
                return False
            in_object = p[0] == c'{'
            json_push(is_object, depth, in_object)
            depth += 1
            p = json_space(p + 1, end)
            if p == end or p[0] != (c'}' if in_object else c']'):
                found.count += depth == 1
                if in_object:
                    p = json_key(p, end, found)
                    if p == NULL:
                        return False
                continue
            p += 1
            depth -= 1
        else:
            p = json_scalar(p, end, found)
            if p == NULL:
                return False
        # A value has ended here: close what closes, then a comma, or the end.
        while True:
            p = json_space(p, end)
            if depth == 0:
                return p == end
            if p == end:
                return False
            in_object = json_top(is_object, depth)
            if p[0] != (c'}' if in_object else c']'):
                break
            p += 1
            depth -= 1
        if p[0] != c',':
            return False
        p = json_space(p + 1, end)
        found.count += depth == 1
        if in_object:
            p = json_key(p, end, found)
            if p == NULL:
                return False


cdef inline void json_push(uint64_t* is_object, int depth, bint in_object) noexcept nogil:
    cdef uint64_t bit = <uint64_t> 1 << (depth & 63)
    if in_object:
        is_object[depth >> 6] |= bit
    else:
        is_object[depth >> 6] &= ~bit


cdef inline bint json_top(const uint64_t* is_object, int depth) noexcept nogil:
    return (is_object[(depth - 1) >> 6] >> ((depth - 1) & 63)) & 1


cdef inline const unsigned char* json_space(const unsigned char* p, const unsigned char* end) noexcept nogil:
    while p < end and (p[0] == c' ' or p[0] == c'\n' or p[0] == c'\t' or p[0] == c'\r'):
        p += 1
    return p


cdef inline bint json_digit(unsigned char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline const unsigned char* json_key(
    const unsigned char* p, const unsigned char* end, json_t* found
) noexcept nogil:
    """Read a member's name and colon; return where its value starts, or NULL."""
    if p == end or p[0] != c'"':
        return NULL
    p = json_string(p, end, found)
    if p == NULL:
        return NULL
    p = json_space(p, end)
    if p == end or p[0] != c':':
        return NULL
    return json_space(p + 1, end)


cdef inline const unsigned char* json_scalar(
    const unsigned char* p, const unsigned char* end, json_t* found
) noexcept nogil:
    """Read a string, a number or a word; return where it ends, or NULL."""
    cdef Py_ssize_t n = end - p
    if n <= 0:
        return NULL
    if p[0] == c'"':
        return json_string(p, end, found)
    if n >= 4 and (memcmp(p, b"true", 4) == 0 or memcmp(p, b"null", 4) == 0):
        return p + 4
    if n >= 5 and memcmp(p, b"false", 5) == 0:
        return p + 5
    return json_number(p, end, found)


cdef inline const unsigned char* json_number(
    const unsigned char* p, const unsigned char* end, json_t* found
) noexcept nogil:
    cdef const unsigned char* start = p
    cdef const unsigned char* digits
    cdef bint has_exponent = False
    if p < end and p[0] == c'-':
        p += 1
    digits = p
    while p < end and json_digit(p[0]):
        p += 1
    if p == digits or (digits[0] == c'0' and p - digits > 1):
        return NULL
    if p < end and p[0] == c'.':
        digits = p = p + 1
        while p < end and json_digit(p[0]):
            p += 1
        if p == digits:
            return NULL
    if p < end and (p[0] == c'e' or p[0] == c'E'):
        has_exponent = True
        p += 1
        if p < end and (p[0] == c'-' or p[0] == c'+'):
            p += 1
        digits = p
        while p < end and json_digit(p[0]):
            p += 1
        if p == digits:
            return NULL
    if (has_exponent or p - start > JSON_PLAIN_NUMBER) and numeric_check(span_of(start, p - start)):
        found.is_storable = False
    return p


cdef inline const unsigned char* json_string(
    const unsigned char* p, const unsigned char* end, json_t* found
) noexcept nogil:
    """Read a string from its opening quote; return where it ends, or NULL."""
    cdef int unit, low
    p += 1
    while p < end:
        if p[0] == c'"':
            return p + 1
        if p[0] < 0x20:
            return NULL
        if p[0] != c'\\':
            p += 1
            continue
        if end - p < 2:
            return NULL
        if p[1] != c'u':
            if not json_is_escape(p[1]):
                return NULL
            p += 2
            continue
        unit = json_unit(p, end)
        if unit < 0:
            return NULL
        p += 6
        if 0xD800 <= unit < 0xDC00:
            low = json_unit(p, end)
            if 0xDC00 <= low < 0xE000:
                p += 6
                continue
        if unit == 0 or 0xD800 <= unit < 0xE000:
            found.is_storable = False
    return NULL


cdef inline bint json_is_escape(unsigned char c) noexcept nogil:
    return (
        c == c'"' or c == c'\\' or c == c'/' or c == c'b' or c == c'f' or c == c'n' or c == c'r' or c == c't'
    )


cdef inline int json_unit(const unsigned char* p, const unsigned char* end) noexcept nogil:
    r"""Read `\uXXXX`; -1 if it does not stand here."""
    cdef int i, unit = 0
    cdef unsigned char c
    if end - p < 6 or p[0] != c'\\' or p[1] != c'u':
        return -1
    for i in range(2, 6):
        c = p[i]
        if json_digit(c):
            unit = unit << 4 | (c - c'0')
        elif c'a' <= (c | 0x20) <= c'f':
            unit = unit << 4 | ((c | 0x20) - c'a' + 10)
        else:
            return -1
    return unit
