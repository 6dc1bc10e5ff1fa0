# Numbers: from text to an int64, to a scaled decimal, to a double; and decimals compared as they are written.
#
# number_scan.pxd takes a number of any written form apart. The forms that feeds are full of, up to sixteen
# digits with as many decimals as declared, go a shorter way: one or two words of eight digits.
#
# Nothing here depends on the locale or rounds in silence: what a type cannot hold is CODE_TYPE.

from libc.math cimport INFINITY, NAN
from libc.stdint cimport INT64_MAX, int64_t, uint32_t, uint64_t

from _core.codes cimport CODE_TYPE
from _core.number_scan cimport (
    NUMERIC_DECIMALS, POWER_OF_TEN, digits_append, number_compare_size, number_digit, number_fits,
    number_head, number_scan, number_scan_decimal, number_sign, number_t, word_is_digits, word_load_digits,
    word_number,
)
from _core.span cimport span_t


cdef extern from "_core/float_read.h" nogil:
    enum:
        FLOAT_READ
        FLOAT_UNSURE
        FLOAT_EXACT_DIGITS
    int float_from_decimal(uint64_t mantissa, int64_t exponent, bint has_more, double* out)
    int float_from_digits(const unsigned char* digits, int n, bint has_more, int64_t exponent, double* out)


cdef extern from "_core/word.h" nogil:
    bint word_decimal(const unsigned char* p, size_t n, uint32_t* number, int* whole)


cdef enum:
    INT64_DIGITS = 19                 # the most an int64 has; nineteen nines still fit in a uint64
    NUMERIC_WHOLE_DIGITS = 131072     # PostgreSQL, "Numeric types": digits before the decimal point


cdef inline int integer_parse(span_t s, int64_t* out) noexcept nogil:
    """Read `[+-]?[0-9]+` that fits in an int64."""
    cdef const unsigned char* p = s.p
    cdef Py_ssize_t n = s.n
    cdef bint is_negative = n > 0 and p[0] == c'-'
    cdef uint64_t limit
    cdef uint64_t value = 0
    if is_negative or (n > 0 and p[0] == c'+'):
        p += 1
        n -= 1
    if n == 0:
        return CODE_TYPE
    while n > INT64_DIGITS:
        if p[0] != c'0':
            return CODE_TYPE
        p += 1
        n -= 1
    if not digits_append(p, n, &value):
        return CODE_TYPE
    limit = <uint64_t>INT64_MAX + is_negative
    if value > limit:
        return CODE_TYPE
    # Negated as unsigned: -2^63 has no positive counterpart in an int64.
    out[0] = <int64_t>(0 - value) if is_negative else <int64_t>value
    return 0


cdef inline int decimal_parse(span_t s, int precision, int scale, int64_t* scaled) noexcept nogil:
    """Read what numeric(precision, scale) holds unrounded, as value * 10^scale; precision is 1 to 18."""
    cdef const unsigned char* p = s.p
    cdef Py_ssize_t n = s.n
    cdef bint is_negative = n > 0 and p[0] == c'-'
    cdef Py_ssize_t whole
    cdef uint64_t head, tail
    cdef uint32_t digits
    cdef int before
    if 3 <= n <= 8 and word_decimal(p, <size_t> n, &digits, &before):
        if n - 1 - before <= scale and before <= precision - scale:
            scaled[0] = <int64_t> (digits * POWER_OF_TEN[scale - (n - 1 - before)])
            return 0
    if is_negative or (n > 0 and p[0] == c'+'):
        p += 1
        n -= 1
    whole = n - scale - 1
    # As declared, so as written in most feeds: `scale` decimals, and both parts fit a word.
    if 1 <= whole <= 8 and 1 <= scale <= 8 and whole <= precision - scale and p[whole] == c'.':
        head = word_load_digits(p, whole)
        tail = word_load_digits(p + whole + 1, scale)
        if word_is_digits(head) and word_is_digits(tail):
            head = word_number(head) * POWER_OF_TEN[scale] + word_number(tail)
            scaled[0] = -<int64_t>head if is_negative else <int64_t>head
            return 0
    return decimal_parse_any(s, precision, scale, scaled)


cdef inline int decimal_parse_any(span_t s, int precision, int scale, int64_t* scaled) noexcept nogil:
    """Read a decimal of any written form; what `decimal_parse` does with the less usual ones."""
    cdef number_t number
    cdef uint64_t value
    cdef Py_ssize_t count
    if number_scan_decimal(s, &number) != 0 or not number_fits(&number, precision, scale):
        return CODE_TYPE
    if number.first < 0:
        scaled[0] = 0
        return 0
    count = number.last - number.first + 1
    value = number_head(&number, count) * POWER_OF_TEN[scale - (number.last + 1 - number.point)]
    scaled[0] = -<int64_t>value if number.is_negative else <int64_t>value
    return 0


