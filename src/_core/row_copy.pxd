# Rows of a batch copied into another: what is left of it when some of its rows may not stay.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

from _core.columns cimport (
    COL_BOOL, COL_DATE32, batch_clear, batch_finish, batch_reserve, batch_reserve_entries, batch_t,
    column_is_present, column_is_text, column_put_null, column_reserve_text, column_t,
)


cdef inline bint rows_copy(batch_t* to, const batch_t* source, const unsigned char* is_out) noexcept nogil:
    """Copy the rows that are not out, without the findings; False when there is no memory."""
    cdef Py_ssize_t row, n = 0
    cdef Py_ssize_t room = max(source.rows, <Py_ssize_t> 1)
    cdef int i
    if not batch_reserve(to, room, source.key_hash != NULL):
        return False
    batch_clear(to, room)
    for i in range(source.ncols):
        if column_is_text(&to.columns[i]) and not column_reserve_text(&to.columns[i], source.columns[i].used):
            return False
    for row in range(source.rows):
        if is_out[row]:
            continue
        for i in range(source.ncols):
            value_copy(&to.columns[i], n, &source.columns[i], row)
        to.record[n], to.line[n], to.byte[n] = source.record[row], source.line[row], source.byte[row]
        if source.key_hash != NULL:
            to.key_hash[n] = source.key_hash[row]
        n += 1
    to.rows, to.records, to.lines = n, source.records, source.lines
    batch_finish(to)
    return True


cdef inline bint entries_copy(batch_t* to, const batch_t* source, const unsigned char* is_out) noexcept nogil:
    """Copy the entries of the rows that were copied; False when there is no memory."""
    cdef Py_ssize_t row, n = 0
    if not batch_reserve_entries(to):
        return False
    for row in range(source.rows):
        if not is_out[row]:
            to.entries[n] = source.entries[row]
            n += 1
    return True


cdef inline void value_copy(column_t* to, Py_ssize_t n, const column_t* source, Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t size
    cdef unsigned char bit
    if not column_is_present(source, row):
        column_put_null(to, n)
    elif column_is_text(source):
        size = source.offsets[row + 1] - source.offsets[row]
        if size:
            memcpy(to.data + to.offsets[n], source.data + source.offsets[row], <size_t> size)
        to.offsets[n + 1] = <int32_t> (to.offsets[n] + size)
    elif source.storage == COL_BOOL:
        bit = <unsigned char> (1 << (n & 7))
        if (source.data[row >> 3] >> (row & 7)) & 1:
            to.data[n >> 3] |= bit
        else:
            to.data[n >> 3] &= ~bit
    elif source.storage == COL_DATE32:
        (<int32_t*> to.data)[n] = (<const int32_t*> source.data)[row]
    else:
        (<int64_t*> to.data)[n] = (<const int64_t*> source.data)[row]
