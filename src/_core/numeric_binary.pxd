# Values on their way out: numerics in PostgreSQL's binary form, and every type that is not text as text.
#
# A numeric is sent as four 16-bit numbers, then its digits in base 10000, all big-endian: how many digits,
# the power of 10000 of the first one, the sign, and how many decimals to show. Digits begin and end with one
# that is not 0; zero has none. The decimals to show stay as they were declared or written: 1.50 is sent as
# 1.50.
#
# Source: PostgreSQL, src/backend/utils/adt/numeric.c, numeric_send; held to vectors that a server made.

from libc.stdint cimport int32_t, int64_t, uint16_t, uint64_t

from _core.big_endian cimport big_put16, big_put64
from _core.moment cimport CIVIL_DAY_US, civil_date
from _core.number_scan cimport NUMERIC_DECIMALS, POWER_OF_TEN, number_digit, number_scan, number_t
from _core.span cimport span_t


cdef extern from "_core/float_write.h" nogil:
    int float_write(double value, char* out)


cdef enum:
    NUMERIC_HEAD = 8                  # bytes before the digits
    NUMERIC_NEGATIVE = 0x4000
    NUMERIC_BASE = 10000
    NUMERIC_BASE_DIGITS = 4
    INT64_BASE_DIGITS = 6             # 19 digits, and the point at any place within a group
    NUMERIC_FILLED_BITS = 53          # of numbers that, times 1000 at most, fit in 64


