# From a schema and a dialect to a plan_t, which its Plan owns and frees.

cdef tuple INSTRUCTION_SETS = ("scalar", "sse2", "avx2", "avx512")  # in the order of SCAN_*


cdef int compile_dialect(plan_t* plan, dialect, str simd) except -1:
    cdef scan_dialect_t* d = &plan.dialect
    d.delimiter = ord(dialect.delimiter)
    d.eol = ord(dialect.row_end)
    d.strip_cr = d.eol == c"\n"
    d.has_quote = dialect.quote is not None
    d.quote = ord(dialect.quote or "\0")
    d.double_quote = dialect.double_quote
    d.has_escape = dialect.escape is not None
    d.escape = ord(dialect.escape or "\0")
    d.has_comment = dialect.comment is not None
    d.comment = ord(dialect.comment or "\0")
    d.skip_blanks = dialect.skip_initial_space
    d.has_special = d.has_escape or d.has_comment or d.skip_blanks
    d.isa = instruction_set(simd)
    plan.keep_bad_quotes = dialect.keep_bad_quotes
    plan.max_record_bytes = min(dialect.max_record_bytes, MAX_CHUNK)
    plan.has_null = dialect.null is not None
    if plan.has_null:
        compile_span(&plan.null, dialect.null.encode())
    return 0


cdef int compile_fields(plan_t* plan, schema, tuple columns) except -1:
    """Compile the fields, in the order of the feed's columns, those without a column last."""
    cdef field_t* op
    cdef int i
    names = schema.names
    places = {}
    for i, name in enumerate(columns):
        places.setdefault(name, i)
    plan.ncolumns = len(columns)
    # A default gives a value to what has no column.
    defaults = frozenset(field.name for field in schema.fields if has_default(field.transforms))
    order = sorted(
        range(len(names)),
        key=lambda i: (places.get(names[i], COLUMN_NONE), names[i] not in defaults),
    )
    for i, number in enumerate(order):
        name = names[number]
        op = &plan.fields[i]
        op.field = number
        op.column = places.get(name, COLUMN_NONE)
        compile_field(op, schema, schema.fields[number])
        plan.nbound += name in places or op.has_default
        if op.is_required and name not in places and not op.has_default:
            raise SchemaError(
                f"field {name!r}: it is required, and the feed has no such column; map one to it"
            )
    return compile_shortcuts(plan)


cdef int compile_shortcuts(plan_t* plan) except -1:
    cdef int i
    for i in range(plan.nbound):
        plan.nshortcuts += plan.fields[i].column != COLUMN_NONE
    plan.shortcuts = <shortcut_t*> calloc(<size_t> max(plan.nbound, 1), sizeof(shortcut_t))
    if plan.shortcuts == NULL:
        raise MemoryError
    for i in range(plan.nbound):
        shortcut_settle(plan, &plan.fields[i], &plan.shortcuts[i])
    return 0


cdef tuple compile_patterns(plan_t* plan, schema, str engine):
    """Compile the patterns, for PCRE2 where it can be, and the matchers of what is left to Python."""
    cdef field_t* op
    cdef int i
    if engine not in ("pcre2", "re"):
        raise ValueError(f"patterns {engine!r}: expected 'pcre2' or 're'")
    matchers = [None] * plan.nfields
    for i in range(plan.nfields):
        op = &plan.fields[i]
        field = schema.fields[op.field]
        if op.has_pattern and engine == "pcre2" and HAS_PCRE2:
            compile_pattern(op, field)
        matchers[op.field] = compile_matcher(field, op.has_pattern and op.pattern == NULL)
    return tuple(matchers)


cdef int compile_lane_key(plan_t* plan, tuple names, tuple lane_key) except -1:
    cdef int* keys
    cdef int i
    for name in lane_key:
        if name not in names:
            raise SchemaError(
                f"lane key: no field is named {name!r}; the fields are {', '.join(names)}"
            )
    keys = <int*> calloc(<size_t> max(len(lane_key), 1), sizeof(int))
    if keys == NULL:
        raise MemoryError
    plan.keys = keys
    for i, name in enumerate(lane_key):
        keys[i] = names.index(name)
    plan.nkeys = len(lane_key)
    return 0


cdef int instruction_set(str name) except -1:
    """Find the instruction set to use: the one asked for, or the best there is if that is less."""
    if not name:
        return scan_best()
    if name not in INSTRUCTION_SETS:
        raise ValueError(f"instruction set {name!r}: expected one of {', '.join(INSTRUCTION_SETS)}")
    return min(INSTRUCTION_SETS.index(name), scan_best())
