# Exact counts of rules, body by body: what every way of taking rules builds on.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.evaluate._chain cimport Chain, ChainHead
from pff_stream.evaluate._scratch cimport Atom, Body, Scratch
from pff_stream.evaluate._search cimport Search
from pff_stream.evaluate._work cimport Work
from pff_stream.triples._graph cimport GraphView, Rows


cdef enum:
    SATISFIED = 0
    VIOLATED = 1
    VACUOUS = 2
    FILTERED = 3
    TOO_LARGE = 4
    RELATION_ABSENT = 1
    CONSTANT_ABSENT = 2
    NOTHING_MATCHES = 3
    UNDER_SUPPORT = 4
    UNDER_CONFIDENCE = 5
    OVER_MAX_WORK = 6
    UNCOUNTED = -1


# A head: a term >= 0 is a variable of the body; else the constant's entity (-1: not in the graph).
cdef struct Head:
    int32_t relation              # -1: not in the graph
    int32_t left
    int32_t right
    int32_t left_entity
    int32_t right_entity
    int32_t relation_name         # places in the chunk's names, -1 for a variable
    int32_t left_name
    int32_t right_name


cdef inline bint is_pair(const Head* head) noexcept nogil:
    """Whether the head is over two variables."""
    return head.left >= 0 and head.right >= 0 and head.left != head.right


cdef class Counter:
    cdef GraphView graph
    cdef Scratch scratch
    cdef Search search
    cdef Chain chain
    cdef int capacity             # atoms of a body that the search has room for
    cdef int way
    cdef uint64_t own_progress
    cdef const unsigned char[::1] progress_view
    cdef Work work
    cdef bint bounds_work
    cdef uint64_t max_work
    cdef int64_t min_support
    cdef double min_confidence
    # the rules at hand
    cdef int32_t* entity_ids      # per name
    cdef int32_t* relation_ids
    cdef Atom* atoms
    cdef Head* heads
    cdef ChainHead* chain_heads
    cdef int32_t* chain_rules
    cdef int64_t* predictions
    cdef int64_t* support
    cdef uint8_t* outcomes
    cdef uint8_t* reasons
    cdef size_t name_room
    cdef size_t atom_room
    cdef size_t rule_room

    cdef _allocate_scratch(self, bint wide)
    cdef reserve_body(self, int n_atoms)
    cdef reserve_rules(self, size_t n_names, size_t n_atoms, size_t n_rules)
    cdef void set_head(self, Py_ssize_t rule, const int32_t* columns) noexcept nogil
    cdef uint8_t filter(self, Py_ssize_t rule, int64_t support, double confidence) noexcept nogil
    cdef uint8_t resolve_body(self, const int32_t* columns, int n_atoms, Body* body) noexcept nogil
    cdef int32_t _resolve_term(self, int32_t term, Body* body, uint8_t* reason) noexcept nogil
    cdef int count_body(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil
    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil
    cdef const Rows* zero_rows(self, const Head* head) noexcept nogil
    cdef bint known(self, const Head* head, int32_t left, int32_t right) noexcept nogil
    cdef void _count_zero_rule(self, Py_ssize_t rule) noexcept nogil
    cdef void _count_ground(self, Body* body, Py_ssize_t rule) noexcept nogil
    cdef int _count_values(
        self, Body* body, int32_t variable, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef void _support_of_listed(self, Py_ssize_t rule) noexcept nogil
    cdef int _count_pairs(
        self, Body* body, int32_t source, int32_t end, Py_ssize_t first, Py_ssize_t last
    ) except -1 nogil
    cdef int64_t _count_pairs_by_search(
        self, Body* body, int32_t source, int32_t end, int n_heads
    ) noexcept nogil
