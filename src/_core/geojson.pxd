# GeoJSON (RFC 7946) and TopoJSON, as far as a record needs them to be right.
#
# Checked: the nine types, the members each must have, the nesting of coordinates, positions of two or more
# numbers, lines of two or more positions, rings of four or more that end where they start. An empty
# `coordinates` array is a geometry without a place (§3.1). Not checked: ranges of coordinates, which depend on
# a reference system, the winding of rings, and whether lines cross. Of TopoJSON: its three required members.

from _core.json_check cimport json_check, json_t
from _core.json_walk cimport (
    walk_first, walk_is_number, walk_is_text, walk_member, walk_next, walk_span,
)
from _core.json_check cimport json_space
from _core.number cimport numeric_compare
from _core.span cimport span_t

cdef enum:
    GEOMETRY_DEPTH = 16           # collections within collections, which §3.1.8 advises against at all
    LINE_POSITIONS = 2
    RING_POSITIONS = 4


cdef inline bint geojson_check(span_t s) noexcept nogil:
    cdef const unsigned char* end = s.p + s.n
    cdef const unsigned char* p = json_space(s.p, end)
    cdef const unsigned char* type_of
    cdef const unsigned char* item
    cdef json_t found
    if not json_check(s, &found) or not found.is_storable or found.kind != c'{':
        return False
    type_of = walk_member(p, end, b"type", 4)
    if type_of == NULL:
        return False
    if not walk_is_text(type_of, b"FeatureCollection", 17):
        return geojson_is_feature(p, end) or geojson_is_geometry(p, end, 0)
    item = walk_member(p, end, b"features", 8)
    if item == NULL or item[0] != c'[':
        return False
    item = walk_first(item, end)
    while item != NULL:
        if not geojson_is_feature(item, end):
            return False
        item = walk_next(item, end)
    return True


cdef inline bint geojson_is_feature(const unsigned char* p, const unsigned char* end) noexcept nogil:
    cdef const unsigned char* value
    if p[0] != c'{':
        return False
    value = walk_member(p, end, b"type", 4)
    if value == NULL or not walk_is_text(value, b"Feature", 7):
        return False
    value = walk_member(p, end, b"properties", 10)
    if value == NULL or (value[0] != c'{' and value[0] != c'n'):
        return False
    value = walk_member(p, end, b"geometry", 8)
    return value != NULL and (value[0] == c'n' or geojson_is_geometry(value, end, 0))


cdef inline bint geojson_is_geometry(
    const unsigned char* p, const unsigned char* end, int depth
) noexcept nogil:
    cdef const unsigned char* kind
    cdef const unsigned char* value
    if p[0] != c'{' or depth > GEOMETRY_DEPTH:
        return False
    kind = walk_member(p, end, b"type", 4)
    if kind == NULL:
        return False
    if walk_is_text(kind, b"GeometryCollection", 18):
        value = walk_member(p, end, b"geometries", 10)
        if value == NULL or value[0] != c'[':
            return False
        value = walk_first(value, end)
        while value != NULL:
            if not geojson_is_geometry(value, end, depth + 1):
                return False
            value = walk_next(value, end)
        return True
    value = walk_member(p, end, b"coordinates", 11)
    if value == NULL or value[0] != c'[':
        return False
    if walk_is_text(kind, b"Point", 5):
        return walk_first(value, end) == NULL or geojson_is_position(value, end)
    elif walk_is_text(kind, b"MultiPoint", 10):
        return geojson_holds(value, end, 0, 0)
    elif walk_is_text(kind, b"LineString", 10):
        return walk_first(value, end) == NULL or geojson_holds(value, end, 0, LINE_POSITIONS)
    elif walk_is_text(kind, b"MultiLineString", 15):
        return geojson_holds(value, end, 1, LINE_POSITIONS)
    elif walk_is_text(kind, b"Polygon", 7):
        return geojson_holds(value, end, 1, RING_POSITIONS)
    elif walk_is_text(kind, b"MultiPolygon", 12):
        return geojson_holds(value, end, 2, RING_POSITIONS)
    return False


cdef inline bint geojson_holds(
    const unsigned char* p, const unsigned char* end, int depth, int least
) noexcept nogil:
    """Check arrays in arrays, the innermost of `least` positions or more; those of rings have to close."""
    cdef const unsigned char* item
    cdef const unsigned char* first
    cdef const unsigned char* last = NULL
    cdef Py_ssize_t n = 0
    if p[0] != c'[':
        return False
    first = item = walk_first(p, end)
    while item != NULL:
        if not (geojson_holds(item, end, depth - 1, least) if depth else geojson_is_position(item, end)):
            return False
        n += 1
        last = item
        item = walk_next(item, end)
    if depth:
        return True
    return n >= least and (least < RING_POSITIONS or geojson_is_same(first, last, end))


cdef inline bint geojson_is_position(const unsigned char* p, const unsigned char* end) noexcept nogil:
    cdef int n = 0
    if p[0] != c'[':
        return False
    p = walk_first(p, end)
    while p != NULL:
        if not walk_is_number(p):
            return False
        n += n < 2
        p = walk_next(p, end)
    return n >= 2


cdef inline bint geojson_is_same(
    const unsigned char* a, const unsigned char* b, const unsigned char* end
) noexcept nogil:
    """Compare two positions number by number."""
    a, b = walk_first(a, end), walk_first(b, end)
    while a != NULL and b != NULL:
        if numeric_compare(walk_span(a, end), walk_span(b, end)) != 0:
            return False
        a, b = walk_next(a, end), walk_next(b, end)
    return a == NULL and b == NULL


cdef inline bint topojson_check(span_t s) noexcept nogil:
    cdef const unsigned char* end = s.p + s.n
    cdef const unsigned char* p = json_space(s.p, end)
    cdef const unsigned char* value
    cdef json_t found
    if not json_check(s, &found) or not found.is_storable or found.kind != c'{':
        return False
    value = walk_member(p, end, b"type", 4)
    if value == NULL or not walk_is_text(value, b"Topology", 8):
        return False
    value = walk_member(p, end, b"objects", 7)
    if value == NULL or value[0] != c'{':
        return False
    value = walk_member(p, end, b"arcs", 4)
    return value != NULL and value[0] == c'['
