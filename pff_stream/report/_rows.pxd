# What a document says of rules, on its way to the sums over all documents.
from libc.stdint cimport int64_t, uint8_t, uint64_t

from pff_stream.report._pass cimport Formatter
from pff_stream.report._record cimport N_COUNTS

# `ROW` of sums.py.
cdef struct Row:
    uint64_t source               # ordinal of the rule in its source
    uint8_t outcome
    uint8_t reason
    int64_t facts                 # triples of the head's relation
    int64_t counts[N_COUNTS]


cdef class RuleRows(Formatter):
    cdef object write
    cdef Row* rows
    cdef size_t n
    cdef int hand_out(self) except -1
    cdef int add(self, const Row* row) except -1 nogil
