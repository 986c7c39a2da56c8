from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    # Longest line of a source; everything that holds one rule is sized from it.
    LINE_BYTES = 65536
    # Body and head key of one rule together: a constant beside me_myself_i is written twice.
    KEYS_BYTES = 2 * LINE_BYTES + 256

cdef struct Record:
    # One rule on its way from the runs to a chunk: keys as in `chunk.rule_keys`.
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
    cdef int _add_body(self, const uint8_t *key) except -1
    cdef const uint8_t *_add_atom(self, Column *column, const uint8_t *key) except NULL
    cdef int32_t _name(self, const uint8_t *name, size_t length) except -1
