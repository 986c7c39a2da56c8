# distutils: extra_compile_args = -O3
"""Fills the columns of evaluation chunks from rules that come in the order of the file.

Everything is allocated once, with the first rule. A chunk is handed to the sink as views on these buffers, valid only
during the call: `sink(n_rules, n_bodies, weight, views)`, views in the order of `chunk.CHUNK_COLUMNS`.

The other half are the checks of a chunk that look at every byte: at the speed of the bytes, once,
before use. Ends must have been checked to rise and to stay inside; what is found is the place of the
first entry that is wrong, -1 where none is.
"""

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, strlen

cdef extern from "_names.h" nogil:
    uint64_t pff_name_hash(const unsigned char *name, size_t length)

cdef extern from "_text.h" nogil:
    bint pff_is_name(const unsigned char *at, size_t length)
    const unsigned char *pff_bad_utf8(const unsigned char *at, const unsigned char *stop)

cdef enum:
    NAMES, NAME_ENDS, NAME_HASHES, ATOMS, BODY_ENDS, RULE_BODY, HEADS
    SOURCES, FLAGS, SUPPORT, CONFIDENCE, TEXTS, TEXT_ENDS
    N_COLUMNS

cdef enum:
    MAX_RULES = 4096
    MAX_COLUMN_BYTES = 256 * 1024
    MAX_WEIGHT = 8192
    # Names before a chunk closes (13 bytes each at least), and those of one more rule (a line
    # of ground atoms with distinct names spends 8/3 bytes on each).
    NAME_SLOTS = 65536
    MAX_NAMES = MAX_COLUMN_BYTES // 13 + 3 * LINE_BYTES // 8
    CONSTANT = 0x7F

cdef (size_t)[13] CAPACITIES
CAPACITIES[NAMES] = MAX_COLUMN_BYTES + LINE_BYTES
CAPACITIES[NAME_ENDS] = 4 * MAX_NAMES
CAPACITIES[NAME_HASHES] = 8 * MAX_NAMES
# The shortest atom of a line, `r(X,Y), `, has 8 bytes and becomes 12.
CAPACITIES[ATOMS] = MAX_COLUMN_BYTES + 2 * LINE_BYTES
CAPACITIES[BODY_ENDS] = 4 * MAX_RULES
CAPACITIES[RULE_BODY] = 4 * MAX_RULES
CAPACITIES[HEADS] = 12 * MAX_RULES
CAPACITIES[SOURCES] = 8 * MAX_RULES
CAPACITIES[FLAGS] = MAX_RULES
CAPACITIES[SUPPORT] = 8 * MAX_RULES
CAPACITIES[CONFIDENCE] = 8 * MAX_RULES
CAPACITIES[TEXTS] = MAX_COLUMN_BYTES + LINE_BYTES
CAPACITIES[TEXT_ENDS] = 4 * MAX_RULES

BUILDER_BYTES = (
    sum([CAPACITIES[i] for i in range(N_COLUMNS)]) + 4 * NAME_SLOTS + 4 * MAX_NAMES + KEYS_BYTES
)
LONGEST_LINE_BYTES = LINE_BYTES
MAX_CHUNK_RULES = MAX_RULES
PAGE_BYTES = 4096


