# From Python's values to a row: a mapping's values become given_t, and go through the row loop like cells.
#
# What is text is read as a cell would be. What is of a field's own type is taken as it is, exactly: an int for
# an integer, a Decimal, an int or a float (by the digits Python shows) for a number, and so on. Anything else is
# of the wrong type; nothing is converted because it looks as if it could be.
#
# A record that is good pays nothing for the chance that it is bad: only when there are findings are the texts
# made that they show, and the record is read once more.

from cpython.bool cimport PyBool_Check
from cpython.bytes cimport PyBytes_GET_SIZE
from cpython.datetime cimport (
    PyDate_Check, PyDateTime_Check, PyTime_Check, date_day, date_month, date_year, datetime_day,
    datetime_fold, datetime_hour,
    datetime_microsecond, datetime_minute, datetime_month, datetime_second, datetime_tzinfo, datetime_year,
    time_hour, time_microsecond, time_minute, time_second, time_tzinfo,
)
from cpython.dict cimport PyDict_Check
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_Check
from cpython.long cimport PyLong_AsLongLongAndOverflow, PyLong_Check
from cpython.tuple cimport PyTuple_GET_ITEM
from cpython.unicode cimport PyUnicode_Check

from datetime import datetime, timedelta

from feedmill.python_values import plain_text, shown_text
from feedmill.records import Base, rejects_of, unprocessed

from libc.string cimport memcmp

from _core.columns cimport batch_finish, column_is_present
from _core.given cimport GIVEN_NOTHING, GIVEN_NULL, GIVEN_PLAIN, GIVEN_REAL, GIVEN_TEXT, GIVEN_WHOLE, GIVEN_WRONG
from _core.moment cimport CIVIL_DAY_US, CIVIL_FIRST_DAY, CIVIL_LAST_DAY, civil_days
from _core.reader cimport given_t
from _core.record cimport record_forget, record_settle
from _core.rows cimport rows_give, rows_given_begin

cdef extern from "Python.h":
    int PyDict_GetItemRef(object mapping, object key, PyObject** value) except -1
    object PyUnicode_FromObject(object text)
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void* PyUnicode_DATA(object text)

cdef object DATETIME = datetime
cdef object MICROSECOND = timedelta(microseconds=1)


# Looking up

cdef tuple values_of(tuple names, record):
    """Take the fields' values out of a mapping; None where it has none."""
    cdef Py_ssize_t i
    cdef PyObject* wanted
    cdef PyObject* found
    cdef tuple values
    if type(record) is Record and (<Record> record).plan.names == names:
        return (<Record> record).values()
    if not PyDict_Check(record):
        if not hasattr(record, "keys"):
            raise TypeError(f"a record is a mapping of field names to values, not {type(record).__name__}")
        return tuple([value_under(record, name) for name in names])
    values = PyTuple_New(len(names))
    for i in range(len(names)):
        wanted = PyTuple_GET_ITEM(names, i)
        if not PyDict_GetItemRef(record, <object> wanted, &found):
            found = <PyObject*> None
            Py_INCREF(None)
        # The reference that was given goes on to the tuple.
        PyTuple_SET_ITEM(values, i, <object> found)
    return values


cdef tuple settled_of(Plan plan, record):
    """Give the values that have been through the plan's transforms; None if going through again changes nothing."""
    if not plan.transforms_once or type(record) is not Record or (<Record> record).plan.schema != plan.schema:
        return None
    values = (<Record> record).values()
    return values if len(values) == plan.plan.nfields else None


cdef object value_under(record, name):
    try:
        return record[name]
    except KeyError:
        return None


# One value

cdef int give_value(const field_t* op, object value, given_t* given, object field, list kept) except -1:
    """Say what a value is to a field; objects whose memory `given` points to are kept in `kept`."""
    given.text = span_of(NULL, 0)
    given.kind = GIVEN_WRONG
    if value is None:
        given.kind = GIVEN_NOTHING
    elif PyUnicode_Check(value):
        given.kind = GIVEN_TEXT
        give_text(given, exact_text(value, kept), kept)
    elif op.kind == KIND_STRING:
        give_plain(given, plain_text(value, field), kept)
    elif PyBool_Check(value):
        if op.kind == KIND_BOOLEAN:
            given.kind, given.whole = GIVEN_WHOLE, value is True
    elif PyLong_Check(value):
        give_integer(op, value, given, field, kept)
    elif type(value) is DECIMAL:
        give_decimal(op, value, given, field, kept)
    elif PyFloat_Check(value) and op.kind == KIND_FLOAT:
        given.kind, given.real = GIVEN_REAL, PyFloat_AS_DOUBLE(value)
    elif PyDateTime_Check(value):
        if op.kind == KIND_DATETIME and give_moment(value, &given.whole):
            given.kind = GIVEN_WHOLE
    elif PyDate_Check(value):
        if op.kind == KIND_DATE:
            given.kind = GIVEN_WHOLE
            given.whole = civil_days(date_year(value), date_month(value), date_day(value))
    elif PyTime_Check(value):
        if op.kind == KIND_TIME and time_tzinfo(value) is None:
            given.kind = GIVEN_WHOLE
            given.whole = clock_us(time_hour(value), time_minute(value), time_second(value))
            given.whole += time_microsecond(value)
    else:
        give_plain(given, plain_text(value, field), kept)
    return 0


