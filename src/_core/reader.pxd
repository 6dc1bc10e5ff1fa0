# One call of Plan.parse: what it reads, where it writes, its scratch memory, and how it notes a finding.
#
# Scratch memory belongs to one call at a time and is recycled by the plan: the index of the chunk, and
# buffers for cells that do not stand in the chunk as they are (quotes inside, transforms). A call that runs
# out of memory, or whose call-out met an exception, sets `status` and stops; nothing is half done, because
# the batch is dropped.

from libc.stdint cimport int32_t, int64_t, uint32_t
from libc.stdlib cimport free
from libc.string cimport memcpy

from _core.columns cimport batch_t, buffer_resize, column_reserve_text, column_t, reject_t
from _core.patterns cimport matcher_free, matcher_t
from _core.plan cimport field_t, plan_t
from _core.rejects cimport rejects_add
from _core.scan cimport scan_free, scan_row_t, scan_t
from _core.span cimport span_t

cdef extern from *:
    """
    /* Copies of a fixed size are one or two instructions; a call with a length that the compiler does not know costs
     * more than the rest of a cell. Reads and writes up to 32 bytes past the text. */
    static inline void reader_copy(unsigned char *out, const unsigned char *p, Py_ssize_t n)
    {
        memcpy(out, p, 32);
        for (Py_ssize_t i = 32; i < n; i += 32) memcpy(out + i, p + i, 32);
    }
    """
    void reader_copy(unsigned char* out, const unsigned char* p, Py_ssize_t n) noexcept nogil

cdef enum:
    READER_OK
    READER_NO_MEMORY
    READER_CALL_FAILED     # a call-out met an exception, which its context keeps

cdef enum:
    SHORT_TEXT = 32        # bytes copied at once
    LONG_TEXT = 1024       # bytes from which on the C library's copy is faster

ctypedef struct buffer_t:
    unsigned char* p
    Py_ssize_t capacity

ctypedef struct given_t:
    # A value of a record that came as Python's, or Arrow's, and not as a cell of a feed (given.pxd).
    int kind               # GIVEN_*
    span_t text
    int64_t whole
    double real

ctypedef struct scratch_t:
    scan_t scan
    given_t* given         # of each field of the schema; NULL until a record is given
    buffer_t cell          # the text of a cell that had quotes inside
    buffer_t changed[2]    # the text after transforms, each reading from one and writing to the other
    buffer_t plain         # a number without its dress
    buffer_t edge          # a row at an end of the chunk, with bytes around it
    matcher_t* matcher     # what PCRE2 writes to; NULL until a pattern is met
    scratch_t* next        # in the plan's list

ctypedef struct cell_t:
    span_t text            # after unquoting, before transforms
    span_t raw             # as it stands in the chunk, of unquoted cells only
    Py_ssize_t byte        # of its first byte in the chunk
    bint is_quoted
    bint has_bad_quote
    bint is_noted          # the last finding is about this cell

ctypedef struct reader_t:
    const plan_t* plan
    batch_t* batch
    scratch_t* scratch
    void* context          # of the plan's call-outs
    const unsigned char* p
    Py_ssize_t n
    const unsigned char* edge  # SHORT_TEXT bytes before the end: texts that end from here on are copied with care
    Py_ssize_t clean_until    # bytes from the record on that are known to be UTF-8 without NUL
    Py_ssize_t unclean_until  # bytes among which some are not, so that records are looked at one by one
    bint is_utf8           # the record is
    bint has_nul           # the record
    const given_t* given   # NULL: cells stand in the chunk. Else one a field; is_utf8 is unset and has_nul set
    int status             # READER_*
    Py_ssize_t row         # the slot written to
    Py_ssize_t record
    Py_ssize_t line
    bint is_bad            # the record has a finding


cdef inline void scratch_free(scratch_t* scratch) noexcept nogil:
    scan_free(&scratch.scan)
    free(scratch.given)
    free(scratch.cell.p)
    free(scratch.changed[0].p)
    free(scratch.changed[1].p)
    free(scratch.plain.p)
    free(scratch.edge.p)
    matcher_free(scratch.matcher)
    free(scratch)


cdef inline Py_ssize_t scratch_bytes(const scratch_t* scratch) noexcept nogil:
    """Count the memory a scratch holds."""
    cdef size_t index = scratch.scan.separator_capacity * sizeof(uint32_t)
    index += scratch.scan.row_capacity * sizeof(scan_row_t)
    index += <size_t> (scratch.cell.capacity + scratch.plain.capacity + scratch.edge.capacity)
    return <Py_ssize_t> index + scratch.changed[0].capacity + scratch.changed[1].capacity


cdef inline bint buffer_reserve(buffer_t* buffer, Py_ssize_t size) noexcept nogil:
    """Make room for `size` bytes, the old ones lost or kept; False when there is no memory."""
    if size <= buffer.capacity:
        return True
    if not buffer_resize(<void**> &buffer.p, 2 * size):
        return False
    buffer.capacity = 2 * size
    return True


cdef inline bint reader_fail(reader_t* r, int status) noexcept nogil:
    r.status = status
    return False


cdef inline bint reader_note(reader_t* r, int code, int field, Py_ssize_t byte, span_t text) noexcept nogil:
    """Note a finding on the current record; False when there is no memory."""
    cdef reject_t finding
    finding.code = code
    finding.field = field
    finding.record = <int32_t> r.record
    finding.line = <int32_t> r.line
    finding.byte = <int32_t> byte
    r.is_bad = True
    if not rejects_add(r.batch, &finding, text, False):
        return reader_fail(r, READER_NO_MEMORY)
    return True


cdef inline bint reader_find(reader_t* r, int code, const field_t* op, cell_t* cell) noexcept nogil:
    """Note a finding on a cell; False when there is no memory."""
    cdef reject_t finding
    finding.code = code
    finding.field = op.field
    finding.record = <int32_t> r.record
    finding.line = <int32_t> r.line
    finding.byte = <int32_t> cell.byte
    r.is_bad = True
    if not rejects_add(r.batch, &finding, cell.text, cell.is_noted):
        return reader_fail(r, READER_NO_MEMORY)
    cell.is_noted = True
    return True


cdef inline bint reader_put_text(reader_t* r, column_t* column, span_t text) noexcept nogil:
    """Write a text to the current slot; False when there is no memory."""
    cdef int32_t at = column.offsets[r.row]
    cdef unsigned char* out
    if at + text.n > column.capacity and not column_reserve_text(column, at + text.n):
        return reader_fail(r, READER_NO_MEMORY)
    out = column.data + at
    # Past the end of the chunk nothing may be read; scratch memory has its padding, but an empty text may stand
    # nowhere. Past the text, what lands in the column is overwritten later.
    if 0 < text.n < LONG_TEXT and <size_t> (text.p + text.n - r.edge) > SHORT_TEXT:
        reader_copy(out, text.p, text.n)
    elif text.n:
        memcpy(out, text.p, <size_t> text.n)
    column.offsets[r.row + 1] = <int32_t> (at + text.n)
    return True
