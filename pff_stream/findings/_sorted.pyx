# distutils: extra_compile_args = -O3
"""An external sort of byte strings: bounded memory for any number of them.

Entries are ordered as bytes (memcmp; of two that begin alike the shorter comes first), so whoever adds
them packs what they are ordered by in front, numbers with their high byte first. They are collected
in one buffer. A full one is sorted and goes to an unnamed file, which is read back in windows that lie
in that same buffer. What fits the buffer never touches a disk.
"""

import os

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.buffer cimport PyBUF_READ
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport errno
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort, realloc
from libc.string cimport memcpy, memmove
from posix.types cimport off_t

from pff_stream.errors import OutputError, RefusedError
from pff_stream.files import _pages
from pff_stream.files._heap cimport make_heap, sift_down
from pff_stream.files.writers import TemporaryWriter

cdef extern from "_entries.h":
    int pff_entries(const unsigned char* a, const unsigned char* b) noexcept nogil

cdef extern from "unistd.h":
    ssize_t pread(int fd, void* to, size_t n, off_t offset) noexcept nogil

BUFFER_BYTES = 1 << 19
cdef enum:
    FAN_IN = 64                   # runs that are read at once
    LENGTH = sizeof(uint32_t)     # in front of each entry
    LEAST_BYTES = 1 << 16
    OUT_BYTES = 1 << 17           # written at once

# Where the entries are that `qsort` compares: set and used with the interpreter locked.
cdef const unsigned char* sorted_buffer


def sorter_bytes(buffer_bytes=BUFFER_BYTES):
    """The most bytes that a sorter of short entries holds; the planner's own number."""
    return buffer_bytes + OUT_BYTES + FAN_IN * (sizeof(SortedRun) + sizeof(int))


def reading_bytes(buffer_bytes=BUFFER_BYTES):
    """The same while it is only read."""
    return sorter_bytes(buffer_bytes) - OUT_BYTES


def written_bytes():
    """What of a sorter's file may be in the page cache: what is written back, and what is new."""
    return 2 * OUT_BYTES


cdef int by_entry(const void* one, const void* other) noexcept nogil:
    return pff_entries(
        sorted_buffer + (<const uint32_t*>one)[0], sorted_buffer + (<const uint32_t*>other)[0]
    )


include "_sorted_runs.pxi"


