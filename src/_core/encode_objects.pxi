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
from cpython.dict cimport PyDict_Copy, PyDict_SetItem
from cpython.float cimport PyFloat_FromDouble
from cpython.long cimport PyLong_FromLongLong
from cpython.tuple cimport PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_DecodeUTF8

from decimal import Decimal

from _core.latin cimport latin_is_ascii, latin_length, latin_put
from _core.moment cimport civil_date
from _core.seen cimport SEEN_SLOTS, SEEN_TEXT_MAX, seen_is, seen_slot, seen_t
from _core.value_text cimport VALUE_TEXT_MAX, value_put_text
from _core.view cimport rows_has, view_bool, view_has, view_int, view_text

cdef extern from "Python.h":
    str PyUnicode_New(Py_ssize_t length, Py_UCS4 largest)
    unsigned char* PyUnicode_1BYTE_DATA(object text)

import_datetime()

cdef object DECIMAL = Decimal

cdef enum:
    DAY_SECONDS = 86400

ctypedef object (*value_maker)(const view_t* view, Py_ssize_t row)


cdef str string_of(span_t text):
    """Make a string of valid UTF-8."""
    cdef Py_ssize_t length
    # Python has each string of one character already, and the empty one.
    if text.n < 2:
        return PyUnicode_DecodeUTF8(<const char*> text.p, text.n, NULL) if text.n else ""
    if latin_is_ascii(text):
        made = PyUnicode_New(text.n, 0x7F)
        memcpy(PyUnicode_1BYTE_DATA(made), text.p, <size_t> text.n)
        return made
    length = latin_length(text)
    if length < 2:
        return PyUnicode_DecodeUTF8(<const char*> text.p, text.n, NULL)
    made = PyUnicode_New(length, 0xFF)
    latin_put(PyUnicode_1BYTE_DATA(made), text)
    return made


cdef inline str text_value(const view_t* view, Py_ssize_t row):
    return string_of(view_text(view, row))


cdef inline str seen_value(const view_t* view, Py_ssize_t row, seen_t* slots):
    """Make a column's text, or give the string that the same text became some rows before."""
    cdef span_t text = view_text(view, row)
    cdef seen_t* slot
    if text.n < 2 or text.n > SEEN_TEXT_MAX:
        return string_of(text)
    slot = seen_slot(slots, text)
    if seen_is(slot, text):
        return <str> <PyObject*> slot.made
    made = string_of(text)
    Py_INCREF(made)
    if slot.made != NULL:
        Py_DECREF(<object> <PyObject*> slot.made)
    slot.p, slot.n, slot.made = text.p, text.n, <void*> <PyObject*> made
    return made


cdef seen_t* open_seen(int ncols) except NULL:
    cdef seen_t* seen = <seen_t*> calloc(<size_t> max(ncols, 1) * SEEN_SLOTS, sizeof(seen_t))
    if seen == NULL:
        raise MemoryError
    return seen


cdef void close_seen(seen_t* seen, int ncols):
    cdef Py_ssize_t i
    for i in range(<Py_ssize_t> ncols * SEEN_SLOTS):
        if seen[i].made != NULL:
            Py_DECREF(<object> <PyObject*> seen[i].made)
    free(seen)


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
    cdef double real
    if not view_has(view, row):
        return None
    elif kind == COL_UTF8 or kind == COL_NUMERIC:
        return text_value(view, row)
    elif kind == COL_INT64:
        return PyLong_FromLongLong(view_int(view, row))
    elif kind == COL_FLOAT64:
        real = (<const double*> view.data)[row]
        # SQLite would make NULL of it.
        return "NaN" if real != real else PyFloat_FromDouble(real)
    elif kind == COL_BOOL:
        return PyLong_FromLongLong(view_bool(view, row))
    return plain_value(view, row)


cdef inline object cell_value(const view_t* view, Py_ssize_t row, value_maker make, seen_t* slots):
    if view.kind == COL_UTF8 and view_has(view, row):
        return seen_value(view, row, slots)
    return make(view, row)


cdef inline tuple row_tuple(const view_t* views, int n, value_maker make, Py_ssize_t row, object record,
                            seen_t* seen, const unsigned char* wanted):
    """Make a row's tuple, the record number in front unless it is None; see `Batch.tuples` for `wanted`."""
    cdef int lead = record is not None
    cdef tuple values = PyTuple_New(lead + n)
    cdef int i
    # SET_ITEM takes over a reference that Cython does not know it gives away.
    if lead:
        Py_INCREF(record)
        PyTuple_SET_ITEM(values, 0, record)
    for i in range(n):
        if wanted == NULL or wanted[i]:
            value = cell_value(&views[i], row, make, seen + i * SEEN_SLOTS)
        else:
            value = True if view_has(&views[i], row) else None
        Py_INCREF(value)
        PyTuple_SET_ITEM(values, lead + i, value)
    return values


cdef bytes marks_of(values_of, int ncols):
    """Mark the fields whose values are wanted, one byte a field; None for all of them."""
    if values_of is None:
        return None
    cdef set wanted = set(values_of)
    if not wanted.issubset(range(ncols)):
        raise ValueError(f"values_of {sorted(wanted)}: the fields have the numbers from 0 to {ncols - 1}")
    return bytes([number in wanted for number in range(ncols)])


cdef list encode_tuples(const batch_t* batch, rows_t rows, record_base, str style, values_of):
    cdef view_t* views
    cdef seen_t* seen = NULL
    cdef bytes marks = marks_of(values_of, batch.ncols)
    cdef const unsigned char* wanted = NULL
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
    if marks is not None:
        wanted = marks
    views = open_views(batch)
    try:
        seen = open_seen(batch.ncols)
        for row in range(rows.count):
            if rows_has(&rows, row):
                record = base + batch.record[row] + 1 if numbered else None
                made.append(row_tuple(views, batch.ncols, make, row, record, seen, wanted))
        return made
    finally:
        if seen != NULL:
            close_seen(seen, batch.ncols)
        free(views)


cdef list encode_dicts(const batch_t* batch, tuple names):
    cdef view_t* views = open_views(batch)
    cdef seen_t* seen = NULL
    cdef list made = []
    # A copy has all keys and its size from the start.
    cdef dict values, blank = dict.fromkeys(names)
    cdef Py_ssize_t row
    cdef int i
    try:
        seen = open_seen(batch.ncols)
        for row in range(batch.rows):
            values = PyDict_Copy(blank)
            for i in range(batch.ncols):
                value = cell_value(&views[i], row, python_value, seen + i * SEEN_SLOTS)
                PyDict_SetItem(values, names[i], value)
            made.append(values)
        return made
    finally:
        if seen != NULL:
            close_seen(seen, batch.ncols)
        free(views)
