# Byte strings in, the same in order out, whatever there are of them: sorted runs in a file.
from libc.stdint cimport uint32_t, uint64_t


# A sorted run that is read: window[at:filled] is read ahead, bytes next..stop come after it.
cdef struct SortedRun:
    uint64_t next
    uint64_t stop
    unsigned char* window
    size_t at
    size_t filled


cdef class Sorter:
    cdef object folder
    cdef object file              # the runs, one behind the other, once there is more than one buffer
    cdef list runs                # (first byte, bytes) of each
    cdef unsigned char* buffer    # entries from its front, their places from its end
    cdef size_t capacity
    cdef size_t used
    cdef size_t n                 # entries in the buffer
    cdef size_t longest           # of all entries, with their length
    cdef readonly uint64_t entries
    cdef uint64_t cap
    cdef bint rests               # whether the buffer was given back
    # reading
    cdef SortedRun* open_runs
    cdef int* heap
    cdef int n_open
    cdef size_t window_bytes
    cdef bint has_taken           # whether the first entry of the heap was given away
    cdef size_t taken             # entries of the buffer, where nothing is in a file
    # writing
    cdef unsigned char* out
    cdef size_t n_out

    cdef int add(self, const unsigned char* entry, size_t n) except -1
    cdef int begin(self) except -1
    cdef const unsigned char* take(self, size_t* n) except? NULL
    cdef int _wake(self) except -1
    cdef uint32_t* _places(self) noexcept
    cdef int _write(self, const unsigned char* at, size_t n) except -1
    cdef void _free_out(self) noexcept
    cdef int _drain(self) except -1
    cdef int _sort(self) except -1
    cdef int _spill(self) except -1
    cdef int _merge_down(self) except -1
