"""Heads with one variable, and with none: all heads of a body over the same variable are counted at once."""

from libc.stdint cimport int32_t, int64_t


cdef void count_ground(Counter counter, Body* body, Py_ssize_t rule) noexcept nogil:
    cdef Head* head = &counter.heads[rule]
    start_search(&counter.search, body, head.left_entity, head.right_entity)
    plan_steps(&counter.search)
    counter.predictions[rule] = exists(&counter.search)
    if counter.predictions[rule]:
        counter.support[rule] = is_known(counter, head, head.left_entity, head.right_entity)
        counter.unknown[rule] = not is_decided(counter, head, head.left_entity, head.right_entity)


cdef int count_values(
    Counter counter, Body* body, int32_t variable, Py_ssize_t first, Py_ssize_t last
) except -1 nogil:
    """All heads of the body whose only variable is `variable`."""
    cdef Members members
    cdef Shared shared
    cdef Py_ssize_t rule
    cdef Head* head
    cdef int32_t constant
    shared.side = -1
    counter.before_heads(body, variable, -1)
    members = find_members(&counter.scratch, counter.graph.rows, body, variable)
    if not members.shared and not counter.scratch.distinct:
        start_search(&counter.search, body, -1, -1)
        members.n = _list_part(counter, body, variable)
        members.shared = True
    elif members.shared and counter.scratch.part:
        forget_members(&counter.scratch, &members)
        members.n = 0                     # the first part has all: they are found at once
        next_epoch(&counter.scratch)
    for rule in range(first, last):
        head = &counter.heads[rule]
        if counter.predictions[rule] != UNCOUNTED or not (
            (head.left == variable and (head.right == variable or head.right < 0))
            or (head.right == variable and head.left < 0)
        ):
            continue
        if not members.shared:
            start_search(&counter.search, body, head.left_entity, head.right_entity)
            counter.predictions[rule] = _list_part(counter, body, variable)
            _count_listed(counter, rule)
            continue
        constant = max(head.left_entity, head.right_entity)
        counter.predictions[rule] = count_members(&counter.scratch, &members, constant)
        counter.unknown[rule] = counter.predictions[rule]
        if head.relation < 0:
            continue
        counter.unknown[rule] -= count_decided(
            &counter.scratch, &members, &shared, decided_keys(counter, head),
            2 * head.relation + head.place, constant
        )
        if head.left == head.right:
            counter.support[rule] = count_supported_loops(
                &counter.scratch, &counter.graph.rows[2 * head.relation]
            )
        elif head.left >= 0 and head.right_entity >= 0:
            counter.support[rule] = count_supported(
                &counter.scratch, &counter.graph.rows[2 * head.relation + 1], head.right_entity
            )
        elif head.right >= 0 and head.left_entity >= 0:
            counter.support[rule] = count_supported(
                &counter.scratch, &counter.graph.rows[2 * head.relation], head.left_entity
            )
    if members.shared:
        forget_members(&counter.scratch, &members)
    return 0


cdef int64_t _list_part(Counter counter, const Body* body, int32_t variable) noexcept nogil:
    """Stamps and lists the values of a variable in groundings; of a part, some of those."""
    cdef Search* search = &counter.search
    cdef Domain domain
    cdef int64_t i, n = 0
    if counter.scratch.n_parts == 1:
        plan_steps(search)
        return list_values(search, variable)
    next_epoch(&counter.scratch)
    domain = domain_of(search, variable)
    for i in range(
        part_begin(&counter.scratch, domain.n_items), part_end(&counter.scratch, domain.n_items)
    ):
        if not admissible(search, variable, domain.items[i]):
            continue
        search.binding[variable] = domain.items[i]
        if search.n_steps == 0:
            plan_steps(search)
        if exists(search):
            counter.scratch.stamp[domain.items[i]] = counter.scratch.epoch
            counter.scratch.near[n] = domain.items[i]
            n += 1
        search.binding[variable] = -1
    return n


cdef void _count_listed(Counter counter, Py_ssize_t rule) noexcept nogil:
    """Of the values that a search has just listed, those that are known, and not decided."""
    cdef Head* head = &counter.heads[rule]
    cdef int64_t i, n = counter.predictions[rule]
    cdef int32_t value
    counter.unknown[rule] = n
    if head.relation < 0:
        return
    counter.unknown[rule] -= count_keys(decided_keys(counter, head), counter.scratch.near, n)
    for i in range(n):
        value = counter.scratch.near[i]
        counter.support[rule] += is_known(
            counter, head,
            value if head.left >= 0 else head.left_entity,
            value if head.right >= 0 else head.right_entity,
        )
