# One rule of very many violations, of which only the first triples are wanted.
from libc.stdint cimport uint32_t, uint64_t

from pff_stream.findings._joined cimport Joined
from pff_stream.findings._sorted cimport Sorter


cdef class LargeRule:
    cdef Joined joined
    cdef object folder
    cdef uint32_t rank
    cdef uint64_t wanted          # triples
    cdef Sorter page              # violations, by triple
    cdef Sorter first             # of triples that no earlier rule predicts, by name
    cdef Sorter reasons           # of triples that one does
    cdef uint64_t triples         # that no earlier rule predicts, so far
    cdef uint64_t n_kept
    cdef bytes front              # names of a subject and a relation, and their ids
    cdef unsigned char front_ids[8]
    cdef bytes last               # names of the last that is kept; None: all are

    cdef uint64_t _give(self, Sorter sorter, bint has_names) except? 0xFFFFFFFFFFFFFFFF
    cdef bytes _names(self, const unsigned char* triple)
    cdef int _keep_first(self) except -1
