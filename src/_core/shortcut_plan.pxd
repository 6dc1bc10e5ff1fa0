# Which fields have a shortcut: those whose declaration has nothing in it that shortcut.h does not know.
#
# Each test is one that a field must pass, so what is new in field_t keeps its fields from having a shortcut as soon as
# it is named in shortcut_is_known; and a text that is missing, or null, must not be one that a shortcut would take.

from libc.math cimport INFINITY, isnan, nextafter
from libc.stdint cimport uint32_t, uint64_t

from _core.limits cimport LIMIT_COUNT, LIMIT_VALUE, limit_is_exclusive, limit_is_lower
from _core.missing cimport value_is_missing
from _core.plan cimport (
    FORMAT_GTIN, FORMAT_NONE, FORMAT_URI, KIND_DATETIME, KIND_DECIMAL, KIND_FLOAT, KIND_INTEGER, KIND_STRING,
    MISSING_WORDS, TRANSFORM_COLLAPSE, TRANSFORM_LOWER, TRANSFORM_TRIM, field_t, plan_t,
)
from _core.shortcut cimport (
    SHORTCUT_CLOCK, SHORTCUT_DATETIME, SHORTCUT_DECIMAL, SHORTCUT_FLOAT, SHORTCUT_GTIN, SHORTCUT_INTEGER,
    SHORTCUT_LISTED, SHORTCUT_LONGEST, SHORTCUT_NONE, SHORTCUT_TEXT, SHORTCUT_URL, SHORTCUT_WORD, SHORTCUT_WORDS,
    shortcut_t,
)
from _core.span cimport span_of, span_t
from _core.text cimport text_trim
from _core.wordset cimport wordset_find, wordset_t

cdef extern from "_core/word.h" nogil:
    uint64_t word_load_part(const unsigned char* p, size_t n)

cdef enum:
    SHORTCUT_SCALE_MOST = 7    # decimals: a number of eight bytes has no more


cdef inline void shortcut_settle(const plan_t* plan, const field_t* op, shortcut_t* out) noexcept nogil:
    """Give a field its shortcut, if it can have one."""
    out.what = SHORTCUT_NONE
    # Of every field, so that an empty cell is a null of those without a shortcut, too.
    out.shortest = out.longest = 1
    out.column, out.field = op.column, op.field
    out.low, out.high = op.low, op.high
    out.precision, out.scale = op.precision, op.scale
    out.takes_empty = not op.is_required and not op.has_default and value_is_missing(op, span_of(NULL, 0))
    if not shortcut_is_known(op, out):
        return
    shortcut_set_lengths(op, out)
    out.what = shortcut_kind(op, out)
    if plan.has_null and plan.null.n:
        shortcut_avoid(op, out, plan.null)
    if op.missing == MISSING_WORDS:
        shortcut_avoid_all(op, out, op.missing_words)
    if out.longest < out.shortest:
        out.what = SHORTCUT_NONE
        out.longest = out.shortest
    out.spread = out.longest - out.shortest


cdef inline bint shortcut_is_known(const field_t* op, shortcut_t* out) noexcept nogil:
    """Tell whether nothing about the field is unusual; notes its transforms."""
    cdef int i
    if op.dress != NULL or op.has_pattern or op.pattern_of_time != NULL or op.has_default or op.has_json_schema:
        return False
    for i in range(op.ntransforms):
        if op.transforms[i].kind == TRANSFORM_TRIM:
            out.trims = True
        elif op.transforms[i].kind == TRANSFORM_COLLAPSE:
            out.collapses = True
        elif op.transforms[i].kind == TRANSFORM_LOWER:
            out.lowers = True
        else:
            return False
    return True


cdef inline void shortcut_set_lengths(const field_t* op, shortcut_t* out) noexcept nogil:
    """Compute the bytes that are enough, and few enough, characters for certain; one has up to four bytes."""
    out.longest = SHORTCUT_LONGEST
    if op.min_length > SHORTCUT_LONGEST:
        out.longest = 0
    elif op.min_length > 1:
        out.shortest = <uint32_t> (4 * op.min_length - 3)
    if 0 <= op.max_length < SHORTCUT_LONGEST:
        out.longest = <uint32_t> op.max_length


