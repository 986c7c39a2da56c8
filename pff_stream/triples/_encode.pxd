# What makes a graph of the triples that were read.
from libc.stdint cimport uint64_t

from pff_stream.triples._name_table cimport Array
from pff_stream.triples._triple_lines cimport TripleLines


cdef class Encoder(TripleLines):
    cdef Array pairs
    cdef Array starts             # uint64[n_relations + 1] into the pairs
    cdef Array ends               # uint64[n_relations], behind the distinct pairs
    cdef Array shapes             # Shape[2 * n_relations]
    cdef uint64_t largest
    cdef Array spare
    cdef Array stamps
    cdef bint keeps               # arrays stay for the next graph, up to `KEPT_BYTES` of each
    cdef readonly uint64_t n_triples
    cdef readonly uint64_t largest_relation_read
    cdef readonly bint sorts_in_place   # in the file where the triples lie

    cdef void _let_go(self, Array* array) noexcept nogil
    cdef _part_with_names(self)
    cdef _merge_names(self)
    cdef bint _group(self) noexcept nogil
    cdef uint64_t _names_end(self) noexcept nogil
    cdef bint _write_sections(self, unsigned char* base, uint64_t total) noexcept nogil
    cdef uint64_t _write_relation(
        self, unsigned char* base, uint64_t at, uint64_t table, uint64_t relation, uint64_t* spare
    ) noexcept nogil
