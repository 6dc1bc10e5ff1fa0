# Walking a JSON text that json_check has passed: from value to value, without building anything.
#
# A place is a pointer to the first byte of a value. Nothing is checked again, so what did not pass json_check
# must not come here.

from libc.string cimport memcmp

from _core.json_check cimport json_space
from _core.span cimport span_of, span_t


cdef inline const unsigned char* walk_string(const unsigned char* p) noexcept nogil:
    """Give the place after a string."""
    p += 1
    while p[0] != c'"':
        p += 2 if p[0] == c'\\' else 1
    return p + 1


cdef inline const unsigned char* walk_over(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the place after a value."""
    cdef int depth = 0
    if p[0] == c'"':
        return walk_string(p)
    if p[0] != c'{' and p[0] != c'[':
        while p < end and p[0] > c' ' and p[0] != c',' and p[0] != c']' and p[0] != c'}':
            p += 1
        return p
    while True:
        if p[0] == c'"':
            p = walk_string(p)
            continue
        if p[0] == c'{' or p[0] == c'[':
            depth += 1
        elif p[0] == c'}' or p[0] == c']':
            depth -= 1
            if depth == 0:
                return p + 1
        p += 1


cdef inline const unsigned char* walk_first(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the first item of an array, or the first name in an object; NULL if it is empty."""
    p = json_space(p + 1, end)
    if p[0] == c']' or p[0] == c'}':
        return NULL
    return p


cdef inline const unsigned char* walk_next(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the item, or name, after the value that starts here; NULL after the last."""
    p = json_space(walk_over(p, end), end)
    return json_space(p + 1, end) if p[0] == c',' else NULL


cdef inline const unsigned char* walk_value(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the value of the name that stands here."""
    return json_space(json_space(walk_string(p), end) + 1, end)


cdef inline const unsigned char* walk_member(
    const unsigned char* p, const unsigned char* end, const char* name, Py_ssize_t n
) noexcept nogil:
    """Find an object's member, the last of that name, as databases do; NULL if there is none."""
    cdef const unsigned char* found = NULL
    cdef const unsigned char* value
    p = walk_first(p, end)
    while p != NULL:
        value = walk_value(p, end)
        if end - p > n + 1 and p[n + 1] == c'"' and memcmp(p + 1, name, <size_t> n) == 0:
            found = value
        p = walk_next(value, end)
    return found


cdef inline bint walk_is_number(const unsigned char* p) noexcept nogil:
    return p[0] == c'-' or c'0' <= p[0] <= c'9'


cdef inline bint walk_is_text(const unsigned char* p, const char* text, Py_ssize_t n) noexcept nogil:
    """Tell whether a value is this string, which has no letter to escape."""
    cdef Py_ssize_t i
    if p[0] != c'"':
        return False
    for i in range(n):
        if p[i + 1] != <unsigned char> text[i]:
            return False
    return p[n + 1] == c'"'


cdef inline span_t walk_span(const unsigned char* p, const unsigned char* end) noexcept nogil:
    return span_of(p, walk_over(p, end) - p)
