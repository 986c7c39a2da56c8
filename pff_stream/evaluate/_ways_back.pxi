"""The last step of chains that are counted 512 sources at once, where an edge of it may lead back.

Under object identity an end is no entity that the chain went through before.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.triples._graph cimport CSR, find_row


cdef pff_level* spread_last(
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
        spread_step(scratch, last.step, here, there, False)
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


cdef uint8_t* find_ways_back(
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
