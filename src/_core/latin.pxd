# Text that Python keeps with one byte a character: ASCII, and what Latin-1 has beyond it.
#
# Most texts of a feed are such. To know it, and how many characters they have, before the string is made saves
# making it too large and cutting it. What else there is goes through Python's own decoder.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from _core.span cimport span_t

cdef enum:
    LATIN_LEAD_MAX = 0xC3   # the last lead byte of a character up to U+00FF


cdef inline bint latin_is_ascii(span_t text) noexcept nogil:
    cdef uint64_t word, found = 0
    cdef Py_ssize_t i = 0
    while i + 8 <= text.n:
        memcpy(&word, text.p + i, 8)
        found |= word
        i += 8
    while i < text.n:
        found |= text.p[i]
        i += 1
    return not found & <uint64_t> 0x8080808080808080


cdef inline Py_ssize_t latin_length(span_t text) noexcept nogil:
    """Count the characters of valid UTF-8; -1 if one is beyond Latin-1."""
    cdef unsigned char last = 0
    cdef Py_ssize_t i, length = 0
    for i in range(text.n):
        length += (text.p[i] & 0xC0) != 0x80
        last = max(last, text.p[i])
    return length if last <= LATIN_LEAD_MAX else -1


cdef inline void latin_put(unsigned char* out, span_t text) noexcept nogil:
    """Write the characters of valid UTF-8 that has none beyond Latin-1, a byte each."""
    cdef Py_ssize_t i = 0
    while i < text.n:
        if text.p[i] < 0x80:
            out[0] = text.p[i]
            i += 1
        else:
            out[0] = <unsigned char> ((text.p[i] & 3) << 6 | (text.p[i + 1] & 0x3F))
            i += 2
        out += 1
