"""The kernel: bytes of a feed in, columns of good records and findings of bad ones out (feedmill.kernel)."""

# How a chunk becomes a batch, all of it without the GIL and without a Python object:
#
#     bytes ────────▶ index ───────────▶ rows ────────────────────────────────▶ batch
#     a chunk of      where separators   one by one, and field by field:        Arrow columns of good records,
#     whole records   and rows end       missing, transforms, type, limits      findings of bad ones
#     (a buffer)      scan.h             rows.pxd → values.pxd → checks.pxd      columns.pxd, rejects.pxd
#
#                      Plan.last_record_end runs the first step only, to cut a feed into chunks.
#
# What is where. The parts in _core/*.pxd and *.h know no Python object, take pointer and length, and return a
# status:
#
#     the frame        span.pxd      pointer and length           codes.pxd     what can be found
#                      scan.h .pxd   the tokenizer                 scan_block.h  its vector half
#                      plan.pxd      the compiled schema           reader.pxd    the state of one call
#                      rows.pxd      the loop                      record.pxd    the end of a record
#                      cells.pxd     where cells stand             values.pxd    one cell
#                      checks.pxd    constraints                   limits.pxd    what they compare with
#                      shortcut*     usual cells, in vectors   utf8*.h       what is UTF-8, in vectors
#                      missing.pxd   no value                      transforms.pxd  before a text is read
#                      rejects.pxd   findings                      given.pxd     values that are no cells
#                      columns.pxd   a batch's memory              keys.pxd      the hash that chooses a lane
#     values           number*.pxd temporal*.pxd text*.pxd formats.pxd address.pxd identifiers.pxd
#                      language.pxd wordset.pxd numeric_binary.pxd
#     patterns         patterns.pxd pcre2.h
#     keys             key_table.h .pxd  which record has a key    digest.h      what a key is known by there
#                      claims.pxd    rows whose keys are taken
#                      row_copy.pxd  rows without some of them    row_text.pxd  their values in findings
#     rules            rules.pxd     what has to hold between fields       rule_plan.pxd  a rule compiled
#     other kinds      kinds.pxd (the table)  json_*.pxd geojson.pxd geopoint.pxd list_items.pxd duration.pxd year.pxd
#     what is stored   contents.pxd  what rows say, as hashes     entry.pxd     one of them
#                      known.pxd     hashes by key                choose.pxd    which rows say something new
#     encoders         view.pxd output.pxd copy_value.pxd encode_*.pxd value_text.pxd share.pxd latin.pxd
#                      seen.pxd  big_endian.h .pxd
#
# and the files included below, which do know objects, are the façade:
#
#     callouts.pxi     what only Python can do for the kernel: patterns, letters beyond ASCII
#     compile*.pxi     a schema and a dialect → plan_t             plan.pxi      class Plan
#     encode_*.pxi     batch_t → bytes, objects, Arrow capsules    batch.pxi     class Batch
#     findings.pxi     what a batch has found                      key_index.pxi class KeyIndex
#     judged.pxi       a batch without rows whose keys are taken
#     given.pxi        Python's values → a row, one record         row_views.pxi class Record, class Checked
#     known.pxi        class Known, class Contents                builder.pxi   class Builder: many given records
#
# Threads. A Plan never changes, a Batch never changes once parse has returned it, and what a call writes to
# is that call's alone. The one thing shared is a plan's list of memory to be used again, which has a lock.
# Nothing in this module is written to after import.

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport INT64_MAX, INT64_MIN, int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

import os
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from math import ceil, floor
from threading import RLock
from unicodedata import normalize

from feedmill import iso_3166, iso_4217, iso_639, json_values, patterns, rules
from feedmill.declaration import CONSTRAINT_NAMES
from feedmill.dialect import Dialect
from feedmill.errors import SchemaError
from feedmill.json_schema import JsonSchema
from feedmill.schema import Schema
from feedmill.transforms import Default, Map, Replace, has_default

