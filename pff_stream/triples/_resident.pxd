# A graph larger than memory, read from its file in blocks: some relations at a time.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport GraphView, Rows


# A relation in one direction in the room, as it lies in the file; its number is that of its rows.
cdef struct Block:
    uint64_t at
    uint64_t n_bytes
    uint64_t used                 # the round in which it was needed last
    int32_t side


# A name that is looked for.
cdef struct Sought:
    uint64_t slot
    uint64_t start                # of the name that stands there
    int32_t entity
    int32_t name


cdef class ResidentRelations:
    cdef GraphView graph
    cdef int plain_fd
    cdef int direct_fd            # reads past the page cache; -1: there is no such thing
    cdef unsigned char* room
    cdef readonly uint64_t room_bytes
    cdef uint64_t* starts         # per side, in the file
    cdef uint64_t* sizes
    cdef uint64_t* owed           # what looking the side up where it lies has cost, in bytes
    cdef Rows* mapped             # the rows as they lie in the mapping
    cdef uint32_t* stamps         # per side, for whoever makes sets of them
    cdef uint32_t stamp
    cdef Block* blocks            # by place in the room
    cdef int64_t n_blocks
    cdef uint64_t round
    cdef unsigned char* window
    cdef uint64_t window_at
    cdef uint64_t window_end
    cdef Sought* sought
    cdef int64_t sought_room
    cdef readonly uint64_t loads
    cdef readonly uint64_t read_bytes
    cdef uint64_t* progress

    cdef void next_round(self) noexcept nogil
    cdef bint touch(self, int32_t side) noexcept nogil
    cdef int ensure(self, int32_t side) except -1 nogil
    cdef int look_up(self, int32_t side) except -1 nogil
    cdef uint32_t next_stamp(self) noexcept nogil
    cdef int find_entities(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n,
        int32_t* ids
    ) except -1 nogil
    cdef int reserve_names(self, int64_t n) except -1
    cdef int64_t _place(self, uint64_t n_bytes) noexcept nogil
    cdef void _gather(self) noexcept nogil
    cdef void _point(self, int32_t side, int64_t at) noexcept nogil
    cdef void _forget(self, int64_t first, int64_t last) noexcept nogil
    cdef int _read(self, unsigned char* to, uint64_t at, uint64_t n_bytes) except -1 nogil
    cdef const unsigned char* _reach(
        self, uint64_t at, uint64_t n_bytes, uint64_t until
    ) except NULL nogil
    cdef int64_t _read_slots(self, int64_t n, int32_t* ids) except -1 nogil
    cdef int _compare(
        self, int64_t n, const unsigned char* names, const uint32_t* ends, int32_t* ids
    ) except -1 nogil
