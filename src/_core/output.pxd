# Where encoded bytes go while nobody holds the GIL.
#
# An output_t grows by doubling. A writer first asks for the most bytes its next row can take
# (output_reserve), then writes through a bare pointer without further checks, and sets `used` when the row is
# complete: bound first, then bytes.
#
# OUTPUT_SLACK bytes beyond what was asked for are always there, because a text is copied in 32-byte blocks,
# whatever its length (output_copy); the next write covers the surplus. Nine in ten cells of a product feed take
# one, and a call of memcpy with a length the compiler does not know costs more than the rest of the cell.

from libc.stddef cimport size_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from _core.span cimport span_t

cdef extern from "Python.h":
    const Py_ssize_t PY_SSIZE_T_MAX

cdef enum:
    OUTPUT_SLACK = 32                # bytes: one block of a copy, two vector registers
    OUTPUT_LONG = 1024               # bytes above which the C library's copy is faster
    OUTPUT_FIRST = 64 * 1024         # bytes: a first size that most chunks outgrow at most five times


ctypedef struct output_t:
    unsigned char* p
    Py_ssize_t used
    Py_ssize_t capacity              # OUTPUT_SLACK not counted


cdef inline bint output_reserve(output_t* out, Py_ssize_t more) noexcept nogil:
    """Make room for `more` bytes; False when there is no memory, and then the output is as it was."""
    cdef Py_ssize_t capacity = out.capacity
    cdef unsigned char* grown
    if more <= capacity - out.used:
        return True
    if more > PY_SSIZE_T_MAX // 2 - OUTPUT_SLACK - out.used:
        return False
    capacity = max(max(2 * capacity, out.used + more), <Py_ssize_t> OUTPUT_FIRST)
    grown = <unsigned char*> realloc(out.p, <size_t> (capacity + OUTPUT_SLACK))
    if grown == NULL:
        return False
    out.p = grown
    out.capacity = capacity
    return True


cdef inline void output_free(output_t* out) noexcept nogil:
    free(out.p)
    out.p = NULL
    out.used = out.capacity = 0


cdef inline unsigned char* output_copy(
    unsigned char* out, span_t text, const unsigned char* end
) noexcept nogil:
    """Copy a text and return the place after it; `end` is where the memory that holds the text ends."""
    if end - text.p - text.n >= OUTPUT_SLACK:
        return output_copy_blocks(out, text)
    if text.n > 0:
        memcpy(out, text.p, <size_t> text.n)
    return out + text.n


cdef inline unsigned char* output_copy_blocks(unsigned char* out, span_t text) noexcept nogil:
    """Copy a text behind which OUTPUT_SLACK bytes may be read, as behind those of a column."""
    memcpy(out, text.p, OUTPUT_SLACK)
    if text.n > OUTPUT_SLACK:
        output_copy_rest(out, text)
    return out + text.n


cdef inline void output_copy_rest(unsigned char* out, span_t text) noexcept nogil:
    cdef Py_ssize_t i = OUTPUT_SLACK
    if text.n > OUTPUT_LONG:
        memcpy(out, text.p, <size_t> text.n)
        return
    while i < text.n:
        memcpy(out + i, text.p + i, OUTPUT_SLACK)
        i += OUTPUT_SLACK
