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


include "_table_rules.pxi"
include "_table_builder.pxi"


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