def touched_bytes(columns, size_t n_names):
    """What a builder touches of its memory whose chunks have columns of so many bytes at most.

    Names lie anywhere in their table: each on a page of its own, until there are no more.
    """
    pages = sum([-(-n // PAGE_BYTES) for n in columns])
    names = min(4 * NAME_SLOTS, n_names * PAGE_BYTES) + 4 * n_names
    return pages * PAGE_BYTES + names + KEYS_BYTES


cdef inline void put(Column *column, const void *data, size_t length) noexcept:
    memcpy(column.data + column.used, data, length)
    column.used += length


cdef inline void put_u32(Column *column, uint32_t value) noexcept:
    put(column, &value, 4)


cdef bint find_turned(const uint8_t *key, TurnedBody *turned) noexcept nogil:
    """Whether a body is a chain of two atoms or more as it is written; then fills `turned`.

    It is without constants and inequalities, each atom goes on from the one before, and no variable
    comes back. Turned twice, it is as it was.
    """
    cdef int n = 65535 - ((<int>key[0] << 8) | key[1])
    cdef int i, k
    cdef uint8_t left, right, next = 0
    if n < 2 or n > MOST_TURNED or key[2]:
        return False
    key += 3
    for i in range(n):
        turned.atoms[i] = key
        key += strlen(<const char *>key)
        left, right = key[1], key[2]
        if key == turned.atoms[i]:
            return False                      # an inequality
        if i == 0:
            if left != 1 or right != 2:
                return False
        else:
            if left == i + 2:
                left = right
            elif right != i + 2:
                return False
            if left != i + 1 and not (i == 1 and left == 1):
                return False
        key += 3
    turned.n_atoms = n
    for i in range(n + 2):
        turned.numbers[i] = 0
    for i in range(n - 1, -1, -1):
        key = turned.atoms[i] + strlen(<const char *>turned.atoms[i])
        for k in range(1, 3):
            if not turned.numbers[key[k]]:
                next += 1
                turned.numbers[key[k]] = next
    return True


cdef class ChunkBuilder:
    """The chunk that is being filled, and what the index says about all of them.

    A chunk has at most `max_rules` rules, and closes in proportion to that at fewer bytes and less
    weight.
    """

    def __cinit__(self, object sink, size_t max_rules=MAX_RULES):
        if not 1 <= max_rules <= MAX_RULES:
            raise ValueError(f"chunks of {max_rules} rules: expected 1 to {MAX_RULES}")
        self.sink = sink
        self.max_rules = max_rules
        self.max_bytes = MAX_COLUMN_BYTES * max_rules // MAX_RULES
        self.max_weight = MAX_WEIGHT * max_rules // MAX_RULES

    def __dealloc__(self):
        cdef int i
        for i in range(N_COLUMNS):
            free(self.columns[i].data)
        free(self.slots)
        free(self.slot_of_name)
        free(self.last_body)

    cdef int _allocate(self) except -1:
        cdef int i
        self.slots = <uint32_t *>calloc(NAME_SLOTS, 4)
        self.slot_of_name = <uint32_t *>malloc(4 * MAX_NAMES)
        self.last_body = <uint8_t *>malloc(KEYS_BYTES)
        if not self.slots or not self.slot_of_name or not self.last_body:
            raise MemoryError
        for i in range(N_COLUMNS):
            self.columns[i].data = <uint8_t *>malloc(CAPACITIES[i])
            if not self.columns[i].data:
                raise MemoryError
        return 0

    cdef int add(self, const Record *record) except -1:
        """Adds one rule; closes the chunk where it is full. Rules come in the order of the file."""
        cdef Column *columns = self.columns
        cdef size_t total = 0
        cdef bint same = (
            self.bodies != 0
            and record.body_bytes == self.last_body_bytes
            and memcmp(record.body, self.last_body, record.body_bytes) == 0
        )
        cdef int i
        cdef uint8_t flags = <uint8_t>record.flags
        cdef uint64_t filters = self.filters
        if self.bodies == 0:
            self._allocate()
        if not same:
            memcpy(self.last_body, record.body, record.body_bytes)
            self.last_body_bytes = record.body_bytes
            self.bodies += 1
        if not same or self.n_bodies == 0:
            self._add_body(record.body, record.body_bytes)
        if same:
            self.filters = filters            # the same body again, in a new chunk
        self._add_atom(&columns[HEADS], record.head, NULL)
        put_u32(&columns[RULE_BODY], <uint32_t>self.n_bodies - 1)
        put(&columns[SOURCES], &record.source, 8)
        put(&columns[FLAGS], &flags, 1)
        put(&columns[SUPPORT], &record.support, 8)
        put(&columns[CONFIDENCE], &record.confidence, 8)
        put(&columns[TEXTS], record.text, record.text_bytes)
        put_u32(&columns[TEXT_ENDS], <uint32_t>columns[TEXTS].used)
        self.n_rules += 1
        self.weight += 1
        for i in range(N_COLUMNS):
            total += columns[i].used
        if (
            self.n_rules == self.max_rules or total >= self.max_bytes
            or self.weight > self.max_weight
        ):
            self.close()
        return 0

    cdef int close(self) except -1:
        """Hands the chunk to the sink and starts an empty one."""
        cdef size_t i
        if self.n_rules == 0:
            return 0
        self.sink(
            self.n_rules,
            self.n_bodies,
            self.weight,
            tuple([
                PyMemoryView_FromMemory(
                    <char *>self.columns[i].data, self.columns[i].used, PyBUF_READ
                )
                for i in range(N_COLUMNS)
            ]),
        )
        for i in range(self.n_names):
            self.slots[self.slot_of_name[i]] = 0
        for i in range(N_COLUMNS):
            self.columns[i].used = 0
        self.n_names = self.n_rules = self.n_bodies = 0
        self.weight = 0
        return 0

    cdef int _add_body(self, const uint8_t *key, uint32_t length) except -1:
        cdef uint32_t n_atoms = 65535 - ((<uint32_t>key[0] << 8) | key[1])
        cdef bint constant = key[2]
        cdef TurnedBody turned
        cdef uint32_t i
        if key[length - 1] == TURNED and find_turned(key, &turned):
            for i in range(n_atoms):
                self._add_atom(
                    &self.columns[ATOMS], turned.atoms[n_atoms - 1 - i], turned.numbers
                )
        else:
            key += 3
            for i in range(n_atoms):
                key = self._add_atom(&self.columns[ATOMS], key, NULL)
        put_u32(&self.columns[BODY_ENDS], <uint32_t>(self.columns[ATOMS].used // 12))
        self.n_bodies += 1
        if n_atoms <= 1 or (constant and n_atoms <= 2):
            self.weight += 1
        else:
            self.weight += 40 if n_atoms == 2 else 120
        self.max_body_atoms = max(self.max_body_atoms, n_atoms)
        return 0

    cdef const uint8_t *_add_atom(
        self, Column *column, const uint8_t *key, const uint8_t *numbers
    ) except NULL:
        """Appends relation, term, term of one atom key; answers the place behind it.

        `numbers`: other ones for its variables, as they stand in the key.
        """
        cdef int32_t codes[3]
        cdef size_t length = strlen(<const char *>key)
        cdef int i
        # Without a relation: an inequality.
        codes[0] = self._name(key, length) if length else -1
        self.filters += not length
        key += length + 1
        for i in range(1, 3):
            if key[0] == CONSTANT:
                length = strlen(<const char *>key + 1)
                codes[i] = -1 - self._name(key + 1, length)
                key += length + 2
            else:
                codes[i] = <int32_t>(numbers[key[0]] if numbers != NULL else key[0]) - 1
                key += 1
        put(column, codes, 12)
        return key

    cdef int32_t _name(self, const uint8_t *name, size_t length) except -1:
        """The index of a name in the pool of the chunk."""
        cdef uint64_t key = pff_name_hash(name, length)
        cdef size_t slot = key & (NAME_SLOTS - 1)
        cdef const uint32_t *ends = <const uint32_t *>self.columns[NAME_ENDS].data
        cdef const uint64_t *hashes = <const uint64_t *>self.columns[NAME_HASHES].data
        cdef size_t index, start
        while self.slots[slot]:
            index = self.slots[slot] - 1
            if hashes[index] == key:
                start = ends[index - 1] if index else 0
                if (
                    ends[index] - start == length
                    and memcmp(self.columns[NAMES].data + start, name, length) == 0
                ):
                    return <int32_t>index
            slot = (slot + 1) & (NAME_SLOTS - 1)
        if self.n_names == MAX_NAMES:
            raise OverflowError("more names than a chunk can hold")
        self.slot_of_name[self.n_names] = <uint32_t>slot
        self.n_names += 1
        self.slots[slot] = <uint32_t>self.n_names
        put(&self.columns[NAMES], name, length)
        put_u32(&self.columns[NAME_ENDS], <uint32_t>self.columns[NAMES].used)
        put(&self.columns[NAME_HASHES], &key, 8)
        return <int32_t>self.n_names - 1


def find_bad_name(
    const uint8_t[::1] names, const uint32_t[::1] ends, const uint64_t[::1] hashes
):
    """A name that no rule text can hold, or whose hash is not its own: no graph would find it."""
    cdef Py_ssize_t i
    cdef size_t begin = 0
    if names.shape[0] == 0:
        return 0 if ends.shape[0] else -1
    for i in range(ends.shape[0]):
        if not pff_is_name(&names[0] + begin, ends[i] - begin):
            return i
        if pff_name_hash(&names[0] + begin, ends[i] - begin) != hashes[i]:
            return i
        begin = ends[i]
    return -1


def find_bad_text(
    const uint8_t[::1] texts, const uint32_t[::1] ends, const uint8_t[::1] may_have_tabs=None
):
    """A text that cannot have been a line or, where `may_have_tabs` is 0, one column of a line."""
    cdef bint tabs = False
    cdef Py_ssize_t i
    cdef size_t begin = 0
    if texts.shape[0] == 0:
        return -1
    for i in range(ends.shape[0]):
        if may_have_tabs is not None:
            tabs = may_have_tabs[i]
        if not is_line(&texts[0] + begin, &texts[0] + ends[i], tabs):
            return i
        begin = ends[i]
    return -1


cdef bint is_line(
    const uint8_t *at, const uint8_t *stop, bint tabs
) noexcept nogil:
    """Whether it is UTF-8 without NUL, newline and (unless allowed) tab."""
    cdef uint8_t tab = 10 if tabs else 9
    cdef uint8_t high = 0, bad = 0
    cdef Py_ssize_t i
    # To the end in any case: so the compiler takes many bytes at a time.
    for i in range(stop - at):
        bad |= (at[i] == 0) | (at[i] == 10) | (at[i] == tab)
        high |= at[i]
    return not bad and (high < 128 or pff_bad_utf8(at, stop) == NULL)


include "_chunk_terms.pxi"
