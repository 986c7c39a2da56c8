"""Closed chains from 512 sources at once (`_lanes.h`): an entity of a level has one bit a source.

Chains that share all steps but the last go through these once a batch.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.triples._graph cimport CSR, find_row

cdef extern from "evaluate/_lanes.h":
    void pff_open(pff_level* level, int64_t n_entities) noexcept nogil
    ctypedef struct pff_taken:
        const uint32_t* offsets
        const int32_t* values
        bint skips_own
        const int32_t* places
        const uint32_t* rows
        int64_t n
    void pff_spread(pff_level* to, const pff_level* from_, const pff_taken* taken) noexcept nogil
    void pff_spread_counting(
        pff_level* to, const pff_level* from_, const pff_taken* taken
    ) noexcept nogil
    void pff_spread_withholding(
        pff_level* to, const pff_level* from_, const pff_level* before, int32_t entity,
        const uint8_t* back, uint64_t first, const int32_t* values, int64_t n
    ) noexcept nogil
    void pff_gather_lanes(
        pff_level* to, const int32_t* keys, const int32_t* lane_of, const pff_taken* taken
    ) noexcept nogil
    int pff_any_single(const pff_level* level, int32_t entity) noexcept nogil
    void pff_set_lane(pff_level* to, int32_t value, int lane) noexcept nogil
    void pff_clear_own(
        pff_level* at, const int32_t* sources, int64_t n, bint counted
    ) noexcept nogil
    int64_t pff_reached(const pff_level* at, const pff_taken* taken) noexcept nogil
    int64_t pff_count_lanes(const pff_level* at) noexcept nogil
    int64_t pff_count_each(const pff_level* at, int32_t* counts) noexcept nogil
    void pff_lane_planes(const pff_level* at, pff_vector* planes) noexcept nogil
    int64_t pff_count_planes(const pff_vector* planes, const pff_vector* lanes) noexcept nogil
    void pff_mark_lane(pff_vector* lanes, int lane) noexcept nogil


cdef extern from "evaluate/_listed.h":
    int64_t pff_rows_of(
        const uint64_t* bits, const uint32_t* index, const int32_t* entities, int64_t n,
        int32_t* places, uint32_t* rows
    ) noexcept nogil
    bint pff_bits_meet(const uint64_t* one, const uint64_t* other, int64_t n_words) noexcept nogil


cdef enum:
    ROOM = 512                    # entities whose rows are looked up at once; all sources of a batch


# Where those of some entities are that have a row, and which row that is.
cdef struct Found:
    pff_taken taken
    int32_t places[ROOM]
    uint32_t rows[ROOM]


cdef void find_rows(
    const CSR* rows, const int32_t* entities, int64_t n, bint skips_own, Found* found
) noexcept nogil:
    """Looks up at most `ROOM` entities: all of them before their rows are gone through."""
    cdef int64_t i, row, n_found = 0
    cdef pff_taken* taken = &found.taken
    if rows.bits != NULL:
        n_found = pff_rows_of(rows.bits, rows.index, entities, n, found.places, found.rows)
    else:
        for i in range(n):
            row = find_row(rows, entities[i])
            if row >= 0:
                found.places[n_found] = <int32_t>i
                found.rows[n_found] = <uint32_t>row
                n_found += 1
    taken.offsets = rows.offsets
    taken.values = rows.values
    taken.skips_own = skips_own and rows.n_loops > 0
    taken.places = found.places
    taken.rows = found.rows
    taken.n = n_found


cdef int64_t edges_of(const pff_taken* taken) noexcept nogil:
    """The edges in all of these rows."""
    cdef int64_t k, n = 0
    for k in range(taken.n):
        n += taken.offsets[taken.rows[k] + 1] - taken.offsets[taken.rows[k]]
    return n


cdef bint keys_meet(const Scratch* scratch, const CSR* one, const CSR* other) noexcept nogil:
    """Whether an entity has a row in both."""
    cdef uint32_t i
    if one.bits != NULL and other.bits != NULL:
        return pff_bits_meet(one.bits, other.bits, scratch.n_entities + 63 >> 6)
    if one.bits != NULL or (other.bits == NULL and one.n_keys > other.n_keys):
        one, other = other, one
    for i in range(one.n_keys):
        if is_key(other, one.keys[i]):
            return True
    return False


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
            room = _find_ways_back(scratch, chain, &lasts[last], room)
            counted = counted or lasts[last].leads_back
    while start < n_sources:
        n = n_sources - start if n_sources - start < PFF_LANES else PFF_LANES
        here = _spread_shared(scratch, chain, sources + start, n, counted)
        for last in range(n_lasts):
            ends = here
            if chain.length > 1:
                ends = _spread_last(scratch, chain, here, &lasts[last])
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
        _spread_step(scratch, chain.steps[step], here, there, counted)
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


cdef void _spread_step(
    Scratch* scratch, const CSR* rows, const pff_level* here, pff_level* there, bint counted
) noexcept nogil:
    cdef Found found
    cdef int64_t start = 0, n
    cdef pff_level part = here[0]
    while start < here.n:
        n = min(here.n - start, ROOM)
        part.list = here.list + start
        find_rows(rows, part.list, n, scratch.distinct, &found)
        scratch.progress[0] += 1
        scratch.edges += edges_of(&found.taken)
        if counted:
            pff_spread_counting(there, &part, &found.taken)
        else:
            pff_spread(there, &part, &found.taken)
        start += n


cdef pff_level* _spread_last(
    Scratch* scratch, const Chain* chain, const pff_level* here, LastStep* last
) noexcept nogil:
    """The last step; under object identity a third atom withholds a single predecessor as an end."""
    cdef pff_level* there = &scratch.levels[(chain.length - 1) % 3]
    cdef Found found
    cdef int64_t start = 0, n, k, n_plain
    cdef uint32_t row
    cdef int32_t place
    cdef pff_level part = here[0]
    pff_open(there, scratch.n_entities)
    if not last.leads_back:
        _spread_step(scratch, last.step, here, there, False)
        return there
    while start < here.n:
        n = min(here.n - start, ROOM)
        part.list = here.list + start
        find_rows(last.step, part.list, n, True, &found)
        scratch.progress[0] += 1
        scratch.edges += edges_of(&found.taken)
        n_plain = 0
        for k in range(found.taken.n):
            row = found.rows[k]
            place = found.places[k]
            if (
                last.rows_back == NULL or last.rows_back[row >> 3] >> (row & 7) & 1
            ) and pff_any_single(here, part.list[place]):
                _spread_row_back(scratch, chain, here, last, part.list[place], row)
            else:
                found.places[n_plain] = place
                found.rows[n_plain] = row
                n_plain += 1
        found.taken.n = n_plain
        pff_spread(there, &part, &found.taken)
        start += n
    return there


cdef void _spread_row_back(
    Scratch* scratch, const Chain* chain, const pff_level* here, LastStep* last, int32_t entity,
    uint32_t row
) noexcept nogil:
    """A row of the last step that has edges back."""
    cdef const CSR* rows = last.step
    cdef const uint8_t* back = last.edges_back
    cdef uint32_t first = rows.offsets[row]
    if rows != chain.inverses[1] and back == NULL:
        back = _end_of_room(scratch)
        memset(<uint8_t*>back, 0, rows.offsets[row + 1] - rows.offsets[row] + 7 >> 3)
        _mark_ways_back(scratch, chain.inverses[1], rows, row, <uint8_t*>back, 0)
        first = 0
    pff_spread_withholding(
        &scratch.levels[(chain.length - 1) % 3], here, &scratch.levels[0], entity, back, first,
        rows.values + rows.offsets[row], rows.offsets[row + 1] - rows.offsets[row]
    )


cdef inline uint8_t* _end_of_room(const Scratch* scratch) noexcept nogil:
    """Where ways back end, `first` and `second` being side by side; the edges of a row have room there."""
    return <uint8_t*>(scratch.second + scratch.n_entities) - (scratch.n_entities + 7 >> 3)


cdef uint8_t* _find_ways_back(
    Scratch* scratch, const Chain* chain, LastStep* last, uint8_t* room
) noexcept nogil:
    """Notes which rows of the third step have an edge to where the second step came from, and which edges.

    They hold for all batches, and are written to `room`; returns what is left of it. Where edges do not
    fit, those of a row are found whenever it is gone through.
    """
    cdef const CSR* back = chain.inverses[1]
    cdef const CSR* third = last.step
    cdef uint8_t* edges = room + ((<size_t>third.n_keys + 7) >> 3)
    cdef size_t edge_bytes = (<size_t>third.n_edges + 7) >> 3
    cdef uint32_t i
    last.rows_back = last.edges_back = NULL
    if third == back:
        last.leads_back = True                # all rows, all edges
        return room
    if not keys_meet(scratch, chain.steps[1], last.inverse):
        return room
    last.rows_back = room
    memset(room, 0, edges - room)
    if edges + edge_bytes <= _end_of_room(scratch) - MOST_TOGETHER * (scratch.n_entities + 7 >> 3):
        last.edges_back = edges
        memset(edges, 0, edge_bytes)
    for i in range(third.n_keys):
        if _mark_ways_back(
            scratch, back, third, i, last.edges_back, third.offsets[i]
        ):
            last.rows_back[i >> 3] |= 1 << (i & 7)
            last.leads_back = True
    if not last.leads_back:
        return room
    return edges if last.edges_back == NULL else edges + edge_bytes


cdef bint _mark_ways_back(
    Scratch* scratch, const CSR* back, const CSR* third, uint32_t i, uint8_t* marks, uint64_t first
) noexcept nogil:
    """Whether a row of the third step has an edge back; marks each by a bit, from the bit `first` on.

    Where there is no room for marks, none is set.
    """
    cdef int64_t row = find_row(back, third.keys[i])
    cdef uint32_t edge, epoch
    cdef uint64_t bit
    cdef bint found = False
    if row < 0:
        return False
    epoch = next_epoch(scratch)
    for edge in range(back.offsets[row], back.offsets[row + 1]):
        scratch.stamp[back.values[edge]] = epoch
    for edge in range(third.offsets[i], third.offsets[i + 1]):
        if scratch.stamp[third.values[edge]] == epoch:
            found = True
            if marks != NULL:
                bit = first + edge - third.offsets[i]
                marks[bit >> 3] |= 1 << (bit & 7)
    return found


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
