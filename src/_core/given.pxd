# Values that are given and not read: Python's, of a mapping, and Arrow's, of an array.
#
# They take the way of every cell through the row loop, so that the same plan judges them. A text is what a cell
# would hold. Anything else has its type already, and comes as what the column keeps, or in the notation that
# the type has where nobody dressed it. given.pxi makes them of Python's values.

from libc.stdint cimport int32_t, int64_t

from _core.columns cimport COL_BOOL, COL_DATE32, column_t

cdef enum:
    GIVEN_TEXT       # as in a cell: missing words, transforms and dress are for it
    GIVEN_PLAIN      # the type's own notation, such as 12.50
    GIVEN_WHOLE      # an int64, as the column keeps it: integers, booleans, days, microseconds
    GIVEN_REAL
    GIVEN_NOTHING    # no value, but a default is for it
    GIVEN_NULL       # no value: it was missing after its transforms
    GIVEN_WRONG      # of a type that the field does not take


cdef inline void given_put_whole(column_t* column, Py_ssize_t row, int64_t value) noexcept nogil:
    """Write what a column keeps in a word of fixed width, or in a bit."""
    cdef unsigned char bit
    if column.storage == COL_BOOL:
        bit = <unsigned char> (1 << (row & 7))
        if value:
            column.data[row >> 3] |= bit
        else:
            column.data[row >> 3] &= ~bit
    elif column.storage == COL_DATE32:
        (<int32_t*> column.data)[row] = <int32_t> value
    else:
        (<int64_t*> column.data)[row] = value
