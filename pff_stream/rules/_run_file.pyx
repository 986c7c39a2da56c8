"""Sorted runs of rules in an unnamed temporary file, and the merge of them.

A run is written front to back, and read back in windows of `CURSOR_BYTES`; what was written or read is
dropped from the page cache behind. Where there are more runs than windows, some are merged into new
runs first. Does not sort: `_runs` does.
"""

from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memmove
from posix.unistd cimport pread, write

import os

from pff_stream.files import _pages
from pff_stream.rules._chunks cimport KEYS_BYTES, LINE_BYTES, ChunkBuilder, Record

cdef struct Written:
    # A rule in a run; a body of no bytes is that of the rule before.
    uint32_t body_bytes
    uint32_t head_bytes
    uint32_t text_bytes
    uint32_t flags
    uint64_t source
    int64_t support
    double confidence

cdef enum:
    OUTPUT_BYTES = 65536
    DROP_BYTES = 1 << 20          # a window of the temporary file in the page cache
    WINDOW_BYTES = KEYS_BYTES + LINE_BYTES + 4096
    CURSOR_BYTES = WINDOW_BYTES + KEYS_BYTES + 256

RUN_FILE_BYTES = KEYS_BYTES + OUTPUT_BYTES


cdef int compare_records(const Record *a, const Record *b) noexcept:
    cdef int order = compare_bytes(a.body, a.body_bytes, b.body, b.body_bytes)
    if not order:
        order = compare_bytes(a.head, a.head_bytes, b.head, b.head_bytes)
    if not order:
        order = (a.source > b.source) - (a.source < b.source)
    return order


cdef size_t cursor_bytes() noexcept nogil:
    """What a run takes while it is merged."""
    return CURSOR_BYTES


