# What the kernel asks Python for: matching a pattern, judging by a JSON Schema, changing texts by Unicode's rules or a
# pattern's.
#
# Called from the row loop, without the GIL. An exception may not pass through C, so it is kept in the call's
# context, the kernel is told to stop, and Plan.read raises it again.

ctypedef struct call_t:
    PyObject* plan
    PyObject* error    # a reference of its own, once an exception was met


cdef int match_pattern(void* context, int field, span_t text) noexcept with gil:
    cdef call_t* call = <call_t*> context
    try:
        pattern = (<Plan> call.plan).patterns[field]
        return pattern.fullmatch(decoded(text)) is not None
    except BaseException as error:
        keep_error(call, error)
        return -1


cdef int judge_json(void* context, int field, span_t text) noexcept with gil:
    cdef call_t* call = <call_t*> context
    try:
        return (<Plan> call.plan).judges[field].accepts(decoded(text))
    except BaseException as error:
        keep_error(call, error)
        return -1


cdef Py_ssize_t change_text(void* context, int field, int index, span_t text, void* out) noexcept with gil:
    cdef call_t* call = <call_t*> context
    cdef buffer_t* buffer = <buffer_t*> out
    cdef bytes changed
    try:
        changed = (<Plan> call.plan).changes[field][index](decoded(text)).encode()
        if not buffer_reserve(buffer, len(changed) + SHORT_TEXT):
            raise MemoryError
        memcpy(buffer.p, <const char*> changed, <size_t> len(changed))
        return len(changed)
    except BaseException as error:
        keep_error(call, error)
        return -1


cdef inline str decoded(span_t text):
    return PyUnicode_DecodeUTF8(<const char*> text.p, text.n, NULL) if text.n else ""


cdef int keep_error(call_t* call, error) except -1:
    Py_INCREF(error)
    call.error = <PyObject*> error
    return 0
