# Lines by rule, for writers beside these.
from libc.stdint cimport uint32_t

from pff_stream.report._pass cimport Formatter, Pass, Slice
from pff_stream.report._record cimport N_OUTCOMES, N_REASONS
from pff_stream.report._text cimport Sink


cdef class Lines(Formatter):
    cdef object out
    cdef Sink sink
    cdef readonly uint32_t left_out   # rules that it has no line of, where it counts those


cdef class OutcomeLines(Lines):
    cdef Slice reason_texts[N_REASONS]
    cdef Slice outcome_words[N_OUTCOMES]
    cdef list words               # what the slices are of

    cdef int put_outcome(self, Pass at) except -1
