"""Which sides of relations meet in an entity: bodies whose atoms cannot join are known without a count.

A side is 2 * relation + direction, and has the keys of its rows. Two atoms that share a variable match
together only where the two sides that it stands on share a key. Found once for a small graph.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.rules._table cimport ROOM_WORDS
from pff_stream.triples._graph cimport CSR
cdef extern from *:
    """
    #define pff_lowest_bit(x) ((uint64_t)__builtin_ctzll(x))
    """
    uint64_t pff_lowest_bit(uint64_t) noexcept nogil


cdef void find_joins(
    Joins* joins, uint64_t* room, const CSR* rows, uint64_t n_relations, uint64_t n_entities
) noexcept nogil:
    """Finds which sides meet, in a room of ROOM_WORDS; nothing is known of a larger graph."""
    cdef uint64_t n_sides = 2 * n_relations, words = (n_sides + 63) >> 6, side, i
    cdef uint64_t* sides_of
    cdef uint32_t key
    cdef const CSR* keys
    joins.n_words = 0
    if words * (n_sides + n_entities) + (n_sides + 1) // 2 > ROOM_WORDS:
        return
    joins.n_words, joins.n_sides = words, n_sides
    joins.bits = room
    memset(joins.bits, 0, 8 * words * (n_sides + n_entities))
    sides_of = joins.sides_of = joins.bits + words * n_sides
    joins.counts = <uint32_t*>(sides_of + words * n_entities)
    for side in range(n_sides):
        keys = &rows[side]
        for key in range(keys.n_keys):
            sides_of[words * keys.keys[key] + (side >> 6)] |= <uint64_t>1 << (side & 63)
    for side in range(n_sides):
        keys = &rows[side]
        for key in range(keys.n_keys):
            for i in range(words):
                joins.bits[words * side + i] |= sides_of[words * keys.keys[key] + i]


cdef void count_sides(const Joins* joins, const int32_t* entities, int64_t n) noexcept nogil:
    """Counts of these entities how many are keys of each side."""
    cdef int64_t i
    cdef uint64_t word, bits
    memset(joins.counts, 0, 4 * joins.n_sides)
    for i in range(n):
        for word in range(joins.n_words):
            bits = joins.sides_of[joins.n_words * entities[i] + word]
            while bits:
                joins.counts[64 * word + pff_lowest_bit(bits)] += 1
                bits &= bits - 1


cdef inline bint sides_meet(const Joins* joins, uint64_t side, uint64_t other) noexcept nogil:
    return joins.bits[joins.n_words * side + (other >> 6)] >> (other & 63) & 1


cdef bint atoms_join(
    const Joins* joins, const int32_t* atoms, uint32_t n_atoms, const int32_t* relation_ids
) noexcept nogil:
    """Whether all variables that atoms share may have a value; their relations are in the graph."""
    cdef uint32_t i, j
    cdef int side, other
    cdef int32_t variable, relation
    if joins.n_words == 0:
        return True
    for i in range(1, n_atoms):
        if atoms[3 * i] < 0:
            return True                       # inequalities are behind the atoms
        relation = relation_ids[atoms[3 * i]]
        for side in range(2):
            variable = atoms[3 * i + 1 + side]
            if variable < 0:
                continue
            for j in range(i):
                for other in range(2):
                    if atoms[3 * j + 1 + other] == variable and not sides_meet(
                        joins, 2 * <uint64_t>relation + side,
                        2 * <uint64_t>relation_ids[atoms[3 * j]] + other
                    ):
                        return False
    return True
