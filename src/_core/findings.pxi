# What a batch has found: codes and numbers, that become words in feedmill/records.py.

cdef list findings_of(const batch_t* batch):
    """List the findings."""
    cdef const reject_t* r
    cdef Py_ssize_t i
    cdef const char* text = <const char*> batch.reject_text
    cdef list found = []
    for i in range(batch.nrejects):
        r = &batch.rejects[i]
        value = text[r.text_offset:r.text_offset + r.text_length] if r.text_length else b""
        found.append((r.code, r.field, r.record, r.line, r.byte, r.length, value))
    return found


cdef dict count_findings(const batch_t* batch, int width):
    """Count the findings by code and by field, of which there are `width`."""
    cdef Py_ssize_t i
    cdef int64_t* counts = <int64_t*> calloc(<size_t> (CODE_COUNT * width), sizeof(int64_t))
    if counts == NULL:
        raise MemoryError
    try:
        with nogil:
            for i in range(batch.nrejects):
                counts[batch.rejects[i].code * width + batch.rejects[i].field + 1] += 1
        return {
            (i // width, i % width - 1): counts[i] for i in range(CODE_COUNT * width) if counts[i]
        }
    finally:
        free(counts)
