# What a database holds already: by key, the hash of the record that was accepted last.
#
#     records   key of a record   → 128 bits of all its values
#     shareds   key it shares     → 64 bits of the values it shares with other records (a product, of which
#               with others         several dealers have offers)
#
# A record that is here with both hashes says nothing new: whatever was written under its keys since would have
# been noted. Two keys of one hash do no harm, as the values that are hashed include the keys: each would merely
# be taken for new after the other.
#
# A record takes 24 bytes in one table and 16 in the other (slots.pxd), which is about 57 for one that shares with no
# other, as the tables are not full; zeros for a hash mean "not known".
#
# Source of the mixing step: the multiply-and-fold of wyhash (public domain), two of them in parallel.

from libc.stdint cimport uint64_t
from libc.stdlib cimport free

from _core.columns cimport batch_t, column_is_present, column_is_text, column_t
from _core.keys cimport key_number, key_text
from _core.slots cimport slots_fetch, slots_find, slots_reserve, slots_t, slots_take
from _core.span cimport span_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    uint64_t word_load_part(const unsigned char* p, size_t n)

cdef extern from *:
    """
    #define KNOWN_FIRST UINT64_C(0x8BB84B93962EACC9)
    #define KNOWN_SECOND UINT64_C(0x4B33A62ED433D4A3)

    /* Both halves of the product: every bit of it depends on most bits of both factors. */
    static inline uint64_t known_fold(uint64_t a, uint64_t b)
    {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    """
    const uint64_t KNOWN_FIRST
    const uint64_t KNOWN_SECOND
    uint64_t known_fold(uint64_t a, uint64_t b) noexcept nogil

cdef extern from *:
    """
    /* What stands where a text has its length: no text is so long. */
    #define KNOWN_MISSING (UINT64_C(1) << 63)
    #define KNOWN_NUMBER (UINT64_C(1) << 62)
    """
    const uint64_t KNOWN_MISSING
    const uint64_t KNOWN_NUMBER

ctypedef struct hash_t:
    uint64_t first
    uint64_t second

ctypedef struct known_record_t:
    uint64_t key                     # 0: nobody's
    hash_t hash

ctypedef struct known_shared_t:
    uint64_t key
    uint64_t hash

ctypedef struct known_t:
    slots_t records                  # of known_record_t
    slots_t shareds                  # of known_shared_t

cdef enum:
    KNOWN_RECORD_WORDS = 3
    KNOWN_SHARED_WORDS = 2


cdef inline void hash_step(hash_t* h, uint64_t a, uint64_t b) noexcept nogil:
    h.first = known_fold(a ^ KNOWN_FIRST, b ^ h.first)
    h.second = known_fold(a ^ h.second, b ^ KNOWN_SECOND)


cdef inline void hash_text(hash_t* h, span_t text) noexcept nogil:
    cdef const unsigned char* p = text.p
    cdef Py_ssize_t n = text.n
    if n <= 8:
        hash_step(h, <uint64_t> n, word_load_part(p, <size_t> n))
        return
    hash_step(h, <uint64_t> n, word_load(p))
    p += 8
    n -= 8
    while n > 16:
        hash_step(h, word_load(p), word_load(p + 8))
        p += 16
        n -= 16
    if n > 8:
        hash_step(h, word_load(p), word_load_part(p + 8, <size_t> (n - 8)))
    else:
        hash_step(h, word_load_part(p, <size_t> n), 0)


cdef inline void hash_fields(
    hash_t* h, const batch_t* batch, const int* fields, int nfields, Py_ssize_t row
) noexcept nogil:
    """Go on with the values of some fields of a row."""
    cdef const column_t* column
    cdef int i
    for i in range(nfields):
        column = &batch.columns[fields[i]]
        if not column_is_present(column, row):
            hash_step(h, KNOWN_MISSING, 0)
        elif column_is_text(column):
            hash_text(h, key_text(column, row))
        else:
            hash_step(h, KNOWN_NUMBER, key_number(column, row))


cdef inline bint known_reserve(known_t* known, uint64_t more) noexcept nogil:
    """Make room for so many more records; False when there is no memory."""
    known.records.width, known.shareds.width = KNOWN_RECORD_WORDS, KNOWN_SHARED_WORDS
    return slots_reserve(&known.records, known.records.used + more) and slots_reserve(
        &known.shareds, known.shareds.used + more
    )


cdef inline void known_prefetch(const known_t* known, uint64_t record_key, uint64_t shared_key) noexcept nogil:
    """Have what is known of keys brought into the cache."""
    slots_fetch(&known.records, record_key)
    slots_fetch(&known.shareds, shared_key)


cdef inline known_record_t* known_record(const known_t* known, uint64_t key) noexcept nogil:
    """Find what is known of a record's key; all zeros if nothing is."""
    return <known_record_t*> slots_find(&known.records, key)


cdef inline known_shared_t* known_shared(const known_t* known, uint64_t key) noexcept nogil:
    return <known_shared_t*> slots_find(&known.shareds, key)


cdef inline void known_set(known_t* known, const known_record_t* record, const known_shared_t* shared) noexcept nogil:
    """Note a record, for which there is room."""
    (<known_record_t*> slots_take(&known.records, record.key))[0] = record[0]
    (<known_shared_t*> slots_take(&known.shareds, shared.key))[0] = shared[0]


cdef inline void known_free(known_t* known) noexcept nogil:
    free(known.records.words)
    free(known.shareds.words)
