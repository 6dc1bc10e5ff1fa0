# Mail addresses, and the IP addresses that may stand in them and in URIs.
#
# A mailbox is what RFC 5321 calls so, without comments or folded white space; RFC 6531's letters, all that is
# not ASCII, may stand in both parts. Lengths are in octets, as in the RFC. A domain needs no dot:
# user@localhost is an address.

from _core.span cimport span_of, span_t


cdef extern from "_core/letters.h" nogil:
    enum:
        LETTER_ALPHA
        LETTER_ATOM
        LETTER_DIGIT
        LETTER_HEX
        LETTER_LABEL
    bint letter_is(unsigned char byte, unsigned int kinds)


cdef enum:
    LOCAL_LONGEST = 64                # octets; RFC 5321, 4.5.3.1.1,
    DOMAIN_LONGEST = 255              # 4.5.3.1.2
    LABEL_LONGEST = 63                # RFC 1035, 2.3.4
    IP4_GROUPS = 4
    IP4_GROUP_DIGITS = 3
    IP6_GROUPS = 8
    IP6_GROUP_DIGITS = 4
    IP6_TAG = 5                       # bytes of "IPv6:"


cdef inline bint email_is_valid(span_t s) noexcept nogil:
    """Tell whether it is local@domain; only the last @ can be the one between."""
    cdef Py_ssize_t at = s.n - 1
    while at >= 0 and s.p[at] != c'@':
        at -= 1
    if at < 1 or at > LOCAL_LONGEST:
        return False
    if s.p[0] == c'"':
        if not local_is_quoted(span_of(s.p, at)):
            return False
    elif not local_is_dotted(span_of(s.p, at)):
        return False
    return domain_is_valid(span_of(s.p + at + 1, s.n - at - 1))


cdef inline bint local_is_dotted(span_t s) noexcept nogil:
    """Tell whether it is atoms with single dots between them."""
    cdef Py_ssize_t i
    cdef bint after_atom = False
    for i in range(s.n):
        if letter_is(s.p[i], LETTER_ATOM):
            after_atom = True
        elif after_atom and s.p[i] == c'.':
            after_atom = False
        else:
            return False
    return after_atom


cdef inline bint local_is_quoted(span_t s) noexcept nogil:
    """Tell whether it is a string in quotes; it starts with one."""
    cdef Py_ssize_t last = s.n - 1
    cdef Py_ssize_t i = 1
    if last < 1 or s.p[last] != c'"':
        return False
    while i < last:
        if s.p[i] == c'\\':
            # The character after it, printable ASCII, stands for itself; the closing quote must be left over.
            i += 1
            if i == last or not c' ' <= s.p[i] <= c'~':
                return False
        elif s.p[i] < c' ' or s.p[i] == c'"' or s.p[i] == 0x7F:
            return False
        i += 1
    return True


cdef inline bint domain_is_valid(span_t s) noexcept nogil:
    """Tell whether it is a domain name, or an IP address in brackets."""
    cdef Py_ssize_t i, start = 0
    if s.n >= 2 and s.p[0] == c'[' and s.p[s.n - 1] == c']':
        return literal_is_valid(span_of(s.p + 1, s.n - 2))
    if s.n > DOMAIN_LONGEST:
        return False
    for i in range(s.n):
        if s.p[i] == c'.':
            if not label_is_valid(span_of(s.p + start, i - start)):
                return False
            start = i + 1
    return label_is_valid(span_of(s.p + start, s.n - start))


cdef inline bint label_is_valid(span_t s) noexcept nogil:
    cdef Py_ssize_t i
    if not 1 <= s.n <= LABEL_LONGEST or s.p[0] == c'-' or s.p[s.n - 1] == c'-':
        return False
    for i in range(s.n):
        if not letter_is(s.p[i], LETTER_LABEL):
            return False
    return True


cdef inline bint literal_is_valid(span_t s) noexcept nogil:
    """Tell whether it is an IPv4 address, or IPv6: and such an address; no other tag is in use."""
    if s.n < IP6_TAG or s.p[4] != c':' or not letter_is(s.p[0], LETTER_ALPHA):
        return ip4_is_valid(s, True)
    if s.p[0] | 0x20 != c'i' or s.p[1] | 0x20 != c'p' or s.p[2] | 0x20 != c'v' or s.p[3] != c'6':
        return False
    return ip6_is_valid(span_of(s.p + IP6_TAG, s.n - IP6_TAG))


cdef inline bint ip4_is_valid(span_t s, bint has_zeros) noexcept nogil:
    """Tell whether it is four numbers up to 255; has_zeros: with leading zeros too, as in RFC 5321."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    cdef int group, digits, value
    for group in range(IP4_GROUPS):
        if group:
            if p == end or p[0] != c'.':
                return False
            p += 1
        value = digits = 0
        while p < end and digits < IP4_GROUP_DIGITS and letter_is(p[0], LETTER_DIGIT):
            if digits and value == 0 and not has_zeros:
                return False
            value = value * 10 + (p[0] - c'0')
            digits += 1
            p += 1
        if digits == 0 or value > 255:
            return False
    return p == end


cdef inline bint ip6_is_valid(span_t s) noexcept nogil:
    """Tell whether it is an IPv6 address (RFC 4291, 2.2), which may end in an IPv4 one."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    cdef const unsigned char* start
    cdef bint has_gap = end - p >= 2 and p[0] == c':' and p[1] == c':'
    cdef int groups = 0
    if has_gap:
        p += 2
        if p == end:
            return True
    while groups < IP6_GROUPS:
        start = p
        while p < end and p - start <= IP6_GROUP_DIGITS and letter_is(p[0], LETTER_HEX):
            p += 1
        if p < end and p[0] == c'.':
            groups += 2
            return ip4_is_valid(span_of(start, end - start), False) and ip6_is_complete(groups, has_gap)
        if p == start or p - start > IP6_GROUP_DIGITS:
            return False
        groups += 1
        if p == end:
            return ip6_is_complete(groups, has_gap)
        if p[0] != c':':
            return False
        p += 1
        if p < end and p[0] == c':' and not has_gap:
            has_gap = True
            p += 1
            if p == end:
                return ip6_is_complete(groups, has_gap)
    return False


cdef inline bint ip6_is_complete(int groups, bint has_gap) noexcept nogil:
    # :: stands for one group at least.
    return groups < IP6_GROUPS if has_gap else groups == IP6_GROUPS
