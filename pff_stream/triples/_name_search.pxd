# Many names looked up at once in a graph file.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport GraphView
from pff_stream.triples._window cimport FileWindow


# A name that is looked for.
cdef struct Sought:
    uint64_t slot
    uint64_t start                # of the name that stands there
    const unsigned char* text
    uint32_t length
    int32_t entity
    int32_t name                  # its number among those that are looked for


cdef class NameSearch:
    cdef GraphView graph
    cdef FileWindow file
    cdef Sought* sought
    cdef int64_t sought_capacity
    cdef int64_t n_sought

    cdef int reserve(self, int64_t n) except -1
    cdef void seek(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) noexcept nogil
    cdef int find(self, int32_t* ids) except -1 nogil
    cdef int64_t _read_slots(self, int64_t n) except -1 nogil
    cdef int _compare(self, int64_t n, int32_t* ids) except -1 nogil
