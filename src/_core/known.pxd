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
# Each is a table of 64-bit words, three or two a slot: open-addressed, with linear probing, and 85 % full at most. That
# makes about 48 bytes for a record that shares with no other. A slot is never freed; zeros for a hash mean "not known".
#
# Beside each slot stand two bits that say what the part in hand has done with its key, so that this takes no
# table of its own.

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from _core.entry cimport entry_t

cdef extern from "_core/known.h" nogil:
    uint64_t known_start(uint64_t key, uint64_t count)
    void known_fetch(const void* slot)
    void* known_room(size_t size)
    void known_drop(void* room, size_t kept, size_t size)
    void known_leave(void* room, size_t size)

cdef enum:
    KNOWN_FEWEST = 1024              # slots a table has at least
    KNOWN_FULL = 85                  # per cent
    KNOWN_MOVED = 1 << 16            # slots of a table that grows, between giving back what was moved
    RECORD_WORDS = 3                 # of a slot: the key, 0 for nobody's, and the hash
    SHARED_WORDS = 2
    MET_NOT = 0                      # of the part in hand: no row of the key was met,
    MET_LEFT_OUT = 1                 # one was left out,
    MET_SENT = 2                     # or sent

ctypedef struct table_t:
    int width                        # words a slot
    uint64_t* words
    unsigned char* met               # MET_* of each slot, four to a byte
    uint64_t count                   # slots in use
    uint64_t slots

ctypedef struct known_t:
    table_t records
    table_t shareds


# One table. `width` is handed in where it is a constant, so that multiplying with it takes no multiplication.

cdef inline uint64_t table_find(const table_t* table, int width, uint64_t key) noexcept nogil:
    """Find the slot of a key, or the one that it would take."""
    cdef uint64_t i = known_start(key, table.slots)
    while table.words[i * width] != 0 and table.words[i * width] != key:
        i += 1
        if i == table.slots:
            i = 0
    return i


cdef inline int met_state(const table_t* table, uint64_t slot) noexcept nogil:
    return (table.met[slot >> 2] >> (2 * (slot & 3))) & 3


cdef inline void met_note(table_t* table, uint64_t slot, int state) noexcept nogil:
    cdef int shift = 2 * <int> (slot & 3)
    table.met[slot >> 2] = <unsigned char> ((table.met[slot >> 2] & ~(3 << shift)) | state << shift)


cdef inline size_t words_bytes(const table_t* table) noexcept nogil:
    return <size_t> (table.slots * table.width * sizeof(uint64_t))


