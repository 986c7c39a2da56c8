"""Relations that are gone through from front to back in a mapping, read ahead in small windows.

The kernel's own reading ahead takes as much as the device is set to, 128 KiB or many MiB at each
place: in a control group that is nearly full such windows push each other out. So it is told to read
nothing by itself, and asked for what the next entities need, `AHEAD` bytes of each array at a time.
"""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memset

from pff_stream.triples._graph cimport PFF_POPCOUNT64, CSR

cdef extern from *:
    """
    #include <stdint.h>
    #include <sys/mman.h>
    static void pff_ask_for(const unsigned char *at, uint64_t n_bytes) {
        uintptr_t first = (uintptr_t)at & ~(uintptr_t)4095;
        madvise((void *)first, (uintptr_t)at + n_bytes - first, MADV_WILLNEED);
    }
    """
    void pff_ask_for(const unsigned char* at, uint64_t n_bytes) noexcept nogil

cdef enum:
    AHEAD = 1 << 17
    LONGEST = 1 << 20             # of one row


cdef void _is_part(Part* part, const void* at, uint64_t n_bytes) noexcept nogil:
    part.at = <const unsigned char*>at
    part.n_bytes = n_bytes
    part.start = part.stop = 0


cdef void follow_side(Follower* follower, const CSR* rows, int64_t n_entities) noexcept nogil:
    """Adds a side that lies in the mapping; one too many is read as it is touched."""
    cdef Followed* side
    cdef uint64_t words = (n_entities + 63) >> 6
    if follower.n == FOLLOWED or rows.n_keys == 0:
        return
    side = &follower.sides[follower.n]
    follower.n += 1
    side.rows = rows[0]
    if rows.bits != NULL:
        _is_part(&side.bits, rows.bits, 8 * words)
        _is_part(&side.index, rows.index, 4 * words)
    else:
        memset(&side.bits, 0, sizeof(Part))
        _is_part(&side.index, rows.index, 4 * ((<uint64_t>(n_entities - 1) >> rows.shift) + 2))
    _is_part(&side.keys, rows.keys, 4 * <uint64_t>rows.n_keys)
    _is_part(&side.offsets, rows.offsets, 4 * (<uint64_t>rows.n_keys + 1))
    _is_part(&side.values, rows.values, 4 * <uint64_t>rows.n_edges)


cdef inline void _reach(Part* part, uint64_t at, uint64_t n_bytes) noexcept nogil:
    """Asks for what follows where less than half a window is left."""
    cdef uint64_t start = part.stop
    if at >= part.start and (
        part.stop == part.n_bytes or at + min(n_bytes, LONGEST) + AHEAD // 2 <= part.stop
    ):
        return
    if at < part.start or at > part.stop:
        part.start = start = at
    part.stop = min(part.n_bytes, max(start, at + min(n_bytes, LONGEST)) + AHEAD)
    pff_ask_for(part.at + start, part.stop - start)


cdef void go_on(void* follower, int32_t entity) noexcept nogil:
    """Told of an entity, mostly a larger one than before: its rows and the next ones are wanted."""
    cdef Follower* followed = <Follower*>follower
    cdef Followed* side
    cdef const CSR* rows
    cdef uint64_t word, row
    cdef int i
    for i in range(followed.n):
        side = &followed.sides[i]
        rows = &side.rows
        if rows.bits != NULL:
            word = entity >> 6
            _reach(&side.bits, 8 * word, 8)
            _reach(&side.index, 4 * word, 4)
            row = rows.index[word] + PFF_POPCOUNT64(
                rows.bits[word] & ((<uint64_t>1 << (entity & 63)) - 1)
            )
        else:
            word = entity >> rows.shift
            _reach(&side.index, 4 * word, 8)
            row = rows.index[word]
        if row >= rows.n_keys:
            continue
        _reach(&side.keys, 4 * row, 4)
        _reach(&side.offsets, 4 * row, 8)
        _reach(
            &side.values,
            4 * <uint64_t>rows.offsets[row],
            4 * <uint64_t>(rows.offsets[row + 1] - rows.offsets[row]),
        )
