"""The encoded graph, read: header and offsets checked once, then pointers for the kernel.

The layout (version 2, little-endian) is described in `docs/files.md`; `_encode` writes it. A
`GraphView` keeps the buffer that it was given alive and never writes to it.
"""

import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from pff_stream.errors import InputError
from pff_stream.triples._layout cimport LAYOUT_VERSION, Shape, aligned, choose_index
from pff_stream.triples._name_table cimport slots_for
from pff_stream.triples._spellings cimport Index, find_name, find_spelled

cdef extern from "_names.h":
    uint64_t pff_mix(uint64_t h) noexcept nogil
    uint64_t pff_name_hash(const unsigned char* name, size_t length) noexcept nogil

cdef extern from "_text.h":
    bint pff_is_name(const unsigned char* at, size_t length) noexcept nogil
    bint pff_well_nested(const unsigned char* at, size_t length) noexcept nogil
    bint pff_has_blanks(const unsigned char* at, size_t length) noexcept nogil

cdef enum:
    HEADER_BYTES = 256
    RECORD_BYTES = 80
    WELL_NESTED = 1
    LETTER_ENTITY = 2
    HAS_BLANKS = 4
    MOST_STEPS = 64               # of a look-up in the name index, on average; a good one takes 1.5

MAGIC = b"PFFGRAPH"
RELATION_BYTES = 2 * sizeof(CSR)
"""What a view of a graph holds for each relation."""
FORMAT_VERSION = LAYOUT_VERSION
FLAG_WELL_NESTED = WELL_NESTED
FLAG_LETTER_ENTITY = LETTER_ENTITY


cdef inline uint64_t _u64(const unsigned char* base, size_t at) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, base + at, 8)
    return value


cdef inline uint32_t _u32(const unsigned char* base, size_t at) noexcept nogil:
    cdef uint32_t value
    memcpy(&value, base + at, 4)
    return value


cdef uint64_t _mixed(const CSR* rows, bint swapped, uint64_t seed) noexcept nogil:
    """A sum over the pairs of rows; under a random seed equal only where the pairs are equal."""
    cdef uint64_t key, value, total = 0
    cdef uint32_t i, j
    for i in range(rows.n_keys):
        key = rows.keys[i]
        for j in range(rows.offsets[i], rows.offsets[i + 1]):
            value = rows.values[j]
            total += pff_mix((value << 32 | key if swapped else key << 32 | value) ^ seed)
    return total