cdef int give_settled(object value, object settled, given_t* given) except -1:
    """Keep a value from its transforms if it is what they have made."""
    if given.kind == GIVEN_TEXT and value == settled:
        given.kind = GIVEN_PLAIN
    elif given.kind == GIVEN_NOTHING and settled is None:
        given.kind = GIVEN_NULL
    return 0


cdef inline str exact_text(value, list kept):
    """Give a text of the type itself: an enum's member, say, is of another."""
    if type(value) is not str:
        value = PyUnicode_FromObject(value)
        kept.append(value)
    return value


cdef int give_text(given_t* given, str text, list kept) except -1:
    cdef bytes encoded
    if PyUnicode_IS_COMPACT_ASCII(text):
        given.text = span_of(<const unsigned char*> PyUnicode_DATA(text), PyUnicode_GET_LENGTH(text))
        return 0
    # Lone surrogates pass here, for the kernel to find that they are no UTF-8.
    encoded = text.encode("utf-8", "surrogatepass")
    kept.append(encoded)
    given.text = span_of(<const unsigned char*> PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded))
    return 0


cdef int give_integer(const field_t* op, object value, given_t* given, object field, list kept) except -1:
    cdef int overflow
    if op.kind == KIND_INTEGER:
        given.whole = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow:
            given.kind = GIVEN_WHOLE
        return 0
    return give_plain(given, plain_text(value, field), kept)


cdef int give_decimal(const field_t* op, object value, given_t* given, object field, list kept) except -1:
    """Take a Decimal by its digits, without asking Python where they have no exponent."""
    if op.kind == KIND_DECIMAL or op.kind == KIND_NUMERIC or op.kind == KIND_FLOAT:
        text = str(value)
        return give_plain(given, text if "E" not in text else plain_text(value, field), kept)
    return 0


cdef int give_plain(given_t* given, text, list kept) except -1:
    """Take the notation that Python has found for a value; None: it is of a wrong type."""
    if text is None:
        return 0
    given.kind = GIVEN_PLAIN
    kept.append(text)
    return give_text(given, exact_text(text, kept), kept)


cdef inline int64_t clock_us(int hour, int minute, int second):
    return ((<int64_t> hour * 60 + minute) * 60 + second) * 1000000


