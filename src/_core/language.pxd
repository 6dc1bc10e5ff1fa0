# Language tags: well formed as RFC 5646 §2.1 has them, in any case.
#
#     langtag     = language *("-" extlang) ["-" script] ["-" region] *("-" variant) *("-" extension) ["-x" 1*private]
#     privateuse  = "x" 1*("-" (1*8alphanum))
#
# A language has two letters, and is one of ISO 639's, or three; four and more are reserved, and no language has them.
# Other subtags are held to their shape: the registry has tens of thousands, and grows. That one stands twice is not
# looked for. The tags that RFC 5646 grandfathers are none, unless they fit the grammar.

from _core.span cimport span_of, span_t
from _core.wordset cimport wordset_find, wordset_t


cdef extern from "_core/letters.h" nogil:
    enum:
        LETTER_DIGIT
        LETTER_ALPHA
    bint letter_is(unsigned char byte, unsigned int kinds)


cdef enum:
    SUBTAG_LONGEST = 8


ctypedef struct tag_t:
    # A cursor over subtags: the current one, and what follows it.
    const unsigned char* p
    Py_ssize_t n           # 0: no more
    const unsigned char* end
    bint is_alpha
    bint is_digits


cdef inline bint language_is_valid(span_t s, const wordset_t* languages) noexcept nogil:
    cdef tag_t tag
    cdef int i = 3         # extended languages
    tag.end = s.p + s.n
    if not subtag_first(&tag, s.p):
        return False
    if tag.n == 1:
        return tag.p[0] | 0x20 == c'x' and subtags_private(&tag)
    if not tag.is_alpha or tag.n > 3 or not language_is_known(&tag, languages) or not subtag_next(&tag):
        return False
    while i and tag.n == 3 and tag.is_alpha:
        i -= 1
        if not subtag_next(&tag):
            return False
    if tag.n == 4 and tag.is_alpha and not subtag_next(&tag):
        return False
    if (tag.n == 2 and tag.is_alpha or tag.n == 3 and tag.is_digits) and not subtag_next(&tag):
        return False
    while tag.n >= 5 or tag.n == 4 and letter_is(tag.p[0], LETTER_DIGIT):
        if not subtag_next(&tag):
            return False
    while tag.n == 1 and tag.p[0] | 0x20 != c'x':
        if not subtag_next(&tag) or tag.n < 2:
            return False
        while tag.n >= 2:
            if not subtag_next(&tag):
                return False
    return tag.n == 0 or tag.n == 1 and subtags_private(&tag)


cdef inline bint language_is_known(const tag_t* tag, const wordset_t* languages) noexcept nogil:
    cdef unsigned char lowered[2]
    if tag.n != 2:
        return True
    lowered[0] = tag.p[0] | 0x20
    lowered[1] = tag.p[1] | 0x20
    return wordset_find(languages, span_of(lowered, 2)) >= 0


cdef inline bint subtags_private(tag_t* tag) noexcept nogil:
    """Go to the end over private subtags, of which there is at least one; the cursor stands on their x."""
    if not subtag_next(tag) or tag.n == 0:
        return False
    while tag.n:
        if not subtag_next(tag):
            return False
    return True


cdef inline bint subtag_next(tag_t* tag) noexcept nogil:
    """Go to the next subtag; False if it is none. At the end, n is 0."""
    cdef const unsigned char* p = tag.p + tag.n
    if p == tag.end:
        tag.n = 0
        tag.p = p
        return True
    return p[0] == c'-' and subtag_first(tag, p + 1)


cdef inline bint subtag_first(tag_t* tag, const unsigned char* p) noexcept nogil:
    """Take the subtag that starts at p: one to eight letters and digits."""
    tag.p = p
    tag.is_alpha = tag.is_digits = True
    while p < tag.end and (letter_is(p[0], LETTER_ALPHA) or letter_is(p[0], LETTER_DIGIT)):
        tag.is_alpha &= letter_is(p[0], LETTER_ALPHA)
        tag.is_digits &= letter_is(p[0], LETTER_DIGIT)
        p += 1
    tag.n = p - tag.p
    return 1 <= tag.n <= SUBTAG_LONGEST
