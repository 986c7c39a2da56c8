from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    # Longest line of a source; everything that holds one rule is sized from it.
    LINE_BYTES = 65536
    # Body and head key of one rule together: a constant beside me_myself_i is written twice.
    KEYS_BYTES = 2 * LINE_BYTES + 256

cdef struct Record:
    # One rule on its way from the runs to a chunk: keys as in `keys.rule_keys`, that of the body as `keys.sorted_keys`.
    const uint8_t *body
    const uint8_t *head
    const uint8_t *text
    uint32_t body_bytes
    uint32_t head_bytes
    uint32_t text_bytes
    uint32_t flags
    uint64_t source
    int64_t support
    double confidence

cdef enum:
    MOST_TURNED = 8               # atoms of a body that is sorted by the lesser of its two directions
    TURNED = 1                    # the last byte of a body's key: its atoms come from the last to the first

# The atoms of a body that is a chain, and the numbers that its variables have from the other end.
cdef struct TurnedBody:
    const uint8_t *atoms[MOST_TURNED]
    int n_atoms
    uint8_t numbers[MOST_TURNED + 2]

cdef bint find_turned(const uint8_t *key, TurnedBody *turned) noexcept nogil

cdef struct Column:
    uint8_t *data
    size_t used

cdef class ChunkBuilder:
    cdef object sink
    cdef size_t max_rules
    cdef size_t max_bytes
    cdef uint64_t max_weight
    cdef Column columns[13]
    cdef uint32_t *slots
    cdef uint32_t *slot_of_name
    cdef uint8_t *last_body
    cdef uint32_t last_body_bytes
    cdef size_t n_names
    cdef size_t n_rules
    cdef size_t n_bodies
    cdef uint64_t weight
    cdef readonly uint64_t bodies
    cdef readonly uint64_t filters      # inequalities of all bodies
    cdef readonly uint32_t max_body_atoms
    cdef int _allocate(self) except -1
    cdef int add(self, const Record *record) except -1
    cdef int close(self) except -1
    cdef int _add_body(self, const uint8_t *key, uint32_t length) except -1
    cdef const uint8_t *_add_atom(
        self, Column *column, const uint8_t *key, const uint8_t *numbers
    ) except NULL
    cdef int32_t _name(self, const uint8_t *name, size_t length) except -1
