# The cells of a row: where each stands, and its text without its quotes.

from libc.stdint cimport uint32_t
from libc.string cimport memchr, memcpy

from _core.reader cimport READER_NO_MEMORY, buffer_reserve, cell_t, reader_fail, reader_t
from _core.scan cimport scan_cell, scan_cell_t, scan_unquote
from _core.span cimport span_of, span_t

ctypedef struct row_t:
    Py_ssize_t begin           # first byte
    Py_ssize_t end             # of its text, the row end left out
    uint32_t* ends             # end of each cell; before them, the byte before the first cell
    int ncells
    bint is_odd                # its cells need the state machine


cdef inline bint cell_open(reader_t* r, const row_t* row, int column, cell_t* cell) noexcept nogil:
    """Find a cell's text; in the chunk itself, unless it has quotes inside or is odd."""
    cdef Py_ssize_t begin, end
    cell.is_quoted = False
    cell.has_bad_quote = False
    cell.is_noted = False
    if row.is_odd and r.given != NULL:
        return cell_open_given(r, row, column, cell)
    begin = <uint32_t> (row.ends[column - 1] + 1)
    end = row.ends[column]
    cell.byte = begin
    if row.is_odd:
        return cell_open_odd(r, begin, end, cell)
    cell.text = cell.raw = span_of(r.p + begin, end - begin)
    if begin < end and r.plan.dialect.has_quote and r.p[begin] == r.plan.dialect.quote:
        return cell_unquote(r, cell)
    return True


cdef inline void cell_open_none(const row_t* row, cell_t* cell) noexcept nogil:
    """Give a field without a column an empty text; value_read knows that it is missing."""
    cell.text = cell.raw = span_of(NULL, 0)
    cell.byte = row.end
    cell.is_quoted = cell.has_bad_quote = cell.is_noted = False


cdef inline bint cell_unquote(reader_t* r, cell_t* cell) noexcept nogil:
    """Take the quotes off a well-formed quoted cell."""
    cdef unsigned char quote = r.plan.dialect.quote
    cdef span_t text = span_of(cell.text.p + 1, cell.text.n - 2)
    cell.is_quoted = True
    cell.text = text
    if text.n and memchr(text.p, quote, <size_t> text.n) != NULL:
        if not buffer_reserve(&r.scratch.cell, text.n):
            return reader_fail(r, READER_NO_MEMORY)
        cell.text.p = r.scratch.cell.p
        cell.text.n = <Py_ssize_t> scan_unquote(quote, text.p, <size_t> text.n, r.scratch.cell.p)
    return True


cdef inline bint cell_open_odd(reader_t* r, Py_ssize_t begin, Py_ssize_t end, cell_t* cell) noexcept nogil:
    """Read a cell of any dialect byte by byte."""
    cdef scan_cell_t found
    if not buffer_reserve(&r.scratch.cell, end - begin):
        return reader_fail(r, READER_NO_MEMORY)
    found = scan_cell(&r.plan.dialect, r.p, <size_t> begin, <size_t> end, r.scratch.cell.p)
    cell.text = span_of(r.scratch.cell.p, <Py_ssize_t> found.n)
    cell.byte = <Py_ssize_t> found.begin
    cell.raw = span_of(r.p + cell.byte, end - cell.byte)
    cell.is_quoted = found.quoted
    cell.has_bad_quote = found.bad_quote
    return True


cdef inline bint cell_open_given(reader_t* r, const row_t* row, int column, cell_t* cell) noexcept nogil:
    """Copy a given text to where bytes past its end may be read, as a cell's may."""
    cdef span_t text = r.given[column].text
    cell.byte = row.begin
    # No dialect's word for null is meant by a value that was given.
    cell.is_quoted = True
    if not buffer_reserve(&r.scratch.cell, text.n):
        return reader_fail(r, READER_NO_MEMORY)
    if text.n:
        memcpy(r.scratch.cell.p, text.p, <size_t> text.n)
    cell.text = span_of(r.scratch.cell.p, text.n)
    return True
