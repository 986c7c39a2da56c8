# distutils: extra_compile_args = -O3
"""Names that do not fit the memory: written to a file in runs, and brought together behind the reading.

A run holds the names met since the run before, each once; its ids count from 0. It is written twice:
in the order of its ids, and in parts by the hash. `merge` takes a part of all runs at a time, with a
table of names as the reading has one, so that equal hashes are no equal names. It notes for each
name where it was met first; the names met first in their runs, in order, are those of the graph. So
ids are what they would be in memory. `map_run` turns the ids of a run into them, `write` writes the
names into the graph. All of it reads and writes from front to back.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.triples._graph cimport PFF_POPCOUNT64
from pff_stream.triples._layout cimport padded, put64
from pff_stream.triples._name_table cimport (
    GOOD, MAX_NAMES, MEMORY, TOO_MANY_NAMES, Array, Names, Problem, free_names, grow_slots, intern,
    pff_name_hash, release, reserve, restart_names, slots_for
)
from pff_stream.triples._scratch cimport (
    SCRATCH_BYTES, Reader, Writer, flush, put, read_from, take, write_all
)

cdef extern from "triples/_file_arrays.h":
    void pff_punch(int fd, uint64_t at, uint64_t n_bytes) noexcept nogil

ROOM_BYTES = LEAST_ROOM
BUFFERS_BYTES = 3 * SCRATCH_BYTES
RUN_BYTES = sizeof(Run)
NAME_DISK_BYTES = 32
"""On disk for each name of a run, beside its letters, which lie there twice."""

cdef enum:
    LEAST_ROOM = 1 << 20
    FOUND_BYTES = 12              # an id of the run, and where its name was met first
    MOST_ROUNDS = 256
    LEAST_WIDTH = 64
    RANK_WORDS = 8

include "_name_runs_merge.pxi"
include "_name_runs_write.pxi"


cdef class NameRuns:
    """The runs in an empty file of descriptor `fd`.

    `room_bytes` bounds what a part of the names takes in memory, and the slots of the graph while
    they are filled; 0: what a run took, and `ROOM_BYTES` at least. Hashes are cut by `hash_mask`.
    """

    def __init__(self, int fd, uint64_t room_bytes=0, uint64_t hash_mask=0xFFFFFFFFFFFFFFFF):
        self.fd = fd
        self.room = room_bytes
        self.hash_mask = hash_mask
        self.nested = True

    def __dealloc__(self):
        release(&self.runs)
        release(&self.new_bits)
        release(&self.ranks)
        release(&self.table)

    cdef uint64_t _room(self) noexcept nogil:
        if self.room:
            return self.room
        return max(max(self.first_held_bytes // 2, self.held_bytes), <uint64_t>LEAST_ROOM)

    cdef bint _failed(self, int error) noexcept nogil:
        self.error = error
        return False

    cdef bint add(self, Names* names, uint64_t n_records, bint alone) noexcept nogil:
        """Writes a run, of the triples from `n_records` on to the next one; frees the slots.

        `alone`: all names there are, which need not be merged.
        """
        cdef Run* run
        cdef uint64_t held
        cdef int error
        if not reserve(&self.runs, (self.n_runs + 1) * sizeof(Run)):
            return False
        run = <Run*>self.runs.at + self.n_runs
        memset(run, 0, sizeof(Run))
        run.n, run.blob_bytes = names.n, names.blob_bytes
        if self.n_runs:
            run.base = (run - 1).base + (run - 1).n
        run.first_record = self.next_record
        self.next_record = n_records
        held = names.blob_bytes + 8 * names.n + 4 * slots_for(names.n)
        if self.n_runs == 0:
            self.first_held_bytes = held
        else:
            self.held_bytes = max(self.held_bytes, held)
        self.nested = self.nested and names.nested
        self.letter = self.letter or names.letter
        self.blanks = self.blanks or names.blanks
        run.ends = self.end_bytes
        run.blob = run.ends + 8 * run.n
        self.end_bytes = run.blob + run.blob_bytes
        error = write_all(self.fd, names.ends.at, 8 * run.n, run.ends)
        if not error:
            error = write_all(self.fd, names.blob.at, run.blob_bytes, run.blob)
        if error:
            return self._failed(error)
        release(&names.slots)
        if not alone and not self._write_parts(run, names):
            return False
        self.n_runs += 1
        return True

    cdef bint _write_parts(self, Run* run, const Names* names) noexcept nogil:
        """The names in parts by their hashes, each with its id and length; no more than slots took."""
        cdef Array order, parts
        cdef Writer writer
        cdef uint64_t sizes[PARTS]
        cdef uint32_t counts[PARTS]
        cdef const uint64_t* ends = <const uint64_t*>names.ends.at
        cdef const unsigned char* blob = <const unsigned char*>names.blob.at
        cdef uint64_t i, start = 0
        cdef uint32_t head[2]
        cdef uint32_t id
        cdef int part, error = 0
        memset(&order, 0, sizeof(Array))
        memset(&parts, 0, sizeof(Array))
        memset(&writer, 0, sizeof(Writer))
        memset(sizes, 0, sizeof(sizes))
        memset(counts, 0, sizeof(counts))
        if not (
            reserve(&order, 4 * run.n) and reserve(&parts, run.n)
            and reserve(&writer.buffer, SCRATCH_BYTES)
        ):
            release(&order)
            release(&parts)
            release(&writer.buffer)
            return False
        for i in range(run.n):
            part = <int>((pff_name_hash(blob + start, ends[i] - start) & self.hash_mask) >> 56)
            (<uint8_t*>parts.at)[i] = <uint8_t>part
            counts[part] += 1
            sizes[part] += 8 + ends[i] - start
            self.longest_bytes = max(self.longest_bytes, ends[i] - start)
            start = ends[i]
        run.starts[0] = self.end_bytes
        for part in range(PARTS):
            run.starts[part + 1] = run.starts[part] + sizes[part]
            run.counts[part + 1] = run.counts[part] + counts[part]
            counts[part] = run.counts[part]
        for i in range(run.n):
            part = (<uint8_t*>parts.at)[i]
            (<uint32_t*>order.at)[counts[part]] = <uint32_t>i
            counts[part] += 1
        writer.fd, writer.at = self.fd, run.starts[0]
        for i in range(run.n):
            id = (<uint32_t*>order.at)[i]
            start = ends[id - 1] if id else 0
            head[0], head[1] = id, <uint32_t>(ends[id] - start)
            error = put(&writer, head, 8)
            if not error:
                error = put(&writer, blob + start, head[1])
            if error:
                break
        if not error:
            error = flush(&writer)
        release(&order)
        release(&parts)
        release(&writer.buffer)
        run.found = run.starts[PARTS]
        self.end_bytes = run.found + FOUND_BYTES * run.n
        return self._failed(error) if error else True

    cdef Problem merge(self, Names* names) noexcept nogil:
        """Finds out which names are the same; `names` then has their number and bytes, no names."""
        cdef Run* runs = <Run*>self.runs.at
        cdef uint64_t total = runs[self.n_runs - 1].base + runs[self.n_runs - 1].n
        cdef Problem problem = GOOD
        cdef Names met
        cdef Array firsts, cursors
        cdef Reader reader
        cdef Writer writer
        cdef int part
        cdef uint64_t i
        memset(&met, 0, sizeof(Names))
        memset(&firsts, 0, sizeof(Array))
        memset(&cursors, 0, sizeof(Array))
        memset(&reader, 0, sizeof(Reader))
        memset(&writer, 0, sizeof(Writer))
        names.n = names.blob_bytes = 0
        if not (
            reserve(&self.new_bits, 8 * ((total >> 6) + 1 + RANK_WORDS))
            and reserve(&cursors, 8 * self.n_runs) and reserve(&writer.buffer, SCRATCH_BYTES)
        ):
            problem = MEMORY
        for part in range(PARTS):
            if problem == GOOD:
                problem = merge_part(
                    self, part, names, &met, &firsts, <uint64_t*>cursors.at, &reader, &writer
                )
        free_names(&met)
        release(&firsts)
        release(&cursors)
        release(&reader.buffer)
        release(&writer.buffer)
        if problem != GOOD:
            return problem
        for i in range(self.n_runs):
            pff_punch(self.fd, runs[i].starts[0], runs[i].starts[PARTS] - runs[i].starts[0])
            self.map_bytes = max(self.map_bytes, 4 * runs[i].n)
        self.rank_bytes = total // 8 + total // 128
        names.nested, names.letter, names.blanks = self.nested, self.letter, self.blanks
        return GOOD if self._rank(total) else MEMORY

    cdef Problem _broken(self, int error) noexcept nogil:
        self.error = error
        return MEMORY

    cdef bint _rank(self, uint64_t total) noexcept nogil:
        """Counts the bits before each eight words."""
        cdef const uint64_t* bits = <const uint64_t*>self.new_bits.at
        cdef uint64_t i, words = (total >> 6) + 1
        cdef uint32_t sum = 0
        if not reserve(&self.ranks, 4 * (words // RANK_WORDS + 1)):
            return False
        for i in range(words):
            if i % RANK_WORDS == 0:
                (<uint32_t*>self.ranks.at)[i // RANK_WORDS] = sum
            sum += PFF_POPCOUNT64(bits[i])
        return True

    cdef uint32_t _new_before(self, uint64_t first) noexcept nogil:
        """The id in the graph of a name that was met there first."""
        cdef const uint64_t* bits = <const uint64_t*>self.new_bits.at
        cdef uint64_t word = first >> 6, i
        cdef uint32_t sum = (<const uint32_t*>self.ranks.at)[word // RANK_WORDS]
        for i in range(word - word % RANK_WORDS, word):
            sum += PFF_POPCOUNT64(bits[i])
        return sum + PFF_POPCOUNT64(bits[word] & ((<uint64_t>1 << (first & 63)) - 1))

    cdef uint64_t first_record(self, uint64_t run) noexcept nogil:
        """The first triple whose ids are those of the run; none is so large where there is no run."""
        if run >= self.n_runs:
            return <uint64_t>-1
        return (<Run*>self.runs.at)[run].first_record

    cdef const uint32_t* map_run(self, uint64_t number) noexcept nogil:
        """The ids in the graph by those of the run, until the next call; NULL: it failed."""
        cdef const Run* run = <Run*>self.runs.at + number
        cdef const unsigned char* found
        cdef Reader reader
        cdef uint64_t i, first
        cdef uint32_t id
        cdef bint good = True
        cdef int error = 0
        memset(&reader, 0, sizeof(Reader))
        if not reserve(&self.table, 4 * max(run.n, <uint64_t>1)):
            return NULL
        reader.fd = self.fd
        read_from(&reader, run.found, run.found + FOUND_BYTES * run.n)
        for i in range(run.n):
            found = take(&reader, FOUND_BYTES, &error)
            if found == NULL:
                self.error = error
                good = False
                break
            memcpy(&id, found, 4)
            memcpy(&first, found + 4, 8)
            (<uint32_t*>self.table.at)[id] = self._new_before(first)
        release(&reader.buffer)
        if not good:
            return NULL
        pff_punch(self.fd, run.found, FOUND_BYTES * run.n)
        return <const uint32_t*>self.table.at

    cdef void forget_map(self) noexcept nogil:
        """Behind the last triple."""
        release(&self.table)

    cdef uint64_t write(
        self, unsigned char* base, uint64_t at, uint64_t header, Names* names
    ) noexcept nogil:
        """As `write_names` of a graph, which gets the same bytes; 0: it failed."""
        cdef uint64_t count = slots_for(names.n), blob, slots
        blob = padded(base, at + 8 * names.n)
        slots = padded(base, blob + names.blob_bytes)
        put64(base, header, at)
        put64(base, header + 8, blob)
        put64(base, header + 16, names.blob_bytes)
        put64(base, header + 24, slots)
        put64(base, header + 32, count)
        if not write_texts(self, <uint64_t*>(base + at), base + blob, count - 1):
            return 0
        release(&self.new_bits)
        release(&self.ranks)
        with gil:
            if not write_slots(self, <uint32_t*>(base + slots), names.n, count):
                return 0
        return padded(base, slots + 4 * count)
