# An entry: what a record says, as hashes. Five words; stored little-endian, in this order.

from libc.stdint cimport uint64_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    void word_store(unsigned char* p, uint64_t word)

cdef enum:
    ENTRY_BYTES = 40                 # stored

ctypedef struct hash_t:
    uint64_t first
    uint64_t second

ctypedef struct entry_t:
    uint64_t key                     # of the record; neither key is 0
    hash_t hash                      # of all its values; zeros: nothing is known of it
    uint64_t shared_key              # of what it shares with other records
    uint64_t shared                  # the hash of that; 0: nothing is known of it


cdef inline void entry_write(unsigned char* p, const entry_t* entry) noexcept nogil:
    word_store(p, entry.key)
    word_store(p + 8, entry.hash.first)
    word_store(p + 16, entry.hash.second)
    word_store(p + 24, entry.shared_key)
    word_store(p + 32, entry.shared)


cdef inline void entry_read(const unsigned char* p, entry_t* entry) noexcept nogil:
    entry.key = word_load(p)
    entry.hash.first = word_load(p + 8)
    entry.hash.second = word_load(p + 16)
    entry.shared_key = word_load(p + 24)
    entry.shared = word_load(p + 32)
