# The first half of building a table: what the chunks of a rule file bring, gathered.


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


cdef class GatheredRules:
    """The rules of all chunks behind each other, by numbers of names that all of them share."""

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
    cdef uint64_t n_filtered
    cdef uint64_t max_body_rules
    cdef uint64_t max_body_atoms
    cdef int64_t min_support
    cdef double min_confidence
    cdef AskedRelations asked
    cdef bint keeps_filtered
    cdef uint64_t left_out[N_FILTERED]
    cdef bint has_sets            # of the relations that bodies need: none since rules were added

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

    cdef uint64_t gathered_bytes(self) noexcept:
        return (
            self.names.capacity + self.name_ends.capacity + self.hashes.capacity
            + self.atoms.capacity + self.body_ends.capacity + self.rule_ends.capacity
            + self.heads.capacity + self.filtered.capacity + self.sources.capacity
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
