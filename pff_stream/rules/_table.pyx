"""The rules of a file as one table for many small graphs, so that each meets only what it can match.

A graph of a thousand triples matches a small part of the bodies of a large rule set. The table keeps
every distinct name once, so that a graph looks up its own few names and not those of the rules, and
lists the bodies by what they need: bodies with a constant by (relation, direction, constant) of
their first such atom, others by the relation of their first atom. It is built once, in memory that
grows with the distinct names and the rules, and then shared as a file by all workers.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from pff_stream.rules._asked cimport AskedRelations

cdef enum:
    N_HEADER = 40
    FIRST_SLOTS = 1024
    N_SECTIONS = 22
    FILTERED_AT = 32              # in the header: rules that were left out, by reason
    SETS_AT = 35



FILTER_REASONS[0], FILTER_REASONS[1], FILTER_REASONS[2] = 4, 5, 10


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


cdef struct Growing:
    unsigned char* data
    size_t used
    size_t capacity


cdef int _append(Growing* array, const void* data, size_t n_bytes) except -1:
    cdef size_t capacity
    cdef void* larger
    if array.used + n_bytes > array.capacity:
        capacity = max(array.used + n_bytes, 2 * array.capacity, 4096)
        larger = realloc(array.data, capacity)
        if larger == NULL:
            raise MemoryError
        array.data = <unsigned char*>larger
        array.capacity = capacity
    if n_bytes:
        memcpy(array.data + array.used, data, n_bytes)
    array.used += n_bytes
    return 0


cdef class TableBuilder:
    """Takes the chunks of a rule file, then writes the table.

    `min_support` and `min_confidence` are applied to the miner's columns here, once for all graphs,
    and so are the head relations that were asked for (see `AskedRelations`). Rules that these leave
    out are in the table as filtered, or (not `keeps_filtered`) only counted.
    """

    cdef Growing names
    cdef Growing name_ends
    cdef Growing hashes
    cdef Growing atoms
    cdef Growing body_ends
    cdef Growing rule_ends
    cdef Growing heads
    cdef Growing filtered
    cdef Growing sources
    cdef uint32_t* slots
    cdef uint64_t slot_mask
    cdef uint64_t n_constants
    cdef uint64_t n_filtered
    cdef uint64_t max_body_rules
    cdef uint64_t max_body_atoms
    cdef int64_t min_support
    cdef double min_confidence
    cdef AskedRelations asked
    cdef bint keeps_filtered
    cdef uint64_t left_out[N_FILTERED]
    # Sets of relations that bodies need: made when the table is whole.
    cdef bint has_sets
    cdef Growing set_ends
    cdef Growing set_relations
    cdef Growing set_of_body
    cdef Growing groups
    cdef Growing group_ends
    cdef Growing constants

    def __init__(
        self,
        int64_t min_support=0,
        double min_confidence=0.0,
        relations=(),
        *,
        bint keeps_filtered=True,
    ):
        self.keeps_filtered = keeps_filtered
        memset(self.left_out, 0, sizeof(self.left_out))
        self.asked = AskedRelations(relations)
        self.min_support = min_support
        self.min_confidence = min_confidence
        self.slots = <uint32_t*>calloc(FIRST_SLOTS, 4)
        if self.slots == NULL:
            raise MemoryError
        self.slot_mask = FIRST_SLOTS - 1

    def __dealloc__(self):
        free(self.slots)
        free(self.names.data)
        free(self.name_ends.data)
        free(self.hashes.data)
        free(self.atoms.data)
        free(self.body_ends.data)
        free(self.rule_ends.data)
        free(self.heads.data)
        free(self.filtered.data)
        free(self.sources.data)
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
            self.names.capacity + self.name_ends.capacity + self.hashes.capacity
            + self.atoms.capacity + self.body_ends.capacity + self.rule_ends.capacity
            + self.heads.capacity + self.filtered.capacity + self.sources.capacity
            + self.set_ends.capacity + self.set_relations.capacity + self.set_of_body.capacity
            + self.groups.capacity + self.group_ends.capacity + self.constants.capacity
            + 4 * (self.slot_mask + 1)
        )

    def add(self, chunk):
        """Adds a chunk (as `RuleFile.read_chunk` gives it)."""
        cdef const unsigned char[::1] names = chunk.names
        cdef const uint32_t[::1] name_ends = chunk.name_ends
        cdef const uint64_t[::1] name_hashes = chunk.name_hashes
        cdef const int32_t[::1] atoms = chunk.atoms
        cdef const uint32_t[::1] body_ends = chunk.body_ends
        cdef const uint32_t[::1] rule_body = chunk.rule_body
        cdef const int32_t[::1] heads = chunk.heads
        cdef const uint8_t[::1] flags = chunk.flags
        cdef const uint64_t[::1] sources = chunk.sources
        cdef const int64_t[::1] support = chunk.miner_support
        cdef const double[::1] confidence = chunk.miner_confidence
        cdef Py_ssize_t i, rule = 0, n_rules = rule_body.shape[0]
        cdef uint32_t begin = 0, begin_name, body, atom
        cdef int32_t triple[3]
        cdef uint8_t reason
        cdef int32_t relation
        cdef bint is_met
        # Names are entered when a rule that is kept uses them.
        cdef int32_t* numbers = <int32_t*>malloc(4 * max(1, name_ends.shape[0]))
        if numbers == NULL:
            raise MemoryError
        self.has_sets = False
        try:
            for i in range(name_ends.shape[0]):
                numbers[i] = -1
            for body in range(body_ends.shape[0]):
                i = self.heads.used
                is_met = False
                while rule < n_rules and rule_body[rule] == body:
                    relation = heads[3 * rule]
                    begin_name = name_ends[relation - 1] if relation else 0
                    reason = self._filter(
                        &names[0] + begin_name, name_ends[relation] - begin_name,
                        support[rule], confidence[rule]
                    )
                    rule += 1
                    if reason and not self.keeps_filtered:
                        continue
                    if not is_met:
                        is_met = True
                        for atom in range(begin, body_ends[body]):
                            self._renumber(
                                &atoms[3 * atom], numbers, names, name_ends, name_hashes, triple
                            )
                            _append(&self.atoms, triple, 12)
                    self._renumber(
                        &heads[3 * (rule - 1)], numbers, names, name_ends, name_hashes, triple
                    )
                    _append(&self.heads, triple, 12)
                    _append(&self.filtered, &reason, 1)
                    self._end(&self.sources, sources[rule - 1])
                if is_met or self.keeps_filtered:
                    self.max_body_atoms = max(self.max_body_atoms, body_ends[body] - begin)
                    self.max_body_rules = max(
                        self.max_body_rules, (self.heads.used - <uint64_t>i) // 12
                    )
                    self._end(&self.body_ends, self.atoms.used // 12)
                    self._end(&self.rule_ends, self.heads.used // 12)
                begin = body_ends[body]
        finally:
            free(numbers)

    cdef uint8_t _filter(
        self, const unsigned char* head, size_t n_head, int64_t support, double confidence
    ) except? 255:
        """Why a rule of this head relation is filtered, or 0; counts those that are."""
        cdef int i
        cdef uint8_t reason = 0
        if not self.asked.has(head, n_head):
            reason = 10
        elif support >= 0 and support < self.min_support:
            reason = 4
        elif confidence == confidence and confidence < self.min_confidence:
            reason = 5
        self.n_filtered += reason != 0
        if reason and not self.keeps_filtered:
            for i in range(N_FILTERED):
                self.left_out[i] += FILTER_REASONS[i] == reason
        return reason

    cdef int _renumber(
        self, const int32_t* triple, int32_t* numbers, const unsigned char[::1] names,
        const uint32_t[::1] ends, const uint64_t[::1] hashes, int32_t* out
    ) except -1:
        """A triple of the chunk by the names of the table."""
        cdef int i
        cdef int32_t name
        cdef uint32_t begin
        for i in range(3):
            name = triple[i] if i == 0 else -1 - triple[i]
            if name < 0:                    # a variable
                out[i] = triple[i]
                continue
            if numbers[name] < 0:
                begin = ends[name - 1] if name else 0
                numbers[name] = self._intern(&names[0] + begin, ends[name] - begin, hashes[name])
            out[i] = numbers[name] if i == 0 else -1 - numbers[name]
        return 0

    cdef int _end(self, Growing* array, uint64_t end) except -1:
        cdef uint32_t value = <uint32_t>end
        if end > 0xFFFFFFFE:
            raise OverflowError("more rules or longer names than a table can number")
        return _append(array, &value, 4)

    cdef int32_t _intern(self, const unsigned char* name, size_t length, uint64_t hash) except -1:
        cdef uint32_t* ends = <uint32_t*>self.name_ends.data
        cdef uint64_t* hashes = <uint64_t*>self.hashes.data
        cdef uint64_t n = self.name_ends.used // 4, start, slot = hash & self.slot_mask
        cdef uint32_t at
        while self.slots[slot]:
            at = self.slots[slot] - 1
            start = ends[at - 1] if at else 0
            if hashes[at] == hash and ends[at] - start == length and (
                memcmp(self.names.data + start, name, length) == 0
            ):
                return <int32_t>at
            slot = (slot + 1) & self.slot_mask
        self.slots[slot] = <uint32_t>(n + 1)
        _append(&self.names, name, length)
        self._end(&self.name_ends, self.names.used)
        _append(&self.hashes, &hash, 8)
        if 2 * (n + 1) > self.slot_mask:
            self._grow_slots()
        return <int32_t>n

    cdef int _grow_slots(self) except -1:
        cdef uint64_t mask = 2 * self.slot_mask + 1, i, slot
        cdef uint64_t* hashes = <uint64_t*>self.hashes.data
        cdef uint32_t* slots = <uint32_t*>calloc(mask + 1, 4)
        if slots == NULL:
            raise MemoryError
        for i in range(self.name_ends.used // 4):
            slot = hashes[i] & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = <uint32_t>(i + 1)
        free(self.slots)
        self.slots = slots
        self.slot_mask = mask
        return 0

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


cdef class RuleTable:
    """A table written by `TableBuilder`, in a buffer that is kept alive; for one graph at a time."""

    def __cinit__(self, buffer):
        self.has_view = False
        self.entity_ids = NULL
        self.relation_ids = NULL
        self.visited = NULL
        self.room = NULL

    def __init__(self, buffer):
        cdef const uint64_t* header
        cdef const unsigned char* base
        cdef uint64_t i
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.has_view = True
        base = <const unsigned char*>self.view.buf
        header = <const uint64_t*>base
        self.n_names = header[0]
        self.n_bodies = header[1]
        self.n_rules = header[2]
        self.n_filtered = header[3]
        self.max_body_rules = header[4]
        self.max_body_atoms = header[5]
        self.slot_mask = header[6]
        self.constant_mask = header[7]
        self.name_ends = <const uint32_t*>(base + header[8])
        self.names = base + header[9]
        self.slots = <const uint32_t*>(base + header[10])
        self.atoms = <const int32_t*>(base + header[11])
        self.body_ends = <const uint32_t*>(base + header[12])
        self.rule_ends = <const uint32_t*>(base + header[13])
        self.heads = <const int32_t*>(base + header[14])
        self.filtered = <const uint8_t*>(base + header[15])
        self.next_body = <const uint32_t*>(base + header[16])
        self.relation_bodies = <const uint32_t*>(base + header[17])
        self.constant_bodies = <const uint32_t*>(base + header[18])
        self.plain_bodies = <const uint32_t*>(base + header[19])
        self.sources = <const uint32_t*>(base + header[20])
        self.set_ends = <const uint32_t*>(base + header[21])
        self.set_relations = <const uint32_t*>(base + header[22])
        self.set_body_ends = <const uint32_t*>(base + header[23])
        self.set_bodies = <const uint32_t*>(base + header[24])
        self.set_rules = <const uint32_t*>(base + header[25])
        self.group_ends = <const uint32_t*>(base + header[26])
        self.groups = <const HeadGroup*>(base + header[27])
        self.constants = <const int32_t*>(base + header[28])
        self.set_constants = <const int32_t*>(base + header[29])
        self.n_sets = header[SETS_AT]
        for i in range(N_FILTERED):
            self.left_out[i] = header[FILTERED_AT + i]
        self.entity_ids = <int32_t*>malloc(4 * max(1, self.n_names))
        self.relation_ids = <int32_t*>malloc(4 * max(1, self.n_names))
        self.visited = <uint32_t*>calloc(max(1, self.n_bodies), 4)
        self.room = <uint64_t*>malloc(8 * ROOM_WORDS)
        if (
            self.entity_ids == NULL or self.relation_ids == NULL or self.visited == NULL
            or self.room == NULL
        ):
            raise MemoryError
        for i in range(self.n_names):
            self.entity_ids[i] = -1
            self.relation_ids[i] = -1

    def __dealloc__(self):
        free(self.entity_ids)
        free(self.relation_ids)
        free(self.visited)
        free(self.room)
        if self.has_view:
            PyBuffer_Release(&self.view)

    @property
    def held_bytes(self):
        """Private bytes beside the buffer."""
        return 8 * self.n_names + 4 * self.n_bodies + 8 * ROOM_WORDS

    cdef int64_t find_name(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil:
        cdef uint64_t slot = hash & self.slot_mask, start
        cdef uint32_t at
        while self.slots[slot]:
            at = self.slots[slot] - 1
            start = self.name_ends[at - 1] if at else 0
            if self.name_ends[at] - start == length and (
                memcmp(self.names + start, name, length) == 0
            ):
                return at
            slot = (slot + 1) & self.slot_mask
        return -1
