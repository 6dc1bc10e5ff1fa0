# From a batch to Python objects: tuples and dicts.
#
# These run attached to the interpreter, in C loops that call into Python for decimals only. Nothing is shared
# between calls but the Decimal type and the datetime module's C interface, both fixed when the module is
# imported.
#
# "python" style is what a caller computes with: Decimal, date, time, aware datetime. "sqlite" style is what
# the sqlite3 module stores without adapters: decimals, dates and times as the text that CSV would have,
# booleans as 0 and 1.

from cpython.datetime cimport date_new, datetime_new, get_utc, import_datetime, time_new
from cpython.float cimport PyFloat_FromDouble
from cpython.long cimport PyLong_FromLongLong
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8

from decimal import Decimal

from _core.moment cimport civil_date
from _core.value_text cimport VALUE_TEXT_MAX, value_put_text
from _core.view cimport rows_has, view_bool, view_has, view_int, view_text

import_datetime()

cdef object DECIMAL = Decimal

cdef enum:
    DAY_SECONDS = 86400

ctypedef object (*value_maker)(const view_t* view, Py_ssize_t row)


cdef inline str text_value(const view_t* view, Py_ssize_t row):
    cdef span_t text = view_text(view, row)
    return PyUnicode_DecodeUTF8(<const char*> text.p, text.n, NULL) if text.n else ""


cdef inline str plain_value(const view_t* view, Py_ssize_t row):
    """Give a value that is not stored as text as the text it has in CSV."""
    cdef unsigned char text[VALUE_TEXT_MAX]
    cdef unsigned char* end = value_put_text(text, view, row)
    return PyUnicode_DecodeUTF8(<const char*> text, end - text, NULL)


cdef inline object date_value(int32_t days):
    cdef int year, month, day
    civil_date(days, &year, &month, &day)
    return date_new(year, month, day)


cdef inline object time_value(int64_t us):
    cdef int seconds = <int> (us // 1000000)
    return time_new(seconds // 3600, seconds // 60 % 60, seconds % 60, <int> (us % 1000000), None, 0)


cdef inline object datetime_value(int64_t us):
    cdef int year, month, day
    cdef int64_t seconds = us // 1000000
    cdef int fraction = <int> (us % 1000000)
    cdef int days, second
    # C rounds towards zero; before 1970 the floor is wanted.
    if fraction < 0:
        fraction += 1000000
        seconds -= 1
    days, second = <int> (seconds // DAY_SECONDS), <int> (seconds % DAY_SECONDS)
    if second < 0:
        second += DAY_SECONDS
        days -= 1
    civil_date(days, &year, &month, &day)
    return datetime_new(
        year, month, day, second // 3600, second // 60 % 60, second % 60, fraction, get_utc(), 0
    )


cdef object python_value(const view_t* view, Py_ssize_t row):
    cdef int kind = view.kind
    if not view_has(view, row):
        return None
    elif kind == COL_UTF8:
        return text_value(view, row)
    elif kind == COL_INT64:
        return PyLong_FromLongLong(view_int(view, row))
    elif kind == COL_DECIMAL64:
        return DECIMAL(plain_value(view, row))
    elif kind == COL_NUMERIC:
        return DECIMAL(text_value(view, row))
    elif kind == COL_FLOAT64:
        return PyFloat_FromDouble((<const double*> view.data)[row])
    elif kind == COL_BOOL:
        return True if view_bool(view, row) else False
    elif kind == COL_DATE32:
        return date_value((<const int32_t*> view.data)[row])
    elif kind == COL_TIME64:
        return time_value(view_int(view, row))
    return datetime_value(view_int(view, row))


cdef object sqlite_value(const view_t* view, Py_ssize_t row):
    cdef int kind = view.kind
    if not view_has(view, row):
        return None
    elif kind == COL_UTF8 or kind == COL_NUMERIC:
        return text_value(view, row)
    elif kind == COL_INT64:
        return PyLong_FromLongLong(view_int(view, row))
    elif kind == COL_FLOAT64:
        return PyFloat_FromDouble((<const double*> view.data)[row])
    elif kind == COL_BOOL:
        return PyLong_FromLongLong(view_bool(view, row))
    return plain_value(view, row)


cdef inline tuple row_tuple(const view_t* views, int n, value_maker make, Py_ssize_t row, object record):
    """Make a row's tuple, the record number in front unless it is None."""
    cdef int lead = record is not None
    cdef tuple values = PyTuple_New(lead + n)
    cdef int i
    # SET_ITEM takes over a reference that Cython does not know it gives away.
    if lead:
        Py_INCREF(record)
        PyTuple_SET_ITEM(values, 0, record)
    for i in range(n):
        value = make(&views[i], row)
        Py_INCREF(value)
        PyTuple_SET_ITEM(values, lead + i, value)
    return values


cdef list encode_tuples(const batch_t* batch, rows_t rows, record_base, str style):
    cdef view_t* views
    cdef value_maker make
    cdef list made = []
    cdef int64_t base = 0 if record_base is None else record_base
    cdef bint numbered = record_base is not None
    cdef Py_ssize_t row
    if style == "python":
        make = python_value
    elif style == "sqlite":
        make = sqlite_value
    else:
        raise ValueError(f"style {style!r}: expected 'python' or 'sqlite'")
    views = open_views(batch)
    try:
        for row in range(rows.count):
            if rows_has(&rows, row):
                record = base + batch.record[row] + 1 if numbered else None
                made.append(row_tuple(views, batch.ncols, make, row, record))
        return made
    finally:
        free(views)


cdef list encode_dicts(const batch_t* batch, tuple names):
    cdef view_t* views = open_views(batch)
    cdef list made = []
    cdef dict values
    cdef Py_ssize_t row
    cdef int i
    try:
        for row in range(batch.rows):
            values = {}
            for i in range(batch.ncols):
                values[names[i]] = python_value(&views[i], row)
            made.append(values)
        return made
    finally:
        free(views)