cdef inline size_t met_bytes(const table_t* table) noexcept nogil:
    return <size_t> (table.slots // 4 + 1)


cdef inline bint table_reserve(table_t* table, uint64_t more) noexcept nogil:
    """Make room for so many more keys; False when there is no memory, and then it is as it was."""
    cdef uint64_t n = table.count + more
    cdef uint64_t i = table.slots, slot
    cdef int width = table.width
    cdef table_t grown = table[0]
    if n * 100 < table.slots * KNOWN_FULL:
        return True
    # By a quarter again, so that a table that grows key by key is copied few times.
    n = max(n, table.count + table.count // 4)
    grown.slots = max(n * 100 // KNOWN_FULL + 1, <uint64_t> KNOWN_FEWEST)
    grown.words = <uint64_t*> known_room(words_bytes(&grown))
    grown.met = <unsigned char*> known_room(met_bytes(&grown))
    if grown.words == NULL or grown.met == NULL:
        table_free(&grown)
        return False
    # Places are in the order of keys in either table. So one shrinks from its end while the other comes to be from its
    # end, and together they take no more memory than the larger one.
    while i > 0:
        i -= 1
        if table.words[i * width] != 0:
            slot = table_find(&grown, width, table.words[i * width])
            memcpy(&grown.words[slot * width], &table.words[i * width], <size_t> width * sizeof(uint64_t))
            met_note(&grown, slot, met_state(table, i))
        if i % KNOWN_MOVED == 0:
            known_drop(table.words, <size_t> (i * width * sizeof(uint64_t)), words_bytes(table))
    table_free(table)
    table[0] = grown
    return True


cdef inline void table_free(table_t* table) noexcept nogil:
    known_leave(table.words, words_bytes(table))
    known_leave(table.met, met_bytes(table))


# Both tables

cdef inline bint known_open(known_t* known, uint64_t records) noexcept nogil:
    """Make empty tables with room for so many records; False when there is no memory."""
    memset(known, 0, sizeof(known_t))
    known.records.width, known.shareds.width = RECORD_WORDS, SHARED_WORDS
    return known_reserve(known, records)


cdef inline bint known_reserve(known_t* known, uint64_t more) noexcept nogil:
    """Make room for so many more records; False when there is no memory."""
    return table_reserve(&known.records, more) and table_reserve(&known.shareds, more)


cdef inline void known_prefetch(const known_t* known, const entry_t* entry) noexcept nogil:
    """Have the slots of an entry's keys brought into the cache."""
    known_fetch(&known.records.words[known_start(entry.key, known.records.slots) * RECORD_WORDS])
    known_fetch(&known.shareds.words[known_start(entry.shared_key, known.shareds.slots) * SHARED_WORDS])


cdef inline uint64_t known_record(const known_t* known, uint64_t key) noexcept nogil:
    return table_find(&known.records, RECORD_WORDS, key)


cdef inline uint64_t known_shared(const known_t* known, uint64_t key) noexcept nogil:
    return table_find(&known.shareds, SHARED_WORDS, key)


cdef inline bint known_has(const known_t* known, uint64_t record, uint64_t shared, const entry_t* entry) noexcept nogil:
    """Tell whether the slots of an entry's keys say the same as the entry."""
    cdef const uint64_t* of_record = &known.records.words[record * RECORD_WORDS]
    cdef const uint64_t* of_shared = &known.shareds.words[shared * SHARED_WORDS]
    return (
        of_record[0] == entry.key and of_record[1] == entry.hash.first and of_record[2] == entry.hash.second
        and of_shared[0] == entry.shared_key and of_shared[1] == entry.shared
    )


cdef inline void known_put(known_t* known, uint64_t record, uint64_t shared, const entry_t* entry) noexcept nogil:
    """Note what a record says in the slots of its keys, for which there is room."""
    cdef uint64_t* of_record = &known.records.words[record * RECORD_WORDS]
    cdef uint64_t* of_shared = &known.shareds.words[shared * SHARED_WORDS]
    known.records.count += of_record[0] == 0
    known.shareds.count += of_shared[0] == 0
    of_record[0], of_record[1], of_record[2] = entry.key, entry.hash.first, entry.hash.second
    of_shared[0], of_shared[1] = entry.shared_key, entry.shared


cdef inline void known_set(known_t* known, const entry_t* entry) noexcept nogil:
    """Note what a record says, for which there is room."""
    known_put(known, known_record(known, entry.key), known_shared(known, entry.shared_key), entry)


cdef inline void known_begin_part(known_t* known) noexcept nogil:
    """Take note that no row of the part that comes now was met."""
    memset(known.records.met, 0, met_bytes(&known.records))
    memset(known.shareds.met, 0, met_bytes(&known.shareds))


cdef inline bint known_take(known_t* known, entry_t* entry) noexcept nogil:
    """Make an entry say what is known of its keys by now; False if that is nothing, or it was taken in this part."""
    cdef uint64_t record = known_record(known, entry.key)
    cdef uint64_t shared = known_shared(known, entry.shared_key)
    cdef const uint64_t* of_record = &known.records.words[record * RECORD_WORDS]
    if (of_record[1] == 0 and of_record[2] == 0) or met_state(&known.records, record) != MET_NOT:
        return False
    met_note(&known.records, record, MET_SENT)
    entry.hash.first, entry.hash.second = of_record[1], of_record[2]
    entry.shared = known.shareds.words[shared * SHARED_WORDS + 1]
    return True


cdef inline size_t known_bytes(const known_t* known) noexcept nogil:
    """Count the memory of the tables."""
    cdef size_t records = words_bytes(&known.records) + met_bytes(&known.records)
    return records + words_bytes(&known.shareds) + met_bytes(&known.shareds)


cdef inline void known_free(known_t* known) noexcept nogil:
    table_free(&known.records)
    table_free(&known.shareds)
