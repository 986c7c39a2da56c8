"""Triple lines to one contiguous graph: names interned into an arena, triples into int32 ids.

Reading costs `RECORD_BYTES` for each triple; `finish_reading` turns the records into sorted pairs of
`PAIR_BYTES` and gives the records' pages back while it goes; `write_into` writes front to back and
gives back what it has written. The layout (version 1) is described in `docs/formats.md`; `_graph`
reads it.
"""

import errno
import os
import zlib

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from pff_stream.errors import InputError, OutputError
from pff_stream.triples._layout cimport (
    Shape, aligned, choose_index, index_bytes, padded, put32, put64, write_names, write_rows
)
from pff_stream.triples._name_table cimport (
    BLANK, COLUMNS, EMPTY, GOOD, MAX_NAMES, MEMORY, NUL, SELF_NAME, TOO_LONG_NAME, UTF8,
    Array, Names, Problem, Text, fetch_end, fetch_name, fetch_slot, free_names, grow_slots, intern,
    pff_name_hash, release, reserve, slots_for
)

cdef extern from "triples/_arrays.h":
    void pff_forget(void* at, size_t start, size_t stop) noexcept nogil
    int pff_die_with_parent(long parent) noexcept nogil
    uint64_t* pff_sort_pairs(
        uint64_t* pairs, uint64_t* spare, size_t n, int bits, int low_only
    ) noexcept nogil
    void pff_sort_pairs_in_place(
        uint64_t* pairs, size_t n, int bits, bint low_only
    ) noexcept nogil
    bint pff_is_plain(const unsigned char* at, const unsigned char* stop) noexcept nogil
    const unsigned char* pff_bad_utf8(
        const unsigned char* at, const unsigned char* stop
    ) noexcept nogil

cdef extern from *:
    """
    #include <errno.h>
    #include <fcntl.h>
    #include <string.h>
    #include <unistd.h>
    #include "triples/_arrays.h"
    #if defined(__linux__)
    #include <sys/mman.h>

    /* An array that lies in a file: its pages can be taken back, they are written there. Every block
     * is allocated before it is touched, so that a full disk is an errno here and no signal later. */
    static void *pff_grow_in_file(int fd, void *old, size_t old_bytes, size_t new_bytes, int *error) {
        void *at;
        *error = posix_fallocate(fd, 0, (off_t)new_bytes);
        if (*error)
            return NULL;
        if (old == NULL)
            at = mmap(NULL, new_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        else
            at = mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
        if (at == MAP_FAILED)
            *error = errno;
        return at == MAP_FAILED ? NULL : at;
    }

    /* Starts to write [from, middle), which is full, and takes [before, from), which is on its way,
     * out of memory. */
    static void pff_write_behind(int fd, void *at, size_t before, size_t from, size_t to) {
        if (from > before)
            madvise((char *)at + before, from - before, MADV_DONTNEED);
        (void)sync_file_range(fd, (off_t)from, (off_t)(to - from), SYNC_FILE_RANGE_WRITE);
        if (from > before) {
            (void)sync_file_range(fd, (off_t)before, (off_t)(from - before),
                SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
            (void)posix_fadvise(fd, (off_t)before, (off_t)(from - before), POSIX_FADV_DONTNEED);
        }
    }

    /* Places all over the array are written, each from front to back: no reading around them, which
     * would push out what is being filled. Or again from front to back in all. */
    static void pff_scattered(void *at, size_t bytes, int scattered) {
        madvise(at, bytes, scattered ? MADV_RANDOM : MADV_NORMAL);
    }

    /* As pff_forget, of an array in a file: the blocks are given back, too. */
    static void pff_forget_in_file(void *at, size_t from, size_t to) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        from = (from + page - 1) & ~(page - 1);
        to &= ~(page - 1);
        if (to > from && madvise((char *)at + from, to - from, MADV_REMOVE) != 0)
            madvise((char *)at + from, to - from, MADV_DONTNEED);
    }
    #else
    static void *pff_grow_in_file(int fd, void *old, size_t old_bytes, size_t new_bytes, int *error) {
        (void)fd;
        *error = 0;
        return pff_grow(old, old_bytes, new_bytes);
    }
    static void pff_write_behind(int fd, void *at, size_t before, size_t from, size_t to) {
        (void)fd, (void)at, (void)before, (void)from, (void)to;
    }
    static void pff_scattered(void *at, size_t bytes, int scattered) {
        (void)at, (void)bytes, (void)scattered;
    }
    static void pff_forget_in_file(void *at, size_t from, size_t to) {
        (void)at, (void)from, (void)to;
    }
    #endif
    """
    void* pff_grow_in_file(
        int fd, void* old, size_t old_bytes, size_t new_bytes, int* error
    ) noexcept nogil
    void pff_write_behind(int fd, void* at, size_t before, size_t start, size_t stop) noexcept nogil
    void pff_forget_in_file(void* at, size_t start, size_t stop) noexcept nogil
    void pff_scattered(void* at, size_t n_bytes, bint scattered) noexcept nogil

