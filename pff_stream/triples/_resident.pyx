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


cdef inline void _widen(
    const unsigned char* base, const void* at, uint64_t n_bytes, uint64_t* start, uint64_t* end
) noexcept nogil:
    cdef uint64_t offset = <const unsigned char*>at - base
    start[0] = min(start[0], offset)
    end[0] = max(end[0], offset + n_bytes)


cdef void _range_of(GraphView graph, uint64_t side, uint64_t* start, uint64_t* end) noexcept nogil:
    """The pages of the file that hold the side, whatever the order of its parts."""
    cdef const CSR* rows = &graph.rows[side]
    cdef uint64_t words = (graph.n_entities + 63) >> 6
    cdef uint64_t last = graph.n_entities - 1 if graph.n_entities else 0
    start[0] = <uint64_t>-1
    end[0] = 0
    _widen(graph.base, rows.keys, 4 * <uint64_t>rows.n_keys, start, end)
    _widen(graph.base, rows.offsets, 4 * (<uint64_t>rows.n_keys + 1), start, end)
    _widen(graph.base, rows.values, 4 * <uint64_t>rows.n_edges, start, end)
    if rows.bits != NULL:
        _widen(graph.base, rows.bits, 8 * words, start, end)
        _widen(graph.base, rows.index, 4 * words, start, end)
    else:
        _widen(graph.base, rows.index, 4 * ((last >> rows.shift) + 2), start, end)
    start[0] &= ~<uint64_t>(PAGE - 1)
    end[0] = (end[0] + PAGE - 1) & ~<uint64_t>(PAGE - 1)


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


