# The kinds that are kept as text, and years: one table from kind to check, one writer for all of them.
#
# values.pxd comes here for what is neither string, number, boolean nor time. If you add a kind: a file with its
# check, KIND_* in plan.pxd, a branch in kind_check, KINDS in compile.pxi, and the reference's twin
# (tests/reference_kinds.py).

from libc.stdint cimport int64_t

from _core.checks cimport check_whole
from _core.codes cimport CODE_ENUM, CODE_JSON_SCHEMA, CODE_MAX_LENGTH, CODE_MIN_LENGTH, CODE_TYPE
from _core.columns cimport column_t
from _core.duration cimport DURATION_UNSURE, duration_compare, duration_parse, duration_t
from _core.geojson cimport geojson_check, topojson_check
from _core.geopoint cimport geopoint_is_same, geopoint_parse
from _core.json_check cimport json_check, json_t
from _core.limits cimport LIMIT_COUNT, LIMIT_NONE, limit_code, limit_is_exclusive, limit_is_lower
from _core.list_items cimport list_check
from _core.plan cimport (
    FORMAT_TOPOJSON, KIND_ARRAY, KIND_DURATION, KIND_GEOJSON, KIND_GEOPOINT, KIND_LIST, KIND_OBJECT, KIND_YEAR,
    KIND_YEARMONTH, field_t,
)
from _core.reader cimport READER_CALL_FAILED, cell_t, reader_fail, reader_find, reader_put_text, reader_t
from _core.span cimport span_t
from _core.wordset cimport wordset_find
from _core.year cimport year_parse, yearmonth_parse


cdef inline bint kind_check(const field_t* op, span_t text, int64_t* measure) noexcept nogil:
    """Tell whether a text is of its kind; `measure` is its number, or how many members or items it has."""
    cdef json_t found
    cdef duration_t duration
    cdef span_t lon, lat
    measure[0] = 0
    if op.kind == KIND_YEAR:
        return year_parse(text, measure) == 0
    elif op.kind == KIND_YEARMONTH:
        return yearmonth_parse(text, measure) == 0
    elif op.kind == KIND_LIST:
        return list_check(op, text, measure)
    elif op.kind == KIND_DURATION:
        return duration_parse(text, &duration)
    elif op.kind == KIND_GEOPOINT:
        return geopoint_parse(text, op.format, &lon, &lat)
    elif op.kind == KIND_GEOJSON:
        return topojson_check(text) if op.format == FORMAT_TOPOJSON else geojson_check(text)
    if not json_check(text, &found) or not found.is_storable:
        return False
    measure[0] = found.count
    return found.kind == (c'{' if op.kind == KIND_OBJECT else c'[')


cdef inline bint kind_put(
    reader_t* r, const field_t* op, cell_t* cell, column_t* column, span_t text
) noexcept nogil:
    """Check a text of such a kind, hold it to its constraints, and write it."""
    cdef int64_t measure
    if not kind_check(op, text, &measure):
        return reader_find(r, CODE_TYPE, op, cell)
    if op.has_checks and not kind_hold(r, op, cell, text, measure):
        return False
    if op.kind == KIND_YEAR:
        (<int64_t*> column.data)[r.row] = measure
        return True
    return reader_put_text(r, column, text)


cdef inline bint kind_hold(
    reader_t* r, const field_t* op, cell_t* cell, span_t text, int64_t measure
) noexcept nogil:
    """Check the constraints, in the order of the catalogue."""
    cdef int i
    if op.kind == KIND_YEAR or op.kind == KIND_YEARMONTH:
        return check_whole(r, op, cell, measure)
    if op.min_length > measure and not reader_find(r, CODE_MIN_LENGTH, op, cell):
        return False
    if 0 <= op.max_length < measure and not reader_find(r, CODE_MAX_LENGTH, op, cell):
        return False
    if op.has_limits:
        for i in range(LIMIT_COUNT):
            if op.limits[i].state != LIMIT_NONE and not kind_is_within(text, op.limits[i].text, i):
                if not reader_find(r, limit_code(i), op, cell):
                    return False
    if op.has_enum and not kind_hold_enum(r, op, cell, text):
        return False
    if op.has_json_schema:
        i = r.plan.judge(r.context, op.field, text)
        if i < 0:
            return reader_fail(r, READER_CALL_FAILED)
        return i or reader_find(r, CODE_JSON_SCHEMA, op, cell)
    return True


cdef inline bint kind_hold_enum(reader_t* r, const field_t* op, cell_t* cell, span_t text) noexcept nogil:
    cdef int i
    cdef bint is_listed
    if op.kind == KIND_OBJECT or op.kind == KIND_ARRAY or op.kind == KIND_GEOJSON:
        # Equal JSON can be written in many ways; Python compares.
        i = r.plan.match(r.context, op.field, text)
        if i < 0:
            return reader_fail(r, READER_CALL_FAILED)
        is_listed = i
    else:
        is_listed = kind_is_listed(op, text)
    return is_listed or reader_find(r, CODE_ENUM, op, cell)


cdef inline bint kind_is_within(span_t text, span_t limit, int index) noexcept nogil:
    """Hold a duration to a limit; what cannot be decided is not within it."""
    cdef duration_t value, bound
    cdef int order
    duration_parse(text, &value)
    duration_parse(limit, &bound)
    order = duration_compare(&value, &bound)
    if order == DURATION_UNSURE:
        return False
    if limit_is_lower(index):
        return order > 0 if limit_is_exclusive(index) else order >= 0
    return order < 0 if limit_is_exclusive(index) else order <= 0


cdef inline bint kind_is_listed(const field_t* op, span_t text) noexcept nogil:
    cdef duration_t value, member
    cdef int i
    if op.kind == KIND_LIST:
        return wordset_find(op.words, text) >= 0
    for i in range(op.nmembers):
        if op.kind == KIND_GEOPOINT:
            if geopoint_is_same(text, op.members[i].text, op.format):
                return True
        elif duration_parse(text, &value) and duration_parse(op.members[i].text, &member):
            if duration_compare(&value, &member) == 0:
                return True
    return False
