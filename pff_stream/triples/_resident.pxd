# A graph larger than memory, read from its file in blocks: some relations at a time.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport GraphView, CSR
from pff_stream.triples._name_search cimport NameSearch
from pff_stream.triples._window cimport FileWindow


# A relation in one direction in the room, as it lies in the file; its number is that of its rows.
cdef struct Block:
    uint64_t at
    uint64_t n_bytes
    uint64_t used                 # the round in which it was needed last
    int32_t side


# A row of a side that is wanted alone.
cdef struct WantedRow:
    uint64_t at                   # of its values in the file
    int32_t side
    int32_t entity
    uint32_t n                    # values; 0: there is no such row
    uint32_t part                 # the last part of the work that needs it


cdef inline uint64_t row_room_bytes(const WantedRow* row) noexcept nogil:
    """What a row takes of the room when it is gathered; each side of a wanted row takes 16 beside."""
    return 12 + 4 * <uint64_t>row.n


cdef class ResidentSides:
    cdef GraphView graph
    cdef FileWindow file
    cdef readonly NameSearch names
    cdef unsigned char* room
    cdef readonly uint64_t room_bytes
    cdef uint64_t sides_bytes     # of the room, for whole sides; rows that are wanted alone have the rest
    cdef uint64_t* starts         # per side, in the file
    cdef uint64_t* sizes
    cdef uint64_t* owed           # what looking the side up where it lies has cost, in bytes
    cdef CSR* mapped             # the rows as they lie in the mapping
    cdef uint32_t* stamps         # per side, for whoever makes sets of them
    cdef uint32_t stamp
    cdef Block* blocks            # by place in the room
    cdef int64_t n_blocks
    cdef uint64_t round
    cdef readonly uint64_t loads

    cdef void next_round(self) noexcept nogil
    cdef bint is_resident(self, int32_t side) noexcept nogil
    cdef bint touch(self, int32_t side) noexcept nogil
    cdef int ensure(self, int32_t side) except -1 nogil
    cdef int look_up(self, int32_t side) except -1 nogil
    cdef uint32_t next_stamp(self) noexcept nogil
    cdef void share_room(self, uint64_t rows_bytes) noexcept nogil
    cdef int64_t _place(self, uint64_t n_bytes) noexcept nogil
    cdef void _gather(self) noexcept nogil
    cdef void _point(self, int32_t side, int64_t at) noexcept nogil
    cdef void _forget(self, int64_t first, int64_t last) noexcept nogil


cdef class ResidentRelations(ResidentSides):
    cdef CSR* gathered           # the rows of a side that are wanted alone, and no other ones
    cdef WantedRow* wanted        # by side and entity
    cdef int64_t n_wanted
    cdef int64_t wanted_capacity

    cdef int reserve_rows(self, int64_t n) except -1
    cdef void want_row(self, int32_t side, int32_t entity) noexcept nogil
    cdef int locate_rows(self) except -1 nogil
    cdef int64_t find_wanted(self, int32_t side, int32_t entity) noexcept nogil
    cdef int gather_rows(self, uint32_t part) except -1 nogil
    cdef bint show_gathered(self, int32_t side) noexcept nogil
    cdef void hide_gathered(self, int32_t side) noexcept nogil
    cdef int _locate_side(self, int64_t first, int64_t last) except -1 nogil
    cdef int _locate_values(self, int64_t first, int64_t last) except -1 nogil
    cdef unsigned char* _gather_side(
        self, uint32_t part, int64_t first, int64_t last, int64_t n, unsigned char* at
    ) except NULL nogil
