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
# Both tables are open-addressed, with linear probing, and 85 % full at most: 24 and 16 bytes a slot, about 48
# bytes for a record that shares with no other. A slot is never freed; zeros for a hash mean "not known".
#
# Beside each slot stand two bits that say what the part in hand has done with its key, so that this takes no
# table of its own.

from libc.stdint cimport uint64_t
from libc.string cimport memset

from _core.entry cimport entry_t, hash_t

cdef extern from *:
    """
    #include <stdlib.h>
    #if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
    #include <sys/mman.h>
    #endif

    #define KNOWN_SPREAD UINT64_C(0x9E3779B97F4A7C15)
    #define KNOWN_HUGE ((size_t)2 << 20) /* bytes of a large page */

    /* A number below `count`, evenly. */
    static inline uint64_t known_start(uint64_t key, uint64_t count)
    {
        return (uint64_t)((unsigned __int128)(key * KNOWN_SPREAD) * count >> 64);
    }

    static inline void known_fetch(const void *slot) { __builtin_prefetch(slot, 1); }

    /* Zeros. In large pages where there are any: each look-up is at a place of its own, and of small pages the
     * processor does not remember enough to find them quickly. */
    static inline void *known_room(size_t size)
    {
    #if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
        if (size >= KNOWN_HUGE) {
            void *room = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (room == MAP_FAILED) return NULL;
            (void)madvise(room, size, MADV_HUGEPAGE);
            return room;
        }
    #endif
        return calloc(size, 1);
    }

    static inline void known_leave(void *room, size_t size)
    {
    #if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
        if (size >= KNOWN_HUGE) {
            if (room != NULL) munmap(room, size);
            return;
        }
    #endif
        (void)size;
        free(room);
    }
    """
    uint64_t known_start(uint64_t key, uint64_t count) noexcept nogil
    void known_fetch(const void* slot) noexcept nogil
    void* known_room(size_t size) noexcept nogil
    void known_leave(void* room, size_t size) noexcept nogil

cdef enum:
    KNOWN_FEWEST = 1024              # slots a table has at least
    KNOWN_FULL = 85                  # per cent
    MET_NOT = 0                      # of the part in hand: no row of the key was met,
    MET_LEFT_OUT = 1                 # one was left out,
    MET_SENT = 2                     # or sent

ctypedef struct known_record_t:
    uint64_t key                     # 0: nobody's
    hash_t hash

ctypedef struct known_shared_t:
    uint64_t key
    uint64_t hash

ctypedef struct known_t:
    known_record_t* records
    unsigned char* met_records       # MET_* of each slot, four to a byte
    uint64_t nrecords                # in use
    uint64_t record_slots
    known_shared_t* shareds
    unsigned char* met_shareds
    uint64_t nshareds
    uint64_t shared_slots


cdef inline void known_prefetch(const known_t* known, const entry_t* entry) noexcept nogil:
    """Have the slots of an entry's keys brought into the cache."""
    known_fetch(&known.records[known_start(entry.key, known.record_slots)])
    known_fetch(&known.shareds[known_start(entry.shared_key, known.shared_slots)])


cdef inline uint64_t known_record(const known_t* known, uint64_t key) noexcept nogil:
    """Find the slot of a record's key, or the one that it would take."""
    cdef uint64_t i = known_start(key, known.record_slots)
    while known.records[i].key != 0 and known.records[i].key != key:
        i += 1
        if i == known.record_slots:
            i = 0
    return i


cdef inline uint64_t known_shared(const known_t* known, uint64_t key) noexcept nogil:
    cdef uint64_t i = known_start(key, known.shared_slots)
    while known.shareds[i].key != 0 and known.shareds[i].key != key:
        i += 1
        if i == known.shared_slots:
            i = 0
    return i


cdef inline bint known_has(const known_t* known, uint64_t record, uint64_t shared, const entry_t* entry) noexcept nogil:
    """Tell whether the slots of an entry's keys say the same as the entry."""
    cdef const known_record_t* of_record = &known.records[record]
    cdef const known_shared_t* of_shared = &known.shareds[shared]
    return (
        of_record.key == entry.key and of_record.hash.first == entry.hash.first
        and of_record.hash.second == entry.hash.second
        and of_shared.key == entry.shared_key and of_shared.hash == entry.shared
    )


cdef inline int met_state(const unsigned char* met, uint64_t slot) noexcept nogil:
    return (met[slot >> 2] >> (2 * (slot & 3))) & 3


cdef inline void met_note(unsigned char* met, uint64_t slot, int state) noexcept nogil:
    cdef int shift = 2 * <int> (slot & 3)
    met[slot >> 2] = <unsigned char> ((met[slot >> 2] & ~(3 << shift)) | state << shift)


