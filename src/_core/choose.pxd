# Which rows of a part say something new, and what the others would have come to.
#
# The rows that are sent lead to the same tables and outcomes as all of them would have:
#
#     same as what is known, and no row of its keys is sent before it in this part    left out: unchanged
#     left out, and a later row of its key follows                                    duplicate, as it was
#     everything else                                                                 sent
#
# A row of a key, or of a shared key, that follows one that is sent has to be sent, too: what it finds then is
# not what is known but what that one leaves.
#
# An entry says what has become known: five words, little-endian, in the order of the rows.

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc

from _core.columns cimport batch_t
from _core.keys cimport key_hash
from _core.known cimport (
    hash_fields, hash_t, known_prefetch, known_record, known_record_t, known_reserve, known_set, known_shared,
    known_shared_t, known_t,
)
from _core.slots cimport slots_fetch, slots_reserve, slots_t, slots_take
from _core.view cimport rows_has, rows_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load(const unsigned char* p)
    void word_store(unsigned char* p, uint64_t word)

cdef enum:
    ENTRY_BYTES = 40
    MET_LEFT_OUT = 1
    MET_SENT = 2
    MET_WORDS = 2
    AHEAD = 32                       # rows whose slots are on their way to the cache while others are looked up

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

ctypedef struct met_t:
    uint64_t key
    uint64_t state

ctypedef struct chooser_t:
    known_t* known
    const contents_t* contents
    bint sends_all
    slots_t met                      # of met_t: records of this part, by key
    slots_t met_shared               # and what they share
    unsigned char* entries
    size_t nentries
    size_t entry_room
    Py_ssize_t sent
    Py_ssize_t unchanged
    Py_ssize_t duplicate


cdef inline bint chooser_open(chooser_t* c, uint64_t rows) noexcept nogil:
    """Prepare for a part of so many rows; False when there is no memory."""
    c.met.width = c.met_shared.width = MET_WORDS
    return slots_reserve(&c.met, rows) and slots_reserve(&c.met_shared, rows) and known_reserve(c.known, 0)


cdef inline void chooser_close(chooser_t* c) noexcept nogil:
    free(c.met.words)
    free(c.met_shared.words)
    free(c.entries)


cdef inline bint entry_add(chooser_t* c, const known_record_t* record, const known_shared_t* shared) noexcept nogil:
    cdef unsigned char* p
    cdef size_t room
    cdef void* grown
    if c.nentries == c.entry_room:
        room = max(2 * c.entry_room, <size_t> 256)
        grown = realloc(c.entries, room * ENTRY_BYTES)
        if grown == NULL:
            return False
        c.entries = <unsigned char*> grown
        c.entry_room = room
    p = c.entries + c.nentries * ENTRY_BYTES
    word_store(p, record.key)
    word_store(p + 8, record.hash.first)
    word_store(p + 16, record.hash.second)
    word_store(p + 24, shared.key)
    word_store(p + 32, shared.hash)
    c.nentries += 1
    return True


cdef inline void entry_read(const unsigned char* p, known_record_t* record, known_shared_t* shared) noexcept nogil:
    record.key = word_load(p)
    record.hash.first = word_load(p + 8)
    record.hash.second = word_load(p + 16)
    shared.key = word_load(p + 24)
    shared.hash = word_load(p + 32)


cdef inline void row_keys(
    const contents_t* contents, const batch_t* batch, Py_ssize_t row, known_record_t* record, known_shared_t* shared
) noexcept nogil:
    # 0 marks a slot that is nobody's.
    record.key = key_hash(batch, contents.key, contents.nkey, row)
    shared.key = key_hash(batch, contents.shared_key, contents.nshared_key, row)
    record.key += record.key == 0
    shared.key += shared.key == 0


cdef inline void row_hash(
    const contents_t* contents, const batch_t* batch, Py_ssize_t row, known_record_t* record, known_shared_t* shared
) noexcept nogil:
    """Hash what a row says: first what it shares, and from there on all of it."""
    cdef hash_t h
    row_keys(contents, batch, row, record, shared)
    h.first = contents.salt
    h.second = ~contents.salt
    hash_fields(&h, batch, contents.shared, contents.nshared, row)
    shared.hash = h.first ^ (h.second << 1)
    shared.hash += shared.hash == 0
    hash_fields(&h, batch, contents.others, contents.nothers, row)
    record.hash = h
    record.hash.first += record.hash.first == 0


cdef inline bint choose_rows_of(
    chooser_t* c, const batch_t* batch, const rows_t* rows, unsigned char* chosen
) noexcept nogil:
    """Mark the rows to send with 1; False when there is no memory."""
    cdef known_record_t records[AHEAD]
    cdef known_shared_t shareds[AHEAD]
    cdef Py_ssize_t numbers[AHEAD]
    cdef Py_ssize_t row = 0
    cdef int i, n
    while row < rows.count:
        n = 0
        while row < rows.count and n < AHEAD:
            chosen[row] = 0
            if rows_has(rows, row):
                row_hash(c.contents, batch, row, &records[n], &shareds[n])
                known_prefetch(c.known, records[n].key, shareds[n].key)
                slots_fetch(&c.met, records[n].key)
                slots_fetch(&c.met_shared, shareds[n].key)
                numbers[n] = row
                n += 1
            row += 1
        for i in range(n):
            if is_new(c, &records[i], &shareds[i]):
                chosen[numbers[i]] = 1
                if not choose_row(c, &records[i], &shareds[i]):
                    return False
    return True


cdef inline bint is_known(
    const known_t* known, const known_record_t* record, const known_shared_t* shared
) noexcept nogil:
    cdef const known_record_t* of_record = known_record(known, record.key)
    cdef const known_shared_t* of_shared = known_shared(known, shared.key)
    return (
        of_record.key == record.key and of_record.hash.first == record.hash.first
        and of_record.hash.second == record.hash.second
        and of_shared.key == shared.key and of_shared.hash == shared.hash
    )


cdef inline bint is_new(chooser_t* c, const known_record_t* record, const known_shared_t* shared) noexcept nogil:
    """Tell whether a row has to be sent; if not, count it."""
    cdef met_t* met = <met_t*> slots_take(&c.met, record.key)
    cdef met_t* met_shared = <met_t*> slots_take(&c.met_shared, shared.key)
    if (
        not c.sends_all and met.state != MET_SENT and met_shared.state != MET_SENT
        and is_known(c.known, record, shared)
    ):
        c.duplicate += met.state == MET_LEFT_OUT
        c.unchanged += met.state != MET_LEFT_OUT
        met.state = MET_LEFT_OUT
        return False
    if met.state == MET_LEFT_OUT:
        c.unchanged -= 1
        c.duplicate += 1
    met.state = met_shared.state = MET_SENT
    return True


cdef inline bint choose_row(chooser_t* c, const known_record_t* record, const known_shared_t* shared) noexcept nogil:
    """Note a row that is sent; False when there is no memory."""
    c.sent += 1
    if is_known(c.known, record, shared):
        return True
    if not known_reserve(c.known, 1):
        return False
    known_set(c.known, record, shared)
    return entry_add(c, record, shared)


cdef inline bint forget_row(chooser_t* c, const batch_t* batch, Py_ssize_t row) noexcept nogil:
    """Know nothing of a row's keys any more; there is room."""
    cdef known_record_t record
    cdef known_shared_t shared
    row_keys(c.contents, batch, row, &record, &shared)
    record.hash.first = record.hash.second = shared.hash = 0
    known_set(c.known, &record, &shared)
    return entry_add(c, &record, &shared)
