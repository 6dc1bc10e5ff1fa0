# The Arrow PyCapsule protocol over encode_arrow.pxd.
#
# A capsule owns its structure until a consumer takes the content out, which it shows by setting `release` to
# NULL. The destructor releases what nobody took; the structure's own memory is always the capsule's.
#
# Source: https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html

from cpython.pycapsule cimport PyCapsule_Destructor, PyCapsule_GetPointer, PyCapsule_New

from _core.encode_arrow cimport ArrowArray, ArrowSchema, arrow_array, arrow_choose_bits, arrow_schema


cdef void free_schema(object capsule) noexcept:
    cdef ArrowSchema* schema = <ArrowSchema*> PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef void free_array(object capsule) noexcept:
    cdef ArrowArray* array = <ArrowArray*> PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef object capsule_of(void* structure, const char* kind, PyCapsule_Destructor destructor):
    """Wrap a zeroed structure, which is the capsule's from then on."""
    if structure == NULL:
        raise MemoryError
    try:
        return PyCapsule_New(structure, kind, destructor)
    except BaseException:
        free(structure)
        raise


cdef const ArrowSchema* requested_schema_of(object capsule, const batch_t* batch) except? NULL:
    """Give the schema that a consumer asks for, NULL if it asks for none."""
    cdef const ArrowSchema* requested
    if capsule is None:
        return NULL
    requested = <const ArrowSchema*> PyCapsule_GetPointer(capsule, "arrow_schema")
    if requested.release == NULL:
        raise ValueError("requested_schema was released before")
    if requested.n_children != batch.ncols:
        raise ValueError(f"requested_schema has {requested.n_children} fields, the batch has {batch.ncols}")
    return requested


cdef object schema_capsule(const batch_t* batch, tuple names, const int* bits):
    cdef list texts = [name.encode() for name in names]
    cdef const char** pointers = NULL
    cdef ArrowSchema* schema = <ArrowSchema*> calloc(1, sizeof(ArrowSchema))
    capsule = capsule_of(schema, "arrow_schema", free_schema)
    pointers = <const char**> malloc(<size_t> max(batch.ncols, 1) * sizeof(char*))
    if pointers == NULL:
        raise MemoryError
    try:
        for i, text in enumerate(texts):
            # An embedded NUL would end the name early, without a word.
            if 0 in <bytes> text:
                raise ValueError(f"field {names[i]!r}: Arrow cannot name a field with a NUL character in it")
            pointers[<int> i] = PyBytes_AS_STRING(text)
        if not arrow_schema(schema, batch, pointers, bits):
            raise MemoryError
        return capsule
    finally:
        free(pointers)


cdef object array_capsule(batch_t* batch, const int* bits):
    cdef bint done
    cdef ArrowArray* array = <ArrowArray*> calloc(1, sizeof(ArrowArray))
    capsule = capsule_of(array, "arrow_array", free_array)
    with nogil:
        done = arrow_array(array, batch, bits)
    if not done:
        raise MemoryError
    return capsule


cdef tuple encode_arrow(batch_t* batch, tuple names, requested_schema, bint with_array):
    """Give the schema's capsule and, if wanted, the array's; None in its place otherwise."""
    cdef const ArrowSchema* requested = requested_schema_of(requested_schema, batch)
    cdef int* bits = <int*> malloc(<size_t> max(batch.ncols, 1) * sizeof(int))
    if bits == NULL:
        raise MemoryError
    try:
        arrow_choose_bits(bits, batch, requested)
        schema = schema_capsule(batch, names, bits)
        return schema, array_capsule(batch, bits) if with_array else None
    finally:
        free(bits)
