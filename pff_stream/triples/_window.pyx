"""A graph file read in windows, past the page cache where the system can."""

import os

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset
from posix.fcntl cimport POSIX_FADV_DONTNEED, posix_fadvise
from posix.unistd cimport close, pread

from pff_stream.errors import InputError
from pff_stream.triples._graph cimport GraphView

cdef extern from "stdlib.h":
    int posix_memalign(void** pointer, size_t alignment, size_t size) noexcept nogil

cdef extern from *:
    """
    #include <stdint.h>
    #include <sys/mman.h>
    /* Whether all pages of a range of a mapping are in the page cache; begins at a page. */
    static int pff_is_cached(const void *at, size_t n_bytes) {
    #if defined(__linux__)
        unsigned char pages[1024];
        const char *next = (const char *)at;
        size_t done, part, i;
        for (done = 0; done < n_bytes; done += part) {
            part = n_bytes - done < 1024 * 4096 ? n_bytes - done : 1024 * 4096;
            if (mincore((void *)(next + done), part, pages) != 0)
                return 0;
            for (i = 0; i < (part + 4095) / 4096; i++)
                if (!(pages[i] & 1))
                    return 0;
        }
        return 1;
    #else
        return 1;
    #endif
    }
    """
    int pff_is_cached(const void* at, size_t n_bytes) noexcept nogil

FILE_WINDOW_BYTES = WINDOW_SPAN + 2 * PAGE
"""What a window takes."""


cdef void* taken(size_t n_bytes) except NULL:
    """Zeros from a page's border on, every page taken now."""
    cdef void* block = NULL
    if posix_memalign(&block, PAGE, max(n_bytes, 1)) != 0:
        raise MemoryError
    memset(block, 0, n_bytes)
    return block


cdef class FileWindow:
    """Reads parts of the file `name`, which `graph` is mapped from.

    Raises `InputError` where the file cannot be opened or read.
    """

    def __cinit__(self, *arguments):
        self.plain_fd = self.direct_fd = -1

    def __init__(self, GraphView graph, str name):
        self.graph = graph
        try:
            self.plain_fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(f"{name}: cannot be opened: {error.strerror}") from None
        try:
            self.direct_fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECT)
        except (OSError, AttributeError):
            self.direct_fd = -1
        self.window = <unsigned char*>taken(WINDOW_SPAN + 2 * PAGE)

    def __dealloc__(self):
        free(self.window)
        if self.plain_fd >= 0:
            close(self.plain_fd)
        if self.direct_fd >= 0:
            close(self.direct_fd)

    cdef int read(self, unsigned char* to, uint64_t at, uint64_t n_bytes) except -1 nogil:
        """Reads whole pages of the file; what lies behind its end is left as it is."""
        cdef uint64_t done = 0, part
        cdef Py_ssize_t got
        cdef int failed
        cdef uint64_t left = self.graph.total_bytes - at
        cdef bint cached = pff_is_cached(self.graph.base + at, min(n_bytes, left))
        cdef bint direct = self.direct_fd >= 0 and not cached
        while done < n_bytes and done < left:
            part = min(n_bytes - done, READ_BYTES)
            got = pread(self.direct_fd if direct else self.plain_fd, to + done, part, at + done)
            if got < 0 and errno == EINTR:
                continue
            if got < 0 and direct:
                direct = False        # a file system that opens and does not read so
                continue
            if got <= 0:
                failed = errno
                with gil:
                    reason = os.strerror(failed) if got else "it was cut meanwhile"
                    raise InputError(f"the graph cannot be read at byte {at + done}: {reason}")
            done += got
            if self.progress != NULL:
                self.progress[0] += 1
        if not cached and not direct:
            posix_fadvise(self.plain_fd, at, n_bytes, POSIX_FADV_DONTNEED)
        return 0

    cdef void forget(self) noexcept nogil:
        """Has the next look be read anew: it is far from the last one."""
        self.window_end = 0

    cdef const unsigned char* reach(
        self, uint64_t at, uint64_t n_bytes, uint64_t until
    ) except NULL nogil:
        """Bytes of the file, in the window; where they are not there, all up to `until` is read."""
        cdef uint64_t start, end
        if self.window_end == 0 or at < self.window_at or at + n_bytes > self.window_end:
            start = at & ~<uint64_t>(PAGE - 1)
            end = max(at + n_bytes, min(until, start + WINDOW_SPAN))
            end = (end + PAGE - 1) & ~<uint64_t>(PAGE - 1)
            self.read(self.window, start, end - start)
            self.window_at = start
            self.window_end = end
        return self.window + (at - self.window_at)

    cdef int copy(
        self, unsigned char* to, uint64_t at, uint64_t n_bytes, uint64_t until
    ) except -1 nogil:
        """Copies bytes of the file, through the window."""
        cdef uint64_t part
        while n_bytes:
            part = min(n_bytes, <uint64_t>WINDOW_SPAN // 2)
            memcpy(to, self.reach(at, part, until), part)
            to += part
            at += part
            n_bytes -= part
        return 0
