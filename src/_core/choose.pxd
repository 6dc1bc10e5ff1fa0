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
# Entries say what has become known, in the order of the rows.

from libc.stdint cimport uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from _core.columns cimport batch_t
from _core.contents cimport contents_keys, contents_t
from _core.entry cimport ENTRY_BYTES, entry_t, entry_write
from _core.known cimport (
    MET_LEFT_OUT, MET_SENT, known_has, known_prefetch, known_put, known_record, known_reserve, known_set, known_shared,
    known_t, met_note, met_state,
)
from _core.view cimport rows_has, rows_t

cdef enum:
    AHEAD = 64                       # rows whose slots are on their way to the cache while others are looked up

ctypedef struct chooser_t:
    known_t* known
    bint sends_all
    unsigned char* entries
    size_t nentries
    size_t entry_room
    Py_ssize_t sent
    Py_ssize_t unchanged
    Py_ssize_t duplicate


cdef inline void chooser_close(chooser_t* c) noexcept nogil:
    free(c.entries)


cdef inline bint entry_add(chooser_t* c, const entry_t* entry) noexcept nogil:
    cdef size_t room
    cdef void* grown
    if c.nentries == c.entry_room:
        room = max(2 * c.entry_room, <size_t> 256)
        grown = realloc(c.entries, room * ENTRY_BYTES)
        if grown == NULL:
            return False
        c.entries = <unsigned char*> grown
        c.entry_room = room
    entry_write(c.entries + c.nentries * ENTRY_BYTES, entry)
    c.nentries += 1
    return True


cdef inline bint choose_rows_of(
    chooser_t* c, const entry_t* entries, const rows_t* rows, unsigned char* chosen
) noexcept nogil:
    """Mark the rows to send with 1; False when there is no memory."""
    cdef Py_ssize_t numbers[AHEAD]
    cdef Py_ssize_t row = 0, stop
    cdef int i, n
    memset(chosen, 0, <size_t> rows.count)
    while row < rows.count:
        n = 0
        stop = min(row + AHEAD, rows.count)
        # Without a branch: which lane a row is of nobody could guess.
        while row < stop:
            numbers[n] = row
            n += rows_has(rows, row)
            row += 1
        if not known_reserve(c.known, <uint64_t> n):
            return False
        for i in range(n):
            known_prefetch(c.known, &entries[numbers[i]])
        for i in range(n):
            if not choose_row(c, &entries[numbers[i]], &chosen[numbers[i]]):
                return False
    return True


cdef inline bint choose_row(chooser_t* c, const entry_t* entry, unsigned char* chosen) noexcept nogil:
    """Mark a row with 1 if it has to be sent, and count it; there is room to know it. False when there is no memory."""
    cdef known_t* known = c.known
    cdef uint64_t record = known_record(known, entry.key)
    cdef uint64_t shared = known_shared(known, entry.shared_key)
    cdef int met = met_state(&known.records, record)
    cdef bint is_known = known_has(known, record, shared, entry)
    if is_known and not c.sends_all and met != MET_SENT and met_state(&known.shareds, shared) != MET_SENT:
        c.duplicate += met == MET_LEFT_OUT
        c.unchanged += met != MET_LEFT_OUT
        met_note(&known.records, record, MET_LEFT_OUT)
        return True
    if met == MET_LEFT_OUT:
        c.unchanged -= 1
        c.duplicate += 1
    chosen[0] = 1
    c.sent += 1
    met_note(&known.records, record, MET_SENT)
    met_note(&known.shareds, shared, MET_SENT)
    if is_known:
        return True
    known_put(known, record, shared, entry)
    return entry_add(c, entry)


cdef inline bint forget_row(
    chooser_t* c, const contents_t* contents, const batch_t* batch, Py_ssize_t row
) noexcept nogil:
    """Know nothing of a row's keys any more; there is room."""
    cdef entry_t entry
    contents_keys(contents, batch, row, &entry)
    entry.hash.first = entry.hash.second = entry.shared = 0
    known_set(c.known, &entry)
    return entry_add(c, &entry)