cdef inline int numeric_check(span_t s) noexcept nogil:
    """Check the grammar, and the limits of PostgreSQL's numeric without precision."""
    cdef number_t number
    if number_scan_decimal(s, &number) != 0:
        return CODE_TYPE
    if number.decimals_n - number.exponent > NUMERIC_DECIMALS:
        return CODE_TYPE
    if number.first >= 0 and number.point - number.first > NUMERIC_WHOLE_DIGITS:
        return CODE_TYPE
    return 0


cdef inline int numeric_fits(span_t s, int precision, int scale) noexcept nogil:
    """Check the grammar, and that numeric(precision, scale) holds the value without rounding."""
    cdef number_t number
    if number_scan_decimal(s, &number) != 0 or not number_fits(&number, precision, scale):
        return CODE_TYPE
    return 0


cdef inline Py_ssize_t numeric_settle(span_t s, int scale, unsigned char* out) noexcept nogil:
    """Write what numeric(precision, scale) holds with `scale` decimals: precision + 3 bytes at most."""
    cdef number_t number
    cdef unsigned char* to = out
    cdef int64_t i
    number_scan(s, &number)
    if number.first < 0:
        # Of zero only the decimals count; its exponent may be anything.
        number.first = number.last = 0
        number.point = number.is_negative = 0
    if number.is_negative:
        to[0] = c'-'
        to += 1
    if number.first >= number.point:
        to[0] = c'0'
        to += 1
    for i in range(number.first, number.point):
        to[0] = number_digit(&number, i) + c'0'
        to += 1
    if scale:
        to[0] = c'.'
        to += 1
        for i in range(number.point, number.point + scale):
            to[0] = number_digit(&number, i) + c'0'
            to += 1
    return to - out


cdef inline int numeric_compare(span_t a, span_t b) noexcept nogil:
    """Order two texts that passed numeric_check by value, however it is written: -1, 0 or 1."""
    cdef number_t x, y
    cdef int x_sign, y_sign
    number_scan(a, &x)
    number_scan(b, &y)
    x_sign = number_sign(&x)
    y_sign = number_sign(&y)
    if x_sign != y_sign:
        return -1 if x_sign < y_sign else 1
    if x_sign == 0:
        return 0
    return x_sign * number_compare_size(&x, &y)


cdef inline int float_parse(span_t s, double* out) noexcept nogil:
    """Read the nearest double, ties to even; NaN, INF, -INF. What rounds to infinity or 0 is none."""
    cdef number_t number
    cdef int64_t exponent
    cdef unsigned char digits[800]    # FLOAT_EXACT_DIGITS, and to spare
    cdef Py_ssize_t count, kept, i
    cdef int status, whole
    cdef uint32_t short_number
    # Up to seven digits with a point: exact in a double, so one division rounds them once.
    if 3 <= s.n <= 8 and word_decimal(s.p, <size_t> s.n, &short_number, &whole):
        return 0 if float_from_decimal(short_number, whole + 1 - s.n, False, out) == FLOAT_READ else CODE_TYPE
    if number_scan(s, &number) != 0:
        return float_parse_name(s, out)
    if number.first < 0:
        out[0] = -0.0 if number.is_negative else 0.0
        return 0
    count = number.last - number.first + 1
    kept = min(count, INT64_DIGITS)
    exponent = number.point - number.first - kept
    status = float_from_decimal(number_head(&number, kept), exponent, kept < count, out)
    if status == FLOAT_UNSURE:
        kept = min(count, <Py_ssize_t>FLOAT_EXACT_DIGITS)
        for i in range(kept):
            digits[i] = number_digit(&number, number.first + i)
        exponent = number.point - number.first - kept
        status = float_from_digits(digits, <int>kept, kept < count, exponent, out)
    if status != FLOAT_READ:
        return CODE_TYPE
    if number.is_negative:
        out[0] = -out[0]
    return 0


cdef inline int float_parse_name(span_t s, double* out) noexcept nogil:
    """Read NaN, INF or -INF, in any case: XML Schema's names, which Table Schema takes over."""
    cdef bint is_negative = s.n == 4 and s.p[0] == c'-'
    cdef const unsigned char* p = s.p + is_negative
    if s.n - is_negative != 3:
        return CODE_TYPE
    if p[0] | 0x20 == c'i' and p[1] | 0x20 == c'n' and p[2] | 0x20 == c'f':
        out[0] = -INFINITY if is_negative else INFINITY
        return 0
    if not is_negative and p[0] | 0x20 == c'n' and p[1] | 0x20 == c'a' and p[2] | 0x20 == c'n':
        out[0] = NAN
        return 0
    return CODE_TYPE
