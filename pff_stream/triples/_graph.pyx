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


include "_graph_check.pxi"


cdef inline int32_t _found(
    const Index* index, const unsigned char* name, size_t length, uint64_t hash, bint is_rdf,
    bint is_entity
) noexcept nogil:
    """A name as it stands or, of RDF, by another spelling."""
    cdef int32_t found = find_name(index, name, length, hash)
    if found < 0 and is_rdf:
        return find_spelled(index, name, length, is_entity)
    return found


cdef uint64_t longest_name(const uint64_t* ends, uint64_t n) noexcept nogil:
    cdef uint64_t i, start = 0, most = 0
    for i in range(n):
        most = max(most, ends[i] - start)
        start = ends[i]
    return most


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
        if not places_good(self):
            raise InputError("damaged graph: a section does not lie where its sizes put it")
        for i, kind in enumerate(("entity", "relation")):
            with nogil:
                wrong = names_wrong(self, i == 0, &flags)
            if wrong:
                what = ("names are no names", "name index does not lead to the names")[wrong - 1]
                raise InputError(f"damaged graph: the {kind} {what}")
        if flags != self.flags or self.n_read < self.n_triples:
            raise InputError("damaged graph: the flags (byte 12) or counts are not those of its names")
        for i in range(self.n_relations):
            with nogil:
                wrong = not (
                    rows_good(self, &self.rows[2 * i])
                    and rows_good(self, &self.rows[2 * i + 1])
                    and mixed_pairs(&self.rows[2 * i], False, seed)
                    == mixed_pairs(&self.rows[2 * i + 1], True, seed)
                )
            if wrong:
                raise InputError(f"damaged graph: relation {i} has rows out of order or range")

    cdef int32_t find_entity(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil:
        cdef Index index
        index.slots, index.mask = self.entity_slots, self.entity_mask
        index.ends, index.blob = self.entity_ends, self.entity_blob
        return _found(&index, name, length, hash, self.is_rdf, True)

    cdef int32_t find_relation(
        self, const unsigned char* name, size_t length, uint64_t hash
    ) noexcept nogil:
        cdef Index index
        index.slots, index.mask = self.relation_slots, self.relation_mask
        index.ends, index.blob = self.relation_ends, self.relation_blob
        return _found(&index, name, length, hash, self.is_rdf, False)

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
    def longest_names(self):
        """Bytes of the longest name of an entity, and of a relation; looks at where each ends."""
        return (
            longest_name(self.entity_ends, self.n_entities),
            longest_name(self.relation_ends, self.n_relations),
        )

    @property
    def well_nested(self):
        """Whether every name of the graph is well nested in ( and )."""
        return bool(self.flags & FLAG_WELL_NESTED)

    @property
    def has_blanks(self):
        """Whether blanks in a rule may be part of a name of the graph."""
        return bool(self.flags & HAS_BLANKS)