RECORD_BYTES = 12
PAIR_BYTES = 8
MAX_LINE_BYTES = 1 << 26
HEADER_BYTES = 256

cdef enum:
    HEADER = 256
    TABLE_RECORD = 80
    FIRST_SLOTS = 64
    FORGET_RECORDS = 1 << 17      # records between two times of giving pages back
    DIRECTIONS = 2
    SPILL_WINDOW = 1 << 21        # bytes of an array in a file that are in memory behind its end
    AHEAD = 16                    # lines whose names are fetched before the first is looked up

# One line, taken apart.
cdef struct Line:
    Text start
    Text next
    Text names[3]                 # subject, relation, object, whatever their columns
    size_t lengths[3]
    uint64_t hashes[3]

cdef struct Record:
    int32_t subject
    int32_t relation
    int32_t object


cdef class Encoder:
    """Reads triple lines block by block, then writes them as one graph.

    `bad` is told every line that is no triple (`pff_stream.triples.bad.BadTriples`). Order of calls:
    for each input `start_file`, `feed`..., `end_file`; then `finish_reading`, `size`, `write_into`.

    With two descriptors of empty files in `spill`, triples lie there once they take more than
    `spill_bytes`: they are then written and read from front to back, or a relation at a time.

    Raises `InputError` for what cannot be encoded, `MemoryError` where the kernel gives no memory,
    `OutputError` where the disk of `spill` is full.
    """

    cdef Names entities
    cdef Names relations
    cdef Array records
    cdef Array pairs
    cdef Array starts             # uint64[n_relations + 1] into the pairs
    cdef Array ends               # uint64[n_relations], behind the distinct pairs
    cdef Array shapes             # Shape[2 * n_relations]
    cdef int spill[2]             # for records and for pairs; -1: there is none
    cdef size_t spill_bytes
    cdef size_t written           # bytes of the records that are on their way to the file
    cdef size_t dropped
    cdef int spill_error
    cdef readonly bint spilled    # triples lie in their files
    cdef Array tail               # the unfinished line of the last block
    cdef size_t tail_bytes
    cdef int columns[3]
    cdef bint verbatim
    cdef uint64_t line
    cdef uint64_t max_line_bytes
    cdef uint64_t largest
    cdef Problem problem
    cdef object bad
    cdef str source
    cdef readonly uint64_t n_read
    cdef readonly uint64_t n_triples
    cdef readonly uint64_t largest_relation_read

    def __cinit__(self):
        memset(&self.entities, 0, sizeof(Names))
        memset(&self.relations, 0, sizeof(Names))
        self.entities.nested = self.relations.nested = True

    def __init__(
        self, bad, max_line_bytes=MAX_LINE_BYTES, spill=(-1, -1), size_t spill_bytes=0
    ):
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
        for array in (0, 1, 2, 3, 4, 5):
            release(self._array(array))

    cdef Array* _array(self, int i) noexcept nogil:
        if i == 0:
            return &self.records
        if i == 1:
            return &self.pairs
        if i == 2:
            return &self.starts
        if i == 3:
            return &self.ends
        return &self.shapes if i == 4 else &self.tail

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
        """1: every name is well nested in ( and ); 2: an entity is named by one letter A to Z."""
        return (1 if self.entities.nested and self.relations.nested else 0) | (
            2 if self.entities.letter else 0
        )

    def start_file(
        self, str name, columns=(0, 1, 2), bint verbatim=False, uint64_t lines_before=0
    ):
        """Lines are counted from 1 again (or go on behind `lines_before`) and belong to `name`.

        `columns` are the places of subject, relation and object in a line. `verbatim`: the lines come
        from this program; neither a byte order mark nor a CR before a newline is taken off.
        """
        if sorted(columns) != [0, 1, 2]:
            raise ValueError(f"columns {columns!r}: expected an order of 0, 1, 2")
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
                f"{self.source}, line {self.line + 1}: found a line of over {self.max_line_bytes} "
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
            if at < stop:
                newline = <Text>memchr(at, 10, stop - at)
                self._refuse(at, newline)
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
                problem = self._split(at, <Text>memchr(at, 10, stop - at), plain, n, &lines[n])
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
            for i in range(n):
                self.problem = self._add(&lines[i])
                if self.problem != GOOD:
                    return lines[i].start
                self.line += 1
            self.problem = problem
            if problem != GOOD:
                return at
        return at

    cdef Problem _split(
        self, Text at, Text stop, bint plain, int ahead, Line* line
    ) noexcept nogil:
        """The names of the line that is `ahead` of the present one, and their hashes."""
        cdef Text fields[3]
        cdef size_t lengths[3]
        cdef Text first
        cdef Text second
        cdef int i, column
        line.start = at
        line.next = stop + 1
        if not self.verbatim:
            if self.line + ahead == 0 and stop - at >= 3 and memcmp(at, b"\xef\xbb\xbf", 3) == 0:
                at += 3
            if stop > at and (stop - 1)[0] == 13:
                stop -= 1
        if stop == at:
            return BLANK
        first = <Text>memchr(at, 9, stop - at)
        if first == NULL:
            return COLUMNS
        second = <Text>memchr(first + 1, 9, stop - first - 1)
        if second == NULL or memchr(second + 1, 9, stop - second - 1) != NULL:
            return COLUMNS
        if first == at or second == first + 1 or stop == second + 1:
            return EMPTY
        if not plain:
            if memchr(at, 0, stop - at) != NULL:
                return NUL
            if pff_bad_utf8(at, stop) != NULL:
                return UTF8
        fields[0], lengths[0] = at, first - at
        fields[1], lengths[1] = first + 1, second - first - 1
        fields[2], lengths[2] = second + 1, stop - second - 1
        if stop - at > 0x7FFFFFFF:
            return TOO_LONG_NAME
        for i in range(3):
            column = self.columns[i]
            if i != 1:
                if lengths[column] == 11 and memcmp(fields[column], b"me_myself_i", 11) == 0:
                    return SELF_NAME
            line.names[i] = fields[column]
            line.lengths[i] = lengths[column]
            line.hashes[i] = pff_name_hash(fields[column], lengths[column])
            fetch_slot(&self.relations if i == 1 else &self.entities, line.hashes[i])
        return GOOD

    cdef Problem _add(self, const Line* line) noexcept nogil:
        """One more record."""
        cdef Record* record
        cdef int32_t ids[3]
        cdef int i
        cdef Problem problem
        if not self._room_for_record():
            return MEMORY
        for i in range(3):
            problem = intern(
                &self.relations if i == 1 else &self.entities,
                line.names[i], line.lengths[i], line.hashes[i], &ids[i],
            )
            if problem != GOOD:
                return problem
        record = <Record*>self.records.at + self.n_read
        record.subject, record.relation, record.object = ids[0], ids[1], ids[2]
        self.n_read += 1
        return GOOD

    cdef inline bint _room_for_record(self) noexcept nogil:
        cdef size_t needed = (self.n_read + 1) * sizeof(Record)
        if needed <= self.records.bytes:
            return True
        if not self.spilled:
            if self.spill[0] < 0 or needed <= self.spill_bytes:
                return reserve(&self.records, needed)
            if not self._spill_records():
                return False
        return self._reserve_in_file(0, &self.records, needed)

    cdef bint _spill_records(self) noexcept nogil:
        """From here on the records lie in their file."""
        cdef Array array
        memset(&array, 0, sizeof(Array))
        if not self._reserve_in_file(0, &array, self.records.bytes + 1):
            return False
        memcpy(array.at, self.records.at, self.n_read * sizeof(Record))
        release(&self.records)
        self.records = array
        self.spilled = True
        return True

    cdef bint _reserve_in_file(self, int which, Array* array, size_t needed) noexcept nogil:
        """As `reserve`; what is full begins to leave the memory."""
        cdef size_t wanted, full
        cdef void* at
        if needed <= array.bytes:
            return True
        if array == &self.records:
            full = array.bytes & ~<size_t>0xFFFF
            pff_write_behind(self.spill[0], array.at, self.dropped, self.written, full)
            self.dropped, self.written = self.written, full
        wanted = (needed + SPILL_WINDOW - 1) & ~<size_t>(SPILL_WINDOW - 1)
        at = pff_grow_in_file(
            self.spill[which], array.at, array.bytes, wanted, &self.spill_error
        )
        if at == NULL:
            return False
        array.at = at
        array.bytes = wanted
        return True

    cdef _no_memory(self):
        if self.spill_error == errno.ENOSPC:
            raise OutputError("the disk of temporary files is full: no room for the triples")
        if self.spill_error not in (0, errno.ENOMEM):
            reason = os.strerror(self.spill_error)
            raise OutputError(f"temporary files have no room for the triples: {reason}")
        raise MemoryError

    cdef _refuse(self, Text at, Text stop):
        """Tells `bad` what is wrong with the line at hand, or ends the reading."""
        cdef Text bad_byte
        if self.problem == MEMORY:
            self._no_memory()
        line = bytes(at[: stop - at])
        if not self.verbatim:
            line = line.removesuffix(b"\r")
            if self.line == 0:
                line = line.removeprefix(b"\xef\xbb\xbf")
        shown = repr(line[:80].decode("utf-8", "backslashreplace")) + ("..." if len(line) > 80 else "")
        names = [("subject", "relation", "object")[list(self.columns).index(i)] for i in range(3)]
        expected = "expected " + ", ".join(names) + " separated by tabs"
        if self.problem == BLANK:
            message = f"found a blank line, {expected}"
        elif self.problem == COLUMNS:
            n = line.count(b"\t") + 1
            message = f"found {n} column{'s' if n > 1 else ''} in {shown}, {expected}"
        elif self.problem == EMPTY:
            column = line.split(b"\t").index(b"")
            message = f"found an empty {names[column]} (column {column + 1}) in {shown}, {expected}"
        elif self.problem == NUL:
            message = f"found a NUL character at byte {line.index(0) + 1} of {shown}, {expected}"
        elif self.problem == UTF8:
            bad_byte = pff_bad_utf8(at, stop)
            message = (
                f"found the byte 0x{bad_byte[0]:02x} at byte {bad_byte - at + 1} of {shown}, "
                "expected UTF-8"
            )
        elif self.problem == SELF_NAME:
            message = f"found the entity me_myself_i in {shown}, which no entity can be named"
        else:
            limit = "names of under 2 GiB" if self.problem == TOO_LONG_NAME else (
                f"at most {MAX_NAMES} entities and as many relations"
            )
            raise InputError(f"{self.source}, line {self.line + 1}: found more, expected {limit}")
        self.bad.add(self.source, self.line + 1, message)

    def finish_reading(self):
        """Sorts the triples by relation, subject and object, and drops those met before.

        At most `PAIR_BYTES` for each triple beside the records, then `PAIR_BYTES` for each triple of
        the largest relation and 4 bytes for each entity.
        """
        cdef Array spare, stamps
        cdef bint good
        memset(&spare, 0, sizeof(Array))
        memset(&stamps, 0, sizeof(Array))
        if self.n_read >> 32:
            self._check_relation_sizes()
        with nogil:
            good = self._group() and reserve(&spare, self.largest * sizeof(uint64_t))
            if good:
                self._sort(<uint64_t*>spare.at)
            release(&spare)
            good = good and reserve(&stamps, self.entities.n * sizeof(uint32_t))
            good = good and reserve(&self.shapes, DIRECTIONS * self.relations.n * sizeof(Shape))
            if good:
                self._measure(<uint32_t*>stamps.at)
            release(&stamps)
        if not good:
            self._no_memory()

    def _check_relation_sizes(self):
        raise InputError(
            f"found {self.n_read} triples, expected at most {0xFFFFFFFF} in one graph"
        )

    cdef bint _group(self) noexcept nogil:
        """Counting sort by relation; the records' pages are given back behind the reading."""
        cdef Record* records = <Record*>self.records.at
        cdef uint64_t* starts
        cdef uint64_t* places
        cdef uint64_t* pairs
        cdef uint64_t i, n = self.relations.n, count
        if not (
            reserve(&self.starts, (n + 1) * sizeof(uint64_t))
            and reserve(&self.ends, (n + 1) * sizeof(uint64_t))
            and (
                self._reserve_in_file(1, &self.pairs, self.n_read * sizeof(uint64_t))
                if self.spilled
                else reserve(&self.pairs, self.n_read * sizeof(uint64_t))
            )
        ):
            return False
        starts = <uint64_t*>self.starts.at
        places = <uint64_t*>self.ends.at
        pairs = <uint64_t*>self.pairs.at
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
        for i in range(self.n_read):
            pairs[places[records[i].relation]] = (
                <uint64_t>records[i].subject << 32 | <uint32_t>records[i].object
            )
            places[records[i].relation] += 1
            if (i + 1) % FORGET_RECORDS == 0:
                self._forget(
                    records, (i + 1 - FORGET_RECORDS) * sizeof(Record), (i + 1) * sizeof(Record)
                )
        release(&self.records)
        if self.spilled:
            pff_scattered(pairs, self.pairs.bytes, False)
        return True

    cdef void _forget(self, void* array, size_t start, size_t stop) noexcept nogil:
        """Gives back a part of the records or pairs."""
        if self.spilled:
            pff_forget_in_file(array, start, stop)
        else:
            pff_forget(array, start, stop)

    cdef int _id_bits(self) noexcept nogil:
        cdef int bits = 1
        while bits < 31 and (self.entities.n - 1) >> bits:
            bits += 1
        return bits

    cdef uint64_t* _sorted(
        self, uint64_t* pairs, uint64_t* spare, uint64_t n, int bits, bint low_only
    ) noexcept nogil:
        """Sorts the pairs of a relation; where they lie in a file, in memory and not all over it."""
        if not self.spilled:
            return pff_sort_pairs(pairs, spare, n, bits, low_only)
        memcpy(spare, pairs, n * sizeof(uint64_t))
        pff_sort_pairs_in_place(spare, n, bits, low_only)
        return spare

    cdef void _sort(self, uint64_t* spare) noexcept nogil:
        """Sorts each relation's pairs and drops repeated ones; `ends` then says where each stops."""
        cdef uint64_t* starts = <uint64_t*>self.starts.at
        cdef uint64_t* ends = <uint64_t*>self.ends.at
        cdef uint64_t* pairs
        cdef uint64_t* sorted_pairs
        cdef uint64_t relation, i, n, kept
        cdef int bits = self._id_bits()
        self.n_triples = 0
        for relation in range(self.relations.n):
            pairs = <uint64_t*>self.pairs.at + starts[relation]
            n = starts[relation + 1] - starts[relation]
            sorted_pairs = self._sorted(pairs, spare, n, bits, False)
            kept = 0
            for i in range(n):
                if i == 0 or sorted_pairs[i] != pairs[kept - 1]:
                    pairs[kept] = sorted_pairs[i]
                    kept += 1
            ends[relation] = starts[relation] + kept
            self.n_triples += kept

    cdef void _measure(self, uint32_t* stamps) noexcept nogil:
        """Counts the keys of both directions, which decides the kind of each index."""
        cdef uint64_t* starts = <uint64_t*>self.starts.at
        cdef uint64_t* ends = <uint64_t*>self.ends.at
        cdef uint64_t* pairs = <uint64_t*>self.pairs.at
        cdef Shape* shapes = <Shape*>self.shapes.at
        cdef uint64_t relation, i
        cdef uint32_t object, subjects, objects
        for relation in range(self.relations.n):
            subjects = objects = 0
            for i in range(starts[relation], ends[relation]):
                object = <uint32_t>pairs[i]
                if stamps[object] != relation + 1:
                    stamps[object] = <uint32_t>(relation + 1)
                    objects += 1
                if i == starts[relation] or pairs[i] >> 32 != pairs[i - 1] >> 32:
                    subjects += 1
            choose_index(&shapes[2 * relation], subjects, self.entities.n)
            choose_index(&shapes[2 * relation + 1], objects, self.entities.n)

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

    def write_into(self, buffer, bytes input_hash, str mapping):
        """Writes the graph into the first `size()` bytes of `buffer`; the encoder is empty afterwards.

        `input_hash` has 16 bytes, `mapping` at most 16 ASCII letters.
        """
        cdef Py_buffer view
        cdef Array spare
        cdef uint64_t total = self.size()
        cdef unsigned char* base
        cdef bytes name = mapping.encode("ascii")
        cdef bint good
        if len(input_hash) != 16 or len(name) > 16:
            raise ValueError("expected a hash of 16 bytes and a mapping of at most 16 letters")
        memset(&spare, 0, sizeof(Array))
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            if <uint64_t>view.len < total:
                raise ValueError(f"a buffer of {view.len} bytes for a graph of {total}")
            base = <unsigned char*>view.buf
            with nogil:
                good = reserve(&spare, self.largest * sizeof(uint64_t))
                if good:
                    self._write_sections(base, total, <uint64_t*>spare.at)
                release(&spare)
            if not good:
                raise MemoryError
            memcpy(base + 152, <Text>input_hash, 16)
            memcpy(base + 168, <Text>name, len(name))
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

    cdef void _write_sections(
        self, unsigned char* base, uint64_t total, uint64_t* spare
    ) noexcept nogil:
        cdef uint64_t at = HEADER, table
        memset(base, 0, HEADER)
        memcpy(base, b"PFFGRAPH", 8)
        put32(base, 8, 1)
        put32(base, 12, (1 if self.entities.nested and self.relations.nested else 0)
              | (2 if self.entities.letter else 0))
        put64(base, 16, total)
        put64(base, 24, self.entities.n)
        put64(base, 32, self.relations.n)
        put64(base, 40, self.n_triples)
        put64(base, 48, self.n_read)
        at = write_names(base, at, 64, &self.entities)
        at = write_names(base, at, 104, &self.relations)
        free_names(&self.entities)
        free_names(&self.relations)
        table = at
        put64(base, 144, table)
        at = padded(base, table + 2 * TABLE_RECORD * self.relations.n)
        for relation in range(self.relations.n):
            at = self._write_relation(base, at, table, relation, spare)

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
        pairs = self._sorted(pairs, spare, n, self._id_bits(), True)
        at = write_rows(
            base, at, record + TABLE_RECORD, pairs, n, &shapes[1], 1, self.entities.n
        )
        start, stop = start * sizeof(uint64_t), stop * sizeof(uint64_t)
        if start >> 16 != stop >> 16:   # from where the last time stopped, or a little before
            self._forget(self.pairs.at, start & ~<uint64_t>0xFFFF, stop)
        return at


def name_slots_bytes(uint64_t n):
    """Bytes of the name index of `n` names, in a graph and (64 slots at least) while reading."""
    return 4 * slots_for(n)


def die_with_parent(long parent):
    """Ends this process (Linux: at once) when its parent `parent` dies; False where it is dead."""
    return bool(pff_die_with_parent(parent))
