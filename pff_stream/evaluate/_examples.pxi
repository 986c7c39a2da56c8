"""The first violations of a violated rule by (subject, object), each with its least grounding."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from pff_stream.triples._graph cimport CSR, find_row


cdef enum:
    SORTING = 16                  # what sorting an item costs, in items that are looked at


cdef int _put_example(
    Evaluator evaluator, Py_ssize_t rule, const Body* body, int32_t subject, int32_t object
) except -1 nogil:
    """Adds a violation with the grounding that the search holds."""
    return evaluator.results.put_example(
        &evaluator.heads[rule], body, evaluator.search.binding, subject, object
    )


cdef int write_zero_examples(Evaluator evaluator, Py_ssize_t rule, int64_t most) except -1 nogil:
    cdef Head* head = &evaluator.heads[rule]
    cdef const CSR* rows
    cdef Body body
    cdef uint32_t i
    cdef int64_t written = 0
    cdef int32_t left, right, constant = max(head.left_entity, head.right_entity)
    body.atoms = evaluator.atoms
    body.n_atoms = 0
    body.n_filters = 0
    body.n_variables = 0
    if head.left < 0 and head.right < 0:
        return _put_example(evaluator, rule, &body, head.left_entity, head.right_entity)
    rows = zero_rows(evaluator, head)
    for i in range(rows.n_keys):
        goes_on(&evaluator.scratch, rows.keys[i])
        left = rows.keys[i] if head.left >= 0 else head.left_entity
        right = rows.keys[i] if head.right >= 0 else head.right_entity
        if evaluator.scratch.distinct and rows.keys[i] == constant:
            continue
        if rows.keys[i] <= _listed_value(evaluator, head):
            continue
        if is_known(evaluator, head, left, right):
            continue
        if evaluator.partial and not is_decided(evaluator, head, left, right):
            continue
        _put_example(evaluator, rule, &body, left, right)
        written += 1
        if written == most:
            break
    return 0


cdef int write_examples(
    Evaluator evaluator, Py_ssize_t rule, Body* body, int64_t most
) except -1 nogil:
    """The first violations of a rule by (subject, object), each with its least grounding."""
    cdef Head* head = &evaluator.heads[rule]
    start_search(&evaluator.search, body, head.left_entity, head.right_entity)
    if is_pair(head):
        return _write_pairs(evaluator, rule, body, most)
    if head.left < 0 and head.right < 0:
        if least_grounding(&evaluator.search):
            _put_example(evaluator, rule, body, head.left_entity, head.right_entity)
        return 0
    return _write_values(evaluator, rule, body, max(head.left, head.right), most)


cdef int32_t _listed_value(Evaluator evaluator, const Head* head) noexcept nogil:
    """The last value of the head's only variable that was listed before; -1: none."""
    return evaluator.after_left if head.left >= 0 else evaluator.after_right


cdef void free_binding(Evaluator evaluator, const Body* body) noexcept nogil:
    cdef int i
    for i in range(body.n_variables):
        evaluator.search.binding[i] = -1


cdef int _write_values(
    Evaluator evaluator, Py_ssize_t rule, Body* body, int32_t variable, int64_t most
) except -1 nogil:
    cdef Head* head = &evaluator.heads[rule]
    cdef Domain domain = _candidates(evaluator, body, variable)
    cdef int64_t i, written = 0
    cdef int64_t violations = evaluator.violations_of(rule)
    cdef int32_t value, left, right
    cdef bint planned = False
    for i in range(domain.n_items):
        value = domain.items[i]
        if value <= _listed_value(evaluator, head):
            continue
        goes_on(&evaluator.scratch, value)
        left = value if head.left >= 0 else head.left_entity
        right = value if head.right >= 0 else head.right_entity
        if is_known(evaluator, head, left, right) or not admissible(&evaluator.search, variable, value):
            continue
        if evaluator.partial and not is_decided(evaluator, head, left, right):
            continue
        evaluator.search.binding[variable] = value
        if body.n_atoms > 2:
            # A planned search says no faster than the fixed order of the least grounding.
            if not planned:
                plan_steps(&evaluator.search)
                planned = True
            if not exists(&evaluator.search):
                free_binding(evaluator, body)
                continue
            free_binding(evaluator, body)
            evaluator.search.binding[variable] = value
        if least_grounding(&evaluator.search):
            _put_example(evaluator, rule, body, left, right)
            written += 1
        free_binding(evaluator, body)
        if written == most or written == violations:
            break
    return 0


