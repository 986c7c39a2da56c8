# The run in memory: each head and body once, and rules in their order.


cdef inline const uint8_t *body_key(const Body *body) noexcept:
    return <const uint8_t *>body + sizeof(Body) + body.text_bytes


cdef void sort_bodies(
    uint8_t *arena, Item *items, size_t n, size_t depth, uint64_t *random
) noexcept:
    """Multikey quicksort, eight bytes of the keys at a time: common prefixes are read once.

    No key is the beginning of another, so keys that agree in a word padded with zeros in which
    one of them ends are equal.
    """
    cdef size_t low, high, i
    cdef uint64_t pivot
    cdef Item item
    cdef Body *body
    while n > 1:
        random[0] = random[0] * <uint64_t>6364136223846793005 + <uint64_t>1442695040888963407
        pivot = items[(random[0] >> 33) % n].word
        low = i = 0
        high = n
        while i < high:
            item = items[i]
            if item.word < pivot:
                items[i] = items[low]
                items[low] = item
                low += 1
                i += 1
            elif item.word > pivot:
                high -= 1
                items[i] = items[high]
                items[high] = item
            else:
                i += 1
        sort_bodies(arena, items, low, depth, random)
        sort_bodies(arena, items + high, n - high, depth, random)
        items += low
        n = high - low
        depth += 8
        body = <Body *>(arena + <size_t>items[0].entry * 8)
        if depth >= body.key_bytes:
            return
        for i in range(n):
            body = <Body *>(arena + <size_t>items[i].entry * 8)
            items[i].word = pff_load_big_endian(body_key(body) + depth, body.key_bytes - depth)


