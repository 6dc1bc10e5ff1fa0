# String formats: gtin, uuid and uri; email, and the IP addresses that it shares with uri, are in address.pxd.
#
# Each returns 0, CODE_FORMAT, or, for a GTIN of the right shape with a wrong last digit, CODE_CHECK_DIGIT.

from libc.stdint cimport uint64_t

from _core.address cimport email_is_valid, ip6_is_valid
from _core.codes cimport CODE_CHECK_DIGIT, CODE_FORMAT
from _core.span cimport span_of, span_t


cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    uint64_t word_load_digits(const unsigned char* p, size_t n)
    bint word_is_digits(uint64_t word)
    unsigned int word_digit_sum(uint64_t word, unsigned int even, unsigned int odd)


cdef extern from "_core/letters.h" nogil:
    enum:
        LETTER_HEX
        LETTER_DIGIT
        LETTER_ALPHA
        LETTER_SCHEME
        LETTER_REG_NAME
        LETTER_USERINFO
        LETTER_PATH
        LETTER_QUERY
    bint letter_is(unsigned char byte, unsigned int kinds)


cdef extern from "_core/shape.h" nogil:
    bint shape_is_url(const unsigned char* p, size_t n)


cdef enum:
    UUID_TEXT = 36                    # bytes of 8-4-4-4-12 hexadecimal digits and the hyphens between
    GTIN_LONGEST = 14


cdef inline int email_check(span_t s) noexcept nogil:
    """Check a mailbox as RFC 5321 has it, with the letters that RFC 6531 adds."""
    return 0 if email_is_valid(s) else CODE_FORMAT


cdef inline int gtin_check(span_t s) noexcept nogil:
    """Check a GTIN-8, -12, -13 or -14 and its check digit (GS1 General Specifications, 7.9)."""
    cdef uint64_t head, tail
    if s.n != 8 and (s.n < 12 or s.n > GTIN_LONGEST):
        return CODE_FORMAT
    head = word_load_digits(s.p, s.n - 8)
    tail = word_load(s.p + s.n - 8)
    if not word_is_digits(head) or not word_is_digits(tail):
        return CODE_FORMAT
    # From the right, digits weigh 1 and 3 in turn; the last byte of a word is its odd seventh.
    if (word_digit_sum(head, 3, 1) + word_digit_sum(tail, 3, 1)) % 10:
        return CODE_CHECK_DIGIT
    return 0


cdef inline int uuid_check(span_t s) noexcept nogil:
    """Check for hexadecimal digits, in any case, grouped 8-4-4-4-12; any version, any variant."""
    cdef int i
    if s.n != UUID_TEXT:
        return CODE_FORMAT
    for i in range(UUID_TEXT):
        if i == 8 or i == 13 or i == 18 or i == 23:
            if s.p[i] != c'-':
                return CODE_FORMAT
        elif not letter_is(s.p[i], LETTER_HEX):
            return CODE_FORMAT
    return 0


cdef inline int uri_check(span_t s) noexcept nogil:
    """Check a URI with its scheme (RFC 3986, appendix A)."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    if shape_is_url(p, <size_t> s.n):
        return 0
    if p == end or not letter_is(p[0], LETTER_ALPHA):
        return CODE_FORMAT
    while p < end and letter_is(p[0], LETTER_SCHEME):
        p += 1
    if p == end or p[0] != c':':
        return CODE_FORMAT
    p += 1
    if end - p >= 2 and p[0] == c'/' and p[1] == c'/':
        p = uri_authority_end(p + 2, end)
        # After an authority, a path begins with its slash.
        if p == NULL or (p < end and p[0] != c'/' and p[0] != c'?' and p[0] != c'#'):
            return CODE_FORMAT
    p = uri_skip(p, end, LETTER_PATH)
    if p < end and p[0] == c'?':
        p = uri_skip(p + 1, end, LETTER_QUERY)
    if p < end and p[0] == c'#':
        p = uri_skip(p + 1, end, LETTER_QUERY)
    return 0 if p == end else CODE_FORMAT


cdef inline const unsigned char* uri_skip(
    const unsigned char* p, const unsigned char* end, unsigned int kind
) noexcept nogil:
    """Go over characters of a kind, and over %XX, which may stand wherever they do."""
    while p < end:
        if letter_is(p[0], kind):
            p += 1
        elif p[0] == c'%' and end - p >= 3 and letter_is(p[1], LETTER_HEX) and letter_is(p[2], LETTER_HEX):
            p += 3
        else:
            break
    return p


cdef inline const unsigned char* uri_authority_end(
    const unsigned char* p, const unsigned char* end
) noexcept nogil:
    """Go over [userinfo@]host[:port]; NULL if the address in brackets is none."""
    cdef const unsigned char* after = uri_skip(p, end, LETTER_USERINFO)
    cdef const unsigned char* host
    if after < end and after[0] == c'@':
        p = after + 1
    if p < end and p[0] == c'[':
        host = p + 1
        while p < end and p[0] != c']':
            p += 1
        if p == end or not host_is_literal(span_of(host, p - host)):
            return NULL
        p += 1
    else:
        p = uri_skip(p, end, LETTER_REG_NAME)
    if p < end and p[0] == c':':
        p += 1
        while p < end and letter_is(p[0], LETTER_DIGIT):
            p += 1
    return p


cdef inline bint host_is_literal(span_t s) noexcept nogil:
    """Tell whether it is an IPv6 address or one of a version to come: v, its number, a dot, characters."""
    cdef Py_ssize_t i = 1
    if s.n == 0 or s.p[0] | 0x20 != c'v':
        return ip6_is_valid(s)
    while i < s.n and letter_is(s.p[i], LETTER_HEX):
        i += 1
    if i == 1 or i + 1 >= s.n or s.p[i] != c'.':
        return False
    i += 1
    while i < s.n and letter_is(s.p[i], LETTER_USERINFO):
        i += 1
    return i == s.n
