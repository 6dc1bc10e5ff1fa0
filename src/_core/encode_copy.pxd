# Rows of a batch as PostgreSQL COPY BINARY tuples (signature, header and trailer are the caller's).
#
# A tuple is a 16-bit count of fields, then the fields (copy_value.pxd), -1 standing for null.
#
# Two passes, both without the GIL, and between them one short stop in the façade, which allocates the bytes
# objects that the second pass fills in place: no copy afterwards, and on a GIL build no queueing for the GIL
# at each block.
#   1. copy_cut    bounds each row (texts by their length, the rest by its type) and cuts the rows into blocks
#   2. copy_fill   writes one block; all that can fail is a number too large for a narrower column
#
# Source: PostgreSQL, "COPY, binary format".

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

from _core.copy_value cimport (
    COPY_BYTES, COPY_JSONB, COPY_TEXT_NUMERIC, copy_put16, copy_put32, copy_put64, copy_put_bytes, copy_put_value,
    copy_width,
)
from _core.view cimport rows_has, rows_t, view_has, view_t

cdef enum:
    # Bytes in a block: psycopg writes to the server as fast from 64 KiB on as from 256 KiB, and up to 128
    # KiB, the object's head included, the allocator of free-threaded builds reuses the pages of freed blocks.
    COPY_BLOCK = 128 * 1024 - 128
    COPY_MAX_FIELDS = 32767          # the count of fields is an int16


ctypedef struct copy_t:
    rows_t rows
    const view_t* views              # of the fields to write, their kind a COPY_*
    int nviews
    const int32_t* record            # of each row; NULL: no leading record number
    int64_t record_base
    int fault_view                   # set by copy_fill when it returns False
    Py_ssize_t fault_row


ctypedef struct copy_block_t:
    Py_ssize_t first                 # rows first .. end-1, those of other lanes left out
    Py_ssize_t end
    Py_ssize_t bound                 # bytes it takes at most
    Py_ssize_t used                  # bytes it took
    unsigned char* out               # bound + OUTPUT_SLACK bytes


cdef inline bint copy_is_text(int target) noexcept nogil:
    """Tell whether what a value takes depends on its text."""
    return target == COPY_BYTES or target == COPY_TEXT_NUMERIC or target == COPY_JSONB


cdef inline Py_ssize_t copy_row_bound(
    const view_t* texts, int ntexts, Py_ssize_t fixed, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t bound = fixed
    cdef int i
    for i in range(ntexts):
        bound += texts[i].offsets[row + 1] - texts[i].offsets[row]
    return bound


cdef inline Py_ssize_t copy_cut(const copy_t* copy, view_t* texts, copy_block_t** blocks) noexcept nogil:
    """Cut the rows into blocks; return how many, or -1 when there is no memory.

    `texts` is scratch for nviews views; `blocks` is grown and stays the caller's to free.
    """
    cdef Py_ssize_t row, size, fixed = 2, n = 0, used = 0
    cdef copy_block_t* grown
    cdef int i, ntexts = 0
    if copy.record != NULL:
        fixed += 4 + 8
    for i in range(copy.nviews):
        fixed += copy_width(copy.views[i].kind)
        if copy_is_text(copy.views[i].kind):
            texts[ntexts] = copy.views[i]
            ntexts += 1
    for row in range(copy.rows.count):
        if not rows_has(&copy.rows, row):
            continue
        size = copy_row_bound(texts, ntexts, fixed, row)
        if n == 0 or used + size > COPY_BLOCK:
            if n & (n - 1) == 0:
                grown = <copy_block_t*> realloc(blocks[0], <size_t> (max(2 * n, 1)) * sizeof(copy_block_t))
                if grown == NULL:
                    return -1
                blocks[0] = grown
            blocks[0][n].first = row
            blocks[0][n].used = 0
            n += 1
            used = 0
        used += size
        blocks[0][n - 1].bound = used
        blocks[0][n - 1].end = row + 1
    return n


cdef inline bint copy_fill(copy_t* copy, copy_block_t* block) noexcept nogil:
    """Write a block's rows; False if a value does not fit, and its place in `fault_row` and `fault_view`."""
    cdef unsigned char* out = block.out
    cdef unsigned char* after
    cdef uint16_t count = <uint16_t> (copy.nviews + (copy.record != NULL))
    # Bytes that are written could be anything's, for all the compiler knows: what is not in variables of this
    # function it would read anew after each.
    cdef const view_t* views = copy.views
    cdef const view_t* view
    cdef int nviews = copy.nviews
    cdef Py_ssize_t end = block.end
    cdef Py_ssize_t row
    cdef int i
    for row in range(block.first, end):
        if not rows_has(&copy.rows, row):
            continue
        out = copy_put16(out, count)
        if copy.record != NULL:
            out = copy_put64(copy_put32(out, 8), <uint64_t> (copy.record_base + copy.record[row] + 1))
        for i in range(nviews):
            view = &views[i]
            if not view_has(view, row):
                out = copy_put32(out, 0xFFFFFFFF)
            elif view.kind == COPY_BYTES:
                out = copy_put_bytes(out, view, row)
            else:
                after = copy_put_value(out, view, row)
                if after == NULL:
                    copy.fault_row, copy.fault_view = row, i
                    return False
                out = after
    block.used = out - block.out
    return True
