# One value as text, the same in CSV, JSON Lines and SQLite: what the kernel reads back as the same value.
#
# Numbers keep their digits, floats have the fewest that read back as the same float, NaN and the infinities
# are NaN, INF and -INF; booleans are true and false; years have four digits; dates and times are ISO 8601,
# instants in UTC with a Z.

from libc.stdint cimport int32_t
from libc.string cimport memcpy

from _core.columns cimport COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_TIME64
from _core.numeric_binary cimport (
    date_text, decimal_text, float_text, time_text, timestamp_text, year_text,
)
from _core.view cimport view_bool, view_int, view_t

cdef enum:
    VALUE_TEXT_MAX = 32              # bytes: a time stamp has 27, a float at most 24, a scaled decimal 21


cdef inline unsigned char* value_put_text(
    unsigned char* out, const view_t* view, Py_ssize_t row
) noexcept nogil:
    """Write a value that is not null and not stored as text; return the place after it."""
    cdef int kind = view.kind
    if kind == COL_INT64 and view.is_year:
        return out + year_text(view_int(view, row), out)
    elif kind == COL_INT64:
        return out + decimal_text(view_int(view, row), 0, out)
    elif kind == COL_DECIMAL64:
        return out + decimal_text(view_int(view, row), view.scale, out)
    elif kind == COL_FLOAT64:
        return out + float_text((<const double*> view.data)[row], out)
    elif kind == COL_BOOL:
        if view_bool(view, row):
            memcpy(out, b"true", 4)
            return out + 4
        memcpy(out, b"false", 5)
        return out + 5
    elif kind == COL_DATE32:
        return out + date_text((<const int32_t*> view.data)[row], out)
    elif kind == COL_TIME64:
        return out + time_text(view_int(view, row), out)
    return out + timestamp_text(view_int(view, row), out)
