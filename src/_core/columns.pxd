# What a batch is made of: Arrow-layout columns for the good records, and a flat list of findings for the bad
# ones.
#
# Column memory follows the Arrow format (https://arrow.apache.org/docs/format/Columnar.html): a validity
# bitmap with the bit set where a value is present, int32 offsets for text, little-endian data. Rows are
# written to slot `rows` and count only once `rows` is advanced, so giving up a bad record costs nothing.
#
# A batch_t is recycled by its plan: buffers keep their capacity, because first-touched pages cost more than
# parsing. Every buffer has PADDING spare bytes at its end, so that a copy may write whole vectors.

from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

from _core.entry cimport entry_t

cdef extern from "_core/columns.h" nogil:
    enum:
        COL_UTF8
        COL_INT64
        COL_DECIMAL64
        COL_NUMERIC
        COL_FLOAT64
        COL_BOOL
        COL_DATE32
        COL_TIME64
        COL_TIMESTAMP
        COLUMN_PADDING

    const unsigned char COLUMN_EMPTY[]  # where a column's data would be if it had any

    ctypedef struct column_t:
        int storage
        int precision
        int scale
        bint is_year
        bint is_uuid
        bint is_json
        unsigned char* validity
        int32_t* offsets
        unsigned char* data
        Py_ssize_t used
        Py_ssize_t capacity

    bint column_is_text(const column_t* column)
    void column_put_null(column_t* column, Py_ssize_t row)

cdef enum:
    REJECT_TEXT_MAX = 4000  # bytes kept of a rejected value: enough for 1,000 characters of any width

ctypedef struct reject_t:
    int32_t code         # CODE_*
    int32_t field        # index in the schema, -1 = none
    int32_t record       # from 0, relative to the chunk
    int32_t line         # physical line of the record's first byte, from 0, relative to the chunk
    int32_t byte         # of the cell's first byte (its quote included), relative to the chunk
    int32_t length       # bytes of the value in full
    int32_t text_offset  # where its text starts in reject_text; findings of one cell share it
    int32_t text_length  # bytes kept there, at most REJECT_TEXT_MAX

ctypedef struct claim_t:
    int64_t holder       # the record that has the key, from 1, over all of the input; 0 = none has
    int32_t row          # of the batch that was judged
    int32_t key          # which of the keys

ctypedef struct batch_t:
    int refs                  # who still needs it; changed through share.pxd only
    Py_ssize_t rows           # good records: what the columns hold
    Py_ssize_t records        # all records, good and bad
    Py_ssize_t lines          # physical lines (row-end bytes) in the chunk
    Py_ssize_t row_capacity
    int ncols
    column_t* columns         # in the schema's order
    int32_t* record           # per good row: its record number, from 0
    int32_t* line             # per good row: its line, from 0
    int32_t* byte             # per good row: its first byte
    uint64_t* key_hash        # per good row: hash of the lane key; NULL if the plan has none
    entry_t* entries          # per good row: what it says, as hashes; only what was made last time if nobody asked
    Py_ssize_t entry_capacity
    reject_t* rejects         # in input order
    Py_ssize_t nrejects
    Py_ssize_t reject_capacity
    unsigned char* reject_text
    Py_ssize_t reject_text_used
    Py_ssize_t reject_text_capacity
    claim_t* claims           # of each finding, the claim that it is of; NULL where findings are of cells
    batch_t* next             # in the plan's list of batches to recycle


cdef inline bint column_is_present(const column_t* column, Py_ssize_t row) noexcept nogil:
    return (column.validity[row >> 3] >> (row & 7)) & 1


cdef inline Py_ssize_t column_row_bytes(const column_t* column, Py_ssize_t rows) noexcept nogil:
    """Bytes that `rows` values of fixed width need."""
    if column.storage == COL_BOOL:
        return (rows + 7) >> 3
    if column.storage == COL_DATE32:
        return rows * 4
    return rows * 8


cdef inline batch_t* batch_new(int ncols) noexcept nogil:
    """Make an empty batch with one reference, its storages still to be set; NULL when there is no memory."""
    cdef batch_t* batch = <batch_t*> calloc(1, sizeof(batch_t))
    if batch == NULL:
        return NULL
    batch.columns = <column_t*> calloc(<size_t> max(ncols, 1), sizeof(column_t))
    if batch.columns == NULL:
        free(batch)
        return NULL
    batch.refs = 1
    batch.ncols = ncols
    return batch


cdef inline void batch_free(batch_t* batch) noexcept nogil:
    """Free a batch and all it holds; NULL is fine."""
    cdef int i
    if batch == NULL:
        return
    for i in range(batch.ncols):
        free(batch.columns[i].validity)
        free(batch.columns[i].offsets)
        free(batch.columns[i].data)
    free(batch.columns)
    free(batch.record)
    free(batch.line)
    free(batch.byte)
    free(batch.key_hash)
    free(batch.entries)
    free(batch.rejects)
    free(batch.reject_text)
    free(batch.claims)
    free(batch)


