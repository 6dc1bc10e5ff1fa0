# Geographic points: "lon, lat" (blanks around each are fine), a JSON array of the two, or an object with both.
#
# Longitude within ±180, latitude within ±90, in exact decimals. The text is kept as it is written.

from _core.json_check cimport json_check, json_space, json_t
from _core.json_walk cimport walk_first, walk_is_number, walk_member, walk_next, walk_span
from _core.number cimport numeric_check, numeric_compare
from _core.plan cimport FORMAT_POINT_ARRAY, FORMAT_POINT_OBJECT
from _core.span cimport span_of, span_t
from _core.text cimport text_trim

from libc.string cimport memchr


cdef inline bint geopoint_parse(span_t s, int format, span_t* lon, span_t* lat) noexcept nogil:
    """Find the two numbers of a point, and hold them to their ranges."""
    cdef const unsigned char* end = s.p + s.n
    cdef const unsigned char* p
    cdef const unsigned char* other
    cdef json_t found
    if format == FORMAT_POINT_ARRAY or format == FORMAT_POINT_OBJECT:
        if not json_check(s, &found) or not found.is_storable or found.count != 2:
            return False
        p = json_space(s.p, end)
        if format == FORMAT_POINT_ARRAY:
            if found.kind != c'[':
                return False
            p = walk_first(p, end)
            other = walk_next(p, end)
        else:
            if found.kind != c'{':
                return False
            other = walk_member(p, end, b"lat", 3)
            p = walk_member(p, end, b"lon", 3)
            if p == NULL or other == NULL:
                return False
        if not walk_is_number(p) or not walk_is_number(other):
            return False
        lon[0], lat[0] = walk_span(p, end), walk_span(other, end)
    else:
        p = <const unsigned char*> memchr(s.p, c',', <size_t> s.n) if s.n else NULL
        if p == NULL:
            return False
        lon[0] = text_trim(span_of(s.p, p - s.p))
        lat[0] = text_trim(span_of(p + 1, end - p - 1))
        if numeric_check(lon[0]) or numeric_check(lat[0]):
            return False
    return geopoint_is_within(lon[0], b"180", b"-180") and geopoint_is_within(lat[0], b"90", b"-90")


cdef inline bint geopoint_is_within(span_t number, const char* high, const char* low) noexcept nogil:
    cdef Py_ssize_t n = 3 if high[2] else 2
    return (
        numeric_compare(number, span_of(<const unsigned char*> high, n)) <= 0
        and numeric_compare(number, span_of(<const unsigned char*> low, n + 1)) >= 0
    )


cdef inline bint geopoint_is_same(span_t a, span_t b, int format) noexcept nogil:
    cdef span_t lon[2]
    cdef span_t lat[2]
    if not geopoint_parse(a, format, &lon[0], &lat[0]) or not geopoint_parse(b, format, &lon[1], &lat[1]):
        return False
    return numeric_compare(lon[0], lon[1]) == 0 and numeric_compare(lat[0], lat[1]) == 0
