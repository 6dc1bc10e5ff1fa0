# The table of key_table.h, and the digests of digest.h that its keys are known by.

from libc.stdint cimport int64_t, uint64_t

cdef extern from "_core/digest.h" nogil:
    ctypedef struct digest_t:
        pass

    void digest_begin(digest_t* digest, const uint64_t* secret)
    void digest_absorb(digest_t* digest, uint64_t word)
    void digest_end(digest_t* digest, uint64_t* low, uint64_t* high)

cdef extern from "_core/key_table.h" nogil:
    ctypedef struct key_entry_t:
        pass

    ctypedef struct key_table_t:
        key_entry_t* entries
        size_t capacity
        size_t count

    const int64_t KEY_ORDINAL_MAX
    int64_t key_table_find(const key_table_t* table, const uint64_t* digest)
    bint key_table_add(key_table_t* table, const uint64_t* digest, int64_t ordinal)