from _core.claims cimport claims_find, claims_t, key_fields_t, keys_claim, keys_miss
from _core.codes cimport CODE_COUNT, CODE_RECORD_TOO_LONG, CODE_UNCLOSED_QUOTE, OK
from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_NUMERIC, COL_TIME64, COL_TIMESTAMP,
    COL_UTF8, batch_bytes, batch_free, batch_new, batch_t, column_t, reject_t,
)
from _core.key_table cimport KEY_ORDINAL_MAX, key_entry_t, key_table_t
from _core.kinds cimport kind_check
from _core.limits cimport (
    LIMIT_COUNT, LIMIT_NEVER, LIMIT_NONE, LIMIT_VALUE, limit_is_exclusive, limit_is_lower, limit_t,
)
from _core.number cimport float_parse, numeric_check, numeric_compare
from _core.patterns cimport pcre2_compile, pcre2_open, pcre2_version
from _core.plan cimport (
    COLUMN_NONE, FORMAT_BINARY, FORMAT_COUNTRY, FORMAT_CURRENCY, FORMAT_EMAIL, FORMAT_GTIN, FORMAT_ISBN,
    FORMAT_LANGUAGE, FORMAT_NONE, FORMAT_POINT_ARRAY, FORMAT_POINT_OBJECT, FORMAT_TOPOJSON, FORMAT_URI, FORMAT_UUID,
    FORMAT_VIN, KIND_ARRAY, KIND_BOOLEAN, KIND_DATE, KIND_DATETIME, KIND_DECIMAL, KIND_DURATION, KIND_FLOAT,
    KIND_GEOJSON, KIND_GEOPOINT, KIND_INTEGER, KIND_LIST, KIND_NUMERIC, KIND_OBJECT, KIND_STRING, KIND_TIME,
    KIND_YEAR, KIND_YEARMONTH, MISSING_EMPTY, MISSING_NOTHING, MISSING_WORDS, TRANSFORM_COLLAPSE, TRANSFORM_DEFAULT,
    TRANSFORM_LOWER, TRANSFORM_MAP, TRANSFORM_NFC, TRANSFORM_REPLACE, TRANSFORM_TRIM, TRANSFORM_UPPER, dress_t,
    field_t, kind_is_json, plan_free, plan_t, storage_of, transform_t,
)
from _core.reader cimport (
    READER_CALL_FAILED, READER_NO_MEMORY, READER_OK, SHORT_TEXT, buffer_reserve, buffer_t, reader_t, scratch_bytes,
    scratch_free, scratch_t,
)
from _core.row_copy cimport entries_copy, rows_copy
from _core.rows cimport rows_damaged, rows_read
from _core.rule_plan cimport (
    STEP_AND, STEP_NOT, STEP_OR, STEP_PRESENT, STEP_TEST, TEST_EQUAL, TEST_LESS, TEST_MORE, TEST_UNORDERED, named_t,
    rule_t, step_t,
)
from _core.scan cimport scan_best, scan_dialect_t, scan_last_end
from _core.share cimport share_drop
from _core.shortcut cimport shortcut_t
from _core.shortcut_plan cimport shortcut_settle
from _core.span cimport span_of, span_t
from _core.temporal cimport date_parse, datetime_parse, temporal_compile, temporal_t, time_parse
from _core.view cimport rows_has, rows_t
from _core.wordset cimport wordset_build, wordset_t

cdef class Plan
cdef class Batch
cdef class Record
cdef class Checked
cdef class KeyIndex
cdef class Contents

# The instruction set that tests force; empty: the best there is. Read once, because plans of one process
# should agree.
SIMD = os.environ.get("FEEDMILL_SIMD", "")

# What matches patterns where nobody says otherwise, and whether there is a PCRE2 at all. Set before any other thread
# can come here.
cdef bint HAS_PCRE2 = pcre2_open()
PATTERNS = os.environ.get("FEEDMILL_PATTERNS", "") or ("pcre2" if HAS_PCRE2 else "re")


def pattern_engine():
    """Say what matches patterns, with its version: PCRE2's, or Python's re."""
    cdef char[64] version
    if PATTERNS == "re" or not HAS_PCRE2:
        return "re"
    pcre2_version(version)
    return "PCRE2 " + (<bytes> version).decode().partition(" ")[0]


include "_core/callouts.pxi"
include "_core/compile.pxi"
include "_core/compile_limits.pxi"
include "_core/compile_rules.pxi"
include "_core/compile_plan.pxi"
include "_core/plan.pxi"
include "_core/encode_bytes.pxi"
include "_core/encode_objects.pxi"
include "_core/encode_capsules.pxi"
include "_core/findings.pxi"
include "_core/key_index.pxi"
include "_core/judged.pxi"
include "_core/batch.pxi"
include "_core/row_views.pxi"
include "_core/given.pxi"
include "_core/builder.pxi"
include "_core/encode_streams.pxi"
include "_core/known.pxi"