cdef class GraphView:
    """A graph in a buffer (bytes, mmap, memoryview), read-only.

    Raises `InputError` where the buffer is no graph of this format version or where a section does
    not lie inside it. `check_contents` reads every id as well; it is for buffers of unknown origin.
    """

    def __cinit__(self, buffer):
        self.has_view = False
        self.rows = NULL

    def __init__(self, buffer):
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.has_view = True
        self.base = <const unsigned char*>self.view.buf
        self._read_header(self.view.len)
        self._read_relations()

    def __dealloc__(self):
        free(self.rows)
        if self.has_view:
            PyBuffer_Release(&self.view)

    cdef _read_header(self, Py_ssize_t length):
        cdef const unsigned char* base = self.base
        if length < HEADER_BYTES or base[:8] != MAGIC:
            found = bytes(base[: min(length, 8)])
            raise InputError(f"not an encoded graph: expected {MAGIC!r} at byte 0, found {found!r}")
        version = _u32(base, 8)
        if version != FORMAT_VERSION:
            raise InputError(
                f"graph format version {version}, but this program reads version "
                f"{FORMAT_VERSION}: encode the triples again"
            )
        self.flags = _u32(base, 12)
        self.total_bytes = _u64(base, 16)
        if self.total_bytes > <uint64_t>length:
            raise InputError(
                f"truncated graph: the header says {self.total_bytes} bytes, found {length}"
            )
        self.n_entities = _u64(base, 24)
        self.n_relations = _u64(base, 32)
        self.n_triples = _u64(base, 40)
        self.n_read = _u64(base, 48)
        self.input_hash = PyBytes_FromStringAndSize(<const char*>base + 152, 16)
        self.mapping = bytes(base[168:184]).rstrip(b"\0").decode("ascii", "replace")
        self.is_rdf = self.mapping.startswith("rdf-")
        if self.n_entities > 0x7FFFFFFF or self.n_relations > 0x7FFFFFFF:
            raise InputError("damaged graph: more names than an id can number (byte 24)")
        self.entity_ends = <const uint64_t*>self._section(64, self.n_entities, 8)
        self.entity_blob = self._section(72, _u64(base, 80), 1)
        self.entity_slots = <const uint32_t*>self._section(88, _u64(base, 96), 4)
        self.entity_mask = _u64(base, 96) - 1
        self.relation_ends = <const uint64_t*>self._section(104, self.n_relations, 8)
        self.relation_blob = self._section(112, _u64(base, 120), 1)
        self.relation_slots = <const uint32_t*>self._section(128, _u64(base, 136), 4)
        self.relation_mask = _u64(base, 136) - 1
        self._check_names(self.entity_ends, self.n_entities, _u64(base, 80), self.entity_mask, "entity")
        self._check_names(
            self.relation_ends, self.n_relations, _u64(base, 120), self.relation_mask, "relation"
        )

    cdef _check_names(
        self, const uint64_t* ends, uint64_t n, uint64_t blob_bytes, uint64_t mask, str kind
    ):
        if mask & (mask + 1) or mask + 1 < 2 * max(1, n):
            raise InputError(f"damaged graph: the {kind} index has a wrong size")
        if (ends[n - 1] if n else 0) != blob_bytes:
            raise InputError(f"damaged graph: the {kind} names have a wrong length")

    cdef const unsigned char* _section(self, size_t at, uint64_t count, uint64_t item) except NULL:
        """The section whose offset stands at header byte `at`, checked to lie in the buffer."""
        return self._inside(_u64(self.base, at), count, item, at)

    cdef const unsigned char* _inside(
        self, uint64_t offset, uint64_t count, uint64_t item, size_t at
    ) except NULL:
        if (
            offset < HEADER_BYTES
            or offset & 7
            or offset > self.total_bytes
            or count > (self.total_bytes - offset) // item
        ):
            raise InputError(
                f"damaged graph: the section named at byte {at} does not lie inside the "
                f"{self.total_bytes} bytes of the graph"
            )
        return self.base + offset

    cdef _read_relations(self):
        cdef uint64_t i, at, n = 2 * self.n_relations, words = (self.n_entities + 63) >> 6
        cdef CSR* rows
        cdef uint64_t buckets, edges = 0
        cdef uint64_t table = _u64(self.base, 144)
        self._section(144, n, RECORD_BYTES)
        self.rows = <CSR*>calloc(max(1, n), sizeof(CSR))
        if self.rows == NULL:
            raise MemoryError
        for i in range(n):
            at = table + i * RECORD_BYTES
            rows = &self.rows[i]
            rows.n_keys = _u32(self.base, at + 40)
            rows.n_edges = _u32(self.base, at + 44)
            rows.max_degree = _u32(self.base, at + 48)
            rows.n_loops = _u32(self.base, at + 52)
            rows.shift = _u32(self.base, at + 60)
            rows.keys = <const int32_t*>self._inside(_u64(self.base, at), rows.n_keys, 4, at)
            rows.offsets = <const uint32_t*>self._inside(
                _u64(self.base, at + 8), <uint64_t>rows.n_keys + 1, 4, at + 8
            )
            rows.values = <const int32_t*>self._inside(
                _u64(self.base, at + 16), rows.n_edges, 4, at + 16
            )
            if _u32(self.base, at + 56) == 0:
                rows.bits = <const uint64_t*>self._inside(
                    _u64(self.base, at + 24), words, 8, at + 24
                )
                rows.index = <const uint32_t*>self._inside(
                    _u64(self.base, at + 32), words, 4, at + 32
                )
            else:
                if rows.shift > 31:
                    raise InputError(f"damaged graph: shift {rows.shift} at byte {at + 60}")
                buckets = ((max(1, self.n_entities) - 1) >> rows.shift) + 2
                rows.bits = NULL
                rows.index = <const uint32_t*>self._inside(
                    _u64(self.base, at + 24), buckets, 4, at + 24
                )
            if rows.offsets[rows.n_keys] != rows.n_edges:
                raise InputError(f"damaged graph: the rows named at byte {at} have a wrong length")
            edges += rows.n_edges
        if edges != 2 * self.n_triples:
            raise InputError(
                f"damaged graph: {edges} row entries, expected twice {self.n_triples} triples"
            )

    def check_contents(self):
        """Checks every name, id, offset, count and index entry; for a file of unknown origin.

        What passes is the graph that its triples make: the two directions of a relation hold the
        same pairs, and a look-up finds what is there. Raises `InputError` naming what is wrong.
        """
        cdef uint64_t i, seed = int.from_bytes(os.urandom(8), "little")
        cdef uint32_t flags = WELL_NESTED
        cdef int wrong
        if not self._places_good():
            raise InputError("damaged graph: a section does not lie where its sizes put it")
        for i, kind in enumerate(("entity", "relation")):
            with nogil:
                wrong = self._names_wrong(i == 0, &flags)
            if wrong:
                what = ("names are no names", "name index does not lead to the names")[wrong - 1]
                raise InputError(f"damaged graph: the {kind} {what}")
        if flags != self.flags or self.n_read < self.n_triples:
            raise InputError("damaged graph: the flags (byte 12) or counts are not those of its names")
        for i in range(self.n_relations):
            with nogil:
                wrong = not (
                    self._rows_good(&self.rows[2 * i])
                    and self._rows_good(&self.rows[2 * i + 1])
                    and _mixed(&self.rows[2 * i], False, seed)
                    == _mixed(&self.rows[2 * i + 1], True, seed)
                )
            if wrong:
                raise InputError(f"damaged graph: relation {i} has rows out of order or range")

    cdef bint _places_good(self):
        """Whether sections lie one behind the other, and what is not used is zero."""
        cdef const unsigned char* base = self.base
        cdef uint64_t at = HEADER_BYTES, i, record, table
        cdef const CSR* rows
        cdef uint64_t words = (self.n_entities + 63) >> 6
        for i in range(2):
            record, n = (104, self.n_relations) if i else (64, self.n_entities)
            if _u64(base, record + 32) != slots_for(n):
                return False
            for place, n_bytes in (
                (record, 8 * n), (record + 8, _u64(base, record + 16)),
                (record + 24, 4 * slots_for(n)),
            ):
                if _u64(base, place) != at:
                    return False
                at = aligned(at + n_bytes)
        table = at
        at = aligned(at + 2 * RECORD_BYTES * self.n_relations)
        if _u64(base, 144) != table or base[60:64].strip(b"\0") or base[184:252].strip(b"\0"):
            return False
        for i in range(2 * self.n_relations):
            record = table + RECORD_BYTES * i
            rows = &self.rows[i]
            sizes = [4 * <uint64_t>rows.n_keys, 4 * (<uint64_t>rows.n_keys + 1), 4 * <uint64_t>rows.n_edges]
            if rows.bits != NULL:
                sizes += [8 * words, 4 * words]
            else:
                sizes.append(4 * (((max(1, self.n_entities) - 1) >> rows.shift) + 2))
            for place, n_bytes in enumerate(sizes):
                if _u64(base, record + 8 * <uint64_t>place) != at:
                    return False
                at = aligned(at + n_bytes)
            if (
                _u32(base, record + 56) != (rows.bits == NULL)
                or (rows.bits == NULL and _u64(base, record + 32) != 0)
                or base[record + 64 : record + 80].strip(b"\0")
            ):
                return False
        return at == self.total_bytes

    cdef int _names_wrong(self, bint entities, uint32_t* flags) noexcept nogil:
        """1: a name cannot be one, 2: it would not be found; enters what the names say into flags."""
        cdef const uint64_t* ends = self.entity_ends if entities else self.relation_ends
        cdef const unsigned char* blob = self.entity_blob if entities else self.relation_blob
        cdef const uint32_t* slots = self.entity_slots if entities else self.relation_slots
        cdef uint64_t mask = self.entity_mask if entities else self.relation_mask
        cdef uint64_t n = self.n_entities if entities else self.n_relations
        cdef uint64_t blob_bytes = ends[n - 1] if n else 0
        cdef uint64_t i, length, start = 0, used = 0, slot, other, steps = 0
        cdef const unsigned char* name
        for i in range(mask + 1):
            if slots[i] > n:
                return 2
            used += slots[i] != 0
        if used != n:
            return 2
        for i in range(n):
            if ends[i] <= start or ends[i] > blob_bytes:
                return 1
            start = ends[i]
        start = 0
        for i in range(n):
            name = blob + start
            length = ends[i] - start
            start = ends[i]
            if not pff_is_name(name, length) or (
                entities and length == 11 and memcmp(name, b"me_myself_i", 11) == 0
            ):
                return 1
            if not pff_well_nested(name, length):
                flags[0] &= ~<uint32_t>WELL_NESTED
            if entities and length == 1 and 65 <= name[0] <= 90:
                flags[0] |= LETTER_ENTITY
            if pff_has_blanks(name, length):
                flags[0] |= HAS_BLANKS
            slot = pff_name_hash(name, length) & mask
            while slots[slot] != i + 1:
                if slots[slot] == 0:
                    return 2
                other = slots[slot] - 1
                if ends[other] - (ends[other - 1] if other else 0) == length and memcmp(
                    blob + ends[other] - length, name, length
                ) == 0:
                    return 2                      # the same name twice
                slot = (slot + 1) & mask
                steps += 1
                if steps > MOST_STEPS * n:
                    return 2                      # no hash index but a list
        return 0

    cdef bint _rows_good(self, const CSR* rows) noexcept nogil:
        cdef uint32_t i, j, degree, most = 0, loops = 0, own
        cdef int64_t n = self.n_entities
        if rows.offsets[0] != 0:
            return False
        for i in range(rows.n_keys):
            if rows.keys[i] < 0 or rows.keys[i] >= n or (i and rows.keys[i] <= rows.keys[i - 1]):
                return False
            if rows.offsets[i] >= rows.offsets[i + 1] or rows.offsets[i + 1] > rows.n_edges:
                return False
            own = 0
            for j in range(rows.offsets[i], rows.offsets[i + 1]):
                if rows.values[j] < 0 or rows.values[j] >= n:
                    return False
                if j > rows.offsets[i] and rows.values[j] <= rows.values[j - 1]:
                    return False
                own += rows.values[j] == rows.keys[i]
            degree = rows.offsets[i + 1] - rows.offsets[i]
            most = max(most, degree)
            loops += own
        if most != rows.max_degree or loops != rows.n_loops:
            return False
        return self._index_good(rows)

    cdef bint _index_good(self, const CSR* rows) noexcept nogil:
        cdef uint64_t b, words = (self.n_entities + 63) >> 6
        cdef uint32_t seen = 0
        cdef Shape shape
        choose_index(&shape, rows.n_keys, self.n_entities)
        if shape.kind != (rows.bits == NULL) or shape.shift != rows.shift:
            return False                          # a look-up could take long
        if rows.bits != NULL:
            for b in range(words):
                if rows.index[b] != seen:
                    return False
                seen += PFF_POPCOUNT64(rows.bits[b])
            if seen != rows.n_keys:
                return False
        else:
            words = ((self.n_entities - 1 if self.n_entities else 0) >> rows.shift) + 2
            if rows.index[0] != 0 or rows.index[words - 1] != rows.n_keys:
                return False
            for b in range(1, words):
                if rows.index[b] < rows.index[b - 1]:
                    return False
        for b in range(rows.n_keys):
            if find_row(rows, rows.keys[b]) != <int64_t>b:
                return False
        return True

    cdef int32_t find_entity(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil:
        cdef Index index
        cdef int32_t found
        index.slots, index.mask = self.entity_slots, self.entity_mask
        index.ends, index.blob = self.entity_ends, self.entity_blob
        found = find_name(&index, name, length, hash)
        if found < 0 and self.is_rdf:
            return find_spelled(&index, name, length, True)
        return found

    cdef int32_t find_relation(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil:
        cdef Index index
        cdef int32_t found
        index.slots, index.mask = self.relation_slots, self.relation_mask
        index.ends, index.blob = self.relation_ends, self.relation_blob
        found = find_name(&index, name, length, hash)
        if found < 0 and self.is_rdf:
            return find_spelled(&index, name, length, False)
        return found

    def entity_id(self, bytes name):
        """The id of the entity, or -1; of RDF also by another spelling (`_spellings`)."""
        cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(name)
        return self.find_entity(text, len(name), pff_name_hash(text, len(name)))

    def relation_id(self, bytes name):
        """The id of the relation, or -1; of RDF also in brackets."""
        cdef const unsigned char* text = <const unsigned char*>PyBytes_AS_STRING(name)
        return self.find_relation(text, len(name), pff_name_hash(text, len(name)))

    def entity_name(self, uint64_t entity):
        """The entity's name as it came in (UTF-8)."""
        if entity >= self.n_entities:
            raise IndexError(entity)
        cdef uint64_t start = self.entity_ends[entity - 1] if entity else 0
        return PyBytes_FromStringAndSize(
            <const char*>self.entity_blob + start, self.entity_ends[entity] - start
        )

    def relation_name(self, uint64_t relation):
        """The relation's name as it came in (UTF-8)."""
        if relation >= self.n_relations:
            raise IndexError(relation)
        cdef uint64_t start = self.relation_ends[relation - 1] if relation else 0
        return PyBytes_FromStringAndSize(
            <const char*>self.relation_blob + start, self.relation_ends[relation] - start
        )

    def has_triple(self, uint64_t subject, uint64_t relation, uint64_t object):
        """Whether the triple of ids is in the graph."""
        if max(subject, object) >= self.n_entities or relation >= self.n_relations:
            raise IndexError((subject, relation, object))
        return has_pair(&self.rows[2 * relation], subject, object)

    def triples(self):
        """Yields every triple of ids (subject, relation, object), by relation, subject, object."""
        cdef CSR* rows
        cdef uint64_t relation
        cdef uint32_t key, edge
        for relation in range(self.n_relations):
            rows = &self.rows[2 * relation]
            for key in range(rows.n_keys):
                for edge in range(rows.offsets[key], rows.offsets[key + 1]):
                    yield rows.keys[key], relation, rows.values[edge]

    def row(self, uint64_t relation, bint of_object, uint64_t entity):
        """Yields the objects of (entity, relation, ?), or with `of_object` the subjects of (?, relation,
        entity), ascending by id."""
        cdef CSR* rows
        cdef int64_t row
        cdef uint32_t edge
        if relation >= self.n_relations or entity >= self.n_entities:
            raise IndexError((relation, entity))
        rows = &self.rows[2 * relation + of_object]
        row = find_row(rows, entity)
        if row >= 0:
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                yield rows.values[edge]

    @property
    def largest_relation(self):
        """Triples of the relation that has most."""
        cdef uint64_t i, most = 0
        for i in range(self.n_relations):
            most = max(most, self.rows[2 * i].n_edges)
        return most

    @property
    def well_nested(self):
        """Whether every name of the graph is well nested in ( and )."""
        return bool(self.flags & FLAG_WELL_NESTED)

    @property
    def has_blanks(self):
        """Whether blanks in a rule may be part of a name of the graph."""
        return bool(self.flags & HAS_BLANKS)
