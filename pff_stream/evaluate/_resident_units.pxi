# What a unit looks at, brought in before it does: whole sides, and rows that are wanted alone.

cdef enum:
    SIDE_BYTES = 16               # of the room, for each side whose rows are gathered


cdef class ResidentUnits(UnitMaker):
    """Units of a graph whose relations `resident` holds, a few at a time."""

    def __init__(
        self, graph, semantics, ResidentRelations resident, options=EvaluatorOptions(), **more
    ):
        self.resident = resident
        UnitMaker.__init__(self, graph, semantics, options, **more)
        resident.file.progress = self.scratch.progress

    def __dealloc__(self):
        if self.resident is not None:
            self.resident.file.progress = NULL

    cdef const CSR* keys_of(self, int32_t side) noexcept nogil:
        """In the mapping, while no more than rows that are wanted alone are shown."""
        cdef const CSR* rows = &self.graph.rows[side]
        if rows.keys == self.resident.gathered[side].keys:
            return &self.resident.mapped[side]
        return rows

    cdef uint64_t _locate_rows(self, Py_ssize_t n_units) except? 0 nogil:
        """Finds the rows that units want alone; the room that all of them would take."""
        cdef Py_ssize_t i, rule
        cdef int32_t entity, side = -1
        cdef uint64_t total = 0
        cdef const Unit* unit
        self.resident.n_wanted = 0
        self.n_wanted_sides = 0
        for i in range(n_units):
            unit = &self.units[i]
            if unit.one_row and unit.row >= 0:
                self.resident.want_row(unit.sides[0], unit.row)
            for rule in range(unit.first, unit.last):
                if self.head_sides[rule] >= 0 and self.wants_row(unit, rule):
                    entity = self.row_of(rule)
                    if entity >= 0:
                        self.resident.want_row(self.head_sides[rule], entity)
        self.resident.locate_rows()
        for i in range(self.resident.n_wanted):
            total += row_room_bytes(&self.resident.wanted[i])
            if self.resident.wanted[i].side != side:
                side = self.resident.wanted[i].side
                self.n_wanted_sides += 1
        return total + SIDE_BYTES * self.n_wanted_sides

    cdef uint64_t _add_rows(self, const Unit* unit, uint32_t part, bint adds) noexcept nogil:
        """The room for the rows of a unit that a part has not; with `adds` it has them then."""
        cdef Py_ssize_t rule
        cdef uint64_t total = 0
        cdef int32_t entity
        if unit.one_row and unit.row >= 0:
            total += self._add_row(unit.sides[0], unit.row, part, adds)
        for rule in range(unit.first, unit.last):
            if self.head_sides[rule] >= 0 and self.wants_row(unit, rule):
                entity = self.row_of(rule)
                if entity >= 0:
                    total += self._add_row(self.head_sides[rule], entity, part, adds)
        return total

    cdef uint64_t _add_row(
        self, int32_t side, int32_t entity, uint32_t part, bint adds
    ) noexcept nogil:
        cdef WantedRow* row = &self.resident.wanted[self.resident.find_wanted(side, entity)]
        if row.part == part:
            return 0
        if adds:
            row.part = part
        return row_room_bytes(row)

    cdef int _make_resident(self, const Unit* unit, bint for_examples) except -1 nogil:
        """Brings in what a unit looks at; a pair's side for counting is brought in when it is known."""
        cdef int i, n = unit.last - unit.first, again
        cdef int32_t side, last
        cdef bint is_row, last_is_row = False
        cdef uint32_t whole = self.resident.next_stamp()
        self.resident.next_round()
        for i in range(unit.n_sides if not unit.one_row else 0):
            self.resident.stamps[unit.sides[i]] = whole
        for i in range(n):
            side = unit.heads[i]
            if side >= 0 and not self.wants_row(unit, unit.first + i):
                self.resident.stamps[side] = whole
                self.resident.stamps[side ^ 1] = whole
        for again in range(2):
            last = -1
            for i in range(unit.n_sides):
                if not again:
                    self.resident.touch(unit.sides[i])
                elif unit.one_row:
                    self._bring_row(unit, unit.sides[i], whole)
                elif not unit.is_cut:
                    self.resident.ensure(unit.sides[i])
            for i in range(n):
                side = unit.heads[i]
                if side < 0 or (is_pair(&self.heads[unit.first + i]) and not for_examples):
                    continue
                is_row = self.wants_row(unit, unit.first + i)
                if side == last and is_row == last_is_row:
                    continue
                last, last_is_row = side, is_row
                if unit.is_zero:              # it looks at both sides
                    self.resident.ensure(side ^ 1)
                if not again:
                    self.resident.touch(side)
                elif is_row:
                    self._bring_row(unit, side, whole)
                else:
                    self.resident.ensure(side)
        if unit.in_order:
            self._follow(-1)
        return 0

    cdef int before_heads(self, const Body* body, int32_t left, int32_t right) except -1 nogil:
        """Of a body that is cut, brings in what heads over these variables look up in any order."""
        cdef int32_t first
        cdef int i, n
        if not self.unit.is_cut:
            return 0
        n = self.find_any_order(body, left, right, &first)
        self.resident.next_round()
        for i in range(n):
            self.resident.touch(self.any_order[i])
        for i in range(n):
            self.resident.ensure(self.any_order[i])
        self._follow(first)
        return 0

    cdef void _follow(self, int32_t first) noexcept nogil:
        """Has what the unit goes through in the mapping be read ahead; `first`: of its body, or -1."""
        cdef const Unit* unit = self.unit
        cdef int i
        cdef int32_t side, last = -1
        self.follower.n = 0
        if first >= 0 and not self.resident.is_resident(first):
            follow_side(&self.follower, &self.graph.rows[first], self.graph.n_entities)
        for i in range(unit.last - unit.first):
            side = unit.heads[i]
            if side < 0 or side == last or self.wants_row(unit, unit.first + i):
                continue
            last = side
            if not self.resident.is_resident(side):
                follow_side(&self.follower, &self.graph.rows[side], self.graph.n_entities)
        self.scratch.follow = go_on
        self.scratch.follower = &self.follower

    cdef int _bring_row(self, const Unit* unit, int32_t side, uint32_t whole) except -1 nogil:
        """Brings in a side of which a row is wanted; `whole` marks those that are wanted whole."""
        if self.resident.stamps[side] == whole:
            self.resident.ensure(side)
        elif unit.is_gathered:
            self.resident.show_gathered(side)
        else:
            self.resident.look_up(side)
        return 0

    cdef void _hide_rows(self, const Unit* unit) noexcept nogil:
        cdef int i
        for i in range(unit.n_sides):
            self.resident.hide_gathered(unit.sides[i])
        for i in range(unit.last - unit.first):
            if unit.heads[i] >= 0:
                self.resident.hide_gathered(unit.heads[i])

    cdef int before_pairs(self, int n_heads, bint is_chain, int way) except -1 nogil:
        """Brings in the heads of a chain, on the side that the chain begins with."""
        cdef int i
        cdef bint backward, is_wide
        cdef const CSR* rows
        if self.unit.in_order:
            # The only direction that is sure to fit, and whose sides are followed.
            is_wide = self.scratch.wide and is_chain and self.chain.length > 1
            return WAY_WIDE_FORWARD if is_wide else WAY_FORWARD
        if is_chain and way == WAY_CHOSEN:
            way = cheapest_way(&self.scratch, &self.chain)
        backward = is_chain and (way == WAY_BACKWARD or way == WAY_WIDE_BACKWARD)
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.touch(<int32_t>(rows - self.graph.rows))
        for i in range(n_heads):
            rows = self.chain_heads[i].backward if backward else self.chain_heads[i].forward
            if rows != NULL:
                self.resident.ensure(<int32_t>(rows - self.graph.rows))
        return way
