# distutils: extra_compile_args = -O3
"""Records of triples to one contiguous graph: sorted, indexed in both directions, written.

`finish_reading` turns the records into sorted pairs of `PAIR_BYTES` and gives the records' pages back
while it goes; `write_into` writes front to back and gives back what it has written. The layout
(version 2) is described in `docs/files.md`; `_graph` reads it.
"""

import zlib

from cpython.buffer cimport PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.errors import InputError
from pff_stream.triples._triple_lines import MAX_NAMES
from pff_stream.triples._layout cimport (
    LAYOUT_VERSION,
    Shape, aligned, choose_index, index_bytes, padded, put32, put64, write_names, write_rows
)
from pff_stream.triples._name_table cimport (
    GOOD, KEPT_BYTES, TOO_MANY_NAMES, Array, Problem, Text, free_names, release, reserve, restart_names, slots_for
)
from pff_stream.triples._triple_lines cimport (
    Record, TripleLines, forget_triples, raise_no_memory, reserve_in_file
)

cdef extern from "triples/_arrays.h":
    uint64_t* pff_sort_pairs(
        uint64_t* pairs, uint64_t* spare, size_t n, int bits, int low_only
    ) noexcept nogil
    void pff_sort_pairs_in_place(
        uint64_t* pairs, size_t n, int bits, bint low_only
    ) noexcept nogil

cdef extern from "triples/_file_arrays.h":
    void pff_scattered(void* at, size_t n_bytes, bint scattered) noexcept nogil

PAIR_BYTES = 8
HEADER_BYTES = 256

cdef enum:
    HEADER = 256
    TABLE_RECORD = 80
    FORGET_RECORDS = 1 << 17      # records between two times of giving pages back
    DIRECTIONS = 2

include "_encode_sort.pxi"


