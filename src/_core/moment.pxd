# A moment: what a text says about a day, a time and an offset, part by part, before anything is computed from
# it.
#
# It starts as 1970-01-01 00:00 in UTC, so that what a text leaves out is that. The readers of parts take a
# place and an end, and give the number of bytes that the part has there; 0 if it is not there.

from libc.stdint cimport int32_t, int64_t


cdef extern from "_core/civil.h" nogil:
    enum:
        CIVIL_DAY_US
        CIVIL_FIRST_DAY
        CIVIL_LAST_DAY
    bint civil_is_leap(int year)
    int civil_month_days(int year, int month)
    int32_t civil_days(int year, int month, int day)
    void civil_date(int32_t days, int* year, int* month, int* day)


cdef extern from "_core/iso.h" nogil:
    enum:
        ISO_OFFSET_LIMIT


cdef enum:
    FRACTION_DIGITS = 6               # microseconds are what PostgreSQL and Python store


ctypedef struct moment_t:
    int year
    int month
    int day
    int day_of_year                   # -1: month and day count
    int hour
    int hour_of_half                  # -1: hour counts
    bint is_afternoon
    int minute
    int second
    int microsecond
    int offset                        # minutes east of UTC


cdef inline void moment_start(moment_t* m) noexcept nogil:
    m.year = 1970
    m.month = m.day = 1
    m.day_of_year = m.hour_of_half = -1
    m.is_afternoon = False
    m.hour = m.minute = m.second = m.microsecond = m.offset = 0


cdef inline bint moment_days(const moment_t* m, int32_t* days) noexcept nogil:
    """Compute the days from 1970-01-01; False if there is no such day."""
    if not 1 <= m.year <= 9999 or not 1 <= m.day <= civil_month_days(m.year, m.month):
        return False
    days[0] = civil_days(m.year, m.month, m.day)
    if m.day_of_year >= 0:
        if not 1 <= m.day_of_year <= 365 + civil_is_leap(m.year):
            return False
        days[0] = civil_days(m.year, 1, m.day_of_year)
    return True


cdef inline bint moment_time(const moment_t* m, int64_t* us) noexcept nogil:
    """Compute the microseconds of the day; False if there is no such time."""
    cdef int hour = m.hour
    if m.hour_of_half >= 0:
        if not 1 <= m.hour_of_half <= 12:
            return False
        hour = m.hour_of_half % 12 + 12 * m.is_afternoon
    if not (0 <= hour < 24 and 0 <= m.minute < 60 and 0 <= m.second < 60):
        return False
    us[0] = <int64_t>((hour * 60 + m.minute) * 60 + m.second) * 1000000 + m.microsecond
    return True


cdef inline bint moment_instant(const moment_t* m, int64_t* us) noexcept nogil:
    """Compute the microseconds from 1970-01-01 in UTC; False if the years 1 to 9999 have no such instant."""
    cdef int32_t days = 0
    cdef int64_t time_us = 0
    if not moment_days(m, &days) or not moment_time(m, &time_us):
        return False
    us[0] = days * <int64_t>CIVIL_DAY_US + time_us - m.offset * <int64_t>60000000
    return CIVIL_FIRST_DAY * <int64_t>CIVIL_DAY_US <= us[0] < (CIVIL_LAST_DAY + 1) * <int64_t>CIVIL_DAY_US


cdef inline bint byte_is_digit(unsigned char byte) noexcept nogil:
    return c'0' <= byte <= c'9'


cdef inline Py_ssize_t part_number(
    const unsigned char* p, const unsigned char* end, int fewest, int most, int* out
) noexcept nogil:
    """Read a number of `most` digits, or of fewer where no other digit follows, but not below `fewest`."""
    cdef Py_ssize_t n = 0
    cdef int value = 0
    while n < most and p + n < end and byte_is_digit(p[n]):
        value = value * 10 + (p[n] - c'0')
        n += 1
    if n < fewest:
        return 0
    out[0] = value
    return n


cdef inline Py_ssize_t part_fraction(
    const unsigned char* p, const unsigned char* end, int* us
) noexcept nogil:
    """Read the decimals of a second; those that microseconds cannot hold have to be zeros."""
    cdef Py_ssize_t n = 0
    cdef int value = 0
    while p + n < end and byte_is_digit(p[n]):
        if n < FRACTION_DIGITS:
            value = value * 10 + (p[n] - c'0')
        elif p[n] != c'0':
            return 0
        n += 1
    for _ in range(n, FRACTION_DIGITS):
        value *= 10
    us[0] = value
    return n


cdef inline Py_ssize_t part_offset(
    const unsigned char* p, const unsigned char* end, bint needs_colon, int* minutes
) noexcept nogil:
    """Read Z, ±HH:MM or, unless the colon is needed, ±HHMM."""
    cdef Py_ssize_t n = 3
    cdef int hour = 0, minute = 0
    if p < end and p[0] == c'Z':
        minutes[0] = 0
        return 1
    if end - p < 5 or (p[0] != c'+' and p[0] != c'-') or part_number(p + 1, end, 2, 2, &hour) == 0:
        return 0
    if p[3] == c':':
        n = 4
    elif needs_colon:
        return 0
    if part_number(p + n, end, 2, 2, &minute) == 0 or minute > 59 or hour * 60 + minute > ISO_OFFSET_LIMIT:
        return 0
    minutes[0] = -(hour * 60 + minute) if p[0] == c'-' else hour * 60 + minute
    return n + 2