cdef inline size_t met_bytes(uint64_t slots) noexcept nogil:
    return <size_t> (slots // 4 + 1)


cdef inline void known_begin_part(known_t* known) noexcept nogil:
    """Take note that no row of the part that comes now was met."""
    memset(known.met_records, 0, met_bytes(known.record_slots))
    memset(known.met_shareds, 0, met_bytes(known.shared_slots))


cdef inline uint64_t known_slots_for(uint64_t n) noexcept nogil:
    """Say how many slots keep a table of `n` keys no fuller than it may be."""
    return max(n * 100 // KNOWN_FULL + 1, <uint64_t> KNOWN_FEWEST)


cdef inline bint known_has_room(uint64_t n, uint64_t slots) noexcept nogil:
    return n * 100 < slots * KNOWN_FULL


cdef inline bint known_reserve_records(known_t* known, uint64_t n) noexcept nogil:
    """Make room for `n` keys in all; False when there is no memory, and then it is as it was."""
    cdef known_t grown
    cdef uint64_t i, slot
    if known_has_room(n, known.record_slots):
        return True
    # By half again, so that a table that grows key by key is copied few times.
    grown.record_slots = known_slots_for(max(n, known.nrecords + known.nrecords // 2))
    grown.records = <known_record_t*> known_room(grown.record_slots * sizeof(known_record_t))
    grown.met_records = <unsigned char*> known_room(met_bytes(grown.record_slots))
    if grown.records == NULL or grown.met_records == NULL:
        known_free_records(&grown)
        return False
    for i in range(known.record_slots):
        if known.records[i].key != 0:
            slot = known_record(&grown, known.records[i].key)
            grown.records[slot] = known.records[i]
            met_note(grown.met_records, slot, met_state(known.met_records, i))
    known_free_records(known)
    known.records, known.met_records = grown.records, grown.met_records
    known.record_slots = grown.record_slots
    return True


cdef inline bint known_reserve_shareds(known_t* known, uint64_t n) noexcept nogil:
    cdef known_t grown
    cdef uint64_t i, slot
    if known_has_room(n, known.shared_slots):
        return True
    grown.shared_slots = known_slots_for(max(n, known.nshareds + known.nshareds // 2))
    grown.shareds = <known_shared_t*> known_room(grown.shared_slots * sizeof(known_shared_t))
    grown.met_shareds = <unsigned char*> known_room(met_bytes(grown.shared_slots))
    if grown.shareds == NULL or grown.met_shareds == NULL:
        known_free_shareds(&grown)
        return False
    for i in range(known.shared_slots):
        if known.shareds[i].key != 0:
            slot = known_shared(&grown, known.shareds[i].key)
            grown.shareds[slot] = known.shareds[i]
            met_note(grown.met_shareds, slot, met_state(known.met_shareds, i))
    known_free_shareds(known)
    known.shareds, known.met_shareds = grown.shareds, grown.met_shareds
    known.shared_slots = grown.shared_slots
    return True


cdef inline bint known_reserve(known_t* known, uint64_t more) noexcept nogil:
    """Make room for so many more records."""
    return known_reserve_records(known, known.nrecords + more) and known_reserve_shareds(
        known, known.nshareds + more
    )


cdef inline void known_set(known_t* known, const entry_t* entry) noexcept nogil:
    """Note what a record says, for which there is room."""
    cdef known_record_t* of_record = &known.records[known_record(known, entry.key)]
    cdef known_shared_t* of_shared = &known.shareds[known_shared(known, entry.shared_key)]
    known.nrecords += of_record.key == 0
    known.nshareds += of_shared.key == 0
    of_record.key, of_record.hash = entry.key, entry.hash
    of_shared.key, of_shared.hash = entry.shared_key, entry.shared


cdef inline size_t known_bytes(const known_t* known) noexcept nogil:
    """Count the memory of the tables."""
    return (
        known.record_slots * sizeof(known_record_t) + met_bytes(known.record_slots)
        + known.shared_slots * sizeof(known_shared_t) + met_bytes(known.shared_slots)
    )


cdef inline void known_free_records(known_t* known) noexcept nogil:
    known_leave(known.records, known.record_slots * sizeof(known_record_t))
    known_leave(known.met_records, met_bytes(known.record_slots))


cdef inline void known_free_shareds(known_t* known) noexcept nogil:
    known_leave(known.shareds, known.shared_slots * sizeof(known_shared_t))
    known_leave(known.met_shareds, met_bytes(known.shared_slots))


cdef inline void known_free(known_t* known) noexcept nogil:
    known_free_records(known)
    known_free_shareds(known)