cdef inline bint buffer_resize(void** buffer, Py_ssize_t size) noexcept nogil:
    """Give a buffer `size` bytes and the padding; False when there is no memory, and then it is as it was."""
    cdef void* grown = realloc(buffer[0], <size_t> (size + COLUMN_PADDING))
    if grown == NULL:
        return False
    buffer[0] = grown
    return True


cdef inline bint column_resize_rows(column_t* column, Py_ssize_t rows) noexcept nogil:
    cdef Py_ssize_t size = column_row_bytes(column, rows)
    if not buffer_resize(<void**> &column.validity, (rows + 7) >> 3):
        return False
    if column_is_text(column):
        return buffer_resize(<void**> &column.offsets, (rows + 1) * 4)
    if not buffer_resize(<void**> &column.data, size):
        return False
    column.capacity = size
    return True


cdef inline bint batch_reserve(batch_t* batch, Py_ssize_t rows, bint has_key) noexcept nogil:
    """Make room for `rows` rows, texts not counted; False when there is no memory."""
    cdef int i
    if rows <= batch.row_capacity:
        return True
    batch.row_capacity = 0
    for i in range(batch.ncols):
        if not column_resize_rows(&batch.columns[i], rows):
            return False
    if not (
        buffer_resize(<void**> &batch.record, rows * 4)
        and buffer_resize(<void**> &batch.line, rows * 4)
        and buffer_resize(<void**> &batch.byte, rows * 4)
    ):
        return False
    if has_key and not buffer_resize(<void**> &batch.key_hash, rows * 8):
        return False
    batch.row_capacity = rows
    return True


cdef inline bint batch_reserve_entries(batch_t* batch) noexcept nogil:
    """Make room for an entry of each row; False when there is no memory."""
    if batch.rows > batch.entry_capacity:
        # What is in there need not be copied.
        free(batch.entries)
        batch.entries = <entry_t*> malloc(<size_t> batch.row_capacity * sizeof(entry_t))
        batch.entry_capacity = batch.row_capacity if batch.entries != NULL else 0
    return batch.rows <= batch.entry_capacity


cdef inline bint column_reserve_text(column_t* column, Py_ssize_t size) noexcept nogil:
    """Make room for `size` bytes of text in all; False when there is no memory, or offsets end before."""
    cdef Py_ssize_t capacity
    if size <= column.capacity:
        return True
    if size > INT32_MAX:
        return False
    capacity = min(max(2 * column.capacity, size), <Py_ssize_t> INT32_MAX)
    if not buffer_resize(<void**> &column.data, capacity):
        return False
    column.capacity = capacity
    return True


cdef inline void batch_clear(batch_t* batch, Py_ssize_t rows) noexcept nogil:
    """Make a batch empty, with `rows` rows to come: all present until somebody says they are not."""
    cdef column_t* column
    cdef int i
    batch.rows = batch.records = batch.lines = batch.nrejects = batch.reject_text_used = 0
    free(batch.claims)
    batch.claims = NULL
    for i in range(batch.ncols):
        column = &batch.columns[i]
        memset(column.validity, 0xFF, <size_t> ((rows + 7) >> 3))
        column.used = 0
        if column_is_text(column):
            column.offsets[0] = 0


cdef inline void batch_finish(batch_t* batch) noexcept nogil:
    """Settle what only the end tells: bytes of text, and the bits behind the last row."""
    cdef column_t* column
    cdef Py_ssize_t rows = batch.rows
    cdef unsigned char kept = <unsigned char> ((1 << (rows & 7)) - 1)
    cdef int i
    for i in range(batch.ncols):
        column = &batch.columns[i]
        if column_is_text(column):
            column.used = column.offsets[rows]
        if rows & 7:
            column.validity[rows >> 3] &= kept
            if column.storage == COL_BOOL:
                column.data[rows >> 3] &= kept


cdef inline Py_ssize_t batch_bytes(const batch_t* batch) noexcept nogil:
    """Count the memory a batch holds, capacities and not only what is used."""
    cdef Py_ssize_t per_row = 3 * 4 + (8 if batch.key_hash != NULL else 0)
    cdef Py_ssize_t total = batch.row_capacity * per_row + batch.reject_text_capacity
    cdef int i
    total += <Py_ssize_t> (sizeof(batch_t) + <size_t> batch.ncols * (sizeof(column_t) + 3 * COLUMN_PADDING))
    total += batch.reject_capacity * <Py_ssize_t> sizeof(reject_t)
    if batch.claims != NULL:
        total += batch.nrejects * <Py_ssize_t> sizeof(claim_t)
    total += batch.entry_capacity * <Py_ssize_t> sizeof(entry_t)
    for i in range(batch.ncols):
        total += batch.columns[i].capacity + (batch.row_capacity >> 3)
        if column_is_text(&batch.columns[i]):
            total += batch.row_capacity * 4
    return total
