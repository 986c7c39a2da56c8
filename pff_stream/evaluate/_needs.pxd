# Which sides of relations a rule looks up in any order: those have to be in memory.
from libc.stdint cimport int32_t

from pff_stream.evaluate._chain cimport Chain
from pff_stream.evaluate._scratch cimport Body
from pff_stream.triples._graph cimport Rows


cdef int sides_in_any_order(
    Chain* chain, const Rows* rows, const Body* body, int32_t left, int32_t right, bint distinct,
    char* used, int32_t* sides, int32_t* first
) noexcept nogil
