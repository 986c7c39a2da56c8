"""The way to count a chain: its direction and width, chosen by degree sums. No count depends on it."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport CSR, find_row

# What an edge costs in each way, relative to one edge from one source, as once
# measured: only the choice depends on it, never a count.
cdef double LANE_EDGE_COST = 1.5
cdef double LANE_COUNTED_EDGE_COST = 2.0
cdef double SMALL_WORK = 4096.0
# Backward, a chain shares its beginning with fewer of those beside it in the rule file.
cdef double BACKWARD_COST = 1.2


cdef int cheapest_way(Scratch* scratch, Chain* chain) noexcept nogil:
    """Chooses direction and width by expected work, in edges of the narrow way."""
    cdef double costs[5]
    cdef int way, best = WAY_FORWARD
    if chain.length == 1 or _at_most(chain) < SMALL_WORK:
        return WAY_FORWARD                    # not worth a second look
    if chain.length == 2:
        _work_of_two(chain, costs)
    elif chain.length == 3:
        _work_of_three(scratch, chain, costs)
    else:
        _work_of_more(chain, costs)
    for way in range(WAY_FORWARD, WAY_WIDE_BACKWARD + 1):
        if way >= WAY_WIDE_FORWARD and not scratch.wide:
            break
        if costs[way] < costs[best]:
            best = way
    return best


cdef double _at_most(const Chain* chain) noexcept nogil:
    """A bound on the edges of the narrow way forward, from the largest degrees alone."""
    cdef double sources = chain.steps[0].n_keys
    cdef double walks = chain.steps[0].n_edges, total = walks
    cdef int step
    for step in range(1, chain.length):
        walks = min(
            walks * chain.steps[step].max_degree, sources * <double>chain.steps[step].n_edges
        )
        total += walks
    return total


cdef inline double _batches(const CSR* rows) noexcept nogil:
    return (rows.n_keys + PFF_LANES - 1) // PFF_LANES


cdef inline uint32_t _degree(const CSR* rows, int32_t entity) noexcept nogil:
    cdef int64_t row = find_row(rows, entity)
    return rows.offsets[row + 1] - rows.offsets[row] if row >= 0 else 0


cdef void _work_of_two(const Chain* chain, double* costs) noexcept nogil:
    """Exact but for self-loops: each walk is one edge, whichever way it is gone."""
    cdef Meeting one = _meet(chain.inverses[0], chain.steps[1])
    _set_costs(
        chain, one.walks, one.walks, one.leaving, one.arriving, LANE_EDGE_COST, costs
    )


cdef void _work_of_three(Scratch* scratch, const Chain* chain, double* costs) noexcept nogil:
    """Both directions from the middle atom, as if where walks arrive had nothing to do with where they
    come from: then pairs of steps tell, which is far less to look at than all walks."""
    cdef Meeting one
    cdef Meeting other = _meet(chain.inverses[1], chain.steps[2])
    cdef double sources = chain.steps[0].n_keys, ends = chain.inverses[2].n_keys
    cdef double walks
    if scratch.met[0] != chain.steps[0] or scratch.met[1] != chain.steps[1]:
        scratch.met[0], scratch.met[1] = chain.steps[0], chain.steps[1]
        scratch.meeting = _meet(chain.inverses[0], chain.steps[1])
    one = scratch.meeting
    walks = one.walks * other.walks / chain.steps[1].n_edges
    _set_costs(
        chain, one.walks + min(walks, sources * other.leaving),
        other.walks + min(walks, ends * one.arriving),
        one.leaving + other.leaving, one.arriving + other.arriving,
        LANE_COUNTED_EDGE_COST if scratch.distinct else LANE_EDGE_COST, costs
    )


cdef Meeting _meet(const CSR* back, const CSR* onward) noexcept nogil:
    """Walks over two steps and their edges where they meet."""
    cdef Meeting found
    cdef const CSR* rows = onward
    cdef const CSR* others = back
    cdef uint32_t i, degree, own
    found.walks = found.arriving = found.leaving = 0
    if back.n_keys < onward.n_keys:
        rows = back
        others = onward
    for i in range(rows.n_keys):
        degree = _degree(others, rows.keys[i])
        if degree:
            own = rows.offsets[i + 1] - rows.offsets[i]
            found.walks += <double>degree * own
            found.leaving += own
            found.arriving += degree
    if rows == back:
        found.leaving, found.arriving = found.arriving, found.leaving
    return found


cdef void _work_of_more(const Chain* chain, double* costs) noexcept nogil:
    """A bound: every level may touch every edge of its relation, once a source."""
    cdef double edges = 0
    cdef int step
    for step in range(chain.length):
        edges += chain.steps[step].n_edges
    costs[WAY_FORWARD] = edges * chain.steps[0].n_keys
    costs[WAY_BACKWARD] = edges * chain.inverses[chain.length - 1].n_keys
    costs[WAY_WIDE_FORWARD] = LANE_EDGE_COST * edges * _batches(chain.steps[0])
    costs[WAY_WIDE_BACKWARD] = LANE_EDGE_COST * edges * _batches(chain.inverses[chain.length - 1])


cdef void _set_costs(
    const Chain* chain, double forward, double backward, double edges_on, double edges_back,
    double lane_cost, double* costs
) noexcept nogil:
    """Costs of the four ways: walks beyond the first level, or edges reached once a batch."""
    cdef const CSR* start = chain.steps[0]
    cdef const CSR* end = chain.inverses[chain.length - 1]
    costs[WAY_FORWARD] = start.n_edges + forward
    costs[WAY_BACKWARD] = BACKWARD_COST * (end.n_edges + backward)
    costs[WAY_WIDE_FORWARD] = 3.0 * start.n_edges + _batches(start) * lane_cost * edges_on
    costs[WAY_WIDE_BACKWARD] = BACKWARD_COST * (
        3.0 * end.n_edges + _batches(end) * lane_cost * edges_back
    )


cdef void count_chain(
    Scratch* scratch, Chain* chain, ChainHead* heads, int n_heads, int way
) noexcept nogil:
    """Counts one chain of any length for all its heads; needs `has_exact_rows`.

    `way` 0 chooses; the others are for tests and benchmarks.
    """
    cdef LastStep last
    if way == WAY_CHOSEN:
        way = cheapest_way(scratch, chain)
    if way == WAY_BACKWARD or way == WAY_WIDE_BACKWARD:
        reverse_chain(chain)
        turn_heads(heads, n_heads)
    last.step = chain.steps[chain.length - 1]
    last.inverse = chain.inverses[chain.length - 1]
    last.heads = heads
    last.n_heads = n_heads
    scratch.ordered = NULL
    if scratch.wide and way >= WAY_WIDE_FORWARD:
        count_wide(scratch, chain, &last, 1)
    else:
        count_narrow(scratch, chain, &last, 1)
