from libc.stdint cimport int64_t, uint8_t, uint32_t

cdef struct Span:
    # One atom: its start, its `(`, its `,` and its end (behind `)`), in bytes of the text.
    uint32_t start
    uint32_t opened
    uint32_t comma
    uint32_t end

cdef bint is_letter(const uint8_t *name, size_t length) noexcept nogil
cdef int parse_direct(const uint8_t *text, uint32_t length, bint head, Span *spans) noexcept nogil
cdef int parse_plain(const uint8_t *text, uint32_t length, Span *spans) noexcept nogil
cdef bint has_blank_names(const uint8_t *text, const Span *spans, int n) noexcept nogil
cdef bint has_blank_letter(const uint8_t *text, uint32_t length) noexcept nogil
cdef int parse_settled(
    const uint8_t *text, uint32_t length, bint head, Span *spans, int *state
) noexcept nogil
cdef bint parse_integer(const uint8_t *at, size_t length, int64_t *value) noexcept nogil
cdef bint parse_real(const uint8_t *at, size_t length, double *value) except -1 nogil