cdef inline int shortcut_kind(const field_t* op, shortcut_t* out) noexcept nogil:
    if op.kind == KIND_STRING:
        return shortcut_kind_of_text(op, out)
    if op.has_enum or out.lowers:
        return SHORTCUT_NONE
    out.longest = 8
    if op.kind == KIND_INTEGER:
        return SHORTCUT_INTEGER
    elif op.kind == KIND_DECIMAL:
        return SHORTCUT_DECIMAL if op.scale <= SHORTCUT_SCALE_MOST else SHORTCUT_NONE
    elif op.kind == KIND_FLOAT:
        return SHORTCUT_FLOAT if shortcut_set_reals(op, out) else SHORTCUT_NONE
    out.longest = SHORTCUT_LONGEST
    out.shortest = SHORTCUT_CLOCK + 1
    return SHORTCUT_DATETIME if op.kind == KIND_DATETIME else SHORTCUT_NONE


cdef inline int shortcut_kind_of_text(const field_t* op, shortcut_t* out) noexcept nogil:
    if op.has_enum:
        return SHORTCUT_LISTED if op.format == FORMAT_NONE and shortcut_set_words(op, out) else SHORTCUT_NONE
    if out.lowers:
        return SHORTCUT_NONE
    if op.format == FORMAT_NONE:
        return SHORTCUT_TEXT
    elif op.format == FORMAT_URI:
        return SHORTCUT_URL
    return SHORTCUT_GTIN if op.format == FORMAT_GTIN else SHORTCUT_NONE


cdef inline bint shortcut_set_words(const field_t* op, shortcut_t* out) noexcept nogil:
    """Lay an enumeration out in words; False if it is too long, or holds what a transform could change."""
    cdef const wordset_t* words = op.words
    cdef span_t word
    cdef int i
    if words.count == 0 or words.count > SHORTCUT_WORDS or out.collapses:
        return False
    out.longest = min(out.longest, <uint32_t> SHORTCUT_WORD)
    for i in range(SHORTCUT_WORDS):
        # The first one again where there are fewer.
        word = span_of(words.entries[i if i < words.count else 0].p, words.entries[i if i < words.count else 0].n)
        if word.n == 0 or word.n > SHORTCUT_WORD or text_trim(word).n != word.n:
            return False
        if word.p[word.n - 1] == 0:
            return False
        out.words[0][i] = word_load_part(word.p, <size_t> word.n)
        out.words[1][i] = word_load_part(word.p + 8, <size_t> (word.n - 8)) if word.n > 8 else 0
    return True


cdef inline bint shortcut_set_reals(const field_t* op, shortcut_t* out) noexcept nogil:
    """Make every limit of a double an inclusive one: its neighbour, where it is exclusive."""
    cdef double real
    cdef int i
    out.real_low, out.real_high = -INFINITY, INFINITY
    for i in range(LIMIT_COUNT):
        if op.limits[i].state != LIMIT_VALUE:
            continue
        real = op.limits[i].real
        if isnan(real):
            return False
        if limit_is_lower(i):
            out.real_low = max(out.real_low, nextafter(real, INFINITY) if limit_is_exclusive(i) else real)
        else:
            out.real_high = min(out.real_high, nextafter(real, -INFINITY) if limit_is_exclusive(i) else real)
    return True


cdef inline void shortcut_avoid_all(const field_t* op, shortcut_t* out, const wordset_t* words) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(words.count):
        shortcut_avoid(op, out, span_of(words.entries[i].p, words.entries[i].n))


cdef inline void shortcut_avoid(const field_t* op, shortcut_t* out, span_t word) noexcept nogil:
    """Keep the shortcut from taking a word that is no value."""
    if word.n == 0:
        return
    if out.what == SHORTCUT_TEXT:
        out.shortest = max(out.shortest, <uint32_t> min(word.n + 1, <Py_ssize_t> SHORTCUT_LONGEST + 1))
    elif out.what == SHORTCUT_LISTED:
        if out.lowers or wordset_find(op.words, word) >= 0:
            out.what = SHORTCUT_NONE
    elif c"0" <= word.p[0] <= c"9" or word.p[0] == c"h":
        # The others begin with a digit, or with the scheme of a URL.
        out.what = SHORTCUT_NONE
