# Search over groundings: the way that is right for every shape of body.
from libc.stdint cimport int32_t, int64_t, uint64_t

from pff_stream.evaluate._scratch cimport Atom, Body, Scratch
from pff_stream.triples._graph cimport Rows


# SCAN binds `target` to each key; EXTEND to each value in the row of `source`; CHECK tests a pair.
cdef struct Step:
    int operation
    const Rows* rows
    int32_t source
    int32_t target


cdef struct Search:
    Scratch* scratch
    const Rows* rows
    const Body* body
    int32_t* binding              # per variable, -1 = free
    int32_t* constants            # entities that no variable may take (object identity)
    int n_constants
    Step* steps
    int n_steps
    char* placed
    int32_t target                # the variable whose distinct values are wanted, or -1
    int64_t n_found               # they are listed in scratch.near


cdef struct Domain:
    const int32_t* items
    int64_t n_items
    int atom                      # whose row they are, so that it holds for each; -1: keys


cdef void start_search(
    Search* search, const Body* body, int32_t left_constant, int32_t right_constant
) noexcept nogil
cdef Domain domain_of(const Search* search, int32_t variable) noexcept nogil
cdef void plan_steps(Search* search) noexcept nogil
cdef bint admissible(const Search* search, int32_t entity) noexcept nogil
cdef bint exists(Search* search) noexcept nogil
cdef int64_t list_values(Search* search, int32_t variable) noexcept nogil
cdef bint least_grounding(Search* search) noexcept nogil
