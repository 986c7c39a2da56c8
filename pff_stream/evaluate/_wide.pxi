"""Closed chains from 512 sources at once (`_lanes.h`): an entity of a level has one bit a source.

Chains that share all steps but the last go through these once a batch.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t
from libc.string cimport memset

from pff_stream.triples._graph cimport CSR, find_row


cdef void count_wide(
    Scratch* scratch, const Chain* chain, LastStep* lasts, int n_lasts
) noexcept nogil:
    """Counts chains that share all steps but the last, whose own stands in `lasts`."""
    cdef const int32_t* sources
    cdef int64_t n_sources = part_end(scratch, chain.steps[0].n_keys)
    cdef int64_t start = part_begin(scratch, chain.steps[0].n_keys), n
    cdef bint counted = False
    cdef pff_level* here
    cdef pff_level* ends
    cdef uint8_t* room = <uint8_t*>scratch.first
    cdef int last
    sources = order_sources(scratch, chain.steps[0], chain.inverses[0])
    for last in range(n_lasts):
        open_last(&lasts[last])
        lasts[last].by_ends = False
        lasts[last].leads_back = False
        lasts[last].returns = scratch.distinct and keys_meet(
            scratch, chain.steps[0], lasts[last].inverse
        )
        if scratch.distinct and chain.length == 3:
            room = find_ways_back(scratch, chain, &lasts[last], room)
            counted = counted or lasts[last].leads_back
    while start < n_sources:
        n = n_sources - start if n_sources - start < PFF_LANES else PFF_LANES
        here = _spread_shared(scratch, chain, sources + start, n, counted)
        for last in range(n_lasts):
            ends = here
            if chain.length > 1:
                ends = spread_last(scratch, chain, here, &lasts[last])
                if lasts[last].returns:
                    pff_clear_own(ends, sources + start, n, False)
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
    cdef Found found
    cdef pff_vector lanes
    cdef int64_t k
    find_rows(head.forward, sources, n_sources, False, &found)
    head.support += pff_reached(ends, &found.taken)
    if head.at_end or found.taken.n == 0:
        return
    if found.taken.n == n_sources:
        head.decided += pff_count_planes(planes, NULL)
        return
    memset(&lanes, 0, sizeof(pff_vector))
    for k in range(found.taken.n):
        pff_mark_lane(&lanes, found.places[k])
    head.decided += pff_count_planes(planes, &lanes)


cdef pff_level* _spread_shared(
    Scratch* scratch, const Chain* chain, const int32_t* sources, int64_t n_sources, bint counted
) noexcept nogil:
    """Takes up to 512 sources through all steps but the last (of a single one: that)."""
    cdef pff_level* here = &scratch.levels[0]
    cdef pff_level* there
    cdef int step
    pff_open(here, scratch.n_entities)
    if n_sources == chain.steps[0].n_keys and scratch.follow == NULL:
        _gather_first(scratch, chain, here)
    else:
        _set_first(scratch, chain.steps[0], sources, n_sources, here)
    for step in range(1, chain.length - 1):
        there = &scratch.levels[step % 3]
        pff_open(there, scratch.n_entities)
        spread_step(scratch, chain.steps[step], here, there, counted)
        if scratch.distinct and keys_meet(scratch, chain.steps[0], chain.inverses[step]):
            pff_clear_own(there, sources, n_sources, counted)
        here = there
    return here


cdef void _set_first(
    Scratch* scratch, const CSR* rows, const int32_t* sources, int64_t n_sources, pff_level* here
) noexcept nogil:
    """What a batch reaches over the first step."""
    cdef int lane
    cdef uint32_t edge
    cdef int64_t row
    for lane in range(n_sources):
        scratch.progress[0] += 1
        goes_on(scratch, sources[lane])
        row = find_row(rows, sources[lane])
        scratch.edges += rows.offsets[row + 1] - rows.offsets[row]
        for edge in range(rows.offsets[row], rows.offsets[row + 1]):
            if not scratch.distinct or rows.values[edge] != sources[lane]:
                pff_set_lane(here, rows.values[edge], lane)


cdef void _gather_first(Scratch* scratch, const Chain* chain, pff_level* here) noexcept nogil:
    """The same where all sources are in one batch, by what they reach: each vector is written once.

    What has no row in a second step that all chains share is left out.
    """
    cdef Found found
    cdef const CSR* rows = chain.steps[0]
    cdef const CSR* back = chain.inverses[0]
    cdef int32_t* lane_of = scratch.far
    cdef int64_t start = 0, n, i
    for i in range(rows.n_keys):
        lane_of[rows.keys[i]] = <int32_t>i
    while start < back.n_keys:
        n = min(back.n_keys - start, ROOM)
        scratch.progress[0] += 1
        if chain.length > 2:
            find_rows(chain.steps[1], back.keys + start, n, False, &found)
        else:
            for i in range(n):
                found.places[i] = <int32_t>i
            found.taken.places = found.places
            found.taken.n = n
        found.taken.offsets = back.offsets + start
        found.taken.values = back.values
        found.taken.skips_own = scratch.distinct and back.n_loops > 0
        pff_gather_lanes(here, back.keys + start, lane_of, &found.taken)
        start += n
    scratch.edges += rows.n_edges


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
