# A graph file read in windows, past the page cache where the system can.
from libc.stdint cimport uint64_t

from pff_stream.triples._graph cimport GraphView


cdef enum:
    PAGE = 4096                   # of the file, for reads past the page cache
    READ_BYTES = 1 << 20
    GAP_BYTES = 1 << 16           # between two places: reading over it is as quick as a second read
    WINDOW_SPAN = 1 << 20


cdef void* taken(size_t n_bytes) except NULL


cdef class FileWindow:
    cdef GraphView graph
    cdef int plain_fd
    cdef int direct_fd            # reads past the page cache; -1: there is no such thing
    cdef unsigned char* window
    cdef uint64_t window_at
    cdef uint64_t window_end
    cdef uint64_t* progress

    cdef int read(self, unsigned char* to, uint64_t at, uint64_t n_bytes) except -1 nogil
    cdef void forget(self) noexcept nogil
    cdef const unsigned char* reach(
        self, uint64_t at, uint64_t n_bytes, uint64_t until
    ) except NULL nogil
    cdef int copy(
        self, unsigned char* to, uint64_t at, uint64_t n_bytes, uint64_t until
    ) except -1 nogil
