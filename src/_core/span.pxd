# A span is a run of bytes that someone else owns: what every function of the kernel reads.
#
# It is two words, so it travels in registers and costs nothing to pass or to cut. It never owns memory, and
# it is valid only as long as the chunk, the scratch buffer or the plan it points into. There is no
# terminating zero, and nothing may be read at or past p + n: chunks are Python buffers without padding.

ctypedef struct span_t:
    const unsigned char* p
    Py_ssize_t n


cdef inline span_t span_of(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    cdef span_t span
    span.p = p
    span.n = n
    return span
