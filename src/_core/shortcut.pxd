# The Cython face of the shortcuts; how they work stands at the head of shortcut.h, who may take one in
# shortcut_plan.pxd.

from libc.stdint cimport int64_t, uint32_t, uint64_t

from _core.columns cimport column_t

cdef extern from "_core/shortcut.h" nogil:
    enum:
        SHORTCUT_NONE
        SHORTCUT_TEXT
        SHORTCUT_LISTED
        SHORTCUT_URL
        SHORTCUT_GTIN
        SHORTCUT_INTEGER
        SHORTCUT_DECIMAL
        SHORTCUT_FLOAT
        SHORTCUT_DATETIME
        SHORTCUT_CLOCK
        SHORTCUT_EDGE
        SHORTCUT_LONGEST
        SHORTCUT_WORDS
        SHORTCUT_WORD

    ctypedef struct shortcut_t:
        int what
        int column
        int field
        bint takes_empty
        bint trims
        bint collapses
        bint lowers
        int precision
        int scale
        uint32_t shortest
        uint32_t longest
        uint32_t spread
        int64_t low
        int64_t high
        double real_low
        double real_high
        uint64_t words[2][8]

    ctypedef struct shortcut_row_t:
        const shortcut_t* all
        int count
        const unsigned char* p
        const uint32_t* ends
        unsigned char quote
        Py_ssize_t row
        column_t* columns

    int shortcut_row(int isa, const shortcut_row_t* row, int at)
    const unsigned char* shortcut_origin(const unsigned char* row, Py_ssize_t begin)
