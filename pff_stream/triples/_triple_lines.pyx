# distutils: extra_compile_args = -O3
"""Triple lines to records of three ids: names interned into an arena, in memory or in a file.

Reading costs `RECORD_BYTES` for each triple. Does not sort, and does not know what becomes of them:
`_encode` makes a graph.
"""

import errno
import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from pff_stream.errors import InputError, OutputError
from pff_stream.triples.hints import hint
from pff_stream.words import counted
from pff_stream.triples._name_runs cimport NameRuns
from pff_stream.triples._name_table cimport (
    BLANK, COLUMNS, EMPTY, FIRST_SLOTS, GOOD, MEMORY, NAMES_FULL, NUL, SELF_NAME, TOO_LONG_NAME,
    TOO_MANY_TRIPLES, UTF8, Array, Problem, Text, fetch_end, fetch_name, fetch_slot, free_names,
    grow_slots, grown, intern, pff_name_hash, release, reserve, restart_names, slots_for,
)
from pff_stream.triples._name_table cimport MAX_NAMES as _MAX_NAMES

cdef extern from "triples/_arrays.h":
    void pff_forget(void* at, size_t start, size_t stop) noexcept nogil
    bint pff_is_plain(const unsigned char* at, const unsigned char* stop) noexcept nogil
    const unsigned char* pff_bad_utf8(
        const unsigned char* at, const unsigned char* stop
    ) noexcept nogil

cdef extern from "triples/_file_arrays.h":
    void* pff_grow_in_file(
        int fd, void* old, size_t old_bytes, size_t new_bytes, int* error
    ) noexcept nogil
    void pff_write_behind(int fd, void* at, size_t before, size_t start, size_t stop) noexcept nogil
    void pff_forget_in_file(void* at, size_t start, size_t stop) noexcept nogil

RECORD_BYTES = sizeof(Record)
MAX_LINE_BYTES = 1 << 26
MAX_TRIPLES, MAX_NAMES = 0xFFFFFFFF, _MAX_NAMES
"""Of one graph: the places of triples in it are 32 bits wide, the numbers of names 31."""

include "_triple_room.pxi"
include "_line_split.pxi"
include "_line_faults.pxi"

cdef enum:
    LEAST_RUN = 1 << 16           # bytes of names that are worth a run, where memory is short
    AHEAD = 16                    # lines whose names are fetched before the first is looked up


