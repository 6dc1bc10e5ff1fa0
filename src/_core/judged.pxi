# Batches without the rows that may not stay for their keys (claims.pxd), and with the findings against them.

@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class JudgedKeys:
    """Keys as the kernel has them, while a batch is judged; frees what it holds."""

    cdef key_fields_t* keys
    cdef int count
    cdef list indexes          # whose tables the keys are looked up in
    cdef list labels           # bytes that the keys' labels point to
    cdef claims_t claims
    cdef buffer_t text
    cdef unsigned char* is_out

    def __cinit__(self, int count):
        self.indexes, self.labels = [], []
        self.keys = <key_fields_t*> calloc(<size_t> max(count, 1), sizeof(key_fields_t))
        if self.keys == NULL:
            raise MemoryError
        self.count = count

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            free(self.keys[i].fields)
            free(self.keys[i].labels)
        free(self.keys)
        free(self.claims.all)
        free(self.text.p)
        free(self.is_out)

    cdef int open_key(self, int i, KeyIndex index, int table, tuple fields, Batch batch, int code) except -1:
        """Say which fields a key has, and in which of an index's tables it is looked up."""
        cdef key_fields_t* key = &self.keys[i]
        cdef int k
        key.table, key.secret, key.code, key.nfields = &index.tables[table], index.secret, code, <int> len(fields)
        key.fields = <int*> calloc(<size_t> max(len(fields), 1), sizeof(int))
        key.labels = <span_t*> calloc(<size_t> max(len(fields), 1), sizeof(span_t))
        if key.fields == NULL or key.labels == NULL:
            raise MemoryError
        for k, field in enumerate(fields):
            if not 0 <= field < batch.batch.ncols:
                raise IndexError(f"field {field}: the schema has {batch.batch.ncols}")
            key.fields[k] = field
            label = f"{', ' if k else ''}{batch.plan.names[field]}=".encode()
            key.labels[k] = span_of(<const unsigned char*> PyBytes_AS_STRING(label), len(label))
            self.labels.append(label)
        self.indexes.append(index)
        return 0

    cdef Batch batch_that_stays(self, Batch batch):
        """Copy the rows without those of the claims, with a finding of each claim; None if there are no claims."""
        cdef Batch copy
        cdef batch_t* b = batch.batch
        cdef Py_ssize_t i
        cdef bint is_hashed = batch.contents is not None
        cdef bint is_done
        if self.claims.count == 0:
            return None
        self.is_out = <unsigned char*> calloc(<size_t> max(b.rows, <Py_ssize_t> 1), 1)
        if self.is_out == NULL:
            raise MemoryError
        copy = Batch.__new__(Batch)
        copy.plan, copy.contents = batch.plan, batch.contents
        with nogil:
            for i in range(self.claims.count):
                self.is_out[self.claims.all[i].row] = 1
            copy.batch = batch.plan.take_batch()
            is_done = copy.batch != NULL and rows_copy(copy.batch, b, self.is_out)
            if is_done and is_hashed:
                is_done = entries_copy(copy.batch, b, self.is_out)
            if is_done and self.keys[0].code:
                is_done = claims_find(copy.batch, b, self.keys, &self.claims, &self.text)
                copy.batch.claims, self.claims.all = self.claims.all, NULL
        if not is_done:
            raise MemoryError
        return copy


cdef Batch claim_keys(Batch batch, KeyIndex index, Py_ssize_t before, codes):
    """Claim the keys of a batch's rows, and give what stays of it; None if all does."""
    cdef JudgedKeys judged = JudgedKeys(index.nkeys)
    cdef bint is_done
    cdef int i
    if index.is_frozen or before < 0 or before + batch.batch.records > KEY_ORDINAL_MAX:
        raise ValueError("the index is frozen, or has as many records as it can name")
    for i, fields in enumerate(index.keys):
        judged.open_key(i, index, i, fields, batch, codes[i] if codes else 0)
    with nogil:
        is_done = keys_claim(batch.batch, judged.keys, judged.count, before, &judged.claims)
    if not is_done:
        raise MemoryError
    return judged.batch_that_stays(batch) if codes is not None else None


cdef Batch miss_keys(Batch batch, references, int code):
    """Look keys up in indexes, and give what stays of a batch; None if all does."""
    cdef JudgedKeys judged = JudgedKeys(len(references))
    cdef KeyIndex index
    cdef bint is_done
    cdef int i
    for i, (index, fields) in enumerate(references):
        if not index.is_frozen:
            raise ValueError("keys are still being claimed; freeze the index first")
        judged.open_key(i, index, 0, tuple(fields), batch, code)
    with nogil:
        is_done = keys_miss(batch.batch, judged.keys, judged.count, &judged.claims)
    if not is_done:
        raise MemoryError
    return judged.batch_that_stays(batch)


cdef list claims_of(Batch batch):
    """List what the findings are of: key and holder."""
    cdef const batch_t* b = batch.batch
    cdef Py_ssize_t i
    if b.claims == NULL:
        return []
    return [(b.claims[i].key, b.claims[i].holder) for i in range(b.nrejects)]
