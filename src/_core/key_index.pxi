# KeyIndex: which record has a key, for keys that no two records may share, and for keys that have to be somewhere.

ctypedef struct key_fields_t:
    int* fields              # of the schema
    int nfields
    uint64_t digest[2]       # of the row that is looked at
    bint is_there            # none of its values is missing


@cython.final
@cython.auto_pickle(False)
cdef class KeyIndex:
    """Keys of records, one or several a record, each with the first record that has it.

    Parameters
    ----------
    keys : sequence of sequence of int
        The fields of each key, by their places in the schema.

    Attributes
    ----------
    nbytes : int
        Bytes of memory held: 18 to 37 for each key of each record.

    Thread safety
    -------------
    one thread; once frozen, any
    """

    cdef key_table_t* tables
    cdef int nkeys
    cdef readonly tuple keys
    cdef uint64_t secret[2]
    cdef bint is_frozen

    def __cinit__(self, keys):
        cdef bytes secret = os.urandom(sizeof(self.secret))
        memcpy(self.secret, PyBytes_AS_STRING(secret), sizeof(self.secret))
        self.keys = tuple(map(tuple, keys))
        self.tables = <key_table_t*> calloc(<size_t> max(len(self.keys), 1), sizeof(key_table_t))
        if self.tables == NULL:
            raise MemoryError
        self.nkeys = len(self.keys)

    def __dealloc__(self):
        cdef int i
        for i in range(self.nkeys):
            free(self.tables[i].entries)
        free(self.tables)

    def __len__(self):
        return sum([self.tables[i].count for i in range(self.nkeys)])

    @property
    def nbytes(self):
        return sum([self.tables[i].capacity for i in range(self.nkeys)]) * sizeof(key_entry_t)

    def freeze(self):
        """Take no more keys."""
        self.is_frozen = True


cdef key_fields_t* open_keys(KeyIndex index, Batch batch) except NULL:
    """Make arrays of the keys' fields, for `close_keys`."""
    cdef int nkeys = index.nkeys
    cdef key_fields_t* keys = <key_fields_t*> calloc(<size_t> max(nkeys, 1), sizeof(key_fields_t))
    cdef int i, k
    if keys == NULL:
        raise MemoryError
    try:
        for i, fields in enumerate(index.keys):
            keys[i].nfields = len(fields)
            keys[i].fields = <int*> calloc(<size_t> max(len(fields), 1), sizeof(int))
            if keys[i].fields == NULL:
                raise MemoryError
            for k, field in enumerate(fields):
                if not 0 <= field < batch.batch.ncols:
                    raise IndexError(f"field {field}: the schema has {batch.batch.ncols}")
                keys[i].fields[k] = field
    except BaseException:
        close_keys(keys, nkeys)
        raise
    return keys


cdef void close_keys(key_fields_t* keys, int nkeys) noexcept:
    cdef int i
    for i in range(nkeys):
        free(keys[i].fields)
    free(keys)


cdef list claim_keys(Batch batch, KeyIndex index, Py_ssize_t before):
    """Claim the keys of a batch's rows: all of a row's, unless one is taken."""
    cdef batch_t* b = batch.batch
    cdef Py_ssize_t row
    cdef int i, nkeys = index.nkeys
    cdef int64_t holder
    cdef bint is_free
    cdef list taken = []
    cdef key_fields_t* keys
    if index.is_frozen or before < 0 or before + b.records > KEY_ORDINAL_MAX:
        raise ValueError("the index is frozen, or has as many records as it can name")
    keys = open_keys(index, batch)
    try:
        for row in range(b.rows):
            is_free = True
            for i in range(nkeys):
                keys[i].is_there = key_digest(b, keys[i].fields, keys[i].nfields, row, index.secret, keys[i].digest)
                holder = key_table_find(&index.tables[i], keys[i].digest) if keys[i].is_there else 0
                if holder:
                    taken.append((b.record[row], i, holder))
                    is_free = False
            for i in range(nkeys if is_free else 0):
                if keys[i].is_there and not key_table_add(&index.tables[i], keys[i].digest, before + b.record[row] + 1):
                    raise MemoryError
    finally:
        close_keys(keys, nkeys)
    return taken


cdef list lacking_keys(Batch batch, KeyIndex index, fields):
    """List the records whose key, in fields of their own, the index's first key does not have."""
    cdef KeyIndex asked = KeyIndex((fields,))
    cdef batch_t* b = batch.batch
    cdef Py_ssize_t row
    cdef list lacking = []
    cdef key_fields_t* key
    if not index.is_frozen:
        raise ValueError("keys are still being claimed; freeze the index first")
    key = open_keys(asked, batch)
    try:
        for row in range(b.rows):
            if key_digest(b, key.fields, key.nfields, row, index.secret, key.digest):
                if not key_table_find(&index.tables[0], key.digest):
                    lacking.append(b.record[row])
    finally:
        close_keys(key, 1)
    return lacking


cdef bytes key_words(Batch batch, record, fields):
    """Write the values of a good record's fields, as a finding shows them."""
    cdef buffer_t out
    cdef Py_ssize_t n = 0, row = row_of(batch, record)
    cdef bint is_done = True
    out.p, out.capacity = NULL, 0
    try:
        for i, field in enumerate(fields):
            label = f"{', ' if i else ''}{batch.plan.names[field]}=".encode() if len(fields) > 1 else b""
            is_done = is_done and buffer_append(
                &out, &n, span_of(<const unsigned char*> PyBytes_AS_STRING(label), len(label))
            ) and row_put_text(&out, &n, batch.batch, field, row)
        if not is_done:
            raise MemoryError
        return (<char*> out.p)[:n] if n else b""
    finally:
        free(out.p)


cdef Batch batch_without(Batch batch, records):
    """Copy a batch without some of its rows, and without its findings."""
    cdef Batch copy = Batch.__new__(Batch)
    cdef batch_t* b = batch.batch
    cdef unsigned char* is_out = <unsigned char*> calloc(<size_t> max(b.rows, <Py_ssize_t> 1), 1)
    cdef bint is_done
    if is_out == NULL:
        raise MemoryError
    try:
        for record in records:
            is_out[row_of(batch, record)] = 1
        copy.plan = batch.plan
        with nogil:
            copy.batch = batch.plan.take_batch()
            is_done = copy.batch != NULL and rows_copy(copy.batch, b, is_out)
        if not is_done:
            raise MemoryError
    finally:
        free(is_out)
    return copy