cdef class Encoder(TripleLines):
    """Reads triple lines, then writes them as one graph.

    Order of calls: those of `TripleLines`, then `finish_reading`, `size`, `write_into`. Arguments and
    errors are those of `TripleLines`, too.
    """

    def __dealloc__(self):
        release(&self.pairs)
        release(&self.starts)
        release(&self.ends)
        release(&self.shapes)
        release(&self.spare)
        release(&self.stamps)

    def restart(self):
        """Another graph is read from here on, mostly in the arrays that are there."""
        self.keeps = True
        restart_names(&self.entities)
        restart_names(&self.relations)
        self.n_read = self.n_blank = self.n_comments = self.n_triples = 0
        self._let_go(&self.records)
        self._let_go(&self.tail)
        self._let_go(&self.pairs)
        self._let_go(&self.starts)
        self._let_go(&self.ends)
        self._let_go(&self.shapes)
        self._let_go(&self.spare)
        self._let_go(&self.stamps)
        if self.entities.slots.at == NULL or self.relations.slots.at == NULL:
            raise MemoryError

    cdef void _let_go(self, Array* array) noexcept nogil:
        """Of an array that is not needed any more."""
        if not self.keeps or array.bytes > KEPT_BYTES:
            release(array)

    def finish_reading(self, choose_way=None):
        """Sorts the triples by relation, subject and object, and drops those met before.

        At most `PAIR_BYTES` for each triple beside the records, then `PAIR_BYTES` for each triple of
        the largest relation and 4 bytes for each entity. `choose_way` is asked when the size of that
        one is known, whether names that are in memory go to the file of runs, and whether triples
        that lie in a file are sorted there.
        """
        cdef bint good, part = False
        if self.is_in_runs:
            self._merge_names()
        with nogil:
            good = self._group()
        if good and self.spill[0] >= 0 and choose_way is not None:
            part, in_place = choose_way()
            self.sorts_in_place = in_place and self.spilled
            if part and self.runs is not None and not self.is_in_runs:
                self._part_with_names()
        with nogil:
            good = good and reserve_spare(self)
            if good:
                sort_relations(self, <uint64_t*>self.spare.at)
            self._let_go(&self.spare)
            good = good and reserve(&self.stamps, self.entities.n * sizeof(uint32_t))
            good = good and reserve(&self.shapes, DIRECTIONS * self.relations.n * sizeof(Shape))
            if good:
                if self.keeps:
                    memset(self.stamps.at, 0, self.entities.n * sizeof(uint32_t))
                measure_keys(self, <uint32_t*>self.stamps.at)
            self._let_go(&self.stamps)
        if not good:
            raise_no_memory(self)

    cdef _part_with_names(self):
        """All names of entities go to the file, which has none of them; ids stay."""
        cdef uint64_t n = self.entities.n, n_bytes = self.entities.blob_bytes
        cdef bint good
        self.is_in_runs = True
        with nogil:
            good = self.runs.add(&self.entities, self.n_read, True)
            free_names(&self.entities)
        self.entities.n, self.entities.blob_bytes = n, n_bytes
        if not good:
            raise_no_memory(self)

    cdef _merge_names(self):
        """Finds out which names of all runs are the same; records have their ids from `_group` on."""
        cdef Problem problem
        self.start_run()
        free_names(&self.entities)
        with nogil:
            problem = self.runs.merge(&self.entities)
        if problem == TOO_MANY_NAMES:
            most = MAX_NAMES - self.entities.withheld
            raise InputError(f"found more than {most:,} entities, expected no more in one graph")
        if problem != GOOD:
            raise_no_memory(self)

    cdef bint _group(self) noexcept nogil:
        """Counting sort by relation; the records' pages are given back behind the reading."""
        cdef Record* records = <Record*>self.records.at
        cdef uint64_t* starts
        cdef uint64_t* places
        cdef uint64_t* pairs
        cdef uint64_t i, n = self.relations.n, count, run = 0, next_run = <uint64_t>-1
        cdef const uint32_t* ids = NULL
        cdef uint32_t subject, object
        if not (
            reserve(&self.starts, (n + 1) * sizeof(uint64_t))
            and reserve(&self.ends, (n + 1) * sizeof(uint64_t))
            and (
                reserve_in_file(self, 1, &self.pairs, self.n_read * sizeof(uint64_t))
                if self.spilled
                else reserve(&self.pairs, self.n_read * sizeof(uint64_t))
            )
        ):
            return False
        starts = <uint64_t*>self.starts.at
        places = <uint64_t*>self.ends.at
        pairs = <uint64_t*>self.pairs.at
        if self.keeps:
            memset(starts, 0, (n + 1) * sizeof(uint64_t))
        for i in range(self.n_read):
            starts[records[i].relation + 1] += 1
        self.largest = 0
        for i in range(n):
            count = starts[i + 1]
            if count > self.largest:
                self.largest = count
            places[i] = starts[i]
            starts[i + 1] += starts[i]
        self.largest_relation_read = self.largest
        if self.spilled:
            pff_scattered(pairs, self.pairs.bytes, True)
        if self.is_in_runs:
            next_run = 0
        for i in range(self.n_read):
            while i == next_run:     # more than once where a run has no triple
                ids = self.runs.map_run(run)
                if ids == NULL:
                    return False
                run += 1
                next_run = self.runs.first_record(run)
            subject, object = <uint32_t>records[i].subject, <uint32_t>records[i].object
            if ids != NULL:
                subject, object = ids[subject], ids[object]
            pairs[places[records[i].relation]] = <uint64_t>subject << 32 | object
            places[records[i].relation] += 1
            if (i + 1) % FORGET_RECORDS == 0 and not self.keeps:
                forget_triples(
                    self, records, (i + 1 - FORGET_RECORDS) * sizeof(Record), (i + 1) * sizeof(Record)
                )
        self._let_go(&self.records)
        if self.is_in_runs:
            self.runs.forget_map()
        if self.spilled:
            pff_scattered(pairs, self.pairs.bytes, False)
        return True

    cdef uint64_t _names_end(self) noexcept nogil:
        """Where the relation table begins."""
        cdef uint64_t at = HEADER
        at = aligned(at + 8 * self.entities.n)
        at = aligned(at + self.entities.blob_bytes)
        at = aligned(at + 4 * slots_for(self.entities.n))
        at = aligned(at + 8 * self.relations.n)
        at = aligned(at + self.relations.blob_bytes)
        return aligned(at + 4 * slots_for(self.relations.n))

    def size(self):
        """Exact bytes of the graph; after `finish_reading`."""
        cdef Shape* shapes = <Shape*>self.shapes.at
        cdef uint64_t* starts = <uint64_t*>self.starts.at
        cdef uint64_t* ends = <uint64_t*>self.ends.at
        cdef uint64_t at = aligned(self._names_end() + 2 * TABLE_RECORD * self.relations.n)
        cdef uint64_t i, edges
        for i in range(2 * self.relations.n):
            edges = ends[i >> 1] - starts[i >> 1]
            at = aligned(at + 4 * <uint64_t>shapes[i].n_keys)
            at = aligned(at + 4 * (<uint64_t>shapes[i].n_keys + 1))
            at = aligned(at + 4 * edges)
            at = aligned(at + index_bytes(&shapes[i], self.entities.n))
            if shapes[i].kind == 0:
                at = aligned(at + 4 * ((self.entities.n + 63) >> 6))
        return at

    def write_into(self, buffer, bytes input_hash, str mapping, *, bint sums=True):
        """Writes the graph into the first `size()` bytes of `buffer`; the encoder is empty afterwards.

        `input_hash` has 16 bytes, `mapping` at most 16 ASCII letters. Without `sums` it has no
        checksums: it is for this process alone.
        """
        cdef Py_buffer view
        cdef uint64_t total = self.size()
        cdef unsigned char* base
        cdef bytes name = mapping.encode("ascii")
        cdef bint good
        if len(input_hash) != 16 or len(name) > 16:
            raise ValueError("expected a hash of 16 bytes and a mapping of at most 16 letters")
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            if <uint64_t>view.len < total:
                raise ValueError(f"a buffer of {view.len} bytes for a graph of {total}")
            base = <unsigned char*>view.buf
            with nogil:
                good = self._write_sections(base, total)
                self._let_go(&self.spare)
            if not good:
                raise_no_memory(self)
            memcpy(base + 152, <Text>input_hash, 16)
            memcpy(base + 168, <Text>name, len(name))
            if not sums:
                return
            with memoryview(buffer).cast("B") as written:
                checksum = 0
                for start in range(HEADER, total, 1 << 20):
                    with written[start : min(total, start + (1 << 20))] as part:
                        checksum = zlib.crc32(part, checksum)
                put32(base, 56, checksum)
                # The header has a checksum of its own, in its last four bytes.
                with written[: HEADER - 4] as part:
                    put32(base, HEADER - 4, zlib.crc32(part))
        finally:
            PyBuffer_Release(&view)

    cdef bint _write_sections(self, unsigned char* base, uint64_t total) noexcept nogil:
        cdef uint64_t at = HEADER, table
        memset(base, 0, HEADER)
        memcpy(base, b"PFFGRAPH", 8)
        put32(base, 8, LAYOUT_VERSION)
        put32(base, 12, (1 if self.entities.nested and self.relations.nested else 0)
              | (2 if self.entities.letter else 0)
              | (4 if self.entities.blanks or self.relations.blanks else 0))
        put64(base, 16, total)
        put64(base, 24, self.entities.n)
        put64(base, 32, self.relations.n)
        put64(base, 40, self.n_triples)
        put64(base, 48, self.n_read)
        if self.is_in_runs:
            at = self.runs.write(base, at, 64, &self.entities)
            if at == 0:
                return False
        else:
            at = write_names(base, at, 64, &self.entities)
        at = write_names(base, at, 104, &self.relations)
        if not self.keeps:
            free_names(&self.entities)
            free_names(&self.relations)
        table = at
        put64(base, 144, table)
        at = padded(base, table + 2 * TABLE_RECORD * self.relations.n)
        if not reserve_spare(self):     # not before: names have its room until here
            return False
        for relation in range(self.relations.n):
            at = self._write_relation(base, at, table, relation, <uint64_t*>self.spare.at)
        return True

    cdef uint64_t _write_relation(
        self, unsigned char* base, uint64_t at, uint64_t table, uint64_t relation, uint64_t* spare
    ) noexcept nogil:
        cdef uint64_t start = (<uint64_t*>self.starts.at)[relation]
        cdef uint64_t stop = (<uint64_t*>self.starts.at)[relation + 1]
        cdef uint64_t n = (<uint64_t*>self.ends.at)[relation] - start
        cdef uint64_t* pairs = <uint64_t*>self.pairs.at + start
        cdef uint64_t record = table + 2 * TABLE_RECORD * relation
        cdef const Shape* shapes = <const Shape*>self.shapes.at + 2 * relation
        at = write_rows(base, at, record, pairs, n, &shapes[0], 0, self.entities.n)
        # Sorted by subject already, so that a stable sort by object is enough.
        pairs = sorted_pairs(self, pairs, spare, n, id_bits(self), True)
        at = write_rows(
            base, at, record + TABLE_RECORD, pairs, n, &shapes[1], 1, self.entities.n
        )
        start, stop = start * sizeof(uint64_t), stop * sizeof(uint64_t)
        if start >> 16 != stop >> 16 and not self.keeps:   # from where the last time stopped, or a little before
            forget_triples(self, self.pairs.at, start & ~<uint64_t>0xFFFF, stop)
        return at


def name_slots_bytes(uint64_t n):
    """Bytes of the name index of `n` names, in a graph and (64 slots at least) while reading."""
    return 4 * slots_for(n)
