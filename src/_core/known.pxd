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
# Both tables are open-addressed, with linear probing, and 70 % full at most: 24 and 16 bytes a slot, about 57
# bytes for a record that shares with no other. A slot is never freed; zeros for a hash mean "not known".
#
# Source of the mixing step: the multiply-and-fold of wyhash (public domain), two of them in parallel.

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free

from _core.columns cimport batch_t, column_is_present, column_is_text, column_t
from _core.keys cimport key_number, key_text
from _core.span cimport span_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    uint64_t word_load_part(const unsigned char* p, size_t n)

cdef extern from *:
    """
    #define KNOWN_FIRST UINT64_C(0x8BB84B93962EACC9)
    #define KNOWN_SECOND UINT64_C(0x4B33A62ED433D4A3)
    #define KNOWN_SPREAD UINT64_C(0x9E3779B97F4A7C15)

    /* Both halves of the product: every bit of it depends on most bits of both factors. */
    static inline uint64_t known_fold(uint64_t a, uint64_t b)
    {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* A number below `count`, evenly. */
    static inline uint64_t known_start(uint64_t key, uint64_t count)
    {
        return (uint64_t)((unsigned __int128)(key * KNOWN_SPREAD) * count >> 64);
    }

    static inline void known_fetch(const void *slot) { __builtin_prefetch(slot, 1); }
    """
    const uint64_t KNOWN_FIRST
    const uint64_t KNOWN_SECOND
    uint64_t known_fold(uint64_t a, uint64_t b) noexcept nogil
    uint64_t known_start(uint64_t key, uint64_t count) noexcept nogil
    void known_fetch(const void* slot) noexcept nogil

cdef enum:
    KNOWN_FEWEST = 1024              # slots a table has at least

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
    known_record_t* records
    uint64_t nrecords                # in use
    uint64_t record_slots
    known_shared_t* shareds
    uint64_t nshareds
    uint64_t shared_slots


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


cdef inline void known_prefetch(const known_t* known, uint64_t record_key, uint64_t shared_key) noexcept nogil:
    """Have the slots of keys brought into the cache."""
    known_fetch(&known.records[known_start(record_key, known.record_slots)])
    known_fetch(&known.shareds[known_start(shared_key, known.shared_slots)])


cdef inline known_record_t* known_record(const known_t* known, uint64_t key) noexcept nogil:
    """Find the slot of a record's key, or the one that it would take."""
    cdef uint64_t i = known_start(key, known.record_slots)
    while known.records[i].key != 0 and known.records[i].key != key:
        i += 1
        if i == known.record_slots:
            i = 0
    return &known.records[i]


cdef inline known_shared_t* known_shared(const known_t* known, uint64_t key) noexcept nogil:
    cdef uint64_t i = known_start(key, known.shared_slots)
    while known.shareds[i].key != 0 and known.shareds[i].key != key:
        i += 1
        if i == known.shared_slots:
            i = 0
    return &known.shareds[i]


cdef inline uint64_t known_slots_for(uint64_t n) noexcept nogil:
    """Say how many slots keep a table of `n` keys below 70 %."""
    return max(n * 10 // 7 + 1, <uint64_t> KNOWN_FEWEST)


cdef inline bint known_reserve_records(known_t* known, uint64_t n) noexcept nogil:
    """Make room for `n` keys in all; False when there is no memory, and then it is as it was."""
    cdef known_t grown
    cdef uint64_t i
    if n * 10 < known.record_slots * 7:
        return True
    # By half again, so that a table that grows key by key is copied few times.
    grown.record_slots = known_slots_for(max(n, known.nrecords + known.nrecords // 2))
    grown.records = <known_record_t*> calloc(grown.record_slots, sizeof(known_record_t))
    if grown.records == NULL:
        return False
    for i in range(known.record_slots):
        if known.records[i].key != 0:
            known_record(&grown, known.records[i].key)[0] = known.records[i]
    free(known.records)
    known.records = grown.records
    known.record_slots = grown.record_slots
    return True


cdef inline bint known_reserve_shareds(known_t* known, uint64_t n) noexcept nogil:
    cdef known_t grown
    cdef uint64_t i
    if n * 10 < known.shared_slots * 7:
        return True
    grown.shared_slots = known_slots_for(max(n, known.nshareds + known.nshareds // 2))
    grown.shareds = <known_shared_t*> calloc(grown.shared_slots, sizeof(known_shared_t))
    if grown.shareds == NULL:
        return False
    for i in range(known.shared_slots):
        if known.shareds[i].key != 0:
            known_shared(&grown, known.shareds[i].key)[0] = known.shareds[i]
    free(known.shareds)
    known.shareds = grown.shareds
    known.shared_slots = grown.shared_slots
    return True


cdef inline bint known_reserve(known_t* known, uint64_t more) noexcept nogil:
    """Make room for so many more records."""
    return known_reserve_records(known, known.nrecords + more) and known_reserve_shareds(
        known, known.nshareds + more
    )


cdef inline void known_set(known_t* known, const known_record_t* record, const known_shared_t* shared) noexcept nogil:
    """Note a record, for which there is room."""
    cdef known_record_t* of_record = known_record(known, record.key)
    cdef known_shared_t* of_shared = known_shared(known, shared.key)
    known.nrecords += of_record.key == 0
    known.nshareds += of_shared.key == 0
    of_record[0] = record[0]
    of_shared[0] = shared[0]


cdef inline void known_free(known_t* known) noexcept nogil:
    free(known.records)
    free(known.shareds)
