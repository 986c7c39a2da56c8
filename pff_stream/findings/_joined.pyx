# distutils: extra_compile_args = -O3
"""Violations of many rules joined by triple, in the order of findings; memory does not grow with them.

Workers list the violations of each rule as result records whose source is the rule's rank. Each becomes
an entry of one external sort: subject, relation, object, rank (4 bytes each, high byte first), the place
of the functional variable, the witness. In that order the reasons of a triple lie side by side, the best
first. What is joined goes to a second sort, in the order of findings.

An entry of that: the score's bits inverted (8 bytes, only where findings are ordered by it), the rank of
the first rule, the three names, each with a NUL behind it (names have none); then its ids,
how many reasons there are and are kept (4 bytes each), noisy-or (8), functional variables (1); for each
reason that is kept its rank, atoms (4 each), functional variable (1) and witness (int32 x 3 an atom).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport exp
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy, memset

from pff_stream.errors import DamagedResultsError
from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._record cimport EXAMPLES_BYTES, N_COUNTS, RECORD_BYTES, VIOLATED, Record
from pff_stream.triples._graph cimport CSR, GraphView, find_row

cdef enum:
    HELD = 1000                   # triples of the last rank, twice as many at times
    NO_ID = 0xFFFFFFFF            # any name, see `_spots`

include "_listed_records.pxi"


cdef class Joined:
    """Takes runs of records (`add`), tells new triples by rank, and gives findings in order.

    Until `look_at` the graph is not needed, only how many entities and relations it has.
    """

    def __init__(
        self,
        uint64_t n_entities,
        uint64_t n_relations,
        Sorter listed,
        Sorter found,
        uint32_t most_reasons,
    ):
        self.n_entities = n_entities
        self.n_relations = n_relations
        self.listed = self.taken = listed
        self.found = found
        self.most_reasons = most_reasons
        self.entities, self.relations = {}, {}
        self.entity_names, self.relation_names = [], []

    def __dealloc__(self):
        free(self.entry)

    def names_beyond(self):
        """The entities and the relations that only heads of rules have, in the order of their ids."""
        return self.entity_names, self.relation_names

    def know(self, list entity_names, list relation_names):
        """Takes what `names_beyond` gave: what was packed is read back."""
        self.entity_names, self.relation_names = entity_names, relation_names

    def look_at(self, GraphView graph):
        """From here on names are asked for."""
        self.graph = graph

    def entity(self, uint64_t number):
        """The name of an entity, also of one that only heads of rules have."""
        n = self.n_entities
        return self.entity_names[number - n] if number >= n else self.graph.entity_name(number)

    def relation(self, uint64_t number):
        """The name of a relation, also of one that only heads of rules have."""
        n = self.n_relations
        return self.relation_names[number - n] if number >= n else self.graph.relation_name(number)

    # --- violations ----------------------------------------------------------------------------

    def add(self, const unsigned char[::1] run):
        """Takes the violations of a run of records; `DamagedResultsError` where it is none."""
        cdef Record record
        cdef size_t at = 0, end = run.shape[0]
        while at < end:
            if end - at < RECORD_BYTES:
                raise damaged_record(at)
            memcpy(&record, &run[at], RECORD_BYTES)
            at += RECORD_BYTES
            if record.payload_bytes > end - at or record.n_counts != N_COUNTS or record.place > 1:
                raise damaged_record(at)
            if record.outcome == VIOLATED and record.n_examples:
                add_record(self, &record, &run[at], record.payload_bytes)
            at += record.payload_bytes

    # --- triples -------------------------------------------------------------------------------

    def new_by_rank(self, Py_ssize_t n_ranks):
        """How many triples have each rank as that of their first rule: uint32, `n_ranks` of them."""
        import numpy as np

        counted = np.zeros(max(1, n_ranks), np.uint32)
        cdef uint32_t[::1] counts = counted
        cdef unsigned char triple[TRIPLE_BYTES]
        cdef const unsigned char* entry
        cdef bint is_first = True
        cdef size_t n
        cdef uint32_t rank
        self.listed.begin()
        while (entry := self.listed.take(&n)) != NULL:
            if is_first or memcmp(entry, triple, TRIPLE_BYTES):
                is_first = False
                memcpy(triple, entry, TRIPLE_BYTES)
                rank = get_u32(entry + TRIPLE_BYTES)
                if rank >= <size_t>n_ranks:
                    raise damaged_record(rank)
                counts[rank] += 1
        return counted[:n_ranks]

    def keep_first(self, uint32_t rank, size_t n):
        """Only the first `n` triples of those whose first rule has this rank are wanted.

        One rule may have millions. Where `n` is at most `HELD`, with ten reasons or fewer each, the first
        ones are held, and no others are put in order.
        """
        self.last_rank = rank
        self.n_of_last = n if n * max(10, self.most_reasons) <= 10 * HELD else 0

    def rank(self, uint32_t cut, const double[::1] logs=None):
        """Gives `found` all triples of rules up to rank `cut`; returns how many there are.

        With `logs` (by rank, log1p(-confidence)) they are ordered by noisy-or.
        """
        cdef Group group
        cdef const unsigned char* entry
        cdef size_t n
        cdef uint32_t rank, n_witness
        cdef uint64_t total = 0
        cdef double sum_of_logs = 0
        cdef bint by_score = logs is not None
        reasons = bytearray()
        self.held_entries, self.last_entry = [], None
        memset(&group, 0, sizeof(Group))
        self.listed.begin()
        while True:
            entry = self.listed.take(&n)
            if entry != NULL:
                rank = get_u32(entry + TRIPLE_BYTES)
                if rank > cut:
                    continue
                if group.total and memcmp(entry, group.triple, TRIPLE_BYTES) == 0:
                    pass
                else:
                    if group.total:
                        group.score = 1 - exp(sum_of_logs)
                        self._emit(&group, bytes(reasons), by_score)
                    memcpy(group.triple, entry, TRIPLE_BYTES)
                    group.first = rank
                    group.total = group.kept = 0
                    group.sides = 0
                    sum_of_logs = 0
                    reasons.clear()
                    total += 1
                group.total += 1
                group.sides |= 2 if entry[16] else 1
                if by_score:
                    sum_of_logs += logs[rank]
                if group.kept < self.most_reasons:
                    group.kept += 1
                    n_witness = <uint32_t>((n - FRONT_BYTES) // ATOM_BYTES)
                    reasons += PyBytes_FromStringAndSize(<const char*>&rank, 4)
                    reasons += PyBytes_FromStringAndSize(<const char*>&n_witness, 4)
                    reasons += PyBytes_FromStringAndSize(<const char*>entry + 16, n - 16)
            else:
                if group.total:
                    group.score = 1 - exp(sum_of_logs)
                    self._emit(&group, bytes(reasons), by_score)
                for held in self.held_entries:
                    self.found.put(held)
                self.held_entries = []
                return total + self.left_out

    cdef int _emit(self, const Group* group, bytes reasons, bint by_score) except -1:
        cdef uint32_t ids[3]
        cdef uint64_t bits
        cdef unsigned char packed[8]
        cdef int i
        self.used = 0
        if by_score:
            memcpy(&bits, &group.score, 8)
            put_u32(packed, <uint32_t>(~bits >> 32))
            put_u32(packed + 4, <uint32_t>~bits)
            self._put(packed, 8)
        put_u32(packed, group.first)
        self._put(packed, 4)
        for i in range(3):
            ids[i] = get_u32(group.triple + 4 * i)
            name = self.relation(ids[i]) if i == 1 else self.entity(ids[i])
            # With the NUL that ends every bytes object.
            self._put(PyBytes_AS_STRING(name), len(name) + 1)
        self._put(ids, sizeof(ids))
        self._put(&group.total, 4)
        self._put(&group.kept, 4)
        self._put(&group.score, 8)
        self._put(&group.sides, 1)
        self._put(PyBytes_AS_STRING(reasons), len(reasons))
        if self.n_of_last and group.first == self.last_rank and not by_score:
            return self._hold(PyBytes_FromStringAndSize(<const char*>self.entry, self.used))
        return self.found.add(self.entry, self.used)

    cdef int _hold(self, bytes entry) except -1:
        """Takes a triple of the last rank, and drops it where it cannot be one of the first by name."""
        if self.last_entry is not None and entry > self.last_entry:
            return 0
        self.held_entries.append(entry)
        if <size_t>len(self.held_entries) >= 2 * self.n_of_last:
            self.held_entries.sort()
            del self.held_entries[self.n_of_last:]
            self.last_entry = self.held_entries[self.n_of_last - 1]
        return 0

    def __iter__(self):
        """The entries of all findings, in order."""
        return iter(self.found)

    def packed(self, uint64_t most, bint by_score):
        """The entries of the first findings, and the ranks of the rules that they tell of."""
        cdef const unsigned char* entry
        cdef const unsigned char* at
        cdef size_t n
        cdef uint32_t rank, kept, n_atoms
        cdef int i
        cdef list entries = []
        cdef set ranks = set()
        self.found.begin()
        while <uint64_t>len(entries) < most and (entry := self.found.take(&n)) != NULL:
            entries.append(PyBytes_FromStringAndSize(<const char*>entry, n))
            at = entry + (8 if by_score else 0)
            ranks.add(get_u32(at))
            at += 4
            for i in range(3):
                while at[0]:
                    at += 1
                at += 1
            at += TRIPLE_BYTES + 4
            memcpy(&kept, at, 4)
            at += 4 + 8 + 1
            for i in range(<int>kept):
                memcpy(&rank, at, 4)
                memcpy(&n_atoms, at + 4, 4)
                ranks.add(rank)
                at += 9 + ATOM_BYTES * <size_t>n_atoms
        return entries, ranks

    def wanted(self, list entries, bint by_score):
        """The triples whose places these findings tell, as uint32 x 3 of ids in the order of
        `where.wanted_by`: see `_spots`."""
        cdef const unsigned char* at
        cdef uint32_t[5] ids              # of the triple; reasons in all, and those that are kept
        cdef uint32_t n_atoms, i
        cdef bint by_object
        self.used = 0
        for entry in entries:
            at = <const unsigned char*>PyBytes_AS_STRING(entry) + 4 + (8 if by_score else 0)
            for i in range(3):
                while at[0]:
                    at += 1
                at += 1
            memcpy(ids, at, 20)
            at += TAIL_BYTES
            by_object = ids[4] and at[8] != 0
            if not self._degree(ids[1], by_object, ids[2 if by_object else 0]):
                if ids[0] >= self.n_entities:
                    ids[0] = NO_ID                            # no object is named so
                ids[1] = ids[2] = NO_ID
            elif by_object:
                ids[0] = NO_ID
            else:
                ids[2] = NO_ID
            self._put(ids, 12)
            for i in range(ids[4]):
                memcpy(&n_atoms, at + 4, 4)
                at += REASON_BYTES
                self._put(at, ATOM_BYTES * <size_t>n_atoms)
                at += ATOM_BYTES * <size_t>n_atoms
        return PyBytes_FromStringAndSize(<const char*>self.entry, self.used)

    cdef uint32_t _degree(self, uint64_t relation, bint of_object, uint64_t entity) noexcept:
        """How many objects (entity, relation, ?) has; with `of_object` subjects (?, relation, entity)."""
        cdef const CSR* rows
        cdef int64_t row
        if relation >= self.n_relations or entity >= self.n_entities:
            return 0
        rows = &self.graph.rows[2 * relation + of_object]
        row = find_row(rows, <int32_t>entity)
        return 0 if row < 0 else rows.offsets[row + 1] - rows.offsets[row]

    # --- packing -------------------------------------------------------------------------------

    cdef int _reserve(self, size_t n) except -1:
        cdef void* larger
        if self.used + n > self.room:
            larger = realloc(self.entry, 2 * (self.used + n))
            if larger == NULL:
                raise MemoryError
            self.entry = <unsigned char*>larger
            self.room = 2 * (self.used + n)
        return 0

    cdef int _put(self, const void* at, size_t n) except -1:
        self._reserve(n)
        memcpy(self.entry + self.used, at, n)
        self.used += n
        return 0
