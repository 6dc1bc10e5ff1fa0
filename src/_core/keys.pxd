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
#
# A key's digest (key_table.pxd) is made of the same words, and of the count of those of a decimal kept as text, so
# that different keys have different words.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy

from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_FLOAT64, COL_NUMERIC, batch_t, column_is_present, column_is_text, column_t,
)
from _core.key_table cimport digest_absorb, digest_begin, digest_end, digest_t
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

ctypedef struct key_t:
    # What the words of a key are mixed into.
    uint64_t hash
    digest_t* digest           # NULL: the hash


cdef inline uint64_t key_hash(
    const batch_t* batch, const int* keys, int nkeys, Py_ssize_t row
) noexcept nogil:
    """Hash the key of a row that was just written."""
    cdef key_t key
    key.hash, key.digest = KEY_SEED, NULL
    key_read(&key, batch, keys, nkeys, row)
    return key.hash ^ (key.hash >> 32)


cdef inline bint key_digest(
    const batch_t* batch, const int* keys, int nkeys, Py_ssize_t row, const uint64_t* secret, uint64_t* digest
) noexcept nogil:
    """Make the two words of a key's digest; False if a value of it is missing."""
    cdef digest_t state
    cdef key_t key
    cdef int i
    for i in range(nkeys):
        if not column_is_present(&batch.columns[keys[i]], row):
            return False
    digest_begin(&state, secret)
    key.hash, key.digest = 0, &state
    key_read(&key, batch, keys, nkeys, row)
    digest_end(&state, &digest[0], &digest[1])
    return True


cdef inline void key_read(
    key_t* key, const batch_t* batch, const int* keys, int nkeys, Py_ssize_t row
) noexcept nogil:
    cdef const column_t* column
    cdef int i
    for i in range(nkeys):
        column = &batch.columns[keys[i]]
        if not column_is_present(column, row):
            key_mix(key, KEY_MISSING)
        elif column.storage == COL_NUMERIC:
            key_mix_numeric(key, key_text(column, row))
        elif column.is_uuid:
            key_mix_uuid(key, key_text(column, row))
        elif column_is_text(column):
            key_mix_text(key, key_text(column, row))
        else:
            key_mix(key, 8)
            key_mix(key, key_number(column, row))


cdef inline void key_mix(key_t* key, uint64_t word) noexcept nogil:
    if key.digest != NULL:
        digest_absorb(key.digest, word)
        return
    key.hash = (key.hash ^ word) * KEY_MULTIPLIER
    key.hash ^= key.hash >> 29


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


cdef inline void key_mix_text(key_t* key, span_t text) noexcept nogil:
    cdef const unsigned char* p = text.p
    cdef Py_ssize_t n = text.n
    key_mix(key, <uint64_t> n)
    while n >= 8:
        key_mix(key, word_load(p))
        p += 8
        n -= 8
    if n:
        key_mix(key, word_load_part(p, <size_t> n))


cdef inline void key_mix_uuid(key_t* key, span_t text) noexcept nogil:
    cdef unsigned char lower[36]
    cdef int i
    for i in range(36):
        # Hexadecimal digits and hyphens all have this bit but capital letters.
        lower[i] = text.p[i] | 0x20
    key_mix_text(key, span_of(lower, 36))


cdef inline void key_mix_numeric(key_t* key, span_t text) noexcept nogil:
    cdef number_t number
    cdef uint64_t digits = 0
    cdef Py_ssize_t i, count
    number_scan(text, &number)
    if number.first < 0:
        key_mix(key, 0)
        return
    count = number.last - number.first + 1
    key_mix(key, 2 if number.is_negative else 1)
    key_mix(key, <uint64_t> (number.point - number.first))
    # Zeros stand in for digits after the last one, so the length plays no part.
    for i in range((count + KEY_DIGITS - 1) // KEY_DIGITS * KEY_DIGITS):
        digits = digits * 10 + number_digit(&number, number.first + i)
        if i % KEY_DIGITS == KEY_DIGITS - 1:
            key_mix(key, digits)
            digits = 0
    if key.digest != NULL:
        key_mix(key, <uint64_t> ((count + KEY_DIGITS - 1) // KEY_DIGITS))