cdef bint give_moment(object value, int64_t* us) except -1:
    """Compute microseconds since 1970 in UTC, which a datetime without a zone is in; False: out of range."""
    us[0] = civil_days(datetime_year(value), datetime_month(value), datetime_day(value))
    us[0] *= CIVIL_DAY_US
    us[0] += clock_us(datetime_hour(value), datetime_minute(value), datetime_second(value))
    us[0] += datetime_microsecond(value)
    zone = datetime_tzinfo(value)
    if zone is not None and zone is not get_utc():
        offset = value.utcoffset()
        if offset is not None:
            us[0] -= <int64_t> (offset // MICROSECOND)
    return CIVIL_FIRST_DAY * CIVIL_DAY_US <= us[0] < (CIVIL_LAST_DAY + 1) * CIVIL_DAY_US


cdef bint explain(given_t* given, tuple values, list kept) except -1:
    """Give values that have no text the one that a finding shows; False if all had theirs."""
    cdef Py_ssize_t i
    cdef bint is_changed = False
    for i in range(len(values)):
        if given[i].kind in (GIVEN_WHOLE, GIVEN_REAL, GIVEN_WRONG):
            text = shown_text(values[i])
            kept.append(text)
            give_text(&given[i], exact_text(text, kept), kept)
            is_changed = True
    return is_changed


# One record

cdef given_t* open_given(reader_t* r, Plan plan) except NULL:
    """Make sure that the scratch has room for a record's values."""
    if r.scratch.given == NULL:
        r.scratch.given = <given_t*> calloc(<size_t> plan.plan.nfields, sizeof(given_t))
        if r.scratch.given == NULL:
            raise MemoryError
    return r.scratch.given


cdef int read_given(
    Plan plan, reader_t* r, tuple values, tuple settled, Py_ssize_t byte, list kept
) except -1:
    """Read one record into the current row, or note its findings; the caller settles it."""
    cdef given_t* given = open_given(r, plan)
    cdef Py_ssize_t nrejects = r.batch.nrejects
    cdef Py_ssize_t ntext = r.batch.reject_text_used
    cdef bint is_done
    cdef tuple fields = plan.schema.fields
    # Borrowed, as the tuples hold them: to count references up and down is much of what a value costs.
    cdef PyObject* value
    cdef PyObject* field
    cdef int i
    for i in range(plan.plan.nfields):
        value, field = PyTuple_GET_ITEM(values, i), PyTuple_GET_ITEM(fields, i)
        give_value(&plan.plan.fields[i], <object> value, &given[i], <object> field, kept)
        if settled is not None:
            give_settled(<object> value, settled[i], &given[i])
    # Texts beyond ASCII are kept, too, and these only may be no UTF-8.
    r.is_utf8 = not kept
    is_done = rows_give(r, given, byte)
    if is_done and r.is_bad and explain(given, values, kept):
        r.is_utf8 = False
        undo_given(r, nrejects, ntext)
        is_done = rows_give(r, given, byte)
    if not is_done:
        undo_given(r, nrejects, ntext)
        raise_status(r)
    return 0


cdef void undo_given(reader_t* r, Py_ssize_t nrejects, Py_ssize_t ntext) noexcept:
    """Take back what reading a record has left in the batch."""
    r.batch.nrejects, r.batch.reject_text_used = nrejects, ntext
    record_forget(r.batch, r.row)


cdef int raise_status(reader_t* r) except -1:
    """Raise what ended a call."""
    cdef call_t* call = <call_t*> r.context
    status, r.status = r.status, READER_OK
    if status == READER_CALL_FAILED:
        error = <object> call.error
        Py_DECREF(error)
        call.error = NULL
        raise error
    raise MemoryError


cdef tuple kept_values(const batch_t* batch, Py_ssize_t row, tuple values, const given_t* given, Plan plan):
    """Give a good record's values, those that came as they are to be as the same objects."""
    cdef tuple made = PyTuple_New(batch.ncols)
    cdef const column_t* column
    cdef PyObject* value
    cdef int i
    for i in range(batch.ncols):
        column = &batch.columns[i]
        value = PyTuple_GET_ITEM(values, i)
        if not column_is_present(column, row):
            value = <PyObject*> None
        elif not is_kept(&plan.plan.fields[i], &given[i], column, row, <object> value):
            put_made(made, i, column, row)
            continue
        Py_INCREF(<object> value)
        PyTuple_SET_ITEM(made, i, <object> value)
    return made


cdef int put_made(tuple made, int i, const column_t* column, Py_ssize_t row) except -1:
    """Put in the value that the kernel makes of a column."""
    cdef view_t view
    view_open(&view, column, i, column.storage)
    value = python_value(&view, row)
    Py_INCREF(value)
    PyTuple_SET_ITEM(made, i, value)
    return 0


cdef inline bint is_kept(const field_t* op, const given_t* given, const column_t* column, Py_ssize_t row, value):
    """Whether a value is what the kernel would make of its column."""
    if given.kind == GIVEN_TEXT:
        if op.kind != KIND_STRING or type(value) is not str:
            return False
        return op.ntransforms == 0 or is_unchanged(value, column, row)
    if given.kind == GIVEN_WHOLE:
        if op.kind == KIND_INTEGER:
            return type(value) is int
        return op.kind == KIND_BOOLEAN or op.kind == KIND_DATETIME and is_plain(value)
    if given.kind == GIVEN_PLAIN and op.kind == KIND_STRING:
        return type(value) is str
    if given.kind == GIVEN_PLAIN:
        return type(value) is DECIMAL and is_written(given, column, row)
    return given.kind == GIVEN_REAL and type(value) is float


cdef inline bint is_plain(value):
    """Whether a datetime is just what the kernel would make: of the type itself, in UTC, without a fold."""
    return type(value) is DATETIME and datetime_tzinfo(value) is get_utc() and datetime_fold(value) == 0


cdef inline bint is_written(const given_t* given, const column_t* column, Py_ssize_t row):
    """Whether a decimal has all the digits that its column gives it."""
    cdef unsigned char text[VALUE_TEXT_MAX]
    cdef view_t view
    cdef span_t written
    view_open(&view, column, 0, column.storage)
    if column.storage == COL_NUMERIC:
        written = view_text(&view, row)
    elif column.storage == COL_DECIMAL64:
        written = span_of(text, value_put_text(text, &view, row) - text)
    else:
        return False
    return written.n == given.text.n and memcmp(written.p, given.text.p, <size_t> written.n) == 0


cdef inline bint is_unchanged(str value, const column_t* column, Py_ssize_t row):
    """Whether transforms have left a text as it was; for ASCII only, as others take longer to compare."""
    cdef int32_t at = column.offsets[row]
    cdef Py_ssize_t n = PyUnicode_GET_LENGTH(value)
    if not PyUnicode_IS_COMPACT_ASCII(value) or n != column.offsets[row + 1] - at:
        return False
    return memcmp(PyUnicode_DATA(value), column.data + at, <size_t> n) == 0


cdef tuple rejects_of_one(Plan plan, reader_t* r):
    """Make the findings of the one record that a reader has read."""
    cdef Batch batch = Batch.__new__(Batch)
    record_settle(r, 0)
    r.batch.records = 1
    batch_finish(r.batch)
    batch.plan, batch.batch = plan, r.batch
    r.batch = NULL
    return tuple(rejects_of(batch, plan.names, Base()))
