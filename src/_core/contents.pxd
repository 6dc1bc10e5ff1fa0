# The entries of all rows of a batch: their keys, and hashes of what they say.
#
# Column by column, so that each column's memory is read from its start to its end and no row's hash waits for
# another's. The worker that has read the chunk does it, while the batch is in its processor's cache: a lane, to
# which the batch comes later, spent most of its time waiting for those bytes.
#
# If you change what is hashed, or how, what databases have stored is of no use any more, though it does no harm:
# every record is sent once.
#
# Source of the mixing step: the multiply-and-fold of wyhash (public domain), two of them in parallel.

from libc.stdint cimport int32_t, uint64_t

from _core.columns cimport COLUMN_EMPTY, batch_t, column_is_present, column_is_text, column_t
from _core.entry cimport entry_t, hash_t
from _core.keys cimport key_hash, key_number

cdef extern from *:
    """
    #include "_core/word.h"

    #define HASH_FIRST UINT64_C(0x8BB84B93962EACC9)
    #define HASH_SECOND UINT64_C(0x4B33A62ED433D4A3)

    /* What stands where a text has its length: no text is so long. */
    #define HASH_MISSING (UINT64_C(1) << 63)
    #define HASH_NUMBER (UINT64_C(1) << 62)

    /* Both halves of the product: every bit of it depends on most bits of both factors. */
    static inline uint64_t hash_fold(uint64_t a, uint64_t b)
    {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }

    /* Read from byte 16 - n on, these keep n bytes of 16. */
    static const unsigned char HASH_KEPT[32] = {
        255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    };

    /* The first n <= 16 bytes of 16 that can be read, zeros after them: without a branch, as nobody could guess
     * how long the next text is. */
    static inline void hash_load(const unsigned char *p, size_t n, uint64_t *a, uint64_t *b)
    {
        *a = word_load(p) & word_load(HASH_KEPT + 16 - n);
        *b = word_load(p + 8) & word_load(HASH_KEPT + 24 - n);
    }
    """
    const uint64_t HASH_FIRST
    const uint64_t HASH_SECOND
    const uint64_t HASH_MISSING
    const uint64_t HASH_NUMBER
    uint64_t hash_fold(uint64_t a, uint64_t b) noexcept nogil
    void hash_load(const unsigned char* p, size_t n, uint64_t* a, uint64_t* b) noexcept nogil

ctypedef struct contents_t:
    # Indices of fields; of all lists the first entries of one array.
    const int* key
    int nkey
    const int* shared_key
    int nshared_key
    const int* shared                # the values that are shared, their key included
    int nshared
    const int* others
    int nothers
    uint64_t salt                    # of the set of columns that a feed has: without one it says less


cdef inline void contents_hash(
    const contents_t* contents, const batch_t* batch, const uint64_t* shared_keys, entry_t* entries
) noexcept nogil:
    """Make the entries of all rows; `shared_keys` are the hashes of their shared keys, NULL if they are to be made."""
    cdef entry_t* e
    cdef Py_ssize_t row
    cdef int i
    for row in range(batch.rows):
        e = &entries[row]
        contents_key(contents, batch, row, e)
        if shared_keys != NULL:
            e.shared_key = shared_keys[row] + (shared_keys[row] == 0)
        else:
            contents_shared_key(contents, batch, row, e)
        e.hash.first = contents.salt
        e.hash.second = ~contents.salt
    for i in range(contents.nshared):
        hash_column(&batch.columns[contents.shared[i]], batch.rows, entries)
    # First what it shares, and from there on all of it.
    for row in range(batch.rows):
        e = &entries[row]
        e.shared = e.hash.first ^ (e.hash.second << 1)
        e.shared += e.shared == 0
    for i in range(contents.nothers):
        hash_column(&batch.columns[contents.others[i]], batch.rows, entries)
    for row in range(batch.rows):
        entries[row].hash.first += entries[row].hash.first == 0


cdef inline void contents_keys(
    const contents_t* contents, const batch_t* batch, Py_ssize_t row, entry_t* entry
) noexcept nogil:
    """Put both keys of a row into its entry."""
    contents_key(contents, batch, row, entry)
    contents_shared_key(contents, batch, row, entry)


cdef inline void contents_key(
    const contents_t* contents, const batch_t* batch, Py_ssize_t row, entry_t* entry
) noexcept nogil:
    # 0 marks a slot that is nobody's.
    entry.key = key_hash(batch, contents.key, contents.nkey, row)
    entry.key += entry.key == 0


cdef inline void contents_shared_key(
    const contents_t* contents, const batch_t* batch, Py_ssize_t row, entry_t* entry
) noexcept nogil:
    entry.shared_key = key_hash(batch, contents.shared_key, contents.nshared_key, row)
    entry.shared_key += entry.shared_key == 0


cdef inline void hash_column(const column_t* column, Py_ssize_t rows, entry_t* entries) noexcept nogil:
    """Go on with the values of a field; a missing one has no text, or is 0."""
    cdef const unsigned char* data = <const unsigned char*> column.data if column.data != NULL else COLUMN_EMPTY
    cdef const int32_t* offsets = column.offsets
    cdef Py_ssize_t row
    if column_is_text(column):
        for row in range(rows):
            hash_text(
                &entries[row].hash, data + offsets[row], offsets[row + 1] - offsets[row],
                0 if column_is_present(column, row) else HASH_MISSING,
            )
    else:
        for row in range(rows):
            hash_open(&entries[row].hash, HASH_NUMBER if column_is_present(column, row) else HASH_MISSING)
            hash_step(&entries[row].hash, key_number(column, row), 0)


cdef inline void hash_open(hash_t* h, uint64_t length) noexcept nogil:
    """Begin with a value of so many bytes; how many there are is a part of what is said."""
    h.first ^= length
    h.second += length


cdef inline void hash_step(hash_t* h, uint64_t a, uint64_t b) noexcept nogil:
    h.first = hash_fold(a ^ HASH_FIRST, b ^ h.first)
    h.second = hash_fold(a ^ h.second, b ^ HASH_SECOND)


cdef inline void hash_text(hash_t* h, const unsigned char* p, Py_ssize_t n, uint64_t mark) noexcept nogil:
    """Go on with a text, of a column: 16 bytes can be read wherever it ends."""
    cdef uint64_t a, b
    hash_open(h, <uint64_t> n | mark)
    while n > 16:
        hash_load(p, 16, &a, &b)
        hash_step(h, a, b)
        p += 16
        n -= 16
    hash_load(p, <size_t> n, &a, &b)
    hash_step(h, a, b)
