# A batch as an Arrow struct array, through the C data interface: its own buffers, handed over without a copy.
#
#     ArrowArray (struct) ─ children ─▶ ArrowArray (column) ──▶ part_t ──▶ the column's buffers in batch_t
#                                                                └──────▶ one reference to the batch
#
# A consumer may move a child out and release it long after the rest, on any thread, with or without the GIL.
# So each child holds a reference of its own, the count is atomic (share.pxd), and whoever drops the last one
# frees the batch. A batch that was ever shared is freed and not recycled: its plan may be gone by then.
#
# What is copied: decimals of up to 18 digits are int64 here, and the decimal type that every consumer knows
# has 128 bits; they are widened. A consumer that asks for decimal64 gets the buffer itself. Decimals kept as
# text (no precision, or more than 18 digits) are handed over as that text, utf8: nothing is lost, and nothing
# is guessed.
#
# If you add a storage: arrow_format, and arrow_add_column if its layout is not Arrow's.
#
# Source: https://arrow.apache.org/docs/format/CDataInterface.html, release and moving rules.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, strcmp, strlen

from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_TIME64, COL_TIMESTAMP,
    batch_free, batch_t, column_is_text, column_t,
)
from _core.share cimport share_drop, share_take

cdef extern from "_core/encode_arrow.h":
    const int64_t ARROW_FLAG_NULLABLE

    struct ArrowSchema:
        const char* format
        const char* name
        const char* metadata
        int64_t flags
        int64_t n_children
        ArrowSchema** children
        ArrowSchema* dictionary
        void (*release)(ArrowSchema*) noexcept nogil
        void* private_data

    struct ArrowArray:
        int64_t length
        int64_t null_count
        int64_t offset
        int64_t n_buffers
        int64_t n_children
        const void** buffers
        ArrowArray** children
        ArrowArray* dictionary
        void (*release)(ArrowArray*) noexcept nogil
        void* private_data

    struct ArrowArrayStream:
        int (*get_schema)(ArrowArrayStream*, ArrowSchema* out) noexcept
        int (*get_next)(ArrowArrayStream*, ArrowArray* out) noexcept
        const char* (*get_last_error)(ArrowArrayStream*) noexcept
        void (*release)(ArrowArrayStream*) noexcept nogil
        void* private_data

    void arrow_widen(void* out, const int64_t* values, int64_t n) noexcept nogil

cdef enum:
    ARROW_FORMAT_MAX = 16            # bytes: "d:18,18,128" and its zero

ctypedef struct part_t:
    # What one exported array owns.
    batch_t* batch                   # one reference
    const void* buffers[3]
    void* copied                     # a buffer made for this export, or NULL


# The schema

cdef inline void arrow_format(char* out, const column_t* column, int decimal_bits) noexcept nogil:
    """Write a column's format string, at most ARROW_FORMAT_MAX bytes."""
    cdef const char* word = b"u"
    if column.storage == COL_DECIMAL64:
        snprintf(out, ARROW_FORMAT_MAX, b"d:%d,%d", column.precision, column.scale)
        if decimal_bits != 128:
            snprintf(out + strlen(out), ARROW_FORMAT_MAX - strlen(out), b",%d", decimal_bits)
        return
    elif column.storage == COL_INT64:
        word = b"l"
    elif column.storage == COL_FLOAT64:
        word = b"g"
    elif column.storage == COL_BOOL:
        word = b"b"
    elif column.storage == COL_DATE32:
        word = b"tdD"
    elif column.storage == COL_TIME64:
        word = b"ttu"
    elif column.storage == COL_TIMESTAMP:
        word = b"tsu:UTC"
    memcpy(out, word, strlen(word) + 1)


cdef inline void arrow_release_schema(ArrowSchema* schema) noexcept nogil:
    cdef int64_t i
    for i in range(schema.n_children):
        if schema.children[i] != NULL and schema.children[i].release != NULL:
            schema.children[i].release(schema.children[i])
        free(schema.children[i])
    free(schema.children)
    free(schema.private_data)
    schema.release = NULL


cdef inline bint arrow_open_schema(ArrowSchema* schema, const char* format, const char* name) noexcept nogil:
    """Start a schema that owns copies of its two texts; False when there is no memory."""
    cdef size_t nformat = strlen(format) + 1, nname = strlen(name) + 1
    cdef char* texts = <char*> malloc(nformat + nname)
    if texts == NULL:
        return False
    memcpy(texts, format, nformat)
    memcpy(texts + nformat, name, nname)
    schema.private_data = texts
    schema.format = texts
    schema.name = texts + nformat
    schema.flags = ARROW_FLAG_NULLABLE
    schema.release = arrow_release_schema
    return True


