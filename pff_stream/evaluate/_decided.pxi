"""Partial completeness: of the predictions of a rule those are decided of which the graph tells.

A prediction is decided where the graph has some fact of the head's relation with the same value of the
functional variable, in the same place: where the value is a key of that side. Else it is unknown.
Keys of the side of the functional variable are all that is looked at here. Which variable of a head
over two that is, was given, or follows from the graph.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pff_stream.triples._graph cimport CSR, find_row


cdef int64_t count_keys(const CSR* rows, const int32_t* entities, int64_t n) noexcept nogil:
    """How many of these entities have a row."""
    cdef int64_t i, found = 0
    if rows.bits != NULL:
        for i in range(n):
            found += rows.bits[entities[i] >> 6] >> (entities[i] & 63) & 1
    else:
        for i in range(n):
            found += find_row(rows, entities[i]) >= 0
    return found


cdef int64_t sum_of_keys(
    const CSR* rows, const int32_t* entities, const int32_t* counts, int64_t n
) noexcept nogil:
    """The counts of those of these entities that have a row, summed."""
    cdef int64_t i, found = 0
    if rows.bits != NULL:
        for i in range(n):
            found += counts[i] & -<int32_t>(rows.bits[entities[i] >> 6] >> (entities[i] & 63) & 1)
    else:
        for i in range(n):
            found += counts[i] if find_row(rows, entities[i]) >= 0 else 0
    return found


cdef int64_t keep_keys(const CSR* rows, int32_t* entities, int64_t n) noexcept nogil:
    """Keeps of these entities those that have a row; returns how many."""
    cdef int64_t i, kept = 0
    for i in range(n):
        if is_key(rows, entities[i]):
            entities[kept] = entities[i]
            kept += 1
    return kept


cdef int64_t count_stamped(const Scratch* scratch, const CSR* rows, int64_t n) noexcept nogil:
    """Of the `n` entities that are stamped (current epoch) and listed, those that have a row."""
    cdef int64_t found = 0
    cdef uint32_t i
    if rows.n_keys >= n:
        return count_keys(rows, scratch.near, n)
    for i in range(rows.n_keys):
        found += scratch.stamp[rows.keys[i]] == scratch.epoch
    return found


cdef void share_ends(
    Scratch* scratch, const CSR* last, ChainHead* heads, int n_heads
) noexcept nogil:
    """Adds the sources counted by end (`withheld`) to heads whose functional variable is the end.

    `last` has all ends as keys; their counts are zero again afterwards.
    """
    cdef uint32_t i
    cdef int head
    cdef int32_t entity, n
    for i in range(last.n_keys):
        entity = last.keys[i]
        n = scratch.withheld[entity]
        if n == 0:
            continue
        scratch.withheld[entity] = 0
        for head in range(n_heads):
            if looks_at_ends(&heads[head], last) and is_key(heads[head].backward, entity):
                heads[head].decided += n


cdef inline bint looks_at_ends(const ChainHead* head, const CSR* last) noexcept nogil:
    """Whether the ends of a chain decide its predictions, some of them and not all."""
    return head.at_end and head.backward != NULL and head.backward != last


cdef int n_at_end(const ChainHead* heads, int n_heads, const CSR* last) noexcept nogil:
    """How many heads ends have to be counted for."""
    cdef int head, n = 0
    for head in range(n_heads):
        n += looks_at_ends(&heads[head], last)
    return n


cdef void share_total(
    const CSR* last, ChainHead* heads, int n_heads, int64_t total
) noexcept nogil:
    """Has all be decided of heads over the last step's own relation: each end is a key of it."""
    cdef int head
    for head in range(n_heads):
        if heads[head].at_end and heads[head].backward == last:
            heads[head].decided = total


cdef take_places(Counter counter, functional):
    """Keeps the given places of those relations that the graph has."""
    counter.subjects_only = counter.graph.mapping.startswith("json")
    counter.placed_relations = <int32_t*>grown(NULL, len(functional) * 4)
    counter.given_places = <int32_t*>grown(NULL, len(functional) * 4)
    for relation, place in functional:
        if place not in ("subject", "object"):
            raise ValueError(f"found {place!r}, expected subject or object")
        number = counter.graph.relation_id(relation)
        if number >= 0:
            counter.placed_relations[counter.n_placed] = number
            counter.given_places[counter.n_placed] = place == "object"
            counter.n_placed += 1


cdef int32_t functional_place(Counter counter, int32_t relation) noexcept nogil:
    """Of heads over two variables: 0 subject, 1 object."""
    cdef int i
    for i in range(counter.n_placed - 1, -1, -1):
        if counter.placed_relations[i] == relation:
            return counter.given_places[i]
    if counter.subjects_only:
        return 0
    return counter.keys_of(2 * relation).n_keys < counter.keys_of(2 * relation + 1).n_keys


cdef const CSR* decided_keys(Counter counter, const Head* head) noexcept nogil:
    """The rows whose keys decide predictions of a head, whose relation is in the graph."""
    return counter.keys_of(2 * head.relation + head.place)


cdef bint is_decided(Counter counter, const Head* head, int32_t left, int32_t right) noexcept nogil:
    """Whether the graph tells of this prediction (-1: an entity that it has not)."""
    cdef int32_t value = right if head.place else left
    return head.relation >= 0 and value >= 0 and is_key(decided_keys(counter, head), value)
