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
                problem = self._merge_part(
                    part, names, &met, &firsts, <uint64_t*>cursors.at, &reader, &writer
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

    cdef Problem _merge_part(
        self, int part, Names* names, Names* met, Array* firsts, uint64_t* cursors,
        Reader* reader, Writer* writer
    ) noexcept nogil:
        """Merges the names whose hashes begin alike, in rounds where they do not fit the memory."""
        cdef Run* runs = <Run*>self.runs.at
        cdef uint64_t i, n = 0, n_bytes = 0, round, rounds
        cdef Problem problem
        for i in range(self.n_runs):
            n += runs[i].counts[part + 1] - runs[i].counts[part]
            n_bytes += runs[i].starts[part + 1] - runs[i].starts[part]
            cursors[i] = runs[i].found + FOUND_BYTES * <uint64_t>runs[i].counts[part]
        if n == 0:
            return GOOD
        # Of each name: its bytes, its end and where it was first, its slots.
        rounds = min(1 + (n_bytes + 8 * n + 4 * slots_for(n)) // self._room(), <uint64_t>MOST_ROUNDS)
        for round in range(rounds):
            restart_names(met)
            if met.slots.at == NULL or (
                slots_for(n // rounds) > met.mask + 1 and not grow_slots(met, slots_for(n // rounds))
            ):
                return MEMORY
            for i in range(self.n_runs):
                problem = self._merge_run(
                    i, part, round, rounds, met, firsts, &cursors[i], reader, writer
                )
                if problem != GOOD:
                    return problem
            names.n += met.n
            names.blob_bytes += met.blob_bytes
            self.merging_bytes = max(
                self.merging_bytes, met.blob_bytes + 16 * met.n + 4 * (met.mask + 1)
            )
            if names.n + names.withheld > MAX_NAMES:
                return TOO_MANY_NAMES
        return GOOD

    cdef Problem _merge_run(
        self, uint64_t number, int part, uint64_t round, uint64_t rounds, Names* met,
        Array* firsts, uint64_t* cursor, Reader* reader, Writer* writer
    ) noexcept nogil:
        """The names of one part of one run; writes where each was met first."""
        cdef const Run* run = <Run*>self.runs.at + number
        cdef const uint32_t* head
        cdef const unsigned char* name
        cdef uint32_t found[3]
        cdef uint32_t length
        cdef int32_t at
        cdef uint64_t first, hash, i, before
        cdef Problem problem
        cdef int error
        reader.fd = writer.fd = self.fd
        read_from(reader, run.starts[part], run.starts[part + 1])
        writer.at = cursor[0]
        for i in range(run.counts[part + 1] - run.counts[part]):
            head = <const uint32_t*>take(reader, 8, &error)
            if head == NULL:
                return self._broken(error)
            found[0], length = head[0], head[1]
            name = take(reader, length, &error)
            if name == NULL:
                return self._broken(error)
            hash = pff_name_hash(name, length) & self.hash_mask
            if rounds > 1 and ((hash >> 40) & 0xFFFF) % rounds != round:
                continue
            before = met.n
            problem = intern(met, name, length, hash, &at)
            if problem != GOOD:
                return problem
            if met.n > before:
                first = run.base + found[0]
                if not reserve(firsts, met.n * sizeof(uint64_t)):
                    return MEMORY
                (<uint64_t*>firsts.at)[at] = first
                (<uint64_t*>self.new_bits.at)[first >> 6] |= <uint64_t>1 << (first & 63)
            else:
                first = (<uint64_t*>firsts.at)[at]
            memcpy(found + 1, &first, 8)
            error = put(writer, found, FOUND_BYTES)
            if error:
                return self._broken(error)
        error = flush(writer)
        cursor[0] = writer.at
        return self._broken(error) if error else GOOD

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
        if not self._write_texts(<uint64_t*>(base + at), base + blob, count - 1):
            return 0
        release(&self.new_bits)
        release(&self.ranks)
        with gil:
            if not self._write_slots(<uint32_t*>(base + slots), names.n, count):
                return 0
        return padded(base, slots + 4 * count)

    cdef bint _write_texts(
        self, uint64_t* graph_ends, unsigned char* graph_blob, uint64_t mask
    ) noexcept nogil:
        """Names and ends of what was met first; notes the slots that they want."""
        cdef const Run* runs = <const Run*>self.runs.at
        cdef const uint64_t* bits = <const uint64_t*>self.new_bits.at
        cdef Reader ends, blob
        cdef Writer homes
        cdef const unsigned char* name = NULL
        cdef const unsigned char* end
        cdef uint64_t number, i, stop, start, at = 0, n = 0
        cdef uint32_t home
        cdef int error = 0
        memset(&ends, 0, sizeof(Reader))
        memset(&blob, 0, sizeof(Reader))
        memset(&homes, 0, sizeof(Writer))
        self.homes = self.end_bytes
        homes.fd, homes.at = self.fd, self.homes
        ends.fd = blob.fd = self.fd
        cdef bint good = reserve(&homes.buffer, SCRATCH_BYTES)
        number = 0
        while good and number < self.n_runs:
            read_from(&ends, runs[number].ends, runs[number].blob)
            read_from(&blob, runs[number].blob, runs[number].blob + runs[number].blob_bytes)
            start = 0
            for i in range(runs[number].n):
                end = take(&ends, 8, &error)
                if end != NULL:
                    memcpy(&stop, end, 8)
                    name = take(&blob, stop - start, &error)
                if end == NULL or name == NULL:
                    good = False
                    break
                if bits == NULL or (bits[(runs[number].base + i) >> 6]
                                    >> ((runs[number].base + i) & 63)) & 1:
                    memcpy(graph_blob + at, name, stop - start)
                    at += stop - start
                    graph_ends[n] = at
                    n += 1
                    home = <uint32_t>(pff_name_hash(name, stop - start) & mask)
                    error = put(&homes, &home, 4)
                    if error:
                        good = False
                        break
                start = stop
            pff_punch(self.fd, runs[number].ends, 8 * runs[number].n + runs[number].blob_bytes)
            number += 1
        if good:
            error = flush(&homes)
            self.end_bytes = homes.at
        release(&ends.buffer)
        release(&blob.buffer)
        release(&homes.buffer)
        self.error = error
        return good and not error

    cdef bint _write_slots(self, uint32_t* slots, uint64_t n, uint64_t count):
        """Fills the slots a window at a time, each by the order of ids.

        What finds a window full goes on at the beginning of the next one, in its order among those
        that begin there. So the slots are those that one pass over all would have filled.
        """
        cdef uint64_t width = count, at, number = 0
        cdef Array window
        cdef dict before = {}
        cdef bytes incoming = b""
        memset(&window, 0, sizeof(Array))
        while width > LEAST_WIDTH and 8 * width > self._room():
            width //= 2
        while not reserve(&window, 4 * width):
            if width <= LEAST_WIDTH:
                return False
            width //= 2
        self.window_bytes = 4 * width
        while True:
            at = (number * width) % count
            if before.get(at) == incoming:
                break
            before[at] = incoming
            memset(window.at, 0, 4 * width)
            incoming = self._fill_window(<uint32_t*>window.at, at, width, n, incoming)
            if incoming is None:
                break
            memcpy(slots + at, window.at, 4 * width)
            number += 1
        release(&window)
        return incoming is not None

    cdef bytes _fill_window(
        self, uint32_t* window, uint64_t start, uint64_t width, uint64_t n, bytes incoming
    ):
        """Fills the slots from `start` on; returns what has to go on behind them, None on failure."""
        cdef Array outgoing
        cdef Reader reader
        cdef const uint32_t* before = <const uint32_t*><const char*>incoming
        cdef const uint32_t* home = NULL
        cdef uint64_t i, n_before = len(incoming) // 4, k = 0, left = 0
        cdef bint good = True
        cdef int error = 0
        memset(&outgoing, 0, sizeof(Array))
        memset(&reader, 0, sizeof(Reader))
        reader.fd = self.fd
        read_from(&reader, self.homes, self.homes + 4 * n)
        with nogil:
            for i in range(n):
                home = <const uint32_t*>take(&reader, 4, &error)
                if home == NULL:
                    good = False
                    break
                while k < n_before and before[k] <= i:
                    good = good and _enter(window, 0, width, before[k], &outgoing, &left)
                    k += 1
                if home[0] >= start and home[0] - start < width:
                    good = good and _enter(
                        window, home[0] - start, width, <uint32_t>i, &outgoing, &left
                    )
            while good and k < n_before:
                good = _enter(window, 0, width, before[k], &outgoing, &left)
                k += 1
        self.error = error
        result = (<const char*>outgoing.at)[: 4 * left] if good and left else b""
        release(&reader.buffer)
        release(&outgoing)
        return result if good else None


cdef bint _enter(
    uint32_t* window, uint64_t at, uint64_t width, uint32_t id, Array* outgoing, uint64_t* left
) noexcept nogil:
    while at < width and window[at]:
        at += 1
    if at < width:
        window[at] = id + 1
        return True
    if not reserve(outgoing, 4 * (left[0] + 1)):
        return False
    (<uint32_t*>outgoing.at)[left[0]] = id
    left[0] += 1
    return True
