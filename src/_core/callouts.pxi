# What the kernel asks Python for: matching a pattern, and the letter case of text beyond ASCII.
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


cdef Py_ssize_t change_case(void* context, int transform, span_t text, unsigned char* out) noexcept with gil:
    cdef call_t* call = <call_t*> context
    cdef bytes changed
    try:
        letters = decoded(text)
        changed = (letters.lower() if transform == TRANSFORM_LOWER else letters.upper()).encode()
        # Unicode's longest answer to one character of two bytes has six.
        if len(changed) > 3 * text.n:
            raise ValueError(f"changing the case of {text.n} bytes made {len(changed)}")
        memcpy(out, <const char*> changed, <size_t> len(changed))
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
