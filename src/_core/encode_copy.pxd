# Rows of a batch as PostgreSQL COPY BINARY tuples (signature, header and trailer are the caller's).
#
# A tuple is a 16-bit count of fields, then the fields (copy_value.pxd), -1 standing for null.
#
# Two passes, both without the GIL, and between them one short stop in the façade, which allocates the bytes
# objects that the second pass fills in place: no copy afterwards, and on a GIL build no queueing for the GIL
# at each block.
#   1. copy_cut    bounds each row (texts by their length, the rest by its type) and cuts the rows into blocks
#   2. copy_fill   writes one block (encode_copy.h); all that can fail is a number too large for a narrower
#                  column
#
# Source: PostgreSQL, "COPY, binary format".

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport realloc

from _core.copy_value cimport COPY_BYTES, COPY_JSONB, COPY_TEXT_NUMERIC, copy_put_value, copy_width
from _core.view cimport rows_are_all, rows_has, rows_t, view_t

cdef enum:
    # Bytes in a block: psycopg writes to the server as fast from 64 KiB on as from 256 KiB, and up to 128
    # KiB, the object's head included, the allocator of free-threaded builds reuses the pages of freed blocks.
    COPY_BLOCK = 128 * 1024 - 128
    COPY_MAX_FIELDS = 32767          # the count of fields is an int16


cdef extern from "_core/encode_copy.h" nogil:
    enum:
        COPY_STEP                    # bytes behind a block's that may be written

    ctypedef struct copy_t:
        rows_t rows
        const view_t* views
        int nviews
        int isa
        const int32_t* record
        int64_t record_base
        unsigned char* (*put_value)(unsigned char* out, const view_t* view, Py_ssize_t row) noexcept nogil
        int fault_view
        Py_ssize_t fault_row

    unsigned char* copy_rows(copy_t* copy, unsigned char* out, Py_ssize_t first, Py_ssize_t end)


ctypedef struct copy_block_t:
    Py_ssize_t first                 # rows first .. end-1, those of other lanes left out
    Py_ssize_t end
    Py_ssize_t bound                 # bytes it takes at most
    Py_ssize_t used                  # bytes it took
    unsigned char* out               # bound + COPY_STEP bytes


ctypedef struct copy_cut_t:
    Py_ssize_t fixed                 # bytes that each row takes at most, but for texts
    const view_t* texts
    int ntexts


cdef inline bint copy_is_text(int target) noexcept nogil:
    """Tell whether what a value takes depends on its text."""
    return target == COPY_BYTES or target == COPY_TEXT_NUMERIC or target == COPY_JSONB


cdef inline Py_ssize_t copy_bound(const copy_cut_t* cut, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    """Bound what rows first .. end-1 take, all of them."""
    cdef Py_ssize_t bound = cut.fixed * (end - first)
    cdef int i
    for i in range(cut.ntexts):
        bound += cut.texts[i].offsets[end] - cut.texts[i].offsets[first]
    return bound


cdef inline Py_ssize_t copy_end_of_all(const copy_cut_t* cut, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    """Find where a block of rows ends of which none is left out: after one row at least."""
    cdef Py_ssize_t low = first + 1, high = count, middle
    while low < high:
        middle = (low + high + 1) // 2
        if copy_bound(cut, first, middle) <= COPY_BLOCK:
            low = middle
        else:
            high = middle - 1
    return low


cdef inline bint copy_add(copy_block_t** blocks, Py_ssize_t n, Py_ssize_t first) noexcept nogil:
    """Begin a block behind the `n` that there are; False when there is no memory."""
    cdef copy_block_t* grown
    if n & (n - 1) == 0:
        grown = <copy_block_t*> realloc(blocks[0], <size_t> (max(2 * n, 1)) * sizeof(copy_block_t))
        if grown == NULL:
            return False
        blocks[0] = grown
    blocks[0][n].first = first
    blocks[0][n].used = blocks[0][n].bound = 0
    return True


cdef inline Py_ssize_t copy_cut(const copy_t* copy, view_t* texts, copy_block_t** blocks) noexcept nogil:
    """Cut the rows into blocks; return how many, or -1 when there is no memory.

    `texts` is scratch for nviews views; `blocks` is grown and stays the caller's to free.
    """
    cdef Py_ssize_t row = 0, end, size, n = 0
    cdef bint is_all = rows_are_all(&copy.rows)
    cdef copy_cut_t cut
    copy_cut_open(&cut, copy, texts)
    while row < copy.rows.count:
        end = row + 1
        if not is_all and not rows_has(&copy.rows, row):
            row = end
            continue
        if is_all:
            end = copy_end_of_all(&cut, row, copy.rows.count)
        size = copy_bound(&cut, row, end)
        if n == 0 or blocks[0][n - 1].bound + size > COPY_BLOCK:
            if not copy_add(blocks, n, row):
                return -1
            n += 1
        blocks[0][n - 1].bound += size
        blocks[0][n - 1].end = row = end
    return n


cdef inline void copy_cut_open(copy_cut_t* cut, const copy_t* copy, view_t* texts) noexcept nogil:
    cdef int i
    cut.fixed = 2 if copy.record == NULL else 2 + 4 + 8
    cut.texts, cut.ntexts = texts, 0
    for i in range(copy.nviews):
        cut.fixed += copy_width(copy.views[i].kind)
        if copy_is_text(copy.views[i].kind):
            texts[cut.ntexts] = copy.views[i]
            cut.ntexts += 1


cdef inline bint copy_fill(copy_t* copy, copy_block_t* block) noexcept nogil:
    """Write a block's rows; False if a value does not fit, and its place in `fault_row` and `fault_view`."""
    cdef unsigned char* out = block.out
    cdef Py_ssize_t first = block.first, end
    cdef bint is_all = rows_are_all(&copy.rows)
    copy.put_value = copy_put_value
    while first < block.end and out != NULL:
        end = block.end if is_all else first
        while end < block.end and rows_has(&copy.rows, end):
            end += 1
        if end > first:
            out = copy_rows(copy, out, first, end)
        first = end + 1
    if out == NULL:
        return False
    block.used = out - block.out
    return True
