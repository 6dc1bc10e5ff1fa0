# From a batch to bytes objects: what stands between Batch's methods and the encoders that know no objects.
#
# Each function checks its arguments, gathers views of the columns, lets go of the GIL for all of the work,
# and frees its scratch memory whatever happens. They read only what is immutable, so any number of threads
# may encode one batch.

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from _core.columns cimport (
    COL_BOOL, COL_DATE32, COL_DECIMAL64, COL_FLOAT64, COL_INT64, COL_NUMERIC, COL_TIME64, COL_TIMESTAMP,
    COL_UTF8, batch_t, column_t,
)
from _core.copy_value cimport (
    COPY_BOOL, COPY_BYTES, COPY_DATE, COPY_FLOAT4, COPY_FLOAT8, COPY_INT2, COPY_INT4, COPY_INT8,
    COPY_JSONB,     COPY_INT_NUMERIC, COPY_SCALED_NUMERIC, COPY_TEXT_NUMERIC, COPY_TIME, COPY_TIMESTAMP, COPY_UUID,
)
from _core.encode_copy cimport COPY_MAX_FIELDS, COPY_STEP, copy_block_t, copy_cut, copy_fill, copy_t
from _core.encode_csv cimport csv_encode, csv_separates, csv_t
from _core.encode_jsonl cimport jsonl_encode, jsonl_put_string, jsonl_t
from _core.output cimport OUTPUT_SLACK, output_free, output_t
from _core.view cimport rows_t, view_open, view_settle, view_t

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject** bytes, Py_ssize_t size) except -1

# For each storage the PostgreSQL types it can be sent as, the default first.
cdef dict COPY_TARGETS = {
    COL_UTF8: {"text": COPY_BYTES, "varchar": COPY_BYTES, "bpchar": COPY_BYTES, "bytea": COPY_BYTES},
    COL_INT64: {"int8": COPY_INT8, "int4": COPY_INT4, "int2": COPY_INT2, "numeric": COPY_INT_NUMERIC},
    COL_DECIMAL64: {"numeric": COPY_SCALED_NUMERIC},
    COL_NUMERIC: {"numeric": COPY_TEXT_NUMERIC},
    COL_FLOAT64: {"float8": COPY_FLOAT8, "float4": COPY_FLOAT4},
    COL_BOOL: {"bool": COPY_BOOL},
    COL_DATE32: {"date": COPY_DATE},
    COL_TIME64: {"time": COPY_TIME},
    COL_TIMESTAMP: {"timestamptz": COPY_TIMESTAMP, "timestamp": COPY_TIMESTAMP},
}
cdef dict COPY_JSON_TARGETS = {"jsonb": COPY_JSONB, "json": COPY_BYTES, **COPY_TARGETS[COL_UTF8]}
cdef dict COPY_UUID_TARGETS = {"uuid": COPY_UUID, **COPY_TARGETS[COL_UTF8]}
cdef dict STORAGE_WORDS = {
    COL_UTF8: "string", COL_INT64: "integer", COL_DECIMAL64: "decimal", COL_NUMERIC: "decimal",
    COL_FLOAT64: "float64", COL_BOOL: "boolean", COL_DATE32: "date", COL_TIME64: "time",
    COL_TIMESTAMP: "datetime",
}


# Choosing rows and columns

cdef int choose_rows(rows_t* rows, const batch_t* batch, lane, lanes) except -1:
    if not 0 <= lane < lanes:
        raise ValueError(f"lane {lane} of {lanes}: expected 0 <= lane < lanes")
    rows.key_hash = batch.key_hash
    rows.count = batch.rows
    rows.lane = lane
    rows.lanes = lanes
    rows.chosen = NULL
    return 0


cdef int choose_some(rows_t* rows, bytes chosen) except -1:
    """Leave out the rows that have a 0; None leaves out none."""
    if chosen is not None:
        if len(chosen) != rows.count:
            raise ValueError(f"chosen: expected a byte for each of {rows.count} rows, got {len(chosen)}")
        rows.chosen = <const unsigned char*> PyBytes_AS_STRING(chosen)
    return 0


