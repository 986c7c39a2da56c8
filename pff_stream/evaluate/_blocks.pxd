# Rules over a graph that is read in blocks.
from libc.stdint cimport int32_t, uint32_t, uint64_t

from pff_stream.evaluate._kernel cimport Body, Evaluator, Head, RuleRange, is_pair
from pff_stream.triples._ahead cimport Follower
from pff_stream.triples._resident cimport ResidentRelations


# --- units ---------------------------------------------------------------------------------------

cdef enum:
    MOST_GROUPS = 8


# A range of rules of one chunk, among those that are taken together.
cdef struct TakenRange:
    RuleRange rules
    const unsigned char* names
    const uint32_t* name_ends
    int n_names
    Py_ssize_t first_name         # their numbers among all that are taken together
    Py_ssize_t first_rule


# Rules of one body that are counted at once: what they look at is in memory together. A side is a
# relation in one direction: 2 * relation + direction.
cdef struct Unit:
    const int32_t* sides          # of the body, each once
    const int32_t* heads          # the side of each rule's head, -1: none is needed
    unsigned char groups[MOST_GROUPS]   # of the sides that are wanted whole, ascending
    uint64_t whole_bytes          # of these sides, at most
    int32_t n_sides
    int32_t first
    int32_t last
    int32_t range
    int32_t row                   # the constant of a body of one row, -1: not in the graph
    bint one_row                  # of its only side it takes the row of a constant
    bint is_zero                  # there is no body
    bint is_cut                   # its body does not fit: only sides in any order are brought in
    bint in_order                 # something is gone through from front to back in the mapping
    bint is_gathered              # whether the rows that it wants alone are


cdef inline int form_of(const Head* head) noexcept nogil:
    """One number for all heads over the same variables, at least 0."""
    if is_pair(head):
        return (head.left + 1) << 16 | (head.right + 1)
    return max(max(head.left, head.right), -1) + 1


cdef class UnitMaker(Evaluator):
    cdef ResidentRelations resident
    cdef TakenRange* taken
    cdef int32_t* all_entity_ids  # of the names of all that are taken together
    cdef int32_t* all_relation_ids
    cdef Unit* units
    cdef int32_t* body_sides
    cdef int32_t* head_sides
    cdef int32_t* any_order       # sides of a body that is cut
    cdef int sides_room
    cdef size_t taken_room        # ranges, rules and atoms that there is room for
    cdef size_t block_rules
    cdef size_t block_atoms
    cdef bint backwards

    cdef reserve_ranges(self, size_t n_ranges)
    cdef void select_range(self, Py_ssize_t number) noexcept nogil
    cdef void make_units(
        self, Py_ssize_t number, Py_ssize_t* n_units, Py_ssize_t* n_pool
    ) noexcept nogil
    cdef bint _find_sides(
        self, const int32_t* columns, int n_atoms, int32_t* sides, Unit* unit
    ) noexcept nogil
    cdef uint64_t _cut(self, const int32_t* columns, int n_atoms, Py_ssize_t rule) noexcept nogil
    cdef int find_any_order(
        self, const Body* body, int32_t left, int32_t right, int32_t* first
    ) noexcept nogil
    cdef bint wants_row(self, const Unit* unit, Py_ssize_t rule) noexcept nogil
    cdef int32_t row_of(self, Py_ssize_t rule) noexcept nogil
    cdef void name_groups(self, Unit* unit) noexcept nogil
    cdef void sort_units(self, Py_ssize_t n_units) noexcept nogil


# --- blocks --------------------------------------------------------------------------------------

cdef class ResidentUnits(UnitMaker):
    cdef uint64_t n_wanted_sides
    cdef const Unit* unit         # at hand
    cdef Follower follower

    cdef uint64_t _locate_rows(self, Py_ssize_t n_units) except? 0 nogil
    cdef uint64_t _add_rows(self, const Unit* unit, uint32_t part, bint adds) noexcept nogil
    cdef uint64_t _add_row(
        self, int32_t side, int32_t entity, uint32_t part, bint adds
    ) noexcept nogil
    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil
    cdef void _follow(self, int32_t first) noexcept nogil
    cdef int _bring_row(self, const Unit* unit, int32_t side, uint32_t whole) except -1 nogil
    cdef void _hide_rows(self, const Unit* unit) noexcept nogil


cdef class BlockEvaluator(ResidentUnits):
    cdef void _find_spelled(self, const TakenRange* taken) noexcept nogil
    cdef int _take(self, Py_ssize_t n_ranges) except -1 nogil
    cdef int _write(self, Py_ssize_t rule, const int32_t* columns, int n_atoms) except -1 nogil
    cdef int _write_by_form(
        self, const Unit* unit, const int32_t* columns, int n_atoms
    ) except -1 nogil
    cdef int _take_unit(self, const Unit* unit) except -1 nogil
