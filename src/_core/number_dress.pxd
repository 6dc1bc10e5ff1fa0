# Numbers in local dress: `€ 1.234,56`, `95%`, `15.00 BRL`. They are rewritten to the plain form, which the
# plain parsers then read, so a number is the same number however it was dressed.
#
# What could be read in two ways is refused: a point that is neither the decimal nor the group character, a
# group character that does not stand between digits or stands behind the decimal point, a sign apart from its
# digits, a bracket that might mean "negative", a point between a prefix and the first digit (`Rs.500`), and a
# point or comma that is said to part groups, but parts a number in two without three digits at its end (`1234.56`).

from _core.codes cimport CODE_FORMAT, CODE_TYPE
from _core.plan cimport dress_t
from _core.span cimport span_of, span_t
from _core.wordset cimport wordset_find

from libc.string cimport memcmp


cdef inline bint dress_digit(unsigned char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline int dress_off(const dress_t* dress, span_t* text, unsigned char* out) noexcept nogil:
    """Rewrite a number into `out`, which has room for its bytes; `text` becomes what was written."""
    cdef span_t s = text[0]
    cdef int code = 0
    cdef Py_ssize_t n
    if dress.has_currency:
        code = dress_currency(dress, &s)
    if not code and dress.has_extras and not dress_strip(dress, &s):
        code = CODE_TYPE
    if code:
        return code
    if dress.is_plain:
        text[0] = s
        return 0
    n = dress_plain(dress, s, out)
    if n < 0:
        return CODE_TYPE
    text[0] = span_of(out, n)
    return 0


cdef inline int dress_currency(const dress_t* dress, span_t* s) noexcept nogil:
    """Take the currency code off either end, and the blank beside it."""
    cdef span_t word
    cdef Py_ssize_t n = s.n
    if n < 4:
        return CODE_FORMAT
    if dress_digit(s.p[n - 1]) or not dress_letter(s.p[n - 1]):
        word = span_of(s.p, 3)
        s[0] = span_of(s.p + 3, n - 3)
        if s.p[0] == c' ':
            s[0] = span_of(s.p + 1, s.n - 1)
    else:
        word = span_of(s.p + n - 3, 3)
        s[0] = span_of(s.p, n - 3)
        if s.p[s.n - 1] == c' ':
            s[0] = span_of(s.p, s.n - 1)
    return 0 if s.n and wordset_find(dress.currencies, word) >= 0 else CODE_FORMAT


cdef inline bint dress_letter(unsigned char c) noexcept nogil:
    return c'A' <= (c & 0xDF) <= c'Z'


cdef inline bint dress_strip(const dress_t* dress, span_t* s) noexcept nogil:
    """Take off what is no number at both ends; False if what is taken off might matter to the number."""
    cdef Py_ssize_t start = 0, end = s.n, i
    while start < end and not dress_digit(s.p[start]):
        start += 1
    if start == end:
        # No digit at all: NaN, or nothing that the parser takes.
        return True
    while not dress_digit(s.p[end - 1]):
        end -= 1
    if end < s.n and dress_is(dress.point, s[0], end):
        end += dress.point.n
    if start and dress_ends(dress.point, s[0], start):
        # `.5`, `-.5`; behind anything else a point may belong to the words before.
        i = start - dress.point.n
        if i and s.p[i - 1] != c'-' and s.p[i - 1] != c'+':
            return False
        start = i
    if start and (s.p[start - 1] == c'-' or s.p[start - 1] == c'+'):
        start -= 1
    for i in range(s.n):
        if i < start or i >= end:
            if s.p[i] == c'-' or s.p[i] == c'+' or s.p[i] == c'(' or s.p[i] == c')':
                return False
    if start and dress.group.n and dress_ends(dress.group, s[0], start) and dress.group.p[0] == c'.':
        return False
    s[0] = span_of(s.p + start, end - start)
    return True


cdef inline bint dress_is(span_t mark, span_t s, Py_ssize_t at) noexcept nogil:
    return mark.n > 0 and at + mark.n <= s.n and memcmp(s.p + at, mark.p, <size_t> mark.n) == 0


cdef inline bint dress_ends(span_t mark, span_t s, Py_ssize_t at) noexcept nogil:
    """Tell whether the mark stands right before a place."""
    return at >= mark.n and dress_is(mark, s, at - mark.n)


cdef inline Py_ssize_t dress_plain(const dress_t* dress, span_t s, unsigned char* out) noexcept nogil:
    """Leave groups out and write the decimal point as one; -1 if a mark is out of place."""
    cdef Py_ssize_t at = 0, n = 0
    cdef Py_ssize_t groups = 0         # marks between them
    cdef Py_ssize_t last = 0           # where the last group begins in `out`
    cdef Py_ssize_t end = -1           # where it ends, if something follows
    cdef bint has_point = False
    while at < s.n:
        if dress_is(dress.point, s, at):
            if has_point:
                return -1
            has_point = True
            groups = 0
            out[n] = c'.'
            n += 1
            at += dress.point.n
        elif dress_is(dress.group, s, at):
            if has_point or at == 0 or not dress_digit(s.p[at - 1]):
                return -1
            at += dress.group.n
            if at == s.n or not dress_digit(s.p[at]):
                return -1
            groups += 1
            last = n
        elif s.p[at] == c'.':
            return -1
        else:
            # Behind an exponent's letter nothing is grouped.
            if end < 0 and (s.p[at] == c'e' or s.p[at] == c'E'):
                has_point = True
                end = n
            out[n] = s.p[at]
            n += 1
            at += 1
    if groups == 1 and (dress.group.p[0] == c'.' or dress.group.p[0] == c',') and (n if end < 0 else end) - last != 3:
        return -1
    return n
