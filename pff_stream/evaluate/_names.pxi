"""Names of a chunk or table to numbers of the graph: the heads and bodies of its rules, and their filter."""

from libc.math cimport isnan
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from pff_stream.report._record cimport (
    CONSTANT_ABSENT, FILTERED, RELATION_ABSENT, RELATION_NOT_ASKED, SATISFIED, UNDER_CONFIDENCE,
    UNDER_SUPPORT,
)


cdef void set_head(Counter counter, Py_ssize_t rule, const int32_t* columns) noexcept nogil:
    cdef Head* head = &counter.heads[rule]
    head.relation = counter.relation_ids[columns[0]]
    head.relation_name = columns[0]
    head.left = columns[1]
    head.right = columns[2]
    head.left_name = -1 - columns[1] if columns[1] < 0 else -1
    head.right_name = -1 - columns[2] if columns[2] < 0 else -1
    head.left_entity = counter.entity_ids[head.left_name] if columns[1] < 0 else -1
    head.right_entity = counter.entity_ids[head.right_name] if columns[2] < 0 else -1
    if (head.left < 0) != (head.right < 0):
        head.place = head.left < 0
    else:
        head.place = functional_place(counter, head.relation) if head.relation >= 0 else 0


cdef uint8_t filter_rule(
    Counter counter, Py_ssize_t rule, const unsigned char* names, const uint32_t* name_ends,
    int64_t support, double confidence
) noexcept nogil:
    """FILTERED, with the reason, for a rule that is not to be counted; names are the chunk's."""
    cdef int32_t relation = counter.heads[rule].relation_name
    cdef uint32_t begin = name_ends[relation - 1] if relation else 0
    if not counter.asked.has(names + begin, name_ends[relation] - begin):
        counter.reasons[rule] = RELATION_NOT_ASKED
        return FILTERED
    if support >= 0 and support < counter.min_support:
        counter.reasons[rule] = UNDER_SUPPORT
        return FILTERED
    if not isnan(confidence) and confidence < counter.min_confidence:
        counter.reasons[rule] = UNDER_CONFIDENCE
        return FILTERED
    return SATISFIED


cdef uint8_t resolve_body(
    Counter counter, const int32_t* columns, int n_atoms, Body* body
) noexcept nogil:
    """Fills `body`; returns why nothing can match, or 0."""
    cdef int i
    cdef uint8_t reason = 0
    body.atoms = counter.atoms
    body.n_atoms = n_atoms
    body.n_filters = 0
    body.n_variables = 0
    for i in range(n_atoms):
        if columns[3 * i] < 0:
            body.n_atoms = i
            _resolve_filters(counter, columns, n_atoms, body)
            break
        counter.atoms[i].relation = counter.relation_ids[columns[3 * i]]
        counter.atoms[i].left = _resolve_term(counter, columns[3 * i + 1], body, &reason)
        counter.atoms[i].right = _resolve_term(counter, columns[3 * i + 2], body, &reason)
    for i in range(body.n_atoms):
        if counter.atoms[i].relation < 0:
            return RELATION_ABSENT
    return reason


cdef void _resolve_filters(
    Counter counter, const int32_t* columns, int n_atoms, Body* body
) noexcept nogil:
    """Adds the inequalities behind the atoms; one of a constant the graph has not always holds."""
    cdef int i
    cdef uint8_t reason
    cdef Atom* one
    body.filters = counter.atoms + body.n_atoms
    for i in range(body.n_atoms, n_atoms):
        one = &counter.atoms[body.n_atoms + body.n_filters]
        one.relation = -1
        one.left = columns[3 * i + 1]
        one.right = _resolve_term(counter, columns[3 * i + 2], body, &reason)
        body.n_filters += one.right != ABSENT


cdef int32_t _resolve_term(Counter counter, int32_t term, Body* body, uint8_t* reason) noexcept nogil:
    cdef int32_t entity
    if term >= 0:
        if term >= body.n_variables:
            body.n_variables = term + 1
        return term
    entity = counter.entity_ids[-1 - term]
    if entity < 0:
        reason[0] = CONSTANT_ABSENT
        return ABSENT
    return -1 - entity
