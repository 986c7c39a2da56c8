# Rules over a graph that is read in blocks.
from libc.stdint cimport int32_t, uint32_t, uint64_t

from pff_stream.evaluate._units cimport Unit, UnitMaker
from pff_stream.triples._ahead cimport Follower


cdef class BlockEvaluator(UnitMaker):
    cdef uint64_t n_wanted_sides
    cdef const Unit* unit         # at hand
    cdef Follower follower

    cdef int _take(self, Py_ssize_t n_ranges) except -1 nogil
    cdef int _write(self, Py_ssize_t rule, const int32_t* columns, int n_atoms) except -1 nogil
    cdef int _write_by_form(
        self, const Unit* unit, const int32_t* columns, int n_atoms
    ) except -1 nogil
    cdef int _take_unit(self, const Unit* unit) except -1 nogil
    cdef uint64_t _locate_rows(self, Py_ssize_t n_units) except? 0 nogil
    cdef uint64_t _add_rows(self, const Unit* unit, uint32_t part, bint adds) noexcept nogil
    cdef uint64_t _add_row(
        self, int32_t side, int32_t entity, uint32_t part, bint adds
    ) noexcept nogil
    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil
    cdef void _follow(self, int32_t first) noexcept nogil
    cdef int _bring_row(self, const Unit* unit, int32_t side, uint32_t whole) except -1 nogil
    cdef void _hide_rows(self, const Unit* unit) noexcept nogil
