"""A step from 512 sources at once (`_lanes.h`): rows are looked up together, then gone through."""

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


cdef void spread_step(
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
