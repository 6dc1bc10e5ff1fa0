# Plan: a schema and a dialect, compiled; and the calls that run it.

cdef enum:
    MAX_CHUNK = 1 << 30                 # bytes: offsets are 32 bits
    # Bytes of the batches, and of the scratch memories, that are kept for later calls: as many as a run has in work at
    # a time (config.max_bytes); more is a burst.
    MAX_SPARE_BYTES = 64 * 1024 * 1024

cdef dict DAMAGES = {"": OK, "record_too_long": CODE_RECORD_TOO_LONG, "unclosed_quote": CODE_UNCLOSED_QUOTE}


@cython.final
@cython.auto_pickle(False)
cdef class Plan:
    """A schema and a dialect compiled for the kernel.

    Parameters
    ----------
    schema : Schema
        What the records are held to.
    dialect : Dialect
        How the feed is written.
    columns : sequence of str, optional
        The names of the feed's columns. Fields are bound to them by name; columns that no field has are
        ignored, and fields that no column has are missing in every record. By default the feed has the
        schema's fields, in its order.
    lane_key : sequence of str, default ()
        Names of the fields whose values choose a record's lane.
    simd : {"scalar", "sse2", "avx2", "avx512"}, optional
        The instruction set, for tests. By default the best there is, or the environment's FEEDMILL_SIMD.
    patterns : {"pcre2", "re"}, optional
        What matches patterns. By default PCRE2 where the system has it, or the environment's FEEDMILL_PATTERNS;
        Python's re takes over what PCRE2 cannot.

    Attributes
    ----------
    schema, dialect
        As given.
    names : tuple of str
        The schema's fields.
    columns : tuple of str
        The feed's columns.
    lane_key : tuple of str
    simd : str
        The instruction set in use.
    nbytes : int
        Bytes of memory that are kept for the next calls, 128 MiB at most.

    Raises
    ------
    SchemaError
        A constraint's value does not read as its field's type, the lane key names no field, or a required
        field has no column.

    Thread safety
    -------------
    immutable
    """

    cdef plan_t plan
    cdef readonly object schema
    cdef readonly object dialect
    cdef readonly tuple names
    cdef readonly tuple columns
    cdef readonly tuple lane_key
    cdef dict places                   # index of each field, by its name
    cdef bint is_for_records           # its columns are the schema's fields
    cdef bint transforms_once          # a text that went through its transforms may come out of them as another
    cdef tuple patterns                # of each field: what a call-out matches with, or None
    cdef tuple judges                  # of each field: its JSON Schema, or None
    cdef tuple changes                 # of each field: for each transform a function, or None
    # Guarded by `spares_lock`: memory of finished calls, for the next ones. Fresh pages cost more than
    # parsing into them.
    cdef cython.pymutex spares_lock
    cdef batch_t* spare_batches
    cdef Py_ssize_t spare_batch_bytes
    cdef scratch_t* spare_scratches
    cdef Py_ssize_t spare_scratch_bytes

    def __cinit__(self, schema, dialect, columns=None, lane_key=(), *, simd=None, patterns=None):
        cdef int i
        self.schema, self.dialect = schema, dialect
        self.names = schema.names
        self.columns = self.names if columns is None else tuple(columns)
        self.lane_key = tuple(lane_key)
        self.is_for_records = self.columns == self.names
        self.places = {name: i for i, name in enumerate(self.names)}
        self.transforms_once = not all(isinstance(each, str) for field in schema.fields for each in field.transforms)
        self.changes = tuple(tuple(map(compile_change, field.transforms)) for field in schema.fields)
        self.judges = tuple(map(compile_judge, schema.fields))
        self.plan.match = match_pattern
        self.plan.judge = judge_json
        self.plan.change = change_text
        compile_dialect(&self.plan, dialect, SIMD if simd is None else simd)
        self.plan.fields = <field_t*> calloc(<size_t> len(self.names), sizeof(field_t))
        if self.plan.fields == NULL:
            raise MemoryError
        self.plan.nfields = len(self.names)
        compile_fields(&self.plan, schema, self.columns)
        self.patterns = compile_patterns(&self.plan, schema, PATTERNS if patterns is None else patterns)
        compile_rules(&self.plan, schema)
        compile_lane_key(&self.plan, self.names, self.lane_key)

    def __dealloc__(self):
        cdef batch_t* batch
        cdef scratch_t* scratch
        plan_free(&self.plan)
        while self.spare_batches != NULL:
            batch = self.spare_batches
            self.spare_batches = batch.next
            batch_free(batch)
        while self.spare_scratches != NULL:
            scratch = self.spare_scratches
            self.spare_scratches = scratch.next
            scratch_free(scratch)

    def __repr__(self):
        return f"<Plan: {len(self.names)} fields, {len(self.columns)} columns, {self.simd}>"

    @property
    def simd(self):
        return INSTRUCTION_SETS[self.plan.dialect.isa]

    @property
    def nbytes(self):
        with self.spares_lock:
            return self.spare_batch_bytes + self.spare_scratch_bytes

    def parse(self, data, size=None, *, str damage=""):
        """Read a chunk of whole records, without the header.

        Parameters
        ----------
        data : buffer
            Contiguous bytes. They are only read, and may change or go away once the call has returned.
        size : int, optional
            How many bytes of `data` count; all by default. At most 1 GiB.
        damage : {"", "record_too_long", "unclosed_quote"}
            If set, the whole chunk is one record that cannot be read, and this is its finding.

        Returns
        -------
        Batch

        Raises
        ------
        ValueError
            `size` is not within `data`, or above 1 GiB; an unknown damage.
        MemoryError
        Exception
            What Python's regular expressions raise.

        Rejects
        -------
        All that concern one record: the constraints' codes, type, format, check_digit, missing_cell,
        extra_cell, unclosed_quote, bad_quote, encoding, record_too_long, nul.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released, and taken back only for what Python's re matches, `replace`, and letters
        beyond ASCII.
        The batch copies what it needs.
        """
        cdef Py_buffer view
        cdef Batch batch = Batch.__new__(Batch)
        cdef int code
        if damage not in DAMAGES:
            raise ValueError(f"damage {damage!r}: expected one of {', '.join(map(repr, DAMAGES))}")
        code = DAMAGES[damage]
        batch.plan = self
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.read(batch, span_of(<const unsigned char*> view.buf, size_within(view.len, size)), code)
        finally:
            PyBuffer_Release(&view)
        return batch

    def validate(self, record):
        """Hold one record of Python values to the schema; the plan's columns have to be its fields.

        Parameters
        ----------
        record : mapping of str to value
            Of each field its text, as a feed has it, or a value of its type. A name that is absent has no value;
            one that no field has is ignored.

        Returns
        -------
        Checked

        Raises
        ------
        TypeError
            It is no mapping.

        Thread safety
        -------------
        any thread
        """
        cdef Checked checked = Checked.__new__(Checked)
        cdef reader_t reader
        cdef call_t call
        cdef tuple values = values_of(self.names, record)
        cdef list kept = []
        checked.rejects = ()
        self.open_reader(&reader, &call)
        try:
            if not rows_given_begin(&reader, 1):
                raise MemoryError
            read_given(self, &reader, values, settled_of(self, record), 0, kept)
            if reader.is_bad:
                checked.rejects = rejects_of_one(self, &reader)
            else:
                values = kept_values(reader.batch, 0, values, reader.scratch.given, self)
                checked.record = record_of(self, None, 0, values)
        except patterns.TextTooLongError as error:
            # Of a feed, too, such a record is rejected as a whole.
            checked.rejects = (unprocessed(Base().position(0, 0, 0), f"{type(error).__name__}: {error}"),)
        finally:
            self.close_reader(&reader)
        return checked

    def last_record_end(self, data, size):
        """Find where the last complete record of some data ends, given that a record starts at 0.

        Parameters
        ----------
        data : buffer
            Contiguous bytes.
        size : int
            How many of them count. At most 1 GiB.

        Returns
        -------
        int
            The offset just past the last row end that is not inside quotes; 0 if there is none. Blank lines
            and comments end there too.

        Raises
        ------
        ValueError
            `size` is not within `data`, or above 1 GiB.
        MemoryError

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released. Costs one pass over the data, at some 10 GB/s where quotes are plain.
        """
        cdef Py_buffer view
        cdef scratch_t* scratch
        cdef Py_ssize_t end = -1
        cdef Py_ssize_t n
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            n = size_within(view.len, size)
            with nogil:
                scratch = self.take_scratch()
                if scratch != NULL:
                    end = scan_last_end(
                        &self.plan.dialect, <const unsigned char*> view.buf, <size_t> n, &scratch.scan
                    )
                    self.give_scratch(scratch)
        finally:
            PyBuffer_Release(&view)
        if end < 0:
            raise MemoryError
        return end

    cdef int read(self, Batch batch, span_t data, int damage) except -1:
        """Run the kernel on a chunk."""
        cdef call_t call
        cdef reader_t reader
        cdef int status = READER_NO_MEMORY
        call.plan = <PyObject*> self
        call.error = NULL
        memset(&reader, 0, sizeof(reader))
        reader.plan = &self.plan
        reader.context = &call
        reader.p, reader.n = data.p, data.n
        with nogil:
            reader.batch = batch.batch = self.take_batch()
            reader.scratch = self.take_scratch()
            if reader.batch != NULL and reader.scratch != NULL:
                status = rows_damaged(&reader, damage) if damage else rows_read(&reader)
            if reader.scratch != NULL:
                self.give_scratch(reader.scratch)
        if status == READER_CALL_FAILED:
            error = <object> call.error
            Py_DECREF(error)
            raise error
        if status == READER_NO_MEMORY:
            raise MemoryError
        return 0

    # Given records

    cdef int open_reader(self, reader_t* reader, call_t* call) except -1:
        """Take memory for a call that reads given records."""
        if not self.is_for_records:
            raise ValueError("given records have the schema's fields; the plan has other columns")
        call.plan = <PyObject*> self
        call.error = NULL
        memset(reader, 0, sizeof(reader_t))
        reader.plan = &self.plan
        reader.context = call
        reader.batch = self.take_batch()
        reader.scratch = self.take_scratch()
        if reader.batch == NULL or reader.scratch == NULL:
            self.close_reader(reader)
            raise MemoryError
        return 0

    cdef void close_reader(self, reader_t* reader) noexcept:
        """Give back what a reader has not handed on."""
        if reader.scratch != NULL:
            self.give_scratch(reader.scratch)
        if reader.batch != NULL:
            self.recycle(reader.batch)
        reader.batch, reader.scratch = NULL, NULL

    # Memory

    cdef batch_t* take_batch(self) noexcept nogil:
        """Take a batch from the spare ones, or make one; NULL when there is no memory."""
        cdef batch_t* batch
        cdef column_t* column
        cdef const field_t* op
        cdef int i
        with self.spares_lock:
            batch = self.spare_batches
            if batch != NULL:
                self.spare_batches = batch.next
                self.spare_batch_bytes -= batch_bytes(batch)
        if batch != NULL:
            batch.refs = 1
            return batch
        batch = batch_new(self.plan.nfields)
        if batch != NULL:
            for i in range(self.plan.nfields):
                op = &self.plan.fields[i]
                column = &batch.columns[op.field]
                column.storage = storage_of(op.kind)
                column.precision = op.precision
                column.scale = op.scale
                column.is_year = op.kind == KIND_YEAR
                column.is_uuid = op.format == FORMAT_UUID
                column.is_json = kind_is_json(op.kind)
        return batch

    cdef void recycle(self, batch_t* batch) noexcept nogil:
        """Keep a batch that nobody refers to any more, or free it."""
        cdef Py_ssize_t size = batch_bytes(batch)
        cdef bint is_kept
        with self.spares_lock:
            is_kept = size <= MAX_SPARE_BYTES - self.spare_batch_bytes
            if is_kept:
                batch.next = self.spare_batches
                self.spare_batches = batch
                self.spare_batch_bytes += size
        if not is_kept:
            batch_free(batch)

    cdef scratch_t* take_scratch(self) noexcept nogil:
        cdef scratch_t* scratch
        with self.spares_lock:
            scratch = self.spare_scratches
            if scratch != NULL:
                self.spare_scratches = scratch.next
                self.spare_scratch_bytes -= scratch_bytes(scratch)
        if scratch == NULL:
            scratch = <scratch_t*> calloc(1, sizeof(scratch_t))
        return scratch

    cdef void give_scratch(self, scratch_t* scratch) noexcept nogil:
        cdef Py_ssize_t size = scratch_bytes(scratch)
        cdef bint is_kept
        with self.spares_lock:
            is_kept = size <= MAX_SPARE_BYTES - self.spare_scratch_bytes
            if is_kept:
                scratch.next = self.spare_scratches
                self.spare_scratches = scratch
                self.spare_scratch_bytes += size
        if not is_kept:
            scratch_free(scratch)


cdef Py_ssize_t size_within(Py_ssize_t length, size) except -1:
    """Check how much of a buffer is asked for."""
    cdef Py_ssize_t n = length if size is None else size
    if not 0 <= n <= length:
        raise ValueError(f"size {size}: the data has {length} bytes")
    if n > MAX_CHUNK:
        raise ValueError(f"a chunk of {n} bytes: it can have {MAX_CHUNK} at most; read the feed in pieces")
    return n