cdef Domain _candidates(Evaluator evaluator, const Body* body, int32_t variable) noexcept nogil:
    """An ascending list of entities, among them all that the head can have; in `near`, perhaps.

    Two atoms that end at a constant have few members, which are found again from there.
    """
    cdef Domain domain = domain_of(&evaluator.search, variable)
    cdef Pattern pattern
    cdef Members members
    if not find_pattern(body, variable, &pattern) or pattern.end >= 0:
        return domain
    members = find_members(&evaluator.scratch, evaluator.graph.rows, body, variable)
    forget_members(&evaluator.scratch, &members)
    if members.n < domain.n_items // SORTING:
        domain.n_items = _least(evaluator.scratch.near, members.n, members.n)
        domain.items = evaluator.scratch.near
    return domain


cdef int _write_pairs(
    Evaluator evaluator, Py_ssize_t rule, Body* body, int64_t most
) except -1 nogil:
    cdef Head* head = &evaluator.heads[rule]
    cdef const CSR* known = NULL
    cdef Domain domain
    cdef int64_t i, k, n, row, written = 0
    cdef int64_t wanted = evaluator.violations_of(rule)
    cdef uint32_t edge
    cdef int32_t subject
    cdef bint planned = False
    cdef bint by_levels = find_chain(
        &evaluator.chain, evaluator.graph.rows, body, head.left, head.right, evaluator.search.placed
    ) and has_exact_rows(&evaluator.scratch, &evaluator.chain)
    wanted = min(wanted, most)
    if head.relation >= 0:
        known = &evaluator.graph.rows[2 * head.relation]
    domain = domain_of(&evaluator.search, head.left)
    for i in range(domain.n_items):
        subject = domain.items[i]
        if subject < evaluator.after_left:
            continue
        goes_on(&evaluator.scratch, subject)
        if not admissible(&evaluator.search, head.left, subject):
            continue
        if evaluator.partial and head.place == 0 and not is_decided(evaluator, head, subject, -1):
            continue
        if by_levels:
            n = list_chain_row(&evaluator.scratch, &evaluator.chain, subject)
        else:
            evaluator.search.binding[head.left] = subject
            if not planned:
                plan_steps(&evaluator.search)
                planned = True
            n = list_values(&evaluator.search, head.right)
            evaluator.search.binding[head.left] = -1
        row = find_row(known, subject) if known != NULL and n else -1
        if row >= 0:
            for edge in range(known.offsets[row], known.offsets[row + 1]):
                evaluator.scratch.stamp[known.values[edge]] = 0
        n = _keep_stamped(
            &evaluator.scratch, n, evaluator.after_right if subject == evaluator.after_left else -1
        )
        if evaluator.partial and head.place:       # a violation is decided: the relation is there
            n = keep_keys(decided_keys(evaluator, head), evaluator.scratch.near, n)
        n = _least(evaluator.scratch.near, n, wanted - written)
        for k in range(n):
            evaluator.search.binding[head.left] = subject
            evaluator.search.binding[head.right] = evaluator.scratch.near[k]
            if least_grounding(&evaluator.search):
                _put_example(evaluator, rule, body, subject, evaluator.scratch.near[k])
                written += 1
            free_binding(evaluator, body)
        if written == wanted:
            break
    return 0


cdef int64_t _keep_stamped(Scratch* scratch, int64_t n, int32_t after) noexcept nogil:
    """Keeps those that are stamped and behind `after`."""
    cdef int64_t i, kept = 0
    for i in range(n):
        if scratch.stamp[scratch.near[i]] == scratch.epoch and scratch.near[i] > after:
            scratch.near[kept] = scratch.near[i]
            kept += 1
    return kept


cdef inline void _sift_down(int32_t* heap, int64_t at, int64_t n) noexcept nogil:
    cdef int64_t child
    cdef int32_t value = heap[at]
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and heap[child + 1] > heap[child]:
            child += 1
        if heap[child] <= value:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = value


cdef int64_t _least(int32_t* items, int64_t n, int64_t wanted) noexcept nogil:
    """Brings the `wanted` least items to the front, ascending; returns how many there are."""
    cdef int64_t i
    cdef int32_t value
    wanted = min(n, wanted)
    if wanted <= 0:
        return 0
    for i in range(wanted // 2 - 1, -1, -1):
        _sift_down(items, i, wanted)
    for i in range(wanted, n):
        if items[i] < items[0]:
            items[0] = items[i]
            _sift_down(items, 0, wanted)
    for i in range(wanted - 1, 0, -1):
        value = items[0]
        items[0] = items[i]
        items[i] = value
        _sift_down(items, 0, i)
    return wanted
