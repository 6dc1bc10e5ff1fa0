# Batch: what the kernel made of one chunk. First what tells of its records, then the encoders of its rows,
# which are thin: encode_*.pxi do the work.

@cython.final
@cython.no_gc
@cython.auto_pickle(False)
cdef class Batch:
    """What the kernel made of a chunk: columns of the good records, findings of the bad ones.

    Made by `Plan.parse` only.

    Attributes
    ----------
    plan : Plan
        What the records were held to.
    rows : int
        Good records.
    records : int
        All records.
    lines : int
        Row-end bytes in the chunk, those inside quotes included.
    failures : int
        Bad records: ``records - rows``.
    nbytes : int
        Bytes of memory held.

    Thread safety
    -------------
    immutable

    Notes
    -----
    Its memory goes back to the plan when nothing refers to it any more, and serves the next batch.
    """

    # No garbage collection is needed: a plan never refers to a batch. And none may run, because the plan,
    # which takes the memory back, has to be there still in __dealloc__.
    cdef batch_t* batch
    cdef readonly Plan plan
    cdef Contents contents   # by what its rows were hashed; None: they were not

    def __init__(self):
        raise TypeError("batches are made by Plan.parse")

    def __dealloc__(self):
        if self.batch != NULL and share_drop(self.batch):
            self.plan.recycle(self.batch)

    def __repr__(self):
        return f"<Batch: {self.rows} rows, {self.failures} failures>"

    @property
    def rows(self):
        return self.batch.rows

    @property
    def records(self):
        return self.batch.records

    @property
    def lines(self):
        return self.batch.lines

    @property
    def failures(self):
        return self.batch.records - self.batch.rows

    @property
    def nbytes(self):
        return batch_bytes(self.batch)

    def rejects(self):
        """List the findings, in input order, places counted from 0 within the chunk.

        Returns
        -------
        list of (code, field, record, line, byte, length, value)
            `field` is the index in the schema, -1 for findings on a whole record or on a cell without a
            column; rules are numbered after the fields. `length` is the value's length in bytes, `value` its
            first 4,000 bytes: the cell after unquoting, or the record as it stands.

        Thread safety
        -------------
        any thread
        """
        return findings_of(self.batch)

    def reject_counts(self):
        """Count the findings.

        Returns
        -------
        dict of (code, field) to int

        Thread safety
        -------------
        any thread
        """
        # Findings on no field, on fields, on rules.
        return count_findings(self.batch, 1 + self.batch.ncols + self.plan.plan.nrules)

    def lane_rows(self, lane, lanes):
        """Count the rows of one lane: those whose key hash modulo `lanes` is `lane`.

        Raises
        ------
        ValueError
            The lane does not exist.

        Thread safety
        -------------
        any thread
        """
        cdef rows_t rows
        cdef Py_ssize_t row, count = 0
        choose_rows(&rows, self.batch, lane, lanes)
        with nogil:
            for row in range(rows.count):
                count += rows_has(&rows, row)
        return count

    def place(self, record):
        """Say where a good record stands.

        Parameters
        ----------
        record : int
            Its number in the chunk, from 0.

        Returns
        -------
        tuple of int
            The physical line of its first byte, and that byte, both from 0 within the chunk.

        Raises
        ------
        ValueError
            The record is none of the good ones.

        Thread safety
        -------------
        any thread
        """
        cdef Py_ssize_t row = row_of(self, record)
        return self.batch.line[row], self.batch.byte[row]

    def numbers(self):
        """List the good records' numbers in the chunk, from 0.

        Returns
        -------
        list of int

        Thread safety
        -------------
        any thread
        """
        cdef Py_ssize_t row
        return [self.batch.record[row] for row in range(self.batch.rows)]

    def __iter__(self):
        """Yield a `Record` of each good record, in input order."""
        cdef Py_ssize_t row
        for row in range(self.batch.rows):
            yield record_of(self.plan, self, row, None)

    def hash_rows(self, Contents contents not None):
        """Hash what the rows say, for `Known.choose` to find: best by who made the batch, while it is in the cache.

        Parameters
        ----------
        contents : Contents
            Of the batch's plan.

        Raises
        ------
        IndexError
            A field does not exist.

        Thread safety
        -------------
        one thread, and before any other sees the batch

        Notes
        -----
        The GIL is released.
        """
        check_contents(self, contents)
        if not batch_reserve_entries(self.batch):
            raise MemoryError
        hash_rows(self, contents, self.batch.entries)
        self.contents = contents

    def claim_keys(self, KeyIndex index not None, Py_ssize_t before, codes=None):
        """Claim the keys of each row for its record; a key with a missing value is none.

        A record of which one key is taken gets none of the others.

        Parameters
        ----------
        index : KeyIndex
        before : int
            Records that were there before this batch.
        codes : sequence of int, optional
            What is found, for each key of the index, against a record whose key is taken; 0 for all: nothing,
            such records are left out in silence. By default nothing but the index is changed.

        Returns
        -------
        Batch or None
            The rows without those whose keys are taken, and with the findings against these, and no others.
            None if all stay, or there are no codes.

        Raises
        ------
        ValueError
            The index is frozen, or has as many records as it can name.
        IndexError
            A field does not exist.

        Notes
        -----
        The GIL is released.
        """
        return claim_keys(self, index, before, codes)

    def miss_keys(self, references, int code):
        """Look keys up that have to be there; a key with a missing value need not.

        Parameters
        ----------
        references : sequence of (KeyIndex, sequence of int)
            Frozen indexes, and the fields of the key that the first table of each is to have.
        code : int
            What is found against a record whose key is not there.

        Returns
        -------
        Batch or None
            As `claim_keys`.

        Raises
        ------
        ValueError
            An index is not frozen.
        IndexError
            A field does not exist.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released.
        """
        return miss_keys(self, references, code)

    def claims(self):
        """List what the findings of `claim_keys` or `miss_keys` are of, in their order.

        Returns
        -------
        list of (int, int)
            Which key, or reference; and the record that has it, from 1, or 0. Empty for other batches.

        Thread safety
        -------------
        any thread
        """
        return claims_of(self)

    # The encoders

    def copy_binary(
        self, lane=0, lanes=1, *, fields=None, record_base=None, pg_types=None, bytes chosen=None
    ):
        """Encode rows as PostgreSQL COPY BINARY tuples.

        Parameters
        ----------
        lane, lanes : int, default 0 of 1
            Which rows: those whose key hash modulo `lanes` is `lane`.
        fields : sequence of int, optional
            Indices in the schema of the fields to write, in that order. All of them by default.
        record_base : int, optional
            Records of the feed before this chunk. When given, each tuple starts with the row's record number,
            from 1 on, as an int8.
        pg_types : sequence of str or None, optional
            PostgreSQL's name of the type of each column written to, such as "int4". None, or no `pg_types`,
            is the field's default: text, uuid (strings of that format), int8, numeric, float8, bool, date,
            time, timestamptz.
        chosen : bytes, optional
            A byte for each row of the batch; rows with a 0 are left out.

        Returns
        -------
        list of bytes
            Whole tuples in blocks of at most 128 KiB, unless one tuple is longer. Neither header nor trailer.

        Raises
        ------
        ValueError
            A field cannot be sent as the type asked for, or the lane does not exist.
        IndexError
            A field does not exist.
        OverflowError
            A value does not fit int2, int4 or float4. Nothing is rounded but float4, to the nearest.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released. The blocks are filled in place, in one pass after one that bounds their size.

        Source
        ------
        PostgreSQL, "COPY, binary format".
        """
        cdef rows_t rows
        choose_rows(&rows, self.batch, lane, lanes)
        choose_some(&rows, chosen)
        names = self.plan.names
        choice = copy_choice(self.batch, names, fields, pg_types)
        return encode_copy(self.batch, names, self.plan.plan.dialect.isa, rows, choice, record_base)

    def csv(self, lane=0, lanes=1, *, str delimiter=",", str quote='"', str line_end="\n"):
        """Encode rows as delimited text, without a header line.

        Parameters
        ----------
        lane, lanes : int, default 0 of 1
            Which rows: those whose key hash modulo `lanes` is `lane`.
        delimiter, quote : str
            One ASCII character each, none that numbers, dates or booleans are written with.
        line_end : str
            Line feed, or carriage return and line feed.

        Returns
        -------
        bytes
            UTF-8. A missing value is an empty cell, an empty string is `""`; read back with the same schema
            and the dialect `null=""`, every value is the same. Floats have the fewest digits that read back
            as the same float; booleans are true and false, dates, times and years ISO 8601, instants in UTC.

        Raises
        ------
        ValueError
            A character cannot separate or quote cells, or the lane does not exist.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released.

        Source
        ------
        RFC 4180 §2.
        """
        cdef rows_t rows
        choose_rows(&rows, self.batch, lane, lanes)
        return encode_csv(self.batch, rows, delimiter, quote, line_end)

    def jsonl(self, lane=0, lanes=1):
        """Encode rows as JSON Lines.

        Parameters
        ----------
        lane, lanes : int, default 0 of 1
            Which rows: those whose key hash modulo `lanes` is `lane`.

        Returns
        -------
        bytes
            UTF-8, one object a line with all fields in the schema's order. A missing value is null; a decimal
            is a number with the digits it came with; dates and times are ISO 8601 strings; NaN and the
            infinities, for which JSON has no number, are "NaN", "INF" and "-INF", and so are years before 1000,
            with four digits: "0374".

        Raises
        ------
        ValueError
            The lane does not exist.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released.

        Source
        ------
        RFC 8259; https://jsonlines.org
        """
        cdef rows_t rows
        choose_rows(&rows, self.batch, lane, lanes)
        return encode_jsonl(self.batch, self.plan.names, rows)

    def tuples(self, lane=0, lanes=1, *, record_base=None, str style="python", bytes chosen=None,
               values_of=None):
        """Make a tuple of each row.

        Parameters
        ----------
        lane, lanes : int, default 0 of 1
            Which rows: those whose key hash modulo `lanes` is `lane`.
        record_base : int, optional
            Records of the feed before this chunk. When given, each tuple starts with the row's record number,
            from 1 on.
        style : {"python", "sqlite"}
            "python": str, int, Decimal, float, bool, date, time, and datetime in UTC. "sqlite": what the
            sqlite3 module stores as it is: decimals, dates and times as text, booleans as 0 and 1, NaN
            as text, too, as SQLite would make NULL of it.
        chosen : bytes, optional
            A byte for each row of the batch; rows with a 0 are left out.
        values_of : sequence of int, optional
            Numbers of the fields whose values are wanted: of all others, whose making may cost much more, True
            says that there is one.

        Returns
        -------
        list of tuple
            None where a value is missing.

        Raises
        ------
        ValueError
            The style, the lane or a field does not exist.

        Thread safety
        -------------
        any thread
        """
        cdef rows_t rows
        choose_rows(&rows, self.batch, lane, lanes)
        choose_some(&rows, chosen)
        return encode_tuples(self.batch, rows, record_base, style, values_of)

    def dicts(self):
        """Make a dict of each row, field name to value, the values as in the "python" style of `tuples`.

        Returns
        -------
        list of dict
            None where a value is missing.

        Thread safety
        -------------
        any thread
        """
        return encode_dicts(self.batch, self.plan.names)

    def __arrow_c_schema__(self):
        """Describe the batch to an Arrow consumer: a struct with the schema's fields.

        Returns
        -------
        PyCapsule
            An "arrow_schema".

        Raises
        ------
        ValueError
            A field's name holds a NUL character.

        Thread safety
        -------------
        any thread
        """
        return encode_arrow(self.batch, self.plan.names, None, False)[0]

    def __arrow_c_array__(self, requested_schema=None):
        """Hand the batch's columns to an Arrow consumer.

        Parameters
        ----------
        requested_schema : PyCapsule, optional
            An "arrow_schema". decimal64 is honoured, anything else is left for the consumer to cast.

        Returns
        -------
        tuple of PyCapsule
            An "arrow_schema" and an "arrow_array", of utf8, int64, decimal128, double, bool, date32,
            time64[us] and timestamp[us, UTC].

        Raises
        ------
        ValueError
            `requested_schema` has another number of fields, or a field's name holds a NUL character.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The array shows the batch's own memory, which lives until the last consumer releases it. Only decimals
        of up to 18 digits are copied, from 64 to 128 bits; decimals without a precision, or with more digits,
        are utf8.

        Source
        ------
        https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html
        """
        return encode_arrow(self.batch, self.plan.names, requested_schema, True)

    def __arrow_c_stream__(self, requested_schema=None):
        """Hand the batch to a consumer of Arrow streams, as a stream of one.

        Parameters
        ----------
        requested_schema : PyCapsule, optional
            As for `__arrow_c_array__`.

        Returns
        -------
        PyCapsule
            An "arrow_array_stream".

        Raises
        ------
        ValueError
            As `__arrow_c_array__`.

        Thread safety
        -------------
        any thread
        """
        return arrow_stream(self, (self,), requested_schema)

cdef Py_ssize_t row_of(Batch batch, record) except -1:
    """Find the row of a good record, whose number in the chunk is given."""
    cdef Py_ssize_t wanted = record
    cdef Py_ssize_t low = 0, high = batch.batch.rows, middle
    while low < high:
        middle = (low + high) // 2
        if batch.batch.record[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low == batch.batch.rows or batch.batch.record[low] != wanted:
        raise ValueError(f"record {record} is none of the batch's rows")
    return low
