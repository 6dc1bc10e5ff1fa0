# Limits and enumerations: from the texts of a schema to what the values of a column are compared with.
#
# They are worked out exactly, with fractions; see limits.pxd for what they become.

cdef tuple LIMITS = ("minimum", "maximum", "exclusive_minimum", "exclusive_maximum")
# Kinds whose values are compared as an int64.
cdef frozenset WHOLE_KINDS = frozenset({
    KIND_INTEGER, KIND_DECIMAL, KIND_BOOLEAN, KIND_DATE, KIND_TIME, KIND_DATETIME, KIND_YEAR, KIND_YEARMONTH,
})
cdef object FAR = Fraction(10) ** FAR_EXPONENT

cdef enum:
    FAR_EXPONENT = 60         # beyond 10^60, and below 10^-60, no limit of an int64 depends on the digits


cdef int compile_limits(field_t* op, field) except -1:
    cdef int i, k
    op.low, op.high = INT64_MIN, INT64_MAX
    for i in range(LIMIT_COUNT):
        text = getattr(field.constraints, LIMITS[i])
        if text is None:
            continue
        compile_limit(&op.limits[i], i, op, field, text)
        op.has_limits = op.has_limits or op.limits[i].state != LIMIT_NONE
        if op.limits[i].state == LIMIT_NEVER:
            op.low, op.high = INT64_MAX, INT64_MIN
        elif op.limits[i].state == LIMIT_VALUE and is_whole(op.kind):
            if limit_is_lower(i):
                op.low = max(op.low, op.limits[i].whole)
            else:
                op.high = min(op.high, op.limits[i].whole)
    for i in range(LIMIT_COUNT):
        for k in range(LIMIT_COUNT):
            if limit_is_lower(i) and not limit_is_lower(k) and limits_exclude(op, i, k):
                raise SchemaError(
                    f"field {field.name!r}: constraints {CONSTRAINT_NAMES[LIMITS[i]]} "
                    f"{getattr(field.constraints, LIMITS[i])} and {CONSTRAINT_NAMES[LIMITS[k]]} "
                    f"{getattr(field.constraints, LIMITS[k])} leave no value, so nothing fits"
                )
    return 0


cdef bint limits_exclude(const field_t* op, int lower, int upper) noexcept:
    """Tell whether no value satisfies two limits that the type can reach."""
    cdef const limit_t* low = &op.limits[lower]
    cdef const limit_t* high = &op.limits[upper]
    cdef int order
    if low.state != LIMIT_VALUE or high.state != LIMIT_VALUE or op.kind == KIND_DURATION:
        # Durations have no order that would tell.
        return False
    if is_whole(op.kind):
        return low.whole > high.whole
    if op.kind == KIND_FLOAT:
        order = (low.real > high.real) - (low.real < high.real)
    else:
        order = numeric_compare(low.text, high.text)
    return order > 0 or order == 0 and (limit_is_exclusive(lower) or limit_is_exclusive(upper))


cdef bint is_whole(int kind) noexcept:
    return kind in WHOLE_KINDS


cdef int compile_limit(limit_t* limit, int index, const field_t* op, field, str text) except -1:
    cdef bint is_lower = limit_is_lower(index)
    if not is_whole(op.kind):
        limit.state = LIMIT_VALUE
        return compile_constant(limit, op, field, text)
    exact = exact_whole(op, field, text)
    if limit_is_exclusive(index):
        bound = floor(exact) + 1 if is_lower else ceil(exact) - 1
    else:
        bound = ceil(exact) if is_lower else floor(exact)
    if INT64_MIN <= bound <= INT64_MAX:
        limit.state = LIMIT_VALUE
        limit.whole = bound
    elif (bound > 0) == is_lower:
        limit.state = LIMIT_NEVER
    return 0


cdef int compile_enum(field_t* op, field) except -1:
    cdef int i
    texts = field.listed
    if texts is None:
        return 0
    op.has_enum = True
    if op.kind in (KIND_STRING, KIND_LIST):
        op.words = compile_words(texts)
        return 0
    if kind_is_json(op.kind):
        return 0
    if is_whole(op.kind):
        exact = {exact_whole(op, field, text) for text in texts}
        # What the type cannot hold no value can equal.
        values = sorted(each for each in exact if each.denominator == 1 and INT64_MIN <= each <= INT64_MAX)
    else:
        values = list(texts)
    op.members = <limit_t*> calloc(<size_t> max(len(values), 1), sizeof(limit_t))
    if op.members == NULL:
        raise MemoryError
    op.nmembers = len(values)
    for i, value in enumerate(values):
        if is_whole(op.kind):
            op.members[i].whole = int(value)
        else:
            compile_constant(&op.members[i], op, field, value)
    return 0


cdef int compile_constant(limit_t* constant, const field_t* op, field, str text) except -1:
    """Compile a constant that is compared as a double, or as a decimal's text."""
    cdef int64_t measure
    cdef int code
    compile_span(&constant.text, text.encode())
    if op.kind == KIND_FLOAT:
        code = float_parse(constant.text, &constant.real)
    elif op.kind == KIND_NUMERIC:
        code = numeric_check(constant.text)
    else:
        code = not kind_check(op, constant.text, &measure)
    if code:
        raise constant_error(field, text)
    return 0


cdef object exact_whole(const field_t* op, field, str text):
    """Read a constant of the schema as a fraction of what is stored: no precision binds it."""
    if op.kind == KIND_BOOLEAN:
        return Fraction(text in field.true_values)
    if op.kind in (KIND_INTEGER, KIND_DECIMAL):
        return exact_scaled(Decimal(text), op.scale)
    if op.kind in (KIND_YEAR, KIND_YEARMONTH):
        return Fraction(measure_of(op, field, text))
    return Fraction(moment_of(op, field, text))


cdef int64_t measure_of(const field_t* op, field, str text) except? -1:
    """Read a year or a month of the schema."""
    cdef bytes encoded = text.encode()
    cdef int64_t measure
    if not kind_check(op, span_of(<const unsigned char*> <const char*> encoded, len(encoded)), &measure):
        raise constant_error(field, text)
    return measure


cdef object exact_scaled(value, int scale):
    # 1e999999999 has too many digits to write out, and none of them matters.
    if value and value.adjusted() > FAR_EXPONENT:
        exact = FAR if value > 0 else -FAR
    elif value and value.adjusted() < -FAR_EXPONENT:
        exact = 1 / FAR if value > 0 else -1 / FAR
    else:
        exact = Fraction(value)
    # As objects: C would make a double of the power.
    return exact * Fraction(10) ** scale


cdef int64_t moment_of(const field_t* op, field, str text) except? -1:
    """Read a date or time of the schema: in the field's own format, or in ISO's."""
    cdef bytes encoded = text.encode()
    cdef span_t span = span_of(<const unsigned char*> <const char*> encoded, len(encoded))
    cdef const temporal_t* formats[2]
    cdef int32_t days
    cdef int64_t moment = 0
    cdef int i, code
    formats[0], formats[1] = op.pattern_of_time, NULL
    for i in range(2):
        if op.kind == KIND_DATE:
            code = date_parse(span, formats[i], &days)
            moment = days
        elif op.kind == KIND_TIME:
            code = time_parse(span, formats[i], &moment)
        else:
            code = datetime_parse(span, formats[i], &moment)
        if not code:
            return moment
    raise constant_error(field, text)


cdef object constant_error(field, str text):
    return SchemaError(
        f"field {field.name!r}: constraint value {text!r} does not read as a {field.type}; "
        "write it as the feed would, or as ISO 8601 has it"
    )
