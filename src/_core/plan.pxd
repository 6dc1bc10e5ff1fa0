# A plan is a schema and a dialect compiled for the row loop: an array of field operations, nothing but
# numbers and spans.
#
# It is made once, by the façade (plan.pxi), never changed, and shared by all threads. Everything it points to
# is owned by the plan_t and freed with it. Operations stand in the order of the file's columns, which is the
# order of the findings of a record; operations of fields the file has no column for come last.
#
# If you add a constraint: a member of field_t, plan.pxi, values.pxd, shortcut_plan.pxd, and the checks' order is
# that of codes.pxd.

from libc.stdint cimport int64_t
from libc.stdlib cimport free

from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_NUMERIC, COL_TIME64, COL_TIMESTAMP,
    COL_UTF8,
)
from _core.limits cimport LIMIT_COUNT, limit_t
from _core.patterns cimport pcre2_free
from _core.rule_plan cimport rule_free, rule_t
from _core.scan cimport scan_dialect_t
from _core.shortcut cimport shortcut_t
from _core.span cimport span_t
from _core.temporal cimport temporal_t
from _core.wordset cimport wordset_free, wordset_t

cdef enum:
    COLUMN_NONE = 0x7FFFFFFF   # larger than any column's number

cdef enum:
    KIND_STRING
    KIND_INTEGER
    KIND_DECIMAL     # scaled int64
    KIND_NUMERIC     # decimal as text
    KIND_FLOAT
    KIND_BOOLEAN
    KIND_DATE
    KIND_TIME
    KIND_DATETIME
    KIND_YEAR        # an integer; what follows is kept as text (kinds.pxd)
    KIND_YEARMONTH
    KIND_DURATION
    KIND_LIST
    KIND_GEOPOINT
    KIND_OBJECT
    KIND_ARRAY
    KIND_GEOJSON

cdef enum:
    FORMAT_NONE
    FORMAT_EMAIL
    FORMAT_URI
    FORMAT_UUID
    FORMAT_GTIN
    FORMAT_POINT_ARRAY   # of geopoints
    FORMAT_POINT_OBJECT
    FORMAT_TOPOJSON
    FORMAT_ISBN          # from here on: identifiers.pxd
    FORMAT_VIN
    FORMAT_CURRENCY
    FORMAT_COUNTRY
    FORMAT_LANGUAGE
    FORMAT_BINARY

cdef enum:
    TRANSFORM_TRIM
    TRANSFORM_COLLAPSE
    TRANSFORM_LOWER
    TRANSFORM_UPPER
    TRANSFORM_NFC
    TRANSFORM_MAP
    TRANSFORM_REPLACE
    TRANSFORM_DEFAULT

cdef enum:
    MISSING_NOTHING  # an empty cell is an empty string
    MISSING_EMPTY    # only the empty text: the usual case, one comparison
    MISSING_WORDS

ctypedef struct dress_t:
    # How a number is written, where that is not plain (number_dress.pxd).
    span_t point          # none for integers
    span_t group          # none: digits stand together
    bint is_plain         # nothing to rewrite between the ends
    bint has_extras       # other characters in front and behind
    bint has_currency
    wordset_t* currencies

ctypedef struct transform_t:
    int kind              # TRANSFORM_*
    wordset_t* words      # of a map: what becomes something else
    span_t* texts         # what it becomes, in that order; of a default: the one text
    int ntexts

ctypedef struct field_t:
    int kind
    int column            # of the file, from 0; COLUMN_NONE: the file has none, all values are missing
    int field             # of the schema
    bint is_required
    int missing
    wordset_t* missing_words
    transform_t* transforms
    int ntransforms
    bint has_default      # a missing value gets a text
    bint only_trims       # the one transform is trim, as is most usual
    int format            # FORMAT_*
    wordset_t* registry   # of the formats that are codes: all there are
    dress_t* dress        # NULL: numbers are written plainly
    int item_kind         # of lists
    span_t delimiter
    int precision         # 0 = not declared
    int scale
    const temporal_t* pattern_of_time   # NULL: ISO
    wordset_t* booleans   # the texts that are true, then those that are false
    int ntrue
    bint has_checks       # any of what follows
    int64_t min_length    # characters; -1 = no limit
    int64_t max_length
    bint has_limits
    limit_t limits[LIMIT_COUNT]
    int64_t low           # the narrowest of the limits, for a first look
    int64_t high
    bint has_pattern
    void* pattern         # compiled by PCRE2; NULL: a call-out matches
    bint has_enum
    wordset_t* words      # enum of strings
    limit_t* members      # enum of anything else
    int nmembers
    bint has_json_schema  # judged by a call-out

