# Dates and times after a pattern of strptime's directives.
#
# A pattern is compiled once into a list of items, each a directive or a literal byte. Reading follows the
# list and fills a moment_t; whether that names a real day and time is looked at afterwards, so order in a
# pattern is free.
#
# Numbers take their full width (%Y 4 digits, %j 3, %y 2); for %d %m %H %I %M %S one digit is enough where no
# other follows, and %f takes all digits there are. Names of months, AM and PM are English, in any case of
# letters.
#
# If you add a directive: TEMPORAL_DIRECTIVES, directive_read, and declaration.py, which refuses patterns
# without sense.

from libc.string cimport memchr, strlen

from _core.moment cimport moment_t, part_fraction, part_number, part_offset
from _core.span cimport span_t


cdef extern from *:
    """
    static const char TEMPORAL_DIRECTIVES[] = "YymdHIMSpfbBjz";
    static const char *const TEMPORAL_MONTHS[12] = {"january", "february", "march", "april", "may", "june",
        "july", "august", "september", "october", "november", "december"};
    """
    const char* TEMPORAL_DIRECTIVES
    const char** TEMPORAL_MONTHS


cdef enum:
    TEMPORAL_DEFAULT = 0
    TEMPORAL_ANY = 1
    TEMPORAL_PATTERN = 2
    TEMPORAL_ITEMS = 64               # twice what every directive with a literal after it takes
    MONTH_PREFIX = 3                  # letters in the short name of a month
    CENTURY_PIVOT = 69                # POSIX: two digits from here on are of the twentieth century


ctypedef struct temporal_item_t:
    char directive                    # 0: a literal
    unsigned char literal


ctypedef struct temporal_t:
    int kind
    int nitems
    temporal_item_t items[TEMPORAL_ITEMS]


cdef inline int temporal_compile(const char* pattern, Py_ssize_t n, temporal_t* out) noexcept nogil:
    """Compile a field's format; -1 if a directive is unknown, or there are more items than have room."""
    cdef Py_ssize_t i = 0
    cdef char directive
    out.nitems = 0
    if memchr(pattern, c'%', n) == NULL:
        out.kind = TEMPORAL_ANY if n == 3 and pattern[0] == c'a' else TEMPORAL_DEFAULT
        return 0
    out.kind = TEMPORAL_PATTERN
    while i < n:
        directive = 0
        if pattern[i] == c'%':
            i += 1
            if i == n:
                return -1
            if pattern[i] != c'%':
                directive = pattern[i]
                if memchr(TEMPORAL_DIRECTIVES, directive, strlen(TEMPORAL_DIRECTIVES)) == NULL:
                    return -1
        if out.nitems == TEMPORAL_ITEMS:
            return -1
        out.items[out.nitems].directive = directive
        out.items[out.nitems].literal = <unsigned char>pattern[i]
        out.nitems += 1
        i += 1
    return 0


cdef inline bint pattern_read(const temporal_t* pattern, span_t s, moment_t* out) noexcept nogil:
    """Read a text that follows the pattern to the end of both."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    cdef Py_ssize_t width
    cdef int i
    for i in range(pattern.nitems):
        if pattern.items[i].directive == 0:
            width = p < end and p[0] == pattern.items[i].literal
        else:
            width = directive_read(pattern.items[i].directive, p, end, out)
        if width == 0:
            return False
        p += width
    return p == end


cdef inline Py_ssize_t directive_read(
    char directive, const unsigned char* p, const unsigned char* end, moment_t* out
) noexcept nogil:
    """Read what a directive stands for; give the bytes it takes, 0 if it is not there."""
    if directive == c'Y':
        return part_number(p, end, 4, 4, &out.year)
    elif directive == c'y':
        return part_short_year(p, end, &out.year)
    elif directive == c'm':
        return part_number(p, end, 1, 2, &out.month)
    elif directive == c'd':
        return part_number(p, end, 1, 2, &out.day)
    elif directive == c'H':
        return part_number(p, end, 1, 2, &out.hour)
    elif directive == c'I':
        return part_number(p, end, 1, 2, &out.hour_of_half)
    elif directive == c'M':
        return part_number(p, end, 1, 2, &out.minute)
    elif directive == c'S':
        return part_number(p, end, 1, 2, &out.second)
    elif directive == c'f':
        return part_fraction(p, end, &out.microsecond)
    elif directive == c'j':
        return part_number(p, end, 3, 3, &out.day_of_year)
    elif directive == c'p':
        return part_half(p, end, &out.is_afternoon)
    elif directive == c'z':
        return part_offset(p, end, False, &out.offset)
    return part_month(p, end, directive == c'B', &out.month)


cdef inline Py_ssize_t part_short_year(
    const unsigned char* p, const unsigned char* end, int* year
) noexcept nogil:
    cdef int value = 0
    if part_number(p, end, 2, 2, &value) == 0:
        return 0
    year[0] = value + (1900 if value >= CENTURY_PIVOT else 2000)
    return 2


cdef inline Py_ssize_t part_half(
    const unsigned char* p, const unsigned char* end, bint* is_afternoon
) noexcept nogil:
    """Read AM or PM."""
    if end - p < 2 or p[1] | 0x20 != c'm' or (p[0] | 0x20 != c'a' and p[0] | 0x20 != c'p'):
        return 0
    is_afternoon[0] = p[0] | 0x20 == c'p'
    return 2


cdef inline Py_ssize_t part_month(
    const unsigned char* p, const unsigned char* end, bint is_long, int* month
) noexcept nogil:
    """Read an English name of a month; no long one is the beginning of another."""
    cdef Py_ssize_t n, i
    cdef int m
    for m in range(12):
        n = <Py_ssize_t>strlen(TEMPORAL_MONTHS[m]) if is_long else MONTH_PREFIX
        i = 0
        while i < n and p + i < end and p[i] | 0x20 == TEMPORAL_MONTHS[m][i]:
            i += 1
        if i == n:
            month[0] = m + 1
            return n
    return 0
