# Years and months of years: four digits, and two more behind a hyphen.
#
# Longer or negative years and time zones, which XML Schema's gYear has, are no years here: Table Schema says
# four digits. 0000 is ISO's year zero.

from libc.stdint cimport int64_t

from _core.codes cimport CODE_TYPE
from _core.span cimport span_t


cdef inline int year_parse(span_t s, int64_t* year) noexcept nogil:
    cdef int i
    year[0] = 0
    if s.n != 4:
        return CODE_TYPE
    for i in range(4):
        if not c'0' <= s.p[i] <= c'9':
            return CODE_TYPE
        year[0] = 10 * year[0] + (s.p[i] - c'0')
    return 0


cdef inline int yearmonth_parse(span_t s, int64_t* months) noexcept nogil:
    """Read YYYY-MM as the months since January of year zero."""
    cdef int64_t month
    cdef span_t head = s
    if s.n != 7 or s.p[4] != c'-' or not c'0' <= s.p[5] <= c'1' or not c'0' <= s.p[6] <= c'9':
        return CODE_TYPE
    head.n = 4
    if year_parse(head, months):
        return CODE_TYPE
    month = 10 * (s.p[5] - c'0') + (s.p[6] - c'0')
    if not 1 <= month <= 12:
        return CODE_TYPE
    months[0] = 12 * months[0] + month - 1
    return 0
