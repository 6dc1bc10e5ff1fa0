# Text: valid or not, how long, and the transforms that need no table of all characters.
#
# White space is what Python's str.isspace calls so. Everything but utf8_valid is given valid UTF-8; given
# anything else it stays within its bounds, and that is all.

from libc.stdint cimport uint64_t

from _core.span cimport span_of, span_t


cdef extern from "_core/utf8.h" nogil:
    bint utf8_is_valid(int isa, const unsigned char* p, size_t n)
    bint utf8_is_clean(int isa, const unsigned char* p, size_t n)
    size_t utf8_count(const unsigned char* p, size_t n)


cdef extern from "_core/shape.h" nogil:
    bint shape_is_collapsed(const unsigned char* p, size_t n)


cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    void word_store(unsigned char* p, uint64_t word)
    uint64_t word_below(uint64_t ascii, unsigned int limit)
    uint64_t WORD_EACH(unsigned char byte)
    uint64_t WORD_HIGH_BITS


cdef inline bint utf8_valid(int isa, const unsigned char* p, Py_ssize_t n) noexcept nogil:
    """Tell whether the bytes are UTF-8 without surrogates, overlong forms or anything above U+10FFFF."""
    return utf8_is_valid(isa, p, <size_t>n)


cdef inline bint utf8_clean(int isa, const unsigned char* p, Py_ssize_t n) noexcept nogil:
    """Tell whether the bytes are UTF-8, and none is NUL."""
    return utf8_is_clean(isa, p, <size_t>n)


cdef inline Py_ssize_t utf8_length(const unsigned char* p, Py_ssize_t n) noexcept nogil:
    """Count code points."""
    return <Py_ssize_t>utf8_count(p, <size_t>n)


cdef inline span_t text_trim(span_t s) noexcept nogil:
    """Leave out white space at both ends."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    cdef Py_ssize_t width
    if s.n and c' ' < p[0] < 0x80 and c' ' < (end - 1)[0] < 0x80:
        return s
    while p < end:
        width = space_at(p, end)
        if width == 0:
            break
        p += width
    while p < end:
        width = space_before(p, end)
        if width == 0:
            break
        end -= width
    return span_of(p, end - p)


cdef inline bint text_is_collapsed(span_t s) noexcept nogil:
    """Tell at a glance whether text_collapse would change nothing; False if it takes a closer look."""
    return shape_is_collapsed(s.p, <size_t>s.n)


cdef inline Py_ssize_t text_collapse(span_t s, unsigned char* out) noexcept nogil:
    """Trim, and make each run of white space one blank; `out` has room for s.n bytes and may be s.p."""
    cdef span_t text = text_trim(s)
    cdef const unsigned char* p = text.p
    cdef const unsigned char* end = text.p + text.n
    cdef unsigned char* to = out
    cdef Py_ssize_t width
    while p < end:
        # A word that can stand as it is; p is never at the second blank of a run, nor within a character.
        if end - p > 8 and word_is_collapsed(word_load(p)) and p[8] > c' ' and p[8] < 0x80:
            word_store(to, word_load(p))
            p += 8
            to += 8
            continue
        width = space_at(p, end)
        if width == 0:
            to[0] = p[0]
            p += 1
            to += 1
            continue
        to[0] = c' '
        to += 1
        while width:
            p += width
            width = space_at(p, end)
    return to - out


cdef inline bint word_is_collapsed(uint64_t word) noexcept nogil:
    """Tell whether eight bytes are ASCII without control characters and without two blanks side by side."""
    cdef uint64_t blanks
    if word & WORD_HIGH_BITS or word_below(word, c' '):
        return False
    blanks = word_below(word, c' ' + 1)
    return blanks & (blanks >> 8) == 0


cdef inline bint text_lower_ascii(span_t s, unsigned char* out) noexcept nogil:
    """Write the text with A-Z lowered; True if it holds more than ASCII, which is still as it was."""
    return text_flip_ascii(s, out, c'A')


cdef inline bint text_upper_ascii(span_t s, unsigned char* out) noexcept nogil:
    """Write the text with a-z uppered; True if it holds more than ASCII, which is still as it was."""
    return text_flip_ascii(s, out, c'a')


cdef inline bint text_flip_ascii(span_t s, unsigned char* out, unsigned char first) noexcept nogil:
    """Change the case of the 26 letters from `first` on; `out` has room for s.n bytes and may be s.p."""
    cdef Py_ssize_t i = 0
    cdef uint64_t word, ascii
    cdef uint64_t foreign = 0
    while s.n - i >= 8:
        word = word_load(s.p + i)
        foreign |= word & WORD_HIGH_BITS
        ascii = word & ~WORD_HIGH_BITS
        # The two cases of a letter differ by 0x20, a high bit shifted down by two.
        word ^= (word_below(ascii, first + 26) & ~word_below(ascii, first) & ~word) >> 2
        word_store(out + i, word)
        i += 8
    while i < s.n:
        foreign |= s.p[i] & 0x80
        out[i] = s.p[i] ^ 0x20 if first <= s.p[i] < first + 26 else s.p[i]
        i += 1
    return foreign != 0


cdef inline Py_ssize_t space_at(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the bytes of the white-space character that p starts with; 0 if it is none, or p is the end."""
    if p == end or p[0] > c' ' and p[0] < 0xC2:
        return 0
    if p[0] <= c' ':
        return space_is_ascii(p[0])
    if end - p >= 2 and p[0] == 0xC2:
        return 2 if p[1] == 0x85 or p[1] == 0xA0 else 0
    return 3 if end - p >= 3 and space_is_wide(p) else 0


cdef inline Py_ssize_t space_before(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Give the bytes of the white-space character that ends at `end`, p < end; 0 if it is none."""
    if (end - 1)[0] < 0x80:
        return space_is_ascii((end - 1)[0])
    if end - p >= 2 and (end - 2)[0] == 0xC2:
        return 2 if (end - 1)[0] == 0x85 or (end - 1)[0] == 0xA0 else 0
    return 3 if end - p >= 3 and space_is_wide(end - 3) else 0


cdef inline bint space_is_ascii(unsigned char byte) noexcept nogil:
    # Tab to carriage return; the four separators 1C to 1F; the blank.
    return 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x20


cdef inline bint space_is_wide(const unsigned char* p) noexcept nogil:
    """Tell whether three bytes are U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F or U+3000."""
    if p[0] == 0xE2 and p[1] == 0x80:
        return 0x80 <= p[2] <= 0x8A or p[2] == 0xA8 or p[2] == 0xA9 or p[2] == 0xAF
    if p[0] == 0xE2:
        return p[1] == 0x81 and p[2] == 0x9F
    if p[0] == 0xE3:
        return p[1] == 0x80 and p[2] == 0x80
    return p[0] == 0xE1 and p[1] == 0x9A and p[2] == 0x80
