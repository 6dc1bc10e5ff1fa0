# What an encoder sees of a batch: the rows of one lane, and each column with its buffers at hand (view.h).

from libc.stdint cimport int32_t, int64_t, uint64_t

from _core.columns cimport COLUMN_EMPTY, COLUMN_PADDING, column_t
from _core.span cimport span_of, span_t

cdef extern from "_core/view.h" nogil:
    ctypedef struct rows_t:
        const uint64_t* key_hash
        Py_ssize_t count
        uint64_t lane
        uint64_t lanes
        const unsigned char* chosen

    ctypedef struct view_t:
        int kind
        int scale
        bint is_year
        bint is_json
        int field
        const unsigned char* validity
        const int32_t* offsets
        const unsigned char* data
        const unsigned char* end

    bint view_has(const view_t* view, Py_ssize_t row)


cdef inline bint rows_are_all(const rows_t* rows) noexcept nogil:
    """Tell whether no row is left out."""
    return rows.chosen == NULL and rows.lanes == 1


cdef inline bint rows_has(const rows_t* rows, Py_ssize_t row) noexcept nogil:
    # The rule that gives each row to one lane.
    if rows.chosen != NULL and not rows.chosen[row]:
        return False
    if rows.lanes == 1:
        return True
    if rows.key_hash == NULL:
        return rows.lane == 0
    return rows.key_hash[row] % rows.lanes == rows.lane


cdef inline void view_open(view_t* view, const column_t* column, int field, int kind) noexcept nogil:
    view.kind = kind
    view.scale = column.scale
    view.is_year = column.is_year
    view.is_json = column.is_json
    view.field = field
    view.validity = column.validity
    view.offsets = column.offsets
    view.data = <const unsigned char*> column.data if column.data != NULL else COLUMN_EMPTY
    view.end = view.data + column.capacity + COLUMN_PADDING


cdef inline void view_settle(view_t* view, Py_ssize_t rows) noexcept nogil:
    """See whether any of the rows has no value, so that view_has need not look at each."""
    cdef Py_ssize_t i, whole = rows >> 3
    cdef unsigned char rest = <unsigned char> ((1 << (rows & 7)) - 1)
    for i in range(whole):
        if view.validity[i] != 0xFF:
            return
    if rest == 0 or view.validity[whole] & rest == rest:
        view.validity = NULL


cdef inline int64_t view_int(const view_t* view, Py_ssize_t row) noexcept nogil:
    return (<const int64_t*> view.data)[row]


cdef inline bint view_bool(const view_t* view, Py_ssize_t row) noexcept nogil:
    return (view.data[row >> 3] >> (row & 7)) & 1


cdef inline span_t view_text(const view_t* view, Py_ssize_t row) noexcept nogil:
    return span_of(view.data + view.offsets[row], view.offsets[row + 1] - view.offsets[row])