cdef class Sorter:
    """Entries (bytes) in order, as often as they are asked for; more can be added in between.

    `buffer_bytes` is all the memory there is, unless a single entry takes more than a third of it.
    Raises `OutputError` where its file (in `folder`; None: the system's) cannot be written or read,
    `RefusedError` where it would hold more than `max_bytes`.
    """

    def __cinit__(self, *arguments, **options):
        self.buffer = NULL
        self.open_runs = <SortedRun*>calloc(FAN_IN, sizeof(SortedRun))
        self.heap = <int*>calloc(FAN_IN, sizeof(int))
        if self.open_runs == NULL or self.heap == NULL:
            raise MemoryError

    def __init__(self, folder=None, size_t buffer_bytes=BUFFER_BYTES, *, max_bytes=None):
        # Places in the buffer are 32 bits wide.
        self.capacity = min(max(buffer_bytes, <size_t>LEAST_BYTES), <size_t>1 << 31)
        self.buffer = <unsigned char*>malloc(self.capacity)
        if self.buffer == NULL:
            raise MemoryError
        self.folder = folder
        self.cap = (1 << 63) if max_bytes is None else max_bytes
        self.runs = []

    def __dealloc__(self):
        free(self.buffer)
        free(self.out)
        free(self.open_runs)
        free(self.heap)

    def put(self, bytes entry):
        """Adds an entry."""
        self.add(<const unsigned char*>PyBytes_AS_STRING(entry), len(entry))

    def __iter__(self):
        """All entries in order."""
        cdef const unsigned char* entry
        cdef size_t n
        self.begin()
        while (entry := self.take(&n)) != NULL:
            yield PyBytes_FromStringAndSize(<const char*>entry, n)

    @property
    def spilled_bytes(self):
        """Bytes written to the file so far."""
        return 0 if self.file is None else self.file.written

    def rest(self):
        """Writes what is in memory to the file, and gives the memory back until it is needed again."""
        if self.n_open:
            self.n_open = 0
            self.n = self.used = 0
        if self.n:
            self._spill()
        self._free_out()
        free(self.buffer)
        self.buffer = NULL
        self.rests = True

    def close(self):
        """Gives back all memory and the file; nothing can be read or added any more."""
        free(self.buffer)
        self.buffer = NULL
        self.rests = False
        self._free_out()
        self.n = self.used = 0
        self.n_open = 0
        self.runs = []
        if self.file is not None:
            self.file.abandon()
            self.file = None

    # --- adding --------------------------------------------------------------------------------

    cdef int add(self, const unsigned char* entry, size_t n) except -1:
        """Adds `n` bytes."""
        cdef size_t need = LENGTH + n + sizeof(uint32_t)
        cdef uint32_t length = <uint32_t>n
        cdef void* larger
        if self.n_open:
            # The windows of runs that were being read lie in the buffer.
            self.n_open = 0
            self.n = self.used = 0
        self._wake()
        self.longest = max(self.longest, need)
        if need > self.capacity // 3 or self.used + need + (self.n + 2) * sizeof(uint32_t) > self.capacity:
            if self.n:
                self._spill()
            if need > self.capacity // 3:
                # Two runs can always be read at once, each with room for the longest entry.
                larger = realloc(self.buffer, 3 * need + 64)
                if larger == NULL:
                    raise MemoryError
                self.buffer = <unsigned char*>larger
                self.capacity = 3 * need + 64
        memcpy(self.buffer + self.used, &length, LENGTH)
        memcpy(self.buffer + self.used + LENGTH, entry, n)
        self.n += 1
        self._places()[0] = <uint32_t>self.used
        self.used += LENGTH + n
        self.entries += 1
        return 0

    cdef int _wake(self) except -1:
        """Takes the memory again, where it was given back."""
        if self.buffer != NULL:
            return 0
        if not self.rests:
            raise ValueError("the sorter is closed")
        self.buffer = <unsigned char*>malloc(self.capacity)
        if self.buffer == NULL:
            raise MemoryError
        self.rests = False
        return 0

    cdef uint32_t* _places(self) noexcept:
        """Places of the entries, the last one first, at the end of the buffer."""
        cdef size_t end = self.capacity & ~<size_t>3
        return <uint32_t*>(self.buffer + end) - self.n

    cdef int _sort(self) except -1:
        global sorted_buffer
        sorted_buffer = self.buffer
        qsort(self._places(), self.n, sizeof(uint32_t), &by_entry)
        return 0

    cdef int _spill(self) except -1:
        """Writes the buffer as a sorted run, and empties it."""
        cdef uint32_t* places = self._places()
        cdef uint32_t length
        cdef size_t i
        self._sort()
        if self.file is None:
            self.file = TemporaryWriter(self.folder)
        if self.file.written + self.used > self.cap:
            raise RefusedError(
                f"{self.file.name}: found more to be sorted than the {self.cap} bytes it may hold"
            )
        begin = self.file.written
        for i in range(self.n):
            memcpy(&length, self.buffer + places[i], LENGTH)
            self._write(self.buffer + places[i], LENGTH + length)
        self._drain()
        self.runs.append((begin, self.file.written - begin))
        self.n = self.used = 0
        return 0

    # --- reading -------------------------------------------------------------------------------

    cdef int begin(self) except -1:
        """Goes to the first entry, for `take`."""
        self.taken = 0
        if self.n_open:
            self.n_open = 0
            self.n = self.used = 0
        if self.rests:
            self._wake()
        if not self.runs:
            return self._sort()
        if self.n:
            self._spill()
        self.file.drop_all()
        self._merge_down()
        self._free_out()
        return open_runs(self, self.runs)

    cdef const unsigned char* take(self, size_t* n) except? NULL:
        """The next entry, valid until the next call; NULL behind the last."""
        cdef uint32_t length
        cdef const unsigned char* entry
        if not self.runs:
            if self.taken == self.n:
                return NULL
            entry = self.buffer + self._places()[self.taken]
            self.taken += 1
            memcpy(&length, entry, LENGTH)
            n[0] = length
            return entry + LENGTH
        return next_of_runs(self, n)

    cdef int _merge_down(self) except -1:
        """Merges the oldest runs until there are no more than can be open at once."""
        cdef size_t fan_in = min(<size_t>FAN_IN, max(<size_t>2, self.capacity // self.longest))
        cdef const unsigned char* entry
        cdef size_t n, count
        cdef uint32_t length
        while <size_t>len(self.runs) > fan_in:
            count = min(fan_in, <size_t>len(self.runs) - fan_in + 1)
            open_runs(self, self.runs[:count])
            begin = self.file.written
            while (entry := next_of_runs(self, &n)) != NULL:
                length = <uint32_t>n
                self._write(<const unsigned char*>&length, LENGTH)
                self._write(entry, n)
            self._drain()
            self.file.drop_all()
            self.runs = [*self.runs[count:], (begin, self.file.written - begin)]
        return 0

    # --- writing -------------------------------------------------------------------------------

    cdef int _write(self, const unsigned char* at, size_t n) except -1:
        """Adds to what is written next."""
        cdef size_t piece
        if self.out == NULL:
            self.out = <unsigned char*>malloc(OUT_BYTES)
            if self.out == NULL:
                raise MemoryError
        while n:
            if self.n_out == OUT_BYTES:
                self._drain()
            piece = min(n, OUT_BYTES - self.n_out)
            memcpy(self.out + self.n_out, at, piece)
            self.n_out += piece
            at += piece
            n -= piece
        return 0

    cdef void _free_out(self) noexcept:
        free(self.out)
        self.out = NULL

    cdef int _drain(self) except -1:
        cdef size_t n = self.n_out
        if n:
            self.n_out = 0
            view = PyMemoryView_FromMemory(<char*>self.out, n, PyBUF_READ)
            self.file.write(view)
            view.release()
        return 0
