# Findings, as they are written down: compact, and only when there are any. Nothing here is on the path of a
# good record.
#
# A finding keeps its value's bytes, up to REJECT_TEXT_MAX, because the chunk is recycled before anyone reads
# it. All findings of one cell share one copy. Words and positions in the feed are made later, in Python, for
# the few that are looked at.

from libc.stdint cimport INT32_MAX, int32_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from _core.columns cimport REJECT_TEXT_MAX, batch_t, buffer_resize, reject_t
from _core.span cimport span_t

cdef enum:
    REJECTS_FIRST = 64   # findings: what a chunk of a usual feed has


cdef inline bint rejects_reserve(batch_t* batch, Py_ssize_t text_bytes) noexcept nogil:
    """Make room for one finding more, and for its text; False when there is no memory."""
    cdef Py_ssize_t capacity = batch.reject_capacity
    cdef reject_t* grown
    if batch.nrejects == capacity:
        capacity = max(2 * capacity, <Py_ssize_t> REJECTS_FIRST)
        grown = <reject_t*> realloc(batch.rejects, <size_t> capacity * sizeof(reject_t))
        if grown == NULL:
            return False
        batch.rejects = grown
        batch.reject_capacity = capacity
    if batch.reject_text_used + text_bytes > batch.reject_text_capacity:
        capacity = 2 * (batch.reject_text_used + text_bytes)
        if capacity > INT32_MAX or not buffer_resize(<void**> &batch.reject_text, capacity):
            return False
        batch.reject_text_capacity = capacity
    return True


cdef inline bint rejects_add(
    batch_t* batch, const reject_t* finding, span_t text, bint is_shared
) noexcept nogil:
    """Write down a finding, `is_shared` if its text is the last one's too; False when there is no memory."""
    cdef Py_ssize_t kept = 0 if is_shared else min(text.n, <Py_ssize_t> REJECT_TEXT_MAX)
    cdef reject_t* reject
    if not rejects_reserve(batch, kept):
        return False
    reject = &batch.rejects[batch.nrejects]
    reject[0] = finding[0]
    reject.length = <int32_t> text.n
    if is_shared:
        reject.text_offset = batch.rejects[batch.nrejects - 1].text_offset
        reject.text_length = batch.rejects[batch.nrejects - 1].text_length
    else:
        reject.text_offset = <int32_t> batch.reject_text_used
        reject.text_length = <int32_t> kept
        if kept:
            memcpy(batch.reject_text + batch.reject_text_used, text.p, <size_t> kept)
        batch.reject_text_used += kept
    batch.nrejects += 1
    return True
