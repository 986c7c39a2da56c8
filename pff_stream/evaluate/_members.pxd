# Bodies seen from one head variable: which entities have a grounding, and what takes them out.
from libc.stdint cimport int32_t, int64_t

from pff_stream.evaluate._scratch cimport Body, Scratch
from pff_stream.evaluate._search cimport Search
from pff_stream.triples._graph cimport Rows


# Members of a body at one variable are stamped with the current epoch. Under object identity a head
# constant c takes out c itself and each member x whose every grounding contains c: those c are
# K(x), at most two, in scratch.first and scratch.second; scratch.withheld counts them per c.
cdef struct Members:
    int64_t n
    bint shared                   # whether they serve every head constant


# A body of two atoms r(X,A), q(A,B) or q(A,d), seen from X, in any order and direction.
cdef struct Pattern:
    int64_t step                  # the side of r from X
    int64_t onward                # the side of q from A
    int32_t end                   # B, or the constant


cdef bint find_pattern(const Body* body, int32_t variable, Pattern* pattern) noexcept nogil
cdef Members find_members(
    Scratch* scratch, const Rows* rows, const Body* body, int32_t variable
) noexcept nogil
cdef void forget_members(Scratch* scratch, const Members* members) noexcept nogil
cdef int64_t count_members(
    const Scratch* scratch, const Members* members, int32_t constant
) noexcept nogil
cdef int64_t count_supported(
    const Scratch* scratch, const Rows* known, int32_t constant
) noexcept nogil
cdef int64_t count_supported_loops(const Scratch* scratch, const Rows* known) noexcept nogil
