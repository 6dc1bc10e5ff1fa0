# Rules across fields: judged when the cells of a record have been read, on the values in their columns.
#
# A rule is a program for a stack of truths: STEP_TEST and STEP_PRESENT put one on it, the others take what is there.
# There are three truths, ordered false, unknown, true, so that "and" is the lesser and "or" the greater; a comparison
# with a missing value is unknown. A rule is broken if it ends in false. One that names a field with a finding is not
# judged, since there is no value to judge.
#
# Comparisons are exact: scaled integers are compared with 128 bits, or as the decimals they stand for.

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcmp

from _core.codes cimport CODE_RULE
from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_NUMERIC, COL_UTF8, batch_t, column_is_present, column_t,
)
from _core.number cimport numeric_compare
from _core.plan cimport plan_t
from _core.reader cimport READER_NO_MEMORY, buffer_t, reader_fail, reader_note, reader_t
from _core.row_text cimport buffer_append, row_put_text
from _core.rule_plan cimport (
    STEP_AND, STEP_NOT, STEP_OR, STEP_PRESENT, TEST_EQUAL, TEST_LESS, TEST_MORE, TEST_UNORDERED, rule_t, step_t,
)
from _core.span cimport span_of, span_t

cdef extern from *:
    """
    #include <inttypes.h>
    #include <stdio.h>
    /* How a - b stands to zero, as a TEST_* bit, a and b scaled by powers of ten; exact, scales go to 18. */
    static inline int rule_order_scaled(int64_t a, int a_scale, int64_t b, int b_scale)
    {
        __int128 left = a, right = b;
        for (; a_scale < b_scale; a_scale++) left *= 10;
        for (; b_scale < a_scale; b_scale++) right *= 10;
        return left < right ? 1 : left > right ? 4 : 2;
    }
    static inline Py_ssize_t rule_write_scaled(char *out, size_t size, int64_t value, int scale)
    {
        return snprintf(out, size, "%" PRId64 "e-%d", value, scale);
    }
    """
    int rule_order_scaled(int64_t a, int a_scale, int64_t b, int b_scale) noexcept nogil
    Py_ssize_t rule_write_scaled(char* out, size_t size, int64_t value, int scale) noexcept nogil

cdef enum:
    RULE_DEPTH = 32            # truths on the stack; feedmill.rules.MAX_DEPTH
    RULE_WRITTEN = 32          # bytes of an int64 with its scale

cdef enum:
    TRUTH_FALSE
    TRUTH_UNKNOWN
    TRUTH_TRUE


cdef inline bint rules_hold(reader_t* r, Py_ssize_t byte) noexcept nogil:
    """Judge the record that has just been read, and starts at a byte, by every rule; False when there is no memory."""
    cdef const plan_t* plan = r.plan
    cdef const rule_t* rule
    cdef int i
    for i in range(plan.nrules):
        rule = &plan.rules[i]
        if r.is_bad and rule_is_blind(r, rule):
            continue
        # Rules are numbered after the fields.
        if rule_judge(r.batch, r.row, rule) == TRUTH_FALSE and not rule_note(r, rule, plan.nfields + i, byte):
            return False
    return True


cdef inline bint rule_is_blind(const reader_t* r, const rule_t* rule) noexcept nogil:
    """Tell whether a field that the rule names has a finding in this record."""
    cdef const batch_t* batch = r.batch
    cdef Py_ssize_t i = batch.nrejects
    cdef int k
    while i > 0 and batch.rejects[i - 1].record == r.record:
        i -= 1
        for k in range(rule.nnames):
            if batch.rejects[i].field == rule.names[k].field:
                return True
    return False


cdef inline bint rule_note(reader_t* r, const rule_t* rule, int number, Py_ssize_t byte) noexcept nogil:
    """Note that a rule is broken, with the values of its fields."""
    cdef buffer_t* room = &r.scratch.cell
    cdef Py_ssize_t n = 0
    cdef int i
    for i in range(rule.nnames):
        if not (
            buffer_append(room, &n, span_of(<const unsigned char*> b", ", 2 if i else 0))
            and buffer_append(room, &n, rule.names[i].name)
            and row_put_text(room, &n, r.batch, rule.names[i].field, r.row)
        ):
            return reader_fail(r, READER_NO_MEMORY)
    return reader_note(r, CODE_RULE, number, byte, span_of(room.p, n))


