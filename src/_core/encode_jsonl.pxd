# Rows of a batch as JSON Lines: one object a row, its keys the field names, nothing left out: a missing value
# is null.
#
# Keys are escaped once, before the rows: `keys` holds `{"a":`, `,"b":` and so on, one after the other.
# Numbers keep their digits; what JSON does not allow in a number (`+5.`, `.5`, `007`) is made valid without
# changing its value. NaN and the infinities have no JSON number: they are the strings "NaN", "INF" and
# "-INF", which the kernel reads back as that float. A year that begins with a zero has none either: "0374".
#
# Source: RFC 8259 §6 (numbers) and §7 (strings); https://jsonlines.org

from libc.math cimport isfinite
from libc.stddef cimport size_t
from libc.string cimport memcpy

from _core.columns cimport COL_BOOL, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_NUMERIC, COL_UTF8
from _core.output cimport output_copy, output_reserve, output_t
from _core.span cimport span_of, span_t
from _core.value_text cimport VALUE_TEXT_MAX, value_put_text
from _core.view cimport rows_has, rows_t, view_has, view_int, view_t, view_text


cdef enum:
    JSONL_LEAST_YEAR = 1000          # of four digits without a zero before them

ctypedef struct jsonl_t:
    rows_t rows
    const view_t* views
    int nviews
    const span_t* keys               # of each field, with what stands before and after it
    Py_ssize_t keys_size             # bytes of all keys


cdef inline bint jsonl_must_escape(span_t text) noexcept nogil:
    # Without a way out of the loop, the compiler compares sixteen bytes at a time.
    cdef Py_ssize_t i
    cdef unsigned char c, found = 0
    for i in range(text.n):
        c = text.p[i]
        found |= (c < 0x20) | (c == c'"') | (c == c"\\")
    return found


cdef inline unsigned char jsonl_short_escape(unsigned char c) noexcept nogil:
    """Give the letter of a two-character escape, 0 if the character has none."""
    if c == c'"' or c == c"\\":
        return c
    elif c == c"\n":
        return c"n"
    elif c == c"\r":
        return c"r"
    elif c == c"\t":
        return c"t"
    elif c == 8:
        return c"b"
    elif c == 12:
        return c"f"
    return 0


cdef inline unsigned char* jsonl_put_escaped(unsigned char* out, span_t text) noexcept nogil:
    cdef Py_ssize_t i
    cdef unsigned char c, letter
    for i in range(text.n):
        c = text.p[i]
        letter = jsonl_short_escape(c)
        if letter:
            out[0] = c"\\"
            out[1] = letter
            out += 2
        elif c < 0x20:
            memcpy(out, b"\\u00", 4)
            out[4] = c"0" + (c >> 4)
            out[5] = b"0123456789abcdef"[c & 15]
            out += 6
        else:
            out[0] = c
            out += 1
    return out


cdef inline unsigned char* jsonl_put_string(
    unsigned char* out, span_t text, const unsigned char* end
) noexcept nogil:
    """Write a text, quoted; it takes at most six times its bytes and two."""
    out[0] = c'"'
    out += 1
    if jsonl_must_escape(text):
        out = jsonl_put_escaped(out, text)
    else:
        out = output_copy(out, text, end)
    out[0] = c'"'
    return out + 1


cdef inline bint jsonl_is_digit(span_t text) noexcept nogil:
    return text.n > 0 and c"0" <= text.p[0] <= c"9"


cdef inline unsigned char* jsonl_put_numeric(
    unsigned char* out, span_t text, const unsigned char* end
) noexcept nogil:
    """Write a decimal as a JSON number: no plus, no leading zeros, digits on both sides of the point."""
    cdef Py_ssize_t i = 0
    if text.p[0] == c"-":
        out[0] = c"-"
        out += 1
    if text.p[0] == c"-" or text.p[0] == c"+":
        text = span_of(text.p + 1, text.n - 1)
    while text.n > 1 and text.p[0] == c"0" and jsonl_is_digit(span_of(text.p + 1, text.n - 1)):
        text = span_of(text.p + 1, text.n - 1)
    if not jsonl_is_digit(text):
        out[0] = c"0"
        out += 1
    while i < text.n and text.p[i] != c".":
        i += 1
    if i == text.n or jsonl_is_digit(span_of(text.p + i + 1, text.n - i - 1)):
        return output_copy(out, text, end)
    out = output_copy(out, span_of(text.p, i), end)
    return output_copy(out, span_of(text.p + i + 1, text.n - i - 1), end)


cdef inline unsigned char* jsonl_put_json(
    unsigned char* out, span_t text, const unsigned char* end
) noexcept nogil:
    """Write a JSON text as it is, on one line: row ends in it can only be white space."""
    cdef unsigned char* after = output_copy(out, text, end)
    while out < after:
        if out[0] == c"\n" or out[0] == c"\r":
            out[0] = c" "
        out += 1
    return after


cdef inline bint jsonl_is_bare(const view_t* view, Py_ssize_t row) noexcept nogil:
    """Tell whether a value's text is a number, or a boolean, of JSON."""
    if view.kind == COL_INT64:
        return not view.is_year or view_int(view, row) >= JSONL_LEAST_YEAR
    elif view.kind == COL_FLOAT64:
        return isfinite((<const double*> view.data)[row])
    return view.kind == COL_DECIMAL64 or view.kind == COL_BOOL


cdef inline unsigned char* jsonl_put_value(
    unsigned char* out, const view_t* view, Py_ssize_t row
) noexcept nogil:
    cdef int kind = view.kind
    if not view_has(view, row):
        memcpy(out, b"null", 4)
        return out + 4
    elif view.is_json:
        return jsonl_put_json(out, view_text(view, row), view.end)
    elif kind == COL_UTF8:
        return jsonl_put_string(out, view_text(view, row), view.end)
    elif kind == COL_NUMERIC:
        return jsonl_put_numeric(out, view_text(view, row), view.end)
    elif jsonl_is_bare(view, row):
        return value_put_text(out, view, row)
    out[0] = c'"'
    out = value_put_text(out + 1, view, row)
    out[0] = c'"'
    return out + 1


cdef inline Py_ssize_t jsonl_row_bound(const jsonl_t* jsonl, Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t bound = jsonl.keys_size + 2
    cdef int i
    for i in range(jsonl.nviews):
        bound += VALUE_TEXT_MAX + 2
        if jsonl.views[i].offsets != NULL:
            bound += 6 * view_text(&jsonl.views[i], row).n
    return bound


cdef inline bint jsonl_encode(const jsonl_t* jsonl, output_t* output) noexcept nogil:
    """Append the rows; False when there is no memory."""
    cdef unsigned char* out
    cdef Py_ssize_t row
    cdef int i
    for row in range(jsonl.rows.count):
        if not rows_has(&jsonl.rows, row):
            continue
        if not output_reserve(output, jsonl_row_bound(jsonl, row)):
            return False
        out = output.p + output.used
        for i in range(jsonl.nviews):
            memcpy(out, jsonl.keys[i].p, <size_t> jsonl.keys[i].n)
            out = jsonl_put_value(out + jsonl.keys[i].n, &jsonl.views[i], row)
        memcpy(out, b"}\n", 2)
        output.used = out + 2 - output.p
    return True
