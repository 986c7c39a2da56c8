from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from pff_stream.rules._chunks cimport ChunkBuilder, Record


cdef inline int compare_bytes(
    const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes
) noexcept:
    cdef int order = memcmp(a, b, min(a_bytes, b_bytes))
    if order:
        return order
    return (a_bytes > b_bytes) - (a_bytes < b_bytes)


cdef size_t cursor_bytes() noexcept nogil


cdef struct Cursor:
    uint8_t *window
    size_t at
    size_t filled
    uint64_t file_at
    uint64_t file_end
    uint8_t *body
    Record record

cdef class RunFile:
    cdef object open_temporary
    cdef list runs                 # (first byte, end) of each
    cdef object file
    cdef uint64_t run_at
    cdef uint8_t *output
    cdef size_t output_used
    cdef uint64_t output_at
    cdef uint64_t started_at       # up to here the file is on its way to the disk
    cdef uint64_t dropped_at       # up to here it is out of the page cache
    cdef int output_fd
    cdef uint8_t *last_body
    cdef uint32_t last_body_bytes

    cdef int start(self) except -1
    cdef int add(self, const Record *record) except -1
    cdef int end(self) except -1
    cdef int merge_into(self, ChunkBuilder builder, uint8_t *buffer, size_t buffer_bytes) except -1
    cdef int _write(self, const void *data, size_t length) except -1
    cdef int _flush(self) except -1
    cdef int _advance(self, Cursor *cursor, int fd) except -1
    cdef int _merge(self, list runs, object source, ChunkBuilder builder, uint8_t *buffer) except -1
