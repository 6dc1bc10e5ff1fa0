# Rules across fields: from their tests to steps. A rule's parts come before what joins them; see rule_plan.pxd.

cdef dict TESTS = {
    "=": TEST_EQUAL, "<": TEST_LESS, "<=": TEST_LESS | TEST_EQUAL, ">": TEST_MORE, ">=": TEST_MORE | TEST_EQUAL,
    "!=": TEST_LESS | TEST_MORE | TEST_UNORDERED,
}


cdef int compile_rules(plan_t* plan, schema) except -1:
    """Compile the rules; the plan has its fields."""
    declared = schema.rules
    plan.rules = <rule_t*> calloc(<size_t> max(len(declared), 1), sizeof(rule_t))
    if plan.rules == NULL:
        raise MemoryError
    for rule in declared:
        plan.nrules += 1
        compile_rule(&plan.rules[plan.nrules - 1], rule, schema, plan.fields)
    return 0


cdef int compile_rule(rule_t* compiled, rule, schema, const field_t* fields) except -1:
    steps = steps_of(rule.test)
    compiled.steps = <step_t*> calloc(<size_t> len(steps), sizeof(step_t))
    compiled.names = <named_t*> calloc(<size_t> len(rule.fields), sizeof(named_t))
    if compiled.steps == NULL or compiled.names == NULL:
        raise MemoryError
    for part in steps:
        compiled.nsteps += 1
        compile_step(&compiled.steps[compiled.nsteps - 1], part, schema, fields)
    for name in rule.fields:
        compiled.nnames += 1
        compiled.names[compiled.nnames - 1].field = schema.names.index(name)
        compile_span(&compiled.names[compiled.nnames - 1].name, f"{name}=".encode())
    return 0


cdef list steps_of(test):
    """List the steps of a rule's test, those of its parts first; a step is the part itself, or its operation."""
    if isinstance(test, rules.Negation):
        return [*steps_of(test.test), STEP_NOT]
    if isinstance(test, rules.Junction):
        join = STEP_AND if test.word == "and" else STEP_OR
        steps = steps_of(test.tests[0])
        for each in test.tests[1:]:
            steps += [*steps_of(each), join]
        return steps
    return [test]


cdef int compile_step(step_t* step, part, schema, const field_t* fields) except -1:
    """Compile one step; `fields` are the plan's, in any order."""
    cdef const field_t* op = fields
    if isinstance(part, int):
        step.kind = part
        return 0
    is_test = isinstance(part, rules.Comparison)
    name = part.left.field if is_test else part.field
    step.kind = STEP_TEST if is_test else STEP_PRESENT
    step.field = schema.names.index(name)
    step.other = -1
    if not is_test:
        return 0
    step.test = TESTS[part.sign]
    if isinstance(part.right, rules.Named):
        step.other = schema.names.index(part.right.field)
        return 0
    while op.field != step.field:
        op += 1
    return compile_rule_constant(step, op, schema.fields[step.field], part.right.text)


cdef int compile_rule_constant(step_t* step, const field_t* op, field, str text) except -1:
    if op.kind == KIND_STRING:
        return compile_span(&step.constant.text, text.encode())
    if op.kind == KIND_BOOLEAN and text in ("true", "false"):
        step.constant.whole = text == "true"
        return 0
    if not is_whole(op.kind) or op.kind == KIND_YEARMONTH:
        return compile_constant(&step.constant, op, field, text)
    exact = exact_whole(op, field, text)
    whole = min(max(floor(exact), INT64_MIN), INT64_MAX)
    step.constant.whole = whole
    step.nudge = (exact > whole) - (exact < whole)
    return 0