cdef class RunFile:
    """`open_temporary` makes an unnamed binary file; it is called only when a run is written."""

    def __cinit__(self, object open_temporary):
        self.open_temporary = open_temporary
        self.runs = []
        self.file = None
        self.last_body = <uint8_t *>malloc(KEYS_BYTES)
        self.output = <uint8_t *>malloc(OUTPUT_BYTES)
        if not (self.last_body and self.output):
            raise MemoryError

    def __dealloc__(self):
        free(self.last_body)
        free(self.output)

    def close(self) -> None:
        """Closes the file, which frees its space."""
        if self.file is not None:
            self.file.close()
            self.file = None

    cdef int start(self) except -1:
        """Begins a run; what `add` takes until `end` must come in order."""
        if self.file is None:
            self.file = self.open_temporary()
            self.output_at = self.started_at = self.dropped_at = 0
        self.output_fd = self.file.fileno()
        self.last_body_bytes = 0
        self.run_at = self.output_at
        return 0

    cdef int end(self) except -1:
        """Ends the run."""
        self._flush()
        self.runs.append((self.run_at, self.output_at))
        return 0

    cdef int add(self, const Record *record) except -1:
        """One more rule."""
        cdef Written head
        cdef bint same = (
            record.body_bytes == self.last_body_bytes
            and memcmp(record.body, self.last_body, record.body_bytes) == 0
        )
        head.body_bytes = 0 if same else record.body_bytes
        head.head_bytes = record.head_bytes
        head.text_bytes = record.text_bytes
        head.flags = record.flags
        head.source = record.source
        head.support = record.support
        head.confidence = record.confidence
        self._write(&head, sizeof(Written))
        if not same:
            memcpy(self.last_body, record.body, record.body_bytes)
            self.last_body_bytes = record.body_bytes
            self._write(record.body, record.body_bytes)
        self._write(record.head, record.head_bytes)
        self._write(record.text, record.text_bytes)
        return 0

    cdef int _write(self, const void *data, size_t length) except -1:
        cdef const uint8_t *at = <const uint8_t *>data
        cdef size_t part
        while length:
            part = min(length, OUTPUT_BYTES - self.output_used)
            memcpy(self.output + self.output_used, at, part)
            self.output_used += part
            at += part
            length -= part
            if self.output_used == OUTPUT_BYTES:
                self._flush()
        return 0

    cdef int _flush(self) except -1:
        cdef size_t at = 0
        cdef ssize_t part
        while at < self.output_used:
            part = write(self.output_fd, self.output + at, self.output_used - at)
            if part < 0:
                if errno == EINTR:
                    continue
                raise OSError(errno, os.strerror(errno))
            at += part
        self.output_at += self.output_used
        self.output_used = 0
        if self.output_at - self.started_at >= DROP_BYTES:
            # What is new begins to go to the disk; what began the last time is there by now.
            started, dropped = self.started_at, self.dropped_at
            _pages.start_writing(self.output_fd, started, self.output_at - started)
            _pages.drop(self.output_fd, dropped, started - dropped)
            self.started_at, self.dropped_at = self.output_at, started
        return 0

    cdef int _advance(self, Cursor *cursor, int fd) except -1:
        """Moves to the next rule of a run; 0 at its end. A rule lies in the window as a whole."""
        cdef Written head
        cdef size_t have, need = sizeof(Written)
        cdef ssize_t part
        cdef uint8_t *at
        while True:
            have = cursor.filled - cursor.at
            if have >= need:
                # Records follow each other unaligned.
                memcpy(&head, cursor.window + cursor.at, sizeof(Written))
                need = sizeof(Written) + head.body_bytes + head.head_bytes + head.text_bytes
                if have >= need:
                    break
            if cursor.file_at == cursor.file_end:
                return 0
            memmove(cursor.window, cursor.window + cursor.at, have)
            cursor.at = 0
            cursor.filled = have
            part = pread(
                fd, cursor.window + have,
                min(WINDOW_BYTES - have, cursor.file_end - cursor.file_at), cursor.file_at,
            )
            if part < 0 and errno == EINTR:
                continue
            if part <= 0:
                raise OSError(errno if part else 5, "a temporary file could not be read back")
            _pages.drop(fd, cursor.file_at, part)
            cursor.filled += part
            cursor.file_at += part
        at = cursor.window + cursor.at + sizeof(Written)
        if head.body_bytes:
            memcpy(cursor.body, at, head.body_bytes)
            cursor.record.body = cursor.body
            cursor.record.body_bytes = head.body_bytes
            at += head.body_bytes
        cursor.record.head = at
        cursor.record.head_bytes = head.head_bytes
        cursor.record.text = at + head.head_bytes
        cursor.record.text_bytes = head.text_bytes
        cursor.record.flags = head.flags
        cursor.record.source = head.source
        cursor.record.support = head.support
        cursor.record.confidence = head.confidence
        cursor.at += need
        return 1

    cdef int merge_into(self, ChunkBuilder builder, uint8_t *buffer, size_t buffer_bytes) except -1:
        """Gives all rules in order to the builder; windows of the runs lie in `buffer` meanwhile."""
        cdef size_t fan_in = max(buffer_bytes // CURSOR_BYTES, 2)
        _pages.read_alone(self.file.fileno())
        while len(self.runs) > fan_in:
            runs, self.runs = self.runs, []
            source, self.file = self.file, None
            for first in range(0, len(runs), fan_in):
                self._merge(runs[first : first + fan_in], source, None, buffer)
            source.close()
        self._merge(self.runs, self.file, builder, buffer)
        return 0

    cdef int _merge(self, list runs, object source, ChunkBuilder builder, uint8_t *buffer) except -1:
        """Merges runs of one file into the builder or, where that is None, into a new run."""
        cdef size_t n = len(runs), live = 0, i
        cdef int fd = source.fileno()
        cdef Cursor *cursors = <Cursor *>calloc(n, sizeof(Cursor))
        cdef Cursor **heap = <Cursor **>malloc(n * sizeof(Cursor *))
        cdef Cursor *cursor
        if not cursors or not heap:
            free(cursors)
            free(heap)
            raise MemoryError
        try:
            if builder is None:
                self.start()
            for i in range(n):
                cursor = &cursors[i]
                cursor.file_at, cursor.file_end = runs[i]
                cursor.window = buffer + i * CURSOR_BYTES
                cursor.body = cursor.window + WINDOW_BYTES
                if self._advance(cursor, fd):
                    heap[live] = cursor
                    live += 1
            i = live // 2
            while i:
                i -= 1
                sift(heap, live, i)
            while live:
                if builder is None:
                    self.add(&heap[0].record)
                else:
                    builder.add(&heap[0].record)
                if not self._advance(heap[0], fd):
                    live -= 1
                    heap[0] = heap[live]
                sift(heap, live, 0)
            if builder is None:
                self.end()
        finally:
            free(cursors)
            free(heap)
        return 0


cdef void sift(Cursor **heap, size_t n, size_t at) noexcept:
    cdef Cursor *moved
    cdef size_t child
    while 2 * at + 1 < n:
        child = 2 * at + 1
        if child + 1 < n and compare_records(
            &heap[child + 1].record, &heap[child].record
        ) < 0:
            child += 1
        if compare_records(&heap[at].record, &heap[child].record) <= 0:
            return
        moved = heap[at]
        heap[at] = heap[child]
        heap[child] = moved
        at = child
