# What stands in a triple's place: the first objects of its subject, or subjects of its object, by name.


cdef uint32_t standing(
    GraphView graph, uint64_t relation, bint of_object, uint64_t entity, int32_t* first, int* n_first
) noexcept:
    """How many objects (entity, relation, ?) has, and the first `SHOWN` of them by name; with
    `of_object` the subjects of (?, relation, entity)."""
    cdef const CSR* rows
    cdef int64_t row
    cdef uint32_t edge
    cdef int n = 0, at
    n_first[0] = 0
    if relation >= graph.n_relations or entity >= graph.n_entities:
        return 0
    rows = &graph.rows[2 * relation + of_object]
    row = find_row(rows, <int32_t>entity)
    if row < 0:
        return 0
    for edge in range(rows.offsets[row], rows.offsets[row + 1]):
        if n == SHOWN and not _is_before(graph, rows.values[edge], first[SHOWN - 1]):
            continue
        n = min(n + 1, <int>SHOWN)
        at = n - 1
        while at and _is_before(graph, rows.values[edge], first[at - 1]):
            first[at] = first[at - 1]
            at -= 1
        first[at] = rows.values[edge]
    n_first[0] = n
    return rows.offsets[row + 1] - rows.offsets[row]


cdef uint32_t most_values(GraphView graph, uint64_t relation, bint of_object) noexcept:
    """The most objects that a subject of the relation has; with `of_object` the other way."""
    if relation >= graph.n_relations:
        return 0
    return graph.rows[2 * relation + of_object].max_degree


cdef bint _is_before(GraphView graph, int32_t one, int32_t other) noexcept:
    """Whether the name of an entity of the graph comes before that of another."""
    cdef const uint64_t* ends = graph.entity_ends
    cdef uint64_t begin = ends[one - 1] if one else 0, begin_other = ends[other - 1] if other else 0
    cdef size_t n = ends[one] - begin, n_other = ends[other] - begin_other
    cdef int order = memcmp(
        graph.entity_blob + begin, graph.entity_blob + begin_other, min(n, n_other)
    )
    return order < 0 or (order == 0 and n < n_other)
