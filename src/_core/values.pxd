# From a cell's text to a value in its column: missing or not, transforms, type and format, then the
# constraints.
#
# value_read is the heart of the row loop: one switch a field, writes that count only if the record turns out
# good, and findings noted as they are met. All constraints are looked at, but none once the type or the
# format has failed. Every function returns False only to stop the whole call (status is set); a finding is no
# reason to stop.

from libc.stdint cimport int32_t, int64_t

from _core.checks cimport check_real, check_text, check_whole, check_written
from _core.codes cimport CODE_BAD_QUOTE, CODE_ENCODING, CODE_NUL, CODE_REQUIRED, CODE_TYPE
from _core.columns cimport column_put_null, column_reserve_text, column_t
from _core.formats cimport email_check, gtin_check, uri_check, uuid_check
from _core.given cimport (
    GIVEN_NOTHING, GIVEN_NULL, GIVEN_PLAIN, GIVEN_REAL, GIVEN_TEXT, GIVEN_WRONG, given_put_whole,
)
from _core.identifiers cimport identifier_check
from _core.kinds cimport kind_put
from _core.missing cimport value_is_missing
from _core.number cimport (
    decimal_parse, float_parse, integer_parse, numeric_check, numeric_fits, numeric_settle,
)
from _core.number_dress cimport dress_off
from _core.plan cimport (
    COLUMN_NONE, FORMAT_EMAIL, FORMAT_GTIN, FORMAT_NONE, FORMAT_URI, FORMAT_UUID, KIND_BOOLEAN, KIND_DATE,
    KIND_DATETIME, KIND_DECIMAL, KIND_FLOAT, KIND_INTEGER, KIND_NUMERIC, KIND_STRING, KIND_TIME, field_t,
)
from _core.reader cimport (
    READER_NO_MEMORY, SHORT_TEXT, buffer_reserve, cell_t, given_t, reader_fail, reader_find, reader_put_text,
    reader_t,
)
from _core.span cimport span_of, span_t
from _core.temporal cimport date_parse, datetime_parse, time_parse
from _core.text cimport text_trim, utf8_valid
from _core.transforms cimport transforms_apply
from _core.wordset cimport wordset_find

from libc.string cimport memchr, memcmp

cdef enum:
    SETTLED_SPARE = 3          # bytes: a sign, a zero before the point, and the point


cdef inline bint value_read(reader_t* r, const field_t* op, cell_t* cell) noexcept nogil:
    """Read one cell into its column's current slot, or note what is wrong with it."""
    cdef span_t text = cell.text
    cdef column_t* column = &r.batch.columns[op.field]
    cdef bint is_missing = op.column == COLUMN_NONE
    cdef int code
    if cell.has_bad_quote or r.has_nul or not r.is_utf8:
        if r.given != NULL and r.given[op.field].kind != GIVEN_TEXT:
            # A default is for what is missing, however it comes.
            is_missing = op.has_default and r.given[op.field].kind == GIVEN_NOTHING
            if not is_missing:
                return value_put_given(r, op, cell, column)
        code = value_unreadable(r, cell)
        if code:
            return reader_find(r, code, op, cell)
    if value_is_missing(op, text) or r.plan.has_null and value_is_null(r, cell):
        if not op.has_default:
            return value_put_missing(r, op, cell, column)
        is_missing = True
    if op.ntransforms:
        if op.only_trims:
            text = text_trim(text)
            is_missing = value_is_missing(op, text)
        elif not transforms_apply(r, op, &text, &is_missing):
            return False
        if is_missing:
            return value_put_missing(r, op, cell, column)
    if op.dress != NULL:
        if not buffer_reserve(&r.scratch.plain, text.n + SHORT_TEXT):
            return reader_fail(r, READER_NO_MEMORY)
        code = dress_off(op.dress, &text, r.scratch.plain.p)
        if code:
            return reader_find(r, code, op, cell)
    return value_put(r, op, cell, column, text)


cdef inline bint value_put(
    reader_t* r, const field_t* op, cell_t* cell, column_t* column, span_t text
) noexcept nogil:
    """Read a present, transformed text as the field's type, and hold it to the field's constraints."""
    cdef int64_t whole
    cdef int32_t days
    cdef double real
    cdef int code
    if op.kind == KIND_STRING:
        code = value_format(op, text) if op.format != FORMAT_NONE else 0
        if code:
            return reader_find(r, code, op, cell)
        if op.has_checks and not check_text(r, op, cell, text):
            return False
        return reader_put_text(r, column, text)
    elif op.kind == KIND_INTEGER:
        code = integer_parse(text, &whole)
    elif op.kind == KIND_DECIMAL:
        code = decimal_parse(text, op.precision, op.scale, &whole)
    elif op.kind == KIND_DATETIME:
        code = datetime_parse(text, op.pattern_of_time, &whole)
    elif op.kind == KIND_TIME:
        code = time_parse(text, op.pattern_of_time, &whole)
    elif op.kind == KIND_DATE:
        code = date_parse(text, op.pattern_of_time, &days)
        if code:
            return reader_find(r, code, op, cell)
        (<int32_t*> column.data)[r.row] = days
        return not op.has_checks or check_whole(r, op, cell, days)
    elif op.kind == KIND_FLOAT:
        code = float_parse(text, &real)
        if code:
            return reader_find(r, code, op, cell)
        (<double*> column.data)[r.row] = real
        return not op.has_checks or check_real(r, op, cell, real)
    elif op.kind == KIND_NUMERIC:
        code = numeric_fits(text, op.precision, op.scale) if op.precision else numeric_check(text)
        if code:
            return reader_find(r, code, op, cell)
        if op.has_checks and not check_written(r, op, cell, text):
            return False
        return value_put_settled(r, op, column, text) if op.precision else reader_put_text(r, column, text)
    elif op.kind == KIND_BOOLEAN:
        return value_put_boolean(r, op, cell, column, text)
    else:
        return kind_put(r, op, cell, column, text)
    if code:
        return reader_find(r, code, op, cell)
    (<int64_t*> column.data)[r.row] = whole
    return not op.has_checks or check_whole(r, op, cell, whole)


