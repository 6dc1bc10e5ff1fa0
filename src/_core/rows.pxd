# The row loop: over the rows of a chunk's index, and inside it over the plan's fields.
#
#     index row ── blank line or comment ─▶ nothing
#               ── unclosed quote, too long ─▶ one finding for the record as a whole
#               ── else ─▶ each cell through value_read, missing and extra cells noted
#
# Source of the shape (row by row over a ready index, one switch a field): measured against column by column,
# and against function pointers, which were 20 to 40 % slower.

from libc.stdint cimport uint32_t
from libc.string cimport memchr, memcpy, memset

from _core.cells cimport cell_open, cell_open_none, row_t
from _core.codes cimport CODE_EXTRA_CELL, CODE_MISSING_CELL, CODE_RECORD_TOO_LONG, CODE_UNCLOSED_QUOTE
from _core.columns cimport (
    batch_clear, batch_finish, batch_reserve, batch_t, column_is_text, column_put_null, column_reserve_text,
)
from _core.plan cimport COLUMN_NONE, field_t, plan_t
from _core.reader cimport (
    READER_NO_MEMORY, READER_OK, SHORT_TEXT, buffer_reserve, cell_t, given_t, reader_fail, reader_note, reader_t,
)
from _core.record cimport record_settle
from _core.rules cimport rules_hold
from _core.scan cimport (
    SCAN_ROW_KEEP_CR, SCAN_ROW_NO_END, SCAN_ROW_ODD, SCAN_ROW_OPEN, SCAN_ROW_SKIP, scan_chunk, scan_row_t,
    scan_t,
)
from _core.shortcut cimport SHORTCUT_EDGE, shortcut_origin, shortcut_row, shortcut_row_t
from _core.span cimport span_of, span_t
from _core.text cimport utf8_clean, utf8_valid
from _core.values cimport value_read

cdef enum:
    ROWS_FEWEST = 64           # rows a batch has room for at least
    CLEAN_BYTES = 8 * 1024     # looked over together for what makes a row unreadable
    TEXT_PER_ROW = 16          # bytes a text column starts with for each row; it doubles from there


cdef inline int rows_read(reader_t* r) noexcept nogil:
    """Read a chunk of whole records into the batch; return READER_*."""
    cdef scan_t* index = &r.scratch.scan
    r.clean_until = r.unclean_until = 0
    r.edge = r.p + r.n - SHORT_TEXT
    r.status = READER_OK
    if not scan_chunk(&r.plan.dialect, r.p, <size_t> r.n, index):
        return READER_NO_MEMORY
    if not rows_prepare(r, <Py_ssize_t> index.nrows):
        return READER_NO_MEMORY
    if rows_loop(r, index):
        r.batch.records = r.record
        r.batch.rows = r.row
        r.batch.lines = index.lines
        batch_finish(r.batch)
    return r.status


cdef inline bint rows_prepare(reader_t* r, Py_ssize_t nrows) noexcept nogil:
    """Make the batch empty, with room for `nrows` rows."""
    cdef batch_t* batch = r.batch
    cdef int i
    nrows = max(nrows, <Py_ssize_t> ROWS_FEWEST)
    if not batch_reserve(batch, nrows, r.plan.nkeys > 0):
        return False
    for i in range(batch.ncols):
        if column_is_text(&batch.columns[i]) and batch.columns[i].capacity == 0:
            if not column_reserve_text(&batch.columns[i], nrows * TEXT_PER_ROW):
                return False
    batch_clear(batch, nrows)
    return True


cdef inline bint rows_loop(reader_t* r, scan_t* index) noexcept nogil:
    cdef const plan_t* plan = r.plan
    cdef const scan_row_t* entry
    cdef row_t row
    cdef size_t i
    r.row = r.record = 0
    for i in range(index.nrows):
        entry = &index.rows[i]
        row_open(r, index, entry, &row)
        # A line without a byte is no record, and neither is a comment.
        if row.begin == row.end or entry.flags & SCAN_ROW_SKIP:
            continue
        r.line = entry.line
        r.is_bad = False
        if entry.flags & SCAN_ROW_OPEN:
            if not row_note_whole(r, &row, CODE_UNCLOSED_QUOTE):
                return False
        elif row.end - row.begin > plan.max_record_bytes:
            if not row_note_whole(r, &row, CODE_RECORD_TOO_LONG):
                return False
        else:
            row_look_over(r, &row)
            if not row_read(r, &row):
                return False
        record_settle(r, row.begin)
    return True


cdef inline void row_open(
    const reader_t* r, scan_t* index, const scan_row_t* entry, row_t* row
) noexcept nogil:
    """Find a row's bytes and cells in the index."""
    cdef uint32_t* last
    row.ends = index.separators + entry.first
    row.ncells = <int> (entry[1].first - entry.first)
    row.begin = entry.begin
    row.is_odd = entry.flags & SCAN_ROW_ODD
    last = row.ends + row.ncells - 1
    row.end = last[0]
    if r.plan.dialect.strip_cr and not entry.flags & (SCAN_ROW_NO_END | SCAN_ROW_KEEP_CR):
        # The CR belongs to the row end. A cell that has no byte has none to give.
        if row.end > row.begin and r.p[row.end - 1] == c"\r":
            row.end -= 1
            last[0] = <uint32_t> row.end
    # The first cell begins here, whatever end the row before has, or was given.
    last = row.ends - 1
    last[0] = <uint32_t> (row.begin - 1)


