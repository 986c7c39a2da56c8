# Chunks of rules to result records where the graph is read in blocks.
from libc.stdint cimport int32_t

from pff_stream.evaluate._kernel cimport Evaluator, RuleRange
from pff_stream.triples._resident cimport ResidentRelations


# Rules of one body whose relations, and those of the heads, are resident together. A side is a
# relation in one direction: 2 * relation + direction.
cdef struct Unit:
    const int32_t* sides          # of the body, each once
    const int32_t* heads          # the side of each rule's head, -1: none is needed
    int32_t n_sides
    int32_t first
    int32_t last
    bint one_row                  # of its only side it takes the row of a constant


cdef class BlockEvaluator(Evaluator):
    cdef ResidentRelations resident
    cdef Unit* units
    cdef int32_t* body_sides
    cdef int32_t* head_sides
    cdef size_t block_rules       # rules and atoms that there is room for
    cdef size_t block_atoms
    cdef bint backwards

    cdef Py_ssize_t _make_units(self, const RuleRange* rules) noexcept nogil
    cdef bint _find_sides(
        self, const int32_t* columns, int n_atoms, Py_ssize_t first, Py_ssize_t last,
        int32_t* sides, int32_t* n_sides, bint* has_constant
    ) noexcept nogil
    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil
