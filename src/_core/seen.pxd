# Which short text of a column was met lately, so that it becomes one Python string and not one a row.
#
# Brands, categories and currencies repeat, and half of what a row costs is making and freeing its strings. Each
# column has a few slots, found by a hash of the text; a text that meets another in its slot takes its place.
# Texts point into the batch and strings are owned by the caller, who has to give them back.

from libc.stdint cimport uint64_t
from libc.string cimport memcmp, memcpy

from _core.span cimport span_t

cdef enum:
    SEEN_SLOTS = 64         # of a column: more texts than most repeating columns have, 1.5 KiB
    SEEN_BITS = 6           # SEEN_SLOTS = 1 << SEEN_BITS
    SEEN_TEXT_MAX = 48      # bytes: longer texts seldom repeat

ctypedef struct seen_t:
    const unsigned char* p
    Py_ssize_t n
    void* made              # the string, or NULL


cdef inline seen_t* seen_slot(seen_t* slots, span_t text) noexcept nogil:
    """Find the slot of a text of at most SEEN_TEXT_MAX bytes, whatever is in it."""
    cdef uint64_t head = 0, tail = 0
    if text.n >= 8:
        memcpy(&head, text.p, 8)
        memcpy(&tail, text.p + text.n - 8, 8)
    else:
        memcpy(&head, text.p, <size_t> text.n)
    head = (head ^ (tail << 1) ^ <uint64_t> text.n) * <uint64_t> 0x9E3779B97F4A7C15
    return &slots[head >> (64 - SEEN_BITS)]


cdef inline bint seen_is(const seen_t* slot, span_t text) noexcept nogil:
    return slot.made != NULL and slot.n == text.n and memcmp(slot.p, text.p, <size_t> text.n) == 0
