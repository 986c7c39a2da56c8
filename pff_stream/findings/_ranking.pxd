# Violated rules on their way into the order of rules.
from libc.stdint cimport uint8_t, uint64_t

from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._pass cimport Formatter, Pass


cdef class Ranking(Formatter):
    cdef Sorter by_text
    cdef Sorter order
    cdef int kind
    cdef double floor
    cdef unsigned char* entry     # the one that is being packed
    cdef size_t room
    cdef readonly uint64_t without_value
    cdef readonly uint64_t below_floor
    cdef readonly uint64_t violations

    cdef int _reserve(self, size_t n) except -1
    cdef int _add_in_order(
        self, const unsigned char* entry, size_t n, const unsigned char* first, bint repeats
    ) except -1
