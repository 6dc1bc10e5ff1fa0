# Rows of a batch as delimited text after RFC 4180.
#
# A cell is quoted only where it must be: it holds the delimiter, the quote, CR or LF, or it is an empty
# string, which an unquoted nothing would make a missing value. A row whose only cell is missing would be an
# empty line, and those are no records: it is written as a quoted nothing, and reads as missing where the
# schema counts the empty text as such.
#
# Numbers, dates and booleans are never looked at again, so no character that they are written with may be a
# delimiter or a quote (csv_separates).

from libc.stddef cimport size_t
from libc.string cimport memcpy

from _core.columns cimport COL_NUMERIC, COL_UTF8
from _core.output cimport output_copy, output_reserve, output_t
from _core.span cimport span_t
from _core.value_text cimport VALUE_TEXT_MAX, value_put_text
from _core.view cimport rows_has, rows_t, view_has, view_t, view_text


ctypedef struct csv_t:
    rows_t rows
    const view_t* views
    int nviews
    unsigned char delimiter
    unsigned char quote
    span_t line_end


cdef inline bint csv_separates(unsigned char c) noexcept nogil:
    """Tell whether a character can separate cells: ASCII, no line end, in no number, date or boolean."""
    if c == 0 or c == c"\n" or c == c"\r" or c >= 128:
        return False
    if c"0" <= c <= c"9" or c"a" <= (c | 32) <= c"z":
        return False
    return not (c == c"+" or c == c"-" or c == c"." or c == c":")


cdef inline bint csv_must_quote(const csv_t* csv, span_t text) noexcept nogil:
    # Without a way out of the loop, the compiler compares sixteen bytes at a time.
    cdef Py_ssize_t i
    cdef unsigned char c, found = 0
    for i in range(text.n):
        c = text.p[i]
        found |= (c == csv.delimiter) | (c == csv.quote) | (c == c"\n") | (c == c"\r")
    return found or text.n == 0


cdef inline unsigned char* csv_put_quoted(
    unsigned char* out, unsigned char quote, span_t text
) noexcept nogil:
    cdef Py_ssize_t i
    out[0] = quote
    out += 1
    for i in range(text.n):
        out[0] = text.p[i]
        out += 1
        if text.p[i] == quote:
            out[0] = quote
            out += 1
    out[0] = quote
    return out + 1


cdef inline unsigned char* csv_put_cell(
    unsigned char* out, const csv_t* csv, const view_t* view, Py_ssize_t row
) noexcept nogil:
    cdef span_t text
    if not view_has(view, row):
        if csv.nviews == 1:
            out[0] = out[1] = csv.quote
            out += 2
        return out
    elif view.kind == COL_UTF8:
        text = view_text(view, row)
        if csv_must_quote(csv, text):
            return csv_put_quoted(out, csv.quote, text)
        return output_copy(out, text, view.end)
    elif view.kind == COL_NUMERIC:
        return output_copy(out, view_text(view, row), view.end)
    return value_put_text(out, view, row)


cdef inline Py_ssize_t csv_row_bound(const csv_t* csv, Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t bound = csv.line_end.n
    cdef int i
    for i in range(csv.nviews):
        # Its delimiter, two quotes, and each byte doubled at worst.
        bound += 1 + VALUE_TEXT_MAX
        if csv.views[i].offsets != NULL:
            bound += 2 * view_text(&csv.views[i], row).n
    return bound


cdef inline bint csv_encode(const csv_t* csv, output_t* output) noexcept nogil:
    """Append the rows; False when there is no memory."""
    cdef unsigned char* out
    cdef Py_ssize_t row
    cdef int i
    for row in range(csv.rows.count):
        if not rows_has(&csv.rows, row):
            continue
        if not output_reserve(output, csv_row_bound(csv, row)):
            return False
        out = output.p + output.used
        for i in range(csv.nviews):
            if i > 0:
                out[0] = csv.delimiter
                out += 1
            out = csv_put_cell(out, csv, &csv.views[i], row)
        memcpy(out, csv.line_end.p, <size_t> csv.line_end.n)
        output.used = out + csv.line_end.n - output.p
    return True
