# The hash of a record's lane key: which lane a record goes to.
#
# The same on every machine and build, and in every run and version, because the ledger remembers ranges by
# lane. Equal keys have equal hashes, whatever they looked like in the feed; a missing value differs from an
# empty one.
#
# The definition, all arithmetic modulo 2^64:
#     h = SEED
#     for each field of the key, in the key's order:
#         missing: h = mix(h, 2^64 - 1)
#         text:    h = mix(h, length in bytes), then h = mix(h, w) for each 8 bytes w, little-endian, zeros
#                  after the last
#         number:  h = mix(h, 8), then h = mix(h, v), where v is the stored int64 (days for a date, 0 or 1 for
#                  a boolean, microseconds for times, the scaled integer for a decimal), or the bits of a
#                  double, 0.0 for -0.0
#         decimal kept as text: h = mix(h, 0) if it is zero; else h = mix(h, 2 if negative else 1), then
#                  h = mix(h, how many places the first digit that is not 0 stands before the point), then
#                  h = mix(h, number) for each 16 digits from that one on, zeros after the last
#     hash = h xor (h >> 32)
#     mix(h, w) = k xor (k >> 29), where k = (h xor w) * MULTIPLIER
# A uuid is hashed in lower case.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_FLOAT64, COL_NUMERIC, batch_t, column_is_present, column_is_text, column_t,
)
from _core.number_scan cimport number_digit, number_scan, number_t
from _core.span cimport span_of, span_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    uint64_t word_load_part(const unsigned char* p, size_t n)

cdef extern from *:
    """
    #define KEY_SEED UINT64_C(0x243F6A8885A308D3)       /* the fraction of pi */
    #define KEY_MULTIPLIER UINT64_C(0x9E3779B97F4A7C15) /* 2^64 divided by the golden ratio, odd */
    #define KEY_MISSING UINT64_MAX
    """
    const uint64_t KEY_SEED
    const uint64_t KEY_MULTIPLIER
    const uint64_t KEY_MISSING

cdef enum:
    KEY_DIGITS = 16


cdef inline uint64_t key_mix(uint64_t h, uint64_t word) noexcept nogil:
    h = (h ^ word) * KEY_MULTIPLIER
    return h ^ (h >> 29)


cdef inline uint64_t key_hash(
    const batch_t* batch, const int* keys, int nkeys, Py_ssize_t row
) noexcept nogil:
    """Hash the key of a row that was just written."""
    cdef const column_t* column
    cdef uint64_t h = KEY_SEED
    cdef int i
    for i in range(nkeys):
        column = &batch.columns[keys[i]]
        if not column_is_present(column, row):
            h = key_mix(h, KEY_MISSING)
        elif column.storage == COL_NUMERIC:
            h = key_mix_numeric(h, key_text(column, row))
        elif column.is_uuid:
            h = key_mix_uuid(h, key_text(column, row))
        elif column_is_text(column):
            h = key_mix_text(h, key_text(column, row))
        else:
            h = key_mix(key_mix(h, 8), key_number(column, row))
    return h ^ (h >> 32)


cdef inline span_t key_text(const column_t* column, Py_ssize_t row) noexcept nogil:
    return span_of(column.data + column.offsets[row], column.offsets[row + 1] - column.offsets[row])


cdef inline uint64_t key_number(const column_t* column, Py_ssize_t row) noexcept nogil:
    cdef double real
    cdef uint64_t bits
    if column.storage == COL_BOOL:
        return (column.data[row >> 3] >> (row & 7)) & 1
    elif column.storage == COL_DATE32:
        return <uint64_t> <int64_t> (<const int32_t*> column.data)[row]
    elif column.storage == COL_FLOAT64:
        real = (<const double*> column.data)[row]
        if real == 0:
            return 0
        memcpy(&bits, &real, 8)
        return bits
    return (<const uint64_t*> column.data)[row]


cdef inline uint64_t key_mix_text(uint64_t h, span_t text) noexcept nogil:
    cdef const unsigned char* p = text.p
    cdef Py_ssize_t n = text.n
    h = key_mix(h, <uint64_t> n)
    while n >= 8:
        h = key_mix(h, word_load(p))
        p += 8
        n -= 8
    return key_mix(h, word_load_part(p, <size_t> n)) if n else h


cdef inline uint64_t key_mix_uuid(uint64_t h, span_t text) noexcept nogil:
    cdef unsigned char lower[36]
    cdef int i
    for i in range(36):
        # Hexadecimal digits and hyphens all have this bit but capital letters.
        lower[i] = text.p[i] | 0x20
    return key_mix_text(h, span_of(lower, 36))


cdef inline uint64_t key_mix_numeric(uint64_t h, span_t text) noexcept nogil:
    cdef number_t number
    cdef uint64_t digits = 0
    cdef Py_ssize_t i, count
    number_scan(text, &number)
    if number.first < 0:
        return key_mix(h, 0)
    count = number.last - number.first + 1
    h = key_mix(h, 2 if number.is_negative else 1)
    h = key_mix(h, <uint64_t> (number.point - number.first))
    # Zeros stand in for digits after the last one, so the length plays no part.
    for i in range((count + KEY_DIGITS - 1) // KEY_DIGITS * KEY_DIGITS):
        digits = digits * 10 + number_digit(&number, number.first + i)
        if i % KEY_DIGITS == KEY_DIGITS - 1:
            h = key_mix(h, digits)
            digits = 0
    return h