cdef inline void row_look_over(reader_t* r, const row_t* row) noexcept nogil:
    """Tell whether a row is UTF-8, and whether it has a NUL: for many rows at a time, as nearly all are clean."""
    cdef Py_ssize_t stop
    r.is_utf8 = True
    r.has_nul = False
    if row.end <= r.clean_until:
        return
    if row.begin >= r.unclean_until:
        stop = max(row.end, min(row.begin + CLEAN_BYTES, r.n))
        # Not within a character.
        while row.end < stop < r.n and r.p[stop] & 0xC0 == 0x80:
            stop -= 1
        if utf8_clean(r.plan.dialect.isa, r.p + row.begin, stop - row.begin):
            r.clean_until = stop
            return
        r.unclean_until = stop
    r.is_utf8 = utf8_valid(r.plan.dialect.isa, r.p + row.begin, row.end - row.begin)
    r.has_nul = memchr(r.p + row.begin, 0, <size_t> (row.end - row.begin)) != NULL


cdef inline bint row_read(reader_t* r, const row_t* row) noexcept nogil:
    """Read a row's cells, in the order of the columns: by shortcut, or else by value_read."""
    cdef const plan_t* plan = r.plan
    cdef const field_t* op
    cdef shortcut_row_t shortcut
    cdef cell_t cell
    cdef bint is_plain = row_is_plain(r, row)
    cdef int i = 0
    if is_plain and not row_open_shortcut(r, row, &shortcut):
        return False
    while True:
        if is_plain:
            i = shortcut_row(plan.dialect.isa, &shortcut, i)
        if i >= plan.nbound:
            break
        op = &plan.fields[i]
        i += 1
        if op.column >= row.ncells:
            if op.column != COLUMN_NONE:
                if not reader_note(r, CODE_MISSING_CELL, op.field, row.end, span_of(NULL, 0)):
                    return False
                continue
            cell_open_none(row, &cell)
        elif not cell_open(r, row, op.column, &cell):
            return False
        if not value_read(r, op, &cell):
            return False
    for i in range(plan.nbound, plan.nfields):
        column_put_null(&r.batch.columns[plan.fields[i].field], r.row)
    if row.ncells > plan.ncolumns:
        if not cell_open(r, row, plan.ncolumns, &cell):
            return False
        if not reader_note(r, CODE_EXTRA_CELL, -1, cell.byte, cell.text):
            return False
    if plan.nrules:
        return rules_hold(r, row.begin)
    return True


cdef inline bint row_is_plain(const reader_t* r, const row_t* row) noexcept nogil:
    """Tell whether shortcuts may read the row."""
    return not row.is_odd and row.ncells >= r.plan.ncolumns and r.is_utf8 and not r.has_nul


cdef inline bint row_open_shortcut(reader_t* r, const row_t* row, shortcut_row_t* out) noexcept nogil:
    """Lay a row out for the shortcuts: where it is, if bytes around it can be read, or else in a copy."""
    cdef Py_ssize_t n = row.end - row.begin
    cdef unsigned char* copy
    out.all, out.count = r.plan.shortcuts, r.plan.nshortcuts
    out.p = r.p
    out.ends = row.ends
    out.quote = r.plan.dialect.quote
    out.row, out.columns = r.row, r.batch.columns
    if row.begin < SHORTCUT_EDGE or r.n - row.end < SHORTCUT_EDGE:
        if not buffer_reserve(&r.scratch.edge, n + 2 * SHORTCUT_EDGE):
            return reader_fail(r, READER_NO_MEMORY)
        copy = r.scratch.edge.p
        memset(copy, 0, SHORTCUT_EDGE)
        memcpy(copy + SHORTCUT_EDGE, r.p + row.begin, <size_t> n)
        memset(copy + SHORTCUT_EDGE + n, 0, SHORTCUT_EDGE)
        out.p = shortcut_origin(copy + SHORTCUT_EDGE, row.begin)
    return True


cdef inline bint row_note_whole(reader_t* r, const row_t* row, int code) noexcept nogil:
    return reader_note(r, code, -1, row.begin, span_of(r.p + row.begin, row.end - row.begin))


cdef inline bint rows_given_begin(reader_t* r, Py_ssize_t nrows) noexcept nogil:
    """Make ready for at most `nrows` records whose values are given; False when there is no memory."""
    r.status = READER_OK
    r.is_utf8 = False
    r.has_nul = True
    r.edge = NULL
    r.row = r.record = r.line = 0
    return rows_prepare(r, nrows)


cdef inline bint rows_give(reader_t* r, const given_t* given, Py_ssize_t byte) noexcept nogil:
    """Read a given record, which the caller settles; `byte` is where it stands. The plan's columns are its fields."""
    cdef row_t row
    r.given = given
    r.is_bad = False
    row.begin = row.end = byte
    row.ends = NULL
    row.ncells = r.plan.ncolumns
    row.is_odd = True
    return row_read(r, &row)


cdef inline int rows_damaged(reader_t* r, int code) noexcept nogil:
    """Take the whole chunk as one damaged record."""
    cdef Py_ssize_t i, end = r.n
    cdef unsigned char eol = r.plan.dialect.eol
    r.status = READER_OK
    if not rows_prepare(r, 0):
        return READER_NO_MEMORY
    for i in range(r.n):
        r.batch.lines += r.p[i] == eol
    if end > 0 and r.p[end - 1] == eol:
        end -= 1
        if r.plan.dialect.strip_cr and end > 0 and r.p[end - 1] == c"\r":
            end -= 1
    r.record = r.line = r.row = 0
    reader_note(r, code, -1, 0, span_of(r.p, end))
    r.batch.records = 1
    batch_finish(r.batch)
    return r.status
