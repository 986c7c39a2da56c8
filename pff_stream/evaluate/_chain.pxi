"""Closed chains, counted level by level without repetition.

From one source, each level of a chain is a set: an entity is expanded once, so no level touches more
edges than its relation has. Object identity is kept without enumerating groundings: self-loops are
skipped, the source is never entered again, and over three atoms each middle entity keeps its first
predecessor and whether there is another, so that the end is withheld only where it is the single
predecessor. Many sources at once go through `_lanes.h`. The way and the direction are chosen per
body from degree sums; every way gives the same counts.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.triples._graph cimport CSR, find_row

cdef extern from "evaluate/_lanes.h":
    void pff_spread(
        pff_level* to, uint32_t epoch, const pff_vector* source,
        const int32_t* values, int64_t n, int32_t skip
    ) noexcept nogil
    void pff_spread_counting(
        pff_level* to, uint32_t epoch, const pff_vector* source,
        const int32_t* values, int64_t n, int32_t skip
    ) noexcept nogil
    void pff_spread_withholding(
        pff_level* to, uint32_t epoch, const pff_vector* source, const pff_vector* twice,
        const pff_level* before, const int32_t* mark, int32_t entity,
        const int32_t* values, int64_t n
    ) noexcept nogil
    int pff_any_single(const pff_vector* source, const pff_vector* twice) noexcept nogil
    void pff_set_lane(pff_level* to, uint32_t epoch, int32_t value, int lane) noexcept nogil
    void pff_clear_lane(pff_level* at, uint32_t epoch, int32_t value, int lane) noexcept nogil
    int pff_has_lane(const pff_level* at, uint32_t epoch, int32_t value, int lane) noexcept nogil
    int64_t pff_count_lanes(const pff_level* at) noexcept nogil
    int64_t pff_add_lanes(const pff_level* at, int32_t* counts) noexcept nogil
    void pff_lane_planes(const pff_level* at, pff_vector* planes) noexcept nogil
    int64_t pff_count_planes(const pff_vector* planes, const pff_vector* lanes) noexcept nogil
    void pff_mark_lane(pff_vector* lanes, int lane) noexcept nogil

# What an edge costs in each way, relative to one edge from one source, as once
# measured: only the choice depends on it, never a count.
cdef double LANE_EDGE_COST = 4.0
cdef double LANE_COUNTED_EDGE_COST = 6.0
cdef double SMALL_WORK = 4096.0


cdef bint find_chain(
    Chain* chain, const CSR* rows, const Body* body, int32_t source, int32_t end, char* used
) noexcept nogil:
    """Whether the body is one chain from `source` to `end`; then fills `chain`.

    `used` has room for a byte an atom. Atoms may stand in any order and direction.
    """
    cdef int i, at, side
    cdef int32_t here = source, there
    cdef const Atom* atom
    if body.n_atoms + 1 != body.n_variables or source == end or body.n_filters:
        return False
    for i in range(body.n_atoms):
        used[i] = 0
    chain.length = 0
    for at in range(body.n_atoms):
        side = -1
        for i in range(body.n_atoms):
            atom = &body.atoms[i]
            if used[i] or (atom.left != here and atom.right != here):
                continue
            if side >= 0:
                return False                  # the body branches
            side = i
        if side < 0:
            return False
        used[side] = 1
        atom = &body.atoms[side]
        there = atom.right if atom.left == here else atom.left
        if there < 0 or there == here:
            return False
        i = 0 if atom.left == here else 1
        chain.steps[at] = &rows[2 * atom.relation + i]
        chain.inverses[at] = &rows[2 * atom.relation + 1 - i]
        here = there
        chain.length += 1
    # n atoms over n + 1 variables, each joined to the one before: a tree without branches.
    return here == end


cdef void reverse_chain(Chain* chain) noexcept nogil:
    cdef int i
    cdef int n = chain.length
    cdef const CSR* step
    for i in range((n + 1) // 2):
        step = chain.steps[i]
        chain.steps[i] = chain.inverses[n - 1 - i]
        chain.inverses[n - 1 - i] = step
        if i != n - 1 - i:
            step = chain.steps[n - 1 - i]
            chain.steps[n - 1 - i] = chain.inverses[i]
            chain.inverses[i] = step


cdef bint chain_is_exact(const Chain* chain, bint distinct) noexcept nogil:
    """Whether level sets give the exact ends; beyond three atoms object identity needs a search."""
    return not distinct or chain.length <= 3


cdef bint has_exact_rows(const Scratch* scratch, const Chain* chain) noexcept nogil:
    """The same for what is evaluated now."""
    return chain_is_exact(chain, scratch.distinct)


cdef int64_t list_chain_row(Scratch* scratch, const Chain* chain, int32_t source) noexcept nogil:
    """Stamps (current epoch) and lists in `scratch.near` the distinct ends of one source."""
    cdef int64_t row
    goes_on(scratch, source)
    row = find_row(chain.steps[0], source)
    if row < 0:
        next_epoch(scratch)
        return 0
    scratch.progress[0] += 1
    if not scratch.distinct:
        return _row_homomorphic(scratch, chain, row)
    if chain.length == 1:
        return _row_of_one(scratch, chain.steps[0], row, source)
    if chain.length == 2:
        return _row_of_two(scratch, chain, row, source)
    return _row_of_three(scratch, chain, row, source)


cdef int64_t _row_of_one(
    Scratch* scratch, const CSR* rows, int64_t row, int32_t source
) noexcept nogil:
    cdef uint32_t epoch = next_epoch(scratch)
    cdef uint32_t edge
    cdef int64_t n = 0
    for edge in range(rows.offsets[row], rows.offsets[row + 1]):
        if rows.values[edge] != source:
            scratch.stamp[rows.values[edge]] = epoch
            scratch.near[n] = rows.values[edge]
            n += 1
    scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
    return n


cdef int64_t _row_of_two(
    Scratch* scratch, const Chain* chain, int64_t row, int32_t source
) noexcept nogil:
    cdef uint32_t epoch = next_epoch(scratch)
    cdef uint32_t* stamp = scratch.stamp
    cdef int32_t* ends = scratch.near
    cdef const CSR* first = chain.steps[0]
    cdef const CSR* second = chain.steps[1]
    cdef uint32_t edge, inner, stop
    cdef int32_t middle, end
    cdef int64_t n = 0, touched = 0
    for edge in range(first.offsets[row], first.offsets[row + 1]):
        middle = first.values[edge]
        if middle == source:
            continue
        row = find_row(second, middle)
        if row < 0:
            continue
        stop = second.offsets[row + 1]
        touched += stop - second.offsets[row]
        for inner in range(second.offsets[row], stop):
            end = second.values[inner]
            if stamp[end] != epoch and end != source and end != middle:
                stamp[end] = epoch
                ends[n] = end
                n += 1
    scratch.edges += touched
    return n


cdef int64_t _row_of_three(
    Scratch* scratch, const Chain* chain, int64_t row, int32_t source
) noexcept nogil:
    cdef uint32_t epoch = next_epoch(scratch)
    cdef uint32_t* stamp = scratch.stamp
    cdef int32_t* only = scratch.first        # the single predecessor, -1 where there are more
    cdef int32_t* level = scratch.far
    cdef int32_t* ends = scratch.near
    cdef const CSR* first = chain.steps[0]
    cdef const CSR* second = chain.steps[1]
    cdef const CSR* third = chain.steps[2]
    cdef uint32_t edge, inner
    cdef int32_t before, middle, end, single
    cdef int64_t n = 0, n_level = 0, touched = 0, i
    for edge in range(first.offsets[row], first.offsets[row + 1]):
        before = first.values[edge]
        if before == source:
            continue
        row = find_row(second, before)
        if row < 0:
            continue
        touched += second.offsets[row + 1] - second.offsets[row]
        for inner in range(second.offsets[row], second.offsets[row + 1]):
            middle = second.values[inner]
            if stamp[middle] == epoch:
                if middle != before:
                    only[middle] = -1
            elif middle != source and middle != before:
                stamp[middle] = epoch
                only[middle] = before
                level[n_level] = middle
                n_level += 1
    epoch = next_epoch(scratch)
    for i in range(n_level):
        middle = level[i]
        row = find_row(third, middle)
        if row < 0:
            continue
        single = only[middle]
        touched += third.offsets[row + 1] - third.offsets[row]
        for inner in range(third.offsets[row], third.offsets[row + 1]):
            end = third.values[inner]
            if stamp[end] != epoch and end != source and end != middle and end != single:
                stamp[end] = epoch
                ends[n] = end
                n += 1
    scratch.edges += touched
    return n


cdef int64_t _row_homomorphic(Scratch* scratch, const Chain* chain, int64_t row) noexcept nogil:
    """Variables may coincide: plain level sets, over a chain of any length."""
    cdef uint32_t epoch
    cdef int32_t* level
    cdef int32_t* ends
    cdef const CSR* rows = chain.steps[0]
    cdef const int32_t* items = rows.values + rows.offsets[row]
    cdef int64_t n_items = rows.offsets[row + 1] - rows.offsets[row]
    cdef int64_t n, i
    cdef uint32_t edge
    cdef int step
    cdef int32_t end
    scratch.edges += n_items
    if chain.length == 1:
        epoch = next_epoch(scratch)
        for i in range(n_items):
            scratch.stamp[items[i]] = epoch
            scratch.near[i] = items[i]
        return n_items
    for step in range(1, chain.length):
        rows = chain.steps[step]
        ends = scratch.near if (chain.length - 1 - step) % 2 == 0 else scratch.far
        epoch = next_epoch(scratch)
        n = 0
        for i in range(n_items):
            row = find_row(rows, items[i])
            if row < 0:
                continue
            scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                end = rows.values[edge]
                if scratch.stamp[end] != epoch:
                    scratch.stamp[end] = epoch
                    ends[n] = end
                    n += 1
        items = ends
        n_items = n
    return n_items


cdef int64_t count_chain(
    Scratch* scratch, Chain* chain, ChainHead* heads, int n_heads, int way
) noexcept nogil:
    """The predictions of a chain; support and decided predictions of each head.

    Needs `has_exact_rows`.

    `way` 0 chooses; the others are for tests and benchmarks.
    """
    cdef const CSR* rows
    cdef int i
    if way == WAY_CHOSEN:
        way = cheapest_way(scratch, chain)
    if not scratch.wide and way >= WAY_WIDE_FORWARD:
        way -= 2
    if way == WAY_BACKWARD or way == WAY_WIDE_BACKWARD:
        reverse_chain(chain)
        for i in range(n_heads):
            rows = heads[i].forward
            heads[i].forward = heads[i].backward
            heads[i].backward = rows
            heads[i].at_end = not heads[i].at_end
    if way >= WAY_WIDE_FORWARD:
        return _count_wide(scratch, chain, heads, n_heads)
    return _count_narrow(scratch, chain, heads, n_heads)


cdef int64_t _count_narrow(
    Scratch* scratch, const Chain* chain, ChainHead* heads, int n_heads
) noexcept nogil:
    cdef const CSR* last = chain.inverses[chain.length - 1]
    cdef int64_t total = 0, n, row, k
    cdef uint32_t i, edge
    cdef int head, at_end = n_at_end(heads, n_heads, last)
    cdef int32_t source
    cdef const CSR* rows
    for i in range(chain.steps[0].n_keys):
        source = chain.steps[0].keys[i]
        n = list_chain_row(scratch, chain, source)
        if n == 0:
            continue
        total += n
        if at_end > 1:
            for k in range(n):
                scratch.withheld[scratch.near[k]] += 1
        for head in range(n_heads):
            rows = heads[head].forward
            if rows == NULL:
                continue
            row = find_row(rows, source)
            if row >= 0:
                for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                    heads[head].support += scratch.stamp[rows.values[edge]] == scratch.epoch
                if not heads[head].at_end:
                    heads[head].decided += n
            if at_end == 1 and heads[head].at_end and heads[head].backward != last:
                heads[head].decided += count_keys(heads[head].backward, scratch.near, n)
    if at_end > 1:
        share_ends(scratch, last, heads, n_heads)
    share_total(last, heads, n_heads, total)
    return total


cdef int64_t _count_wide(
    Scratch* scratch, const Chain* chain, ChainHead* heads, int n_heads
) noexcept nogil:
    cdef const int32_t* sources = chain.steps[0].keys
    cdef int64_t total = 0, n_sources = chain.steps[0].n_keys, start = 0, n
    cdef pff_level* ends
    cdef pff_vector planes[PFF_PLANES]
    cdef uint32_t edge
    cdef const CSR* last = chain.inverses[chain.length - 1]
    cdef int head, at_end = n_at_end(heads, n_heads, last), at_source = 0
    for head in range(n_heads):
        at_source += not heads[head].at_end and heads[head].forward != NULL
    if scratch.distinct and chain.length == 3:
        # Marks are edges of this body: they hold for all batches, and only ends are looked up.
        for edge in range(chain.inverses[2].n_keys):
            scratch.first[chain.inverses[2].keys[edge]] = -1
    while start < n_sources:
        n = n_sources - start if n_sources - start < PFF_LANES else PFF_LANES
        ends = _spread_batch(scratch, chain, sources + start, n)
        if at_source:
            pff_lane_planes(ends, planes)
        if at_end:
            total += pff_add_lanes(ends, scratch.withheld)
        else:
            total += pff_count_planes(planes, NULL) if at_source else pff_count_lanes(ends)
        for head in range(n_heads):
            if heads[head].forward != NULL:
                _count_batch(scratch, ends, &heads[head], sources + start, n, planes)
        start += n
    if at_end:
        share_ends(scratch, last, heads, n_heads)
    share_total(last, heads, n_heads, total)
    return total


cdef void _count_batch(
    Scratch* scratch, const pff_level* ends, ChainHead* head, const int32_t* sources,
    int64_t n_sources, const pff_vector* planes
) noexcept nogil:
    """Support of a head over one batch, and what is decided where the source decides it."""
    cdef const CSR* rows = head.forward
    cdef uint32_t epoch = scratch.lane_epoch, edge
    cdef pff_vector lanes
    cdef int64_t row, n = 0
    cdef int lane
    memset(&lanes, 0, sizeof(pff_vector))
    for lane in range(n_sources):
        row = find_row(rows, sources[lane])
        if row >= 0:
            if not head.at_end:
                n += 1
                pff_mark_lane(&lanes, lane)
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                head.support += pff_has_lane(ends, epoch, rows.values[edge], lane)
    if n:
        head.decided += pff_count_planes(planes, NULL if n == n_sources else &lanes)


cdef pff_level* _spread_batch(
    Scratch* scratch, const Chain* chain, const int32_t* sources, int64_t n_sources
) noexcept nogil:
    """Takes up to 512 sources through the chain; returns the level of its ends, touched at the
    lane epoch that is current then."""
    cdef uint32_t epoch = next_lane_epoch(scratch)
    cdef pff_level* here = &scratch.levels[0]
    cdef pff_level* there
    cdef pff_level* swap
    cdef pff_level* spare = &scratch.levels[2]
    cdef const CSR* rows = chain.steps[0]
    cdef int lane, step
    cdef uint32_t edge
    cdef int64_t row
    here.n = 0
    for lane in range(n_sources):
        scratch.progress[0] += 1
        goes_on(scratch, sources[lane])
        row = find_row(rows, sources[lane])
        scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
        for edge in range(rows.offsets[row], rows.offsets[row + 1]):
            if not scratch.distinct or rows.values[edge] != sources[lane]:
                pff_set_lane(here, epoch, rows.values[edge], lane)
    there = &scratch.levels[1]
    for step in range(1, chain.length):
        there.n = 0
        if step > 2:                          # homomorphism: a level's stamps serve again
            epoch = _renew(scratch, here)
        if scratch.distinct and chain.length == 3 and step == 2:
            _spread_last(scratch, chain, here, there, &scratch.levels[0], epoch)
        else:
            _spread_step(scratch, chain, step, here, there, epoch)
        if scratch.distinct:
            for lane in range(n_sources):
                pff_clear_lane(there, epoch, sources[lane], lane)
        swap = here
        here = there
        there = spare
        spare = swap
    return here


cdef uint32_t _renew(Scratch* scratch, pff_level* level) noexcept nogil:
    """A fresh epoch in which only `level` is touched."""
    cdef uint32_t epoch = next_lane_epoch(scratch)
    cdef int64_t i
    for i in range(level.n):
        level.touched[level.list[i]] = epoch
    return epoch


cdef void _spread_step(
    Scratch* scratch, const Chain* chain, int step, pff_level* here, pff_level* there, uint32_t epoch
) noexcept nogil:
    cdef const CSR* rows = chain.steps[step]
    cdef bint counting = scratch.distinct and chain.length == 3 and step == 1
    cdef int64_t i, row, n
    cdef int32_t entity, skip
    cdef const int32_t* values
    for i in range(here.n):
        entity = here.list[i]
        row = find_row(rows, entity)
        if row < 0:
            continue
        values = rows.values + rows.offsets[row]
        n = rows.offsets[row + 1] - rows.offsets[row]
        scratch.edges += n
        scratch.progress[0] += 1
        skip = entity if scratch.distinct else -1
        if counting:
            pff_spread_counting(there, epoch, &here.vectors[entity], values, n, skip)
        else:
            pff_spread(there, epoch, &here.vectors[entity], values, n, skip)


cdef void _spread_last(
    Scratch* scratch, const Chain* chain, pff_level* here, pff_level* there, pff_level* before,
    uint32_t epoch
) noexcept nogil:
    """The third atom under object identity: withholds the ends that are a single predecessor."""
    cdef const CSR* rows = chain.steps[2]
    cdef const CSR* back = chain.inverses[1]
    cdef int32_t* mark = scratch.first
    cdef int64_t i, row, n
    cdef uint32_t edge
    cdef int32_t entity
    cdef const int32_t* values
    for i in range(here.n):
        entity = here.list[i]
        row = find_row(rows, entity)
        if row < 0:
            continue
        values = rows.values + rows.offsets[row]
        n = rows.offsets[row + 1] - rows.offsets[row]
        scratch.edges += n
        scratch.progress[0] += 1
        if pff_any_single(&here.vectors[entity], &here.twice[entity]):
            row = find_row(back, entity)
            for edge in range(back.offsets[row], back.offsets[row + 1]):
                mark[back.values[edge]] = entity
            pff_spread_withholding(
                there, epoch, &here.vectors[entity], &here.twice[entity], before, mark, entity,
                values, n
            )
        else:
            pff_spread(there, epoch, &here.vectors[entity], values, n, entity)


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
    cdef const CSR* onward = chain.steps[1]
    cdef const CSR* back = chain.inverses[0]
    cdef double walks = 0, edges_on = 0, edges_back = 0
    cdef uint32_t i, arriving, leaving
    if back.n_keys < onward.n_keys:
        onward = chain.inverses[0]
        back = chain.steps[1]
    for i in range(onward.n_keys):
        arriving = _degree(back, onward.keys[i])
        if arriving:
            leaving = onward.offsets[i + 1] - onward.offsets[i]
            walks += <double>arriving * leaving
            edges_on += leaving
            edges_back += arriving
    if back == chain.steps[1]:
        edges_on, edges_back = edges_back, edges_on
    _set_costs(chain, walks, walks, edges_on, edges_back, LANE_EDGE_COST, costs)


cdef void _work_of_three(Scratch* scratch, const Chain* chain, double* costs) noexcept nogil:
    """Both directions from the middle atom: every walk over it, cut off at the number of sources.

    Degrees of both ends stand in two arrays meanwhile, so that an edge costs one look-up.
    """
    cdef const CSR* first = chain.inverses[0]
    cdef const CSR* middle = chain.steps[1]
    cdef const CSR* inverse = chain.inverses[1]
    cdef const CSR* third = chain.steps[2]
    cdef uint32_t* arriving = <uint32_t*>scratch.first
    cdef uint32_t* leaving = <uint32_t*>scratch.second
    cdef double forward = 0, backward = 0, edges_on = 0, edges_back = 0
    cdef uint64_t walks
    cdef uint32_t i, edge, degree
    cdef uint64_t sources = chain.steps[0].n_keys, ends = chain.inverses[2].n_keys
    cdef int32_t entity
    _spread_degrees(first, middle, arriving)
    _spread_degrees(third, inverse, leaving)
    for i in range(middle.n_keys):
        degree = arriving[middle.keys[i]]
        if degree == 0:
            continue
        walks = 0
        for edge in range(middle.offsets[i], middle.offsets[i + 1]):
            walks += leaving[middle.values[edge]]
        # Forward, the second level has one edge a walk; backward, the third has this many.
        forward += <double>degree * (middle.offsets[i + 1] - middle.offsets[i])
        backward += <double>degree * min(walks, ends)
        edges_on += middle.offsets[i + 1] - middle.offsets[i]
        edges_back += degree
    for i in range(inverse.n_keys):
        entity = inverse.keys[i]
        degree = leaving[entity]
        if degree == 0:
            continue
        walks = 0
        for edge in range(inverse.offsets[i], inverse.offsets[i + 1]):
            walks += arriving[inverse.values[edge]]
        backward += <double>degree * (inverse.offsets[i + 1] - inverse.offsets[i])
        forward += <double>degree * min(walks, sources)
        edges_on += degree
        edges_back += inverse.offsets[i + 1] - inverse.offsets[i]
    _set_costs(
        chain, forward, backward, edges_on, edges_back,
        LANE_COUNTED_EDGE_COST if scratch.distinct else LANE_EDGE_COST, costs
    )


cdef void _spread_degrees(
    const CSR* rows, const CSR* wanted, uint32_t* degrees
) noexcept nogil:
    """degrees[e] = length of the row of e, 0 where it has none, for the keys of `wanted`.

    No more is cleared: a graph may have many more entities than any of its relations.
    """
    cdef uint32_t i
    for i in range(wanted.n_keys):
        degrees[wanted.keys[i]] = 0
    for i in range(rows.n_keys):
        degrees[rows.keys[i]] = rows.offsets[i + 1] - rows.offsets[i]


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
    costs[WAY_BACKWARD] = end.n_edges + backward
    costs[WAY_WIDE_FORWARD] = 3.0 * start.n_edges + _batches(start) * lane_cost * edges_on
    costs[WAY_WIDE_BACKWARD] = 3.0 * end.n_edges + _batches(end) * lane_cost * edges_back
