# A hash table of rows of 64-bit words, the first of which is the row's key: open-addressed, with linear probing, and
# 70 % full at most. A row is never taken out; a key of 0 is nobody's, so none may have it.

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

cdef extern from *:
    """
    #define SLOTS_SPREAD UINT64_C(0x9E3779B97F4A7C15)

    /* A number below `count`, evenly. */
    static inline uint64_t slots_start(uint64_t key, uint64_t count)
    {
        return (uint64_t)((unsigned __int128)(key * SLOTS_SPREAD) * count >> 64);
    }

    static inline void slots_prefetch(const void *slot) { __builtin_prefetch(slot, 1); }
    """
    uint64_t slots_start(uint64_t key, uint64_t count) noexcept nogil
    void slots_prefetch(const void* slot) noexcept nogil

cdef enum:
    SLOTS_FEWEST = 1024              # a table has at least

ctypedef struct slots_t:
    uint64_t* words                  # NULL at first
    uint64_t width                   # words of a row
    uint64_t count                   # slots there are
    uint64_t used


cdef inline uint64_t* slots_find(const slots_t* table, uint64_t key) noexcept nogil:
    """Find the row of a key, or the one that it would take; there is a slot."""
    cdef uint64_t i = slots_start(key, table.count)
    while table.words[i * table.width] != 0 and table.words[i * table.width] != key:
        i += 1
        if i == table.count:
            i = 0
    return &table.words[i * table.width]


cdef inline uint64_t* slots_take(slots_t* table, uint64_t key) noexcept nogil:
    """Find the row of a key, and make it the key's if it was nobody's; there is room."""
    cdef uint64_t* row = slots_find(table, key)
    table.used += row[0] == 0
    row[0] = key
    return row


cdef inline void slots_fetch(const slots_t* table, uint64_t key) noexcept nogil:
    """Have the row of a key brought into the cache."""
    slots_prefetch(&table.words[slots_start(key, table.count) * table.width])


cdef inline bint slots_reserve(slots_t* table, uint64_t n) noexcept nogil:
    """Make room for `n` keys in all; False when there is no memory, and then it is as it was."""
    cdef slots_t grown
    cdef uint64_t i
    cdef uint64_t* row
    if n * 10 < table.count * 7:
        return True
    # By half again, so that a table that grows key by key is copied few times.
    grown = table[0]
    grown.count = max(max(n, table.used + table.used // 2) * 10 // 7 + 1, <uint64_t> SLOTS_FEWEST)
    grown.words = <uint64_t*> calloc(grown.count, table.width * sizeof(uint64_t))
    if grown.words == NULL:
        return False
    for i in range(table.count):
        row = &table.words[i * table.width]
        if row[0] != 0:
            memcpy(slots_find(&grown, row[0]), row, table.width * sizeof(uint64_t))
    free(table.words)
    table[0] = grown
    return True


cdef inline uint64_t slots_bytes(const slots_t* table) noexcept nogil:
    return table.count * table.width * sizeof(uint64_t)