cdef view_t* open_views(const batch_t* batch) except NULL:
    """Give a view of each column, to be freed by the caller."""
    cdef view_t* views = <view_t*> malloc(<size_t> max(batch.ncols, 1) * sizeof(view_t))
    cdef int i
    if views == NULL:
        raise MemoryError
    for i in range(batch.ncols):
        view_open(&views[i], &batch.columns[i], i, batch.columns[i].storage)
    return views


# COPY BINARY

cdef int copy_target(const column_t* column, str name, pg_type) except -1:
    """Find how a column is sent as `pg_type`, or as its default type."""
    cdef dict targets = COPY_TARGETS[column.storage]
    if column.is_uuid:
        targets = COPY_UUID_TARGETS
    elif column.is_json:
        targets = COPY_JSON_TARGETS
    if pg_type is None:
        return next(iter(targets.values()))
    target = targets.get(pg_type)
    if target is None:
        raise ValueError(
            f"field {name}: {STORAGE_WORDS[column.storage]} cannot be sent as {pg_type}; "
            f"expected {' or '.join(targets)}"
        )
    return target


cdef tuple copy_choice(const batch_t* batch, tuple names, fields, pg_types):
    """Check which fields are asked for and as what; return (field, target) for each."""
    chosen = range(batch.ncols) if fields is None else tuple(fields)
    types = (None,) * len(chosen) if pg_types is None else tuple(pg_types)
    if len(types) != len(chosen):
        raise ValueError(f"pg_types: expected one for each of {len(chosen)} fields, got {len(types)}")
    if len(chosen) >= COPY_MAX_FIELDS:
        raise ValueError(f"fields: expected fewer than {COPY_MAX_FIELDS}, got {len(chosen)}")
    choice = []
    for field, pg_type in zip(chosen, types):
        if not 0 <= field < batch.ncols:
            raise IndexError(f"fields: expected 0 to {batch.ncols - 1}, got {field}")
        choice.append((field, copy_target(&batch.columns[<int> field], names[field], pg_type)))
    return tuple(choice)


cdef list copy_blocks(copy_t* copy, copy_block_t* blocks, Py_ssize_t n):
    """Make a bytes object for each block and fill them all; None if a value did not fit."""
    cdef list made = []
    cdef Py_ssize_t i
    cdef bint fits = True
    cdef PyObject* shrunk
    for i in range(n):
        block = PyBytes_FromStringAndSize(NULL, blocks[i].bound + COPY_STEP)
        blocks[i].out = <unsigned char*> PyBytes_AS_STRING(block)
        made.append(block)
        block = None
    with nogil:
        for i in range(n):
            if not copy_fill(copy, &blocks[i]):
                fits = False
                break
    if not fits:
        return None
    for i in range(n):
        # Resizing asks for the only reference, so the list lets go of the object meanwhile.
        shrunk = <PyObject*> made[i]
        Py_INCREF(<object> shrunk)
        made[i] = None
        _PyBytes_Resize(&shrunk, blocks[i].used)
        made[i] = <object> shrunk
        Py_DECREF(<object> shrunk)
    return made


cdef list encode_copy(const batch_t* batch, tuple names, int isa, rows_t rows, tuple choice, record_base):
    cdef copy_t copy
    cdef copy_block_t* blocks = NULL
    cdef Py_ssize_t n
    cdef int i
    # The first half is for the views, the second for copy_cut's scratch.
    cdef view_t* views = <view_t*> malloc(<size_t> max(2 * len(choice), 1) * sizeof(view_t))
    try:
        if views == NULL:
            raise MemoryError
        for i, (field, target) in enumerate(choice):
            view_open(&views[i], &batch.columns[<int> field], field, target)
            view_settle(&views[i], batch.rows)
        copy.rows, copy.views, copy.nviews = rows, views, <int> len(choice)
        copy.isa = isa
        copy.fault_view = 0
        copy.fault_row = 0
        copy.record = NULL if record_base is None else batch.record
        copy.record_base = 0 if record_base is None else record_base
        with nogil:
            n = copy_cut(&copy, views + copy.nviews, &blocks)
        if n < 0:
            raise MemoryError
        made = copy_blocks(&copy, blocks, n)
        if made is None:
            raise copy_overflow(batch, names, &copy)
        return made
    finally:
        free(blocks)
        free(views)


