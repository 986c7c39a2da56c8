"""Heads over two variables: as chains, or by search where the body is none."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from pff_stream.triples._graph cimport CSR, find_row


cdef int count_pairs(
    Counter counter, Body* body, int32_t source, int32_t end, Py_ssize_t first, Py_ssize_t last
) except -1 nogil:
    """All heads of the body over the two variables, in either order."""
    cdef Py_ssize_t rule
    cdef Head* head
    cdef ChainHead* chain_head
    cdef int n = counter.n_chain_heads, begin = n, i
    counter.before_heads(body, source, end)
    for rule in range(first, last):
        head = &counter.heads[rule]
        if counter.predictions[rule] != UNCOUNTED or not (
            (head.left == source and head.right == end)
            or (head.left == end and head.right == source)
        ):
            continue
        chain_head = &counter.chain_heads[n]
        chain_head.rule = <int32_t>rule
        chain_head.support = 0
        chain_head.decided = 0
        chain_head.at_end = (head.right if head.place else head.left) == end
        chain_head.forward = NULL
        chain_head.backward = NULL
        if head.relation >= 0:
            i = 0 if head.left == source else 1
            chain_head.forward = &counter.graph.rows[2 * head.relation + i]
            chain_head.backward = &counter.graph.rows[2 * head.relation + 1 - i]
        counter.predictions[rule] = 0
        n += 1
    counter.n_chain_heads = n
    if find_chain(
        &counter.chain, counter.graph.rows, body, source, end, counter.search.placed
    ) and has_exact_rows(&counter.scratch, &counter.chain):
        if counter.holds and hold_chain(counter, begin):
            return 0
        i = counter.before_pairs(n - begin, True, counter.way)
        count_chain(&counter.scratch, &counter.chain, counter.chain_heads + begin, n - begin, i)
    else:
        counter.before_pairs(n - begin, False, counter.way)
        _count_pairs_by_search(counter, body, source, end, begin)
    take_chain_counts(counter, begin, n)
    counter.n_chain_heads = begin
    return 0


cdef void _count_pairs_by_search(
    Counter counter, Body* body, int32_t source, int32_t end, int first_head
) noexcept nogil:
    """Counts the heads of chains from the first on."""
    cdef Domain domain
    cdef int64_t i, n, row, total = 0
    cdef uint32_t edge
    cdef int k
    cdef ChainHead* head
    cdef const CSR* rows
    start_search(&counter.search, body, -1, -1)
    domain = domain_of(&counter.search, source)
    for i in range(
        part_begin(&counter.scratch, domain.n_items), part_end(&counter.scratch, domain.n_items)
    ):
        goes_on(&counter.scratch, domain.items[i])
        if not admissible(&counter.search, source, domain.items[i]):
            continue
        counter.search.binding[source] = domain.items[i]
        if counter.search.n_steps == 0:
            plan_steps(&counter.search)
        n = list_values(&counter.search, end)
        total += n
        for k in range(first_head, counter.n_chain_heads if n else first_head):
            head = &counter.chain_heads[k]
            rows = head.forward
            if rows == NULL:
                continue
            row = find_row(rows, domain.items[i])
            if row >= 0:
                for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                    head.support += (
                        counter.scratch.stamp[rows.values[edge]] == counter.scratch.epoch
                    )
            if head.at_end:
                head.decided += count_keys(head.backward, counter.scratch.near, n)
            elif row >= 0:
                head.decided += n
        counter.search.binding[source] = -1
    for k in range(first_head, counter.n_chain_heads):
        counter.chain_heads[k].predictions = total