cdef class TripleLines:
    """Reads triple lines block by block: for each input `start_file`, `feed`..., `end_file`.

    `bad` is told every line that is no triple (`pff_stream.triples.bad.BadTriples`). With two
    descriptors of empty files in `spill`, triples lie there once they take more than `spill_bytes`:
    they are then written and read from front to back, or a relation at a time. With `runs` names of
    entities go there once they take more than `most_names_bytes` (to be set; 0: as many as fit).
    `limits`: triples and names there may be.

    Raises `InputError` for what cannot be encoded, `MemoryError` where the kernel gives no memory,
    `OutputError` where the disk of `spill` is full.
    """

    def __cinit__(self, *_, **__):
        memset(&self.entities, 0, sizeof(self.entities))
        memset(&self.relations, 0, sizeof(self.relations))
        self.entities.nested = self.relations.nested = True

    def __init__(
        self, bad, max_line_bytes=MAX_LINE_BYTES, spill=(-1, -1), size_t spill_bytes=0,
        NameRuns runs=None, limits=(MAX_TRIPLES, MAX_NAMES)
    ):
        self.runs = runs
        self.most_triples = limits[0]
        self.entities.withheld = self.relations.withheld = MAX_NAMES - limits[1]
        self.bad = bad
        self.spill[0], self.spill[1] = spill
        self.spill_bytes = spill_bytes
        self.max_line_bytes = max_line_bytes
        self.start_file("")
        if not (
            grow_slots(&self.entities, FIRST_SLOTS) and grow_slots(&self.relations, FIRST_SLOTS)
        ):
            raise MemoryError

    def __dealloc__(self):
        free_names(&self.entities)
        free_names(&self.relations)
        release(&self.records)
        release(&self.tail)

    @property
    def n_entities(self):
        """Distinct entities so far."""
        return self.entities.n

    @property
    def n_relations(self):
        """Distinct relations so far."""
        return self.relations.n

    @property
    def entity_name_bytes(self):
        """Bytes of all entity names."""
        return self.entities.blob_bytes

    @property
    def relation_name_bytes(self):
        """Bytes of all relation names."""
        return self.relations.blob_bytes

    @property
    def flags(self):
        """1: every name is well nested in ( and ); 2: an entity is named by one letter A to Z;
        4: blanks in a rule may be part of a name."""
        return (1 if self.entities.nested and self.relations.nested else 0) | (
            2 if self.entities.letter else 0
        ) | (
            4 if self.entities.blanks or self.relations.blanks else 0
        )

    def start_file(
        self,
        str name,
        columns=(0, 1, 2),
        bint verbatim=False,
        uint64_t lines_before=0,
        int n_columns=3,
        bint more_columns=False,
        bint cuts_dots=False,
    ):
        """Lines are counted from 1 again (or go on behind `lines_before`) and belong to `name`.

        `columns` are the places of subject, relation and object in a line. `verbatim`: the lines come
        from this program; neither a byte order mark nor a CR before a newline is taken off,
        and blank lines and comments are bad like any other. A line has `n_columns`, or also more.
        `cuts_dots`: a full stop behind a blank or a tab at the end of a line is no part of it.
        """
        if len(set(columns)) != 3 or min(columns) < 0 or max(columns) >= n_columns:
            raise ValueError(f"columns {columns!r}: expected three of {n_columns}")
        self.n_columns, self.more_columns = n_columns, more_columns
        self.cuts_dots = cuts_dots
        self.is_wide = n_columns != 3 or more_columns
        for i in range(3):
            self.columns[i] = columns[i]
        self.source = name
        self.verbatim = verbatim
        self.line = lines_before
        self.tail_bytes = 0

    def feed(self, block):
        """Takes the next bytes of the file; lines may run on from block to block."""
        cdef Py_buffer view
        cdef Text at, stop, newline
        PyObject_GetBuffer(block, &view, PyBUF_SIMPLE)
        try:
            at = <Text>view.buf
            stop = at + view.len
            newline = <Text>memchr(at, 10, view.len) if view.len else NULL
            if newline == NULL:
                self._keep(at, stop)
                return
            if self.tail_bytes:
                self._keep(at, newline + 1)
                self._tail_line()
                at = newline + 1
            newline = stop
            while newline > at and (newline - 1)[0] != 10:
                newline -= 1
            self._take(at, newline)
            self._keep(newline, stop)
        finally:
            PyBuffer_Release(&view)

    def end_file(self):
        """Takes a last line that has no newline."""
        cdef unsigned char newline = 10
        if self.tail_bytes:
            self._keep(&newline, &newline + 1)
            self._tail_line()
        release(&self.tail)

    cdef _keep(self, Text at, Text stop):
        """Adds to the unfinished line."""
        cdef size_t needed = self.tail_bytes + (stop - at)
        if needed > self.max_line_bytes + 1:
            raise InputError(
                f"{_place_of(self)}: found a line of over {self.max_line_bytes} "
                "bytes, expected subject, relation and object"
            )
        if not reserve(&self.tail, needed):
            raise MemoryError
        memcpy(<unsigned char*>self.tail.at + self.tail_bytes, at, stop - at)
        self.tail_bytes = needed

    cdef _tail_line(self):
        cdef Text at = <Text>self.tail.at
        cdef size_t length = self.tail_bytes
        self.tail_bytes = 0
        self._take(at, at + length)

    cdef _take(self, Text at, Text stop):
        """Takes whole lines."""
        cdef bint plain
        cdef Text newline
        with nogil:
            plain = pff_is_plain(at, stop)
        while at < stop:
            with nogil:
                at = self._lines(at, stop, plain)
            if at < stop and self.problem == NAMES_FULL:
                self.start_run()
            elif at < stop:
                newline = <Text>memchr(at, 10, stop - at)
                _refuse(self, at, newline)
                self.line += 1
                at = newline + 1

    cdef Text _lines(self, Text at, Text stop, bint plain) noexcept nogil:
        """Takes lines up to `stop` or the first that is bad (`problem` says why).

        A few lines at a time: while one is looked at, the names of the next are on their way.
        """
        cdef Line lines[AHEAD]
        cdef Problem problem
        cdef int i, n
        while at < stop:
            n = 0
            problem = GOOD
            while n < AHEAD and at < stop:
                problem = _split(self, at, <Text>memchr(at, 10, stop - at), plain, n, &lines[n])
                if problem != GOOD:
                    break
                at = lines[n].next
                n += 1
            for i in range(n):
                fetch_end(&self.entities, lines[i].hashes[0])
                fetch_end(&self.entities, lines[i].hashes[2])
            for i in range(n):
                fetch_name(&self.entities, lines[i].hashes[0])
                fetch_name(&self.entities, lines[i].hashes[2])
            if self.most_names_bytes and n and self._are_too_many(at - lines[0].start, n):
                self.problem = NAMES_FULL
                return lines[0].start
            for i in range(n):
                self.problem = self._add(&lines[i])
                if self.problem != GOOD:
                    return lines[i].start
                self.line += 1
            self.problem = problem
            if problem != GOOD:
                return at
        return at

    cdef Problem _add(self, const Line* line) noexcept nogil:
        """One more record."""
        cdef Record* record
        cdef int32_t ids[3]
        cdef int i
        cdef Problem problem = room_for_record(self)
        if problem != GOOD:
            return problem
        for i in range(3):
            problem = intern(
                &self.relations if i == 1 else &self.entities,
                line.names[i], line.lengths[i], line.hashes[i], &ids[i],
            )
            if problem == MEMORY and self._can_part():
                return NAMES_FULL
            if problem != GOOD:
                return problem
        record = <Record*>self.records.at + self.n_read
        record.subject, record.relation, record.object = ids[0], ids[1], ids[2]
        self.n_read += 1
        return GOOD

    cdef bint _are_too_many(self, size_t line_bytes, int n_lines) noexcept nogil:
        """Whether the names of entities may take too much with those of some more lines."""
        cdef uint64_t n = self.entities.n + 2 * n_lines
        return self.entities.n > 0 and self.most_names_bytes < (
            grown(&self.entities.blob, self.entities.blob_bytes + line_bytes)
            + grown(&self.entities.ends, n * sizeof(uint64_t))
            + max(self.entities.slots.bytes, 4 * slots_for(n))
        )

    cdef bint _can_part(self) noexcept nogil:
        """Whether writing the names to a file gives memory back."""
        return self.runs is not None and self.entities.blob_bytes + 8 * self.entities.n > LEAST_RUN

    @property
    def entity_names_bytes(self):
        """What the names of entities take in memory now, with their ends and slots."""
        return self.entities.blob_bytes + 8 * self.entities.n + 4 * slots_for(self.entities.n)

    def start_run(self):
        """Writes the names of entities to their file; they are forgotten, and new ones get new ids."""
        cdef bint good
        self.is_in_runs = True
        with nogil:
            good = self.runs.add(&self.entities, self.n_read, False)
            if good:
                restart_names(&self.entities)
        if not good or self.entities.slots.at == NULL:
            raise_no_memory(self)
