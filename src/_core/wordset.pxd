# A fixed set of byte strings: enum members, texts that mean missing, texts that mean true or false.
#
# Built once with its plan, never changed, so any number of threads may look words up. The words are copied:
# the set owns one piece of memory, laid out as the set, its entries, its slots, then the bytes.
#
# Few words, the usual case, are compared one after the other by length and first eight bytes, which decides
# nearly every time. More than WORDSET_FEW are found by hash, in slots of which at most half are taken.

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from _core.span cimport span_t


cdef extern from "_core/word.h" nogil:
    uint64_t word_load_part(const unsigned char* p, size_t n)
    uint64_t word_hash(const unsigned char* p, size_t n)


cdef enum:
    WORDSET_FEW = 8


ctypedef struct wordset_entry_t:
    uint64_t prefix                   # the first eight bytes, zeros after the end
    const unsigned char* p
    Py_ssize_t n


ctypedef struct wordset_t:
    Py_ssize_t count
    wordset_entry_t* entries          # in the order they were given
    int32_t* slots                    # index of an entry + 1; 0: free
    uint64_t mask                     # slots - 1; 0: no slots, few words


cdef inline wordset_t* wordset_build(const span_t* words, Py_ssize_t count) noexcept nogil:
    """Copy the words into a new set, for wordset_free; NULL when there is no memory."""
    cdef Py_ssize_t i, nslots = 0, size = 0
    cdef wordset_t* words_set
    cdef unsigned char* bytes_at
    for i in range(count):
        size += words[i].n
    if count > WORDSET_FEW:
        nslots = 32
        while nslots < 2 * count:
            nslots *= 2
    size += sizeof(wordset_t) + count * sizeof(wordset_entry_t) + nslots * sizeof(int32_t)
    words_set = <wordset_t*>calloc(1, size)
    if words_set == NULL:
        return NULL
    words_set.count = count
    words_set.entries = <wordset_entry_t*>(words_set + 1)
    words_set.slots = <int32_t*>(words_set.entries + count)
    words_set.mask = nslots - 1 if nslots else 0
    bytes_at = <unsigned char*>(words_set.slots + nslots)
    for i in range(count):
        if words[i].n:
            memcpy(bytes_at, words[i].p, words[i].n)
        wordset_put(words_set, i, bytes_at, words[i].n)
        bytes_at += words[i].n
    return words_set


cdef inline void wordset_put(
    wordset_t* words, Py_ssize_t i, const unsigned char* p, Py_ssize_t n
) noexcept nogil:
    cdef uint64_t slot
    words.entries[i].prefix = word_load_part(p, n)
    words.entries[i].p = p
    words.entries[i].n = n
    if words.mask:
        slot = word_hash(p, n) & words.mask
        while words.slots[slot]:
            slot = (slot + 1) & words.mask
        words.slots[slot] = <int32_t>i + 1


cdef inline void wordset_free(wordset_t* words) noexcept nogil:
    free(words)


cdef inline Py_ssize_t wordset_find(const wordset_t* words, span_t s) noexcept nogil:
    """Give the place of the first word equal to s, in the order they were given; -1 if there is none."""
    cdef uint64_t prefix = word_load_part(s.p, s.n)
    cdef uint64_t slot
    cdef Py_ssize_t i
    if words.mask == 0:
        for i in range(words.count):
            if wordset_entry_is(&words.entries[i], s, prefix):
                return i
        return -1
    slot = word_hash(s.p, s.n) & words.mask
    while words.slots[slot]:
        i = words.slots[slot] - 1
        if wordset_entry_is(&words.entries[i], s, prefix):
            return i
        slot = (slot + 1) & words.mask
    return -1


cdef inline bint wordset_entry_is(const wordset_entry_t* entry, span_t s, uint64_t prefix) noexcept nogil:
    if entry.n != s.n or entry.prefix != prefix:
        return False
    return s.n <= 8 or memcmp(entry.p + 8, s.p + 8, s.n - 8) == 0
