# From a Field to a field_t: numbers and spans that the row loop needs no object for.
#
# Everything is built in place in a zeroed field_t that its plan already owns, so an exception halfway leaks
# nothing.

cdef dict KINDS = {
    "string": KIND_STRING, "integer": KIND_INTEGER, "boolean": KIND_BOOLEAN,
    "date": KIND_DATE, "time": KIND_TIME, "datetime": KIND_DATETIME,
    "year": KIND_YEAR, "yearmonth": KIND_YEARMONTH, "duration": KIND_DURATION,
    "list": KIND_LIST, "geopoint": KIND_GEOPOINT,
    "object": KIND_OBJECT, "array": KIND_ARRAY, "geojson": KIND_GEOJSON,
    "any": KIND_STRING,
}
cdef dict FORMATS = {
    "default": FORMAT_NONE, "email": FORMAT_EMAIL, "uri": FORMAT_URI, "uuid": FORMAT_UUID,
    "gtin": FORMAT_GTIN, "array": FORMAT_POINT_ARRAY, "object": FORMAT_POINT_OBJECT,
    "topojson": FORMAT_TOPOJSON, "isbn": FORMAT_ISBN, "vin": FORMAT_VIN, "currency": FORMAT_CURRENCY,
    "country": FORMAT_COUNTRY, "language": FORMAT_LANGUAGE, "binary": FORMAT_BINARY,
}
cdef dict REGISTRIES = {
    "currency": iso_4217.CURRENCIES, "country": iso_3166.COUNTRIES, "language": iso_639.LANGUAGES,
}
cdef dict TRANSFORMS = {
    "trim": TRANSFORM_TRIM, "collapse": TRANSFORM_COLLAPSE, "lower": TRANSFORM_LOWER,
    "upper": TRANSFORM_UPPER, "nfc": TRANSFORM_NFC, Map: TRANSFORM_MAP, Replace: TRANSFORM_REPLACE,
    Default: TRANSFORM_DEFAULT,
}
cdef dict CHANGES = {"lower": str.lower, "upper": str.upper, "nfc": partial(normalize, "NFC")}
cdef object FAR_LENGTH = 1 << 40    # characters: longer than any cell

cdef enum:
    SCALED_PRECISION = 18     # digits an int64 always holds


cdef int compile_field(field_t* op, schema, field) except -1:
    """Compile a field's own declaration; where its column stands is the plan's business."""
    op.kind = compile_kind(field)
    op.is_required = field.constraints.required
    if field.precision is not None:
        op.precision, op.scale = field.precision, field.scale or 0
    if op.kind in (KIND_STRING, KIND_GEOPOINT, KIND_GEOJSON):
        op.format = FORMATS[field.format]
        if field.format in REGISTRIES:
            op.registry = compile_words(REGISTRIES[field.format])
    elif op.kind == KIND_LIST:
        compile_list(op, field)
    elif op.kind in (KIND_INTEGER, KIND_DECIMAL, KIND_NUMERIC, KIND_FLOAT):
        compile_dress(op, field)
    elif op.kind == KIND_BOOLEAN:
        op.booleans = compile_words(field.true_values + field.false_values)
        op.ntrue = len(field.true_values)
    elif op.kind in (KIND_DATE, KIND_TIME, KIND_DATETIME):
        compile_time(op, field)
    compile_missing(op, schema.missing_values_of(field))
    compile_transforms(op, field.transforms)
    check_default(schema, field)
    compile_lengths(op, field.constraints)
    compile_limits(op, field)
    compile_enum(op, field)
    op.has_pattern = field.constraints.pattern is not None
    op.has_json_schema = field.constraints.json_schema is not None
    op.has_checks = (
        op.min_length > 0 or op.max_length >= 0 or op.has_limits or op.has_pattern or op.has_enum
        or op.has_json_schema
    )
    return 0


cdef int compile_kind(field) except -1:
    if field.type != "number":
        return KINDS[field.type]
    if field.storage == "float64":
        return KIND_FLOAT
    if field.precision is not None and field.precision <= SCALED_PRECISION:
        return KIND_DECIMAL
    return KIND_NUMERIC


cdef int compile_time(field_t* op, field) except -1:
    cdef bytes pattern = field.format.encode()
    cdef temporal_t* compiled
    if field.format == "default":
        return 0
    compiled = <temporal_t*> calloc(1, sizeof(temporal_t))
    if compiled == NULL:
        raise MemoryError
    op.pattern_of_time = compiled
    if temporal_compile(<const char*> pattern, len(pattern), compiled):
        raise SchemaError(f"field {field.name!r}: the format {field.format!r} is too long or not understood")
    return 0


cdef int compile_list(field_t* op, field) except -1:
    compile_span(&op.delimiter, field.delimiter.encode())
    op.item_kind = KIND_NUMERIC if field.item_type == "number" else KINDS[field.item_type]
    op.booleans = compile_words(field.true_values + field.false_values)
    return 0


