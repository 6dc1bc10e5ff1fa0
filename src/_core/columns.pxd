# What a batch is made of: Arrow-layout columns for the good records, and a flat list of findings for the bad ones.
#
# Column memory follows the Arrow format (https://arrow.apache.org/docs/format/Columnar.html): a validity bitmap with
# the bit set where a value is present, int32 offsets for text, little-endian data. Rows are written to slot `rows` and
# count only once `rows` is advanced, so giving up a bad record costs nothing.
#
# A batch_t is recycled by its plan: buffers keep their capacity, because first-touched pages cost more than parsing.
# Every buffer has PADDING spare bytes at its end, so that a copy may write whole vectors.

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset

cdef enum:
    COL_UTF8 = 0        # offsets + text
    COL_INT64 = 1
    COL_DECIMAL64 = 2   # int64 scaled by 10 ** scale; precision <= 18
    COL_NUMERIC = 3     # offsets + the decimal's text, digits kept as written
    COL_FLOAT64 = 4
    COL_BOOL = 5        # bitmap
    COL_DATE32 = 6      # days from 1970-01-01
    COL_TIME64 = 7      # microseconds from midnight
    COL_TIMESTAMP = 8   # microseconds from 1970-01-01T00:00:00Z

cdef enum:
    COLUMN_PADDING = 64  # bytes: one AVX-512 vector
    REJECT_TEXT_MAX = 4000  # bytes kept of a rejected value: enough for 1,000 characters of any width

ctypedef struct column_t:
    int storage               # COL_*
    int precision             # COL_DECIMAL64, COL_NUMERIC: declared digits in all, 0 = not declared
    int scale                 # COL_DECIMAL64: digits after the point
    bint is_uuid              # COL_UTF8 of format uuid: 16 bytes in COPY BINARY
    unsigned char* validity   # bitmap, bit set = present; bits at and after `rows` are zero in a finished batch
    int32_t* offsets          # COL_UTF8, COL_NUMERIC: rows + 1 of them, the first 0; NULL otherwise
    unsigned char* data       # values: text, or 8/4-byte words, or a bitmap
    Py_ssize_t used           # bytes of text in `data` (COL_UTF8, COL_NUMERIC)
    Py_ssize_t capacity       # bytes `data` can hold, padding not counted

ctypedef struct reject_t:
    int32_t code         # CODE_*
    int32_t field        # index in the schema, -1 = none
    int32_t record       # from 0, relative to the chunk
    int32_t line         # physical line of the record's first byte, from 0, relative to the chunk
    int32_t byte         # of the cell's first byte (its quote included), relative to the chunk
    int32_t length       # bytes of the value in full
    int32_t text_offset  # where its text starts in reject_text; findings of one cell share it
    int32_t text_length  # bytes kept there, at most REJECT_TEXT_MAX

ctypedef struct batch_t:
    Py_ssize_t rows           # good records: what the columns hold
    Py_ssize_t records        # all records, good and bad
    Py_ssize_t lines          # physical lines (row-end bytes) in the chunk
    Py_ssize_t row_capacity
    int ncols
    column_t* columns         # in the schema's order
    int32_t* record           # per good row: its record number, from 0
    int32_t* line             # per good row: its line, from 0
    int32_t* byte             # per good row: its first byte
    uint64_t* key_hash        # per good row: hash of the lane key
    reject_t* rejects         # in input order
    Py_ssize_t nrejects
    Py_ssize_t reject_capacity
    unsigned char* reject_text
    Py_ssize_t reject_text_used
    Py_ssize_t reject_text_capacity
    batch_t* next             # in the plan's list of batches to recycle


cdef inline bint column_is_text(const column_t* column) noexcept nogil:
    return column.storage == COL_UTF8 or column.storage == COL_NUMERIC


cdef inline bint column_is_present(const column_t* column, Py_ssize_t row) noexcept nogil:
    return (column.validity[row >> 3] >> (row & 7)) & 1


cdef inline Py_ssize_t column_row_bytes(const column_t* column, Py_ssize_t rows) noexcept nogil:
    """Bytes that `rows` values of fixed width need."""
    if column.storage == COL_BOOL:
        return (rows + 7) >> 3
    if column.storage == COL_DATE32:
        return rows * 4
    return rows * 8