cdef class HeldRun:
    """Heads, bodies and rules in one arena; texts and rules are added by `SortedRuns`."""

    def __cinit__(
        self, ChunkBuilder builder, size_t arena_bytes, size_t n_slots, object open_temporary
    ):
        # Entries are addressed in units of eight bytes by 32 bits.
        self.arena_bytes = min(arena_bytes & ~<size_t>63, <size_t>1 << 34)
        self.n_slots = n_slots
        self.arena = <uint8_t *>malloc(self.arena_bytes)
        self.head_slots = <Slot *>calloc(n_slots, sizeof(Slot))
        self.body_slots = <Slot *>calloc(n_slots, sizeof(Slot))
        self.head_key = <uint8_t *>malloc(KEYS_BYTES)
        if not (self.arena and self.head_slots and self.body_slots and self.head_key):
            raise MemoryError
        self.used = 8

    def __dealloc__(self):
        free(self.arena)
        free(self.head_slots)
        free(self.body_slots)
        free(self.head_key)

    cdef uint32_t find(
        self, bint body, const uint8_t *text, uint32_t length, uint64_t hashed
    ) noexcept nogil:
        """The entry of a text, 0 if there is none."""
        cdef Slot *slots = self.body_slots if body else self.head_slots
        cdef size_t text_at = sizeof(Body) if body else sizeof(Head)
        cdef size_t slot = hashed & (self.n_slots - 1)
        cdef uint32_t tag = <uint32_t>(hashed >> 32)
        cdef const uint8_t *entry
        while slots[slot].entry:
            if slots[slot].tag == tag:
                entry = self.arena + <size_t>slots[slot].entry * 8
                # The length of the text is the first field of both.
                if (
                    (<const uint32_t *>entry)[0] == length
                    and memcmp(entry + text_at, text, length) == 0
                ):
                    return slots[slot].entry
            slot = (slot + 1) & (self.n_slots - 1)
        return 0

    cdef Head *head_at(self, uint32_t entry) noexcept nogil:
        return <Head *>(self.arena + <size_t>entry * 8)

    cdef Body *body_at(self, uint32_t entry) noexcept nogil:
        return <Body *>(self.arena + <size_t>entry * 8)

    cdef uint32_t add_head(
        self, const uint8_t *text, uint32_t length, uint64_t hashed
    ) noexcept nogil:
        """A new head with its text and nothing else known."""
        cdef uint32_t entry = <uint32_t>(self.used // 8)
        cdef Head *head = self.head_at(entry)
        memset(head, 0, sizeof(Head))
        head.text_bytes = length
        memcpy(<uint8_t *>head + sizeof(Head), text, length)
        self.used = (self.used + sizeof(Head) + length + 7) & ~<size_t>7
        self._enter(self.head_slots, hashed, entry)
        self.n_heads += 1
        return entry

    cdef uint32_t add_body(
        self, const uint8_t *text, uint32_t length, uint64_t hashed
    ) noexcept nogil:
        """A new body with its text; its key is written at `new_key`, then `set_key` ends it."""
        cdef uint32_t entry = <uint32_t>(self.used // 8)
        cdef Body *body = self.body_at(entry)
        memset(body, 0, sizeof(Body))
        body.text_bytes = length
        memcpy(<uint8_t *>body + sizeof(Body), text, length)
        self.used += sizeof(Body) + length
        self._enter(self.body_slots, hashed, entry)
        self.n_bodies += 1
        return entry

    cdef uint8_t *new_key(self) noexcept nogil:
        return self.arena + self.used

    cdef void set_key(self, uint32_t entry, size_t length) noexcept nogil:
        length = self._finish_key(self.new_key(), length)
        self.body_at(entry).key_bytes = <uint32_t>length
        self.used = (self.used + length + 7) & ~<size_t>7

    cdef size_t _finish_key(self, uint8_t *key, size_t length) noexcept nogil:
        """Makes it the key that bodies are sorted by, see `keys.sorted_keys`; returns its length."""
        cdef TurnedBody turned
        cdef const uint8_t *atom
        cdef uint8_t *to = self.head_key
        cdef size_t n
        cdef int i
        if length == 0:
            return 0
        key[length] = 0
        if find_turned(key, &turned):
            for i in range(turned.n_atoms - 1, -1, -1):
                atom = turned.atoms[i]
                n = strlen(<const char *>atom) + 1
                memcpy(to, atom, n)
                to[n] = turned.numbers[atom[n]]
                to[n + 1] = turned.numbers[atom[n + 1]]
                to += n + 2
            if memcmp(self.head_key, key + 3, length - 3) < 0:
                memcpy(key + 3, self.head_key, length - 3)
                key[length] = TURNED
        return length + 1

    cdef void _enter(self, Slot *slots, uint64_t hashed, uint32_t entry) noexcept nogil:
        cdef size_t slot = hashed & (self.n_slots - 1)
        while slots[slot].entry:
            slot = (slot + 1) & (self.n_slots - 1)
        slots[slot].tag = <uint32_t>(hashed >> 32)
        slots[slot].entry = entry

    cdef Rule *_rule(self, size_t index) noexcept nogil:
        return <Rule *>(self.arena + self.arena_bytes) - index - 1

    cdef uint32_t *_sort(self) noexcept:
        """Rules in order of the file, as indices; bodies of equal keys get one rank."""
        cdef Item *items = <Item *>(self.arena + ((self.used + 15) & ~<size_t>15))
        cdef uint32_t *starts
        cdef uint32_t *order
        cdef uint32_t *spare
        cdef uint64_t random = <uint64_t>88172645463325252
        cdef size_t i, n = 0
        cdef uint32_t rank = 0
        cdef Body *body
        cdef Body *before
        for i in range(self.n_slots):
            if self.body_slots[i].entry:
                body = self.body_at(self.body_slots[i].entry)
                if body.key_bytes:
                    items[n].entry = self.body_slots[i].entry
                    items[n].word = pff_load_big_endian(body_key(body), body.key_bytes)
                    n += 1
        sort_bodies(self.arena, items, n, 0, &random)
        for i in range(n):
            body = self.body_at(items[i].entry)
            if i:
                before = self.body_at(items[i - 1].entry)
                if compare_bytes(
                    body_key(before), before.key_bytes, body_key(body), body.key_bytes
                ):
                    rank += 1
            body.rank = rank
        self.widest = 0
        # Counting sort by rank; rules of one rank keep the order of the source.
        starts = <uint32_t *>(items + n)
        order = starts + n + 1
        spare = order + self.n_rules
        memset(starts, 0, 4 * (n + 1))
        for i in range(self.n_rules):
            starts[self.body_at(self._rule(i).body).rank] += 1
        n = 0
        for i in range(rank + 1):
            n += starts[i]
            starts[i] = <uint32_t>(n - starts[i])
        for i in range(self.n_rules):
            rank = self.body_at(self._rule(i).body).rank
            order[starts[rank]] = <uint32_t>i
            starts[rank] += 1
        n = 0
        while n < self.n_rules:
            i = starts[self.body_at(self._rule(order[n]).body).rank]
            self.widest = max(self.widest, i - n)
            self._sort_heads(order + n, spare, i - n)
            n = i
        return order

    cdef void _sort_heads(self, uint32_t *order, uint32_t *spare, size_t n) noexcept:
        """Stable merge sort of the rules of one body by their heads."""
        cdef size_t middle = n // 2, i, j, k
        cdef uint32_t moved
        if n <= 8:
            for i in range(1, n):
                moved = order[i]
                j = i
                while j and self._compare_heads(
                    self._rule(order[j - 1]), self._rule(moved)
                ) > 0:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = moved
            return
        self._sort_heads(order, spare, middle)
        self._sort_heads(order + middle, spare, n - middle)
        memcpy(spare, order, 4 * middle)
        i = k = 0
        j = middle
        while i < middle:
            if j < n and self._compare_heads(
                self._rule(spare[i]), self._rule(order[j])
            ) > 0:
                order[k] = order[j]
                j += 1
            else:
                order[k] = spare[i]
                i += 1
            k += 1

    cdef int _compare_heads(self, const Rule *a, const Rule *b) noexcept:
        """The order of the head keys, without writing them where the relations decide."""
        cdef const Head *left = self.head_at(a.head)
        cdef const Head *right = self.head_at(b.head)
        cdef const uint8_t *left_text = <const uint8_t *>left + sizeof(Head)
        cdef const uint8_t *right_text = <const uint8_t *>right + sizeof(Head)
        cdef int order = compare_bytes(
            left_text + left.relation_at, left.relation_bytes,
            right_text + right.relation_at, right.relation_bytes,
        )
        cdef uint8_t x, y
        if order:
            return order
        x = term_tag(left, left.subject, self.body_at(a.body))
        y = term_tag(right, right.subject, self.body_at(b.body))
        if x != y:
            return <int>x - <int>y
        if x == CONSTANT:
            order = compare_bytes(
                left_text + left.subject_at, left.subject_bytes,
                right_text + right.subject_at, right.subject_bytes,
            )
            if order:
                return order
        x = term_tag(left, left.object, self.body_at(a.body))
        y = term_tag(right, right.object, self.body_at(b.body))
        if x != y or x != CONSTANT:
            return <int>x - <int>y
        return compare_bytes(
            left_text + left.object_at, left.object_bytes,
            right_text + right.object_at, right.object_bytes,
        )

    cdef uint32_t _write_head(self, const Rule *rule, uint8_t *out) noexcept:
        """The head key of a rule in the variable numbers of its body; answers its length."""
        cdef const Head *head = self.head_at(rule.head)
        cdef const Body *body = self.body_at(rule.body)
        cdef const uint8_t *text = <const uint8_t *>head + sizeof(Head)
        cdef uint8_t *at = out
        memcpy(at, text + head.relation_at, head.relation_bytes)
        at += head.relation_bytes
        at[0] = 0
        at += 1
        at = write_term(at, head, head.subject, body, text + head.subject_at, head.subject_bytes)
        at = write_term(at, head, head.object, body, text + head.object_at, head.object_bytes)
        return <uint32_t>(at - out)


cdef inline uint8_t term_tag(const Head *head, uint8_t term, const Body *body) noexcept:
    """How a term of a head begins in its key: 1 + variable number, or the tag of a constant."""
    if term == 0:
        return CONSTANT
    if term <= 26:
        return term
    if body.numbers[term - 65]:
        return body.numbers[term - 65]
    # The variable of a zero rule, which no body numbers: 0 for the subjects, 1 for the objects.
    return 2 if head.over_objects else 1


cdef inline uint8_t *write_term(
    uint8_t *at, const Head *head, uint8_t term, const Body *body, const uint8_t *name,
    size_t length,
) noexcept:
    at[0] = term_tag(head, term, body)
    at += 1
    if term == 0:
        memcpy(at, name, length)
        at += length
        at[0] = 0
        at += 1
    return at
