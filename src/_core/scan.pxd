# The tokenizer's Cython face; how it works stands at the head of scan.h.

from libc.stdint cimport uint32_t

cdef extern from "_core/scan.h" nogil:
    enum:
        SCAN_SCALAR
        SCAN_SSE2
        SCAN_AVX2
        SCAN_AVX512
        SCAN_ROW_SKIP
        SCAN_ROW_OPEN
        SCAN_ROW_NO_END
        SCAN_ROW_KEEP_CR
        SCAN_ROW_ODD

    ctypedef struct scan_dialect_t:
        unsigned char delimiter
        unsigned char eol
        unsigned char quote
        unsigned char escape
        unsigned char comment
        unsigned char has_quote
        unsigned char has_escape
        unsigned char has_comment
        unsigned char double_quote
        unsigned char skip_blanks
        unsigned char strip_cr
        unsigned char has_special
        int isa

    ctypedef struct scan_row_t:
        uint32_t begin
        uint32_t first
        uint32_t line
        uint32_t flags

    ctypedef struct scan_t:
        uint32_t* separators
        scan_row_t* rows
        size_t nrows
        size_t row_capacity
        size_t separator_capacity
        uint32_t nseparators
        uint32_t lines

    ctypedef struct scan_cell_t:
        size_t begin
        size_t n
        int quoted
        int bad_quote

    int scan_best()
    bint scan_chunk(const scan_dialect_t* d, const unsigned char* p, size_t n, scan_t* s)
    Py_ssize_t scan_last_end(const scan_dialect_t* d, const unsigned char* p, size_t n, scan_t* s)
    void scan_free(scan_t* s)
    scan_cell_t scan_cell(
        const scan_dialect_t* d, const unsigned char* p, size_t begin, size_t end, unsigned char* out
    )
    size_t scan_unquote(unsigned char quote, const unsigned char* p, size_t n, unsigned char* out)
