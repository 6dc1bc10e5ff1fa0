# The end of a record, wherever its cells came from: it counts, or it leaves no trace.
#
# Values go to the slot after the last good row. A record without findings advances it; one with findings does
# not, and the next record overwrites what it left, so giving up costs nothing but setting a few validity bits
# back.

from libc.stdint cimport int32_t

from _core.columns cimport batch_t
from _core.keys cimport key_hash
from _core.reader cimport reader_t


cdef inline void record_settle(reader_t* r, Py_ssize_t byte) noexcept nogil:
    """Keep the current record, whose first byte is given, or forget it if it is bad; go to the next."""
    cdef batch_t* batch = r.batch
    if r.is_bad:
        record_forget(batch, r.row)
    else:
        batch.record[r.row] = <int32_t> r.record
        batch.line[r.row] = <int32_t> r.line
        batch.byte[r.row] = <int32_t> byte
        if r.plan.nkeys:
            batch.key_hash[r.row] = key_hash(batch, r.plan.keys, r.plan.nkeys, r.row)
        r.row += 1
    r.record += 1


cdef inline void record_forget(batch_t* batch, Py_ssize_t row) noexcept nogil:
    """Set back what a bad record cleared: rows start out with every value present."""
    cdef int i
    for i in range(batch.ncols):
        batch.columns[i].validity[row >> 3] |= <unsigned char> (1 << (row & 7))
