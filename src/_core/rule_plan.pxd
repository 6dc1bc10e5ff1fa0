# A rule across fields, compiled (compile_rules.pxi) for rules.pxd to judge records by: a program for a stack of truths.

from libc.stdint cimport int64_t
from libc.stdlib cimport free

from _core.limits cimport limit_t
from _core.span cimport span_t

cdef enum:
    STEP_TEST        # compare a field with another, or with a constant
    STEP_PRESENT
    STEP_NOT
    STEP_AND
    STEP_OR

cdef enum:
    TEST_LESS = 1    # what a comparison may come out as, and still be true
    TEST_EQUAL = 2
    TEST_MORE = 4
    TEST_UNORDERED = 8   # NaN

ctypedef struct step_t:
    int kind              # STEP_*
    int field             # of the schema
    int other             # -1: a constant
    int test              # TEST_* bits
    limit_t constant
    int nudge             # the constant lies above (1) or below (-1) its `whole`

ctypedef struct named_t:
    # A field that a rule names, each once.
    int field             # of the schema
    span_t name           # and an equals sign, for findings

ctypedef struct rule_t:
    step_t* steps
    int nsteps
    named_t* names
    int nnames


cdef inline void rule_free(rule_t* rule) noexcept nogil:
    cdef int i
    for i in range(rule.nsteps):
        free(<void*> rule.steps[i].constant.text.p)
    free(rule.steps)
    for i in range(rule.nnames):
        free(<void*> rule.names[i].name.p)
    free(rule.names)
