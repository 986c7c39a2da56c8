# distutils: extra_compile_args = -O3
"""Keeps the first violated rules of a run in their order while the results are merged.

Of many rules few are in force where the first N findings are asked for: as many as fit a buffer are
kept, in the order that `_ranking` gives all rules, and as its entries. What comes behind them is
dropped, but 24 bytes of every violated rule go to a file. With these and the texts of the rule file
all rules are put in order after all, where more are needed.

A rule whose text an earlier line has comes behind that line, whatever confidence it has itself. Such a
line may have been dropped. So where texts may repeat (by their hashes), nothing of here is used.
"""

import os

from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memmove
from posix.types cimport off_t

from pff_stream.errors import OutputError
from pff_stream.files import _pages
from pff_stream.files.writers import TemporaryWriter
from pff_stream.findings._rank cimport EXACT, MINER_PCA
from pff_stream.findings._ranking cimport (
    FRONT_BYTES,
    TAIL_BYTES,
    CountedRule,
    RankedRules,
    Ranking,
    inverted,
    put_u64,
)
from pff_stream.findings._shortlist cimport OBJECT_SHIFT, noted_of, pff_name_hash
from pff_stream.findings._sorted cimport Sorter
from pff_stream.report._pass cimport Slice
from pff_stream.rules.columns import CONFIDENCE, PCA_CONFIDENCE

cdef extern from "_entries.h":
    int pff_entries(const unsigned char* a, const unsigned char* b) noexcept nogil

cdef extern from "unistd.h":
    ssize_t pread(int fd, void* to, size_t n, off_t offset) noexcept nogil

cdef enum:
    LENGTH = sizeof(uint32_t)     # in front of each entry
    NOTES = 2560                  # held at once: 60 KiB

cdef uint32_t KEPT = <uint32_t>1 << 31    # in a length, while room is made
cdef uint64_t OBJECT = <uint64_t>1 << OBJECT_SHIFT

# Where the entries are that `qsort` compares: set and used with the interpreter locked.
cdef const unsigned char* sorted_entries


def shortlist_bytes(room_bytes):
    """The most bytes that one of so much room for entries holds, those of few bytes included."""
    return room_bytes + room_bytes // 2 + NOTES * sizeof(Noted)


def notes_written_bytes():
    """What of its file may be in the page cache: what is written back, and what is new."""
    return 2 * NOTES * sizeof(Noted) + (1 << 16)


cdef int by_entry(const void* one, const void* other) noexcept nogil:
    return pff_entries(
        sorted_entries + (<const uint32_t*>one)[0], sorted_entries + (<const uint32_t*>other)[0]
    )


include "_shortlist_notes.pxi"