cdef object copy_overflow(const batch_t* batch, tuple names, const copy_t* copy):
    """Build the error for a value that does not fit its target."""
    cdef view_t view
    cdef int field = copy.views[copy.fault_view].field
    view_open(&view, &batch.columns[field], field, batch.columns[field].storage)
    value = python_value(&view, copy.fault_row)
    record = copy.record_base + batch.record[copy.fault_row] + 1
    target = copy.views[copy.fault_view].kind
    word = next(word for word, code in COPY_TARGETS[view.kind].items() if code == target)
    return OverflowError(f"record {record}, field {names[field]}: {value} does not fit {word}")


# Text

cdef unsigned char csv_separator(str name, str value) except 0:
    if len(value) != 1 or not csv_separates(<unsigned char> min(ord(value), 255)):
        raise ValueError(
            f"{name} {value!r}: expected one ASCII character, but no letter, digit, line end, + - . or :"
        )
    return <unsigned char> ord(value)


cdef bytes encode_csv(const batch_t* batch, rows_t rows, str delimiter, str quote, str line_end):
    cdef csv_t csv
    cdef output_t output
    cdef bytes ending = line_end.encode()
    cdef bint done
    csv.rows = rows
    csv.nviews = batch.ncols
    csv.delimiter = csv_separator("delimiter", delimiter)
    csv.quote = csv_separator("quote", quote)
    if csv.delimiter == csv.quote:
        raise ValueError(f"delimiter and quote are both {quote!r}: expected two different characters")
    if line_end not in ("\n", "\r\n"):
        raise ValueError(f"line_end {line_end!r}: expected '\\n' or '\\r\\n'")
    csv.line_end = span_of(<const unsigned char*> PyBytes_AS_STRING(ending), len(ending))
    memset(&output, 0, sizeof(output))
    csv.views = open_views(batch)
    try:
        with nogil:
            done = csv_encode(&csv, &output)
        if not done:
            raise MemoryError
        return PyBytes_FromStringAndSize(<char*> output.p, output.used)
    finally:
        output_free(&output)
        free(<void*> csv.views)


cdef bytes jsonl_key(str name, bint is_first):
    """Write a field's name as it stands before each of its values."""
    cdef bytes text = name.encode()
    cdef bytes key = PyBytes_FromStringAndSize(NULL, 6 * len(text) + 4 + OUTPUT_SLACK)
    cdef unsigned char* start = <unsigned char*> PyBytes_AS_STRING(key)
    cdef const unsigned char* p = <const unsigned char*> PyBytes_AS_STRING(text)
    cdef unsigned char* out = start + 1
    start[0] = c"{" if is_first else c","
    out = jsonl_put_string(out, span_of(p, len(text)), p + len(text))
    out[0] = c":"
    return key[:out + 1 - start]


cdef bytes encode_jsonl(const batch_t* batch, tuple names, rows_t rows):
    cdef jsonl_t jsonl
    cdef output_t output
    cdef list keys = [jsonl_key(name, i == 0) for i, name in enumerate(names)]
    cdef span_t* spans = <span_t*> malloc(<size_t> max(batch.ncols, 1) * sizeof(span_t))
    cdef bint done
    cdef int i
    jsonl.rows, jsonl.nviews, jsonl.keys_size, jsonl.keys, jsonl.views = rows, batch.ncols, 0, spans, NULL
    memset(&output, 0, sizeof(output))
    try:
        if spans == NULL:
            raise MemoryError
        for i in range(batch.ncols):
            spans[i] = span_of(<const unsigned char*> PyBytes_AS_STRING(keys[i]), len(keys[i]))
            jsonl.keys_size += spans[i].n
        jsonl.views = open_views(batch)
        with nogil:
            done = jsonl_encode(&jsonl, &output)
        if not done:
            raise MemoryError
        return PyBytes_FromStringAndSize(<char*> output.p, output.used)
    finally:
        output_free(&output)
        free(<void*> jsonl.views)
        free(spans)
