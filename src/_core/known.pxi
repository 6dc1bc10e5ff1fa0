# Contents and Known: which records a database has already, so that they need not be sent to it.

from _core.choose cimport choose_rows_of, chooser_close, chooser_t, forget_row
from _core.columns cimport batch_reserve_entries
from _core.contents cimport contents_hash, contents_t
from _core.entry cimport ENTRY_BYTES, entry_read, entry_t, entry_write
from _core.known cimport (
    known_begin_part, known_bytes, known_free, known_open, known_prefetch, known_reserve, known_set, known_t,
    known_take,
)


cdef enum:
    LOADED_TOGETHER = 32             # entries whose slots are on their way to the cache while others are noted


@cython.final
@cython.auto_pickle(False)
cdef class Contents:
    """Which fields of a plan name a record, and which are what it says.

    Parameters
    ----------
    key : sequence of int
        Fields that name a record.
    shared_key : sequence of int
        Those of them that name what it shares with other records.
    shared : sequence of int
        The fields that say what is shared, `shared_key` included.
    others : sequence of int
        All other fields that count, `key` included.
    salt : int
        64 bits for what else decides the meaning of the values, such as which columns a feed has.

    Raises
    ------
    OverflowError
        `salt` has more than 64 bits, or a field is no int.

    Thread safety
    -------------
    immutable
    """

    cdef contents_t contents
    cdef int* fields
    cdef int highest

    def __cinit__(self, key, shared_key, shared, others, salt=0):
        cdef int i
        lists = [tuple(key), tuple(shared_key), tuple(shared), tuple(others)]
        numbers = [number for fields in lists for number in fields]
        if any(number < 0 for number in numbers):
            raise ValueError("contents: expected indices of fields, from 0")
        self.fields = <int*> calloc(<size_t> max(len(numbers), 1), sizeof(int))
        if self.fields == NULL:
            raise MemoryError
        for i, number in enumerate(numbers):
            self.fields[i] = number
            self.highest = max(self.highest, self.fields[i])
        self.contents.nkey, self.contents.nshared_key = <int> len(lists[0]), <int> len(lists[1])
        self.contents.nshared, self.contents.nothers = <int> len(lists[2]), <int> len(lists[3])
        self.contents.key = self.fields
        self.contents.shared_key = self.contents.key + self.contents.nkey
        self.contents.shared = self.contents.shared_key + self.contents.nshared_key
        self.contents.others = self.contents.shared + self.contents.nshared
        self.contents.salt = salt

    def __dealloc__(self):
        free(self.fields)


