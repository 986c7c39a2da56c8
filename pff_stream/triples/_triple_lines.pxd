# What reads triple lines, and the records that it leaves, for whoever makes a graph of them.
from libc.stdint cimport int32_t, uint64_t

from pff_stream.triples._name_runs cimport NameRuns
from pff_stream.triples._name_table cimport Array, Names, Problem, Text


cdef struct Record:
    int32_t subject
    int32_t relation
    int32_t object


# One line, taken apart.
cdef struct Line:
    Text start
    Text next
    Text names[3]                 # subject, relation, object, whatever their columns
    size_t lengths[3]
    uint64_t hashes[3]


cdef class TripleLines:
    cdef Names entities
    cdef Names relations
    cdef Array records
    cdef int spill[2]             # for records and for pairs; -1: there is none
    cdef size_t spill_bytes
    cdef size_t written           # bytes of the records that are on their way to the file
    cdef size_t dropped
    cdef int spill_error
    cdef readonly bint spilled    # triples lie in their files
    cdef NameRuns runs            # of entities; None: they stay in memory
    cdef bint is_in_runs          # they do not
    cdef public uint64_t most_names_bytes  # of entities in memory, their tables included
    cdef uint64_t most_triples
    cdef Array tail               # the unfinished line of the last block
    cdef size_t tail_bytes
    cdef int columns[3]
    cdef int n_columns
    cdef bint more_columns
    cdef bint cuts_dots
    cdef bint is_wide             # columns are others than the three
    cdef bint verbatim
    cdef uint64_t line
    cdef uint64_t max_line_bytes
    cdef Problem problem
    cdef object bad
    cdef str source
    cdef readonly uint64_t n_read, n_blank, n_comments

    cdef _keep(self, Text at, Text stop)
    cdef _tail_line(self)
    cdef _take(self, Text at, Text stop)
    cdef Text _lines(self, Text at, Text stop, bint plain) noexcept nogil
    cdef Problem _add(self, const Line* line) noexcept nogil
    cdef bint _are_too_many(self, size_t line_bytes, int n_lines) noexcept nogil
    cdef bint _can_part(self) noexcept nogil


# --- what a graph is made by ---------------------------------------------------------------------

cdef bint reserve_in_file(TripleLines lines, int which, Array* array, size_t needed) noexcept nogil
cdef void forget_triples(TripleLines lines, void* array, size_t start, size_t stop) noexcept nogil
cdef raise_no_memory(TripleLines lines)
