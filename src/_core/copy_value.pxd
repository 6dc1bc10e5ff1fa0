# One value in PostgreSQL's binary send format, its 32-bit length first; all numbers big-endian. What most
# values are is written by encode_copy.h: texts, and numbers of eight bytes.
#
# Dates and times count from 2000-01-01. A uuid is 16 bytes, a numeric base-10000 groups, the rest plain
# machine numbers. Nothing here can fail but a number put into a narrower type: then the place after the value
# is NULL.
#
# If you add a target: encode_copy.h, its PostgreSQL name in the façade's table, copy_width, copy_put_value.
#
# Source: the send functions of PostgreSQL's types; held to vectors that a server made.

from libc.math cimport isfinite
from libc.stdint cimport int16_t, int32_t, int64_t, uint16_t, uint32_t
from libc.string cimport memcpy

from _core.big_endian cimport big_put16, big_put32
from _core.numeric_binary cimport numeric_put_scaled, numeric_put_text
from _core.output cimport output_copy_blocks
from _core.span cimport span_t
from _core.view cimport view_bool, view_int, view_t, view_text

cdef extern from "_core/encode_copy.h" nogil:
    enum:
        COPY_NONE
        COPY_BYTES
        COPY_UUID
        COPY_JSONB
        COPY_INT2
        COPY_INT4
        COPY_INT8
        COPY_INT_NUMERIC
        COPY_SCALED_NUMERIC
        COPY_TEXT_NUMERIC
        COPY_FLOAT4
        COPY_FLOAT8
        COPY_BOOL
        COPY_DATE
        COPY_TIME
        COPY_TIMESTAMP

cdef enum:
    COPY_EPOCH_DAYS = 10957          # from 1970-01-01 to 2000-01-01
    COPY_NUMERIC_HEAD = 8            # bytes: ndigits, weight, sign, dscale
    COPY_SCALED_GROUPS = 6           # base-10000 groups an int64 can touch: 19 digits, the point anywhere


cdef inline Py_ssize_t copy_width(int target) noexcept nogil:
    """Tell how many bytes a value takes at most, its length included; of a text, besides its own bytes."""
    if target == COPY_BYTES:
        return 4
    elif target == COPY_JSONB:
        return 4 + 1
    elif target == COPY_UUID:
        return 4 + 16
    elif target == COPY_INT_NUMERIC or target == COPY_SCALED_NUMERIC:
        return 4 + COPY_NUMERIC_HEAD + 2 * COPY_SCALED_GROUPS
    elif target == COPY_TEXT_NUMERIC:
        # Four digits, so four bytes of text, make a group of two bytes; both ends can hold one more, part
        # filled.
        return 4 + COPY_NUMERIC_HEAD + 2 * 2
    return 4 + 8


cdef inline unsigned char* copy_put_uuid(unsigned char* out, const unsigned char* text) noexcept nogil:
    """Write 36 characters, checked before, as 16 bytes."""
    cdef unsigned char byte = 0, digit
    cdef int i, half = 0
    for i in range(36):
        if text[i] == c"-":
            continue
        # '0' is 0x30, 'A' 0x41, 'a' 0x61: letters have bit 6, and lack 9.
        digit = (text[i] & 15) + (9 if text[i] & 64 else 0)
        byte = <unsigned char> (byte << 4 | digit)
        half ^= 1
        if half == 0:
            out[0] = byte
            out += 1
    return out


cdef inline unsigned char* copy_put_numeric_text(unsigned char* out, span_t text) noexcept nogil:
    cdef Py_ssize_t size = numeric_put_text(out + 4, text)
    return big_put32(out, <uint32_t> size) + size


cdef inline unsigned char* copy_put_jsonb(unsigned char* out, span_t text) noexcept nogil:
    out = big_put32(out, <uint32_t> (text.n + 1))
    out[0] = 1
    return output_copy_blocks(out + 1, text)


cdef inline unsigned char* copy_put_narrow(unsigned char* out, int target, int64_t v) noexcept nogil:
    """Write an int2 or int4; NULL if it does not fit."""
    if target == COPY_INT2:
        if v != <int16_t> v:
            return NULL
        return big_put16(big_put32(out, 2), <uint16_t> v)
    if v != <int32_t> v:
        return NULL
    return big_put32(big_put32(out, 4), <uint32_t> v)


cdef inline unsigned char* copy_put_float4(unsigned char* out, double v) noexcept nogil:
    """Write the nearest float4; NULL if a finite value becomes infinite, or a value not zero becomes zero."""
    cdef float narrow = <float> v
    cdef uint32_t bits
    if isfinite(v) and not isfinite(narrow) or narrow == 0 and v != 0:
        return NULL
    memcpy(&bits, &narrow, 4)
    return big_put32(big_put32(out, 4), bits)


cdef inline unsigned char* copy_put_value(
    unsigned char* out, const view_t* view, Py_ssize_t row
) noexcept nogil:
    """Write a value that is not null, its length first, of any target but encode_copy.h's; NULL if it does not fit."""
    cdef int target = view.kind
    cdef int size
    cdef int32_t days
    if target == COPY_JSONB:
        return copy_put_jsonb(out, view_text(view, row))
    elif target == COPY_UUID:
        return copy_put_uuid(big_put32(out, 16), view_text(view, row).p)
    elif target == COPY_TEXT_NUMERIC:
        return copy_put_numeric_text(out, view_text(view, row))
    elif target == COPY_SCALED_NUMERIC or target == COPY_INT_NUMERIC:
        size = numeric_put_scaled(out + 4, view_int(view, row), view.scale)
        return big_put32(out, <uint32_t> size) + size
    elif target == COPY_DATE:
        days = (<const int32_t*> view.data)[row]
        return big_put32(big_put32(out, 4), <uint32_t> (days - COPY_EPOCH_DAYS))
    elif target == COPY_BOOL:
        out = big_put32(out, 1)
        out[0] = view_bool(view, row)
        return out + 1
    elif target == COPY_FLOAT4:
        return copy_put_float4(out, (<const double*> view.data)[row])
    return copy_put_narrow(out, target, view_int(view, row))