@cython.final
@cython.auto_pickle(False)
cdef class Known:
    """What a database holds already: by key, a hash of the record that was accepted last.

    Parameters
    ----------
    records : int, default 0
        How many are to be expected; tables that have to grow may take a quarter more memory.

    Thread safety
    -------------
    any thread; one call after the other

    Notes
    -----
    About 48 bytes for a record that shares with no other.
    """

    cdef known_t known
    cdef cython.pymutex lock            # guards `known`

    def __cinit__(self, records=0):
        if not known_open(&self.known, records):
            raise MemoryError

    def __dealloc__(self):
        known_free(&self.known)

    def __len__(self):
        return <Py_ssize_t> self.known.records.count

    @property
    def nbytes(self):
        return known_bytes(&self.known)

    def load(self, bytes entries not None, lane=0, lanes=1):
        """Take in what `choose` and `forget` wrote, in the order they did.

        Parameters
        ----------
        entries : bytes
        lane, lanes : int
            Entries of other lanes are passed over; the lane is that of the shared key.

        Raises
        ------
        ValueError
            These are no whole entries, or the lane does not exist.

        Thread safety
        -------------
        any thread
        """
        cdef uint64_t wanted, count
        cdef const unsigned char* data = <const unsigned char*> PyBytes_AS_STRING(entries)
        cdef Py_ssize_t i = 0, n = len(entries)
        cdef entry_t group[LOADED_TOGETHER]
        cdef int j, held
        cdef bint fits = True
        check_entries(entries, lane, lanes)
        wanted, count = lane, lanes
        with nogil, self.lock:
            while i < n and fits:
                fits = known_reserve(&self.known, LOADED_TOGETHER)
                held = 0
                while i < n and held < LOADED_TOGETHER and fits:
                    entry_read(data + i, &group[held])
                    i += ENTRY_BYTES
                    if group[held].shared_key % count == wanted:
                        known_prefetch(&self.known, &group[held])
                        held += 1
                for j in range(held):
                    known_set(&self.known, &group[j])
        if not fits:
            raise MemoryError

    def choose(self, batches, lane, lanes, Contents contents not None, *, bint everything=False):
        """Choose the rows that say something new, and note them as known.

        Parameters
        ----------
        batches : sequence of Batch
            A part, which will be applied as a whole.
        lane, lanes : int
            Which rows: those whose key hash modulo `lanes` is `lane`.
        contents : Contents
            Of the batches' plan.
        everything : bool
            Choose all rows.

        Returns
        -------
        tuple of (chosen, sent, unchanged, duplicate, entries)
            `chosen` has bytes for each batch, one a row, for the encoders; `sent` is how many rows are chosen.
            The others would have been `unchanged`, or a `duplicate` of one that follows them. `entries` are
            for `load`, to be stored with the rows.

        Raises
        ------
        ValueError
            The lane does not exist.
        IndexError
            A field does not exist.

        Thread safety
        -------------
        any thread

        Notes
        -----
        The GIL is released. What is noted as known has to be taken back by `forget` where a row is refused.
        """
        cdef chooser_t chooser
        cdef rows_t rows
        cdef Batch batch
        cdef entry_t* made = NULL
        cdef unsigned char* chosen
        cdef bint fits = True
        memset(&chooser, 0, sizeof(chooser))
        chooser.known, chooser.sends_all = &self.known, everything
        masks = []
        try:
            with nogil, self.lock:
                known_begin_part(&self.known)
            for batch in batches:
                if not fits:
                    break
                check_contents(batch, contents)
                choose_rows(&rows, batch.batch, lane, lanes)
                mask = PyBytes_FromStringAndSize(NULL, batch.batch.rows)
                chosen = <unsigned char*> PyBytes_AS_STRING(mask)
                if batch.contents is not contents:
                    # Others see the batch, so its own are not touched any more.
                    made = <entry_t*> malloc(<size_t> (batch.batch.rows + 1) * sizeof(entry_t))
                    fits = made != NULL
                    if fits:
                        hash_rows(batch, contents, made)
                with nogil, self.lock:
                    fits = fits and choose_rows_of(
                        &chooser, batch.batch.entries if made == NULL else made, &rows, chosen
                    )
                free(made)
                made = NULL
                masks.append(mask)
            if not fits:
                raise MemoryError
            entries = PyBytes_FromStringAndSize(<char*> chooser.entries, chooser.nentries * ENTRY_BYTES)
            return masks, chooser.sent, chooser.unchanged, chooser.duplicate, entries
        finally:
            chooser_close(&chooser)

    def forget(self, batches, lane, lanes, Contents contents not None, *, records=None):
        """Know nothing of some rows' keys any more.

        Parameters
        ----------
        batches, lane, lanes, contents
            As for `choose`.
        records : sequence of (int, int), optional
            Index of a batch, and number of a good record in it, from 0. All rows of the lane by default.

        Returns
        -------
        bytes
            Entries for `load` that say so.

        Raises
        ------
        ValueError
            The lane does not exist, or a record is none of the good ones.
        IndexError
            A field does not exist.

        Thread safety
        -------------
        any thread
        """
        cdef chooser_t chooser
        cdef rows_t rows
        cdef Batch batch
        cdef Py_ssize_t row
        cdef bint fits = True
        memset(&chooser, 0, sizeof(chooser))
        chooser.known = &self.known
        wanted = None
        if records is not None:
            wanted = [(batches[index], row_of(batches[index], record)) for index, record in records]
        try:
            for batch in batches if wanted is None else [batch for batch, _ in wanted]:
                check_contents(batch, contents)
            if wanted is None:
                for batch in batches:
                    choose_rows(&rows, batch.batch, lane, lanes)
                    with nogil, self.lock:
                        fits = fits and known_reserve(&self.known, <uint64_t> rows.count)
                        for row in range(rows.count):
                            if fits and rows_has(&rows, row):
                                fits = forget_row(&chooser, &contents.contents, batch.batch, row)
            else:
                for batch, row in wanted:
                    with nogil, self.lock:
                        fits = fits and known_reserve(&self.known, 1)
                        fits = fits and forget_row(&chooser, &contents.contents, batch.batch, row)
            if not fits:
                raise MemoryError
            return PyBytes_FromStringAndSize(<char*> chooser.entries, chooser.nentries * ENTRY_BYTES)
        finally:
            chooser_close(&chooser)

    def current(self, blocks, lane=0, lanes=1):
        """Leave out what later entries supersede, and what says nothing.

        Parameters
        ----------
        blocks : iterable of bytes
            All entries that were loaded, in any division.
        lane, lanes : int
            As for `load`.

        Returns
        -------
        list of bytes
            Of each block the entries that stay, one a record: in any order, they lead to what is known.

        Raises
        ------
        ValueError
            As for `load`.

        Thread safety
        -------------
        any thread
        """
        cdef uint64_t wanted, count
        cdef entry_t entry
        cdef const unsigned char* data
        cdef const unsigned char* end
        cdef unsigned char* out
        stay = []
        with nogil, self.lock:
            known_begin_part(&self.known)
        for entries in blocks:
            check_entries(entries, lane, lanes)
            wanted, count = lane, lanes
            kept = PyBytes_FromStringAndSize(NULL, len(entries))
            out = <unsigned char*> PyBytes_AS_STRING(kept)
            data = <const unsigned char*> PyBytes_AS_STRING(entries)
            end = data + <Py_ssize_t> len(entries)
            with nogil, self.lock:
                while data < end:
                    entry_read(data, &entry)
                    data += ENTRY_BYTES
                    if entry.shared_key % count == wanted and known_take(&self.known, &entry):
                        entry_write(out, &entry)
                        out += ENTRY_BYTES
            stay.append(kept[: out - <unsigned char*> PyBytes_AS_STRING(kept)])
        return stay


cdef int check_entries(bytes entries, lane, lanes) except -1:
    if entries is None or len(entries) % ENTRY_BYTES:
        raise ValueError(f"{0 if entries is None else len(entries)} bytes are no whole number of entries")
    if not 0 <= lane < lanes:
        raise ValueError(f"lane {lane} of {lanes}: expected 0 <= lane < lanes")
    return 0


cdef int check_contents(Batch batch, Contents contents) except -1:
    if contents.highest >= batch.batch.ncols:
        raise IndexError(f"contents: the plan has {batch.batch.ncols} fields, no field {contents.highest}")
    return 0


cdef void hash_rows(Batch batch, Contents contents, entry_t* entries) noexcept:
    cdef const plan_t* plan = &batch.plan.plan
    cdef const contents_t* c = &contents.contents
    cdef const uint64_t* shared_keys = NULL
    # The hash that chose the lane is most often that of the shared key.
    if plan.nkeys == c.nshared_key and memcmp(plan.keys, c.shared_key, <size_t> plan.nkeys * sizeof(int)) == 0:
        shared_keys = batch.batch.key_hash
    with nogil:
        contents_hash(c, batch.batch, shared_keys, entries)
