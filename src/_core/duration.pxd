# Durations as XML Schema and ISO 8601's extended format have them: `P1Y2M3DT4H5M6.7S`, a minus in front if
# negative.
#
# Order is XML Schema's: a month has no fixed length, so two durations are compared by adding both to four
# chosen dates, and only what all four agree on holds; P1M against P30D is undecided, and breaks any limit.
# Each count has at most DURATION_DIGITS digits and seconds nine decimals, so that all of this is exact.
#
# Source: XML Schema Part 2, 3.2.6 and appendix E.

from libc.stdint cimport int64_t

from _core.span cimport span_t

cdef enum:
    DURATION_DIGITS = 10
    DURATION_DECIMALS = 9
    DURATION_UNSURE = 2           # neither less, equal nor more

ctypedef struct duration_t:
    int64_t months
    int64_t seconds
    int64_t nanoseconds           # all three have the same sign


cdef inline bint duration_parse(span_t s, duration_t* out) noexcept nogil:
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    cdef const char* units = b"YMDTHMS"
    cdef int64_t sign = 1, count, fraction
    cdef int at = 0
    cdef bint has_fraction, is_filled = False
    out.months = out.seconds = out.nanoseconds = 0
    if p < end and p[0] == c'-':
        sign = -1
        p += 1
    if p == end or p[0] != c'P':
        return False
    p += 1
    while p < end:
        if p[0] == c'T':
            if at > 3:
                return False
            at, is_filled = 4, False
            p += 1
            continue
        p = duration_number(p, end, &count, &fraction, &has_fraction)
        if p == NULL or p == end:
            return False
        while units[at] and <unsigned char> units[at] != p[0]:
            # A unit of time of day has to stand behind the T.
            if units[at] == c'T':
                return False
            at += 1
        if not units[at] or (has_fraction and at != 6):
            return False
        duration_add(out, at, sign * count, sign * fraction)
        at += 1
        is_filled = True
        p += 1
    return is_filled


cdef inline void duration_add(duration_t* out, int unit, int64_t count, int64_t fraction) noexcept nogil:
    if unit == 0:
        out.months += 12 * count
    elif unit == 1:
        out.months += count
    elif unit == 2:
        out.seconds += 86400 * count
    elif unit == 4:
        out.seconds += 3600 * count
    elif unit == 5:
        out.seconds += 60 * count
    else:
        out.seconds += count
        out.nanoseconds = fraction


cdef inline const unsigned char* duration_number(
    const unsigned char* p, const unsigned char* end, int64_t* count, int64_t* fraction, bint* has_fraction
) noexcept nogil:
    """Read digits, and decimals if there are any; return where they end, or NULL."""
    cdef const unsigned char* start = p
    cdef int n = 0, _
    count[0] = fraction[0] = 0
    has_fraction[0] = False
    while p < end and c'0' <= p[0] <= c'9':
        count[0] = 10 * count[0] + (p[0] - c'0')
        n += count[0] > 0
        if n > DURATION_DIGITS:
            return NULL
        p += 1
    if p == start:
        return NULL
    if p == end or p[0] != c'.':
        return p
    has_fraction[0] = True
    p += 1
    start = p
    for _ in range(DURATION_DECIMALS):
        fraction[0] *= 10
        if p < end and c'0' <= p[0] <= c'9':
            fraction[0] += p[0] - c'0'
            p += 1
    while p < end and p[0] == c'0':
        p += 1
    # More decimals than nine that count, or none at all.
    if p == start or (p < end and c'0' <= p[0] <= c'9'):
        return NULL
    return p


cdef inline int64_t duration_days(int64_t year, int64_t month) noexcept nogil:
    """Count the days before the first of a month, which may be any number from January of the year."""
    cdef int64_t era
    month += 10
    year += (month if month >= 0 else month - 11) // 12 - 1
    month = ((month % 12) + 12) % 12
    era = (year if year >= 0 else year - 399) // 400
    year -= era * 400
    return era * 146097 + year * 365 + year // 4 - year // 100 + (153 * month + 2) // 5


cdef inline int duration_compare(const duration_t* a, const duration_t* b) noexcept nogil:
    """Give -1, 0, 1, or DURATION_UNSURE."""
    cdef int64_t[4] years = [1696, 1697, 1903, 1903]
    cdef int64_t[4] months = [8, 1, 2, 6]
    cdef int64_t x, y, m, n
    cdef int i, order, found = 0
    for i in range(4):
        x = duration_days(years[i], months[i] + a.months) * 86400 + a.seconds
        y = duration_days(years[i], months[i] + b.months) * 86400 + b.seconds
        m, n = a.nanoseconds, b.nanoseconds
        # Nanoseconds of the other sign borrow a second.
        if m < 0:
            x, m = x - 1, m + 1000000000
        if n < 0:
            y, n = y - 1, n + 1000000000
        order = (x > y) - (x < y)
        if order == 0:
            order = (m > n) - (m < n)
        if i and order != found:
            return DURATION_UNSURE
        found = order
    return found
