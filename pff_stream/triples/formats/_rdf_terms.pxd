# The terms of N-Triples, and the numbers of blank nodes.
from libc.stdint cimport int64_t, uint64_t

from pff_stream.triples._name_table cimport Array, Names, Text

cdef enum:
    IRI = 1
    BLANK = 2
    LITERAL = 4
    TRIPLE = 8


cdef class BlankNodes:
    cdef Names labels
    cdef uint64_t before          # numbers that inputs before the one at hand have taken

    cdef int64_t number(self, Text label, size_t length) noexcept nogil


cdef class Terms:
    cdef BlankNodes blank_nodes
    cdef Array out                # names that nobody has taken yet
    cdef size_t out_bytes
    cdef bint is_dry              # labels get no numbers: whether the triple is taken is not known
    cdef Text fault_at
    cdef const char* expected
    cdef bint no_memory

    cdef Text _triple(self, Text at, Text stop, unsigned char between, int depth) noexcept nogil
    cdef Text _term(self, Text at, Text stop, int allowed, int depth) noexcept nogil
    cdef Text _iri(self, Text at, Text stop, bint bracketed) noexcept nogil
    cdef Text _blank(self, Text at, Text stop) noexcept nogil
    cdef Text _literal(self, Text at, Text stop) noexcept nogil
    cdef Text _language(self, Text at, Text stop) noexcept nogil
    cdef bint _put(self, Text at, size_t length) noexcept nogil
    cdef Text _fault(self, Text at, const char* expected) noexcept nogil


cdef inline Text skip_blanks(Text at, Text stop) noexcept nogil:
    while at < stop and (at[0] == 32 or at[0] == 9):
        at += 1
    return at
