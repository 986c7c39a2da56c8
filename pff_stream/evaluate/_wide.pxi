"""Closed chains from 512 sources at once (`_lanes.h`): an entity of a level has one bit a source.

Chains that share all steps but the last go through these once a batch.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.triples._graph cimport CSR, find_row

cdef extern from "evaluate/_lanes.h":
    void pff_open(pff_level* level, int64_t n_entities) noexcept nogil
    void pff_spread(
        pff_level* to, const pff_vector* source, const int32_t* values, int64_t n, int32_t skip
    ) noexcept nogil
    void pff_spread_counting(
        pff_level* to, const pff_vector* source, const int32_t* values, int64_t n, int32_t skip
    ) noexcept nogil
    void pff_spread_withholding(
        pff_level* to, const pff_vector* source, const pff_vector* twice,
        const pff_level* before, const int32_t* mark, int32_t entity,
        const int32_t* values, int64_t n
    ) noexcept nogil
    int pff_any_single(const pff_vector* source, const pff_vector* twice) noexcept nogil
    void pff_set_lane(pff_level* to, int32_t value, int lane) noexcept nogil
    void pff_clear_lane(pff_level* at, int32_t value, int lane, bint counted) noexcept nogil
    int64_t pff_reached(
        const pff_level* at, const int32_t* values, int64_t n, int lane
    ) noexcept nogil
    int64_t pff_count_lanes(const pff_level* at) noexcept nogil
    int64_t pff_count_each(const pff_level* at, int32_t* counts) noexcept nogil
    void pff_lane_planes(const pff_level* at, pff_vector* planes) noexcept nogil
    int64_t pff_count_planes(const pff_vector* planes, const pff_vector* lanes) noexcept nogil
    void pff_mark_lane(pff_vector* lanes, int lane) noexcept nogil


cdef void count_wide(
    Scratch* scratch, const Chain* chain, LastStep* lasts, int n_lasts
) noexcept nogil:
    """Counts chains that share all steps but the last, whose own stands in `lasts`."""
    cdef const int32_t* sources
    cdef int64_t n_sources = chain.steps[0].n_keys, start = 0, n
    cdef bint withholds = scratch.distinct and chain.length == 3, counted = False
    cdef pff_level* here
    cdef pff_level* ends
    cdef int last
    sources = order_sources(scratch, chain.steps[0], chain.inverses[0])
    for last in range(n_lasts):
        open_last(&lasts[last])
        lasts[last].by_ends = False
        lasts[last].leads_back = False
        if withholds:
            _find_ways_back(scratch, chain, &lasts[last], last)
            counted = counted or lasts[last].leads_back
    while start < n_sources:
        n = n_sources - start if n_sources - start < PFF_LANES else PFF_LANES
        here = _spread_shared(scratch, chain, sources + start, n, counted)
        for last in range(n_lasts):
            ends = here
            if chain.length > 1:
                ends = _spread_last(scratch, chain, here, &lasts[last], counted)
                _clear_own(scratch, ends, sources + start, n, False)
            _count_batch(scratch, ends, &lasts[last], sources + start, n)
        start += n
    for last in range(n_lasts):
        close_last(scratch, &lasts[last])


cdef void _count_batch(
    Scratch* scratch, const pff_level* ends, LastStep* last, const int32_t* sources, int64_t n
) noexcept nogil:
    """Counts what one batch reaches for all heads of a chain."""
    cdef pff_vector planes[PFF_PLANES]
    cdef int head
    if ends.n == 0:
        return
    if last.at_source:
        pff_lane_planes(ends, planes)
    if last.n_at_end:
        last.total += pff_count_each(ends, scratch.near)
    elif last.at_source:
        last.total += pff_count_planes(planes, NULL)
    else:
        last.total += pff_count_lanes(ends)
    for head in range(last.n_heads):
        if last.heads[head].forward != NULL:
            _count_head(ends, &last.heads[head], sources, n, planes)
        if looks_at_ends(&last.heads[head], last.inverse):
            last.heads[head].decided += sum_of_keys(
                last.heads[head].backward, ends.list, scratch.near, ends.n
            )


cdef void _count_head(
    const pff_level* ends, ChainHead* head, const int32_t* sources, int64_t n_sources,
    const pff_vector* planes
) noexcept nogil:
    """Support of a head over one batch, and what is decided where the source decides it."""
    cdef const CSR* rows = head.forward
    cdef pff_vector lanes
    cdef int64_t row, n = 0, support = 0
    cdef int lane
    memset(&lanes, 0, sizeof(pff_vector))
    for lane in range(n_sources):
        row = find_row(rows, sources[lane])
        if row >= 0:
            if not head.at_end:
                n += 1
                pff_mark_lane(&lanes, lane)
            support += pff_reached(
                ends, rows.values + rows.offsets[row],
                rows.offsets[row + 1] - rows.offsets[row], lane
            )
    head.support += support
    if n:
        head.decided += pff_count_planes(planes, NULL if n == n_sources else &lanes)


cdef pff_level* _spread_shared(
    Scratch* scratch, const Chain* chain, const int32_t* sources, int64_t n_sources, bint counted
) noexcept nogil:
    """Takes up to 512 sources through all steps but the last (of a single one: that)."""
    cdef pff_level* here = &scratch.levels[0]
    cdef pff_level* there
    cdef const CSR* rows = chain.steps[0]
    cdef int lane, step
    cdef uint32_t edge
    cdef int64_t row
    pff_open(here, scratch.n_entities)
    for lane in range(n_sources):
        scratch.progress[0] += 1
        goes_on(scratch, sources[lane])
        row = find_row(rows, sources[lane])
        scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
        for edge in range(rows.offsets[row], rows.offsets[row + 1]):
            if not scratch.distinct or rows.values[edge] != sources[lane]:
                pff_set_lane(here, rows.values[edge], lane)
    for step in range(1, chain.length - 1):
        there = &scratch.levels[step % 3]
        _spread_step(scratch, chain.steps[step], here, there, counted)
        _clear_own(scratch, there, sources, n_sources, counted)
        here = there
    return here


cdef inline void _clear_own(
    const Scratch* scratch, pff_level* level, const int32_t* sources, int64_t n_sources, bint counted
) noexcept nogil:
    """Under object identity a source is not entered again."""
    cdef int lane
    if scratch.distinct:
        for lane in range(n_sources):
            pff_clear_lane(level, sources[lane], lane, counted)


cdef void _spread_step(
    Scratch* scratch, const CSR* rows, const pff_level* here, pff_level* there, bint counted
) noexcept nogil:
    cdef int64_t i, row, n
    cdef int32_t entity, skip
    cdef const int32_t* values
    pff_open(there, scratch.n_entities)
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
        if counted:
            pff_spread_counting(there, &here.vectors[entity], values, n, skip)
        else:
            pff_spread(there, &here.vectors[entity], values, n, skip)


cdef pff_level* _spread_last(
    Scratch* scratch, const Chain* chain, pff_level* here, LastStep* last, bint counted
) noexcept nogil:
    """The last step; under object identity a third atom withholds a single predecessor as an end."""
    cdef pff_level* there = &scratch.levels[(chain.length - 1) % 3]
    cdef const pff_level* before = &scratch.levels[0]
    cdef const CSR* rows = last.step
    cdef const CSR* back = chain.inverses[1]
    cdef int64_t i, row, n
    cdef int32_t entity
    cdef bint is_marked, touched
    cdef uint32_t edge
    cdef const int32_t* values
    if not last.leads_back:
        _spread_step(scratch, rows, here, there, False)
        return there
    pff_open(there, scratch.n_entities)
    for i in range(here.n):
        entity = here.list[i]
        row = find_row(rows, entity)
        if row < 0:
            continue
        values = rows.values + rows.offsets[row]
        n = rows.offsets[row + 1] - rows.offsets[row]
        scratch.edges += n
        scratch.progress[0] += 1
        is_marked = False
        if last.rows_back[row >> 3] >> (row & 7) & 1 and pff_any_single(
            &here.vectors[entity], &here.twice[entity]
        ):
            row = find_row(back, entity)
            for edge in range(back.offsets[row], back.offsets[row + 1]):
                # Where it was not touched in this batch, a mark may be left of another.
                touched = before.touched[back.values[edge]] == before.epoch
                scratch.first[back.values[edge]] = entity if touched else -1
                is_marked |= touched
        if is_marked:
            pff_spread_withholding(
                there, &here.vectors[entity], &here.twice[entity], before, scratch.first, entity,
                values, n
            )
        else:
            pff_spread(there, &here.vectors[entity], values, n, entity)
    return there


cdef void _find_ways_back(
    Scratch* scratch, const Chain* chain, LastStep* last, int place
) noexcept nogil:
    """Notes which rows of the third step have an edge to where the second step came from.

    Clears the marks of `_spread_last`: they are edges of the second step, and hold for all batches.
    """
    cdef const CSR* back = chain.inverses[1]
    cdef const CSR* third = last.step
    cdef size_t room = (<size_t>scratch.n_entities + 7) >> 3
    cdef uint32_t i, edge, epoch
    cdef int64_t row
    last.rows_back = <uint8_t*>scratch.second + place * room
    if third == back:
        last.leads_back = True
        memset(last.rows_back, 0xFF, room)
    else:
        memset(last.rows_back, 0, (<size_t>third.n_keys + 7) >> 3)
        for i in range(third.n_keys):
            row = find_row(back, third.keys[i])
            if row < 0:
                continue
            epoch = next_epoch(scratch)
            for edge in range(back.offsets[row], back.offsets[row + 1]):
                scratch.stamp[back.values[edge]] = epoch
            if pff_stamped(
                scratch.stamp, epoch, third.values + third.offsets[i],
                third.offsets[i + 1] - third.offsets[i]
            ):
                last.rows_back[i >> 3] |= 1 << (i & 7)
                last.leads_back = True
    if last.leads_back:
        for i in range(last.inverse.n_keys):
            scratch.first[last.inverse.keys[i]] = -1


cdef const int32_t* order_sources(
    Scratch* scratch, const CSR* rows, const CSR* back
) noexcept nogil:
    """The sources of a chain, those together that share the neighbour with most of them.

    So a batch reaches fewer entities. Of no more than one batch, and where somebody follows, they stay
    in the order of their ids.
    """
    cdef int32_t* places = scratch.far
    cdef uint32_t* counts = <uint32_t*>scratch.near
    cdef uint32_t i, edge, degree, most, place = 0, n
    cdef int64_t row
    if rows.n_keys <= PFF_LANES or scratch.follow != NULL:
        return rows.keys
    if scratch.ordered == rows:
        return scratch.sources
    memset(counts, 0, back.n_keys * sizeof(uint32_t))
    for i in range(rows.n_keys):
        most = 0
        for edge in range(rows.offsets[i], rows.offsets[i + 1]):
            row = find_row(back, rows.values[edge])
            degree = back.offsets[row + 1] - back.offsets[row]
            if degree > most:
                most = degree
                places[i] = <int32_t>row
        counts[places[i]] += 1
    for i in range(back.n_keys):
        n = counts[i]
        counts[i] = place
        place += n
    for i in range(rows.n_keys):
        scratch.sources[counts[places[i]]] = rows.keys[i]
        counts[places[i]] += 1
    scratch.ordered = rows
    return scratch.sources


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
