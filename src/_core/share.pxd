# Who still needs a batch: the Batch object, and every Arrow array over its buffers.
#
# A batch is made with one reference, the Batch object's. The count is atomic, because a consumer of an
# exported array may release it on any thread, without the GIL. Whoever drops the last reference owns the
# batch and recycles or frees it.

from _core.columns cimport batch_t

cdef extern from *:
    """
    /* More references need no order: the caller has one. The last drop must see all that other threads did
     * before theirs. */
    static inline void share_increment(int *refs) { __atomic_fetch_add(refs, 1, __ATOMIC_RELAXED); }
    static inline int share_decrement(int *refs) { return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL); }
    """
    void share_increment(int* refs) noexcept nogil
    int share_decrement(int* refs) noexcept nogil


cdef inline void share_take(batch_t* batch) noexcept nogil:
    share_increment(&batch.refs)


cdef inline bint share_drop(batch_t* batch) noexcept nogil:
    """Give a reference back; True if it was the last."""
    return share_decrement(&batch.refs) == 0
