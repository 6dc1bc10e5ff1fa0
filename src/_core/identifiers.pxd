# Formats that are codes of a registry, or numbers with a check digit of their own: isbn, vin, currency, country,
# language and binary.
#
# Each returns 0, CODE_FORMAT, or CODE_CHECK_DIGIT for a number of the right shape whose check digit is wrong. If you
# add a format: FORMAT_* in plan.pxd, a branch in identifier_check, FORMATS in compile.pxi, STRING_FORMATS in
# declaration.py, its words in codes.py, and the reference's twin (tests/reference_formats.py).

from _core.codes cimport CODE_CHECK_DIGIT, CODE_FORMAT
from _core.plan cimport FORMAT_BINARY, FORMAT_ISBN, FORMAT_LANGUAGE, FORMAT_VIN, field_t
from _core.language cimport language_is_valid
from _core.span cimport span_t
from _core.wordset cimport wordset_find

cdef enum:
    VIN_LENGTH = 17
    VIN_CHECK = 8          # place of the check digit, from 0

cdef extern from *:
    """
    /* 49 CFR 565.15, table III, A to Z, and table IV. I, O and Q are no letters of a VIN. */
    static const unsigned char VIN_VALUES[26] = {
        1, 2, 3, 4, 5, 6, 7, 8, 255, 1, 2, 3, 4, 5, 255, 7, 255, 9, 2, 3, 4, 5, 6, 7, 8, 9};
    static const unsigned char VIN_WEIGHTS[17] = {8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2};
    """
    const unsigned char* VIN_VALUES
    const unsigned char* VIN_WEIGHTS


cdef inline int identifier_check(const field_t* op, span_t s) noexcept nogil:
    if op.format == FORMAT_ISBN:
        return isbn_check(s)
    elif op.format == FORMAT_VIN:
        return vin_check(s)
    elif op.format == FORMAT_BINARY:
        return base64_check(s)
    elif op.format == FORMAT_LANGUAGE:
        return 0 if language_is_valid(s, op.registry) else CODE_FORMAT
    return 0 if wordset_find(op.registry, s) >= 0 else CODE_FORMAT


cdef inline int isbn_check(span_t s) noexcept nogil:
    """Check an ISBN of 10 or 13 characters without hyphens (ISO 2108)."""
    cdef unsigned int total = 0
    cdef Py_ssize_t i
    if s.n != 10 and s.n != 13:
        return CODE_FORMAT
    for i in range(s.n):
        if not c'0' <= s.p[i] <= c'9' and not (i == 9 and s.n == 10 and s.p[i] == c'X'):
            return CODE_FORMAT
    if s.n == 10:
        for i in range(10):
            total += <unsigned int> (10 - i) * (10 if s.p[i] == c'X' else s.p[i] - c'0')
        return CODE_CHECK_DIGIT if total % 11 else 0
    if s.p[0] != c'9' or s.p[1] != c'7' or (s.p[2] != c'8' and s.p[2] != c'9'):
        return CODE_FORMAT
    for i in range(13):
        total += (3 if i & 1 else 1) * <unsigned int> (s.p[i] - c'0')
    return CODE_CHECK_DIGIT if total % 10 else 0


cdef inline int vin_check(span_t s) noexcept nogil:
    """Check a vehicle identification number as North America has it: 17 characters, the ninth checks the others."""
    cdef unsigned int total = 0, value
    cdef Py_ssize_t i
    if s.n != VIN_LENGTH:
        return CODE_FORMAT
    for i in range(VIN_LENGTH):
        if c'0' <= s.p[i] <= c'9':
            value = s.p[i] - c'0'
        elif c'A' <= s.p[i] <= c'Z' and VIN_VALUES[s.p[i] - c'A'] < 255:
            value = VIN_VALUES[s.p[i] - c'A']
        else:
            return CODE_FORMAT
        total += value * VIN_WEIGHTS[i]
    total %= 11
    return 0 if s.p[VIN_CHECK] == (c'X' if total == 10 else c'0' + total) else CODE_CHECK_DIGIT


cdef inline int base64_check(span_t s) noexcept nogil:
    """Check for base64 with its padding and without line breaks (RFC 4648 §4)."""
    cdef Py_ssize_t i, n = s.n
    cdef unsigned char byte
    if n & 3:
        return CODE_FORMAT
    # One or two signs of padding; a third would leave less than a byte.
    if n and s.p[n - 1] == c'=':
        n -= 2 if s.p[n - 2] == c'=' else 1
    for i in range(n):
        byte = s.p[i]
        if not (
            c'a' <= byte | 0x20 <= c'z' and byte >= c'A' and byte < 0x80
            or c'0' <= byte <= c'9' or byte == c'+' or byte == c'/'
        ):
            return CODE_FORMAT
    return 0
