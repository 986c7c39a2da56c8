# Chunks of rules to result records, in one order or another.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from pff_stream.evaluate._counter cimport Counter
from pff_stream.evaluate._records cimport ResultBuffer
from pff_stream.evaluate._scratch cimport Body
from pff_stream.evaluate._search cimport Domain


# Columns of a chunk from the first rule of a range on.
cdef struct RuleRange:
    const int32_t* atoms
    const uint32_t* body_ends
    const uint32_t* rule_body     # per rule of the range, as all below
    const uint64_t* sources
    const uint8_t* flags
    uint8_t skipped               # rules with one of these flags are not written
    Py_ssize_t n_rules


cdef inline const int32_t* body_of(
    const RuleRange* rules, Py_ssize_t rule, int* n_atoms
) noexcept nogil:
    """The columns of the body of a rule, and how many atoms it has."""
    cdef uint32_t body = rules.rule_body[rule]
    cdef uint32_t begin = rules.body_ends[body - 1] if body else 0
    n_atoms[0] = rules.body_ends[body] - begin
    return rules.atoms + 3 * <size_t>begin if n_atoms[0] else NULL


cdef class Evaluator(Counter):
    cdef int64_t max_examples
    cdef ResultBuffer results
    cdef uint32_t* order          # the rules to write, by source, and room to sort them
    cdef uint32_t* spare
    cdef size_t order_room

    cdef bint sorts_results(self)
    cdef reserve_chunk(self, size_t n_names, size_t n_atoms, size_t n_rules)
    cdef int _resolve(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil
    cdef int find_entities(
        self, const unsigned char* names, const uint32_t* ends, const uint64_t* hashes, int n
    ) except -1 nogil
    cdef int take_rules(self, const RuleRange* rules, Py_ssize_t n_written) except -1 nogil
    cdef int write_rule(
        self, Py_ssize_t rule, uint64_t source, const int32_t* columns, int n_atoms
    ) except -1 nogil
    cdef void _settle_outcome(self, Py_ssize_t rule) noexcept nogil
    cdef int _put_example(
        self, Py_ssize_t rule, const Body* body, int32_t subject, int32_t object
    ) except -1 nogil
    cdef int _write_zero_examples(self, Py_ssize_t rule) except -1 nogil
    cdef int _write_examples(self, Py_ssize_t rule, Body* body) except -1 nogil
    cdef int _write_values(self, Py_ssize_t rule, Body* body, int32_t variable) except -1 nogil
    cdef Domain _candidates(self, const Body* body, int32_t variable) noexcept nogil
    cdef int _write_pairs(self, Py_ssize_t rule, Body* body) except -1 nogil
    cdef void _free(self, const Body* body) noexcept nogil
