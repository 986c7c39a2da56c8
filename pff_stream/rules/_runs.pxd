from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.rules._chunks cimport ChunkBuilder
from pff_stream.rules._run_file cimport RunFile

cdef enum:
    # What is known of the text of a head or a body (bits of `state`).
    DIRECT = 1  # no more separators than it needs
    SETTLED = 2  # one reading has the most atoms among those that are nested and have variables
    SEVERAL = 4  # several readings have a variable in each atom
    ANALYSED = 8  # SETTLED and SEVERAL are known
    NAMED = 16  # all names are in the graph
    NAMES_KNOWN = 32  # NAMED is known
    BLANKS = 64  # DIRECT but for blanks around names, which are left out

cdef struct Head:
    # A distinct head text; the text follows. A term is 0 (a constant of the text), a letter, or
    # 1 + a variable number where a reading came with its numbers.
    uint32_t text_bytes
    uint32_t relation_at
    uint32_t relation_bytes
    uint32_t subject_at
    uint32_t subject_bytes
    uint32_t object_at
    uint32_t object_bytes
    uint8_t subject
    uint8_t object
    uint8_t state
    uint8_t over_objects

cdef struct Body:
    # A distinct body text; the text and its key follow. numbers: 1 + variable number by letter.
    uint32_t text_bytes
    uint32_t key_bytes
    uint32_t rank
    uint8_t numbers[26]
    uint8_t state
    uint8_t spare

cdef struct Slot:
    uint32_t tag
    uint32_t entry

cdef struct Rule:
    # 32 bytes: source counts from the first rule of the run, text is the place of a Text or 0.
    int64_t support
    double confidence
    uint32_t source
    uint32_t head
    uint32_t body
    uint32_t text

cdef struct Text:
    # The text of a rule whose flags are not 0 follows.
    uint32_t flags
    uint32_t text_bytes

cdef class HeldRun:
    cdef uint8_t *arena
    cdef size_t arena_bytes
    cdef size_t used
    cdef size_t n_slots
    cdef Slot *head_slots
    cdef Slot *body_slots
    cdef size_t n_heads
    cdef size_t n_bodies
    cdef size_t n_rules
    cdef size_t widest            # rules of one body, at most, of the run that was sorted last
    cdef uint8_t *head_key

    cdef uint32_t find(self, bint body, const uint8_t *text, uint32_t length, uint64_t hashed) noexcept nogil
    cdef Head *head_at(self, uint32_t entry) noexcept nogil
    cdef Body *body_at(self, uint32_t entry) noexcept nogil
    cdef uint32_t add_head(self, const uint8_t *text, uint32_t length, uint64_t hashed) noexcept nogil
    cdef uint32_t add_body(self, const uint8_t *text, uint32_t length, uint64_t hashed) noexcept nogil
    cdef uint8_t *new_key(self) noexcept nogil
    cdef size_t _finish_key(self, uint8_t *key, size_t length) noexcept nogil
    cdef void set_key(self, uint32_t entry, size_t length) noexcept nogil
    cdef void _enter(self, Slot *slots, uint64_t hashed, uint32_t entry) noexcept nogil
    cdef Rule *_rule(self, size_t index) noexcept nogil
    cdef uint32_t _write_head(self, const Rule *rule, uint8_t *out) noexcept
    cdef int _compare_heads(self, const Rule *a, const Rule *b) noexcept
    cdef void _sort_heads(self, uint32_t *order, uint32_t *spare, size_t n) noexcept
    cdef uint32_t *_sort(self) noexcept


cdef class SortedRuns(HeldRun):
    cdef ChunkBuilder builder
    cdef RunFile written
    cdef readonly str place       # what a failure of its temporary file is told of
    cdef readonly int n_spilled
    cdef size_t most_touched      # by a run that was sorted
    cdef uint64_t first_source

    cdef int reserve(self, size_t n_bytes) except -1 nogil
    cdef void add_rule(
        self, uint32_t head, uint32_t body, uint64_t source, int64_t support, double confidence,
        uint32_t flags, const uint8_t *text, uint32_t text_bytes,
    ) noexcept nogil
    cpdef int finish(self) except -1
    cdef size_t _touched(self) noexcept nogil
    cdef int _drain(self, bint to_file) except -1
    cdef int _spill(self) except -1
