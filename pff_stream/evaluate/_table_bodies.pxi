"""The bodies of a table that the names of a graph can match, each once.

They are found by their relation, or by a constant beside it; one that may be the same chain from its
other end follows at once.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t
from libc.string cimport memset

from pff_stream.rules._table cimport RuleTable, constant_key, find_key_atom
from pff_stream.triples._graph cimport CSR


cdef int count_matching(TableCounter counter, RuleTable table, Tally* tally) except -1 nogil:
    """Every body without atoms, without constants, or with a constant beside its relation."""
    cdef uint64_t relation, n = counter.graph.n_entities, all = n + counter.graph.n_relations
    cdef int32_t name
    cdef int spelling
    table.epoch += 1
    if table.epoch == 0:
        memset(table.visited, 0, 4 * table.n_bodies)
        table.epoch = 1
    _count_list(counter, table, table.plain_bodies[0], -1, 0, -1, tally)
    for spelling in range(n_spellings(counter)):
        for relation in range(counter.graph.n_relations):
            name = counter.names_of[spelling * all + n + relation]
            if name >= 0:
                _count_list(counter, table, table.relation_bodies[name], -1, 0, -1, tally)
                _count_constants(counter, table, relation, name, tally)
    return 0


cdef int _count_constants(
    TableCounter counter, RuleTable table, uint64_t relation, int32_t name, Tally* tally
) except -1 nogil:
    """The bodies with a constant beside this relation, which the table calls `name`."""
    cdef uint64_t at, all = counter.graph.n_entities + counter.graph.n_relations
    cdef uint32_t key
    cdef int32_t constant
    cdef int direction, spelling, n = n_spellings(counter)
    cdef const CSR* rows
    for direction in range(2):
        rows = &counter.graph.rows[2 * relation + direction]
        for key in range(rows.n_keys):
            for spelling in range(n):
                constant = counter.names_of[spelling * all + rows.keys[key]]
                if constant >= 0:
                    at = constant_key(name, direction, constant)
                    _count_list(
                        counter, table, table.constant_bodies[at & table.constant_mask],
                        name, direction, constant, tally
                    )
    return 0


cdef int _count_list(
    TableCounter counter, RuleTable table, uint32_t first, int32_t relation, int direction, int32_t constant,
    Tally* tally
) except -1 nogil:
    """Counts the bodies of a list that have this key (relation -1: all of them)."""
    cdef uint32_t body, start
    cdef int32_t key_relation = -1, key_constant = -1
    cdef int key_direction = 0
    while first:
        body = first - 1
        first = table.next_body[body]
        if table.visited[body] == table.epoch:
            continue
        start = table.body_ends[body - 1] if body else 0
        if relation >= 0:
            find_key_atom(
                table.atoms + 3 * start, table.body_ends[body] - start,
                &key_relation, &key_direction, &key_constant
            )
            if (
                key_relation != relation or key_direction != direction
                or key_constant != constant
            ):
                continue
        table.visited[body] = table.epoch
        count_table_body(counter, table, body, start, tally)
        if counter.by_sets and not counter.keeps_violated and table.atoms[3 * start] >= 0:
            _count_reversal(counter, table, body, start, tally)
    return 0


cdef int _count_reversal(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t start, Tally* tally
) except -1 nogil:
    """Counts the body beside this one that may be the same chain from its other end.

    Its relations are the same: it is met anyway, but both are counted at once if they follow.
    """
    cdef uint32_t n = table.body_ends[body] - start, at
    cdef const int32_t* atoms = table.atoms + 3 * <size_t>start
    if 1 < n <= MOST_HELD_STEPS:
        at = table.body_ends[body]
        if body + 1 < table.n_bodies and _may_reverse(counter, table, body + 1, atoms, at, n):
            table.visited[body + 1] = table.epoch
            count_table_body(counter, table, body + 1, at, tally)
        elif body and start >= n and _may_reverse(counter, table, body - 1, atoms, start - n, n):
            table.visited[body - 1] = table.epoch
            count_table_body(counter, table, body - 1, start - n, tally)
    return 0


cdef bint _may_reverse(
    TableCounter counter, RuleTable table, uint32_t body, const int32_t* atoms, uint32_t start, uint32_t n
) noexcept nogil:
    """Whether a body that nobody met yet has `n` atoms from here on: these, from the last on."""
    cdef uint32_t i, begin = table.body_ends[body - 1] if body else 0
    cdef const int32_t* others = table.atoms + 3 * <size_t>start
    if (
        table.visited[body] == table.epoch or begin != start
        or table.body_ends[body] != start + n
    ):
        return False
    for i in range(n):
        if others[3 * i] != atoms[3 * (n - 1 - i)] or others[3 * i] < 0 or (
            min(others[3 * i + 1], others[3 * i + 2]) < 0
        ):
            return False
    return True
