# Which rows of a batch may not stay for their keys, and what is found against them.
#
#     keys_claim   each row takes its keys in a table, unless one of them is taken: that is a claim
#     keys_miss    a key that has to be in a table and is not: that is one, too
#     claims_find  a finding of each claim, in a batch that has none yet: finding i is of claim i
#
# All for many rows at a time and without a Python object, as a feed may have nothing but such rows. What a finding
# says of the other record is put into words later, from the claim.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport realloc

from _core.columns cimport batch_t, claim_t, reject_t
from _core.key_table cimport key_table_add, key_table_find, key_table_t
from _core.keys cimport key_digest
from _core.reader cimport buffer_t
from _core.rejects cimport rejects_add
from _core.row_text cimport buffer_append, row_put_text
from _core.span cimport span_of, span_t

cdef enum:
    CLAIMS_FIRST = 64        # of a batch: room at first, doubled from there

ctypedef struct key_fields_t:
    # A key of a row, and the table that it is looked up in.
    int* fields              # of the schema
    int nfields
    span_t* labels           # what stands before each value in a finding, if there are several
    int code                 # of the finding; 0: rows are left out without one
    key_table_t* table
    const uint64_t* secret
    uint64_t digest[2]       # of the row that is looked at
    bint is_there            # none of its values is missing

ctypedef struct claims_t:
    claim_t* all
    Py_ssize_t count
    Py_ssize_t room


cdef inline bint keys_claim(
    const batch_t* batch, key_fields_t* keys, int nkeys, int64_t before, claims_t* claims
) noexcept nogil:
    """Claim the keys of each row: all of them, unless one is taken. False when there is no memory."""
    cdef Py_ssize_t row
    cdef int64_t holder
    cdef bint is_free
    cdef int i
    for row in range(batch.rows):
        is_free = True
        for i in range(nkeys):
            holder = key_look_up(&keys[i], batch, row)
            if holder:
                is_free = False
                if not claims_add(claims, row, i, holder):
                    return False
        for i in range(nkeys if is_free else 0):
            if keys[i].is_there and not key_table_add(keys[i].table, keys[i].digest, before + batch.record[row] + 1):
                return False
    return True


cdef inline bint keys_miss(const batch_t* batch, key_fields_t* keys, int nkeys, claims_t* claims) noexcept nogil:
    """Find the keys that their tables do not have; False when there is no memory."""
    cdef Py_ssize_t row
    cdef int i
    for row in range(batch.rows):
        for i in range(nkeys):
            if key_look_up(&keys[i], batch, row) == 0 and keys[i].is_there:
                if not claims_add(claims, row, i, 0):
                    return False
    return True


cdef inline int64_t key_look_up(key_fields_t* key, const batch_t* batch, Py_ssize_t row) noexcept nogil:
    """Find the record that has a row's key; 0: none, or a value of it is missing and it is no key."""
    key.is_there = key_digest(batch, key.fields, key.nfields, row, key.secret, key.digest)
    return key_table_find(key.table, key.digest) if key.is_there else 0


cdef inline bint claims_add(claims_t* claims, Py_ssize_t row, int key, int64_t holder) noexcept nogil:
    cdef Py_ssize_t room
    cdef claim_t* grown
    if claims.count == claims.room:
        room = max(2 * claims.room, <Py_ssize_t> CLAIMS_FIRST)
        grown = <claim_t*> realloc(claims.all, <size_t> room * sizeof(claim_t))
        if grown == NULL:
            return False
        claims.all, claims.room = grown, room
    claims.all[claims.count].row = <int32_t> row
    claims.all[claims.count].key = key
    claims.all[claims.count].holder = holder
    claims.count += 1
    return True


cdef inline bint claims_find(
    batch_t* to, const batch_t* batch, const key_fields_t* keys, const claims_t* claims, buffer_t* text
) noexcept nogil:
    """Write down a finding of each claim, with its row's values; False when there is no memory."""
    cdef const key_fields_t* key
    cdef reject_t finding
    cdef Py_ssize_t i, row, n
    for i in range(claims.count):
        key = &keys[claims.all[i].key]
        row = claims.all[i].row
        finding.code = key.code
        finding.field = key.fields[0] if key.nfields == 1 else -1
        finding.record, finding.line, finding.byte = batch.record[row], batch.line[row], batch.byte[row]
        n = 0
        if not key_put_text(text, &n, batch, key, row):
            return False
        if not rejects_add(to, &finding, span_of(text.p, n), False):
            return False
    return True


cdef inline bint key_put_text(
    buffer_t* text, Py_ssize_t* n, const batch_t* batch, const key_fields_t* key, Py_ssize_t row
) noexcept nogil:
    """Write a row's values of a key, with the fields' names if there are several."""
    cdef int i
    for i in range(key.nfields):
        if key.nfields > 1 and not buffer_append(text, n, key.labels[i]):
            return False
        if not row_put_text(text, n, batch, key.fields[i], row):
            return False
    return True
