# Runs of result records as one sorted stream: a header at a time, a payload when it is asked for.
from libc.stdint cimport uint32_t, uint64_t

from pff_stream.report._record cimport Record
from pff_stream.report._text cimport Sink

# A run as it is told (`RUN` of records.py).
cdef struct RunPlace:
    uint32_t file
    uint32_t crc32
    uint64_t offset
    uint64_t length

# A run being read: window[at:filled] is read ahead, bytes next..stop of the file come after it.
cdef struct RunReader:
    RunPlace place
    int fd
    uint32_t crc32
    uint64_t next
    uint64_t stop
    unsigned char* window
    size_t at
    size_t filled
    Record header                 # of the record at `at`

cdef class RunHeap:
    cdef object files             # descriptors; the last is that of `merged`, once there is one
    cdef object merged            # runs of runs, unnamed and gone when closed
    cdef object merged_runs       # where they lie in it
    cdef object temporary_dir
    cdef size_t window_bytes
    cdef size_t max_record_bytes
    cdef int fan_in
    cdef bint checks_sums
    cdef unsigned char* windows
    cdef RunReader* readers
    cdef int* heap                # places of `readers`, the least record first
    cdef unsigned char* large     # one record that is longer than a window
    cdef size_t large_bytes
    # the present record
    cdef int n                    # runs that have one; 0: the end
    cdef Record* header
    cdef const unsigned char* payload

    cdef _allocate(self, size_t n)
    cdef RunReader* _top(self) noexcept
    cdef int _open(self, bytes packed) except -1
    cdef int _read_header(self, RunReader* run) except -1
    cdef bint _is_checked(self, const RunReader* run) noexcept nogil
    cdef int _finish(self, RunReader* run) except -1
    cdef int _refill(self, RunReader* run) except -1
    cdef int _read(self, RunReader* run, unsigned char* to, size_t n) except -1
    cdef int fetch(self) except -1
    cdef int advance(self) except -1
    cdef int write_record(self, Sink* sink) except -1
    cdef _open_all(self, runs)
    cdef bytes _places(self, runs, size_t given, size_t first, size_t count)
    cdef object _merge_some(self, bytes places, object writer)
    cdef _damaged(self, RunReader* run, size_t behind, object what)