cdef inline int numeric_put_scaled(unsigned char* out, int64_t v, int scale) noexcept nogil:
    """Write v / 10^scale, scale 0 to 18, as a numeric with that many decimals; give the bytes, at most 20."""
    cdef int digits[INT64_BASE_DIGITS]
    cdef uint64_t size = 0 - <uint64_t>v if v < 0 else <uint64_t>v
    # Decimals are filled up to whole groups, so that only constants divide.
    cdef int fraction = (scale + NUMERIC_BASE_DIGITS - 1) // NUMERIC_BASE_DIGITS
    cdef uint64_t fill = POWER_OF_TEN[fraction * NUMERIC_BASE_DIGITS - scale]
    cdef int first = INT64_BASE_DIGITS
    cdef int end = INT64_BASE_DIGITS
    cdef int i
    if size >> NUMERIC_FILLED_BITS == 0:
        size *= fill
    else:
        # The last group by itself: with it, the number would be more than 64 bits hold.
        first -= 1
        digits[first] = <int>(size % (NUMERIC_BASE // fill) * fill)
        size //= NUMERIC_BASE // fill
    while size:
        first -= 1
        digits[first] = <int>(size % NUMERIC_BASE)
        size //= NUMERIC_BASE
    i = INT64_BASE_DIGITS - first - 1 - fraction
    while end > first and digits[end - 1] == 0:
        end -= 1
    numeric_put_head(out, end - first, i, v < 0, scale)
    for i in range(first, end):
        big_put16(out + NUMERIC_HEAD + 2 * (i - first), <uint16_t>digits[i])
    return NUMERIC_HEAD + 2 * (end - first)


cdef inline Py_ssize_t numeric_put_text(unsigned char* out, span_t s) noexcept nogil:
    """Write a decimal that passed its check as a numeric; give the bytes, at most 12 + s.n / 2."""
    cdef number_t number
    cdef int64_t group, last, at
    cdef int64_t decimals
    cdef Py_ssize_t n = 0
    number_scan(s, &number)
    decimals = min(max(number.decimals_n - number.exponent, 0), NUMERIC_DECIMALS)
    if number.first < 0:
        numeric_put_head(out, 0, 0, False, <int>decimals)
        return NUMERIC_HEAD
    # A digit's power of ten, shifted, is its group's power of 10000; shifting rounds towards the smaller.
    group = (number.point - 1 - number.first) >> 2
    last = (number.point - 1 - number.last) >> 2
    numeric_put_head(out, <int>(group - last + 1), <int>group, number.is_negative, <int>decimals)
    while group >= last:
        at = number.point - NUMERIC_BASE_DIGITS * (group + 1)
        big_put16(
            out + NUMERIC_HEAD + 2 * n,
            <uint16_t>(
                1000 * number_digit(&number, at) + 100 * number_digit(&number, at + 1)
                + 10 * number_digit(&number, at + 2) + number_digit(&number, at + 3)
            ),
        )
        group -= 1
        n += 1
    return NUMERIC_HEAD + 2 * n


cdef inline void numeric_put_head(
    unsigned char* out, int ndigits, int weight, bint is_negative, int decimals
) noexcept nogil:
    cdef uint64_t head = <uint64_t>ndigits << 48 | <uint64_t>decimals
    if ndigits:
        head |= <uint64_t>(weight & 0xFFFF) << 32
    if is_negative:
        head |= <uint64_t>NUMERIC_NEGATIVE << 16
    big_put64(out, head)


cdef inline Py_ssize_t decimal_text(int64_t v, int scale, unsigned char* out) noexcept nogil:
    """Write v / 10^scale with its decimals; give the bytes, at most 21."""
    cdef unsigned char reversed_text[24]
    cdef uint64_t size = 0 - <uint64_t>v if v < 0 else <uint64_t>v
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t i, start = 0
    # A digit before the point at least, so one more than there are decimals.
    while size or n <= scale + (scale > 0):
        if scale and n == scale:
            reversed_text[n] = c'.'
        else:
            reversed_text[n] = <unsigned char>(c'0' + size % 10)
            size //= 10
        n += 1
    if v < 0:
        out[0] = c'-'
        start = 1
    for i in range(n):
        out[start + i] = reversed_text[n - 1 - i]
    return start + n


cdef inline Py_ssize_t float_text(double v, unsigned char* out) noexcept nogil:
    """Write the shortest decimal that reads back as v, or NaN, INF, -INF; give the bytes, at most 24."""
    return float_write(v, <char*>out)


cdef inline Py_ssize_t year_text(int64_t year, unsigned char* out) noexcept nogil:
    """Write YYYY; give its four bytes."""
    put_pair(out, <int>(year // 100))
    put_pair(out + 2, <int>(year % 100))
    return 4


cdef inline Py_ssize_t date_text(int32_t days, unsigned char* out) noexcept nogil:
    """Write YYYY-MM-DD; give its ten bytes."""
    cdef int year = 0, month = 0, day = 0
    civil_date(days, &year, &month, &day)
    put_pair(out, year // 100)
    put_pair(out + 2, year % 100)
    out[4] = c'-'
    put_pair(out + 5, month)
    out[7] = c'-'
    put_pair(out + 8, day)
    return 10


cdef inline Py_ssize_t time_text(int64_t us, unsigned char* out) noexcept nogil:
    """Write HH:MM:SS, and six decimals if they are not all zero; give the bytes, 8 or 15."""
    cdef int second = <int>(us // 1000000)
    cdef int rest = <int>(us % 1000000)
    put_pair(out, second // 3600)
    out[2] = c':'
    put_pair(out + 3, second // 60 % 60)
    out[5] = c':'
    put_pair(out + 6, second % 60)
    if rest == 0:
        return 8
    out[8] = c'.'
    put_pair(out + 9, rest // 10000)
    put_pair(out + 11, rest // 100 % 100)
    put_pair(out + 13, rest % 100)
    return 15


cdef inline Py_ssize_t timestamp_text(int64_t us, unsigned char* out) noexcept nogil:
    """Write an instant as YYYY-MM-DDTHH:MM:SS[.ffffff]Z; give the bytes, 20 or 27."""
    cdef int64_t of_day = us % CIVIL_DAY_US
    cdef Py_ssize_t n
    if of_day < 0:
        of_day += CIVIL_DAY_US
    n = date_text(<int32_t>((us - of_day) // CIVIL_DAY_US), out)
    out[n] = c'T'
    n += 1 + time_text(of_day, out + n + 1)
    out[n] = c'Z'
    return n + 1


cdef inline void put_pair(unsigned char* out, int number) noexcept nogil:
    """Write two digits."""
    out[0] = <unsigned char>(c'0' + number // 10)
    out[1] = <unsigned char>(c'0' + number % 10)
