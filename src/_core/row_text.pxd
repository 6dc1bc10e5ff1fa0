# A row's values as a text for a finding: `sale_price=12.00, price=10.00`.

from libc.string cimport memcpy

from _core.columns cimport (
    COL_NUMERIC, COL_UTF8, REJECT_TEXT_MAX, batch_t, column_is_present, column_t,
)
from _core.reader cimport buffer_reserve, buffer_t
from _core.span cimport span_of, span_t
from _core.value_text cimport VALUE_TEXT_MAX, value_put_text
from _core.view cimport view_open, view_t, view_text


cdef inline bint row_put_text(
    buffer_t* out, Py_ssize_t* n, const batch_t* batch, int field, Py_ssize_t row
) noexcept nogil:
    """Add the text of a value, nothing if it is missing, to the `n` bytes there; False when there is no memory."""
    cdef unsigned char written[VALUE_TEXT_MAX]
    cdef const column_t* column = &batch.columns[field]
    cdef view_t view
    cdef span_t text
    if not column_is_present(column, row):
        return True
    view_open(&view, column, field, column.storage)
    if column.storage == COL_UTF8 or column.storage == COL_NUMERIC:
        text = view_text(&view, row)
    else:
        text = span_of(written, value_put_text(written, &view, row) - written)
    # A finding keeps no more of its text.
    text.n = min(text.n, <Py_ssize_t> REJECT_TEXT_MAX)
    return buffer_append(out, n, text)


cdef inline bint buffer_append(buffer_t* buffer, Py_ssize_t* n, span_t text) noexcept nogil:
    """Add a text to the `n` bytes there; False when there is no memory."""
    if not buffer_reserve(buffer, n[0] + text.n):
        return False
    if text.n:
        memcpy(buffer.p + n[0], text.p, <size_t> text.n)
    n[0] += text.n
    return True
