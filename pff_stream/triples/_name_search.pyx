"""Many names looked up at once in a graph file, sorted by place.

Each part of the index is read once and in order, whatever the number of names.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memcmp, memcpy

from pff_stream.triples._graph cimport GraphView
from pff_stream.triples._spellings cimport in_brackets, pff_name_hash
from pff_stream.triples._window cimport GAP_BYTES, WINDOW_SPAN, FileWindow, taken


def names_room_bytes(uint64_t n_names):
    """Bytes for looking up at most so many names at once, beside the window."""
    return sizeof(Sought) * n_names


cdef int _by_slot(const void* one, const void* other) noexcept nogil:
    cdef uint64_t a = (<const Sought*>one).slot, b = (<const Sought*>other).slot
    return (a > b) - (a < b)


cdef int _by_entity(const void* one, const void* other) noexcept nogil:
    cdef int32_t a = (<const Sought*>one).entity, b = (<const Sought*>other).entity
    return (a > b) - (a < b)


cdef class NameSearch:
    """Finds the entities of names in `graph`, through a window on its file."""

    def __init__(self, GraphView graph, FileWindow file):
        self.graph = graph
        self.file = file

    def __dealloc__(self):
        free(self.sought)

    def entity_ids(self, list names, const uint64_t[::1] hashes):
        """The ids of names (bytes), -1 where the graph has no such entity."""
        import numpy as np

        blob = np.frombuffer(b"".join(names) or b"\0", np.uint8)
        ends = np.add.accumulate([len(name) for name in names], dtype=np.uint32)
        ids = np.full(len(names), -1, np.int32)
        cdef const unsigned char[::1] text = blob
        cdef const uint32_t[::1] text_ends = ends
        cdef int32_t[::1] found = ids
        if names:
            self.reserve(len(names))
            self.seek(&text[0], &text_ends[0], &hashes[0], len(names))
            self.find(&found[0])
        return ids.tolist()

    cdef int reserve(self, int64_t n) except -1:
        """Takes what looking up `n` names at once needs."""
        if n > self.sought_capacity:
            free(self.sought)
            self.sought = NULL
            self.sought_capacity = 0
            self.sought = <Sought*>taken(n * sizeof(Sought))
            self.sought_capacity = n
        return 0

    cdef void seek(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) noexcept nogil:
        """Adds `n` names to those that are looked for (there is room); `ends` as in a chunk."""
        cdef int i
        cdef uint32_t begin = 0
        cdef Sought* sought
        for i in range(n):
            sought = &self.sought[self.n_sought]
            sought.name = <int32_t>self.n_sought
            sought.slot = hashes[i] & self.graph.entity_mask
            sought.text = names + begin
            sought.length = ends[i] - begin
            if self.graph.is_rdf and in_brackets(sought.text, sought.length):
                sought.text += 1
                sought.length -= 2
                sought.slot = pff_name_hash(sought.text, sought.length) & self.graph.entity_mask
            begin = ends[i]
            self.n_sought += 1

    cdef int find(self, int32_t* ids) except -1 nogil:
        """The entity of each name that is looked for, -1 where there is none; forgets the names."""
        cdef int64_t i, n, left = self.n_sought
        self.n_sought = 0
        for i in range(left):
            ids[i] = -1
        while left:
            left = self._read_slots(left)
            qsort(self.sought, left, sizeof(Sought), &_by_entity)
            self._compare(left, ids)
            n = 0
            for i in range(left):
                if ids[self.sought[i].name] < 0:
                    self.sought[n] = self.sought[i]
                    self.sought[n].slot = (self.sought[n].slot + 1) & self.graph.entity_mask
                    n += 1
            left = n
        return 0

    cdef int64_t _read_slots(self, int64_t n) except -1 nogil:
        """Enters who stands at each slot; keeps those where somebody does."""
        cdef int64_t i, kept = 0, ahead = 0
        cdef uint64_t base = <const unsigned char*>self.graph.entity_slots - self.graph.base
        cdef uint32_t number
        qsort(self.sought, n, sizeof(Sought), &_by_slot)
        self.file.forget()
        for i in range(n):
            ahead = max(ahead, i)
            while ahead + 1 < n and (
                4 * (self.sought[ahead + 1].slot - self.sought[ahead].slot) < GAP_BYTES
            ):
                ahead += 1
            number = (<const uint32_t*>self.file.reach(
                base + 4 * self.sought[i].slot, 4, base + 4 * self.sought[ahead].slot + 4
            ))[0]
            if number:
                self.sought[kept] = self.sought[i]
                self.sought[kept].entity = <int32_t>(number - 1)
                kept += 1
        return kept

    cdef int _compare(self, int64_t n, int32_t* ids) except -1 nogil:
        """Enters the entity of each name that is the one at its slot; they come by entity."""
        cdef int64_t i, ahead = 0
        cdef uint64_t base = <const unsigned char*>self.graph.entity_ends - self.graph.base
        cdef uint64_t length, entity
        cdef uint64_t pair[2]
        cdef const unsigned char* name
        self.file.forget()
        for i in range(n):
            ahead = max(ahead, i)
            while ahead + 1 < n and (
                8 * (self.sought[ahead + 1].entity - self.sought[ahead].entity) < GAP_BYTES
            ):
                ahead += 1
            entity = self.sought[i].entity
            if entity:
                memcpy(pair, self.file.reach(
                    base + 8 * (entity - 1), 16, base + 8 * <uint64_t>self.sought[ahead].entity + 8
                ), 16)
            else:
                pair[0] = 0
                memcpy(pair + 1, self.file.reach(
                    base, 8, base + 8 * <uint64_t>self.sought[ahead].entity + 8
                ), 8)
            length = self.sought[i].length
            self.sought[i].start = pair[0]
            if pair[1] - pair[0] != length:
                self.sought[i].entity = -1
        self.file.forget()
        base = self.graph.entity_blob - self.graph.base
        ahead = 0
        for i in range(n):
            if self.sought[i].entity < 0:
                continue
            ahead = max(ahead, i)
            while ahead + 1 < n and (
                self.sought[ahead + 1].start - self.sought[ahead].start < GAP_BYTES
            ):
                ahead += 1
            length = self.sought[i].length
            if length > WINDOW_SPAN:
                name = self.graph.entity_blob + self.sought[i].start
            else:
                name = self.file.reach(
                    base + self.sought[i].start, length, base + self.sought[ahead].start + length
                )
            if memcmp(name, self.sought[i].text, length) == 0:
                ids[self.sought[i].name] = self.sought[i].entity
        return 0
