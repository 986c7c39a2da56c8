# Relations that are gone through from front to back in a mapping, read ahead in small windows.
from libc.stdint cimport int32_t, int64_t, uint64_t

from pff_stream.triples._graph cimport CSR


cdef enum:
    FOLLOWED = 4                  # sides at once, at most


# One array of a side, and what of it has been asked for.
cdef struct Part:
    const unsigned char* at
    uint64_t n_bytes
    uint64_t start
    uint64_t stop


cdef struct Followed:
    CSR rows
    Part bits
    Part index
    Part keys
    Part offsets
    Part values


cdef struct Follower:
    int n
    Followed sides[FOLLOWED]


cdef void follow_side(Follower* follower, const CSR* rows, int64_t n_entities) noexcept nogil
cdef void go_on(void* follower, int32_t entity) noexcept nogil
