"""A graph larger than memory, read from its file in blocks: some relations at a time.

A side (a relation in one direction: 2 * relation + direction) is one contiguous range of the file.
Those that are needed together are read whole into a room of fixed size, and the rows of the graph's
view then point there; what was not needed for longest makes way. All else stays where it is, in the
mapping: what is not resident is found there, slowly, and is the same.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcpy, memmove, memset

from pff_stream.triples._graph cimport PFF_POPCOUNT64, GraphView, CSR
from pff_stream.triples._name_search cimport NameSearch
from pff_stream.triples._window cimport GAP_BYTES, PAGE, FileWindow, taken

cdef enum:
    LOOK_UP_BYTES = 1 << 15       # what is read in a row in the time of the few pages of a look-up


include "_resident_sides.pxi"


def side_bytes(GraphView graph):
    """Bytes that each side takes when it is resident, by its number: 8 bytes each (int64)."""
    cdef uint64_t side, start, end, n = 2 * <uint64_t>graph.n_relations
    made = bytearray(n * sizeof(uint64_t))
    cdef unsigned char[::1] room = made
    for side in range(n):
        _range_of(graph, side, &start, &end)
        (<uint64_t*>&room[0])[side] = end - start
    return made


def rows_room_bytes(uint64_t n_rows):
    """Bytes for wanting at most so many rows at once."""
    return sizeof(WantedRow) * n_rows


def tables_bytes(uint64_t n_relations):
    """Bytes of what is kept per relation beside the room."""
    return 2 * n_relations * (3 * sizeof(uint64_t) + 2 * sizeof(CSR) + 4 + sizeof(Block))


cdef inline uint64_t _ahead(
    uint64_t at, uint64_t end, uint64_t n_bytes, uint64_t n
) noexcept nogil:
    """How far to read on at `at`, in a range of `n_bytes` up to `end` of which `n` places are wanted.

    Where they are far apart, what lies between them is not read.
    """
    return end if n_bytes // n < GAP_BYTES else at


cdef int _by_side(const void* one, const void* other) noexcept nogil:
    cdef const WantedRow* a = <const WantedRow*>one
    cdef const WantedRow* b = <const WantedRow*>other
    if a.side != b.side:
        return (a.side > b.side) - (a.side < b.side)
    return (a.entity > b.entity) - (a.entity < b.entity)


cdef class ResidentRelations(ResidentSides):
    """Holds relations of `graph`, which is mapped from the file `name`, in `room_bytes`.

    From now on the rows of `graph` belong to this: nobody may look at them elsewhere meanwhile.
    Raises `InputError` where the file cannot be opened.
    """

    def __init__(self, GraphView graph, str name, uint64_t room_bytes):
        ResidentSides.__init__(self, graph, name, room_bytes)
        self.gathered = <CSR*>taken(max(1, 2 * graph.n_relations) * sizeof(CSR))

    def __dealloc__(self):
        free(self.gathered)
        free(self.wanted)

    cdef int reserve_rows(self, int64_t n) except -1:
        """Takes what wanting `n` rows at once needs."""
        if n > self.wanted_capacity:
            free(self.wanted)
            self.wanted = NULL
            self.wanted_capacity = 0
            self.wanted = <WantedRow*>taken(n * sizeof(WantedRow))
            self.wanted_capacity = n
        return 0

    cdef void want_row(self, int32_t side, int32_t entity) noexcept nogil:
        """Adds a row to those that are wanted (there is room)."""
        self.wanted[self.n_wanted].side = side
        self.wanted[self.n_wanted].entity = entity
        self.n_wanted += 1

    cdef int locate_rows(self) except -1 nogil:
        """Finds where each wanted row lies, side by side from the front to the back of each."""
        cdef int64_t i, first, kept = 0
        qsort(self.wanted, self.n_wanted, sizeof(WantedRow), &_by_side)
        for i in range(self.n_wanted):
            if kept == 0 or _by_side(&self.wanted[i], &self.wanted[kept - 1]):
                self.wanted[kept] = self.wanted[i]
                self.wanted[kept].part = 0
                kept += 1
        self.n_wanted = kept
        i = 0
        while i < kept:
            first = i
            while i < kept and self.wanted[i].side == self.wanted[first].side:
                i += 1
            self._locate_side(first, i)
        return 0

    cdef int _locate_side(self, int64_t first, int64_t last) except -1 nogil:
        """Finds the rows `first` to `last`, which are of one side: by its index, then its offsets."""
        cdef const CSR* rows = &self.mapped[self.wanted[first].side]
        cdef const unsigned char* base = self.graph.base
        cdef uint64_t index = <const unsigned char*>rows.index - base
        cdef uint64_t bits = <const unsigned char*>rows.bits - base if rows.bits != NULL else 0
        cdef uint64_t keys = <const unsigned char*>rows.keys - base
        cdef uint64_t words = (self.graph.n_entities + 63) >> 6
        cdef uint64_t n = last - first
        cdef uint64_t n_keys = rows.n_keys
        cdef uint64_t n_index = words if bits else (self.graph.n_entities - 1 >> rows.shift) + 2
        cdef uint64_t word, bit, at, until
        cdef uint32_t pair[2]
        cdef int64_t i
        cdef WantedRow* row
        # `at` is the number of the row meanwhile, and `n` is 1 where there is one.
        self.file.forget()
        for i in range(first, last):
            row = &self.wanted[i]
            row.n = 0
            if bits:
                at = bits + 8 * <uint64_t>(row.entity >> 6)
                memcpy(&word, self.file.reach(at, 8, _ahead(at, bits + 8 * words, 8 * words, n)), 8)
                bit = <uint64_t>1 << (row.entity & 63)
                if word & bit:
                    row.n = 1
                    row.at = PFF_POPCOUNT64(word & (bit - 1))
            else:
                at = index + 4 * <uint64_t>(row.entity >> rows.shift)
                until = _ahead(at, index + 4 * n_index, 4 * n_index, n)
                memcpy(pair, self.file.reach(at, 8, until), 8)
                row.at = pair[0]
                row.n = pair[1] - pair[0]
        self.file.forget()
        for i in range(first, last):
            row = &self.wanted[i]
            if row.n == 0:
                continue
            if bits:
                at = index + 4 * <uint64_t>(row.entity >> 6)
                until = _ahead(at, index + 4 * n_index, 4 * n_index, n)
                memcpy(pair, self.file.reach(at, 4, until), 4)
                row.at += pair[0]
                continue
            while row.n:
                at = keys + 4 * row.at
                until = _ahead(at, keys + 4 * n_keys, 4 * n_keys, n)
                memcpy(pair, self.file.reach(at, 4, until), 4)
                if <int32_t>pair[0] == row.entity:
                    row.n = 1
                    break
                row.at += 1
                row.n -= 1
        return self._locate_values(first, last)

    cdef int _locate_values(self, int64_t first, int64_t last) except -1 nogil:
        """Where the values of rows of one side lie, whose numbers are known: by its offsets."""
        cdef const CSR* rows = &self.mapped[self.wanted[first].side]
        cdef uint64_t values = <const unsigned char*>rows.values - self.graph.base
        cdef uint64_t offsets = <const unsigned char*>rows.offsets - self.graph.base
        cdef uint64_t n = last - first
        cdef uint64_t n_keys = rows.n_keys
        cdef uint64_t at, until
        cdef uint32_t pair[2]
        cdef int64_t i
        cdef WantedRow* row
        self.file.forget()
        for i in range(first, last):
            row = &self.wanted[i]
            if row.n == 0:
                continue
            at = offsets + 4 * row.at
            until = _ahead(at, offsets + 4 * (n_keys + 1), 4 * n_keys, n)
            memcpy(pair, self.file.reach(at, 8, until), 8)
            row.n = pair[1] - pair[0]
            row.at = values + 4 * <uint64_t>pair[0]
        return 0

    cdef int64_t find_wanted(self, int32_t side, int32_t entity) noexcept nogil:
        """The place of a wanted row among all."""
        cdef int64_t low = 0, high = self.n_wanted, middle
        cdef WantedRow row
        row.side = side
        row.entity = entity
        while low < high:
            middle = (low + high) >> 1
            if _by_side(&self.wanted[middle], &row) < 0:
                low = middle + 1
            else:
                high = middle
        return low

    cdef int gather_rows(self, uint32_t part) except -1 nogil:
        """Reads the wanted rows of a part of the work, from the front to the back of the file.

        There is room: see `row_room_bytes`.
        """
        cdef int64_t i = 0, first, n
        cdef unsigned char* at = self.room + self.sides_bytes
        cdef int32_t side
        while i < self.n_wanted:
            first = i
            side = self.wanted[i].side
            n = 0
            while i < self.n_wanted and self.wanted[i].side == side:
                if self.wanted[i].part == part and self.wanted[i].n:
                    n += 1
                i += 1
            at = self._gather_side(part, first, i, n, at)
        return 0

    cdef unsigned char* _gather_side(
        self, uint32_t part, int64_t first, int64_t last, int64_t n, unsigned char* at
    ) except NULL nogil:
        """Reads `n` of the wanted rows `first` to `last`, of one side, to `at`; where they end."""
        cdef int32_t side = self.wanted[first].side
        cdef uint64_t last_entity = self.graph.n_entities - 1 if self.graph.n_entities else 0
        cdef uint64_t values = <const unsigned char*>self.mapped[side].values - self.graph.base
        cdef uint64_t n_edges = self.mapped[side].n_edges
        cdef uint64_t until
        cdef int64_t i, kept = 0
        cdef uint32_t bucket = 0, last_bucket
        cdef uint32_t* offsets
        cdef uint32_t* index
        cdef int32_t* keys
        cdef CSR* rows = &self.gathered[side]
        cdef WantedRow* row
        rows[0] = self.mapped[side]
        rows.bits = NULL
        rows.n_keys = <uint32_t>n
        rows.shift = 0
        while (last_entity >> rows.shift) > <uint64_t>n:
            rows.shift += 1
        last_bucket = <uint32_t>(last_entity >> rows.shift) + 1
        keys = <int32_t*>at
        offsets = <uint32_t*>(at + 4 * n)
        index = offsets + n + 1
        rows.keys = keys
        rows.offsets = offsets
        rows.index = index
        at = <unsigned char*>(index + last_bucket + 1)
        rows.values = <const int32_t*>at
        offsets[0] = 0
        self.file.forget()
        for i in range(first, last):
            row = &self.wanted[i]
            if row.part != part or row.n == 0:
                continue
            while bucket <= <uint32_t>(row.entity >> rows.shift):
                index[bucket] = <uint32_t>kept
                bucket += 1
            keys[kept] = row.entity
            until = _ahead(row.at, values + 4 * n_edges, 4 * n_edges, n)
            self.file.copy(at, row.at, 4 * <uint64_t>row.n, until)
            at += 4 * <uint64_t>row.n
            offsets[kept + 1] = offsets[kept] + row.n
            kept += 1
        while bucket <= last_bucket:
            index[bucket] = <uint32_t>kept
            bucket += 1
        return at

    cdef bint show_gathered(self, int32_t side) noexcept nogil:
        """Has the side consist of its gathered rows alone, unless it is resident as a whole."""
        if self.touch(side):
            return False
        self.graph.rows[side] = self.gathered[side]
        return True

    cdef void hide_gathered(self, int32_t side) noexcept nogil:
        """Has the side be what it is in the mapping again, where `show_gathered` showed it."""
        if self.graph.rows[side].keys == self.gathered[side].keys:
            self.graph.rows[side] = self.mapped[side]
