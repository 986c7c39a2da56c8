# Closed chains: bodies that lead from one head variable to the other through distinct variables.
from libc.stdint cimport int32_t, int64_t

from pff_stream.evaluate._scratch cimport Body, Scratch
from pff_stream.triples._graph cimport Rows


cdef struct Chain:
    int length
    const Rows** steps            # from each variable of the chain to the next
    const Rows** inverses         # and back: inverses[i] undoes steps[i]


# One head over a chain: the rows of its relation seen from the source, and from the other end.
cdef struct ChainHead:
    const Rows* forward           # NULL: the relation is not in the graph
    const Rows* backward
    int64_t support


# How a chain is counted: one source at a time or 512, from the source as written or from the end.
cdef enum:
    WAY_CHOSEN = 0
    WAY_FORWARD = 1
    WAY_BACKWARD = 2
    WAY_WIDE_FORWARD = 3
    WAY_WIDE_BACKWARD = 4


cdef bint find_chain(
    Chain* chain, const Rows* rows, const Body* body, int32_t source, int32_t end, char* used
) noexcept nogil
cdef void reverse_chain(Chain* chain) noexcept nogil
cdef bint has_exact_rows(const Scratch* scratch, const Chain* chain) noexcept nogil
cdef bint chain_is_exact(const Chain* chain, bint distinct) noexcept nogil
cdef int cheapest_way(Scratch* scratch, Chain* chain) noexcept nogil
cdef int64_t list_chain_row(Scratch* scratch, const Chain* chain, int32_t source) noexcept nogil
cdef int64_t count_chain(
    Scratch* scratch, Chain* chain, ChainHead* heads, int n_heads, int way
) noexcept nogil