cdef int compile_dress(field_t* op, field) except -1:
    """Compile how a field's numbers are written, unless that is plainly."""
    cdef dress_t* dress
    has_currency = field.format == "price"
    if field.decimal_char == "." and not field.group_char and field.bare_number and not has_currency:
        return 0
    dress = <dress_t*> calloc(1, sizeof(dress_t))
    if dress == NULL:
        raise MemoryError
    op.dress = dress
    if op.kind != KIND_INTEGER:
        compile_span(&dress.point, field.decimal_char.encode())
    compile_span(&dress.group, (field.group_char or "").encode())
    dress.is_plain = field.decimal_char == "." and not field.group_char
    dress.has_extras = not field.bare_number
    dress.has_currency = has_currency
    if has_currency:
        dress.currencies = compile_words((field.currency,) if field.currency else iso_4217.CURRENCIES)
    return 0


cdef int compile_pattern(field_t* op, field) except -1:
    """Compile a pattern for PCRE2, if it can be."""
    cdef bytes written = (patterns.for_pcre2(field.constraints.pattern) or "").encode("utf-8", "surrogatepass")
    if written:
        op.pattern = pcre2_compile(<const unsigned char*> <const char*> written, <size_t> len(written))
    return 0


cdef object compile_matcher(field, bint needs_pattern):
    """Give what the call-out matches a field's texts with: a pattern, a list of JSON values, or nothing."""
    if needs_pattern:
        return patterns.guarded(field.constraints.pattern, f"field {field.name!r}: pattern")
    if field.type in json_values.JSON_TYPES and field.listed is not None:
        return json_values.JsonValues(field.listed)
    return None


cdef object compile_judge(field):
    """Give what the call-out judges a field's JSON by, or nothing."""
    if field.constraints.json_schema is None:
        return None
    return JsonSchema(field.constraints.json_schema, f"field {field.name!r}")


cdef int compile_span(span_t* span, bytes text) except -1:
    """Make a span with memory of its own."""
    # A transform may make it the text of a value, and reader_copy reads past those.
    cdef unsigned char* p = <unsigned char*> calloc(<size_t> len(text) + SHORT_TEXT, 1)
    if p == NULL:
        raise MemoryError
    memcpy(p, <const char*> text, <size_t> len(text))
    span.p = p
    span.n = len(text)
    return 0


cdef wordset_t* compile_words(texts) except NULL:
    cdef list encoded = [text.encode() for text in texts]
    cdef span_t* spans = <span_t*> calloc(<size_t> max(len(encoded), 1), sizeof(span_t))
    cdef wordset_t* words = NULL
    cdef Py_ssize_t i
    cdef bytes word
    if spans != NULL:
        for i, word in enumerate(encoded):
            spans[i] = span_of(<const unsigned char*> <const char*> word, len(word))
        words = wordset_build(spans, len(encoded))
        free(spans)
    if words == NULL:
        raise MemoryError
    return words


cdef int compile_missing(field_t* op, tuple texts) except -1:
    if not texts:
        op.missing = MISSING_NOTHING
    elif texts == ("",):
        op.missing = MISSING_EMPTY
    else:
        op.missing = MISSING_WORDS
        op.missing_words = compile_words(texts)
    return 0


cdef int compile_transforms(field_t* op, tuple transforms) except -1:
    cdef int i
    if not transforms:
        return 0
    op.transforms = <transform_t*> calloc(<size_t> len(transforms), sizeof(transform_t))
    if op.transforms == NULL:
        raise MemoryError
    op.ntransforms = len(transforms)
    op.only_trims = transforms == ("trim",)
    op.has_default = has_default(transforms)
    for i, transform in enumerate(transforms):
        compile_transform(&op.transforms[i], transform)
    return 0


cdef int compile_transform(transform_t* compiled, transform) except -1:
    cdef list texts = []
    cdef int i
    compiled.kind = TRANSFORMS[transform if isinstance(transform, str) else type(transform)]
    if isinstance(transform, Map):
        compiled.words = compile_words([text for text, _ in transform.pairs])
        texts = [text for _, text in transform.pairs]
    elif isinstance(transform, Default):
        texts = [transform.text]
    compiled.texts = <span_t*> calloc(<size_t> max(len(texts), 1), sizeof(span_t))
    if compiled.texts == NULL:
        raise MemoryError
    compiled.ntexts = len(texts)
    for i, text in enumerate(texts):
        compile_span(&compiled.texts[i], text.encode())
    return 0


cdef object compile_change(transform):
    """Give what the call-out changes a text by: a function of it, or None where the kernel needs no help."""
    if isinstance(transform, Replace):
        return partial(patterns.guarded(transform.pattern, "transform replace").sub, transform.text)
    return CHANGES.get(transform)


cdef int check_default(schema, field) except -1:
    """Hold a field's default to the field itself, by reading it; SchemaError if it is no value."""
    for place, transform in enumerate(field.transforms):
        if not isinstance(transform, Default):
            continue
        probe = replace(
            field, transforms=field.transforms[place + 1:], missing_values=schema.missing_values_of(field)
        )
        plan = Plan(Schema((probe,)), Dialect(header=False))
        batch = plan.parse('"{}"\n'.format(transform.text.replace('"', '""')).encode())
        if [row for row in batch.tuples() if row != (None,)] == []:
            raise SchemaError(f"field {field.name!r}: the default {transform.text!r} is no value of the field")
    return 0


cdef int compile_lengths(field_t* op, constraints) except -1:
    op.min_length = op.max_length = -1
    if constraints.min_length is not None:
        op.min_length = min(constraints.min_length, FAR_LENGTH)
    if constraints.max_length is not None:
        op.max_length = min(constraints.max_length, FAR_LENGTH)
    return 0
