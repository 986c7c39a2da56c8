"""What becomes of the rules of a table: one at a time, and of those whose bodies nothing can match.

Of these it tells why without a count: their names say it, or those of the relations that they need.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from pff_stream.report._record cimport (
    CONSTANT_ABSENT, FILTERED, N_COUNTS, NOTHING_MATCHES, PREDICTIONS, RELATION_ABSENT, VACUOUS,
)
from pff_stream.report._rows cimport Row
from pff_stream.rules._table cimport RuleTable


cdef void add_vacuous(TableCounter counter, uint8_t reason, uint32_t number, Tally* tally) noexcept nogil:
    tally.outcomes[VACUOUS] += number
    tally.reasons[reason] += number


cdef uint8_t why_absent(
    TableCounter counter, RuleTable table, uint32_t start, uint32_t end
) noexcept nogil:
    """Why atoms match nothing, as `resolve_body` has it."""
    cdef uint32_t atom
    cdef int side
    cdef int32_t term
    for atom in range(start, end):
        if table.atoms[3 * atom] < 0:
            end = atom                    # inequalities are behind
            break
        if table.relation_ids[table.atoms[3 * atom]] < 0:
            return RELATION_ABSENT
    for atom in range(start, end):
        for side in range(1, 3):
            term = table.atoms[3 * atom + side]
            if term < 0 and table.entity_ids[-1 - term] < 0:
                return CONSTANT_ABSENT
    return NOTHING_MATCHES


cdef int tally_rule(
    TableCounter counter, RuleTable table, uint32_t rule, uint8_t outcome, uint8_t reason,
    const int64_t* counts, Tally* tally
) except -1 nogil:
    """Counts a rule (place in the table); `counts` NULL: none of its predictions."""
    cdef Row row
    cdef int i
    cdef int32_t relation
    if table.filtered[rule]:
        outcome, reason, counts = FILTERED, table.filtered[rule], NULL
    tally.outcomes[outcome] += 1
    tally.reasons[reason] += 1
    if counts != NULL:
        for i in range(N_COUNTS):
            tally.sums[i] += counts[i]
    if counter.rows is None:
        return 0
    memset(&row, 0, sizeof(Row))
    row.source = table.sources[rule]
    row.outcome = outcome
    row.reason = reason
    relation = table.relation_ids[table.heads[3 * rule]]
    if outcome != FILTERED and relation >= 0:
        row.facts = counter.graph.rows[2 * relation].n_edges
    if counts != NULL:
        memcpy(row.counts, counts, sizeof(row.counts))
    if outcome == FILTERED or row.facts or row.counts[PREDICTIONS]:
        return counter.rows.add(&row)
    return 0


cdef bint is_left_out(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t start, Tally* tally
) except -1 nogil:
    """Whether no rule of the body is to be counted; tells of them then."""
    cdef uint32_t first = table.rule_ends[body - 1] if body else 0
    cdef Py_ssize_t rule, n = table.rule_ends[body] - first
    cdef uint32_t atom
    for rule in range(n):
        if not table.filtered[first + rule]:
            break
    else:
        for rule in range(n):             # filtered, all of them
            tally_rule(counter, table, <uint32_t>(first + rule), FILTERED, 0, NULL, tally)
        return True
    for atom in range(start, table.body_ends[body]):
        if table.atoms[3 * atom] < 0:
            break
        if table.relation_ids[table.atoms[3 * atom]] < 0:
            for rule in range(n):
                tally_rule(
                    counter, table, <uint32_t>(first + rule), VACUOUS, RELATION_ABSENT, NULL, tally
                )
            return True
    return False


cdef int count_others(TableCounter counter, RuleTable table, Tally* tally) except -1 nogil:
    """Bodies of which no key is in the graph: why, their names tell."""
    cdef uint32_t body, start = 0, rule = 0, end
    cdef uint8_t reason
    for body in range(table.n_bodies):
        end = table.body_ends[body]
        if table.visited[body] != table.epoch:
            reason = why_absent(counter, table, start, end)
            while rule < table.rule_ends[body]:
                tally_rule(counter, table, rule, VACUOUS, reason, NULL, tally)
                rule += 1
        rule = table.rule_ends[body]
        start = end
    return 0


cdef int count_sets(TableCounter counter, RuleTable table, Tally* tally) except -1 nogil:
    """The same of a table without filtered rules: of the relations that bodies need together."""
    cdef uint64_t i
    cdef uint32_t at, body, number, start = 0, first = 0, n_without
    cdef int32_t constant
    cdef bint is_there
    for i in range(table.n_sets):
        is_there = True
        for at in range(start, table.set_ends[i]):
            if table.relation_ids[table.set_relations[at]] < 0:
                is_there = False
                break
        start = table.set_ends[i]
        if is_there:
            n_without = table.set_rules[i]    # rules whose first constant is not there
            for at in range(first, table.set_body_ends[i]):
                constant = table.set_constants[at]
                if constant >= 0 and table.entity_ids[constant] < 0:
                    continue
                body = table.set_bodies[at]
                number = table.rule_ends[body] - (table.rule_ends[body - 1] if body else 0)
                n_without -= number
                if table.visited[body] != table.epoch:
                    add_vacuous(
                        counter, why_absent(
                            counter, table, table.body_ends[body - 1] if body else 0,
                            table.body_ends[body],
                        ),
                        number, tally,
                    )
            add_vacuous(counter, CONSTANT_ABSENT, n_without, tally)
        else:
            add_vacuous(counter, RELATION_ABSENT, table.set_rules[i], tally)
        first = table.set_body_ends[i]
    return 0
