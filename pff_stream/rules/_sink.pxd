from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.rules._runs cimport SortedRuns

cdef enum:
    MAX_COLUMNS = 16

cdef union Value:
    # Of one column of the miner: a count (-1: none) or a share (NaN: none).
    int64_t count
    double share

cdef class RuleSink:
    cdef SortedRuns runs
    cdef object source_sink
    cdef object on_reject
    cdef readonly object open_temporary
    cdef readonly dict namespaces       # by the prefix that names of the texts have
    cdef readonly uint64_t rules
    cdef readonly uint64_t rejected
    cdef readonly uint64_t longest_text  # bytes
    cdef readonly uint64_t unsettled
    cdef readonly uint64_t ambiguous
    cdef readonly uint64_t blanks       # rules with blanks that were left out
    cdef readonly list first_blanks     # the first of them: line and text
    cdef bint has_blanks                # whether the rule at hand is one
    cdef Value row[MAX_COLUMNS]         # of the rule at hand
    # Columns of the miner.
    cdef tuple names
    cdef int n_columns
    cdef bint is_share[MAX_COLUMNS]
    cdef int support_at
    cdef int confidence_at
    cdef uint64_t rules_with[MAX_COLUMNS]
    cdef uint64_t rules_in_range[MAX_COLUMNS]
    # The source chunk; texts and reasons share one bound.
    cdef uint64_t first
    cdef uint64_t last_line
    cdef size_t n_kept
    cdef uint64_t *lines
    cdef uint8_t *texts
    cdef size_t texts_used
    cdef uint32_t *text_ends
    cdef uint32_t *rejected_ends
    cdef Value *values[MAX_COLUMNS]
    cdef list reasons
    cdef size_t reasons_used

    cdef void clear_row(self) noexcept nogil
    cdef uint8_t *text_at(self) noexcept nogil
    cdef void add_entries(self, uint32_t head, uint32_t body, uint32_t flags, const uint8_t *text, size_t length) noexcept nogil
    cdef int add_keys(self, uint32_t flags, bytes body_key, bytes head_key, const uint8_t *text, size_t length) except -1
    cdef int keep(self, uint64_t line, size_t length) except -1 nogil
    cdef int keep_rejected(self, uint64_t line, const uint8_t *text, size_t length, size_t column, object found, object expected) except -1
    cdef int keep_reason(self, uint64_t line, size_t length, size_t column, object found, object expected) except -1
    cdef uint32_t _body_of_key(self, bytes key) except 0
    cdef uint32_t _head_of_key(self, bytes key) except 0
    cdef int _check_line(self, uint64_t line) except -1
    cdef int _set_row(self, values) except -1
    cdef object _problem_of(self, values)
    cdef object _column(self, int column)
    cdef int _close(self) except -1
