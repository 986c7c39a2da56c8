# The graph as the compiled stages see it: pointers into one read-only mapping, checked once.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #define PFF_POPCOUNT64(x) ((uint32_t)__builtin_popcountll(x))
    """
    uint32_t PFF_POPCOUNT64(uint64_t) noexcept nogil


# One relation in one direction: compressed sparse rows, and an index from an entity to its row.
cdef struct CSR:
    const int32_t* keys
    const uint32_t* offsets
    const int32_t* values
    const uint64_t* bits          # kind 0: which entities are keys; kind 1: NULL
    const uint32_t* index         # kind 0: keys before each word; kind 1: first key of each bucket
    uint32_t n_keys
    uint32_t n_edges
    uint32_t max_degree
    uint32_t n_loops
    uint32_t shift


cdef inline int64_t find_row(const CSR* rows, int32_t entity) noexcept nogil:
    """The row of `entity` (0 <= entity < n_entities), or -1."""
    cdef uint64_t word, bit
    cdef uint32_t low, high
    if rows.bits != NULL:
        word = rows.bits[entity >> 6]
        bit = <uint64_t>1 << (entity & 63)
        if word & bit:
            return rows.index[entity >> 6] + PFF_POPCOUNT64(word & (bit - 1))
        return -1
    low = rows.index[entity >> rows.shift]
    high = rows.index[(entity >> rows.shift) + 1]
    while low < high and rows.keys[low] < entity:
        low += 1
    if low < high and rows.keys[low] == entity:
        return low
    return -1


cdef inline bint row_has(const CSR* rows, int64_t row, int32_t value) noexcept nogil:
    """Whether the sorted row (>= 0) holds `value`."""
    cdef uint32_t low = rows.offsets[row]
    cdef uint32_t high = rows.offsets[row + 1]
    cdef uint32_t middle
    while low < high:
        middle = (low + high) >> 1
        if rows.values[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < rows.offsets[row + 1] and rows.values[low] == value


cdef inline bint has_pair(const CSR* rows, int32_t key, int32_t value) noexcept nogil:
    cdef int64_t row = find_row(rows, key)
    return row >= 0 and row_has(rows, row, value)


cdef class GraphView:
    cdef const unsigned char* base
    cdef Py_buffer view
    cdef bint has_view
    cdef readonly uint64_t total_bytes
    cdef readonly uint64_t n_entities
    cdef readonly uint64_t n_relations
    cdef readonly uint64_t n_triples
    cdef readonly uint64_t n_read
    cdef readonly uint32_t flags
    cdef readonly bytes input_hash
    cdef readonly str mapping
    cdef bint is_rdf              # names may be spelled otherwise
    cdef const uint64_t* entity_ends
    cdef const unsigned char* entity_blob
    cdef const uint32_t* entity_slots
    cdef uint64_t entity_mask
    cdef const uint64_t* relation_ends
    cdef const unsigned char* relation_blob
    cdef const uint32_t* relation_slots
    cdef uint64_t relation_mask
    cdef CSR* rows               # 2 * relation + direction

    cdef int32_t find_entity(self, const unsigned char* name, size_t length, uint64_t hash) noexcept nogil
    cdef int32_t find_relation(self, const unsigned char* name, size_t length, uint64_t hash) noexcept nogil
    cdef _read_header(self, Py_ssize_t length)
    cdef _check_names(
        self, const uint64_t* ends, uint64_t n, uint64_t blob_bytes, uint64_t mask, str kind
    )
    cdef const unsigned char* _section(self, size_t at, uint64_t count, uint64_t item) except NULL
    cdef const unsigned char* _inside(
        self, uint64_t offset, uint64_t count, uint64_t item, size_t at
    ) except NULL
    cdef _read_relations(self)