cdef inline int rule_judge(const batch_t* batch, Py_ssize_t row, const rule_t* rule) noexcept nogil:
    cdef int truths[RULE_DEPTH]
    cdef const step_t* step
    cdef int i, top = -1
    for i in range(rule.nsteps):
        step = &rule.steps[i]
        if step.kind == STEP_NOT:
            truths[top] = TRUTH_TRUE - truths[top]
        elif step.kind == STEP_AND:
            top -= 1
            truths[top] = min(truths[top], truths[top + 1])
        elif step.kind == STEP_OR:
            top -= 1
            truths[top] = max(truths[top], truths[top + 1])
        else:
            top += 1
            truths[top] = step_judge(batch, row, step)
    return truths[0]


cdef inline int step_judge(const batch_t* batch, Py_ssize_t row, const step_t* step) noexcept nogil:
    cdef const column_t* column = &batch.columns[step.field]
    cdef const column_t* other = NULL
    cdef int order
    if not column_is_present(column, row):
        return TRUTH_FALSE if step.kind == STEP_PRESENT else TRUTH_UNKNOWN
    if step.kind == STEP_PRESENT:
        return TRUTH_TRUE
    if step.other >= 0:
        other = &batch.columns[step.other]
        if not column_is_present(other, row):
            return TRUTH_UNKNOWN
    if column.storage == COL_UTF8:
        order = text_order(column_text(column, row), step.constant.text if other == NULL else column_text(other, row))
    elif column.storage == COL_FLOAT64:
        order = real_order((<double*> column.data)[row], step.constant.real if other == NULL
                           else (<double*> other.data)[row])
    elif column.storage == COL_NUMERIC or other != NULL and other.storage == COL_NUMERIC:
        order = written_order(column, other, row, step)
    elif other == NULL:
        order = whole_order(column_whole(column, row), step)
    else:
        order = rule_order_scaled(
            column_whole(column, row), column_scale(column), column_whole(other, row), column_scale(other)
        )
    return TRUTH_TRUE if step.test & order else TRUTH_FALSE


cdef inline int whole_order(int64_t value, const step_t* step) noexcept nogil:
    if value != step.constant.whole:
        return TEST_LESS if value < step.constant.whole else TEST_MORE
    # The constant is a whole number, or lies just above or below this one.
    return TEST_EQUAL if step.nudge == 0 else TEST_LESS if step.nudge > 0 else TEST_MORE


cdef inline int written_order(
    const column_t* column, const column_t* other, Py_ssize_t row, const step_t* step
) noexcept nogil:
    """Compare decimals of which one at least is kept as text."""
    cdef char left_written[RULE_WRITTEN]
    cdef char right_written[RULE_WRITTEN]
    cdef span_t left = column_decimal(column, row, left_written)
    cdef span_t right = step.constant.text if other == NULL else column_decimal(other, row, right_written)
    cdef int order = numeric_compare(left, right)
    return TEST_LESS if order < 0 else TEST_MORE if order > 0 else TEST_EQUAL


cdef inline span_t column_decimal(const column_t* column, Py_ssize_t row, char* out) noexcept nogil:
    if column.storage == COL_NUMERIC:
        return column_text(column, row)
    return span_of(
        <const unsigned char*> out,
        rule_write_scaled(out, RULE_WRITTEN, column_whole(column, row), column_scale(column)),
    )


cdef inline int text_order(span_t a, span_t b) noexcept nogil:
    """Compare by code points, which in UTF-8 is by bytes."""
    cdef Py_ssize_t n = min(a.n, b.n)
    cdef int order = memcmp(a.p, b.p, <size_t> n) if n else 0
    if order == 0 and a.n == b.n:
        return TEST_EQUAL
    return TEST_LESS if order < 0 or order == 0 and a.n < b.n else TEST_MORE


cdef inline int real_order(double a, double b) noexcept nogil:
    # NaN is equal to nothing, and neither less nor more.
    return TEST_LESS if a < b else TEST_MORE if a > b else TEST_EQUAL if a == b else TEST_UNORDERED


cdef inline span_t column_text(const column_t* column, Py_ssize_t row) noexcept nogil:
    return span_of(column.data + column.offsets[row], column.offsets[row + 1] - column.offsets[row])


cdef inline int column_scale(const column_t* column) noexcept nogil:
    return column.scale if column.storage == COL_DECIMAL64 else 0


cdef inline int64_t column_whole(const column_t* column, Py_ssize_t row) noexcept nogil:
    if column.storage == COL_DATE32:
        return (<int32_t*> column.data)[row]
    if column.storage == COL_BOOL:
        return (column.data[row >> 3] >> (row & 7)) & 1
    return (<int64_t*> column.data)[row]