# What only Python can do: it takes the GIL, never raises, and keeps the exception in its context.
# match: 1 = the whole text matches the field's pattern, 0 = it does not, -1 = an exception.
# change: makes of a text what the field's transform of that index does, in a buffer_t, whose room it sees to; gives the
# bytes written, -1 = an exception.
# judge: the same for the field's JSON Schema.
ctypedef int (*match_t)(void* context, int field, span_t text) noexcept nogil
ctypedef Py_ssize_t (*change_t)(void* context, int field, int index, span_t text, void* out) noexcept nogil

ctypedef struct plan_t:
    scan_dialect_t dialect
    bint keep_bad_quotes
    bint has_null         # an unquoted cell that stands so in the feed is missing
    span_t null
    Py_ssize_t max_record_bytes
    int ncolumns          # of the file
    int nfields
    int nbound            # operations that have a column, or a default for it
    field_t* fields
    shortcut_t* shortcuts  # of the bound fields
    int nshortcuts        # operations that have a column
    int nrules
    rule_t* rules
    int nkeys             # lane key
    const int* keys       # fields of the schema
    match_t match
    match_t judge
    change_t change


cdef inline int storage_of(int kind) noexcept nogil:
    """Give the storage of a kind's column."""
    if kind == KIND_STRING:
        return COL_UTF8
    elif kind == KIND_INTEGER or kind == KIND_YEAR:
        return COL_INT64
    elif kind == KIND_DECIMAL:
        return COL_DECIMAL64
    elif kind == KIND_NUMERIC:
        return COL_NUMERIC
    elif kind == KIND_FLOAT:
        return COL_FLOAT64
    elif kind == KIND_BOOLEAN:
        return COL_BOOL
    elif kind == KIND_DATE:
        return COL_DATE32
    elif kind == KIND_TIME:
        return COL_TIME64
    elif kind == KIND_DATETIME:
        return COL_TIMESTAMP
    return COL_UTF8


cdef inline bint kind_is_json(int kind) noexcept nogil:
    return kind == KIND_OBJECT or kind == KIND_ARRAY or kind == KIND_GEOJSON


cdef inline void transform_free(transform_t* transform) noexcept nogil:
    cdef int i
    for i in range(transform.ntexts):
        free(<void*> transform.texts[i].p)
    free(transform.texts)
    wordset_free(transform.words)


cdef inline void field_free(field_t* field) noexcept nogil:
    cdef int i
    wordset_free(field.missing_words)
    wordset_free(field.booleans)
    wordset_free(field.words)
    wordset_free(field.registry)
    pcre2_free(field.pattern)
    for i in range(field.ntransforms):
        transform_free(&field.transforms[i])
    free(field.transforms)
    free(<void*> field.pattern_of_time)
    free(<void*> field.delimiter.p)
    if field.dress != NULL:
        free(<void*> field.dress.point.p)
        free(<void*> field.dress.group.p)
        wordset_free(field.dress.currencies)
        free(field.dress)
    for i in range(LIMIT_COUNT):
        free(<void*> field.limits[i].text.p)
    for i in range(field.nmembers):
        free(<void*> field.members[i].text.p)
    free(field.members)


cdef inline void plan_free(plan_t* plan) noexcept nogil:
    """Free what a plan points to; what was never set is NULL."""
    cdef int i
    for i in range(plan.nfields):
        field_free(&plan.fields[i])
    free(plan.fields)
    free(plan.shortcuts)
    for i in range(plan.nrules):
        rule_free(&plan.rules[i])
    free(plan.rules)
    free(<void*> plan.keys)
    free(<void*> plan.null.p)
