# A number as it is written: `[+-]?(digits[.digits*]|.digits)([eE][+-]?digits)?`, in ASCII.
#
# number_scan takes it apart and reads no value; the questions asked afterwards (does it fit, which is larger,
# what are its base-10000 groups) only look at where its digits stand. Digits are counted over whole part and
# decimals together, from the left, starting with 0. `point` is the count of digits left of the decimal point
# after the exponent has moved it, so it can lie outside the digits, on either side: in 12e3 it is 5, in 12e-3
# it is -1.

from libc.stdint cimport int64_t, uint64_t

from _core.codes cimport CODE_TYPE
from _core.span cimport span_t


cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    uint64_t word_load_digits(const unsigned char* p, size_t n)
    bint word_is_digits(uint64_t word)
    uint64_t word_number(uint64_t word)


cdef extern from "_core/powers.h" nogil:
    const uint64_t* POWER_OF_TEN      # 10^0 .. 10^19


cdef enum:
    NUMBER_EXPONENT_LIMIT = 1073741823    # INT_MAX / 2: PostgreSQL reads none from here on
    NUMERIC_DECIMALS = 16383          # PostgreSQL, "Numeric types": digits after the decimal point


ctypedef struct number_t:
    bint is_negative
    const unsigned char* whole
    const unsigned char* decimals
    Py_ssize_t whole_n
    Py_ssize_t decimals_n
    int64_t exponent                  # stops at ±NUMBER_EXPONENT_LIMIT
    int64_t point
    Py_ssize_t first                  # the first digit that is not 0; -1: the number is zero
    Py_ssize_t last                   # the last digit that is not 0


cdef inline int number_scan(span_t s, number_t* out) noexcept nogil:
    """Take a number apart; CODE_TYPE if the text is none."""
    cdef const unsigned char* p = s.p
    cdef const unsigned char* end = s.p + s.n
    # Zero, should a caller go on with what is no number.
    out.first = out.last = -1
    out.point = out.exponent = 0
    out.is_negative = p < end and p[0] == c'-'
    if out.is_negative or (p < end and p[0] == c'+'):
        p += 1
    out.whole = p
    out.whole_n = digits_run(p, end)
    p += out.whole_n
    out.decimals = p
    out.decimals_n = 0
    if p < end and p[0] == c'.':
        p += 1
        out.decimals = p
        out.decimals_n = digits_run(p, end)
        p += out.decimals_n
    if out.whole_n + out.decimals_n == 0:
        return CODE_TYPE
    if p < end and number_exponent(p, end, &out.exponent) != 0:
        return CODE_TYPE
    out.point = out.whole_n + out.exponent
    number_trim(out)
    return 0


cdef inline int number_scan_decimal(span_t s, number_t* out) noexcept nogil:
    """Take a number apart that is to be a decimal, so of an exponent that PostgreSQL reads."""
    if number_scan(s, out) != 0 or not -NUMBER_EXPONENT_LIMIT < out.exponent < NUMBER_EXPONENT_LIMIT:
        return CODE_TYPE
    return 0


cdef inline int number_exponent(
    const unsigned char* p, const unsigned char* end, int64_t* out
) noexcept nogil:
    """Read `[eE][+-]?digits` up to the end; p < end."""
    cdef bint is_negative
    cdef int64_t value = 0
    if p[0] | 0x20 != c'e':
        return CODE_TYPE
    p += 1
    is_negative = p < end and p[0] == c'-'
    if is_negative or (p < end and p[0] == c'+'):
        p += 1
    if p == end:
        return CODE_TYPE
    while p < end:
        if not c'0' <= p[0] <= c'9':
            return CODE_TYPE
        value = min(value * 10 + (p[0] - c'0'), NUMBER_EXPONENT_LIMIT)
        p += 1
    out[0] = -value if is_negative else value
    return 0


cdef inline void number_trim(number_t* number) noexcept nogil:
    """Find the first and the last digit that is not 0, if there is one."""
    cdef Py_ssize_t count = number.whole_n + number.decimals_n
    cdef Py_ssize_t first = 0
    cdef Py_ssize_t last = count - 1
    while first < count and number_digit(number, first) == 0:
        first += 1
    if first == count:
        return
    while number_digit(number, last) == 0:
        last -= 1
    number.first = first
    number.last = last


cdef inline unsigned char number_digit(const number_t* number, Py_ssize_t i) noexcept nogil:
    """Give digit i as 0 to 9; 0 for the places left and right of what is written."""
    if i < 0 or i >= number.whole_n + number.decimals_n:
        return 0
    return (number.whole[i] if i < number.whole_n else number.decimals[i - number.whole_n]) - c'0'


cdef inline int number_sign(const number_t* number) noexcept nogil:
    """Give -1, 0 or 1; -0 has no sign."""
    if number.first < 0:
        return 0
    return -1 if number.is_negative else 1


cdef inline bint number_fits(const number_t* number, int precision, int scale) noexcept nogil:
    """Tell whether numeric(precision, scale) holds the number without rounding."""
    if number.first < 0:
        return True
    return number.last + 1 - number.point <= scale and number.point - number.first <= precision - scale


cdef inline int number_compare_size(const number_t* a, const number_t* b) noexcept nogil:
    """Order two numbers, neither of them zero, without their signs: -1, 0 or 1."""
    cdef int64_t a_size = a.point - a.first
    cdef int64_t b_size = b.point - b.first
    cdef unsigned char x, y
    cdef Py_ssize_t i
    if a_size != b_size:
        return -1 if a_size < b_size else 1
    for i in range(max(a.last - a.first, b.last - b.first) + 1):
        x = number_digit(a, a.first + i)
        y = number_digit(b, b.first + i)
        if x != y:
            return -1 if x < y else 1
    return 0


cdef inline uint64_t number_head(const number_t* number, Py_ssize_t count) noexcept nogil:
    """Read `count` digits from the first that is not 0; 19 at most, which fit whatever they are."""
    cdef Py_ssize_t start = number.first
    cdef Py_ssize_t of_whole = min(max(number.whole_n - start, 0), count)
    cdef uint64_t value = 0
    if of_whole > 0:
        digits_append(number.whole + start, of_whole, &value)
        start = number.whole_n
    digits_append(number.decimals + (start - number.whole_n), count - of_whole, &value)
    return value


cdef inline Py_ssize_t digits_run(const unsigned char* p, const unsigned char* end) noexcept nogil:
    """Count the digits that p starts with."""
    cdef const unsigned char* start = p
    while end - p >= 8 and word_is_digits(word_load(p)):
        p += 8
    while p < end and c'0' <= p[0] <= c'9':
        p += 1
    return p - start


cdef inline bint digits_append(const unsigned char* p, Py_ssize_t n, uint64_t* value) noexcept nogil:
    """Read n digits behind those that `value` has, 19 in all; False if a byte is no digit."""
    cdef uint64_t word
    cdef Py_ssize_t count
    while n > 0:
        count = min(n, 8)
        word = word_load_digits(p, count)
        if not word_is_digits(word):
            return False
        value[0] = value[0] * POWER_OF_TEN[count] + word_number(word)
        p += count
        n -= count
    return True
