# Lines of N-Triples and N-Quads to triple lines.
from libc.stdint cimport uint64_t

from pff_stream.triples._name_table cimport Array, Text
from pff_stream.triples.formats._rdf_terms cimport Terms


cdef class StatementLines(Terms):
    cdef bint quads
    cdef bytes graph              # only the triples of this one; None: all
    cdef Text graph_text
    cdef size_t graph_bytes
    cdef Array numbers            # of their lines, uint64_t each
    cdef size_t n_numbers
    cdef Array tail               # the unfinished line of the last block
    cdef size_t tail_bytes
    cdef bint tail_is_whole
    cdef bytes block
    cdef Text at
    cdef Text stop                # of the whole lines of the block
    cdef Text end
    cdef bint plain
    cdef bint is_taken            # what was written last
    cdef readonly uint64_t line   # the one at hand, from 1
    cdef readonly uint64_t n_left_out
    cdef readonly str problem

    cdef _keep(self, Text at, Text stop)
    cdef _tell(self, Text at, Text stop)
    cdef Text _line(self, Text at, Text stop) noexcept nogil
    cdef Text _statement(self, Text at, Text stop) noexcept nogil
    cdef Text _graph(self, Text at, Text stop) noexcept nogil
