# The violated rules of a table in their order, as many as were chosen so far.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.evaluate._kernel cimport TableCounter


# A violated rule that has a confidence.
cdef struct TableRule:
    double confidence             # of the first rule with this text
    int64_t violations
    uint32_t text                 # place of its text among all texts, and whether others have it
    uint32_t source
    uint32_t place                # among the violated rules of the counter
    bint repeats


cdef class TableOrder:
    cdef object catalogue
    cdef TableCounter counter
    cdef TableRule* rules         # a heap of those that are not chosen; behind it the others
    cdef uint32_t n_rules
    cdef const double[::1] confidences
    cdef readonly uint32_t n
    cdef readonly uint64_t violations
    cdef readonly uint64_t without_value
    cdef readonly uint64_t below_floor

    cdef uint32_t _join_repeats(self, double floor) except? 0xFFFFFFFF
    cdef const TableRule* _ranked(self, uint32_t rank) noexcept
    cdef void _choose_next(self) noexcept
    cdef void _sift_down(self, uint32_t at, uint32_t n) noexcept
