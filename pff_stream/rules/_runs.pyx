# distutils: extra_compile_args = -O3
"""Holds as many rules as fit its arena, and sorts them; more of them go to disk as sorted runs.

A rule is a pair of distinct texts (head, body), each parsed once per run. Distinct texts and
their keys grow from the bottom of the arena, rules from its top; when they would meet, less the
room that sorting needs, the run is sorted by (body key, head key, source) and written behind the
others (`_run_file`). With a single run nothing is written.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset, strlen

from pff_stream.rules._chunks cimport (
    KEYS_BYTES, TURNED, ChunkBuilder, Record, TurnedBody, find_turned
)
from pff_stream.rules._run_file cimport RunFile, compare_bytes, cursor_bytes

from pff_stream.rules._run_file import RUN_FILE_BYTES
from pff_stream.files.durable import naming
from pff_stream.rules._writer import place_of

cdef extern from *:
    """
    static inline uint64_t pff_load_big_endian(const unsigned char *from, size_t left) {
        uint64_t value = 0;
        if (left >= 8) {
            memcpy(&value, from, 8);
        } else {
            memcpy(&value, from, left);
        }
        return __builtin_bswap64(value);
    }
    """
    uint64_t pff_load_big_endian(const unsigned char *start, size_t left) nogil

cdef struct Item:
    # A body in the sort: eight bytes of its key at the current depth, and the body.
    uint64_t word
    uint32_t entry
    uint32_t spare


cdef enum:
    PAGE_BYTES = 4096
    CONSTANT = 0x7F

RUNS_FIXED_BYTES = KEYS_BYTES + RUN_FILE_BYTES
SLOT_BYTES = 2 * sizeof(Slot)


include "_held_run.pxi"


cdef class SortedRuns(HeldRun):
    """The run in memory, the runs on disk, and the builder that gets all rules in order.

    `open_temporary` makes an unnamed binary file; it is called only when a run is written.
    """

    def __cinit__(
        self, ChunkBuilder builder, size_t arena_bytes, size_t n_slots, object open_temporary
    ):
        self.builder = builder
        self.written = RunFile(open_temporary)
        self.place = place_of(open_temporary)

    @property
    def touched_bytes(self):
        """Bytes of the arena and of the tables that rules which were sorted so far touched.

        Where some lie in a file already, merging them is in it.
        """
        cdef size_t merging = 0
        if self.n_spilled:
            merging = min(self.arena_bytes, <size_t>(self.n_spilled + 1) * cursor_bytes())
        return max(self.most_touched, merging)

    cdef size_t _touched(self) noexcept nogil:
        """By the rules held now, which are sorted."""
        cdef size_t arena, heads, bodies
        arena = self.used + self.n_rules * (sizeof(Rule) + 4) + self.n_bodies * (sizeof(Item) + 4)
        arena += 4 * self.widest
        # Entries of a table lie anywhere in it: each on a page of its own, until there are no more.
        heads = min(self.n_slots * sizeof(Slot), self.n_heads * PAGE_BYTES)
        bodies = min(self.n_slots * sizeof(Slot), self.n_bodies * PAGE_BYTES)
        return min(self.arena_bytes, arena) + heads + bodies

    def close(self) -> None:
        """Closes the temporary file, which frees its space."""
        self.written.close()

    cdef int reserve(self, size_t n_bytes) except -1 nogil:
        """Room for one more rule of so many bytes; writes the run out where there is none."""
        cdef size_t needed = self.used + n_bytes + 2048
        needed += (self.n_rules + 1) * (sizeof(Rule) + 8)
        needed += (self.n_bodies + 1) * (sizeof(Item) + 4)
        if (
            needed > self.arena_bytes
            or self.n_rules == <size_t>1 << 31
            or 4 * (self.n_heads + 1) > 3 * self.n_slots
            or 4 * (self.n_bodies + 1) > 3 * self.n_slots
        ):
            with gil:
                self._spill()
        return 0

    cdef void add_rule(
        self, uint32_t head, uint32_t body, uint64_t source, int64_t support, double confidence,
        uint32_t flags, const uint8_t *text, uint32_t text_bytes,
    ) noexcept nogil:
        """One more rule; its text is kept where its flags are not 0."""
        cdef Rule *rule
        cdef Text *kept
        if self.n_rules == 0:
            self.first_source = source
        self.n_rules += 1
        rule = self._rule(self.n_rules - 1)
        rule.source = <uint32_t>(source - self.first_source)
        rule.support = support
        rule.confidence = confidence
        rule.head = head
        rule.body = body
        rule.text = 0
        if flags:
            rule.text = <uint32_t>(self.used // 8)
            kept = <Text *>(self.arena + self.used)
            kept.flags = flags
            kept.text_bytes = text_bytes
            memcpy(<uint8_t *>kept + sizeof(Text), text, text_bytes)
            self.used = (self.used + sizeof(Text) + text_bytes + 7) & ~<size_t>7

    cpdef int finish(self) except -1:
        """Feeds all rules to the builder in order, from memory or from the runs on disk."""
        if not self.n_spilled:
            self._drain(False)
        else:
            self._spill()
            self.written.merge_into(self.builder, self.arena, self.arena_bytes)
        self.builder.close()
        self.close()
        return 0

    cdef int _drain(self, bint to_file) except -1:
        """Gives all rules of the run in order to the builder or the run file, and forgets them."""
        cdef uint32_t *order = self._sort()
        cdef size_t i
        cdef const Rule *rule
        cdef const Body *body
        cdef const Text *kept
        cdef Text none
        cdef Record record
        self.most_touched = max(self.most_touched, self._touched())
        none.flags = none.text_bytes = 0
        record.head = self.head_key
        for i in range(self.n_rules):
            rule = self._rule(order[i])
            body = self.body_at(rule.body)
            record.body = body_key(body)
            record.body_bytes = body.key_bytes
            record.head_bytes = self._write_head(rule, self.head_key)
            kept = <const Text *>(self.arena + <size_t>rule.text * 8) if rule.text else &none
            record.text = <const uint8_t *>kept + sizeof(Text)
            record.text_bytes = kept.text_bytes
            record.flags = kept.flags
            record.source = self.first_source + rule.source
            record.support = rule.support
            record.confidence = rule.confidence
            if to_file:
                self.written.add(&record)
            else:
                self.builder.add(&record)
        memset(self.head_slots, 0, self.n_slots * sizeof(Slot))
        memset(self.body_slots, 0, self.n_slots * sizeof(Slot))
        self.n_heads = self.n_bodies = self.n_rules = 0
        self.used = 8
        return 0

    cdef int _spill(self) except -1:
        if self.n_rules:
            with naming(self.place):
                self.written.start()
                self._drain(True)
                self.written.end()
            self.n_spilled += 1
        return 0
