"""The rules of a body of a table: counted, and what became of each; chains wait for others like them."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport realloc

from pff_stream.report._record cimport (
    CONSTANT_ABSENT, FILTERED, N_COUNTS, NOTHING_MATCHES, PREDICTIONS, RELATION_ABSENT, SUPPORT,
    UNKNOWN, VACUOUS, VIOLATED,
)
from pff_stream.rules._table cimport RuleTable, is_one_variable


cdef int count_table_body(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t start, Tally* tally
) except -1 nogil:
    cdef uint32_t first = table.rule_ends[body - 1] if body else 0, n_atoms
    cdef Py_ssize_t rule, n = table.rule_ends[body] - first
    cdef uint8_t reason
    if counter.by_sets:                      # no rule is filtered
        reason = why_absent(counter, table, start, table.body_ends[body])
        if reason == RELATION_ABSENT:     # its set tells of them
            return 0
        if reason == CONSTANT_ABSENT:
            add_vacuous(counter, reason, <uint32_t>n, tally)
            return 0
    elif is_left_out(counter, table, body, start, tally):
        return 0
    n_atoms = table.body_ends[body] - start
    if not atoms_join(&counter.joins, table.atoms + 3 * start, n_atoms, table.relation_ids):
        if counter.by_sets:
            add_vacuous(counter, NOTHING_MATCHES, <uint32_t>n, tally)
            return 0
        reason = why_absent(counter, table, start, table.body_ends[body])
        for rule in range(n):
            tally_rule(counter, table, <uint32_t>(first + rule), VACUOUS, reason, NULL, tally)
        return 0
    if counter.by_sets and not counter.keeps_violated:
        _count_rules_summed(counter, table, body, start, n_atoms, tally)
        return 0
    if count_one_by_one(counter, table, start, n_atoms, first, n):
        counter.count_body(table.atoms + 3 * start, n_atoms, 0, n)
    for rule in range(n):
        _settle_rule(counter, table, body, first, rule, tally)
    return 0


cdef int _count_rules_summed(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t start, uint32_t n_atoms, Tally* tally
) except -1 nogil:
    """Counts the rules of a body where no single one is asked for; chains wait for others."""
    cdef Py_ssize_t first, n
    if counter.n_waiting + (table.rule_ends[body] - (table.rule_ends[body - 1] if body else 0)) > (
        <Py_ssize_t>counter.rule_room
    ):
        settle_waiting(counter, tally)
    first = counter.n_waiting
    n = count_summed(counter, table, body, start, n_atoms, tally)
    counter.scratch.progress[0] += 1
    if n:
        counter.holds = True
        counter.n_waiting = first + n
        counter.count_body(table.atoms + 3 * start, n_atoms, first, first + n)
        counter.holds = False
    return 0


cdef void settle_waiting(TableCounter counter, Tally* tally) noexcept nogil:
    """Counts the chains that are held, and adds all rules that wait."""
    cdef Py_ssize_t rule
    if counter.n_waiting == 0:
        return
    count_held(counter)
    for rule in range(counter.n_waiting):
        if counter.predictions[rule] == 0 and counter.reasons[rule]:
            add_vacuous(counter, counter.reasons[rule], 1, tally)
        else:
            add_counted(
                tally, counter.predictions[rule], counter.support[rule], counter.unknown[rule],
                counter.partial, counter.heads[rule].relation >= 0, 1,
            )
    counter.n_waiting = 0


cdef int _settle_rule(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule, Tally* tally
) except -1 nogil:
    """What became of a rule that was counted."""
    cdef int64_t counts[N_COUNTS]
    cdef uint8_t outcome, reason
    counts[PREDICTIONS] = counter.predictions[rule]
    counts[SUPPORT] = counter.support[rule]
    counts[UNKNOWN] = counter.unknown[rule]
    outcome = outcome_of(
        counts[PREDICTIONS], counts[SUPPORT], counts[UNKNOWN], counter.partial,
        table.relation_ids[table.heads[3 * (first + rule)]] >= 0, &reason,
    )
    if counts[PREDICTIONS] == 0 and counter.reasons[rule]:
        reason = counter.reasons[rule]
    if outcome == VIOLATED and counter.keeps_violated and counter.outcomes[rule] != FILTERED:
        _keep_violated(counter, table, body, first, rule)
    return tally_rule(counter, table, <uint32_t>(first + rule), outcome, reason, counts, tally)


cdef int _keep_violated(
    TableCounter counter, RuleTable table, uint32_t body, uint32_t first, Py_ssize_t rule
) except -1 nogil:
    cdef const int32_t* head = table.heads + 3 * (first + rule)
    cdef TableViolated* violated
    cdef void* larger
    cdef size_t room
    if counter.n_violated == counter.violated_room:
        room = min(max(<size_t>256, 2 * <size_t>counter.violated_room), <size_t>table.n_rules)
        larger = realloc(counter.violated, room * sizeof(TableViolated))
        if larger == NULL:
            with gil:
                raise MemoryError
        counter.violated = <TableViolated*>larger
        counter.violated_room = <uint32_t>room
    violated = &counter.violated[counter.n_violated]
    violated.row = first + <uint32_t>rule
    violated.body = body
    violated.source = table.sources[violated.row]
    violated.by_object = (
        head[1] < 0 if is_one_variable(head) else counter.heads[rule].place != 0
    )
    violated.violations = counter.violations_of(rule)
    violated.counts[PREDICTIONS] = counter.predictions[rule]
    violated.counts[SUPPORT] = counter.support[rule]
    violated.counts[UNKNOWN] = counter.unknown[rule]
    counter.n_violated += 1
    return 0
