# Batches that are still to come as an Arrow stream: a consumer asks for the next one, in whatever thread, until
# there is none.
#
#     ArrowArrayStream ──▶ ArrowStream ──▶ an iterator of batches
#
# The consumer calls without the GIL, so each callback takes it. What the iterator raises is told as the stream
# interface has it: an error number, and a text that stays until the stream is released. A stream that has failed
# stays failed; that its iterator has nothing more would look like a good end.
#
# Source: https://arrow.apache.org/docs/format/CStreamInterface.html

from libc.errno cimport EIO

from _core.encode_arrow cimport ArrowArrayStream

cdef extern from "Python.h":
    int Py_IsInitialized() noexcept nogil


@cython.final
@cython.internal
@cython.auto_pickle(False)
cdef class ArrowStream:
    """What a stream owns; its consumer holds the one reference."""

    cdef Batch columns       # any batch of the schema
    cdef object batches      # iterator
    cdef object schema       # capsule: what is told to the consumer, and asked of each batch
    cdef object lock         # guards `batches`: a consumer ought to ask in one thread at a time
    cdef bytes error         # what ended it, if it did not end well

    cdef int give_schema(self, ArrowSchema* out) except -1:
        cdef ArrowSchema* told
        capsule = encode_arrow(self.columns.batch, self.columns.plan.names, self.schema, False)[0]
        told = <ArrowSchema*> PyCapsule_GetPointer(capsule, "arrow_schema")
        out[0], told.release = told[0], NULL
        return 0

    cdef int give_next(self, ArrowArray* out) except -1:
        cdef ArrowArray* told
        with self.lock:
            batch = next(self.batches, None)
        if batch is not None:
            capsule = batch.__arrow_c_array__(self.schema)[1]
            told = <ArrowArray*> PyCapsule_GetPointer(capsule, "arrow_array")
            out[0], told.release = told[0], NULL
        return 0

    cdef int fail(self, error) noexcept:
        """Keep the text of what was raised, and give the error number."""
        text = f"{type(error).__name__}: {shown_text(error)}"
        self.error = text.encode("utf-8", "backslashreplace")
        return EIO


cdef int stream_schema(ArrowArrayStream* stream, ArrowSchema* out) noexcept with gil:
    source = <ArrowStream> <PyObject*> stream.private_data
    memset(out, 0, sizeof(ArrowSchema))
    try:
        return source.give_schema(out)
    except BaseException as error:
        return source.fail(error)


cdef int stream_next(ArrowArrayStream* stream, ArrowArray* out) noexcept with gil:
    source = <ArrowStream> <PyObject*> stream.private_data
    memset(out, 0, sizeof(ArrowArray))
    if source.error is not None:
        return EIO
    try:
        return source.give_next(out)
    except BaseException as error:
        return source.fail(error)


cdef const char* stream_error(ArrowArrayStream* stream) noexcept with gil:
    source = <ArrowStream> <PyObject*> stream.private_data
    return NULL if source.error is None else PyBytes_AS_STRING(source.error)


cdef void drop_stream(ArrowArrayStream* stream) noexcept with gil:
    Py_DECREF(<ArrowStream> <PyObject*> stream.private_data)


cdef void stream_release(ArrowArrayStream* stream) noexcept nogil:
    # A consumer may outlive the interpreter, whose objects are gone then.
    if Py_IsInitialized():
        drop_stream(stream)
    stream.release = NULL


cdef void free_stream(object capsule) noexcept:
    cdef ArrowArrayStream* stream = <ArrowArrayStream*> PyCapsule_GetPointer(capsule, "arrow_array_stream")
    if stream.release != NULL:
        stream.release(stream)
    free(stream)


def arrow_stream(Batch columns not None, batches, requested_schema=None):
    """Make an Arrow stream of batches.

    Parameters
    ----------
    columns : Batch
        Any batch of the same schema: it tells the stream's.
    batches : iterable of Batch
        Asked for the next one when the consumer wants it, in the consumer's thread.
    requested_schema : PyCapsule, optional
        As `Batch.__arrow_c_array__` has it.

    Returns
    -------
    PyCapsule
        An "arrow_array_stream". What `batches` raises is the stream's error.

    Raises
    ------
    ValueError
        As `Batch.__arrow_c_array__`.

    Thread safety
    -------------
    any thread; the stream's consumer asks in one at a time
    """
    cdef ArrowStream source = ArrowStream.__new__(ArrowStream)
    cdef ArrowArrayStream* stream
    source.columns, source.batches, source.lock = columns, iter(batches), RLock()
    source.schema = encode_arrow(columns.batch, columns.plan.names, requested_schema, False)[0]
    stream = <ArrowArrayStream*> calloc(1, sizeof(ArrowArrayStream))
    capsule = capsule_of(stream, "arrow_array_stream", free_stream)
    Py_INCREF(source)
    stream.private_data = <PyObject*> source
    stream.get_schema, stream.get_next = stream_schema, stream_next
    stream.get_last_error, stream.release = stream_error, stream_release
    return capsule
