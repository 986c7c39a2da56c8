# Rules and their records, read and checked.

cdef tuple MINER = (
    MINED_PREDICTIONS, MINED_SUPPORT, CONFIDENCE, PCA_CONFIDENCE, PCA_PREDICTIONS, HEAD_COVERAGE
)


cdef class RuleReader:
    """Goes from rule to rule: `next_rule`, then `next_part` until it says no."""

    def __init__(self, spooled, options):
        self.graph = spooled.graph
        self.heap = RunHeap(
            spooled.files,
            spooled.runs,
            fan_in=options.fan_in,
            window_bytes=options.window_bytes,
            max_record_bytes=options.max_record_bytes,
            temporary_dir=options.temporary_dir,
            checks_sums=not spooled.is_checked,
        )
        self.chunks = iter(spooled.chunks)
        self.at = self.n = 0
        self.source = spooled.first
        self.stop = <uint64_t>-1 if spooled.stop is None else spooled.stop
        self.withdrawn = dict(options.withdrawn)
        self.is_part = options.is_part
        self.partial = options.partial

    cdef bint next_rule(self) except -1:
        """Goes to the next rule of the source and its record; False behind the last."""
        cdef Rule* rule = &self.rule
        cdef RunHeap heap = self.heap
        cdef Slice rejected
        while self.at == self.n or (self.is_part and self._is_elsewhere()):
            if self.at < self.n:
                self.at += 1
                self.source += 1
            elif not self._next_chunk():
                if heap.n:
                    raise DamagedResultsError(
                        f"damaged results: rule number {heap.header.source} is not in the source, "
                        f"which has {counted(self.source, 'rule')}"
                    )
                return False
        memset(rule, 0, sizeof(Rule))
        rule.source = self.source
        rule.line = self.lines[self.at]
        rule.text = _slice(self.texts, self.text_ends, self.at)
        rejected = _slice(self.reasons, self.reason_ends, self.at)
        if heap.n and heap.header.source < rule.source:
            raise DamagedResultsError(f"damaged results: rule number {heap.header.source} is there twice")
        if rejected.n:
            rule.outcome = REJECTED
            rule.reason = REASON_TEXT
            rule.reason_text = rejected
        elif heap.n == 0 or heap.header.source != rule.source or heap.header.part != 0:
            raise DamagedResultsError(
                f"damaged results: rule number {rule.source} (line {rule.line}) has no result"
            )
        elif self.withdrawn and self.source in self.withdrawn:
            self._withdraw(rule)
        else:
            self._read_counts(rule)
        self.at += 1
        self.source += 1
        rule.miner_confidence = self.miner_share(MINER_CONFIDENCE)
        return True

    cdef bint _is_elsewhere(self) noexcept:
        """Whether the next rule is of another part: it has no result, and was not rejected."""
        cdef RunHeap heap = self.heap
        cdef uint32_t before = self.reason_ends[self.at - 1] if self.at else 0
        if self.reason_ends[self.at] > before:
            return False
        return heap.n == 0 or heap.header.source > self.source

    cdef int _withdraw(self, Rule* rule) except -1:
        """Makes a failed rule of it, and passes over its record and all further parts."""
        while True:
            self.heap.fetch()
            self.heap.advance()
            if self.heap.n == 0 or self.heap.header.source != rule.source:
                break
        self.withdrawn_text = self.withdrawn[rule.source].encode()
        rule.outcome = FAILED
        rule.reason = REASON_TEXT
        rule.reason_text.text = <const unsigned char*>PyBytes_AS_STRING(self.withdrawn_text)
        rule.reason_text.n = len(self.withdrawn_text)
        return 0

    cdef int _read_counts(self, Rule* rule) except -1:
        cdef int64_t predictions, support, violations
        cdef uint8_t outcome
        rule.has_record = True
        rule.outcome = self.heap.header.outcome
        rule.reason = self.heap.header.reason
        rule.place = self.heap.header.place
        memcpy(rule.counts, self.heap.header.counts, sizeof(rule.counts))
        rule.facts = self.heap.header.facts
        predictions = rule.counts[PREDICTIONS]
        support = rule.counts[SUPPORT]
        violations = self.violations_of(rule)
        outcome = VACUOUS
        if violations:
            outcome = VIOLATED
        elif support or (predictions and not self.partial):
            outcome = SATISFIED
        if rule.outcome <= VACUOUS and (
            rule.outcome != outcome or violations < 0 or rule.facts < support
        ):
            raise DamagedResultsError(
                f"damaged results: outcome {rule.outcome} of rule number {rule.source} with "
                f"{counted(predictions, 'prediction')}, {support} of them in the graph, which has "
                f"{counted(rule.facts, 'triple')} of the relation"
            )
        self.part = 0
        self._read_part(rule)
        if rule.reason == REASON_TEXT and self.examples.n == 0:
            rule.reason_text.text = self.heap.payload
            rule.reason_text.n = self.heap.header.payload_bytes
        return 0

    cdef bint next_part(self) except -1:
        """Goes to the next part of the rule; False behind the last."""
        cdef Rule* rule = &self.rule
        if not rule.has_record:
            return False
        self.heap.advance()
        self.part += 1
        if self.heap.n == 0 or self.heap.header.source != rule.source:
            return False
        if self.heap.header.part != self.part or self.heap.header.outcome != rule.outcome:
            raise DamagedResultsError(
                f"damaged results: rule number {rule.source} has part {self.heap.header.part} "
                f"where part {self.part} was expected"
            )
        self._read_part(rule)
        return True

    cdef int _read_part(self, Rule* rule) except -1:
        """Decodes the places of the part's examples."""
        cdef Examples* examples = &self.examples
        cdef uint64_t at = EXAMPLES_BYTES, size
        cdef const unsigned char* payload
        cdef int i
        self.heap.fetch()
        payload = self.heap.payload
        size = self.heap.header.payload_bytes
        examples.n = self.heap.header.n_examples
        rule.examples += examples.n
        if examples.n == 0:
            return 0
        if size < EXAMPLES_BYTES or rule.outcome != VIOLATED:
            raise self._bad_examples()
        examples.n_atoms = <uint32_t>read_i32(payload)
        examples.relation = read_i32(payload + 4)
        examples.stride = 8 + 12 * <uint64_t>examples.n_atoms
        for i in range(3):
            examples.names[i].text = payload + at
            examples.names[i].n = <uint32_t>read_i32(payload + 8 + 4 * i)
            at += examples.names[i].n
            if at > size:
                raise self._bad_examples()
        at = (at + 3) & ~<uint64_t>3
        if (
            at > size
            or (size - at) % examples.stride != 0
            or (size - at) // examples.stride != examples.n
            or rule.examples > self.violations_of(rule)
            or <int64_t>examples.relation >= <int64_t>self.graph.n_relations
        ):
            raise self._bad_examples()
        examples.ids = payload + at
        return 0

    cdef _bad_examples(self):
        return DamagedResultsError(
            f"damaged results: the examples of rule number {self.rule.source}, part {self.part}"
        )

    cdef bint _next_chunk(self) except -1:
        # Before the next one is read: there is room for one.
        self.lines = None
        # One by one: Cython before 3.3.1 refuses a chain of typed memoryviews.
        self.texts = None
        self.text_ends = None
        self.reasons = None
        self.reason_ends = None
        memset(self.miner, 0, sizeof(self.miner))
        self.miner_views = None
        if self.source == self.stop:
            return False
        chunk = next(self.chunks, None)
        if chunk is None:
            return False
        if chunk.first != self.source and (self.begun or chunk.first > self.source):
            raise PffStreamError(
                f"damaged rules: a chunk begins at rule number {chunk.first}, not {self.source}"
            )
        self.begun = True
        self.texts = chunk.texts
        self.reasons = chunk.reasons
        self.lines = _aligned(chunk.lines)
        self.text_ends = _aligned(chunk.text_ends)
        self.reason_ends = _aligned(chunk.rejected)
        self.n = self.lines.shape[0]
        self._take_miner(chunk.miner)
        _check_ends(self.text_ends, self.texts.shape[0], self.n)
        _check_ends(self.reason_ends, self.reasons.shape[0], self.n)
        self.at = min(<uint64_t>self.n, self.source - <uint64_t>chunk.first)
        self.n = min(<uint64_t>self.n, self.stop - <uint64_t>chunk.first)
        return True

    cdef int _take_miner(self, columns) except -1:
        """Points to the columns of the miner that the chunk has."""
        cdef const unsigned char[::1] values
        cdef Py_ssize_t width
        self.miner_views = []
        for i, column in enumerate(MINER):
            found = columns.get(column.name)
            if found is None or not self.n:
                continue
            values = memoryview(found).cast("B")
            width = values.shape[0] // self.n
            if width * self.n != values.shape[0] or width not in (1, 2, 4, 8):
                raise PffStreamError("damaged rules: the columns of a chunk differ in length")
            self.miner_views.append(values)
            self.miner[i].values = &values[0]
            self.miner[i].width = <uint8_t>width
        return 0

    cdef int64_t miner_count(self, int column) noexcept:
        """What the present rule has in a column of counts; -1: nothing."""
        cdef const Column* taken = &self.miner[column]
        cdef const unsigned char* at = taken.values + (self.at - 1) * taken.width
        cdef int16_t two
        cdef int64_t eight
        if taken.width == 0:
            return -1
        if taken.width == 1:
            return <int8_t>at[0]
        if taken.width == 2:
            memcpy(&two, at, 2)
            return two
        if taken.width == 4:
            return read_i32(at)
        memcpy(&eight, at, 8)
        return eight

    cdef double miner_share(self, int column) noexcept:
        """What the present rule has in a column of shares; NaN: nothing."""
        cdef const Column* taken = &self.miner[column]
        cdef double share = NAN
        if taken.width == 8:
            memcpy(&share, taken.values + 8 * (self.at - 1), 8)
        return share

    cdef int _entity(self, int32_t entity, Slice* name) except -1:
        if <uint32_t>entity >= self.graph.n_entities:
            raise self._bad_examples()
        cdef uint64_t begin = self.graph.entity_ends[entity - 1] if entity else 0
        name.text = self.graph.entity_blob + begin
        name.n = self.graph.entity_ends[entity] - begin
        return 0

    cdef int _relation(self, int32_t relation, Slice* name) except -1:
        if <uint32_t>relation >= self.graph.n_relations:
            raise self._bad_examples()
        cdef uint64_t begin = self.graph.relation_ends[relation - 1] if relation else 0
        name.text = self.graph.relation_blob + begin
        name.n = self.graph.relation_ends[relation] - begin
        return 0

    cdef int head(self, const unsigned char* ids, Slice* names) except -1:
        """Subject, relation, object of an example's head."""
        cdef int32_t subject = read_i32(ids), object = read_i32(ids + 4)
        if subject == -1:
            names[0] = self.examples.names[1]
        else:
            self._entity(subject, &names[0])
        if self.examples.relation == -1:
            names[1] = self.examples.names[0]
        else:
            self._relation(self.examples.relation, &names[1])
        if object == -1:
            names[2] = self.examples.names[2]
        else:
            self._entity(object, &names[2])
        return 0

    cdef int body_triple(self, const unsigned char* ids, Slice* names) except -1:
        self._entity(read_i32(ids), &names[0])
        self._relation(read_i32(ids + 4), &names[1])
        self._entity(read_i32(ids + 8), &names[2])
        return 0

    cdef int64_t violations_of(self, const Rule* rule) noexcept:
        """How many violations the rule has under the assumption of the run."""
        cdef int64_t absent = rule.counts[PREDICTIONS] - rule.counts[SUPPORT]
        return absent - rule.counts[UNKNOWN] if self.partial else absent

    def close(self):
        """Closes the temporary file, if there is one."""
        self.heap.close()


cdef inline Slice _slice(
    const unsigned char[::1] text, const uint32_t[::1] ends, Py_ssize_t i
) noexcept:
    cdef Slice part
    cdef size_t begin = ends[i - 1] if i else 0
    part.n = ends[i] - begin
    part.text = &text[0] + begin if part.n else NULL
    return part


cdef object _aligned(column):
    """The array itself, or a copy where it lies at an odd address: compiled code must not read that."""
    return column if column.flags.aligned else column.copy()


cdef int _check_ends(const uint32_t[::1] ends, Py_ssize_t text_bytes, Py_ssize_t n) except -1:
    cdef Py_ssize_t i
    cdef uint32_t last = 0
    if ends.shape[0] != n:
        raise PffStreamError("damaged rules: the columns of a chunk differ in length")
    for i in range(n):
        if ends[i] < last or ends[i] > text_bytes:
            raise PffStreamError("damaged rules: the texts of a chunk are out of order")
        last = ends[i]
    return 0