cdef inline bint arrow_schema(
    ArrowSchema* schema, const batch_t* batch, const char** names, const int* bits
) noexcept nogil:
    """Describe the batch in a zeroed `schema`; False when there is no memory; release it then, too.

    `bits` is the width of each column's decimals, 64 or 128.
    """
    cdef char format[ARROW_FORMAT_MAX]
    cdef int i
    if not arrow_open_schema(schema, b"+s", b""):
        return False
    schema.flags = 0
    schema.children = <ArrowSchema**> calloc(<size_t> max(batch.ncols, 1), sizeof(void*))
    if schema.children == NULL:
        return False
    schema.n_children = batch.ncols
    for i in range(batch.ncols):
        arrow_format(format, &batch.columns[i], bits[i])
        schema.children[i] = <ArrowSchema*> calloc(1, sizeof(ArrowSchema))
        if schema.children[i] == NULL or not arrow_open_schema(schema.children[i], format, names[i]):
            return False
    return True


cdef inline void arrow_choose_bits(
    int* bits, const batch_t* batch, const ArrowSchema* requested
) noexcept nogil:
    """Set the width of each column's decimals: 64 where the consumer asks for exactly that, else 128."""
    cdef char format[ARROW_FORMAT_MAX]
    cdef int i
    for i in range(batch.ncols):
        bits[i] = 128
        if requested != NULL and batch.columns[i].storage == COL_DECIMAL64:
            arrow_format(format, &batch.columns[i], 64)
            if strcmp(format, requested.children[i].format) == 0:
                bits[i] = 64


# The array

cdef inline void arrow_release_array(ArrowArray* array) noexcept nogil:
    cdef part_t* part = <part_t*> array.private_data
    cdef int64_t i
    for i in range(array.n_children):
        if array.children[i] != NULL and array.children[i].release != NULL:
            array.children[i].release(array.children[i])
        free(array.children[i])
    free(array.children)
    free(part.copied)
    if share_drop(part.batch):
        batch_free(part.batch)
    free(part)
    array.release = NULL


cdef inline part_t* arrow_open_array(ArrowArray* array, batch_t* batch) noexcept nogil:
    """Start an array over the batch's rows, with a reference to the batch; NULL when there is no memory."""
    cdef part_t* part = <part_t*> calloc(1, sizeof(part_t))
    if part == NULL:
        return NULL
    share_take(batch)
    part.batch = batch
    array.private_data = part
    array.length = batch.rows
    array.buffers = part.buffers
    array.release = arrow_release_array
    return part


cdef inline bint arrow_add_column(
    ArrowArray* array, batch_t* batch, const column_t* column, int bits
) noexcept nogil:
    cdef part_t* part = arrow_open_array(array, batch)
    if part == NULL:
        return False
    array.null_count = -1
    part.buffers[0] = column.validity
    if column_is_text(column):
        array.n_buffers = 3
        part.buffers[1] = column.offsets
        part.buffers[2] = column.data
        return True
    array.n_buffers = 2
    part.buffers[1] = column.data
    if column.storage == COL_DECIMAL64 and bits == 128:
        part.copied = malloc(<size_t> (batch.rows + 1) * 16)
        if part.copied == NULL:
            return False
        arrow_widen(part.copied, <const int64_t*> column.data, batch.rows)
        part.buffers[1] = part.copied
    return True


cdef inline bint arrow_array(ArrowArray* array, batch_t* batch, const int* bits) noexcept nogil:
    """Fill a zeroed `array`; False when there is no memory; release it then, if it can be."""
    cdef int i
    if arrow_open_array(array, batch) == NULL:
        return False
    array.n_buffers = 1
    array.children = <ArrowArray**> calloc(<size_t> max(batch.ncols, 1), sizeof(void*))
    if array.children == NULL:
        return False
    array.n_children = batch.ncols
    for i in range(batch.ncols):
        array.children[i] = <ArrowArray*> calloc(1, sizeof(ArrowArray))
        if array.children[i] == NULL:
            return False
        if not arrow_add_column(array.children[i], batch, &batch.columns[i], bits[i]):
            return False
    return True