cdef inline bint value_put_settled(
    reader_t* r, const field_t* op, column_t* column, span_t text
) noexcept nogil:
    """Write a decimal of declared size with all its decimals, as PostgreSQL and COL_DECIMAL64 have it."""
    cdef int32_t at = column.offsets[r.row]
    cdef Py_ssize_t bound = at + op.precision + SETTLED_SPARE
    if bound > column.capacity and not column_reserve_text(column, bound):
        return reader_fail(r, READER_NO_MEMORY)
    column.offsets[r.row + 1] = <int32_t> (at + numeric_settle(text, op.scale, column.data + at))
    return True


cdef inline bint value_put_boolean(
    reader_t* r, const field_t* op, cell_t* cell, column_t* column, span_t text
) noexcept nogil:
    cdef Py_ssize_t place = wordset_find(op.booleans, text)
    cdef unsigned char bit = <unsigned char> (1 << (r.row & 7))
    if place < 0:
        return reader_find(r, CODE_TYPE, op, cell)
    if place < op.ntrue:
        column.data[r.row >> 3] |= bit
    else:
        column.data[r.row >> 3] &= ~bit
    return not op.has_checks or check_whole(r, op, cell, place < op.ntrue)


cdef inline int value_format(const field_t* op, span_t text) noexcept nogil:
    if op.format == FORMAT_GTIN:
        return gtin_check(text)
    elif op.format == FORMAT_URI:
        return uri_check(text)
    elif op.format == FORMAT_EMAIL:
        return email_check(text)
    elif op.format == FORMAT_UUID:
        return uuid_check(text)
    return identifier_check(op, text)


# Values that are given, and not read from a cell

cdef inline bint value_put_given(
    reader_t* r, const field_t* op, cell_t* cell, column_t* column
) noexcept nogil:
    """Take a value that has its type already: neither missing words nor transforms are meant for it."""
    cdef const given_t* given = &r.given[op.field]
    cdef int code
    if given.kind == GIVEN_NOTHING or given.kind == GIVEN_NULL:
        return value_put_missing(r, op, cell, column)
    elif given.kind == GIVEN_WRONG:
        return reader_find(r, CODE_TYPE, op, cell)
    elif given.kind == GIVEN_REAL:
        (<double*> column.data)[r.row] = given.real
        return not op.has_checks or check_real(r, op, cell, given.real)
    elif given.kind == GIVEN_PLAIN:
        code = value_unreadable(r, cell)
        return reader_find(r, code, op, cell) if code else value_put(r, op, cell, column, cell.text)
    given_put_whole(column, r.row, given.whole)
    return not op.has_checks or check_whole(r, op, cell, given.whole)


# Missing values

cdef inline bint value_is_null(const reader_t* r, const cell_t* cell) noexcept nogil:
    """Compare with the dialect's null before escapes are taken off: `\\N` is one, `\\\\N` is the text `\\N`."""
    cdef span_t null = r.plan.null
    if cell.is_quoted or cell.raw.n != null.n:
        return False
    return null.n == 0 or memcmp(cell.raw.p, null.p, <size_t> null.n) == 0


cdef inline bint value_put_missing(
    reader_t* r, const field_t* op, cell_t* cell, column_t* column
) noexcept nogil:
    if op.is_required:
        return reader_find(r, CODE_REQUIRED, op, cell)
    column_put_null(column, r.row)
    return True


# Unreadable cells

cdef inline int value_unreadable(const reader_t* r, const cell_t* cell) noexcept nogil:
    """Give the code of what makes a cell unreadable, the most basic thing first; 0 if it can be read."""
    cdef span_t text = cell.text
    if cell.has_bad_quote and not r.plan.keep_bad_quotes:
        return CODE_BAD_QUOTE
    if not r.is_utf8 and not utf8_valid(r.plan.dialect.isa, text.p, text.n):
        return CODE_ENCODING
    if r.has_nul and text.n and memchr(text.p, 0, <size_t> text.n) != NULL:
        return CODE_NUL
    return 0
