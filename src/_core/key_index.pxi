# KeyIndex: which record has a key, for keys that no two records may share, and for keys that have to be somewhere.

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