cdef class ResidentRelations:
    """Holds relations of `graph`, which is mapped from the file `name`, in `room_bytes`.

    From now on the rows of `graph` belong to this: nobody may look at them elsewhere meanwhile.
    Raises `InputError` where the file cannot be opened.
    """

    def __init__(self, GraphView graph, str name, uint64_t room_bytes):
        cdef uint64_t i, end, n = max(1, 2 * graph.n_relations)
        self.graph = graph
        self.room_bytes = self.sides_bytes = room_bytes & ~<uint64_t>(PAGE - 1)
        self.file = FileWindow(graph, name)
        self.names = NameSearch(graph, self.file)
        self.starts = <uint64_t*>taken(8 * n)
        self.sizes = <uint64_t*>taken(8 * n)
        self.owed = <uint64_t*>taken(8 * n)
        self.mapped = <CSR*>taken(n * sizeof(CSR))
        self.gathered = <CSR*>taken(n * sizeof(CSR))
        self.stamps = <uint32_t*>taken(4 * n)
        self.blocks = <Block*>taken(n * sizeof(Block))
        self.room = <unsigned char*>taken(self.room_bytes)
        memcpy(self.mapped, graph.rows, 2 * graph.n_relations * sizeof(CSR))
        for i in range(2 * graph.n_relations):
            _range_of(graph, i, &self.starts[i], &end)
            self.sizes[i] = end - self.starts[i]

    def __dealloc__(self):
        if self.mapped != NULL and self.graph is not None:
            memcpy(self.graph.rows, self.mapped, 2 * self.graph.n_relations * sizeof(CSR))
        free(self.starts)
        free(self.sizes)
        free(self.owed)
        free(self.mapped)
        free(self.gathered)
        free(self.wanted)
        free(self.stamps)
        free(self.blocks)
        free(self.room)

    @property
    def resident(self):
        """The sides that are resident, by their place."""
        return [self.blocks[i].side for i in range(self.n_blocks)]

    def load(self, sides):
        """Makes these sides resident, as many as fit together."""
        cdef int32_t side
        self.next_round()
        for side in sides:
            self.touch(side)
        for side in sides:
            self.ensure(side)

    # --- relations -----------------------------------------------------------------------------

    cdef void next_round(self) noexcept nogil:
        """Begins a set of relations that are needed together."""
        self.round += 1

    cdef uint32_t next_stamp(self) noexcept nogil:
        self.stamp += 1
        if self.stamp == 0:
            memset(self.stamps, 0, 8 * self.graph.n_relations)
            self.stamp = 1
        return self.stamp

    cdef bint is_resident(self, int32_t side) noexcept nogil:
        return self.graph.rows[side].keys != self.mapped[side].keys

    cdef bint touch(self, int32_t side) noexcept nogil:
        """Whether the side is resident; if so, it stays for this round."""
        cdef int64_t i
        if not self.is_resident(side):
            return False
        for i in range(self.n_blocks):
            if self.blocks[i].side == side:
                self.blocks[i].used = self.round
                return True
        return False

    cdef int ensure(self, int32_t side) except -1 nogil:
        """Makes the side resident where it fits beside those of this round."""
        cdef int64_t i
        cdef int64_t at
        cdef uint64_t n_bytes = self.sizes[side]
        if self.touch(side):
            return 0
        if n_bytes > self.sides_bytes:
            return 0
        at = self._place(n_bytes)
        if at < 0:
            self._gather()
            at = self._place(n_bytes)
            if at < 0:
                return 0
        self.file.read(self.room + at, self.starts[side], n_bytes)
        i = self.n_blocks
        while i > 0 and self.blocks[i - 1].at > <uint64_t>at:
            self.blocks[i] = self.blocks[i - 1]
            i -= 1
        self.blocks[i].at = at
        self.blocks[i].n_bytes = n_bytes
        self.blocks[i].used = self.round
        self.blocks[i].side = side
        self.n_blocks += 1
        self._point(side, at)
        self.loads += 1
        return 0

    cdef int look_up(self, int32_t side) except -1 nogil:
        """For a single row of a side: it is looked up in the mapping as long as that is cheaper.

        When looking up has cost as much as reading the side, it is read: never more than twice of
        what is least, whatever comes (the rent or buy of Karlin et al., Algorithmica 1988).
        """
        if self.touch(side):
            return 0
        self.owed[side] += LOOK_UP_BYTES
        if self.owed[side] < self.sizes[side]:
            return 0
        self.owed[side] = 0
        return self.ensure(side)

    cdef int64_t _place(self, uint64_t n_bytes) noexcept nogil:
        """Makes way where what is there was needed longest ago; -1: this round's are in the way."""
        cdef int64_t i, j, first = 0, last = 0
        cdef uint64_t at, best_at = 0, latest, best = self.round
        for i in range(self.n_blocks + 1):
            at = self.blocks[i - 1].at + self.blocks[i - 1].n_bytes if i else 0
            if at + n_bytes > self.sides_bytes:
                break
            latest = 0
            j = i
            while j < self.n_blocks and self.blocks[j].at < at + n_bytes and latest < best:
                latest = max(latest, self.blocks[j].used)
                j += 1
            if latest < best:
                best = latest
                best_at = at
                first = i
                last = j
        if best == self.round:
            return -1
        self._forget(first, last)
        return best_at

    cdef void _forget(self, int64_t first, int64_t last) noexcept nogil:
        cdef int64_t i
        for i in range(first, last):
            self._point(self.blocks[i].side, -1)
        memmove(
            &self.blocks[first], &self.blocks[last], (self.n_blocks - last) * sizeof(Block)
        )
        self.n_blocks -= last - first

    cdef void _gather(self) noexcept nogil:
        """Keeps what this round needs alone, side by side."""
        cdef int64_t i, kept = 0
        cdef uint64_t at = 0
        for i in range(self.n_blocks):
            if self.blocks[i].used != self.round:
                self._point(self.blocks[i].side, -1)
                continue
            memmove(self.room + at, self.room + self.blocks[i].at, self.blocks[i].n_bytes)
            self.blocks[kept] = self.blocks[i]
            self.blocks[kept].at = at
            self._point(self.blocks[kept].side, at)
            at += self.blocks[kept].n_bytes
            kept += 1
        self.n_blocks = kept

    cdef void _point(self, int32_t side, int64_t at) noexcept nogil:
        """Has the rows of the side point into the room, or (-1) into the mapping."""
        cdef const CSR* from_ = &self.mapped[side]
        cdef CSR* rows = &self.graph.rows[side]
        cdef const unsigned char* base = self.graph.base + self.starts[side]
        cdef const unsigned char* to = self.room + at
        rows[0] = from_[0]
        if at < 0:
            return
        rows.keys = <const int32_t*>(to + (<const unsigned char*>from_.keys - base))
        rows.offsets = <const uint32_t*>(to + (<const unsigned char*>from_.offsets - base))
        rows.values = <const int32_t*>(to + (<const unsigned char*>from_.values - base))
        rows.index = <const uint32_t*>(to + (<const unsigned char*>from_.index - base))
        if from_.bits != NULL:
            rows.bits = <const uint64_t*>(to + (<const unsigned char*>from_.bits - base))

    # --- rows that are wanted alone --------------------------------------------------------------

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

    cdef void share_room(self, uint64_t rows_bytes) noexcept nogil:
        """Gives so much of the room to rows that are wanted alone, and the rest to whole sides."""
        cdef int64_t i
        self.sides_bytes = (self.room_bytes - rows_bytes) & ~<uint64_t>(PAGE - 1)
        for i in range(self.n_blocks):
            if self.blocks[i].at + self.blocks[i].n_bytes > self.sides_bytes:
                self._forget(i, self.n_blocks)
                break

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
