# Whole relations in the room: what is read, what makes way, and what looking them up costs.


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


cdef class ResidentSides:
    """Holds sides of `graph`, which is mapped from the file `name`, in `room_bytes`."""

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

    cdef void share_room(self, uint64_t rows_bytes) noexcept nogil:
        """Gives so much of the room to rows that are wanted alone, and the rest to whole sides."""
        cdef int64_t i
        self.sides_bytes = (self.room_bytes - rows_bytes) & ~<uint64_t>(PAGE - 1)
        for i in range(self.n_blocks):
            if self.blocks[i].at + self.blocks[i].n_bytes > self.sides_bytes:
                self._forget(i, self.n_blocks)
                break
