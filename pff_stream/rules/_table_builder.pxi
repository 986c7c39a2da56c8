# The second half of building a table: what is looked up in it, and its bytes.


# A head with one variable: what it has in common with its group, and its constant.
cdef struct GroupedHead:
    uint64_t group
    int32_t constant


cdef int ascending(const void* one, const void* other) noexcept nogil:
    cdef const GroupedHead* a = <const GroupedHead*>one
    cdef const GroupedHead* b = <const GroupedHead*>other
    if a.group != b.group:
        return 1 if a.group > b.group else -1
    return (a.constant > b.constant) - (a.constant < b.constant)


cdef class TableBuilder(GatheredRules):
    """Takes the chunks of a rule file, then writes the table.

    `min_support` and `min_confidence` are applied to the miner's columns here, once for all graphs,
    and so are the head relations that were asked for (see `AskedRelations`). Rules that these leave
    out are in the table as filtered, or (not `keeps_filtered`) only counted.
    """

    # Sets of relations that bodies need: made when the table is whole.
    cdef Growing set_ends
    cdef Growing set_relations
    cdef Growing set_of_body
    cdef Growing groups
    cdef Growing group_ends
    cdef Growing constants
    cdef uint64_t n_constants

    def __dealloc__(self):
        free(self.set_ends.data)
        free(self.set_relations.data)
        free(self.set_of_body.data)
        free(self.groups.data)
        free(self.group_ends.data)
        free(self.constants.data)

    @property
    def held_bytes(self):
        """Bytes that the builder holds now."""
        return (
            self.gathered_bytes()
            + self.set_ends.capacity + self.set_relations.capacity + self.set_of_body.capacity
            + self.groups.capacity + self.group_ends.capacity + self.constants.capacity
        )

    def size(self):
        """Bytes of the table."""
        return self._offsets()[N_SECTIONS]

    def _offsets(self):
        if not self.has_sets:
            self._make_sets()
            self._make_groups()
        n_sets = self.set_ends.used // 4
        n_names = self.name_ends.used // 4
        n_bodies = self.body_ends.used // 4
        constants = 1024
        while constants < 2 * n_bodies:
            constants *= 2
        sizes = [
            4 * n_names, self.names.used, 4 * (self.slot_mask + 1), self.atoms.used,
            self.body_ends.used, self.rule_ends.used, self.heads.used, self.filtered.used,
            4 * n_bodies, 4 * max(1, n_names), 4 * constants, 4, self.sources.used,
            self.set_ends.used, self.set_relations.used, 4 * n_sets, 4 * n_bodies, 4 * n_sets,
            self.group_ends.used, self.groups.used, self.constants.used, 4 * n_bodies,
        ]
        end = 8 * N_HEADER
        offsets = [end]
        for n_bytes in sizes:
            end = (end + n_bytes + 63) & ~63
            offsets.append(end)
        self.n_constants = constants
        return offsets

    cdef int _make_sets(self) except -1:
        """Which relations each body needs: equal sets have one number."""
        cdef uint32_t n = self.body_ends.used // 4, body, start = 0, end, stop, i, n_sets = 0
        cdef const uint32_t* ends = <const uint32_t*>self.body_ends.data
        cdef const int32_t* atoms = <const int32_t*>self.atoms.data
        cdef uint32_t number
        numbers = {}
        self.set_ends.used = self.set_relations.used = self.set_of_body.used = 0
        for body in range(n):
            end = stop = ends[body]
            while stop > start and atoms[3 * stop - 3] < 0:
                stop -= 1                     # inequalities are behind the atoms
            if stop - start == 1:
                key = atoms[3 * start]
            elif stop - start == 2 and atoms[3 * start] == atoms[3 * start + 3]:
                key = atoms[3 * start]
            elif stop - start == 2:
                key = (
                    min(atoms[3 * start], atoms[3 * start + 3]),
                    max(atoms[3 * start], atoms[3 * start + 3]),
                )
            else:
                key = tuple(sorted({atoms[3 * i] for i in range(start, stop)}))
                key = key[0] if len(key) == 1 else key
            found = numbers.get(key)
            if found is None:
                found = numbers[key] = n_sets
                n_sets += 1
                for relation in key if isinstance(key, tuple) else (key,):
                    self._end(&self.set_relations, relation)
                self._end(&self.set_ends, self.set_relations.used // 4)
            self._end(&self.set_of_body, found)
            start = end
        self.has_sets = True
        return 0

    cdef int _make_groups(self) except -1:
        """Counts the heads with one variable by what they have in common beside the body."""
        cdef GroupedHead* keys = <GroupedHead*>malloc(
            sizeof(GroupedHead) * max(1, self.max_body_rules)
        )
        cdef const uint32_t* ends = <const uint32_t*>self.rule_ends.data
        cdef const int32_t* head
        cdef uint32_t body, rule = 0, i, n
        cdef HeadGroup group
        if keys == NULL:
            raise MemoryError
        self.groups.used = self.group_ends.used = self.constants.used = 0
        try:
            for body in range(self.rule_ends.used // 4):
                n = 0
                while rule < ends[body]:
                    head = <const int32_t*>self.heads.data + 3 * <size_t>rule
                    if is_one_variable(head):
                        keys[n].group = <uint64_t>max(head[1], head[2]) << 33
                        keys[n].group |= <uint64_t>(head[1] < 0) << 32 | <uint32_t>head[0]
                        keys[n].constant = -1 - min(head[1], head[2])
                        n += 1
                    rule += 1
                qsort(keys, n, sizeof(GroupedHead), ascending)
                for i in range(n):
                    _append(&self.constants, &keys[i].constant, 4)
                    if i + 1 == n or keys[i].group != keys[i + 1].group:
                        group.relation = <int32_t>(keys[i].group & 0xFFFFFFFF)
                        group.where = <uint32_t>(keys[i].group >> 32)
                        group.end = <uint32_t>(self.constants.used // 4)
                        _append(&self.groups, &group, sizeof(HeadGroup))
                self._end(&self.group_ends, self.groups.used // sizeof(HeadGroup))
        finally:
            free(keys)
        return 0

    def write_into(self, buffer):
        """Writes the table into a writable buffer of `size()` bytes."""
        cdef Py_buffer view
        cdef unsigned char* base
        cdef uint64_t header[N_HEADER]
        offsets = self._offsets()
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
        try:
            if <uint64_t>view.len < <uint64_t>offsets[N_SECTIONS]:
                raise ValueError("the buffer is too small for the table")
            base = <unsigned char*>view.buf
            memset(header, 0, sizeof(header))
            header[0] = self.name_ends.used // 4
            header[1] = self.body_ends.used // 4
            header[2] = self.heads.used // 12
            header[3] = self.n_filtered
            header[4] = self.max_body_rules
            header[5] = self.max_body_atoms
            header[6] = self.slot_mask
            header[7] = self.n_constants - 1
            for i in range(N_SECTIONS):
                header[8 + i] = offsets[i]
            for i in range(N_FILTERED):
                header[FILTERED_AT + i] = self.left_out[i]
            header[SETS_AT] = self.set_ends.used // 4
            memcpy(base, header, sizeof(header))
            self._copy(base + header[8], &self.name_ends)
            self._copy(base + header[9], &self.names)
            memcpy(base + header[10], self.slots, 4 * (self.slot_mask + 1))
            self._copy(base + header[11], &self.atoms)
            self._copy(base + header[12], &self.body_ends)
            self._copy(base + header[13], &self.rule_ends)
            self._copy(base + header[14], &self.heads)
            self._copy(base + header[15], &self.filtered)
            self._copy(base + header[20], &self.sources)
            self._copy(base + header[21], &self.set_ends)
            self._copy(base + header[22], &self.set_relations)
            self._copy(base + header[26], &self.group_ends)
            self._copy(base + header[27], &self.groups)
            self._copy(base + header[28], &self.constants)
            memset(base + header[16], 0, header[20] - header[16])
            self._list_sets(
                <uint32_t*>(base + header[23]), <uint32_t*>(base + header[24]),
                <uint32_t*>(base + header[25]), <int32_t*>(base + header[29]),
            )
            self._index(
                <uint32_t*>(base + header[16]), <uint32_t*>(base + header[17]),
                <uint32_t*>(base + header[18]), <uint32_t*>(base + header[19]),
            )
        finally:
            PyBuffer_Release(&view)

    cdef void _copy(self, unsigned char* to, const Growing* array) noexcept:
        if array.used:
            memcpy(to, array.data, array.used)

    cdef void _list_sets(
        self, uint32_t* ends, uint32_t* bodies, uint32_t* rules, int32_t* constants
    ) noexcept:
        """The bodies of each set, one set behind the other, how many rules they have, and constants."""
        cdef const uint32_t* sets = <const uint32_t*>self.set_of_body.data
        cdef const uint32_t* rule_ends = <const uint32_t*>self.rule_ends.data
        cdef uint32_t n = self.body_ends.used // 4, n_sets = self.set_ends.used // 4, body, i
        cdef uint32_t begin = 0, count, start = 0
        cdef const uint32_t* body_ends = <const uint32_t*>self.body_ends.data
        cdef int32_t relation, constant
        cdef int direction
        memset(ends, 0, 4 * <size_t>n_sets)
        memset(rules, 0, 4 * <size_t>n_sets)
        for body in range(n):
            ends[sets[body]] += 1
            rules[sets[body]] += rule_ends[body] - (rule_ends[body - 1] if body else 0)
        for i in range(n_sets):
            count = ends[i]
            ends[i] = begin
            begin += count
        for body in range(n):
            constant = -1
            find_key_atom(
                <const int32_t*>self.atoms.data + 3 * <size_t>start, body_ends[body] - start,
                &relation, &direction, &constant,
            )
            start = body_ends[body]
            bodies[ends[sets[body]]] = body
            constants[ends[sets[body]]] = constant
            ends[sets[body]] += 1

    cdef void _index(
        self, uint32_t* next_body, uint32_t* relation_bodies, uint32_t* constant_bodies,
        uint32_t* plain_bodies
    ) noexcept:
        """Puts every body into one list; lists run from the last body to the first."""
        cdef const int32_t* atoms = <const int32_t*>self.atoms.data
        cdef const uint32_t* ends = <const uint32_t*>self.body_ends.data
        cdef uint32_t body, start = 0, n = self.body_ends.used // 4
        cdef int32_t relation, constant
        cdef int direction
        cdef uint32_t* first
        for body in range(n):
            if ends[body] == start:
                first = plain_bodies
            elif find_key_atom(
                atoms + 3 * start, ends[body] - start, &relation, &direction, &constant
            ):
                # Bodies whose keys collide share a list: who reads it compares the key.
                first = &constant_bodies[
                    constant_key(relation, direction, constant) & (self.n_constants - 1)
                ]
            else:
                first = &relation_bodies[atoms[3 * start]]
            next_body[body] = first[0]
            first[0] = body + 1
            start = ends[body]