cdef class Shortlist(RankedRules):
    """The first violated rules that have a confidence of this `Kind`, as many as `room_bytes` hold.

    After the pass `give` and, for all rules, `put_all`. The file is in `folder`; `OutputError` where
    it cannot be written or read.
    """

    def __init__(self, int kind, size_t room_bytes, folder):
        # Places in the buffer are 32 bits wide.
        room_bytes = min(room_bytes, <size_t>1 << 30)
        self.kind = kind
        self.capacity = (room_bytes + 3) & ~<size_t>3
        self.entries = <unsigned char*>malloc(max(self.capacity, <size_t>4))
        self.notes = <Noted*>malloc(NOTES * sizeof(Noted))
        if self.entries == NULL or self.notes == NULL:
            raise MemoryError
        self.folder = folder

    def __dealloc__(self):
        free(self.entries)
        free(self.last)
        free(self.notes)

    # --- in the pass ---------------------------------------------------------------------------

    cdef int put(self, const CountedRule* rule, Slice text) except -1:
        cdef size_t n = FRONT_BYTES + text.n + 1
        cdef unsigned char* tail
        cdef Noted note = noted_of(self.kind, rule, text)
        self.take_note(&note)
        self._reserve(n + TAIL_BYTES)
        put_u64(self.entry, inverted(rule.confidence))
        put_u64(self.entry + 8, rule.violations)
        if self.n_last and memcmp(self.entry, self.last, FRONT_BYTES) > 0:
            return 0
        memcpy(self.entry + FRONT_BYTES, text.text, text.n)
        self.entry[n - 1] = 0
        if self._is_behind(n):
            return 0
        tail = self.entry + n
        put_u64(tail, rule.line)
        put_u64(tail + 8, rule.source)
        memcpy(tail + 16, &rule.confidence, 8)
        tail[24] = False
        tail[25] = rule.place
        return self._keep(n + TAIL_BYTES)

    cdef int take_note(self, const Noted* note) except -1:
        """Takes a violated rule of which is known that it comes behind all that are kept."""
        self.n += 1
        return put_note(self, note)

    @property
    def enough(self):
        """`inverted` confidence of the last rule that is kept: those of less are not. 0: not known."""
        cdef uint64_t bits = 0
        cdef int i
        if self.n_last:
            for i in range(8):
                bits = bits << 8 | self.last[i]
        return bits

    cdef int finish(self) except -1:
        self._sort()
        self.may_repeat = self.may_repeat or texts_repeat(self)
        return 0

    # --- behind it -----------------------------------------------------------------------------

    def give(self, Sorter order):
        """Puts the first rules into `order` and gives back their memory; how many there are."""
        cdef uint32_t* places = self._places()
        cdef const unsigned char* entry
        cdef uint32_t length
        cdef size_t i, n = 0 if self.may_repeat else self.n_kept
        for i in range(n):
            entry = self.entries + places[i]
            memcpy(&length, entry, LENGTH)
            order.add(entry + LENGTH, length)
        self.n_kept = self.used = 0
        free(self.entries)
        self.entries = NULL
        return n

    def rewind(self):
        """Goes to the first of all violated rules, for `put_all`."""
        if self.file is not None and self.n_notes:
            write_notes(self)
        self.n_read = 0

    def put_all(self, Ranking ranking, chunk):
        """Puts all violated rules of the next source chunk into `ranking`."""
        cdef const Noted* note
        cdef const unsigned char[::1] texts = chunk.texts
        cdef const uint32_t[::1] ends = chunk.text_ends
        cdef const uint64_t[::1] lines = chunk.lines
        cdef const double[::1] confidences = None
        cdef uint64_t first = chunk.first, at
        cdef CountedRule rule
        cdef Slice text
        cdef uint32_t begin
        if self.kind < EXACT:
            column = PCA_CONFIDENCE if self.kind == MINER_PCA else CONFIDENCE
            confidences = chunk.miner_column(column)
        while (note := next_note(self)) != NULL:
            rule.source = note.source & ~OBJECT
            at = rule.source - first
            if at >= <uint64_t>lines.shape[0]:
                break
            self.n_read += 1
            rule.place = note.source != rule.source
            rule.violations = note.violations
            rule.line = lines[at]
            if self.kind < EXACT:
                rule.confidence = confidences[at]
            else:
                memcpy(&rule.confidence, &note.key, 8)
            begin = ends[at - 1] if at else 0
            text.text = &texts[0] + begin
            text.n = ends[at] - begin
            ranking.put(&rule, text)

    def close(self):
        """Gives back all memory and the file."""
        self.n_kept = self.used = self.n_notes = 0
        free(self.entries)
        self.entries = NULL
        if self.file is not None:
            self.file.abandon()
            self.file = None

    # --- what is kept --------------------------------------------------------------------------

    cdef uint32_t* _places(self) noexcept:
        """Places of the entries, at the end of their buffer."""
        return <uint32_t*>(self.entries + self.capacity) - self.n_kept

    cdef int _keep(self, size_t n) except -1:
        """Adds the entry that was packed, of `n` bytes."""
        cdef uint32_t length = <uint32_t>n
        cdef size_t need = LENGTH + n + sizeof(uint32_t)
        if self.may_repeat:
            return 0
        if 4 * need > self.capacity:
            self._grow(4 * need)
        if self.used + need + self.n_kept * sizeof(uint32_t) > self.capacity:
            self._make_room()
            if self._is_behind(n - TAIL_BYTES):
                return 0
        memcpy(self.entries + self.used, &length, LENGTH)
        memcpy(self.entries + self.used + LENGTH, self.entry, n)
        self.n_kept += 1
        self._places()[0] = <uint32_t>self.used
        self.used += LENGTH + n
        return 0

    cdef bint _is_behind(self, size_t n) noexcept:
        """Whether the entry that was packed, `n` bytes with its text, comes behind all that is kept."""
        # The texts end in a NUL: of two that differ none is the begin of the other.
        return self.n_last and memcmp(self.entry, self.last, min(n, self.n_last)) > 0

    cdef int _grow(self, size_t capacity) except -1:
        """Has room for the longest entry four times, if that is more than was asked for."""
        cdef size_t n = self.n_kept * sizeof(uint32_t)
        cdef unsigned char* larger
        cdef size_t old = self.capacity
        capacity = (capacity + 3) & ~<size_t>3
        larger = <unsigned char*>realloc(self.entries, capacity)
        if larger == NULL:
            raise MemoryError
        memmove(larger + capacity - n, larger + old - n, n)
        self.entries = larger
        self.capacity = capacity
        return 0

    cdef int _make_room(self) except -1:
        """Keeps the first three quarters; what comes behind the last of them is dropped from now on."""
        cdef size_t most = self.capacity // 4 * 3, kept = 0, at = 0, n, i
        cdef uint32_t* places
        cdef uint32_t length
        cdef unsigned char* entry
        self._sort()
        places = self._places()
        n = 0
        while n < self.n_kept:
            memcpy(&length, self.entries + places[n], LENGTH)
            if kept + LENGTH + length + sizeof(uint32_t) > most:
                break
            kept += LENGTH + length + sizeof(uint32_t)
            n += 1
        # Each takes a quarter at most, and they did not fit together: n is 3 or more, and not all.
        self._remember(self.entries + places[n - 1])
        if self._begin_alike(self.entries + places[n - 1], self.entries + places[n]):
            self.may_repeat = True
        for i in range(n):
            memcpy(&length, self.entries + places[i], LENGTH)
            length |= KEPT
            memcpy(self.entries + places[i], &length, LENGTH)
        kept = 0
        self.n_kept = n
        places = self._places()
        n = 0
        while at < self.used:
            entry = self.entries + at
            memcpy(&length, entry, LENGTH)
            at += LENGTH + (length & ~KEPT)
            if length & KEPT:
                length &= ~KEPT
                memcpy(entry, &length, LENGTH)
                memmove(self.entries + kept, entry, LENGTH + length)
                places[n] = <uint32_t>kept
                kept += LENGTH + length
                n += 1
        self.used = kept
        return 0

    cdef int _remember(self, const unsigned char* entry) except -1:
        """Notes the begin of the last entry that is kept."""
        cdef uint32_t length
        cdef void* larger
        memcpy(&length, entry, LENGTH)
        larger = realloc(self.last, length)
        if larger == NULL:
            raise MemoryError
        self.last = <unsigned char*>larger
        self.n_last = length - TAIL_BYTES
        memcpy(self.last, entry + LENGTH, self.n_last)
        return 0

    cdef bint _begin_alike(self, const unsigned char* one, const unsigned char* other) noexcept:
        """Whether two entries are of one text and confidence."""
        cdef uint32_t n_one, n_other
        memcpy(&n_one, one, LENGTH)
        memcpy(&n_other, other, LENGTH)
        return n_one == n_other and memcmp(one + LENGTH, other + LENGTH, n_one - TAIL_BYTES) == 0

    cdef void _sort(self) noexcept:
        global sorted_entries
        sorted_entries = self.entries
        qsort(self._places(), self.n_kept, sizeof(uint32_t), &by_entry)

