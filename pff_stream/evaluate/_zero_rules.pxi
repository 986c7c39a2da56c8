"""Rules without a body: what they predict, and what of it the graph has, stands in its rows."""

from libc.stdint cimport int32_t, int64_t

from pff_stream.report._record cimport RELATION_ABSENT
from pff_stream.triples._graph cimport CSR, find_row, has_pair


cdef void count_zero_rule(Counter counter, Py_ssize_t rule) noexcept nogil:
    cdef Head* head = &counter.heads[rule]
    cdef const CSR* rows
    cdef int32_t constant
    cdef int64_t row
    if head.relation < 0:
        counter.predictions[rule] = 0
        counter.reasons[rule] = RELATION_ABSENT
        return
    if head.left < 0 and head.right < 0:
        counter.predictions[rule] = 1
        counter.support[rule] = is_known(counter, head, head.left_entity, head.right_entity)
        return
    rows = zero_rows(counter, head)
    counter.predictions[rule] = rows.n_keys
    if head.left >= 0 and head.right >= 0:
        counter.support[rule] = rows.n_loops
        return
    constant = max(head.left_entity, head.right_entity)
    if constant < 0:
        return
    if counter.scratch.distinct and find_row(rows, constant) >= 0:
        counter.predictions[rule] -= 1
    rows = &counter.graph.rows[2 * head.relation + (1 if head.left >= 0 else 0)]
    row = find_row(rows, constant)
    if row >= 0:
        counter.support[rule] = rows.offsets[row + 1] - rows.offsets[row]
        if counter.scratch.distinct and rows.n_loops and has_pair(rows, constant, constant):
            counter.support[rule] -= 1


cdef int64_t decided_of_zero_rule(Counter counter, Py_ssize_t rule) noexcept nogil:
    """A zero rule predicts for the keys of one side, and mostly these decide."""
    cdef Head* head = &counter.heads[rule]
    cdef const CSR* rows
    cdef const CSR* keys
    if head.relation < 0:
        return 0
    if head.left < 0 and head.right < 0:
        return is_decided(counter, head, head.left_entity, head.right_entity)
    rows = zero_rows(counter, head)
    keys = decided_keys(counter, head)
    if head.left < 0 or head.right < 0 or rows.keys == keys.keys:
        return counter.predictions[rule]
    return count_keys(keys, rows.keys, rows.n_keys)


cdef const CSR* zero_rows(Counter counter, const Head* head) noexcept nogil:
    """The rows whose keys a zero rule predicts: of subjects, or (number 1, or on the right) of
    objects."""
    cdef bint objects = head.left < 0 or head.left == 1
    return &counter.graph.rows[2 * head.relation + objects]


cdef bint is_known(Counter counter, const Head* head, int32_t left, int32_t right) noexcept nogil:
    if head.relation < 0 or left < 0 or right < 0:
        return False
    if head.left >= 0 and head.right < 0:  # by the row of the constant, as the counts
        return has_pair(&counter.graph.rows[2 * head.relation + 1], right, left)
    return has_pair(&counter.graph.rows[2 * head.relation], left, right)
