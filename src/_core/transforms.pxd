# Transforms: what a text goes through before it is read, one after the other.
#
#     trim, collapse                    here, white space being Python's
#     lower, upper, nfc                 here for what is plain, by a call-out for the rest, whose rules are Unicode's
#     map, default                      here: whole texts
#     replace                           by a call-out
#
# A missing value goes through unchanged until a default gives it a text. Each transform reads from one scratch buffer
# and writes to the other, or cuts the text where it stands.

from _core.missing cimport value_is_missing
from _core.plan cimport (
    TRANSFORM_COLLAPSE, TRANSFORM_DEFAULT, TRANSFORM_LOWER, TRANSFORM_MAP, TRANSFORM_NFC, TRANSFORM_REPLACE,
    TRANSFORM_TRIM, TRANSFORM_UPPER, field_t, transform_t,
)
from _core.reader cimport (
    READER_CALL_FAILED, READER_NO_MEMORY, SHORT_TEXT, buffer_reserve, buffer_t, reader_fail, reader_t,
)
from _core.span cimport span_of, span_t
from _core.text cimport text_collapse, text_is_collapsed, text_lower_ascii, text_trim, text_upper_ascii
from _core.wordset cimport wordset_find

cdef enum:
    NFC_FIRST_LEAD = 0xCC    # U+0300, the first character that composes, starts with it


cdef inline bint transforms_apply(
    reader_t* r, const field_t* op, span_t* text, bint* is_missing
) noexcept nogil:
    """Apply a field's transforms in order; False stops the call."""
    cdef const transform_t* transform
    cdef buffer_t* out
    cdef Py_ssize_t place
    cdef int i, side = 0
    for i in range(op.ntransforms):
        transform = &op.transforms[i]
        if transform.kind == TRANSFORM_DEFAULT:
            if is_missing[0] or value_is_missing(op, text[0]):
                text[0] = transform.texts[0]
                is_missing[0] = False
        elif is_missing[0]:
            continue
        elif transform.kind == TRANSFORM_TRIM:
            text[0] = text_trim(text[0])
        elif transform.kind == TRANSFORM_MAP:
            place = wordset_find(transform.words, text[0])
            if place >= 0:
                text[0] = transform.texts[place]
        elif transform.kind == TRANSFORM_COLLAPSE and text_is_collapsed(text[0]):
            continue
        elif transform.kind == TRANSFORM_NFC and text_is_composed(text[0]):
            continue
        else:
            # Never into the buffer that the text may stand in.
            out = &r.scratch.changed[side]
            side ^= 1
            if not transform_write(r, op, i, text, out):
                return False
    if not is_missing[0]:
        is_missing[0] = value_is_missing(op, text[0])
    return True


cdef inline bint transform_write(
    reader_t* r, const field_t* op, int index, span_t* text, buffer_t* out
) noexcept nogil:
    """Write the text anew as one transform has it; False stops the call."""
    cdef Py_ssize_t n = text.n
    cdef int kind = op.transforms[index].kind
    if not buffer_reserve(out, n + SHORT_TEXT):
        return reader_fail(r, READER_NO_MEMORY)
    if kind == TRANSFORM_COLLAPSE:
        n = text_collapse(text[0], out.p)
    elif (
        kind == TRANSFORM_NFC or kind == TRANSFORM_REPLACE
        or kind == TRANSFORM_LOWER and text_lower_ascii(text[0], out.p)
        or kind == TRANSFORM_UPPER and text_upper_ascii(text[0], out.p)
    ):
        n = r.plan.change(r.context, op.field, index, text[0], out)
        if n < 0:
            return reader_fail(r, READER_CALL_FAILED)
    text[0] = span_of(out.p, n)
    return True


cdef inline bint text_is_composed(span_t s) noexcept nogil:
    """Tell whether a text is in normal form C, as one without characters from U+0300 on is; others may be too."""
    cdef Py_ssize_t i
    for i in range(s.n):
        if s.p[i] >= NFC_FIRST_LEAD:
            return False
    return True
