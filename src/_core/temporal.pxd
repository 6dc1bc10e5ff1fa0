# Dates, times and instants: the shapes of ISO 8601, or any shape after a pattern.
#
# Instants are microseconds from 1970-01-01 in UTC; a text without an offset is UTC already. The calendar
# covers the years 0001 to 9999, which Python and PostgreSQL both have, and is checked after the offset is
# taken off. There are no leap seconds and no 24:00. A fraction has any number of digits, but what is smaller
# than a microsecond is refused, not cut off.
#
# The fixed parts of ISO texts are read as words (iso.h), patterns item by item (temporal_pattern.pxd).

from libc.stdint cimport int32_t, int64_t

from _core.codes cimport CODE_TYPE
from _core.moment cimport (
    moment_days, moment_instant, moment_start, moment_t, moment_time, part_fraction, part_offset,
)
from _core.span cimport span_t
from _core.temporal_pattern cimport (
    TEMPORAL_ANY, TEMPORAL_PATTERN, pattern_read, temporal_compile, temporal_t,
)


cdef extern from "_core/iso.h" nogil:
    enum:
        ISO_DATE
        ISO_TIME
    int iso_date_number(const unsigned char* p)
    int iso_time_number(const unsigned char* p)


cdef inline int date_parse(span_t s, const temporal_t* fmt, int32_t* days) noexcept nogil:
    """Read a date as days from 1970-01-01; fmt NULL or without a pattern: ISO."""
    cdef moment_t moment
    moment_start(&moment)
    if temporal_has_pattern(fmt):
        if not pattern_read(fmt, s, &moment):
            return CODE_TYPE
    elif s.n != ISO_DATE or not iso_date_read(s.p, &moment):
        return CODE_TYPE
    return 0 if moment_days(&moment, days) else CODE_TYPE


cdef inline int time_parse(span_t s, const temporal_t* fmt, int64_t* us) noexcept nogil:
    """Read a time as microseconds of the day; fmt NULL or without a pattern: ISO."""
    cdef moment_t moment
    moment_start(&moment)
    if temporal_has_pattern(fmt):
        if not pattern_read(fmt, s, &moment):
            return CODE_TYPE
    elif iso_time_read(s.p, s.p + s.n, &moment) != s.n or s.n == 0:
        return CODE_TYPE
    return 0 if moment_time(&moment, us) else CODE_TYPE


cdef inline int datetime_parse(span_t s, const temporal_t* fmt, int64_t* us) noexcept nogil:
    """Read an instant as microseconds from 1970-01-01 in UTC; fmt NULL or without a pattern: ISO."""
    cdef moment_t moment
    moment_start(&moment)
    if temporal_has_pattern(fmt):
        if not pattern_read(fmt, s, &moment):
            return CODE_TYPE
    elif not iso_datetime_read(s, fmt != NULL and fmt.kind == TEMPORAL_ANY, &moment):
        return CODE_TYPE
    return 0 if moment_instant(&moment, us) else CODE_TYPE


cdef inline bint temporal_has_pattern(const temporal_t* fmt) noexcept nogil:
    return fmt != NULL and fmt.kind == TEMPORAL_PATTERN


cdef inline bint iso_datetime_read(span_t s, bint takes_blank, moment_t* out) noexcept nogil:
    """Read YYYY-MM-DDTHH:MM:SS[.f][Z|±HH:MM] to its end."""
    cdef const unsigned char* p = s.p + ISO_DATE + 1
    cdef const unsigned char* end = s.p + s.n
    cdef Py_ssize_t width
    if s.n < ISO_DATE + 1 + ISO_TIME or not iso_date_read(s.p, out):
        return False
    if s.p[ISO_DATE] != c'T' and not (takes_blank and s.p[ISO_DATE] == c' '):
        return False
    width = iso_time_read(p, end, out)
    if width == 0:
        return False
    p += width
    return p == end or part_offset(p, end, True, &out.offset) == end - p


cdef inline bint iso_date_read(const unsigned char* p, moment_t* out) noexcept nogil:
    """Read the ten bytes of YYYY-MM-DD."""
    cdef int number = iso_date_number(p)
    if number < 0:
        return False
    out.year = number // 10000
    out.month = number // 100 % 100
    out.day = number % 100
    return True


cdef inline Py_ssize_t iso_time_read(
    const unsigned char* p, const unsigned char* end, moment_t* out
) noexcept nogil:
    """Read HH:MM:SS[.f]; give the bytes it takes, 0 if it is not there."""
    cdef int number
    cdef Py_ssize_t width
    if end - p < ISO_TIME:
        return 0
    number = iso_time_number(p)
    if number < 0:
        return 0
    out.hour = number // 10000
    out.minute = number // 100 % 100
    out.second = number % 100
    if end - p == ISO_TIME or p[ISO_TIME] != c'.':
        return ISO_TIME
    width = part_fraction(p + ISO_TIME + 1, end, &out.microsecond)
    return ISO_TIME + 1 + width if width else 0
