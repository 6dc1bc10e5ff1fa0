# Builder: a batch of records that are given one after the other.

@cython.final
@cython.auto_pickle(False)
cdef class Builder:
    """Make one batch of records that are given one after the other.

    Parameters
    ----------
    plan : Plan
        Whose schema the records are held to; its columns are the schema's fields.
    rows : int
        How many there will be at most.

    Thread safety
    -------------
    one thread
    """

    cdef Plan plan
    cdef reader_t reader
    cdef call_t call
    cdef Py_ssize_t room
    cdef bint is_adding                # values may have code of their own, which is not to come back here

    def __cinit__(self, Plan plan, Py_ssize_t rows):
        self.plan = plan
        self.room = rows
        plan.open_reader(&self.reader, &self.call)
        if not rows_given_begin(&self.reader, rows):
            raise MemoryError

    def __dealloc__(self):
        if self.plan is not None:
            self.plan.close_reader(&self.reader)

    def add(self, record, Py_ssize_t number, Py_ssize_t line, Py_ssize_t byte, origin=None):
        """Read a record.

        Parameters
        ----------
        record : mapping of str to value
        number, line, byte : int
            Where it stands in the chunk, from 0; numbers ascend.
        origin : Record, optional
            What it was made from. Values that are still the same do not go through the transforms again.

        Returns
        -------
        bool
            Whether it is good.

        Raises
        ------
        TypeError
            It is no mapping.
        ValueError
            There are more records than there is room for.
        RuntimeError
            A value of a record calls this when it is asked what it is.
        """
        if self.reader.batch == NULL or self.reader.row >= self.room:
            raise ValueError("the batch is full, or finished")
        if self.is_adding:
            raise RuntimeError("a record is being read")
        self.is_adding = True
        try:
            values = values_of(self.plan.names, record)
            self.reader.record, self.reader.line = number, line
            read_given(self.plan, &self.reader, values, settled_of(self.plan, origin), byte, [])
            record_settle(&self.reader, byte)
            return not self.reader.is_bad
        finally:
            self.is_adding = False

    def finish(self, Py_ssize_t records, Py_ssize_t lines):
        """Give the batch, of so many records and lines."""
        cdef Batch batch = Batch.__new__(Batch)
        if self.reader.batch == NULL:
            raise ValueError("the batch is finished")
        if self.is_adding:
            raise RuntimeError("a record is being read")
        self.reader.batch.records, self.reader.batch.rows = records, self.reader.row
        self.reader.batch.lines = lines
        batch_finish(self.reader.batch)
        batch.plan, batch.batch = self.plan, self.reader.batch
        self.reader.batch = NULL
        return batch
